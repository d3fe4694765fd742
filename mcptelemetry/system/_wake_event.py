"""
A wake-up call that anybody can make, whatever they were interrupted in.

The one who waits makes what it waits on, anew for each wait: nothing that was made before a
fork, or before `gevent.monkey.patch_all()`, is waited on after it. Ringing enters no lock: a
signal handler, a destructor or a forked child can make it while the very thread it interrupted
is ringing or waiting.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic as read_monotonic

__all__ = ["WakeEvent"]


class WakeEvent:
    """For one waiter; a wake_event that was set before the wait ends it at once."""

    def __init__(self) -> None:
        self._is_set = False
        self._silence: threading.Lock | None = None  # held, by nobody, as long as somebody waits

    def set(self) -> None:
        """End a present or the next wait."""
        self._is_set = True
        silence = self._silence
        try:
            if silence is not None:
                silence.release()
        except RuntimeError:
            pass  # it was set already

    def wait(self, timeout: float | None) -> bool:
        """Wait at most *timeout* seconds (None: for ever); return whether it was set."""
        secs = -1.0 if timeout is None else min(max(0.0, timeout), threading.TIMEOUT_MAX)
        silence = threading.Lock()
        silence.acquire()
        # In this order, and ringing in the other: one of the two sees the other.
        self._silence = silence
        if not self._is_set:
            silence.acquire(timeout=secs)
        self._silence = None
        is_set, self._is_set = self._is_set, False
        return is_set

    def wait_for(self, is_over: Callable[[], bool], timeout: float | None) -> bool:
        """Wait until *is_over()*, asked after every `set()`; return its last answer."""
        ends_at = None if timeout is None else read_monotonic() + timeout
        while not is_over():
            left = None if ends_at is None else ends_at - read_monotonic()
            if (left is not None and left <= 0) or not self.wait(left):
                return is_over()
        return True
