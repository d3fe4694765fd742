"""
`status`: whether anything may leave, what decides that, and where everything lies.

The mapping of `Telemetry.status()` is the contract and `--json` prints it as it is; the
lines for a person are only its rendering, and what they do not know they print all the same.
A file that nobody can understand is told twice: in the status, and as an error.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

from ..application import SOME_RELEASE, Application
from ..config import load_config, read_mode
from ..privacy import Stream, Switches
from ..system import printable
from ._applications import find_applications
from ._command import Command, Console
from ._deliveries import describe_delivery
from ._subject import is_person_wide, telemetry_for

__all__ = ["COMMANDS"]

_DEFAULT_ROW = 8  # nobody said anything


def _run_status(args: argparse.Namespace, console: Console) -> int:
    status: dict[str, Any] = (
        _status_of_person(console) if is_person_wide(args) else {**telemetry_for(args, console).status()}
    )
    if status.get("version", "") is None and status["row"] == _DEFAULT_ROW:
        status["reason"] = "nobody said no; what the application itself says is known after its first start"
    if args.json:
        console.say_json(status)
    else:
        for line in _lines(status):
            console.say(line)
    files = status["files"]
    # Raises for what cannot be understood: telemetry is off because of it, and that wants mending.
    for warning in load_config(files.get("settings", "")).warnings:
        console.note(f"warning: {warning}")
    for name in ("mode", "person"):
        read_mode(files.get(name, ""))
    return 0


def _status_of_person(console: Console) -> dict[str, Any]:
    switches = _switches_of(None, console)
    decision = switches.decide(Stream.HEARTBEAT)
    is_said = decision.row < _DEFAULT_ROW
    of_each = {
        application.name: _switches_of(application, console).decide(Stream.HEARTBEAT)
        for application in find_applications(console.environ)
    }
    return {
        "app": None,
        "mode": str(decision.mode),
        "reason": decision.reason if is_said else "nothing is said for all applications; each says for itself",
        "row": decision.row,
        "files": {"person": switches.person_path},
        "applications": {name: {"mode": str(found.mode), "reason": found.reason} for name, found in of_each.items()},
    }


def _switches_of(application: Application | None, console: Console) -> Switches:
    return Switches(application, environ=console.environ, version=SOME_RELEASE, is_under_test=False)


def _lines(status: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield one line for each value of *status*, nested names joined with dots."""
    for key, value in status.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            yield from _lines(value, f"{name}.")
        elif name == "deliveries" and isinstance(value, list) and value:
            for totals in value:
                yield f"{name + '.' + totals['stream']:<28} {describe_delivery(totals)}"
        else:
            yield f"{printable(name):<28} {_shown(value)}".rstrip()


def _shown(value: object) -> str:
    if value is None or value in ("", [], (), {}):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        value = ", ".join(str(item) for item in value)
    # A line is a line, whatever a file's name or a server's answer holds.
    return printable(str(value))


COMMANDS: tuple[Command, ...] = (
    Command("status", "show whether telemetry is on and why, and where its files and endpoints are", _run_status),
)
