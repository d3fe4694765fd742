"""
What stands round a chart: ticks of round numbers, times below, names of versions above.

A chart is as wide as its place, and only the page knows how wide that is. So labels are chosen
for a few least widths, and the style sheet shows the set that fits; in a wider place than it
was chosen for, a label only has more room.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..stores import DAY_SECS, HOUR_SECS, WEEK_SECS
from ._moments import MONTHS, as_day, as_hour, read_calendar
from ._svg import shorten, text_width_px
from ._timeline import Timeline

__all__ = ["LETTERS_PX", "TIERS", "Label", "Tier", "choose_names", "choose_times", "nice_ticks"]

LETTERS_PX = 11.5
"""How large the letters of a chart are."""


class Tier(NamedTuple):
    """A set of labels: the least width that it is for, and how far apart and how long its labels may be."""

    name: str
    width_px: int
    gap_px: int
    letters: int
    rows: int


TIERS = (
    Tier("narrow", 220, 9, 12, 2),
    Tier("small", 270, 9, 12, 2),
    Tier("middle", 480, 30, 18, 2),
    Tier("wide", 880, 40, 24, 2),
)


class Label(NamedTuple):
    """A text at *centre* per cent from the left, of which it stands to the right (start), left (end) or below (middle)."""

    centre: float
    text: str
    anchor: str
    row: int = 0

    def reach_px(self, width_px: float, aside_px: float = 0) -> tuple[float, float]:
        """Return from where to where the text goes in a picture of *width_px*."""
        x, length = self.centre * width_px / 100, text_width_px(self.text, LETTERS_PX)
        if self.anchor == "middle":
            return x - length / 2, x + length / 2
        return (
            (x + aside_px, x + aside_px + length)
            if self.anchor == "start"
            else (x - aside_px - length, x - aside_px)
        )


# Up to here the weeks are told by their days, from there on by their months.
_DAYS_TOLD_SECS = 18 * WEEK_SECS

ASIDE_PX = 5
"""How far beside its line a version's name stands."""


def nice_ticks(most: int, about: int = 4) -> list[int]:
    """Return numbers from 0 to at least *most* in at most *about* equal steps of 1, 2 or 5 times a power of ten."""
    step = next(step for step in _round_numbers() if step * about >= most)
    return [step * number for number in range(max(1, -(-most // step)) + 1)]


def _round_numbers() -> Iterator[int]:
    power = 1
    while True:
        yield from (power, 2 * power, 5 * power)
        power *= 10


def choose_times(timeline: Timeline, tier: Tier) -> list[Label]:
    """Return as many labels below a timeline as stand well apart in the least width of *tier*."""
    for labels in _time_labels(timeline, tier):
        fitted = [_turned(label, tier.width_px) for label in labels]
        if fitted and _is_apart(fitted, tier):
            return fitted
    return [_turned(Label(timeline.centre_of(0), as_day(timeline.since), "middle"), tier.width_px)]


def _turned(label: Label, width_px: float) -> Label:
    """Return *label* so that it does not leave the picture at an edge."""
    begin, end = label.reach_px(width_px)
    if begin < 0:
        return label._replace(anchor="start")
    return label._replace(anchor="end") if end > width_px else label


def _is_apart(labels: Sequence[Label], tier: Tier) -> bool:
    reaches = [label.reach_px(tier.width_px) for label in labels]
    inside = all(begin >= 0 and end <= tier.width_px for begin, end in reaches)
    return inside and all(left[1] + tier.gap_px <= right[0] for left, right in zip(reaches, reaches[1:]))


def _time_labels(timeline: Timeline, tier: Tier) -> Iterator[list[Label]]:
    """Yield ever fewer labels for a timeline."""
    if timeline.step_secs < DAY_SECS:
        for hours in (1, 3, 6, 12, 24):
            yield [
                _below(timeline, index, as_hour(start) if start % DAY_SECS else as_day(start))
                for index, start in enumerate(timeline.starts)
                if start // HOUR_SECS % hours == 0
            ]
    elif timeline.step_secs < WEEK_SECS:
        yield from _every_few(timeline, (1, 2), with_weekday=len(timeline) <= 8 and tier.width_px >= 480)
        for weeks in (1, 2, 4, 8):
            yield [
                _below(timeline, index, as_day(start))
                for index, start in enumerate(timeline.starts)
                if read_calendar(start).tm_wday == 0 and start // WEEK_SECS % weeks == 0
            ]
    else:
        if timeline.until - timeline.since <= _DAYS_TOLD_SECS:
            yield from _every_few(timeline, (1, 2, 4))
        months = [_month_number(start + timeline.step_secs - 1) for start in timeline.starts]
        for stride in (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200):
            yield list(_month_labels(timeline, months, stride))


def _every_few(
    timeline: Timeline, strides: Sequence[int], *, with_weekday: bool = False
) -> Iterator[list[Label]]:
    for stride in strides:
        yield [
            _below(timeline, index, as_day(start, with_weekday=with_weekday))
            for index, start in enumerate(timeline.starts)
            if index % stride == 0
        ]


def _below(timeline: Timeline, index: int, text: str) -> Label:
    return Label(timeline.centre_of(index), text, "middle")


def _month_labels(timeline: Timeline, months: Sequence[int], stride: int) -> Iterator[Label]:
    """Yield a label for each span in which a month begins whose number *stride* divides; January tells its year."""
    before = _month_number(timeline.first - 1)
    for index, month in enumerate(months):
        number = month // stride * stride
        if number > before:
            yield _below(timeline, index, MONTHS[number % 12] if number % 12 else str(number // 12))
        before = month


def _month_number(moment: int) -> int:
    then = read_calendar(moment)
    return then.tm_year * 12 + then.tm_mon - 1


def choose_names(names: Sequence[tuple[float, str]], tier: Tier) -> list[Label]:
    """
    Return labels for as many of *names* (where it stands, and what it is called) as find room in *tier*.

    The later ones are chosen first: of two versions that came out close together, the newer one
    is asked about.
    """
    placed: list[Label] = []
    for centre, name in reversed(names):
        for label in _beside(centre, shorten(name, tier.letters), tier):
            if not any(_touch(label, other, tier) for other in placed):
                placed.append(label)
                break
    return placed[::-1]


def _beside(centre: float, text: str, tier: Tier) -> Iterator[Label]:
    """Yield the places for a name, the best first, at which it stays in the picture."""
    for anchor in ("start", "end"):
        for row in range(tier.rows):
            label = Label(centre, text, anchor, row)
            begin, end = label.reach_px(tier.width_px, ASIDE_PX)
            if begin >= 0 and end <= tier.width_px:
                yield label


def _touch(one: Label, other: Label, tier: Tier) -> bool:
    """Return whether two names would overlap, or the line of one would cross the other's letters."""
    if one.row == other.row:
        spans = sorted(_with_line(label, tier) for label in (one, other))
        return spans[0][1] + ASIDE_PX > spans[1][0]
    upper, lower = sorted((one, other), key=lambda label: label.row)
    begin, end = lower.reach_px(tier.width_px, ASIDE_PX)
    return begin - 2 <= upper.centre * tier.width_px / 100 <= end + 2


def _with_line(label: Label, tier: Tier) -> tuple[float, float]:
    x = label.centre * tier.width_px / 100
    begin, end = label.reach_px(tier.width_px, ASIDE_PX)
    return min(x, begin), max(x, end)
