"""How often something may be done: a number in any hour, whatever the clock of the machine says."""

from __future__ import annotations

import threading
import time
from collections import deque
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
        self._lock = threading.Lock()
        self._allowed_at: deque[float] = deque()  # guarded by _lock

    def allow(self) -> bool:
        """Return whether one more fits into the hour that ends now, and count it if so."""
        now = self._clock()
        with self._lock:
            while self._allowed_at and now - self._allowed_at[0] >= _HOUR_SECS:
                self._allowed_at.popleft()
            if len(self._allowed_at) >= self._max:
                return False
            self._allowed_at.append(now)
            return True
