"""
The command `wrap`: a stdio MCP server runs unchanged while its tool calls are recorded.

Whatever is wrong with telemetry, the server runs: only a command line without a command is
refused. With nothing to record for, the server takes this process's place. Standard output
belongs to the server from the first byte to the last, and so does standard error, but for one
line an outage, and one at the end when events were lost.
"""

from __future__ import annotations

import argparse

from ..vocabulary import WRAPPED_VARIABLE
from ..wrap import CommandNotStarted, SignalRelay, become_command, run_wrapped, take_standard_streams
from ._command import Command, Console, WrongUse
from ._wrap_recording import Session, open_telemetry
from ._wrap_words import DEFAULT_APP, WrapWords

__all__ = ["COMMANDS"]


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
    words = WrapWords(DEFAULT_APP if args.app is None else args.app, args.data_dir, args.endpoint, args.token_env, args.verbose)
    opened = open_telemetry(words, console)
    telemetry = opened.telemetry
    if telemetry is not None and telemetry.pipeline is not None:
        telemetry.pipeline.network_transport = "pipe"
    try:
        if telemetry is None and console.is_program:
            console.err.flush()
            become_command(command, opened.withheld)  # and where it cannot, what follows passes bytes on
        client_input, client_output = take_standard_streams()
        # The signals last longer than the child: one that comes during the last flush must not
        # cost the events, nor the child's exit status.
        with SignalRelay(for_good=console.is_program) as signals:
            return run_wrapped(
                command,
                lambda: None if telemetry is None else Session(opened, telemetry, console, is_verbose=words.is_verbose),
                client_input=client_input,
                client_output=client_output,
                signals=signals,
                say=console.note,
                withheld=opened.withheld,
                added={} if opened.place is None else {WRAPPED_VARIABLE: opened.place},
            )
    except CommandNotStarted as error:
        console.note(str(error))
        return error.exit_code


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
