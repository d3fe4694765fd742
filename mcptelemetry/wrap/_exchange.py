"""
Both directions of the conversation, carried by one thread: unchanged, unbuffered, at once.

One thread, because the order in which it reads is then the order of cause: a request is read
before the server can answer it, an answer before the client can react. Whoever looks gets the
pieces in that order, once they have passed: the far side works on them meanwhile. It never sits in a read or a write, so it hears
signals and the child's end beside them, and notices at once that a far side went away.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from time import monotonic

from ._sinks import Sink

__all__ = ["Direction", "Exchange"]

_READ_BYTES = 65_536
_GONE = select.POLLERR | select.POLLNVAL


class Direction:
    """
    One way, from *source* to *sink*; *see* is called with each piece that was read and when, and with ``b""`` at the end.

    It owns both descriptors and closes them when it ends, so that each far side sees what it
    would see without us: end of file, or a closed pipe. It ends with its source or its sink.
    """

    def __init__(self, source: int, sink: Sink, see: Callable[[bytes, float], None]) -> None:
        self.source = source
        self.sink = sink
        self._see = see
        self.rest = memoryview(b"")  # read, and not yet taken by the sink
        self.is_open: bool = True
        self.pieces_read: int = 0

    def read(self) -> None:
        """Carry what the source has."""
        try:
            piece = os.read(self.source, _READ_BYTES)
        except BlockingIOError:  # somebody who shares it was faster
            return
        except OSError:
            self.end()
            return
        if not piece:
            self.end()
            return
        at = monotonic()
        self.pieces_read += 1
        count = 0
        if self.sink.takes_at_once:
            try:
                count = self.sink.write(piece)
            except BlockingIOError:
                pass
            except OSError:
                self._see(piece, at)
                self.end()
                return
        if count < len(piece):
            self.rest = memoryview(piece)[count:]
        self._see(piece, at)

    def write(self) -> None:
        """Give the sink what is left of the last piece."""
        try:
            self.rest = self.rest[self.sink.write(self.rest) :]
        except BlockingIOError:
            return
        except OSError:
            self.end()

    def end(self) -> None:
        """Close both ends; may be called again."""
        if not self.is_open:
            return
        self.is_open = False
        self.rest = memoryview(b"")
        self.sink.close()
        os.close(self.source)
        self._see(b"", monotonic())


class Exchange:
    """
    The *requests* and *answers* of one session, and a further descriptor, *arrivals*, that is waited for beside them.

    For one thread.
    """

    def __init__(self, requests: Direction, answers: Direction, arrivals: int) -> None:
        self.requests = requests
        self.answers = answers
        self._arrivals = arrivals
        self._poll = select.poll()
        self._poll.register(arrivals, select.POLLIN)
        self._watched: dict[int, tuple[Direction, bool]] = {}  # by descriptor: whose it is, whether it is the source
        self._is_stuck: dict[Direction, bool] = {}
        for direction in (requests, answers):
            self._watched[direction.source] = (direction, True)
            self._watched[direction.sink.descriptor] = (direction, False)
            self._ask(direction, is_stuck=False)

    def turn(self, timeout_ms: float | None) -> tuple[bool, bool]:
        """
        Wait for whatever comes, at most *timeout_ms*, and carry it.

        Return whether anything came, and whether the further descriptor became readable.
        """
        ready = self._poll.poll(timeout_ms)
        has_arrived = False
        for descriptor, events in ready:
            if descriptor == self._arrivals:
                has_arrived = True
                continue
            direction, is_source = self._watched.get(descriptor, (None, False))
            if direction is None:  # it ended a moment ago, by its other descriptor
                continue
            if is_source:
                direction.read()
            elif events & select.POLLOUT and not events & _GONE:
                direction.write()
            else:
                direction.end()  # its reader has gone away
            is_stuck = bool(direction.rest)
            if not direction.is_open:
                self._forget(direction)
            elif is_stuck is not self._is_stuck[direction]:
                self._ask(direction, is_stuck=is_stuck)
        return bool(ready), has_arrived

    def close(self) -> None:
        """End both directions."""
        for direction in (self.requests, self.answers):
            direction.end()

    def _ask(self, direction: Direction, *, is_stuck: bool) -> None:
        """Wait for the sink of *direction* while it has something for it, else for its source."""
        self._is_stuck[direction] = is_stuck
        # Without POLLOUT only for the news that its reader has gone away.
        self._poll.register(direction.sink.descriptor, select.POLLOUT if is_stuck else 0)
        if is_stuck:
            self._poll.unregister(direction.source)
        else:
            self._poll.register(direction.source, select.POLLIN)

    def _forget(self, direction: Direction) -> None:
        """Wait no longer for *direction*, whose numbers the process may give to something else."""
        for descriptor in (direction.source, direction.sink.descriptor):
            del self._watched[descriptor]
            try:
                self._poll.unregister(descriptor)
            except KeyError:
                continue
