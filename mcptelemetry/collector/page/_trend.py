"""
What a trend shows, before it is drawn: its points, its versions, and what a person sees in it.

The drawing, the table under it and the description for a screen reader are made of the same
rows, so that all who look at a trend see the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Optional

from ..stores import DAY_SECS, HOUR_SECS, WEEK_SECS, CallSpan
from ._figures import as_count, as_many, as_share
from ._moments import as_period, as_span, placed
from ._svg import shorten
from ._timeline import Timed

__all__ = ["Trend", "TrendRow", "describe_trend", "step_words", "trend_rows"]

_NAME_LETTERS_MAX = 40
_VERSIONS_TOLD_MAX = 6
# A version is named as the beginning of a rise when errors after it are so many times as frequent, ...
_RISE_TIMES = 2
# ... this much of all calls more (in per cent), at least so many, ...
_RISE_PERCENT, _RISE_ERRORS = 1, 10
# ... in as many spans from its own on, against those before.
_RISE_SPANS = 3

_STEP_WORDS = {HOUR_SECS: "an hour", DAY_SECS: "a day", WEEK_SECS: "a week"}


class TrendRow(NamedTuple):
    """One span: calls, errors, calls of the period before (None where there is none to compare), versions that came out."""

    start: int
    label: str
    calls: int
    errors: int
    before: Optional[int]
    versions: tuple[str, ...]
    is_whole: bool


@dataclass(frozen=True)
class Trend(Timed):
    """
    Calls and errors over time.

    *spans* and *before* are as a store answers them for the period and for `Filter.before()`, both
    cut by *step_secs*: what is missing in them is zero, what lies outside is left out. *marks* are
    versions and the moments at which they came out. With *now*, a span that has not begun by then
    is no point, and one that is not over is drawn as not whole.
    """

    since: int
    until: int
    step_secs: int
    spans: Sequence[CallSpan]
    before: Sequence[CallSpan] = ()
    marks: Sequence[tuple[str, int]] = ()
    now: Optional[float] = None

    @cached_property
    def rows(self) -> tuple[TrendRow, ...]:
        """The spans that have begun, one after the other."""
        line = self.timeline
        counts: dict[int, tuple[int, int]] = {}
        for span in self.spans:
            index = line.index_of(span.start)
            if index is not None:
                calls, errors = counts.get(index, (0, 0))
                counts[index] = (calls + span.calls, errors + span.errors)
        earlier, versions = self._earlier(), self._versions()
        return tuple(
            TrendRow(
                start,
                as_span(start, self.step_secs),
                *counts.get(index, (0, 0)),
                earlier[index],
                tuple(versions.get(index, ())),
                line.is_whole(index),
            )
            for index, start in enumerate(line.starts)
            if line.has_begun(index)
        )

    def _earlier(self) -> list[int | None]:
        """Return the calls of the period before, laid over this one; a span that the period before cuts is none."""
        line = self.timeline
        if not self.before:
            return [None] * len(line)
        shift_secs, counts = len(line) * self.step_secs, {span.start: span.calls for span in self.before}
        begin = 2 * self.since - self.until
        starts = [start - shift_secs for start in line.starts]
        return [counts.get(start, 0) if start >= begin else None for start in starts]

    def _versions(self) -> dict[int, list[str]]:
        """Return the versions of each span, the first one first."""
        versions: dict[int, list[str]] = {}
        for version, moment in sorted(self.marks, key=lambda mark: (mark[1], mark[0])):
            # A version is known by the day of its first call: in a span that began before, it came out in that.
            index = self.timeline.index_of(moment)
            if index is not None:
                versions.setdefault(index, []).append(version)
        return versions


def trend_rows(trend: Trend) -> list[TrendRow]:
    """Return what is drawn, span by span."""
    return list(trend.rows)


def step_words(step_secs: int) -> str:
    """Return how a rate by spans of *step_secs* is called: a day, a week."""
    return _STEP_WORDS.get(step_secs) or f"in {as_many(step_secs // DAY_SECS, 'day')}"


def describe_trend(trend: Trend) -> str:
    """Return what is seen in a trend: how many in all, the range, the errors, and what changed with a version."""
    rows = trend.rows
    period = as_period(trend.since, trend.until)
    calls = sum(row.calls for row in rows)
    if not calls:
        return f"Calls {step_words(trend.step_secs)}, {period}: none."
    return " ".join(
        (
            f"Calls {step_words(trend.step_secs)}, {period}: {as_count(calls)} in all{_tell_range(rows)}.",
            _tell_errors(rows, calls),
            *_tell_versions(rows),
            *_tell_before(rows),
        )
    )


def _tell_range(rows: Sequence[TrendRow]) -> str:
    whole = [row for row in rows if row.is_whole] or rows
    least, most = min(row.calls for row in whole), max(row.calls for row in whole)
    peak = next(row for row in whole if row.calls == most)
    if least == most:
        return f", {as_count(most)} in each" if len(whole) > 1 else ""
    return f", from {as_count(least)} to {as_count(most)}, the most {placed(peak.label)}"


def _tell_errors(rows: Sequence[TrendRow], calls: int) -> str:
    errors = sum(row.errors for row in rows)
    if not errors:
        return "No errors."
    peak = max(rows, key=lambda row: row.errors)
    text = f"{as_many(errors, 'error')}, {as_share(errors, calls, with_base=True)} calls"
    if len(rows) > 1:
        text += f"; the most, {as_count(peak.errors)}, {placed(peak.label)}"
    rise = find_rise(rows)
    return f"{text}. Errors rose when {shorten(rise, _NAME_LETTERS_MAX)} came out." if rise else f"{text}."


def find_rise(rows: Sequence[TrendRow]) -> str | None:
    """Return the version with which errors rose most, compared with the spans before it; None without such a one."""
    best, found = 0.0, None
    for index, row in enumerate(rows):
        if not row.versions or index == 0:
            continue
        after = _errors_of_calls(rows[index : index + _RISE_SPANS])
        before = _errors_of_calls(rows[max(0, index - _RISE_SPANS) : index])
        if after[1] == 0 or before[1] == 0 or after[0] < _RISE_ERRORS:
            continue
        share, earlier = 100 * after[0] / after[1], 100 * before[0] / before[1]
        if share >= _RISE_TIMES * earlier and share - earlier >= max(_RISE_PERCENT, best):
            best, found = share - earlier, row.versions[-1]
    return found


def _errors_of_calls(rows: Sequence[TrendRow]) -> tuple[int, int]:
    return sum(row.errors for row in rows), sum(row.calls for row in rows)


def _tell_versions(rows: Sequence[TrendRow]) -> list[str]:
    names = [(shorten(version, _NAME_LETTERS_MAX), row) for row in rows for version in row.versions]
    if not names:
        return []
    told = ", ".join(f"{name} {placed(row.label)}" for name, row in names[-_VERSIONS_TOLD_MAX:])
    more = len(names) - _VERSIONS_TOLD_MAX
    return [f"Versions that came out: {told}{f', and {as_count(more)} before' if more > 0 else ''}."]


def _tell_before(rows: Sequence[TrendRow]) -> list[str]:
    compared = [row for row in rows if row.before is not None and row.is_whole]
    if not compared:
        return []
    now, before = sum(row.calls for row in compared), sum(row.before or 0 for row in compared)
    word = "more than" if now > before else "fewer than" if now < before else "as many as"
    return [
        f"That is {word} in the same part of the period before ({as_count(now)} against {as_count(before)})."
    ]
