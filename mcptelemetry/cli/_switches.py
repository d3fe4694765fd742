"""
`on`, `local`, `off`: what a person says about one application, or about all of them.

What was said is written first and judged afterwards: a no must not depend on anything
else being in order. Then the table is asked what holds now, and whoever typed the command
hears when that is not what they said.
"""

from __future__ import annotations

import argparse
import functools
import os
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from ..application import SOME_RELEASE, Application
from ..config import Mode, load_config, read_mode, write_mode
from ..privacy import Stream, Switches
from ._applications import find_applications, note_if_unknown
from ._command import Command, CommandFailed, Console, WrongUse
from ._spools import erase_refused
from ._streams import LeavingStream, find_leaving_streams, leaving_streams

__all__ = ["COMMANDS"]

# What lifts each row of the switch table; the reason itself names the file or variable.
_MEND_OF_ROW = {
    1: "unset it",
    2: "unset it",
    3: "unset it, or set it to 1",
    4: "{lift_person}",
    5: "change that line",
    7: "unset PYTEST_VERSION, PYTEST_CURRENT_TEST and PYTEST_XDIST_WORKER",
}
_OTHER_MEND = "change that first"


class _Standing(NamedTuple):
    """What holds now: the mode, why, by which row (None: not known), and what leaves all the same."""

    mode: str
    reason: str
    row: int | None
    leaving: tuple[LeavingStream, ...] = ()


class _Subject(NamedTuple):
    """
    Who is spoken about: *name* for people, *app* for machines, the files, and the way to a verdict.

    *lift_person* is what takes the person-wide word back, from the command line at hand.
    """

    name: str
    app: str | None
    settings_path: str
    state_path: str
    person_path: str
    lift_person: str
    judge: Callable[[], _Standing]

    @property
    def mode_path(self) -> str:
        """The file in which a mode is written: the application's, or the person-wide one."""
        return self.person_path if self.app is None else self.state_path


def _run(mode: Mode, args: argparse.Namespace, console: Console) -> int:
    subject = _subject(args, console)
    if mode is Mode.ON and subject.app is not None:
        # A file that nobody can read may hold a refusal, and a yes here cannot lift it.
        load_config(subject.settings_path)
        read_mode(subject.person_path)
    everything = mode is Mode.OFF and args.everything
    record = write_mode(subject.mode_path, mode, clock=time.time, refuse_events=everything)
    erase_refused(_data_dirs(subject, console), mode, console, everything=not record.has_events)
    verdict = subject.judge()
    if args.json:
        console.say_json(
            {
                "app": subject.app,
                "said": str(mode),
                "since": record.since,
                "file": subject.mode_path,
                "mode": verdict.mode,
                "reason": verdict.reason,
                **({"still_leaves": [stream._asdict() for stream in verdict.leaving]} if verdict.leaving else {}),
            }
        )
    else:
        said = f"{mode}, and no events of anybody's," if not record.has_events else str(mode)
        console.say(f"{subject.name}: {said} since {record.since or 'long ago'} ({subject.mode_path})")
    _say_what_else_holds(mode, verdict, subject, console)
    return 0


def _data_dirs(subject: _Subject, console: Console) -> list[str]:
    """Return where the files of those are who are spoken about."""
    if subject.app is not None:
        return [os.path.dirname(subject.state_path)]
    return [application.data_directory(console.environ) for application in find_applications(console.environ)]


def _say_what_else_holds(said: Mode, verdict: _Standing, subject: _Subject, console: Console) -> None:
    """Raise when more leaves than was said, or a yes came to nothing; note what is merely worth knowing."""
    if (said is Mode.ON) != (verdict.mode == Mode.ON):
        mend = _MEND_OF_ROW.get(verdict.row or 0, _OTHER_MEND).format(lift_person=subject.lift_person)
        msg = f"{said} is written, but {verdict.mode} still holds ({verdict.reason}); {mend}"
        raise CommandFailed(msg)
    if said is Mode.LOCAL and verdict.mode == Mode.OFF:
        console.note(f"note: nothing is counted on this machine either ({verdict.reason})")
    for stream in verdict.leaving if said is not Mode.ON else ():
        console.note(f"note: {stream.describe(console.prog)}")


# -- who is spoken about ------------------------------------------------------------------


def _subject(args: argparse.Namespace, console: Console) -> _Subject:
    telemetry = getattr(args, "telemetry", None)
    everything = getattr(args, "everything", False)
    if everything and telemetry is None and (args.app is not None or args.data_dir is not None):
        msg = "--everything is said for all applications; leave --app and --data-dir out"
        raise WrongUse(msg)
    if telemetry is not None and not everything:
        return _running_application(telemetry)
    if args.app is None and args.data_dir is not None:
        msg = "--data-dir belongs to one application; name it with --app"
        raise WrongUse(msg)
    try:
        application = None if args.app is None or everything else Application(args.app)
    except ValueError as error:
        raise WrongUse(str(error)) from None
    if application is not None:
        note_if_unknown(application, args.data_dir, console)
    # The application's version is not known here, and what was written stands before its row.
    switches = Switches(
        application, environ=console.environ, data_dir=args.data_dir, version=SOME_RELEASE, is_under_test=False
    )
    return _Subject(
        name="all applications" if application is None else application.name,
        app=None if application is None else application.name,
        settings_path=switches.config_path,
        state_path=switches.state_path,
        person_path=switches.person_path,
        lift_person=f'run "{console.prog} on" without --app',
        judge=functools.partial(_judge, switches, application, console, args.data_dir),
    )


def _judge(
    switches: Switches, application: Application | None, console: Console, data_dir: str | None
) -> _Standing:
    decision = switches.decide(Stream.HEARTBEAT)
    if application is None:
        leaving = tuple(find_leaving_streams(console.environ))
    else:
        leaving = tuple(leaving_streams(application, console.environ, data_dir))
    return _Standing(str(decision.mode), decision.reason, decision.row, leaving)


def _running_application(telemetry: Any) -> _Subject:  # a Telemetry, or its silent twin
    status = telemetry.status()
    files = status["files"]
    return _Subject(
        name=status["app"],
        app=status["app"],
        settings_path=files["settings"],
        state_path=files["mode"],
        person_path=files["person"],
        # This command line speaks about its own application only, and there may be no other.
        lift_person=f'write mode = "on" and events = "on" into {files["person"]}',
        judge=lambda: _verdict_of_running(telemetry),
    )


def _verdict_of_running(telemetry: Any) -> _Standing:
    status = telemetry.status()
    directory = os.path.dirname(status["files"]["settings"])
    leaving = tuple(leaving_streams(Application(status["app"]), telemetry.environ, directory))
    return _Standing(status["mode"], status["reason"], status.get("row"), leaving)


def _add_everything(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--everything",
        action="store_true",
        help="refuse the events of every owner too, for all applications, until the next on",
    )


COMMANDS: tuple[Command, ...] = (
    Command("on", "let telemetry be sent again, from now on", functools.partial(_run, Mode.ON), aliases=("enable",)),
    Command("local", "count on this machine and send nothing", functools.partial(_run, Mode.LOCAL)),
    Command(
        "off",
        "count nothing and send nothing",
        functools.partial(_run, Mode.OFF),
        configure=_add_everything,
        aliases=("disable",),
    ),
)
