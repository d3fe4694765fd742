"""
When to send: a full batch, an elapsed interval, a back-off, and the endpoint's own word.

All of it answers one question, *in how many seconds is something due*, and none of it
sends. Whoever asks expressly (a flush, the end) overrides the back-off, but never what the
endpoint asked for.
"""

from __future__ import annotations

from collections.abc import Callable

from ..system import Backoff, Clock

__all__ = ["Schedule"]


class Schedule:
    """
    The times of one pipeline, in seconds of *clock*'s monotonic time.

    Something is due when *batch_size* events wait, or *interval_secs* after the last attempt.
    *uniform* draws the back-off. Used by the worker's thread, and read by others.
    """

    def __init__(
        self, clock: Clock, uniform: Callable[[float, float], float], *, batch_size: int, interval_secs: float
    ) -> None:
        self._clock = clock
        self._backoff = Backoff(uniform)
        self.batch_size = batch_size
        self._interval_secs = float(interval_secs)
        now = clock.monotonic()
        self._attempted_at = now
        self._backs_off_until = now
        self._left_alone_until = now

    def due_in_secs(self, waiting: int, *, is_asked: bool) -> float:
        """Return the seconds until *waiting* events are due, 0 when they are; *is_asked*: expressly."""
        now = self._clock.monotonic()
        held_until = self._left_alone_until if is_asked else self._held_until
        if now < held_until:
            return held_until - now
        if is_asked or waiting >= self.batch_size:
            return 0.0
        elapsed = now - self._attempted_at
        if elapsed >= self._interval_secs and not waiting:
            self._attempted_at = now
            return self._interval_secs
        return max(0.0, self._interval_secs - elapsed)

    def begin_attempt(self) -> None:
        """Count the interval from now."""
        self._attempted_at = self._clock.monotonic()

    def postpone(self, retry_after_secs: float | None = None) -> None:
        """Back off after a failure, and leave the endpoint alone for as long as it asked."""
        now = self._clock.monotonic()
        self._backs_off_until = now + self._backoff.next_delay_secs(retry_after_secs)
        self._left_alone_until = now + (retry_after_secs or 0.0)

    def resume(self) -> None:
        """Forget every delay: something was answered well."""
        self._backoff.reset()
        self._backs_off_until = self._left_alone_until = self._clock.monotonic()

    @property
    def is_held(self) -> bool:
        """Whether nothing is sent now, however much waits."""
        return self._clock.monotonic() < self._held_until

    @property
    def left_alone_secs(self) -> float:
        """For how many seconds more the endpoint asked to be left alone; 0 or less when it did not."""
        return self._left_alone_until - self._clock.monotonic()

    @property
    def _held_until(self) -> float:
        return max(self._left_alone_until, self._backs_off_until)
