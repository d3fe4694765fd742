"""
The receiving side's command: `collect` takes in what applications send.

It names its database on the command line: a collector usually stands on another machine
than the applications that send, and has no data directory of theirs.
"""

from __future__ import annotations

import argparse
import logging
import os
import shlex
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from .. import collector
from ..collector import SqliteStore, serve
from ..errors import TelemetryError
from ..system import is_loopback_host
from ..vocabulary import PORT_MAX
from ._command import Command, CommandFailed, Console, WrongUse

__all__ = ["COMMANDS"]



def _configure_collect(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--db", required=True, metavar="FILE", help="the database; made when missing")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=0, help="port to listen on (default: a free one)")
    parser.add_argument(
        "--token-env", metavar="NAME", help="take events only with the token in this environment variable"
    )
    parser.add_argument(
        "--report-token-env",
        metavar="NAME",
        help="show the report only with the token in this variable (default: to this machine only)",
    )
    parser.add_argument(
        "--report-token",
        metavar="TOKEN",
        help="the same, given here, where other users of this machine can see it",
    )


def _port(text: str) -> int:
    port = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(PORT_MAX)) else -1
    if not 0 <= port <= PORT_MAX:
        msg = f"{text!r} is not a port; give 1 to {PORT_MAX}, or 0 for a free one"
        raise argparse.ArgumentTypeError(msg)
    return port


def _run_collect(args: argparse.Namespace, console: Console) -> int:
    token = _read_token("--token-env", args.token_env, console)
    report_token = _read_token("--report-token-env", args.report_token_env, console)
    if args.report_token is not None:
        if report_token is not None:
            msg = "--report-token and --report-token-env are two words for one thing: leave one out"
            raise WrongUse(msg)
        report_token = args.report_token
    # The signals first: whoever has read the address may send one.
    with _signals() as wait_for_signal, console.hearing(collector.__name__, logging.WARNING):
        try:
            store = SqliteStore(args.db)
            server = serve(store, args.host, args.port, token=token, report_token=report_token)
        except ValueError as error:
            raise WrongUse(str(error)) from None
        except TelemetryError as error:
            raise CommandFailed(str(error)) from None
        with server:
            console.note(f"collector listening on {server.url}")
            for line in _lines_to_paste(args, server.url, console.prog):
                console.note(line)
            if token is None and not is_loopback_host(args.host):
                console.note("anyone who reaches this address can send events; ask for a token: --token-env")
            console.err.flush()
            wait_for_signal()
    return 0


def _lines_to_paste(args: argparse.Namespace, url: str, prog: str) -> Iterator[str]:
    """Yield what an author, an operator and whoever reads the report may paste as it stands."""
    # The address of all addresses is none that anybody can send to.
    base = url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
    token = "" if args.token_env is None else f" --token-env {shlex.quote(args.token_env)}"
    yield f'telemetry = Telemetry("my-app", version="1.0.0", heartbeat_endpoint="{base}")  # an author\'s'
    yield f"{prog} wrap --endpoint {base}{token} -- python server.py  # an operator's"
    yield f"{prog} report --db {shlex.quote(os.path.abspath(args.db))}  # the report's"


def _read_token(option: str, name: str | None, console: Console) -> str | None:
    """Return the token in the variable *name*; an empty one must not mean that none is asked for."""
    if name is None:
        return None
    token = console.environ.get(name, "").strip()
    if not token:
        msg = f"{option} {name}: that variable is not set; set it to the token or leave the option out"
        raise WrongUse(msg)
    return token


@contextmanager
def _signals() -> Iterator[Callable[[], object]]:
    """Give a function that returns when SIGINT or SIGTERM has come, even if it came before."""
    # A socket, not an Event: a handler may not take a lock that the code it interrupts holds.
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    with reader, writer:

        def note_signal(_number: int, _frame: object) -> None:
            with suppress(OSError):  # full: it has been told often enough
                writer.send(b"x")

        previous = {number: signal.signal(number, note_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield lambda: reader.recv(1)
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


COMMANDS = (
    Command(
        "collect",
        "receive events and keep them in a database, until interrupted",
        _run_collect,
        _configure_collect,
    ),
)
