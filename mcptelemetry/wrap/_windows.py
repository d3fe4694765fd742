"""
The wrapped session where nothing but a socket can be waited for: a thread for each direction.

Written with Windows in mind. The console gives its signals to the child as well, so nothing
is passed on; a thread that sits in a read when the child has ended is left behind.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence

from ._signals import SignalRelay
from ._start import refused
from ._watch import Watch

__all__ = ["run_child"]

_READ_BYTES = 65_536
_SILENCE_SECS = 0.5


def run_child(
    command: Sequence[str], environment: dict[str, str], client: tuple[int, int], watch: Watch, _signals: SignalRelay
) -> int:
    """Run *command* between the two descriptors of the *client*; see `run_wrapped`."""
    program = command[0]
    # PATHEXT is known to the shell, not to CreateProcess.
    found = shutil.which(program) if sys.platform == "win32" else None
    try:
        child = subprocess.Popen(
            [found or program, *command[1:]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env=environment,
            close_fds=False,
        )
    except (OSError, ValueError) as error:
        raise refused(command, error) from None
    assert child.stdin is not None
    assert child.stdout is not None
    watch.start()
    turn = threading.Lock()  # the two directions hand over one at a time

    def see_request(piece: bytes) -> None:
        with turn:
            watch.see(piece, is_client=True)
            if not piece:
                watch.hurry()

    def see_answer(piece: bytes) -> None:
        with turn:
            watch.see(piece, is_client=False)

    requests = _Pump(client[0], os.dup(child.stdin.fileno()), see_request)
    answers = _Pump(os.dup(child.stdout.fileno()), client[1], see_answer)
    child.stdin.close()
    child.stdout.close()
    requests.start()
    answers.start()
    exit_status = child.wait()
    pieces_read = -1
    while answers.is_alive() and (answers.is_writing or answers.pieces_read != pieces_read):
        pieces_read = answers.pieces_read
        answers.join(_SILENCE_SECS)
    return exit_status


class _Pump(threading.Thread):
    """One direction, from *source* to *sink*, both of which it closes; *see* is called with each piece before it passes."""

    def __init__(self, source: int, sink: int, see: Callable[[bytes], None]) -> None:
        super().__init__(name="mcptelemetry-wrap-pump", daemon=True)
        self._source = _binary(source)
        self._sink = _binary(sink)
        self._see = see
        self.pieces_read: int = 0
        self.is_writing: bool = False

    def run(self) -> None:
        with contextlib.suppress(OSError):  # one of the two is gone; closing both tells the other
            while piece := os.read(self._source, _READ_BYTES):
                self.pieces_read += 1
                self.is_writing = True
                self._see(piece)
                rest = memoryview(piece)
                while rest:
                    rest = rest[os.write(self._sink, rest) :]
                self.is_writing = False
        self.is_writing = False
        self._see(b"")
        for descriptor in (self._source, self._sink):
            with contextlib.suppress(OSError):
                os.close(descriptor)


def _binary(descriptor: int) -> int:
    """Return *descriptor*, which passes bytes as they are (Windows would translate line ends)."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(descriptor, os.O_BINARY)
    return descriptor
