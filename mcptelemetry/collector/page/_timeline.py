"""
A period cut into spans, as the stores cut it: hours, days, or weeks that begin on Monday, in UTC.

A chart has as many points as its timeline has spans, whatever a store leaves out: a span without
calls is a zero and not a gap.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Optional

from ..stores import DAY_SECS, HOUR_SECS, WEEK_SECS, span_offset_secs
from ._moments import as_span

__all__ = ["SPANS_SHOWN_MAX", "Timed", "Timeline", "step_of"]

SPANS_SHOWN_MAX = 1000
"""More points than a screen has pixels tell nobody anything."""

# The length of a span, and how many of them are shown at most before the next length is taken.
_STEPS = (
    (HOUR_SECS, 72),
    (DAY_SECS, 120),
    (WEEK_SECS, 160),
    (4 * WEEK_SECS, 160),
    (13 * WEEK_SECS, 160),
)
_LAST_STEP_SECS = 52 * WEEK_SECS


def step_of(since: int, until: int) -> int:
    """Return into spans of how many seconds a period is best cut, so that a person can read it."""
    for step_secs, most in _STEPS:
        if until - since <= step_secs * most:
            return step_secs
    return _LAST_STEP_SECS * (
        1 + (until - since) // (_LAST_STEP_SECS * (SPANS_SHOWN_MAX - 1))
    )  # the first may begin before the period


@dataclass(frozen=True)
class Timeline:
    """
    The spans of *step_secs* from the one in which *since* lies up to *until*.

    Those that begin after *now* have not come yet, and one that has not ended by then is not
    whole; None as *now* stands for a time after all of them. Raises `ValueError` for a step that
    is not of whole hours, a period that ends before it begins, and more spans than can be shown.
    """

    since: int
    until: int
    step_secs: int
    now: float | None = None

    def __post_init__(self) -> None:
        span_offset_secs(self.step_secs)
        if self.since >= self.until:
            msg = f"the period ends (until={self.until}) before it has begun (since={self.since})"
            raise ValueError(msg)
        if len(self) > SPANS_SHOWN_MAX:
            msg = f"{len(self)} spans are too many; take step_secs={step_of(self.since, self.until)}"
            raise ValueError(msg)

    @cached_property
    def first(self) -> int:
        """When the first span begins, which may be before the period does."""
        offset = span_offset_secs(self.step_secs)
        return (self.since + offset) // self.step_secs * self.step_secs - offset

    def __len__(self) -> int:
        return len(self.starts)

    @cached_property
    def starts(self) -> range:
        """When each span begins."""
        return range(self.first, self.until, self.step_secs)

    def index_of(self, moment: float) -> int | None:
        """Return the number of the span in which *moment* lies; None when it lies outside the period."""
        index = int((moment - self.first) // self.step_secs)
        return index if 0 <= index < len(self) else None

    def has_begun(self, index: int) -> bool:
        """Return whether the span of this number has begun by now."""
        return self.now is None or self.starts[index] <= self.now

    def is_over(self, index: int) -> bool:
        """Return whether the span of this number has ended by now."""
        return self.now is None or self.starts[index] + self.step_secs <= self.now

    def is_whole(self, index: int) -> bool:
        """Return whether the span of this number lies within the period and is over."""
        start = self.starts[index]
        return start >= self.since and start + self.step_secs <= self.until and self.is_over(index)

    def name_of(self, index: int) -> str:
        """Return what the span of this number is called, and that it is not whole when it is not."""
        name = as_span(self.starts[index], self.step_secs)
        if self.is_whole(index):
            return name
        return f"{name}, in part" if self.is_over(index) else f"{name}, so far"

    def centre_of(self, index: int) -> float:
        """Return where the middle of the span of this number stands, in per cent from the left."""
        return (index + 0.5) * 100 / len(self)


class Timed:
    """What goes along a timeline: a frozen dataclass of this kind is checked when it is made."""

    since: int
    until: int
    step_secs: int
    now: Optional[float]

    def __post_init__(self) -> None:
        self._cut()

    def _cut(self) -> Timeline:
        return Timeline(self.since, self.until, self.step_secs, self.now)

    @cached_property
    def timeline(self) -> Timeline:
        """The spans of the period."""
        return self._cut()
