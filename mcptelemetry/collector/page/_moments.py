"""
Days, hours and ages as a person reads them, all in UTC.

The names of months and days stand here, and not in the machine's locale: two collectors show the
same page. A moment that no calendar has is shown as the nearest one that it has.
"""

from __future__ import annotations

import time

from ...vocabulary import TIMESTAMP_SECS_MAX
from ..stores import DAY_SECS, HOUR_SECS, WEEK_SECS
from ._figures import as_many

__all__ = [
    "DAYS",
    "MONTHS",
    "as_age",
    "as_day",
    "as_hour",
    "as_moment",
    "as_period",
    "as_span",
    "as_stamp",
    "placed",
    "read_calendar",
]

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

_MINUTE_SECS = 60
# Up to how many seconds an age is told in which unit.
_AGES = (
    (90 * _MINUTE_SECS, _MINUTE_SECS, "minute"),
    (2 * DAY_SECS, HOUR_SECS, "hour"),
    (60 * DAY_SECS, DAY_SECS, "day"),
)


def read_calendar(moment: float) -> time.struct_time:
    """Return *moment* (Unix seconds) in UTC."""
    return time.gmtime(min(max(0, int(moment)), TIMESTAMP_SECS_MAX))


def as_day(moment: float, *, with_year: bool = False, with_weekday: bool = False) -> str:
    """Return the day of *moment*: 28 Oct, Wed 28 Oct, 28 Oct 2026."""
    then = read_calendar(moment)
    weekday = f"{DAYS[then.tm_wday]} " if with_weekday else ""
    year = f" {then.tm_year}" if with_year else ""
    return f"{weekday}{then.tm_mday} {MONTHS[then.tm_mon - 1]}{year}"


def as_hour(moment: float) -> str:
    """Return the time of the day of *moment*: 06:00."""
    then = read_calendar(moment)
    return f"{then.tm_hour:02d}:{then.tm_min:02d}"


def as_moment(moment: float | None) -> str:
    """Return *moment* in full: 28 Oct 2026, 06:12 UTC."""
    return "never" if moment is None else f"{as_day(moment, with_year=True)}, {as_hour(moment)} UTC"


def as_stamp(moment: float) -> str:
    """Return *moment* for a machine, as ``datetime`` of a time element wants it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", read_calendar(moment))


def as_age(moment: float | None, now: float) -> str:
    """
    Return how long before *now* a moment was: 2 minutes ago, or from two months on its day.

    A clock that goes ahead of ours has not seen the future: what it says was just now.
    """
    if moment is None:
        return "never"
    age_secs = now - moment
    if age_secs < _MINUTE_SECS:
        return "just now"
    for limit_secs, unit_secs, noun in _AGES:
        if age_secs < limit_secs:
            return f"{as_many(int(age_secs // unit_secs), noun)} ago"
    return f"on {as_day(moment, with_year=True)}"


def as_span(start: int, step_secs: int) -> str:
    """Return the span of *step_secs* that begins at *start*: Wed 28 Oct, 06:00; Wed 28 Oct; the week from 26 Oct."""
    if step_secs < DAY_SECS:
        return f"{as_day(start, with_weekday=True)}, {as_hour(start)}"
    if step_secs == DAY_SECS:
        return as_day(start, with_weekday=True)
    if step_secs == WEEK_SECS:
        return f"the week from {as_day(start, with_year=True)}"
    weeks, rest = divmod(step_secs, WEEK_SECS)
    length = as_many(step_secs // DAY_SECS, "day") if rest else as_many(weeks, "week")
    return f"the {length} from {as_day(start, with_year=True)}"


def placed(name: str) -> str:
    """Return the name of a span with the word before it: on Wed 28 Oct, in the week from 26 Oct."""
    return f"in {name}" if name.startswith("the ") else f"on {name}"


def as_period(since: int, until: int) -> str:
    """
    Return a period by its first and last day, or by its hours where it is shorter than two days.

    28 Oct to 26 Nov; 28 Oct 2025 to 26 Nov 2026; 26 Nov 23:00 to 27 Nov 23:00.
    """
    last = max(since, until - 1)
    if until - since < 2 * DAY_SECS and (since % DAY_SECS or until % DAY_SECS):
        return f"{as_day(since)} {as_hour(since)} to {as_day(until)} {as_hour(until)}"
    with_year = read_calendar(since).tm_year != read_calendar(last).tm_year
    first, end = as_day(since, with_year=with_year), as_day(last, with_year=with_year)
    return first if first == end else f"{first} to {end}"
