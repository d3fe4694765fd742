"""
How often a wrong token is looked at: so many times a minute, whoever offers it and however.

One count for all ways that a token may come, and for all who send one: to count by sender one
would have to remember who they are. While the count is full nobody learns whether a token is the
right one, since a limit that lets the right one through limits nothing.
"""

from __future__ import annotations

import math
import threading
from collections import deque

from ..system import Clock
from ._requests import Refusal

__all__ = ["GUESSES_A_MINUTE", "Guesses", "TooManyGuesses"]

GUESSES_A_MINUTE = 200
"""More than people who mistype, less than it takes to try the words of a dictionary."""

_WINDOW_SECS = 60.0


class TooManyGuesses(Refusal):
    """So many wrong tokens came in the last minute that none is looked at now."""

    def __init__(self, wait_secs: float) -> None:
        wait = (("Retry-After", str(max(1, math.ceil(wait_secs)))),)
        super().__init__(429, "too many wrong tokens; try again in a minute", wait, reason="guesses")


class Guesses:
    """Judges at most *most* wrong tokens in any sixty seconds. Safe between threads."""

    def __init__(self, most: int, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._wrong_at: deque[float] = deque(maxlen=most)  # guarded by _lock

    def judge(self, is_right: bool) -> bool:  # noqa: FBT001  the outcome that is told on, or not
        """Return *is_right*, the outcome of a comparison; raise `TooManyGuesses` when it is not to be known."""
        now = self._clock.monotonic()
        with self._lock:
            if len(self._wrong_at) == self._wrong_at.maxlen:
                wait_secs = self._wrong_at[0] + _WINDOW_SECS - now
                if wait_secs > 0:
                    raise TooManyGuesses(wait_secs)
            if not is_right:
                self._wrong_at.append(now)
        return is_right
