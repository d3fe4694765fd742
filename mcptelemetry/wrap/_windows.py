"""
The wrapped session where nothing but a socket can be waited for: a thread for each direction.

Written with Windows in mind. The console gives its signals to the child as well, so nothing
is passed on; a thread that sits in a read when the child has ended is left behind.
"""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from time import monotonic

from ._frames import CLIENT_SAID, END, SERVER_SAID
from ._lines import LineCutter
from ._start import refused
from ._watch import Recording, Watch

__all__ = ["run_child_in_threads"]

_READ_BYTES = 65_536
_SILENCE_SECS = 0.5
_END_SECS = 1.5
_WAITING_MAX = 256  # pieces; then who carries waits for who looks

_Handed = tuple[bytes, int, float]


def run_child_in_threads(
    command: Sequence[str],
    environment: dict[str, str],
    client: tuple[int, int],
    open_recording: Callable[[], Recording | None],
    say: Callable[[str], object],
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
    handed: queue.Queue[_Handed] = queue.Queue(_WAITING_MAX)
    watcher = threading.Thread(target=_watch, args=(handed, open_recording, say), daemon=True)
    watcher.start()

    def see_request(piece: bytes) -> None:
        handed.put((piece, CLIENT_SAID, monotonic()))

    def see_answer(piece: bytes) -> None:
        handed.put((piece, SERVER_SAID, monotonic()))

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
    handed.put((b"", END, monotonic()))
    watcher.join(_END_SECS)
    return exit_status


def _watch(
    handed: queue.Queue[_Handed], open_recording: Callable[[], Recording | None], say: Callable[[str], object]
) -> None:
    """Look at what the two directions hand over, in their order, until the end."""
    watch = Watch(open_recording, say)
    cutters = {CLIENT_SAID: LineCutter(), SERVER_SAID: LineCutter()}
    while True:
        piece, kind, at = handed.get()
        if kind == END:
            watch.finish(at)
            return
        block = cutters[kind].feed(piece) if piece else cutters[kind].rest()
        if block is not None:
            watch.look(block, at, is_client=kind == CLIENT_SAID)
        if not piece and kind == CLIENT_SAID:
            watch.hurry()
        if handed.empty():
            watch.rest()


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
