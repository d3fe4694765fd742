"""
How long to leave a failing endpoint alone.

Exponential with full jitter: after the n-th failure in a row, anything from one second to
2^n seconds, at most five minutes, so that a fleet which failed together does not return
together.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Backoff"]

_MIN_SECS = 1.0
_MAX_SECS = 300.0
_MAX_EXPONENT = 9  # 2^9 s is past the limit; more would only overflow


class Backoff:
    """
    Counts failures in a row and draws the delay after each.

    *uniform* draws a number between its two arguments, as `random.uniform` does.
    """

    def __init__(self, uniform: Callable[[float, float], float]) -> None:
        self._uniform = uniform
        self._failures = 0

    def next_delay_secs(self, retry_after_secs: float | None = None) -> float:
        """Count a failure; return the seconds to wait, never less than *retry_after_secs*."""
        self._failures = min(self._failures + 1, _MAX_EXPONENT)
        delay = self._uniform(_MIN_SECS, min(_MAX_SECS, 2.0**self._failures))
        return max(delay, retry_after_secs or 0.0)

    def reset(self) -> None:
        """Forget the failures: something was answered well."""
        self._failures = 0
