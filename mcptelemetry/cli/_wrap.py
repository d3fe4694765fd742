"""
The command `wrap`: a stdio MCP server runs unchanged while its tool calls are recorded.

Whatever is wrong with telemetry, the server runs: only a command line without a command is
refused. With nothing to record for, the server takes this process's place. Standard output belongs to the server from the first byte to the last, and so
does standard error, but for one line an outage, and one at the end when events were lost.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
from collections.abc import Callable, Mapping

from ..application import Application
from ..client import Telemetry
from ..config import check_endpoint
from ..errors import ConfigError, UploadError
from ..system import package_logger, printable, url_without_secrets
from ..wrap import CommandNotStarted, Recording, SignalRelay, become_command, run_wrapped, take_standard_streams
from ._command import Command, Console, WrongUse
from ._wrap_at_once import DEFAULT_APP, WrapWords

__all__ = ["COMMANDS", "open_recording"]

_logger = logging.getLogger(__name__)
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
        "--verbose",
        action="store_true",
        help="say at the end, on standard error, what was recorded and delivered",
    )
    parser.add_argument(
        "command",
        nargs=argparse.REMAINDER,
        metavar="-- COMMAND",
        help="the server's command and its arguments",
    )


def _run_wrap(args: argparse.Namespace, console: Console) -> int:
    command = _command(args.command, console)
    words = WrapWords(args.app, args.data_dir, args.endpoint, args.token_env, args.verbose)
    ears = contextlib.ExitStack()
    telemetry, heard = _hear_and_open(words, console, ears)
    withheld = _secret_variables(words, telemetry)
    is_recorded = telemetry is not None and telemetry.pipeline is not None
    try:
        if not is_recorded:
            if words.verbose and telemetry is not None:
                console.note(f"mcptelemetry: nothing is recorded: {telemetry.status()['events']['reason']}")
            ears.close()
            console.err.flush()
            become_command(command, withheld)  # and where it cannot, what follows passes bytes on
        client_input, client_output = take_standard_streams()
        # The signals last longer than the child: one that comes during the last flush must not
        # cost the events, nor the child's exit status.
        with SignalRelay(for_good=True) as signals:
            return run_wrapped(
                command,
                lambda: _Session(telemetry, heard, ears, console, words) if is_recorded and telemetry is not None else None,
                client_input=client_input,
                client_output=client_output,
                signals=signals,
                say=console.note,
                withheld=withheld,
            )
    except CommandNotStarted as error:
        console.note(str(error))
        return error.exit_code


def open_recording(words: WrapWords, console: Console) -> Recording | None:
    """Return what a session's calls are recorded with, as *words* say; None when nothing may be, which is said if it is a mistake."""
    ears = contextlib.ExitStack()
    telemetry, heard = _hear_and_open(words, console, ears)
    if telemetry is None or telemetry.pipeline is None:
        if words.verbose and telemetry is not None:
            console.note(f"mcptelemetry: nothing is recorded: {telemetry.status()['events']['reason']}")
        ears.close()
        return None
    return _Session(telemetry, heard, ears, console, words)


class _Session:
    """One session's telemetry, from its start to its account."""

    def __init__(
        self, telemetry: Telemetry, heard: list[str], ears: contextlib.ExitStack, console: Console, words: WrapWords
    ) -> None:
        self._telemetry = telemetry
        self._heard = heard
        self._ears = ears
        self._console = console
        self._is_verbose = words.verbose
        self.record: Callable[..., object] = telemetry.record
        telemetry.start()

    def deliver(self) -> None:
        with contextlib.suppress(UploadError):
            self._telemetry.flush(_FLUSH_SECS)

    def close(self) -> None:
        """Send what waits, and say what was lost, unless the line about the outage has just said so."""
        heard_before = len(self._heard)
        self._telemetry.shutdown(_FLUSH_SECS)
        pipeline = self._telemetry.pipeline
        if pipeline is None:
            return
        stats = pipeline.stats()
        where = url_without_secrets(pipeline.config.endpoint or "")
        # An attempt that nobody waits for any longer is lost too.
        lost = stats.recorded - stats.delivered - stats.spooled
        if lost and len(self._heard) == heard_before:
            why = stats.last_error or "no answer came in time; see what listens there, and whether it speaks HTTP"
            _logger.warning("mcptelemetry: %d events to %s were lost: %s", lost, where, printable(why))
        if self._is_verbose:
            self._console.note(
                f"mcptelemetry: {stats.recorded} calls were recorded, {stats.delivered} delivered to {where}, {lost} lost"
            )
        self._ears.close()


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


def _typed_words(words: WrapWords) -> dict[str, str]:
    """Return what a person typed in place of the variables that stand for it further down."""
    if words.endpoint is None:
        return {}
    try:
        application = _application(words)
    except ValueError:
        return {}  # nothing will be built, and that is said
    return {
        application.events_endpoint_variable: "--endpoint",
        application.events_token_variable: words.token_env or "the variable of --token-env",
    }


def _secret_variables(words: WrapWords, telemetry: Telemetry | None) -> set[str]:
    """Return the names of the variables that hold secrets of our endpoint: they are not the server's affair."""
    names = {words.token_env or ""}
    with contextlib.suppress(ValueError):
        names.add(_application(words).events_token_variable)
    # Otherwise they are not known, and nothing is sent with them either.
    with contextlib.suppress(ConfigError):
        if telemetry is not None:
            written = telemetry.settings().proxy
            names |= {written.token_key or "", *written.headers.values()}
    return names - {""}


def _application(words: WrapWords) -> Application:
    return Application(DEFAULT_APP if words.app is None else words.app)


def _hear_and_open(
    words: WrapWords, console: Console, ears: contextlib.ExitStack
) -> tuple[Telemetry | None, list[str]]:
    """
    Return the telemetry that *words* ask for, None when they cannot be followed, and what is said from now on.

    What is wrong is said in one line; *ears* stop listening when they are closed.
    """
    handler = logging.NullHandler()  # so that our warnings do not go to standard error by themselves
    package_logger.addHandler(handler)
    ears.callback(package_logger.removeHandler, handler)
    heard = ears.enter_context(console.hearing(_PACKAGE, logging.WARNING, renamed=_typed_words(words)))
    try:
        return _open_telemetry(words, console.environ), heard
    except Exception as error:  # noqa: BLE001  whatever is wrong with telemetry, the server runs
        why = str(error) if isinstance(error, (ValueError, ConfigError)) else f"{type(error).__name__}: {error}"
        console.note(f"mcptelemetry: this session is not recorded: {' '.join(why.split())}")
        return None, heard


def _open_telemetry(words: WrapWords, environ: Mapping[str, str]) -> Telemetry:
    """Return the telemetry that *words* ask for; `ValueError` when it cannot be built so."""
    application = _application(words)
    if words.endpoint is not None:
        # The operator said it, as with the variable, and the command line comes first.
        endpoint = check_endpoint(words.endpoint, argument="--endpoint")
        # A token belongs to the endpoint beside it: the variable's is another endpoint's.
        token = environ.get(words.token_env or "", "")
        environ = {
            **environ,
            application.events_endpoint_variable: endpoint,
            application.events_token_variable: token,
        }
    elif words.token_env is not None:
        msg = "--token-env belongs to --endpoint; give both, or set token_key in telemetry.toml"
        raise ValueError(msg)
    # The version of what is wrapped is not known, and ours would be a wrong one.
    return Telemetry(application.name, "", data_dir=words.data_dir, environ=environ)
