"""
Running a stdio server behind the wrapper: process, pipes, exit status.

Bytes pass first and looking comes second, so everything that looks is caught here and
counts for nothing. The process's own standard streams are taken away for the child's
bytes, so that nothing else can ever be printed into the conversation.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Sequence

from ..errors import TelemetryError
from ._conversation import Conversation
from ._lines import LineCutter
from ._pump import CAN_POLL, Pump
from ._signals import SignalRelay

__all__ = ["CommandNotStarted", "run_wrapped", "take_standard_streams"]

_SILENCE_SECS = 0.5
_JOIN_SECS = 1.0


class CommandNotStarted(TelemetryError):
    """
    The wrapped command could not be started; the message says which one and why.

    *exit_code* is what a shell gives: 127 when it was not found, else 126.
    """

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def take_standard_streams() -> tuple[int, int]:
    """
    Return descriptors of the process's standard input and output, and detach the process from them.

    Afterwards descriptors 0 and 1 lead to the null device: whatever a library prints does
    not reach the client, and closing the returned ones is seen by it. For a main program
    only. The descriptors are not inherited by children.
    """
    if sys.stdout is not None:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
    taken = []
    for descriptor, mode in ((0, os.O_RDONLY), (1, os.O_WRONLY)):
        null = os.open(os.devnull, mode)
        try:
            copy = os.dup(descriptor)
        except OSError:  # closed when we were started: nothing to read, nobody to write to
            copy = os.dup(null)
        if null != descriptor:
            os.dup2(null, descriptor)
            os.close(null)
        taken.append(_binary(copy))
    return taken[0], taken[1]


def run_wrapped(
    command: Sequence[str],
    conversation: Conversation,
    *,
    client_input: int,
    client_output: int,
    signals: SignalRelay | None = None,
    clock: Callable[[], float] = time.monotonic,
    withheld: Collection[str] = (),
) -> int:
    """
    Run *command* with its standard input and output carried to and from the client.

    *client_input* and *client_output* are descriptors that this function closes. *withheld* are
    the environment variables that the child does not get: the secrets of our own way out. Returns
    the exit status: the child's, or 128 and the number of the signal that ended it. Raises
    `CommandNotStarted` when there is no child. *conversation* has seen the end of every
    call when this returns.

    It returns when the child has ended and its output has been passed on. A grandchild
    that holds the output open is carried on for as long as it goes on writing; after half
    a second of silence nobody waits for it.
    """
    signals = signals if signals is not None else SignalRelay()
    child_input, to_child = _pipe()
    from_child, child_output = _pipe()
    try:
        child = _start(command, child_input, child_output, withheld)
    except BaseException:
        for descriptor in (to_child, from_child, client_input, client_output):
            os.close(descriptor)
        raise
    finally:
        os.close(child_input)
        os.close(child_output)
    signals.serve(child)

    turn = threading.RLock()
    stop_reader, stop_writer = os.pipe()
    requests = Pump(
        client_input,
        to_child,
        _looker(conversation.client_line, clock),
        look_first=True,
        turn=turn,
        stop=stop_reader,
        name="mcptelemetry-wrap-requests",
    )
    answers = Pump(
        from_child,
        client_output,
        _looker(conversation.server_line, clock),
        look_first=False,
        turn=turn,
        stop=stop_reader,
        name="mcptelemetry-wrap-answers",
    )
    requests.start()
    answers.start()
    exit_code = child.wait()

    _drain(answers, signals)
    os.write(stop_writer, b".")
    # Without poll the request pump may sit in a read for ever; it is a daemon and holds no lock.
    ended = [pump.join(_JOIN_SECS if CAN_POLL else 0) for pump in (answers, requests)]
    if all(ended):
        os.close(stop_reader)
        os.close(stop_writer)
    with turn, contextlib.suppress(Exception):
        conversation.finish(clock())
    return 128 - exit_code if exit_code < 0 else exit_code


def _start(command: Sequence[str], child_input: int, child_output: int, withheld: Collection[str]) -> subprocess.Popen[bytes]:
    program = command[0]
    # Only there the search needs help: PATHEXT is known to the shell, not to CreateProcess.
    found = shutil.which(program) if sys.platform == "win32" else None
    try:
        return subprocess.Popen(
            [found or program, *command[1:]],
            stdin=child_input,
            stdout=child_output,
            env=_environment(withheld),
            # What the client hands down to its server beyond the three streams must arrive;
            # our own descriptors are not inheritable.
            close_fds=False,
        )
    except FileNotFoundError:
        msg = f"command not found: {program}: check its spelling and PATH, or give its full path"
        raise CommandNotStarted(msg, 127) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        msg = f"cannot run {program}: {reason}: is it an executable file?"
        raise CommandNotStarted(msg, 126) from None


def _environment(withheld: Collection[str]) -> dict[str, str] | None:
    """
    Return the environment that we were given, but for *withheld*; None stands for the present one.

    Python sets LC_CTYPE for itself in a bare C locale, which is what MCP clients start a
    server in; the child must not inherit that. Only Linux tells what was there before.
    """
    try:
        with open("/proc/self/environ", "rb") as file:
            given = file.read().split(b"\0")
    except OSError:
        given = None
    if given is None and not any(name in os.environ for name in withheld):
        return None
    environment = dict(os.environ)
    for name in withheld:
        environment.pop(name.upper() if sys.platform == "win32" else name, None)
    if given is not None and not any(entry.startswith(b"LC_CTYPE=") for entry in given):
        environment.pop("LC_CTYPE", None)
    return environment


def _drain(answers: Pump, signals: SignalRelay) -> None:
    """Wait until what the ended child wrote has been passed on, and who holds its output is silent."""
    while not signals.unheard:
        pieces_before = answers.pieces_read
        if answers.join(_SILENCE_SECS):
            return
        if answers.pieces_read == pieces_before and not answers.is_writing:
            return


def _looker(look: Callable[[bytes, float], None], clock: Callable[[], float]) -> Callable[[bytes], None]:
    """Return what a pump calls with each piece of one direction, and with ``b""`` at its end."""
    cutter = LineCutter()

    def look_at(piece: bytes) -> None:
        # Out of memory, a defect of ours: whatever it is, the bytes must go on passing.
        with contextlib.suppress(Exception):
            for line in cutter.feed(piece) if piece else cutter.rest():
                look(line, clock())

    return look_at


def _pipe() -> tuple[int, int]:
    reader, writer = os.pipe()
    return _binary(reader), _binary(writer)


def _binary(descriptor: int) -> int:
    """Return *descriptor*, which passes bytes as they are (Windows would translate line ends)."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(descriptor, os.O_BINARY)
    return descriptor
