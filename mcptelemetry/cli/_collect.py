"""
The commands `collect`, a collector of its own until it is told to end, and `backup`, a copy of what it keeps.

It names its store on the command line: a collector usually stands on another machine than the
applications that send, and has no data directory of theirs. With several processes this one
only holds the socket and looks after the others.
"""

from __future__ import annotations

import argparse
import logging
import os
import secrets
import shlex
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, nullcontext

from .. import collector
from ..collector import Listener, Processes, SqliteStore, Store, StoreError
from ..errors import TelemetryError
from ..system import is_loopback_host
from ..vocabulary import DAY_SECS, PORT_MAX
from ._collector_plan import CollectorPlan
from ._collector_tokens import read_report_token, read_sender_tokens
from ._command import Command, CommandFailed, Console, WrongUse
from ._demonstration import check_demo, fill_demo, temporary_database
from ._until_signal import UntilSignal

__all__ = ["COMMANDS"]

_HOUR_SECS = 3600
_LOOK_EVERY_SECS = 1.0
_STOP_SECS = 5.0


def _configure_collect(parser: argparse.ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--db", metavar="FILE", help="the database; made when missing")
    where.add_argument("--store", metavar="URL", help="the same, or another store, such as sqlite:FILE")
    where.add_argument("--demo", action="store_true", help="show an invented year, take nothing in and keep nothing")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=0, help="port to listen on (default: a free one)")
    parser.add_argument(
        "--token-env",
        metavar="NAME[=APP,...]",
        action="append",
        help="take events only with the token in this environment variable, of these applications (default: of all); "
        "may be given several times",
    )
    parser.add_argument(
        "--report-token-env",
        metavar="NAME",
        help="show the page and the report with the token in this variable (default: with one that is drawn at each start and printed)",
    )
    parser.add_argument(
        "--report-token",
        metavar="TOKEN",
        help="the same, given here, where other users of this machine can see it",
    )
    parser.add_argument(
        "--public",
        action="store_true",
        help="let everybody see the page, without what people wrote and without small counts; the report stays behind its token",
    )
    parser.add_argument(
        "--allow-host",
        metavar="NAME",
        action="append",
        default=[],
        help="a name that readers ask for this collector by, and then no other (default: any; with --public addresses and localhost); "
        "may be given several times",
    )
    parser.add_argument("--workers", type=_count, default=1, metavar="N", help="processes that answer (default: %(default)s)")
    parser.add_argument("--keep-days", type=_count, metavar="N", help="take out what is older, once a day (default: keep all)")


def _run_collect(args: argparse.Namespace, console: Console) -> int:
    if args.demo:
        check_demo(args)
    report_token = read_report_token(args, console)
    tokens = read_sender_tokens(args.token_env, console)
    # The signals first: whoever has read the address may send one.
    with UntilSignal() as until, console.hearing(collector.__name__, logging.WARNING), _place(args) as url:
        plan = CollectorPlan(url, tokens, report_token or secrets.token_urlsafe(24), report_token is None, args)
        try:
            return _collect(plan, until, console)
        except ValueError as error:
            raise WrongUse(str(error)) from None
        except WrongUse:
            raise
        except TelemetryError as error:
            raise CommandFailed(str(error)) from None


def _place(args: argparse.Namespace) -> AbstractContextManager[str]:
    """Give the URL of the store."""
    if args.demo:
        return temporary_database()
    return nullcontext(args.store or f"sqlite:{os.path.abspath(args.db)}")


def _collect(plan: CollectorPlan, until: UntilSignal, console: Console) -> int:
    args = plan.args
    with closing(plan.open_store()) as store:
        # Whatever is wrong with it or with the tokens is said before anything listens.
        plan.make_app(store)
        if args.workers > 1 and not hasattr(os, "fork"):
            msg = "--workers needs a system that forks; leave it out, or run several collectors on one store"
            raise WrongUse(msg)
        if args.demo and not fill_demo(store, until, console):
            return 0
        if args.workers == 1:
            listener = Listener(args.host, args.port)
            with plan.serve(store, listener):
                _say_where(plan, listener.url, console)
                _Pruning(plan, console).wait(until, store=store)
            return 0
    listener = Listener(args.host, args.port)
    parent = os.getpid()  # asked here: a child may first run when this one is gone
    processes = Processes(lambda: _work(plan, listener, parent), args.workers)
    try:
        _say_where(plan, listener.url, console)
        _Pruning(plan, console).wait(until, processes=processes)
    finally:
        processes.stop(_STOP_SECS)
        listener.socket.close()
    return 0


def _work(plan: CollectorPlan, listener: Listener, parent: int) -> int:
    """Be one of several processes; end when told, or when *parent* is gone."""
    with UntilSignal() as until, closing(plan.open_store()) as store, plan.serve(store, listener):
        while not until.wait(_LOOK_EVERY_SECS):
            if os.getppid() != parent:
                return 1
    return 0


class _Pruning:
    """Waits for the end, takes out once a day what is too old, and starts anew what ended."""

    def __init__(self, plan: CollectorPlan, console: Console) -> None:
        self._plan = plan
        self._console = console
        self._next_at = time.monotonic()

    def wait(self, until: UntilSignal, *, store: Store | None = None, processes: Processes | None = None) -> None:
        """Return when a signal has come."""
        while not until.wait(self._patience_secs(processes is not None)):
            for code in processes.look() if processes is not None else ():
                self._console.note(f"a process of the collector ended with {code}; another was started")
            if self._plan.args.keep_days is not None and time.monotonic() >= self._next_at:
                self._next_at = time.monotonic() + DAY_SECS
                self._prune(self._plan.args.keep_days, store)

    def _patience_secs(self, has_processes: bool) -> float | None:  # noqa: FBT001  one of two ways to wait
        if has_processes:
            return _LOOK_EVERY_SECS
        return None if self._plan.args.keep_days is None else max(0.0, self._next_at - time.monotonic())

    def _prune(self, days: int, store: Store | None) -> None:
        before = int(time.time() - days * DAY_SECS) // _HOUR_SECS * _HOUR_SECS
        try:
            if store is not None:
                store.prune(before)
            else:
                with closing(self._plan.open_store()) as own:
                    own.prune(before)
        except StoreError as error:
            self._console.note(f"what is older than {days} days could not be taken out, and is tomorrow: {error}")


def _say_where(plan: CollectorPlan, url: str, console: Console) -> None:
    console.note(f"collector listening on {url}")
    for line in _lines_to_paste(plan, url, console.prog):
        console.note(line)
    if plan.tokens is None and not plan.args.demo and not is_loopback_host(plan.args.host):
        console.note("anyone who reaches this address can send events; ask for a token: --token-env")
    console.err.flush()


def _lines_to_paste(plan: CollectorPlan, url: str, prog: str) -> Iterator[str]:
    """Yield what an author, an operator and whoever looks at the page may paste as it stands."""
    args = plan.args
    # The address of all addresses is none that anybody can send to.
    base = url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
    token = "" if args.token_env is None else f" --token-env {shlex.quote(args.token_env[0].partition('=')[0])}"
    if not args.demo:
        yield f'telemetry = Telemetry("my-app", version="1.0.0", heartbeat_endpoint="{base}")  # an author\'s'
        yield f"{prog} wrap --endpoint {base}{token} -- python server.py  # an operator's"
    if args.db is not None:
        yield f"{prog} report --db {shlex.quote(os.path.abspath(args.db))}  # the report's"
    if args.public:
        yield f"{base}/  # the page, open to everybody"
    elif plan.is_drawn:
        yield f"{base}/?token={plan.report_token}  # the page, until this collector ends"
    else:
        yield f"{base}/  # the page, which asks for the report token"
    if args.public and plan.is_drawn:
        yield f"{base}/api/report?token={plan.report_token}  # the whole report, until this collector ends"


def _port(text: str) -> int:
    port = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(PORT_MAX)) else -1
    if not 0 <= port <= PORT_MAX:
        msg = f"{text!r} is not a port; give 1 to {PORT_MAX}, or 0 for a free one"
        raise argparse.ArgumentTypeError(msg)
    return port


def _count(text: str) -> int:
    count = int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else 0
    if count < 1:
        msg = f"{text!r} is not usable; give a whole number from 1"
        raise argparse.ArgumentTypeError(msg)
    return count


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


COMMANDS = (
    Command(
        "collect",
        "receive events and keep them in a database, until interrupted",
        _run_collect,
        _configure_collect,
    ),
    Command("backup", "copy a collector's database while the collector runs", _run_backup, _configure_backup),
)
