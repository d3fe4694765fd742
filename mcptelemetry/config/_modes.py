"""
The mode files: what a person said with `on`, `local` and `off`, and since when.

`since` is more than a date: it names the generation under which something was counted.
Two modes never carry the same one, so what was kept before a no can be told from what
came after the next yes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

from ..application import home_directory
from ..errors import ConfigError
from ..system import write_atomically
from ..vocabulary import Word
from ._document import read_document

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["PERSON_FILE", "STATE_FILE", "Mode", "ModeRecord", "ModeWord", "person_directory", "read_mode", "write_mode"]

PERSON_FILE = "person.toml"
"""The name of the person-wide file, in `person_directory`."""
STATE_FILE = "telemetry-state.toml"
"""The name of an application's mode file, in its data directory."""

_SINCE_MAX_CHARACTERS = 64


class Mode(Word):
    """Send; count and show on this machine but send nothing; nothing at all."""

    ON = "on"
    LOCAL = "local"
    OFF = "off"

    @classmethod
    def read(cls, word: object) -> Mode:
        """Return the mode that *word* names; one that is not known reads as `OFF`."""
        return _MODE_OF_WORD.get(word, cls.OFF) if isinstance(word, str) else cls.OFF


ModeWord = Literal["on", "local", "off"]
"""The words of `Mode`."""

_MODE_OF_WORD: dict[str, Mode] = {mode.value: mode for mode in Mode}


class ModeRecord(NamedTuple):
    """
    What a mode file says: the *mode*, and *since* when (RFC 3339; ``""`` when it does not say).

    *doubt* is ``""``, or why the file reads as off although it does not say so.
    """

    mode: Mode
    since: str
    doubt: str = ""


def person_directory(environ: Mapping[str, str]) -> str:
    """Return the directory of the person-wide file, ``""`` when there is no home directory."""
    home = home_directory(environ)
    return os.path.join(home, ".mcptelemetry") if home else ""


def read_mode(path: str) -> ModeRecord | None:
    """
    Return what the mode file at *path* says, or None when there is none.

    A mode that is missing or not known reads as off. Raises `ConfigError` when the file
    cannot be read, is empty or is not TOML: then nobody knows what was said.
    """
    document = read_document(path) if path else None
    if document is None:
        return None
    from datetime import datetime  # the TOML reader has loaded it

    since = document.tables.get("since", "")
    if isinstance(since, datetime):  # written by hand, without quotes
        since = since.isoformat()
    if not isinstance(since, str) or len(since) > _SINCE_MAX_CHARACTERS:
        raise document.error("", "since", "must be a date and time such as 2026-01-31T12:00:00Z")
    word = document.tables.get("mode")
    mode = Mode.read(word)
    if word == mode.value:
        return ModeRecord(mode, since)
    said = "no mode is written" if word is None else f"mode {str(word)[:40]!r} is not known"
    return ModeRecord(mode, since, f"{said} in {path}")


def write_mode(path: str, mode: Mode | ModeWord, *, clock: Callable[[], float]) -> ModeRecord:
    """
    Let the file at *path* say *mode* as of now, and return what it says.

    What it says already is left alone, its `since` too. *clock* gives Unix seconds. A file
    that cannot be understood is replaced: to say it again is the mend. Raises `ConfigError`
    when nothing can be written, and `ValueError` for a word that is no mode.
    """
    wanted = Mode(mode)
    if not path:
        msg = "there is no home directory to remember the mode in; set HOME, or name a directory"
        raise ConfigError(msg)
    try:
        before = read_mode(path)
    except ConfigError:
        before = None
    if before is not None and before.mode is wanted and before.since and not before.doubt:
        return before
    record = ModeRecord(wanted, _since(clock(), before))
    import tomli_w  # noqa: PLC0415  only the commands write

    # The mode comes first: a file that is cut off after it still says the same.
    content = tomli_w.dumps({"mode": record.mode.value, "since": record.since})
    try:
        write_atomically(path, content.encode())
    except OSError as error:
        trouble = error.strerror or str(error)
        msg = (
            f"{path}: cannot be written ({trouble}); make room there and let yourself write, "
            "or set DO_NOT_TRACK=1 meanwhile"
        )
        raise ConfigError(msg) from None
    return record


def _since(now_secs: float, before: ModeRecord | None) -> str:
    """Return the moment as text, later than the one *before* even when the clock stands or was set back."""
    from datetime import datetime, timedelta, timezone

    epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
    moment = epoch + timedelta(microseconds=round(now_secs * 1_000_000))
    last = _moment_of(before.since) if before is not None else None
    if last is not None and last >= moment:
        moment = last + timedelta(microseconds=1)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _moment_of(since: str) -> datetime | None:
    """Return the moment that *since* names, None when it names none that can be counted on from."""
    from datetime import datetime, timezone

    try:
        moment = datetime.fromisoformat(since.replace("Z", "+00:00"))
        in_reach = moment.tzinfo is not None and moment.year < 9999  # the last year there is
        return moment.astimezone(timezone.utc) if in_reach else None
    except (ValueError, OverflowError):
        return None
