"""
A wake-up call that anybody can ring, whatever they were interrupted in.

The one who waits makes what it waits on, anew for each wait: nothing that was made before a
fork, or before `gevent.monkey.patch_all()`, is waited on after it. Ringing enters no lock: a
signal handler, a destructor or a forked child can ring while the very thread it interrupted
is ringing or waiting.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic as read_monotonic

__all__ = ["Bell"]


class Bell:
    """For one waiter; a bell that was rung before the wait ends it at once."""

    def __init__(self) -> None:
        self._is_rung = False
        self._silence: threading.Lock | None = None  # held, by nobody, as long as somebody waits

    def ring(self) -> None:
        """End a present or the next wait."""
        self._is_rung = True
        silence = self._silence
        try:
            if silence is not None:
                silence.release()
        except RuntimeError:
            pass  # it was rung already

    def wait(self, timeout: float | None) -> bool:
        """Wait at most *timeout* seconds (None: for ever); return whether it was rung."""
        secs = -1.0 if timeout is None else min(max(0.0, timeout), threading.TIMEOUT_MAX)
        silence = threading.Lock()
        silence.acquire()
        # In this order, and ringing in the other: one of the two sees the other.
        self._silence = silence
        if not self._is_rung:
            silence.acquire(timeout=secs)
        self._silence = None
        is_rung, self._is_rung = self._is_rung, False
        return is_rung

    def wait_for(self, is_over: Callable[[], bool], timeout: float | None) -> bool:
        """Wait until *is_over()*, asked after every ring; return its last answer."""
        ends_at = None if timeout is None else read_monotonic() + timeout
        while not is_over():
            left = None if ends_at is None else ends_at - read_monotonic()
            if (left is not None and left <= 0) or not self.wait(left):
                return is_over()
        return True
