"""
What was refused: counted by reason, and said in one line a minute.

A collector that refuses must be heard by whoever runs it, and a flood of refusals must not
become a flood of lines. No line says who was refused: nobody's address is kept.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter

from ..system import Clock

__all__ = ["Refusals"]

_log = logging.getLogger(__name__)

_LINE_EVERY_SECS = 60.0


class Refusals:
    """
    How often each reason to refuse came, since the application was made.

    Safe between threads.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()  # guarded by _lock
        self._unsaid: Counter[str] = Counter()  # guarded by _lock
        self._say_from = clock.monotonic()  # guarded by _lock

    def count(self, reason: str, number: int = 1) -> None:
        """Count *number* refusals for *reason*; say them when the last line is a minute old."""
        now = self._clock.monotonic()
        with self._lock:
            self._counts[reason] += number
            self._unsaid[reason] += number
            if now < self._say_from:
                return
            self._say_from = now + _LINE_EVERY_SECS
            unsaid, self._unsaid = self._unsaid, Counter()
        shown = ", ".join(f"{name} {count}" for name, count in sorted(unsaid.items()))
        _log.warning("the collector refused what was sent to it, by reason: %s", shown)

    def counts(self) -> dict[str, int]:
        """Return how often each reason came."""
        with self._lock:
            return dict(sorted(self._counts.items()))
