"""
How long to leave a failing endpoint alone.

Exponential with full jitter: after the n-th failure in a row, anything from one second to
2^n seconds, at most five minutes, so that a fleet which failed together does not return
together. Whoever keeps the number of failures elsewhere (a database) asks the formula itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable

__all__ = ["Backoff", "draw_backoff_secs", "draw_uniform"]

_MIN_SECS = 1.0
_MAX_SECS = 300.0
_MAX_EXPONENT = 9  # 2^9 s is past the limit; more would only overflow


def draw_uniform(low: float, high: float) -> float:
    """Return a number from *low* to *high*, drawn from the system: `random` is loaded for nothing else."""
    return low + (high - low) * (int.from_bytes(os.urandom(6), "big") / 2**48)


def draw_backoff_secs(
    failures: int, uniform: Callable[[float, float], float], retry_after_secs: float | None = None
) -> float:
    """
    Return the seconds to wait after *failures* in a row, never less than *retry_after_secs*.

    *uniform* draws a number between its two arguments, as `draw_uniform` does.
    """
    delay = uniform(_MIN_SECS, min(_MAX_SECS, 2.0 ** min(failures, _MAX_EXPONENT)))
    return max(delay, retry_after_secs or 0.0)


class Backoff:
    """Counts failures in a row and draws the delay after each; *uniform* as `draw_uniform`."""

    def __init__(self, uniform: Callable[[float, float], float]) -> None:
        self._uniform = uniform
        self._failures = 0

    def next_delay_secs(self, retry_after_secs: float | None = None) -> float:
        """Count a failure; return the seconds to wait, never less than *retry_after_secs*."""
        self._failures = min(self._failures + 1, _MAX_EXPONENT)
        return draw_backoff_secs(self._failures, self._uniform, retry_after_secs)

    def reset(self) -> None:
        """Forget the failures: something was answered well."""
        self._failures = 0
