"""
The frame of the command line: which command is meant, its parser, its exit status.

The commands stand in the tables of their own files, and only the file of the command that
was asked for is loaded: a wrapped server must not wait for a database to be imported.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeVar

from .._version import VERSION
from ..errors import ConfigError, TelemetryError
from ..system import install_hint, package_logger, printable
from ._command import Command, Console, WrongUse

# For packagers of frozen applications, who read no table: every file that _GROUPS names.
if TYPE_CHECKING:
    from ..client import Telemetry
    # isort: off
    from . import _check, _collect, _deliver, _feedback, _forget, _matching, _payload  # noqa: F401  as above
    from . import _report, _status, _switches, _wrap, _wrap_config  # noqa: F401  as above
    # isort: on

__all__ = ["add_telemetry_commands", "run_command_line"]

_AnyParser = TypeVar("_AnyParser", bound=argparse.ArgumentParser)
_INTERRUPTED = 130  # as a shell says it: 128 and the number of the signal


class _Group(NamedTuple):
    """One file of commands: its module, the names it answers to, and whether applications offer it too."""

    module: str
    names: tuple[str, ...]
    is_for_applications: bool = False


_GROUPS = (
    _Group("._status", ("status",), is_for_applications=True),
    _Group("._switches", ("on", "enable", "local", "off", "disable"), is_for_applications=True),
    _Group("._payload", ("show-payload", "sent", "fields", "privacy"), is_for_applications=True),
    _Group("._forget", ("forget",), is_for_applications=True),
    _Group("._feedback", ("feedback",), is_for_applications=True),
    _Group("._check", ("check",), is_for_applications=True),
    _Group("._deliver", ("deliver",), is_for_applications=True),
    _Group("._matching", ("match",)),
    _Group("._wrap", ("wrap",)),
    _Group("._wrap_config", ("wrap-config",)),
    _Group("._collect", ("collect", "backup")),
    _Group("._report", ("report", "inbox")),
)
_GROUP_OF_NAME = {name: group for group in _GROUPS for name in group.names}


def run_command_line(arguments: list[str], console: Console) -> int:
    """Run the command line *arguments* and return its exit status; see `main`."""
    with _usable_streams(console) as usable:
        return _run_guarded(lambda: _run(arguments, usable), usable)


def add_telemetry_commands(
    subparsers: argparse._SubParsersAction[Any], telemetry: Telemetry, *, name: str = "telemetry"
) -> argparse.ArgumentParser:
    """
    Add the person's commands for *telemetry* to an application's own command line.

    *subparsers* is what `ArgumentParser.add_subparsers()` returned; below it comes *name*,
    and below that `status`, `on`, `local`, `off` and the others, so that a person types
    ``acme-mcp telemetry off``. Each sets ``func`` in the parsed arguments, as is usual:
    ``sys.exit(args.func(args))`` runs it; it prints, returns the exit status and raises
    nothing. Returns the parser called *name*.
    """
    parser: argparse.ArgumentParser = subparsers.add_parser(
        name, help="see and decide what this application reports", allow_abbrev=False
    )
    parser.set_defaults(func=functools.partial(_show_help, parser))
    commands = parser.add_subparsers(metavar="COMMAND", title="commands")
    for command in _load(group for group in _GROUPS if group.is_for_applications):
        own = _add_command(commands, command)
        own.add_argument("--json", action="store_true", help="print the result as JSON")
        run = functools.partial(_run_for_application, command, telemetry, parser.prog)
        own.set_defaults(func=run)
    return parser


def _run(arguments: list[str], console: Console) -> int:
    name = _command_name(arguments)
    group = _GROUP_OF_NAME.get(name or "")
    # Help, and the message about a name that is not known, need them all.
    parser = _build_parser(console, _load(_GROUPS if group is None else (group,)))
    args = parser.parse_args(arguments)
    status: int = args.run(args, console)
    return status


def _show_help(parser: argparse.ArgumentParser, *_arguments: object) -> int:
    """Print what there is to choose from: for who named no command."""
    parser.print_help()
    return 0


def _run_for_application(command: Command, telemetry: Telemetry, prog: str, args: argparse.Namespace) -> int:
    # A namespace of our own: the application's may have an `app` that means something else.
    own = argparse.Namespace(**{**vars(args), "app": telemetry.app, "data_dir": None, "telemetry": telemetry})
    with _usable_streams(Console(environ=telemetry.environ, prog=prog)) as console:
        return _run_guarded(lambda: command.run(own, console), console)


def _run_guarded(run: Callable[[], int], console: Console) -> int:
    """Return what *run* returns, or the exit status of what it raised, which is said in one line."""
    try:
        # What is worth saying a command says itself, in its own words; it hears the rest if it wants to.
        with _no_last_resort():
            status = run()
        console.out.flush()
    except SystemExit as ended:  # argparse, after help or version
        status = ended.code if isinstance(ended.code, int) else 0
    except (ConfigError, WrongUse) as error:
        status = _fail(console, str(error), 2)
    except TelemetryError as error:
        status = _fail(console, str(error), 1)
    except KeyboardInterrupt:
        status = _INTERRUPTED
    except BrokenPipeError:
        status = 1  # whoever read the result has seen enough of it
    except OSError as error:
        status = _fail(console, f"{error.strerror or error}: make room, or let yourself write there", 1)
    except ModuleNotFoundError as error:
        missing = str(error.name).replace("_", "-")
        status = _fail(console, f"a part is missing: {install_hint(missing)}", 1)
    except Exception as error:  # noqa: BLE001  a person gets a line, whatever went wrong
        status = _fail(console, f"a defect of this program: {type(error).__name__}: {error}; please report it", 1)
    return status


@contextlib.contextmanager
def _no_last_resort() -> Iterator[None]:
    """Have a handler that says nothing, so that our warnings do not go to standard error by themselves."""
    handler = logging.NullHandler()
    package_logger.addHandler(handler)
    try:
        yield
    finally:
        package_logger.removeHandler(handler)


def _fail(console: Console, message: str, status: int) -> int:
    with contextlib.suppress(OSError, ValueError):
        console.note(f"{console.prog}: {' '.join(message.split())}")
    return status


# -- the parser ---------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    """A parser that speaks through a *console*, and in one line when it is misused."""

    console: Console

    def _print_message(self, message: str, file: Any = None) -> None:  # argparse's own
        stream = self.console.err if file is sys.stderr else self.console.out
        stream.write(printable(message, keep="\n"))
        stream.flush()

    def error(self, message: str) -> NoReturn:
        msg = f"{message}; see {self.prog} --help"
        raise WrongUse(msg)


class _PrintCompletion(argparse.Action):
    """Print the completion script for the shell that is named, and end."""

    def __call__(self, parser: Any, _namespace: Any, shell: Any, _option: str | None = None) -> None:  # argparse's own
        import shtab  # type: ignore[import-not-found,unused-ignore]  # an extra

        if shell not in shtab.SUPPORTED_SHELLS:
            parser.error(f"no completion is known for {shell!r}; choose one of {', '.join(shtab.SUPPORTED_SHELLS)}")
        # Shells complete the installed command, however this process was called.
        whole = _build_parser(replace(parser.console, prog=Console.prog), _load(_GROUPS))
        parser.console.out.write(shtab.complete(whole, shell))
        parser.exit()


def _build_parser(console: Console, commands: Iterable[Command]) -> argparse.ArgumentParser:
    parser = _Parser(
        prog=console.prog, description="Telemetry for MCP servers: see it, decide it.", allow_abbrev=False
    )
    parser.console = console
    parser.add_argument("--version", action="version", version=f"mcptelemetry {VERSION}")
    parser.add_argument(
        "--print-completion",
        action=_PrintCompletion,
        metavar="SHELL",
        help="print what makes a shell (bash, zsh, fish and others) complete these commands; needs shtab",
    )
    parser.set_defaults(telemetry=None, run=functools.partial(_show_help, parser))
    _add_shared_options(parser, None)
    subparsers = parser.add_subparsers(metavar="COMMAND", title="commands")
    for command in commands:
        own = _add_command(subparsers, command)
        own.console = console
        # Suppressed, or the command's own parser would forget what stood before its name.
        _add_shared_options(own, argparse.SUPPRESS)
        own.set_defaults(run=command.run)
    return parser


def _add_command(subparsers: argparse._SubParsersAction[_AnyParser], command: Command) -> _AnyParser:
    parser = subparsers.add_parser(
        command.name,
        aliases=command.aliases,
        help=command.summary,
        description=f"{command.summary[:1].upper()}{command.summary[1:]}.",
        allow_abbrev=False,
    )
    command.configure(parser)
    return parser


def _add_shared_options(parser: argparse.ArgumentParser, default: str | None) -> None:
    parser.add_argument("--app", metavar="NAME", default=default, help="the application's name, such as acme-mcp")
    parser.add_argument("--data-dir", metavar="DIR", default=default, help="its data directory, if not the usual one")
    parser.add_argument(
        "--json", action="store_true", default=default or False, help="print the result as JSON"
    )


def _command_name(arguments: Sequence[str]) -> str | None:
    """Return the first word that is neither an option nor an option's value."""
    remaining = iter(arguments)
    for argument in remaining:
        if argument in ("--app", "--data-dir", "--print-completion"):
            next(remaining, None)
        elif not argument.startswith("-"):
            return argument
    return None


def _load(groups: Iterable[_Group]) -> Iterator[Command]:
    for group in groups:
        yield from import_module(group.module, __package__).COMMANDS


# -- the streams --------------------------------------------------------------------------


@contextlib.contextmanager
def _usable_streams(console: Console) -> Iterator[Console]:
    """Give *console* with streams that take every character and are there even when they were closed."""
    with contextlib.ExitStack() as opened:
        streams = []
        for given in (console.out, console.err):
            stream = given
            if stream is None:  # closed when we were started
                stream = opened.enter_context(open(os.devnull, "w", encoding="utf-8"))
            elif isinstance(stream, io.TextIOWrapper):
                # A file's name, or a stranger's word, may hold what the terminal's encoding cannot.
                stream.reconfigure(errors="backslashreplace")
            streams.append(stream)
        yield replace(console, out=streams[0], err=streams[1])
        for stream in streams:
            _let_go(stream)


def _let_go(stream: IO[str]) -> None:
    """Flush *stream*; when nobody takes it any more, see that the interpreter does not complain at its exit."""
    try:
        stream.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)
