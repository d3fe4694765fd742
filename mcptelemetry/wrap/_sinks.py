"""
Writing without waiting, to descriptors of which only some are our own.

A pipe of ours may be told not to block. The client's may not: that would hold for everybody
who shares it. A pipe is opened anew for us alone, a socket is told with each piece, and to
anything else no more is given at a time than it takes without blocking once it is ready.
"""

from __future__ import annotations

import contextlib
import os
import select
import stat
from collections.abc import Callable
from functools import partial
from typing import Union

__all__ = ["Sink", "clients_sink", "own_sink"]

# POSIX: a pipe that is ready for writing takes this many bytes without blocking.
_PORTION_BYTES = getattr(select, "PIPE_BUF", 512)


class Sink:
    """
    Where bytes go: a *descriptor* to wait for and to close, and *write*, which says how many bytes it took.

    *takes_at_once*: it may be written to before it has been waited for; then `BlockingIOError`
    says that it takes nothing now.
    """

    __slots__ = ("descriptor", "takes_at_once", "write")

    def __init__(self, descriptor: int, write: Callable[[Union[bytes, memoryview]], int], *, takes_at_once: bool) -> None:
        self.descriptor = descriptor
        self.write = write
        self.takes_at_once = takes_at_once

    def close(self) -> None:
        """Let the far side see the end."""
        with contextlib.suppress(OSError):
            os.close(self.descriptor)


def own_sink(descriptor: int) -> Sink:
    """Return the sink of a pipe that nobody shares with us."""
    os.set_blocking(descriptor, False)
    return Sink(descriptor, partial(os.write, descriptor), takes_at_once=True)


def clients_sink(descriptor: int) -> Sink:
    """Return the sink of a descriptor that others may share; it takes *descriptor* over."""
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISFIFO(kind):
        with contextlib.suppress(OSError):  # not Linux, another user's, or its reader has gone
            ours = os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK)
            os.close(descriptor)
            return Sink(ours, partial(os.write, ours), takes_at_once=True)
    if stat.S_ISSOCK(kind):
        return _SocketSink(descriptor)
    if stat.S_ISREG(kind):
        return Sink(descriptor, partial(os.write, descriptor), takes_at_once=True)
    return Sink(descriptor, lambda piece: os.write(descriptor, piece[:_PORTION_BYTES]), takes_at_once=False)


class _SocketSink(Sink):
    """A socket, which is what clients on Node.js give their servers."""

    __slots__ = ("_socket",)

    def __init__(self, descriptor: int) -> None:
        import socket  # only who has one pays for it

        self._socket = taken = socket.socket(fileno=descriptor)
        flags = socket.MSG_DONTWAIT
        super().__init__(descriptor, lambda piece: taken.send(piece, flags), takes_at_once=True)

    def close(self) -> None:
        self._socket.close()
