"""The command `backup`: a copy of a collector's database, while the collector runs."""

from __future__ import annotations

import argparse

from ..collector import SqliteStore, StoreError
from ._command import Command, CommandFailed, Console, WrongUse

__all__ = ["COMMANDS"]


def _configure_backup(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--db", required=True, metavar="FILE", help="the collector's database")
    parser.add_argument("copy", metavar="COPY", help="the file to write; it must not exist")


def _run_backup(args: argparse.Namespace, console: Console) -> int:
    try:
        SqliteStore(args.db, read_only=True).back_up(args.copy)
    except ValueError as error:
        raise WrongUse(str(error)) from None
    except StoreError as error:
        raise CommandFailed(str(error)) from None
    console.note(f"a copy of {args.db} is in {args.copy}")
    return 0


COMMANDS = (Command("backup", "copy a collector's database while the collector runs", _run_backup, _configure_backup),)
