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
from ._document import BrokenFile, read_document
from ._misspelt import is_misspelt

if TYPE_CHECKING:
    from datetime import datetime

__all__ = [
    "PERSON_FILE",
    "STATE_FILE",
    "Mode",
    "ModeRecord",
    "ModeWord",
    "person_directory",
    "read_mode",
    "write_mode",
]

PERSON_FILE = "person.toml"
"""The name of the person-wide file, in `person_directory`."""
STATE_FILE = "telemetry-state.toml"
"""The name of an application's mode file, in its data directory."""

_SINCE_MAX_CHARACTERS = 64
_EVENTS_ON, _EVENTS_OFF = "on", "off"
_EVENTS_MAX_CHARACTERS = 16
_MOMENT_CHARACTERS = frozenset("0123456789-:.+TZ")  # what somebody else wrote by hand is not written again
_EVENTS_SINCE = "everything_since"  # after the command: `off --everything`
_KEYS = frozenset({"mode", "since", "events", _EVENTS_SINCE})


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

    *doubt* is ``""``, or why the file reads as off although it does not say so. *events* is
    the word about the events of all owners, which only the person-wide file holds; anything
    but ``"on"`` refuses them. *events_since* is when that word was last another one, ``""`` when it never was.
    """

    mode: Mode
    since: str
    doubt: str = ""
    events: str = "on"
    events_since: str = ""

    @property
    def has_events(self) -> bool:
        """Whether the file leaves events to their own switches."""
        return self.events == _EVENTS_ON

    @property
    def generation(self) -> str:
        """
        What names the time since this was said.

        The commands write another *since* with each change; whoever edits the file by hand
        may not, so the words stand beside it when they are not the plain yes.
        """
        said = "" if self.mode is Mode.ON and self.since else str(self.mode)
        events = "" if self.has_events else f"events {self.events}"
        return " ".join(part for part in (self.since, said, events) if part)

    @property
    def events_generation(self) -> str:
        """The same for what binds the events of all owners: a mode does not, so its *since* is not in it."""
        return " ".join(part for part in (self.events_since, "" if self.has_events else self.events) if part)


def person_directory(environ: Mapping[str, str]) -> str:
    """Return the directory of the person-wide file, ``""`` when there is no home directory."""
    home = home_directory(environ)
    return os.path.join(home, ".mcptelemetry") if home else ""


def read_mode(path: str) -> ModeRecord | None:
    """
    Return what the mode file at *path* says, or None when there is none.

    A mode that is missing, misspelt or not known reads as off, and so does the word about
    events. Raises `ConfigError` when the file
    cannot be read, is empty or is not TOML: then nobody knows what was said.
    """
    document = read_document(path) if path else None
    if document is None:
        return None
    from datetime import datetime  # the TOML reader has loaded it

    moments = []
    for name in ("since", _EVENTS_SINCE):
        moment = document.tables.get(name, "")
        if isinstance(moment, datetime):  # written by hand, without quotes
            moment = moment.isoformat()
        if not isinstance(moment, str) or len(moment) > _SINCE_MAX_CHARACTERS:
            raise document.error("", name, "must be a date and time such as 2026-01-31T12:00:00Z")
        moments.append(moment)
    since, events_since = moments
    events = _events_word(document.tables)
    word = document.tables.get("mode")
    mode = Mode.read(word)
    misspelt = next((name for name in document.tables if name not in _KEYS and is_misspelt(name, "mode", "enabled")), None)
    if misspelt is not None:
        said = f"{misspelt[:60]!r} is a misspelt switch, which reads as off,"
    elif word == mode.value:
        return ModeRecord(mode, since, events=events, events_since=events_since)
    else:
        said = "no mode is written" if word is None else f"mode {str(word)[:40]!r} is not known"
    return ModeRecord(Mode.OFF, since, f"{said} in {path}", events, events_since)


def _events_word(tables: Mapping[str, object]) -> str:
    """Return what *tables* say about events: the word itself, off when it is no word or misspelt."""
    said = tables.get("events", _EVENTS_ON)
    is_misspelt_word = any(name not in _KEYS and is_misspelt(name, "events") for name in tables)
    if is_misspelt_word or not isinstance(said, str):
        return _EVENTS_OFF
    return said[:_EVENTS_MAX_CHARACTERS]


def write_mode(
    path: str, mode: Mode | ModeWord, *, clock: Callable[[], float], refuse_events: bool = False
) -> ModeRecord:
    """
    Let the file at *path* say *mode* as of now, and return what it says.

    What it says already is left alone, its `since` too. With *refuse_events* it also refuses
    the events of all owners, which lasts until the next `Mode.ON`. *clock* gives Unix seconds. A file
    that cannot be understood is replaced: to say it again is the mend. Raises `ConfigError`
    when nothing can be written, and `ValueError` for a word that is no mode.
    """
    wanted = Mode(mode)
    if not path:
        msg = "there is no home directory to remember the mode in; set HOME, or name a directory"
        raise ConfigError(msg)
    is_known = True
    try:
        before = read_mode(path)
    except ConfigError as error:
        before, is_known = None, not (isinstance(error, BrokenFile) and error.mentions("events"))
        # Nobody knows what was said there about events: in doubt it stays a no.
        refuse_events = refuse_events or (wanted is not Mode.ON and not is_known)
    was_refusing = before is not None and not before.has_events
    events = _EVENTS_OFF if wanted is not Mode.ON and (refuse_events or was_refusing) else _EVENTS_ON
    if before is not None and before.since and before[:4] == ModeRecord(wanted, before.since, events=events)[:4]:
        return before
    since = _since(clock(), before)
    is_same_word = is_known and events == (_EVENTS_ON if before is None else before.events)
    events_since = "" if before is None else before.events_since
    if not is_same_word or not _MOMENT_CHARACTERS.issuperset(events_since):
        events_since = since
    record = ModeRecord(wanted, since, events=events, events_since=events_since)
    # The mode comes first: a file that is cut off after it still says the same.
    words = {"mode": record.mode.value, "events": record.events, "since": record.since, _EVENTS_SINCE: record.events_since}
    if record.has_events:
        del words["events"]
    if not record.events_since:
        del words[_EVENTS_SINCE]
    content = _as_toml(words)
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


def _as_toml(words: dict[str, str]) -> str:
    """Return *words*, none of which needs an escape, as TOML."""
    try:
        from tomli_w import dumps  # only the commands write
    except ModuleNotFoundError:
        # A vendored copy may lack it, and a no does not wait until somebody installs a package.
        return "".join(f'{name} = "{word}"\n' for name, word in words.items())
    return dumps(words)


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
    except (ValueError, OverflowError, IndexError):  # PyPy counts on ten characters
        return None
