"""
What a whole is made of over time, as stacked columns: versions of calls, types of errors.

The names stand beside the columns in the order of the stack, so that no eye has to match colours
alone. All but the most frequent are one: a stack of twenty layers tells nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple, Optional

from ._axes import nice_ticks
from ._figures import as_count, as_many, as_share, as_short_count
from ._frame import across, draw_frame, draw_grid, draw_nothing, draw_target, draw_times
from ._moments import as_period, as_span, placed
from ._svg import element, shorten, written
from ._timeline import Timed
from ._trend import step_words

__all__ = ["ShareRow", "Shares", "describe_shares", "draw_shares", "share_rows"]

_HEIGHT_PX, _HEIGHT_SHOWN_PX, _BASE_PX, _TIMES_PX = 190, 152, 162, 180
_COLUMN_SHARE, _COLUMN_MAX_PER_CENT = 0.78, 5.0
_NAMED_MAX = 5
_NAME_LETTERS_MAX = 28


class ShareRow(NamedTuple):
    """One span, and the counts of each name in it, in the order of `Shares.names`."""

    start: int
    label: str
    counts: tuple[int, ...]
    is_whole: bool


@dataclass(frozen=True)
class Shares(Timed):
    """
    How many of each name in each span; *parts* are (start, name, count), in any order.

    The five most frequent names are told apart, all others are one. *noun* is what is counted.
    What is not additive, as an installation that is heard from in several weeks, is told as the
    last whole span has it, and not as a sum. The most frequent name is stacked on top, or *by_age*
    the latest one, as of versions that follow each other.
    """

    since: int
    until: int
    step_secs: int
    parts: Sequence[tuple[int, str, int]]
    noun: str = "call"
    now: Optional[float] = None
    is_additive: bool = True
    by_age: bool = False

    @cached_property
    def _counted(self) -> list[tuple[int, str, int]]:
        """The parts that lie in spans which have begun."""
        line = self.timeline
        places = ((line.index_of(start), name, count) for start, name, count in self.parts if count > 0)
        return [
            (place, name, count)
            for place, name, count in places
            if place is not None and line.has_begun(place)
        ]

    @cached_property
    def _totals(self) -> dict[str, int]:
        """The names within the period, the most frequent first."""
        totals: dict[str, int] = {}
        for _, name, count in self._counted:
            totals[name] = totals.get(name, 0) + count
        return dict(sorted(totals.items(), key=lambda item: (-item[1], item[0])))

    @cached_property
    def _alone(self) -> tuple[str, ...]:
        """The names that are told apart."""
        names = tuple(self._totals)
        # A single one left over stands under its own name: there is a colour for it.
        alone = names if len(names) <= _NAMED_MAX + 1 else names[:_NAMED_MAX]
        return tuple(sorted(alone, key=self._mean_place_of, reverse=True)) if self.by_age else alone

    def _mean_place_of(self, name: str) -> Fraction:
        """Return when a name was at its most, as its counts weigh the spans."""
        weights = [(place, count) for place, other, count in self._counted if other == name]
        return Fraction(sum(place * count for place, count in weights), sum(count for _, count in weights))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What the columns are made of, from the top to the bottom."""
        others = len(self._totals) - len(self._alone)
        return (*self._alone, *((f"{as_count(others)} others",) if others else ()))

    @cached_property
    def rows(self) -> tuple[ShareRow, ...]:
        """The spans that have begun."""
        line, place = self.timeline, {name: number for number, name in enumerate(self._alone)}
        counts = [[0] * len(self.names) for _ in line.starts]
        for index, name, count in self._counted:
            counts[index][place.get(name, -1)] += count
        return tuple(
            ShareRow(start, as_span(start, self.step_secs), tuple(counts[index]), line.is_whole(index))
            for index, start in enumerate(line.starts)
            if line.has_begun(index)
        )

    @cached_property
    def told(self) -> ShareRow:
        """The period as a whole, or the last whole span of what is not additive: what the names stand with."""
        if self.is_additive or not self.rows:
            counts = zip(*(row.counts for row in self.rows))
            return ShareRow(
                self.since, as_period(self.since, self.until), tuple(map(sum, counts)), is_whole=True
            )
        return next((row for row in reversed(self.rows) if row.is_whole), self.rows[-1])


def share_rows(shares: Shares) -> tuple[tuple[str, ...], list[ShareRow]]:
    """Return the names, which head the columns of a table, and its rows."""
    return shares.names, list(shares.rows)


def describe_shares(shares: Shares) -> str:
    """Return what is seen: what the whole is made of, and how that was at the beginning and the end."""
    period = as_period(shares.since, shares.until)
    head = f"{shares.noun.capitalize()}s {step_words(shares.step_secs)}, {period}"
    filled = [row for row in shares.rows if any(row.counts)]
    if not filled:
        return f"{head}: none."
    told = shares.told
    whole = sum(told.counts)
    parts = ", ".join(
        f"{shorten(name, _NAME_LETTERS_MAX)} {as_share(count, whole)}"
        for name, count in zip(shares.names, told.counts)
    )
    when = "" if shares.is_additive else f" {placed(told.label)}"
    first, last = (_leader(shares, row) for row in (filled[0], filled[-1]))
    return f"{head}: {as_many(whole, shares.noun)}{when}; {parts}. Most at the beginning: {first}; most at the end: {last}."


def _leader(shares: Shares, row: ShareRow) -> str:
    most = max(range(len(row.counts)), key=lambda number: (row.counts[number], -number))
    return f"{shorten(shares.names[most], _NAME_LETTERS_MAX)} ({as_share(row.counts[most], sum(row.counts))})"


def draw_shares(shares: Shares) -> str:
    """Return the columns, and beside them the names in the order in which they are stacked."""
    tallest = max((sum(row.counts) for row in shares.rows), default=0)
    ticks = nice_ticks(tallest, 3)
    scale = [
        (as_short_count(tick), _BASE_PX - _HEIGHT_SHOWN_PX * tick / ticks[-1])
        for tick in ticks[: None if tallest else 1]
    ]
    picture = element(
        "svg",
        draw_grid(scale),
        *(_draw_column(shares, index, ticks[-1]) for index in range(len(shares.rows))),
        draw_times(shares.timeline, _TIMES_PX),
        "" if tallest else draw_nothing(f"No {shares.noun}s in this period", _BASE_PX - _HEIGHT_SHOWN_PX / 2),
        class_="shares-plot",
        role="img",
        aria_label=describe_shares(shares),
        width="100%",
        height=_HEIGHT_PX,
    )
    frame = draw_frame(scale, _HEIGHT_PX, picture)
    row = element("div", frame, _draw_names(shares), class_="shares-row")
    return element("div", row, class_="shares", data_points=len(shares.rows))


def _draw_column(shares: Shares, index: int, full: int) -> str:
    """Return one column, of which *full* is the whole height, from the last name at the bottom up to the first."""
    row, span = shares.rows[index], 100 / len(shares.timeline)
    width = min(span * _COLUMN_SHARE, _COLUMN_MAX_PER_CENT)
    left, below, parts = shares.timeline.centre_of(index) - width / 2, 0, []
    for number in reversed(range(len(row.counts))):
        count = row.counts[number]
        if not count:
            continue
        top, bottom = (_BASE_PX - _HEIGHT_SHOWN_PX * height / full for height in (below + count, below))
        parts.append(
            element(
                "rect",
                class_=f"part {_series(shares, number)}",
                x=across(left),
                y=top,
                width=across(width),
                height=bottom - top,
                data_name=shares.names[number],
                data_count=str(count),
            )
        )
        below += count
    told = _tell_column(shares, row, shares.timeline.name_of(index))
    box = draw_target("column", told, index, len(shares.timeline), _BASE_PX, start=str(row.start), total=str(sum(row.counts)))
    return element("g", *parts, box, class_="stack" if row.is_whole else "stack unfinished")


def _tell_column(shares: Shares, row: ShareRow, name: str) -> str:
    """Return what a pointed column says, a line each."""
    total = sum(row.counts)
    lines = [name, as_many(total, shares.noun)]
    lines.extend(
        f"{shorten(part, _NAME_LETTERS_MAX)}: {as_count(count)} ({as_share(count, total)})"
        for part, count in zip(shares.names, row.counts)
        if count
    )
    return "\n".join(lines)


def _series(shares: Shares, number: int) -> str:
    """Return the class that gives a name its colour."""
    return f"series-{number + 1}" if number < len(shares._alone) else "series-others"


def _draw_names(shares: Shares) -> str:
    if not any(any(row.counts) for row in shares.rows):
        return ""
    told = shares.told
    whole = sum(told.counts)
    entries = (
        element(
            "li",
            _draw_swatch(_series(shares, number)),
            element("span", written(shorten(name, _NAME_LETTERS_MAX)), class_="name"),
            element("b", written(as_count(count))),
            element("i", written(as_share(count, whole))),
            data_name=name,
            data_count=str(count),
        )
        for number, (name, count) in enumerate(zip(shares.names, told.counts))
    )
    when = "" if shares.is_additive else element("p", written(told.label), class_="shares-when")
    return element("div", when, element("ul", *entries), class_="shares-key")


def _draw_swatch(kind: str) -> str:
    square = element("rect", class_=f"part {kind}", width=11, height=11, rx=3)
    return element("svg", square, class_="swatch", aria_hidden="true", width=11, height=11)
