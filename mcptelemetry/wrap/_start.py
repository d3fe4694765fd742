"""
From a command to a process: started behind the wrapper, or become by it.

On POSIX the child is forked by hand, before this process has a second thread: only so can
everything about signals be put right between the fork and the command (the dispositions and
the mask as we found them, the parent-death signal), and nothing that comes meanwhile be lost.
Elsewhere `subprocess` starts it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Sequence

from ..errors import TelemetryError
from ._environ import environment_without

__all__ = ["CAN_FORK", "CommandNotStarted", "NoProcessLeft", "become", "refused", "start_child"]

CAN_FORK = hasattr(os, "fork")
"""False on Windows."""


class CommandNotStarted(TelemetryError):
    """
    The wrapped command could not be started; the message says which one and why.

    *exit_code* is what a shell gives: 127 when it was not found, else 126.
    """

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class NoProcessLeft(TelemetryError):
    """The system gives this user no further process."""


def become(command: Sequence[str], withheld: Collection[str], restore_signals: Callable[[], None]) -> None:
    """
    Let *command* take this process's place: descriptors, signals and environment as they were found.

    Returns only by raising `CommandNotStarted`. POSIX only.
    """
    restore_signals()
    try:
        os.execvpe(command[0], list(command), environment_without(withheld))  # noqa: S606  that is what wrap is for
    except (OSError, ValueError) as error:
        raise refused(command, error) from None


def refused(command: Sequence[str], error: Exception) -> CommandNotStarted:
    """Return what there is to say when *command* could not be run because of *error*."""
    program = command[0]
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        msg = f"command not found: {program}: check its spelling and PATH, or give its full path"
        first, _, rest = program.partition(" ")
        if len(command) == 1 and rest.strip():
            msg = f"command not found: {program}: give its words separately, without quotes around them all: {first} …"
        return CommandNotStarted(msg, 127)
    reason = getattr(error, "strerror", None) or str(error)
    return CommandNotStarted(f"cannot run {program}: {reason}: is it an executable file?", 126)


def start_child(
    command: Sequence[str],
    environment: dict[str, str],
    *,
    stdin: int,
    stdout: int,
    restore_signals: Callable[[], None],
    before_it_runs: Callable[[], None],
) -> tuple[int, bytes]:
    """
    Start *command* with *stdin* and *stdout* as its own; return its process id, and what came too early for it.

    The child waits until *before_it_runs* has been called. The second result names
    the signals (one byte each) that reached it before that, while they were blocked. Call it
    with signals blocked, in a process with one thread. Raises `CommandNotStarted`, and
    `NoProcessLeft` when there is none to be had.
    """
    die_with_parent = _prepare_to_die_with(os.getpid())
    gate_reader, gate_writer = os.pipe()
    news_reader, news_writer = os.pipe()
    try:
        pid = os.fork()
    except OSError as error:
        for descriptor in (gate_reader, gate_writer, news_reader, news_writer):
            os.close(descriptor)
        msg = f"no process can be started: {error.strerror}"
        raise NoProcessLeft(msg) from None
    if pid == 0:
        _run(command, environment, (stdin, stdout), (gate_reader, gate_writer, news_writer), (die_with_parent, restore_signals))
    os.close(gate_reader)
    os.close(news_writer)
    try:
        before_it_runs()
        os.write(gate_writer, b".")
    finally:
        os.close(gate_writer)
    early, error_number = _read_news(news_reader)
    os.close(news_reader)
    if error_number is not None:
        os.waitpid(pid, 0)
        raise refused(command, OSError(error_number, os.strerror(error_number)))
    return pid, early


def _run(
    command: Sequence[str],
    environment: dict[str, str],
    streams: tuple[int, int],
    pipes: tuple[int, int, int],
    steps: tuple[Callable[[], None], Callable[[], None]],
) -> None:
    """Be the child: wait at the gate, put everything right, run *command*; never return."""
    try:
        gate, gate_writer, news = pipes
        os.close(gate_writer)
        die_with_parent, restore_signals = steps
        die_with_parent()
        if not os.read(gate, 1):
            os._exit(127)  # our parent has gone
        import signal

        os.write(news, bytes(signal.sigpending()))
        # Never the same number: both ends are above the three, which are all in use.
        for descriptor, own in zip(streams, (0, 1)):
            os.dup2(descriptor, own)
        restore_signals()
        os.execvpe(command[0], list(command), environment)  # noqa: S606  likewise
    except OSError as error:
        os.write(news, b"\0%d" % (error.errno or 0))
    except ValueError:  # a NUL in a word
        import errno

        os.write(news, b"\0%d" % errno.EINVAL)
    finally:
        os._exit(127)


def _read_news(reader: int) -> tuple[bytes, int | None]:
    """Return the signals that came too early for the child, and the number of the error that kept it from running."""
    said = b""
    while piece := os.read(reader, 1024):
        said += piece
    early, _, error = said.partition(b"\0")
    return early, int(error) if error else None


def _prepare_to_die_with(parent: int) -> Callable[[], None]:
    """
    Return what a child of *parent* calls to be killed when the thread that forked it ends, however it ends.

    Linux only: elsewhere the child learns of it by its pipes alone.
    """
    if not sys.platform.startswith("linux"):
        return lambda: None
    try:
        import ctypes

        control = ctypes.CDLL(None).prctl
    except (ImportError, OSError, AttributeError):  # an interpreter, or a C library, without it
        return lambda: None

    def die_with_parent() -> None:
        control(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it went before that was said
            os._exit(127)

    return die_with_parent


_PR_SET_PDEATHSIG = 1
_SIGKILL = 9
