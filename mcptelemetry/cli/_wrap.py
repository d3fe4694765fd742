"""
The command `wrap`: a stdio MCP server runs unchanged while its tool calls are recorded.

Whatever is wrong with telemetry, the server runs: only a command line that makes no sense
is refused. Standard output belongs to the server from the first byte to the last, and so
does standard error, but for one line an outage, and one at the end when events were lost.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
from collections.abc import Mapping

from ..application import Application
from ..client import Telemetry
from ..config import check_endpoint
from ..errors import ConfigError
from ..system import printable, url_without_secrets
from ..wrap import CommandNotStarted, Conversation, SignalRelay, run_wrapped, take_standard_streams
from ._command import Command, Console, WrongUse

__all__ = ["COMMANDS"]

_logger = logging.getLogger(__name__)
_DEFAULT_APP = "mcptelemetry"
_FLUSH_SECS = 1.0
_PACKAGE = __name__.rpartition(".cli.")[0]


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--endpoint",
        metavar="URL",
        help="where events go (default: the environment variable, then telemetry.toml, of the app)",
    )
    parser.add_argument(
        "--token-env",
        metavar="NAME",
        help="the environment variable that holds the bearer token for --endpoint",
    )
    parser.add_argument(
        "command",
        nargs=argparse.REMAINDER,
        metavar="-- COMMAND",
        help="the server's command and its arguments",
    )


def _run_wrap(args: argparse.Namespace, console: Console) -> int:
    command = _command(args.command, console)
    with console.hearing(_PACKAGE, logging.WARNING, renamed=_typed_words(args)) as heard:
        telemetry = _open_telemetry(args, console)
        if telemetry.pipeline is not None:
            telemetry.pipeline.network_transport = "pipe"
        console.err.flush()
        client_input, client_output = take_standard_streams()
        # The signals last longer than the child: one that comes during the last flush must not
        # cost the events, nor the child's exit status.
        with SignalRelay() as signals:
            telemetry.start()
            try:
                return run_wrapped(
                    command,
                    Conversation(telemetry.record),
                    client_input=client_input,
                    client_output=client_output,
                    signals=signals,
                    withheld=_secret_variables(args, telemetry),
                )
            except CommandNotStarted as error:
                console.note(str(error))
                return error.exit_code
            finally:
                _end(telemetry, heard)


def _end(telemetry: Telemetry, heard: list[str]) -> None:
    """Send what waits, and say what was lost, unless the line about the outage has just said so."""
    heard_before = len(heard)
    telemetry.shutdown(_FLUSH_SECS)
    pipeline = telemetry.pipeline
    if pipeline is None:
        return
    stats = pipeline.stats()
    # An attempt that nobody waits for any longer is lost too.
    lost = stats.recorded - stats.delivered - stats.spooled
    if lost and len(heard) == heard_before:
        where = url_without_secrets(pipeline.config.endpoint or "")
        why = stats.last_error or "no answer came in time; see what listens there, and whether it speaks HTTP"
        _logger.warning("mcptelemetry: %d events to %s were lost: %s", lost, where, printable(why))


COMMANDS: tuple[Command, ...] = (
    Command(
        name="wrap",
        summary="run a stdio MCP server and record its tool calls",
        run=_run_wrap,
        configure=_configure,
    ),
)


def _command(words: list[str], console: Console) -> list[str]:
    """Return the command after ``--``; `WrongUse` when there is none."""
    # Whether argparse leaves the separator in differs from release to release.
    command = words[1:] if words[:1] == ["--"] else words
    if not command or not command[0]:
        msg = f"wrap needs the server's command: {console.prog} wrap -- COMMAND [ARGUMENT ...]"
        raise WrongUse(msg)
    return command


def _typed_words(args: argparse.Namespace) -> dict[str, str]:
    """Return what a person typed in place of the variables that stand for it further down."""
    if args.endpoint is None:
        return {}
    try:
        application = Application(_DEFAULT_APP if args.app is None else args.app)
    except ValueError:
        return {}  # nothing will be built, and that is said
    return {
        application.events_endpoint_variable: "--endpoint",
        application.events_token_variable: args.token_env or "the variable of --token-env",
    }


def _secret_variables(args: argparse.Namespace, telemetry: Telemetry) -> set[str]:
    """Return the names of the variables that hold secrets of our endpoint: they are not the server's affair."""
    names = {Application(telemetry.app).events_token_variable, args.token_env or ""}
    with contextlib.suppress(ConfigError):  # then they are not known, and nothing is sent with them either
        written = telemetry.settings().proxy
        names |= {written.token_key or "", *written.headers.values()}
    return names - {""}


def _open_telemetry(args: argparse.Namespace, console: Console) -> Telemetry:
    """Return the telemetry that the command line asks for; `WrongUse` when it cannot be built so."""
    try:
        application = Application(_DEFAULT_APP if args.app is None else args.app)
        environ: Mapping[str, str] = console.environ
        if args.endpoint is not None:
            # The operator said it, as with the variable, and the command line comes first.
            endpoint = check_endpoint(args.endpoint, argument="--endpoint")
            # A token belongs to the endpoint beside it: the variable's is another endpoint's.
            token = environ.get(args.token_env or "", "")
            environ = {
                **environ,
                application.events_endpoint_variable: endpoint,
                application.events_token_variable: token,
            }
        elif args.token_env is not None:
            msg = "--token-env belongs to --endpoint; give both, or set token_key in telemetry.toml"
            raise WrongUse(msg)
        # The version of what is wrapped is not known, and ours would be a wrong one.
        return Telemetry(application.name, "", data_dir=args.data_dir, environ=environ)
    except ValueError as error:
        raise WrongUse(str(error)) from None
