"""
The command `report`: what a collector has received.

It names the database on the command line: a collector usually stands on another machine
than the applications that send, and has no data directory of theirs.
"""

from __future__ import annotations

import argparse

from ..collector import SqliteStore, StoreError, compile_report, render_report
from ._command import Command, CommandFailed, Console, WrongUse

__all__ = ["COMMANDS"]


def _configure_report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--db", required=True, metavar="FILE", help="the collector's database")


def _run_report(args: argparse.Namespace, console: Console) -> int:
    try:
        document = compile_report(SqliteStore(args.db, read_only=True), app=args.app)
    except ValueError as error:
        raise WrongUse(str(error)) from None
    except StoreError as error:
        raise CommandFailed(str(error)) from None
    if args.json:
        console.say_json(document)
    else:
        console.say_lines(render_report(document))
    return 0


COMMANDS = (Command("report", "show what a collector has received", _run_report, _configure_report),)
