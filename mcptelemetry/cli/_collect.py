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
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Optional

from .. import collector
from ..collector import Listener, Processes, Server, SqliteStore, Store, StoreError, create_app, open_store
from ..errors import TelemetryError
from ..system import is_loopback_host
from ..vocabulary import DAY_SECS, PORT_MAX
from ._command import Command, CommandFailed, Console, WrongUse
from ._until_signal import UntilSignal

__all__ = ["COMMANDS"]

_HOUR_SECS = 3600
_LOOK_EVERY_SECS = 1.0
_STOP_SECS = 5.0


def _configure_collect(parser: argparse.ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--db", metavar="FILE", help="the database; made when missing")
    where.add_argument("--store", metavar="URL", help="the same, or another store, such as sqlite:FILE")
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
        help="show the report with the token in this variable (default: with one that is drawn at each start and printed)",
    )
    parser.add_argument(
        "--report-token",
        metavar="TOKEN",
        help="the same, given here, where other users of this machine can see it",
    )
    parser.add_argument("--workers", type=_count, default=1, metavar="N", help="processes that answer (default: %(default)s)")
    parser.add_argument("--keep-days", type=_count, metavar="N", help="take out what is older, once a day (default: keep all)")


@dataclass(frozen=True)
class _Plan:
    """What was asked for: which store, and how to make the application on it."""

    url: str
    tokens: Optional[Mapping[str, Optional[list[str]]]]
    report_token: str
    keep_days: Optional[int]

    def open_store(self) -> Store:
        try:
            return open_store(self.url)
        except ValueError as error:
            raise WrongUse(str(error)) from None

    def serve(self, store: Store, listener: Listener) -> Server:
        return Server(create_app(store, token=self.tokens, report_token=self.report_token), listener)


def _run_collect(args: argparse.Namespace, console: Console) -> int:
    report_token = _report_token(args, console)
    is_drawn = report_token is None
    plan = _Plan(
        url=args.store or f"sqlite:{os.path.abspath(args.db)}",
        tokens=_read_tokens(args.token_env, console),
        report_token=report_token or secrets.token_urlsafe(24),
        keep_days=args.keep_days,
    )
    # The signals first: whoever has read the address may send one.
    with UntilSignal() as until, console.hearing(collector.__name__, logging.WARNING):
        try:
            return _collect(args, plan, until, console, is_drawn=is_drawn)
        except ValueError as error:
            raise WrongUse(str(error)) from None
        except WrongUse:
            raise
        except TelemetryError as error:
            raise CommandFailed(str(error)) from None


def _collect(args: argparse.Namespace, plan: _Plan, until: UntilSignal, console: Console, *, is_drawn: bool) -> int:
    with closing(plan.open_store()) as store:
        # Whatever is wrong with it or with the tokens is said before anything listens.
        create_app(store, token=plan.tokens, report_token=plan.report_token)
        if args.workers == 1:
            listener = Listener(args.host, args.port)
            with plan.serve(store, listener):
                _say_where(args, plan, listener.url, console, is_drawn=is_drawn)
                _Pruning(plan, console).wait(until, store=store)
            return 0
    if not hasattr(os, "fork"):
        msg = "--workers needs a system that forks; leave it out, or run several collectors on one store"
        raise WrongUse(msg)
    listener = Listener(args.host, args.port)
    parent = os.getpid()  # asked here: a child may first run when this one is gone
    processes = Processes(lambda: _work(plan, listener, parent), args.workers)
    try:
        _say_where(args, plan, listener.url, console, is_drawn=is_drawn)
        _Pruning(plan, console).wait(until, processes=processes)
    finally:
        processes.stop(_STOP_SECS)
        listener.socket.close()
    return 0


def _work(plan: _Plan, listener: Listener, parent: int) -> int:
    """Be one of several processes; end when told, or when *parent* is gone."""
    with UntilSignal() as until, closing(plan.open_store()) as store, plan.serve(store, listener):
        while not until.wait(_LOOK_EVERY_SECS):
            if os.getppid() != parent:
                return 1
    return 0


class _Pruning:
    """Waits for the end, takes out once a day what is too old, and starts anew what ended."""

    def __init__(self, plan: _Plan, console: Console) -> None:
        self._plan = plan
        self._console = console
        self._next_at = time.monotonic()

    def wait(self, until: UntilSignal, *, store: Store | None = None, processes: Processes | None = None) -> None:
        """Return when a signal has come."""
        while not until.wait(self._patience_secs(processes is not None)):
            for code in processes.look() if processes is not None else ():
                self._console.note(f"a process of the collector ended with {code}; another was started")
            if self._plan.keep_days is not None and time.monotonic() >= self._next_at:
                self._next_at = time.monotonic() + DAY_SECS
                self._prune(self._plan.keep_days, store)

    def _patience_secs(self, has_processes: bool) -> float | None:  # noqa: FBT001  one of two ways to wait
        if has_processes:
            return _LOOK_EVERY_SECS
        return None if self._plan.keep_days is None else max(0.0, self._next_at - time.monotonic())

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


def _say_where(args: argparse.Namespace, plan: _Plan, url: str, console: Console, *, is_drawn: bool) -> None:
    console.note(f"collector listening on {url}")
    for line in _lines_to_paste(args, plan, url, console.prog, is_drawn=is_drawn):
        console.note(line)
    if plan.tokens is None and not is_loopback_host(args.host):
        console.note("anyone who reaches this address can send events; ask for a token: --token-env")
    console.err.flush()


def _lines_to_paste(args: argparse.Namespace, plan: _Plan, url: str, prog: str, *, is_drawn: bool) -> Iterator[str]:
    """Yield what an author, an operator and whoever reads the report may paste as it stands."""
    # The address of all addresses is none that anybody can send to.
    base = url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
    token = "" if args.token_env is None else f" --token-env {shlex.quote(args.token_env[0].partition('=')[0])}"
    yield f'telemetry = Telemetry("my-app", version="1.0.0", heartbeat_endpoint="{base}")  # an author\'s'
    yield f"{prog} wrap --endpoint {base}{token} -- python server.py  # an operator's"
    if args.db is not None:
        yield f"{prog} report --db {shlex.quote(os.path.abspath(args.db))}  # the report's"
    if is_drawn:
        yield f"{base}/api/report?token={plan.report_token}  # the report in a browser, until this collector ends"


def _report_token(args: argparse.Namespace, console: Console) -> str | None:
    """Return the token that readers must give, None when one is to be drawn."""
    from_variable = None if args.report_token_env is None else _read_token("--report-token-env", args.report_token_env, console)
    if args.report_token is None:
        return from_variable
    if from_variable is not None:
        msg = "--report-token and --report-token-env are two words for one thing: leave one out"
        raise WrongUse(msg)
    if not args.report_token:
        msg = "--report-token is empty: give the token, or leave it out"
        raise WrongUse(msg)
    return str(args.report_token)


def _read_tokens(options: list[str] | None, console: Console) -> dict[str, Optional[list[str]]] | None:
    """Return each sender's token with its applications (None: all), None when none is asked for."""
    if options is None:
        return None
    tokens: dict[str, Optional[list[str]]] = {}
    for option in options:
        name, equals, apps = option.partition("=")
        token = _read_token("--token-env", name, console)
        if token in tokens:
            msg = f"--token-env {name}: another variable holds the same token; name all its applications in one"
            raise WrongUse(msg)
        tokens[token] = apps.split(",") if equals else None
    return tokens


def _read_token(option: str, name: str, console: Console) -> str:
    """Return the token in the variable *name*; an empty one must not mean that none is asked for."""
    token = console.environ.get(name, "").strip()
    if not token:
        msg = f"{option} {name}: that variable is not set; set it to the token or leave the option out"
        raise WrongUse(msg)
    return token


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
