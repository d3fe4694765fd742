"""How often something may be done: a number in any hour, whatever the clock of the machine says."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["RateLimiter"]

_HOUR_SECS = 3600.0


class RateLimiter:
    """
    At most *max_per_hour* in any hour; *clock* gives seconds that only rise.

    Safe from any thread. A *max_per_hour* below 0 is a `ValueError`.
    """

    def __init__(self, max_per_hour: int, clock: Callable[[], float] = time.monotonic) -> None:
        if isinstance(max_per_hour, bool) or not isinstance(max_per_hour, int) or max_per_hour < 0:
            msg = f"max_per_hour={max_per_hour!r} is not usable: give a whole number, 0 or more"
            raise ValueError(msg)
        self._max = max_per_hour
        self._clock = clock
        self._allowed_at: dict[object, float] = {}  # in order; each change is one step of the interpreter

    def allow(self) -> bool:
        """Return whether one more fits into the hour that ends now, and count it if so."""
        now = self._clock()
        for earlier, at in tuple(self._allowed_at.items()):
            if now - at >= _HOUR_SECS:
                self._allowed_at.pop(earlier, None)
        # Counted first, and looked at then: of two who come at once only one is in time.
        mine = object()
        self._allowed_at[mine] = now
        is_in_time = tuple(self._allowed_at).index(mine) < self._max
        if not is_in_time:
            self._allowed_at.pop(mine, None)
        return is_in_time
