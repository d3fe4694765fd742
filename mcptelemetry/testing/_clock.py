"""
A clock that stands still until it is told to move.

Wall and monotonic time advance together, so that a test of an interval, a back-off or a
date needs neither a wait nor a guess.
"""

from __future__ import annotations

import threading

__all__ = ["FakeClock"]


class FakeClock:
    """
    A `Clock` for tests; the clock itself may be called too, as `time.time` is.

    *time* is the Unix time at the beginning, *monotonic* what `monotonic()` returns then.
    Safe from any thread.
    """

    def __init__(self, time: float = 1_780_000_000.0, monotonic: float = 1_000.0) -> None:
        self._lock = threading.Lock()
        self._time = float(time)  # guarded by _lock, as is the next
        self._monotonic = float(monotonic)

    def __repr__(self) -> str:
        return f"FakeClock(time={self._time}, monotonic={self._monotonic})"

    def __call__(self) -> float:
        return self.time()

    def time(self) -> float:
        """Return Unix seconds."""
        with self._lock:
            return self._time

    def monotonic(self) -> float:
        """Return seconds that only ever rise."""
        with self._lock:
            return self._monotonic

    def advance(self, secs: float) -> None:
        """Let *secs* seconds pass; `ValueError` when they are negative (see `step()`)."""
        if not secs >= 0:
            msg = f"secs={secs!r} is not usable: time goes on; step() sets the wall clock back"
            raise ValueError(msg)
        with self._lock:
            self._time += secs
            self._monotonic += secs

    def step(self, secs: float) -> None:
        """Set the wall clock on, or back, by *secs*; monotonic time does not notice."""
        with self._lock:
            self._time += secs
