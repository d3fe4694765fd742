"""
The first-run notice: said once to each installation, before anything may leave.

It is claimed, then shown, then remembered: a store that cannot hold the mark never gets as
far as showing it, and of fifty processes that start at once one shows it, without any of
them holding the database while a person's terminal or an author's sink takes its time.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple, Optional, Protocol, TextIO, Union

from ..config import CONFIG_FILE
from ..system import module_command, quoted
from ..vocabulary import DAY_SECS

if TYPE_CHECKING:
    from ..application import Application
    from ..state import Memory, NoticeMark

__all__ = [
    "FirstRunNotice",
    "HasNotice",
    "NoticeSink",
    "first_heartbeat_at",
    "has_been_noticed",
    "maybe_print_first_run_notice",
    "notice_text",
    "notice_wait_secs",
    "off_command",
]

NoticeSink = Callable[[str], bool]
"""What an author gives to show the notice: takes the text, returns True when it was shown."""

_DELAY_SECS_AFTER = {"terminal": 300.0, "sink": 300.0, "stderr": DAY_SECS}
_PACKAGE = __name__.rpartition(".privacy.")[0]
_PACKAGE_FILE = os.path.join(os.path.dirname(os.path.dirname(__file__)), "__init__.py")


class FirstRunNotice(NamedTuple):
    """
    What the notice of an application is about, and how it may be shown.

    *heartbeat_endpoint* and *events_endpoint* are where the person's data would go, None
    when that stream does not exist or needs no notice. *sink* and *command* are the author's,
    or None. *data_dir* is given when it is not the usual one. *may_show* is asked at the last
    moment whether anything is on at all.
    """

    application: Application
    memory: Memory
    heartbeat_endpoint: Optional[str]
    events_endpoint: Optional[str]
    sink: Optional[NoticeSink]
    command: Optional[str]
    data_dir: Optional[str]
    may_show: Callable[[], bool]

    @property
    def destinations(self) -> frozenset[str]:
        """The endpoints that the notice names."""
        return frozenset(endpoint for endpoint in (self.heartbeat_endpoint, self.events_endpoint) if endpoint)

    @property
    def text(self) -> str:
        """The notice itself."""
        return notice_text(
            self.application,
            heartbeat_endpoint=self.heartbeat_endpoint,
            events_endpoint=self.events_endpoint,
            command=self.command or off_command(self.application, self.data_dir),
            settings_path=_typable_settings_path(self.application, self.data_dir),
        )


class HasNotice(Protocol):
    """A `Telemetry` or heartbeat service."""

    def first_run_notice(self) -> FirstRunNotice | None:
        """Return what has to be said before anything leaves, None when nothing has."""
        ...


def maybe_print_first_run_notice(
    telemetry_or_service: Union[HasNotice, FirstRunNotice], stream: TextIO | None = None
) -> bool:
    """
    Show the notice if it is due, and return whether it was shown by this call.

    It is due once in an installation, and again when an endpoint is added that it did not
    name; never when telemetry is off, and then it is not marked as shown either. It goes to
    the author's sink, else to *stream* (default: `sys.stderr`; standard output belongs to
    the MCP protocol). A sink that raises or returns anything but True, a closed stream and
    a store that cannot hold the mark all mean: not shown. Raises nothing.
    """
    notice: FirstRunNotice | None
    if isinstance(telemetry_or_service, FirstRunNotice):
        notice = telemetry_or_service
    else:
        notice = telemetry_or_service.first_run_notice()
    if notice is None or not notice.destinations or not notice.may_show():
        return False
    if has_been_noticed(notice.memory.look().notice, notice.destinations):
        return False  # the usual case writes nothing
    if notice.memory.claim_notice(notice.destinations) is not True:
        return False
    how = _show(notice.text, notice.sink, stream)
    if how is None:
        notice.memory.release_notice()
        return False
    return notice.memory.mark_notice(how, notice.destinations)


def has_been_noticed(mark: NoticeMark | None, destinations: Iterable[str]) -> bool:
    """Return whether *mark* says that a notice naming all *destinations* was shown."""
    return mark is not None and frozenset(destinations) <= mark.destinations


def first_heartbeat_at(mark: NoticeMark | None) -> float | None:
    """
    Return when, in Unix seconds, the first heartbeat may leave, None before the notice was shown.

    Five minutes after a terminal or the author's sink took it; a day when it went to a
    stream that hosts of MCP servers are known to hide.
    """
    return None if mark is None else mark.shown_at + _DELAY_SECS_AFTER[mark.how]


def notice_wait_secs(mark: NoticeMark | None, now: float) -> float | None:
    """
    Return the seconds until something may leave at *now* (Unix seconds), None before the notice was shown.

    In the process that showed it the delay is kept by the monotonic clock too: a clock that is
    set shortens nothing.
    """
    first_at = first_heartbeat_at(mark)
    if mark is None or first_at is None:
        return None
    left = first_at - now
    if mark.shown_secs_ago is not None:
        left = max(left, _DELAY_SECS_AFTER[mark.how] - mark.shown_secs_ago)
    return max(0.0, left)


def notice_text(
    application: Application,
    *,
    heartbeat_endpoint: str | None,
    events_endpoint: str | None,
    command: str | None,
    settings_path: str | None = None,
) -> str:
    """
    Return the notice, plain ASCII, lines of at most about a hundred characters, with a line end.

    Without a *command* that works it says what to write into *settings_path*, None: a variable is
    the only way.
    """
    name = application.name
    lines = [f"{name} reports how it is used. There is no place in it for arguments, results, error texts or file names."]
    if heartbeat_endpoint:
        lines += [
            "- Once a day: counters, versions, the kind of system, the names of its own tools and the like,",
            f"  and a random id, to {heartbeat_endpoint}",
        ]
    if events_endpoint:
        lines += [
            "- For each tool call: the tool's name, where it went, how it ended, its duration and time, and",
            f"  the client's name, to {events_endpoint}",
        ]
    variables = f"set {application.switch_variable}=off or DO_NOT_TRACK=1 in its environment."
    if command is not None:
        lines += [f"To switch it off: {command}", f"or {variables}"]
    elif settings_path is not None:
        lines += [
            f"To switch it off, write the line enabled = false below the line [telemetry] in {settings_path}",
            f"or {variables}",
        ]
    else:
        lines.append(f"To switch it off, {variables}")
    text = "\n".join(lines) + "\n"
    # Neither a terminal's encoding nor a control character in a path may spoil it.
    return "".join(
        character if character == "\n" or (character.isascii() and character.isprintable()) else _escaped(character)
        for character in text
    )


def off_command(application: Application, data_dir: str | None = None) -> str | None:
    """
    Return the command that switches *application* off, by the interpreter that runs now.

    None where no such command works from any shell: in a frozen application, in an archive, in
    a program that embeds Python, for a package that only this process can find. With a
    *data_dir* that is not the usual one it names it, or the refusal would be written where
    nobody looks; one that cannot be typed in ASCII is avoided by a refusal for all.
    """
    command = module_command(_PACKAGE, _PACKAGE_FILE)
    if command is None or not command.isascii():  # the notice is ASCII, and would spoil the path
        return None
    if data_dir is None:
        return f"{command} --app {application.name} off"
    place = quoted(data_dir)
    if place is not None and place.isascii():
        return f"{command} --app {application.name} --data-dir {place} off"
    return f"{command} off"


def _typable_settings_path(application: Application, data_dir: str | None) -> str | None:
    """Return where the person may write a no by hand, None when the notice cannot show the path."""
    if data_dir is None:
        return f"~/.{application.name}/{CONFIG_FILE}"
    path = os.path.join(data_dir, CONFIG_FILE)
    return path if data_dir and path.isascii() and path.isprintable() else None


def _escaped(character: str) -> str:
    return character.encode("ascii", "backslashreplace").decode("ascii") if not character.isascii() else "?"


def _show(text: str, sink: NoticeSink | None, stream: TextIO | None) -> str | None:
    """Show *text* and return how, None when it could not be."""
    try:
        if sink is not None:
            return "sink" if sink(text) is True else None
        stream = sys.stderr if stream is None else stream
        if stream is None:  # closed when the process was started
            return None
        stream.write(text)
        stream.flush()
        return "terminal" if stream.isatty() else "stderr"
    except Exception:  # noqa: BLE001  an author's code, or a descriptor that is gone
        return None
