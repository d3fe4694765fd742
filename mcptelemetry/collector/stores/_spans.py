"""
How stores cut time: into hours, days, and weeks that begin on Monday, in UTC.

Unix time began on a Thursday; everything that knows so stands here.
"""

from __future__ import annotations

from ._filter import DAY_SECS, HOUR_SECS, WEEK_SECS

__all__ = ["MONDAY_OFFSET_SECS", "WEEKS_KEPT", "span_offset_secs", "week_of"]

MONDAY_OFFSET_SECS = 3 * DAY_SECS
"""From the Monday before 1970 to its first second."""

WEEKS_KEPT = 106
"""In which weeks an installation was heard from is kept for two years after the documents."""


def week_of(moment: int) -> int:
    """Return the number of the week in which *moment* (Unix seconds) lies."""
    return (moment + MONDAY_OFFSET_SECS) // WEEK_SECS


def span_offset_secs(step_secs: int) -> int:
    """Return what is added to a moment before it is cut into spans of *step_secs*; raises `ValueError` unless these are whole hours."""
    if step_secs < HOUR_SECS or step_secs % HOUR_SECS:
        msg = f"step_secs={step_secs!r} is no number of hours; give a multiple of {HOUR_SECS}"
        raise ValueError(msg)
    return MONDAY_OFFSET_SECS if step_secs % WEEK_SECS == 0 else 0
