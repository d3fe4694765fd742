"""
An end for bodies that do not come: where the server hands its socket over, it is shut in time.

Inside a WSGI application a read of the body may last as long as the sender likes, a byte at a
time. Nobody can interrupt it but another thread, which shuts the socket: the read then ends as
if the sender had gone. The thread exists only while bodies are read, and for a minute after.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ..system import Clock
from ._limits import BODY_SECS_MAX

__all__ = ["Deadlines"]

_TURN_SECS = 1.0
_IDLE_TURNS_MAX = 60


class Deadlines:
    """
    The bodies that are being read now, each with the moment at which its socket is shut.

    Safe between threads, and after a fork: the child begins anew.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._ends_at: dict[Any, float] = {}  # by socket; guarded by _lock
        self._is_watching = False  # guarded by _lock

    @contextmanager
    def watch(self, sock: Any) -> Iterator[None]:  # a socket, a server's wrapper of one, or None
        """Shut *sock* when the block has not ended in time; None: do nothing."""
        if sock is None:
            yield
            return
        if self._process != os.getpid():
            self._begin()
        with self._lock:
            self._ends_at[sock] = self._clock.monotonic() + BODY_SECS_MAX
            is_first, self._is_watching = not self._is_watching, True
        if is_first:
            threading.Thread(target=self._run, name="mcptelemetry-collector-deadlines", daemon=True).start()
        try:
            yield
        finally:
            with self._lock:
                self._ends_at.pop(sock, None)

    def _run(self) -> None:
        pause = threading.Event()
        idle_turns = 0
        while True:
            pause.wait(_TURN_SECS)
            now = self._clock.monotonic()
            with self._lock:
                late = [sock for sock, ends_at in self._ends_at.items() if ends_at < now]
                for sock in late:
                    # Under the lock: once the block has ended, the socket may be another request's.
                    with suppress(OSError):
                        sock.shutdown(socket.SHUT_RD)
                    del self._ends_at[sock]
                idle_turns = 0 if self._ends_at else idle_turns + 1
                if idle_turns > _IDLE_TURNS_MAX:
                    self._is_watching = False
                    return
