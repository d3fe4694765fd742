"""
The maintainer's commands: `report` says what came, `inbox` shows what people wrote.

Both name the store on the command line, as a file or a URL, and change nothing in it, but for
the mark that a message has been read when that is asked for.
"""

from __future__ import annotations

import argparse
import os
import re
import time
from contextlib import closing

from ..collector import (
    ENV_KINDS,
    REPORT_TABLES,
    CallQuestions,
    FeedbackEntry,
    Filter,
    SqliteStore,
    Store,
    StoreError,
    compile_report,
    open_questions,
    open_store,
    parse_filter,
    render_csv,
    render_report,
)
from ._command import Command, CommandFailed, Console, WrongUse

__all__ = ["COMMANDS"]

_MESSAGES_MAX = 1000


def _configure_store(parser: argparse.ArgumentParser) -> None:
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--db", metavar="FILE", help="the collector's database")
    place.add_argument("--store", metavar="URL", help="the collector's store, such as sqlite:collector.db")
    parser.add_argument("--since", metavar="WHEN", help="from a date, a time in UTC, or so long ago: 2025-11-01, 24h, 30d, 8w")
    parser.add_argument("--until", metavar="WHEN", help="up to then (default with --since: now)")
    parser.add_argument("--version", metavar="VERSION", dest="of_version", help="of this version of the application only")


def _configure_report(parser: argparse.ArgumentParser) -> None:
    _configure_store(parser)
    parser.add_argument("--client", metavar="NAME", help="calls from this MCP client only")
    parser.add_argument("--tool", metavar="NAME", help="calls of this tool only")
    parser.add_argument(
        "--env-kind", choices=ENV_KINDS, default="people", help="installations of this kind only (default: %(default)s)"
    )
    parser.add_argument("--csv", choices=REPORT_TABLES, metavar="TABLE", help=f"one table as CSV: {', '.join(REPORT_TABLES)}")


def _configure_inbox(parser: argparse.ArgumentParser) -> None:
    _configure_store(parser)
    parser.add_argument("--unread", action="store_true", help="only what was not marked as read")
    parser.add_argument("--mark-read", action="store_true", help="mark what is shown as read")


def _run_report(args: argparse.Namespace, console: Console) -> int:
    if args.csv and args.json:
        msg = "--csv and --json are two forms of one thing: leave one out"
        raise WrongUse(msg)
    try:
        asked = _asked(args, client=args.client, tool=args.tool, env_kind=args.env_kind)
        questions: CallQuestions = SqliteStore(args.db, read_only=True) if args.db is not None else open_questions(args.store)
        with closing(questions):
            document = compile_report(questions, asked)
        if args.csv:
            console.say_lines(render_csv(document, args.csv).replace("\r\n", "\n").rstrip("\n"))
            return 0
    except ValueError as error:
        raise WrongUse(str(error)) from None
    except StoreError as error:
        raise CommandFailed(str(error)) from None
    if args.json:
        console.say_json(document)
    else:
        console.say_lines(render_report(document))
    return 0


def _run_inbox(args: argparse.Namespace, console: Console) -> int:
    try:
        asked = _asked(args, env_kind="all")
        is_read_only = not args.mark_read
        store: Store = (
            # A database that is not there is not made by a look into it.
            SqliteStore(args.db, read_only=is_read_only or not os.path.exists(args.db))
            if args.db is not None
            else open_store(args.store, read_only=is_read_only)
        )
        with closing(store):
            entries = store.inbox(asked, most=_MESSAGES_MAX, is_unread_only=args.unread)
            if args.mark_read:
                store.mark_read([entry.number for entry in entries])
    except ValueError as error:
        raise WrongUse(str(error)) from None
    except StoreError as error:
        raise CommandFailed(str(error)) from None
    if args.json:
        console.say_json([entry._asdict() for entry in entries])
    elif entries:
        console.say_lines("\n\n".join(_render(entry) for entry in entries))
    else:
        console.say("There is no feedback that was not read." if args.unread else "There is no feedback.")
    return 0


def _asked(
    args: argparse.Namespace, *, env_kind: str, client: str | None = None, tool: str | None = None
) -> Filter:
    return parse_filter(
        now=time.time(),
        app=args.app,
        version=args.of_version,
        client=client,
        tool=tool,
        env_kind=env_kind,
        since=args.since,
        until=args.until,
    )


def _render(entry: FeedbackEntry) -> str:
    """Return a message under one line that says what it is; its own lines are set in, so that none can pass for ours."""
    when = time.strftime("%Y-%m-%d %H:%M", time.gmtime(entry.received_at))
    about = [when, entry.category, entry.app or "unknown", str(entry.context.get("version", ""))]
    about += [entry.email] if entry.email else []
    about += [] if entry.is_read else ["new"]
    head = re.sub(r"\s", " ", "  ".join(about))
    return "\n".join([head, *(f"    {line}" for line in entry.message.splitlines())])


COMMANDS = (
    Command("report", "show what a collector has received", _run_report, _configure_report),
    Command("inbox", "show the feedback that a collector has received", _run_inbox, _configure_inbox),
)
