"""
Whom a command speaks about: one application's telemetry, built as that application builds it.

An application's own command line hands over its `Telemetry`; elsewhere one is built from
the application's name. It is never started, so asking leaves no trace on the machine.
"""

from __future__ import annotations

import argparse

from ..application import Application
from ..client import Telemetry
from ._applications import note_if_unknown
from ._command import Console, WrongUse

__all__ = ["is_person_wide", "telemetry_for"]


def is_person_wide(args: argparse.Namespace) -> bool:
    """Return whether the command line names no application and so speaks about all of them."""
    if args.telemetry is not None or args.app is not None:
        return False
    if args.data_dir is not None:
        msg = "--data-dir belongs to one application; name it with --app"
        raise WrongUse(msg)
    return True


def telemetry_for(args: argparse.Namespace, console: Console) -> Telemetry:
    """Return the telemetry of the application meant; `WrongUse` when none can be, with the mend."""
    if args.telemetry is not None:
        telemetry: Telemetry = args.telemetry
        return telemetry
    if is_person_wide(args):
        msg = "which application? give its name with --app NAME"
        raise WrongUse(msg)
    try:
        note_if_unknown(Application(args.app), args.data_dir, console)
        return Telemetry.of_installation(args.app, data_dir=args.data_dir, environ=console.environ)
    except ValueError as error:
        raise WrongUse(str(error)) from None
