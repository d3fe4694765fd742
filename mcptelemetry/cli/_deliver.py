"""
`deliver`: what the spool holds is sent now, by this process, which then ends.

For scripts, for cron, and for a person who wants to shut a machine down. It works while others run: what
one process has claimed no other sends.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator

from ..client import Telemetry
from ..config import load_config
from ..installation import path_in
from ..vocabulary import SPOOL_FILE
from ._applications import find_applications
from ._command import Command, CommandFailed, Console
from ._subject import is_person_wide, telemetry_for

__all__ = ["COMMANDS"]


def _run(args: argparse.Namespace, console: Console) -> int:
    found = []
    for telemetry in _subjects(args, console):
        load_config(telemetry.switches.config_path)  # what cannot be understood wants mending first
        found.append((telemetry.app, telemetry.deliver()))
    if args.json:
        console.say_json([{"app": app, **one._asdict()} for app, one in found])
    else:
        for app, one in found:
            console.say(f"{app}: {one.delivered} events delivered, {one.left} left")
    if not found:
        console.note("note: no application of this machine keeps events on the disk")
    failures = [f"{app}: {one.why}" for app, one in found if one.why is not None]
    if failures:
        raise CommandFailed("not everything was delivered: " + "; ".join(failures))
    return 0


def _subjects(args: argparse.Namespace, console: Console) -> Iterator[Telemetry]:
    """Yield the application meant, or all that have a spool."""
    if not is_person_wide(args):
        yield telemetry_for(args, console)
        return
    for application in find_applications(console.environ):
        if os.path.lexists(path_in(application.data_directory(console.environ), SPOOL_FILE)):
            yield Telemetry.of_installation(application.name, environ=console.environ)


COMMANDS: tuple[Command, ...] = (
    Command("deliver", "send the events that wait on the disk, now, and end", _run),
)
