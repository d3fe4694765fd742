"""
What was refused: counted by reason, and said in one line a minute.

A collector that refuses must be heard by whoever runs it, and a flood of refusals must not
become a flood of lines. No line says who was refused: nobody's address is kept.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Mapping

from ..system import Clock
from ..vocabulary import EVENTS_PATH, FEEDBACK_PATH, HEARTBEAT_PATH, SHORT_EVENTS_PATH
from .stores import Refused

__all__ = ["OUTAGE", "Refusals"]

_log = logging.getLogger(__name__)

OUTAGE = "store"
"""The reason to refuse when the store cannot be used."""

_LINE_EVERY_SECS = 60.0


# What is refused elsewhere is no document.
_STREAM_OF_PATH = {
    EVENTS_PATH: "events",
    SHORT_EVENTS_PATH: "events",
    HEARTBEAT_PATH: "heartbeats",
    FEEDBACK_PATH: "feedback",
}


class Refusals:
    """
    How often each reason to refuse came, since the application was made.

    Safe between threads. What was refused in the last minute of a process that is killed is in no store.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()  # guarded by _lock, as are the others
        self._unsaid: Counter[str] = Counter()
        self._unstored: Counter[Refused] = Counter()
        self._say_from = clock.monotonic()

    def count(self, reason: str, path: str, number: int = 1) -> Mapping[Refused, int]:
        """
        Count *number* refusals for *reason* at *path*; say them when the last line is a minute old.

        Returns what is to be put into the store then, mostly nothing.
        """
        now = self._clock.monotonic()
        stream = _STREAM_OF_PATH.get(path)
        with self._lock:
            self._counts[reason] += number
            if stream is not None:
                self._unstored[Refused(stream, reason)] += number
            if reason == OUTAGE:  # said in a line of its own, and the store is the last to be told
                return {}
            self._unsaid[reason] += number
            if now < self._say_from:
                return {}
            self._say_from = now + _LINE_EVERY_SECS
            unsaid, self._unsaid = self._unsaid, Counter()
            unstored = self._take_unstored()
        shown = ", ".join(f"{name} {count}" for name, count in sorted(unsaid.items()))
        _log.warning("the collector refused what was sent to it, by reason: %s", shown)
        return unstored

    def take_unstored(self) -> Mapping[Refused, int]:
        """Return what is still to be put into the store."""
        with self._lock:
            return self._take_unstored()

    def _take_unstored(self) -> Mapping[Refused, int]:
        unstored, self._unstored = self._unstored, Counter()
        return unstored

    def counts(self) -> dict[str, int]:
        """Return how often each reason came."""
        with self._lock:
            return dict(sorted(self._counts.items()))
