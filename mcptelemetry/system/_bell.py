"""
A wake-up call that anybody can ring, whatever they were interrupted in.

Ringing is one call into the interpreter and takes no lock: a signal handler, a destructor
or a forked child can ring while the very thread it interrupted is ringing or waiting.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic as read_monotonic

__all__ = ["Bell"]


class Bell:
    """For one waiter; a bell that was rung before the wait ends it at once."""

    def __init__(self) -> None:
        self._silence = threading.Lock()
        self._silence.acquire()

    def ring(self) -> None:
        """End a present or the next wait."""
        try:  # noqa: SIM105  no more steps than needed: an interruption may come between any two
            self._silence.release()
        except RuntimeError:
            pass  # it was rung already

    def wait(self, timeout: float | None) -> bool:
        """Wait at most *timeout* seconds (None: for ever); return whether it was rung."""
        secs = -1.0 if timeout is None else min(max(0.0, timeout), threading.TIMEOUT_MAX)
        return self._silence.acquire(timeout=secs)

    def wait_for(self, is_over: Callable[[], bool], timeout: float | None) -> bool:
        """Wait until *is_over()*, asked after every ring; return its last answer."""
        ends_at = None if timeout is None else read_monotonic() + timeout
        while not is_over():
            left = None if ends_at is None else ends_at - read_monotonic()
            if (left is not None and left <= 0) or not self.wait(left):
                return is_over()
        return True
