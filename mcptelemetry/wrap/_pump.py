"""
Carrying bytes from one descriptor to another, unchanged and unbuffered.

Where the platform can wait for several descriptors at once, a pump never sits in a read or
a write: it can be stopped at any time, it notices at once that a reader went away, and its
writes do not block while it holds the lock under which bytes are looked at.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
from collections.abc import Callable

__all__ = ["CAN_POLL", "Pump"]

CAN_POLL = hasattr(select, "poll")
"""False on Windows: there a pump blocks in reads and writes, and ends with its source."""

_READ_BYTES = 65_536
# POSIX: a pipe that is ready for writing takes this many bytes without blocking.
_WRITE_BYTES = getattr(select, "PIPE_BUF", 512) if CAN_POLL else _READ_BYTES


class Pump:
    """
    One direction of the conversation: a daemon thread from *source* to *sink*.

    *look* is called with every piece, and with ``b""`` at the end; it must not raise. With
    *look_first* a piece is looked at before any of it is written, else right after. Looking
    happens under *turn*, which both directions share; in the second case writing does too,
    so the other direction cannot look at a reaction before the piece that caused it.

    The pump owns both descriptors and closes them when it ends, so that each far side sees
    what it would see without us: end of file, or a closed pipe. It ends with its source or
    its sink, or when *stop* becomes readable.
    """

    def __init__(
        self,
        source: int,
        sink: int,
        look: Callable[[bytes], None],
        *,
        look_first: bool,
        turn: threading.RLock,
        stop: int,
        name: str,
    ) -> None:
        self._source = source
        self._sink = sink
        self._look = look
        self._look_first = look_first
        self._turn = turn
        self._stop = stop
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        # Read by the thread that decides when to stop; a stale value costs it one more round.
        self.pieces_read: int = 0
        self.is_writing: bool = False

    def start(self) -> None:
        """Begin to carry."""
        self._thread.start()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the end, at most *timeout* seconds; return whether it has come."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while self._wait_for_source():
                piece = os.read(self._source, _READ_BYTES)
                if not piece:
                    break
                self.pieces_read += 1
                self.is_writing = True
                if not self._pass(memoryview(piece)):
                    break
                self.is_writing = False
        except OSError:
            pass  # One of the two is gone; closing both tells the other.
        finally:
            self.is_writing = False
            with self._turn:
                self._look(b"")
            for descriptor in (self._source, self._sink):
                with contextlib.suppress(OSError):
                    os.close(descriptor)

    def _pass(self, piece: memoryview) -> bool:
        """Write the whole *piece* and have it looked at; return False when stopped."""
        if self._look_first:
            with self._turn:
                self._look(bytes(piece))
        while piece:
            if not self._wait_for_sink():
                return False
            if self._look_first:
                piece = piece[os.write(self._sink, piece[:_WRITE_BYTES]) :]
            elif CAN_POLL:
                with self._turn:
                    piece = self._write_and_look(piece)
            else:
                # This write may block, and a client that does not read must still be heard.
                piece = self._write_and_look(piece)
        return True

    def _write_and_look(self, piece: memoryview) -> memoryview:
        """Write the beginning of *piece*, have it looked at, and return the rest."""
        count = os.write(self._sink, piece[:_WRITE_BYTES])
        with self._turn:
            self._look(bytes(piece[:count]))
        return piece[count:]

    def _wait_for_source(self) -> bool:
        """Wait until there is something to read; return False when stopped or without a sink."""
        if not CAN_POLL:
            return True
        poll = select.poll()
        poll.register(self._source, select.POLLIN)
        poll.register(self._sink, 0)  # errors only: its reader has gone away
        poll.register(self._stop, select.POLLIN)
        ready = {descriptor for descriptor, _event in poll.poll()}
        return self._sink not in ready and self._stop not in ready

    def _wait_for_sink(self) -> bool:
        """Wait until the sink takes something, or fails; return False when stopped."""
        if not CAN_POLL:
            return True
        poll = select.poll()
        poll.register(self._sink, select.POLLOUT)
        poll.register(self._stop, select.POLLIN)
        ready = {descriptor for descriptor, _event in poll.poll()}
        return self._sink in ready
