"""
`on`, `local`, `off`: what a person says about one application, or about all of them.

What was said is written first and judged afterwards: a no must not depend on anything
else being in order. Then the table is asked what holds now, and whoever typed the command
hears when that is not what they said.
"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from ..application import SOME_RELEASE, Application
from ..config import Config, Mode, load_config, read_mode, write_mode
from ..errors import ConfigError
from ..installation import find_operators_endpoint
from ..privacy import Stream, Switches
from ._command import Command, CommandFailed, Console, WrongUse

__all__ = ["COMMANDS"]

# What lifts each row of the switch table; the reason itself names the file or variable.
_MEND_OF_ROW = {
    1: "unset it",
    2: "unset it",
    3: "unset it, or set it to 1",
    4: 'run "{prog} on" without --app',
    5: "change that line",
    7: "unset PYTEST_VERSION",
}
_OTHER_MEND = "change that first"


class _Verdict(NamedTuple):
    """What holds now: the mode, why, by which row (None: not known), and where the operator's events go."""

    mode: str
    reason: str
    row: int | None
    operator_endpoint: str | None = None


class _Subject(NamedTuple):
    """Who is spoken about: *name* for people, *app* for machines, the files, and the way to a verdict."""

    name: str
    app: str | None
    settings_path: str
    state_path: str
    person_path: str
    judge: Callable[[], _Verdict]

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
    record = write_mode(subject.mode_path, mode, clock=time.time)
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
            }
        )
    else:
        console.say(f"{subject.name}: {mode} since {record.since or 'long ago'} ({subject.mode_path})")
    _say_what_else_holds(mode, verdict, console)
    return 0


def _say_what_else_holds(said: Mode, verdict: _Verdict, console: Console) -> None:
    """Raise when more leaves than was said, or a yes came to nothing; note what is merely worth knowing."""
    if (said is Mode.ON) != (verdict.mode == Mode.ON):
        mend = _MEND_OF_ROW.get(verdict.row or 0, _OTHER_MEND).format(prog=console.prog)
        msg = f"{said} is written, but {verdict.mode} still holds ({verdict.reason}); {mend}"
        raise CommandFailed(msg)
    if said is Mode.LOCAL and verdict.mode == Mode.OFF:
        console.note(f"note: nothing is counted on this machine either ({verdict.reason})")
    if said is not Mode.ON and verdict.operator_endpoint is not None:
        console.note(
            f"note: events still go to the operator's endpoint {verdict.operator_endpoint}; "
            "to stop them, set enabled = false in [proxy.telemetry] of telemetry.toml"
        )


# -- who is spoken about ------------------------------------------------------------------


def _subject(args: argparse.Namespace, console: Console) -> _Subject:
    telemetry = getattr(args, "telemetry", None)
    if telemetry is not None:
        return _running_application(telemetry)
    if args.app is None and args.data_dir is not None:
        msg = "--data-dir belongs to one application; name it with --app"
        raise WrongUse(msg)
    try:
        application = None if args.app is None else Application(args.app)
    except ValueError as error:
        raise WrongUse(str(error)) from None
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
        judge=functools.partial(_judge, switches, application, console),
    )


def _judge(switches: Switches, application: Application | None, console: Console) -> _Verdict:
    decision = switches.decide(Stream.HEARTBEAT)
    endpoint = None
    if application is not None and switches.decide(Stream.OPERATOR_EVENTS).may_send:
        try:
            config = load_config(switches.config_path)
        except ConfigError:
            config = Config()
        found = find_operators_endpoint(application, console.environ, config)
        endpoint = None if found is None else found.endpoint
    return _Verdict(str(decision.mode), decision.reason, decision.row, _without_credentials(endpoint))


def _running_application(telemetry: Any) -> _Subject:  # noqa: ANN401  a Telemetry, or its silent twin
    status = telemetry.status()
    files = status["files"]
    return _Subject(
        name=status["app"],
        app=status["app"],
        settings_path=files["settings"],
        state_path=files["mode"],
        person_path=files["person"],
        judge=lambda: _verdict_of_status(telemetry.status()),
    )


def _verdict_of_status(status: dict[str, Any]) -> _Verdict:
    events = status.get("events") or {}
    is_operators = events.get("owner") == "operator" and events.get("mode") == Mode.ON
    endpoint = _without_credentials(events.get("endpoint")) if is_operators else None
    return _Verdict(status["mode"], status["reason"], status.get("row"), endpoint)


def _without_credentials(endpoint: str | None) -> str | None:
    """Return *endpoint* without what stands before an @ in it, or behind its path."""
    if endpoint is None:
        return None
    scheme, separator, rest = endpoint.partition("://")
    host, slash, path = rest.partition("/")
    shown = f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}" if separator else endpoint
    return shown.split("?")[0].split("#")[0]


COMMANDS: tuple[Command, ...] = (
    Command("on", "let telemetry be sent again, from now on", functools.partial(_run, Mode.ON), aliases=("enable",)),
    Command("local", "count on this machine and send nothing", functools.partial(_run, Mode.LOCAL)),
    Command("off", "count nothing and send nothing", functools.partial(_run, Mode.OFF), aliases=("disable",)),
)
