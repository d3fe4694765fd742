"""
Numbers as a person reads them: counts, shares, lengths of time, and what changed.

The blanks inside a number are narrow and do not break, so that a figure is never torn from its
digits or its unit. Whether more is better is not decided here: only whoever shows a figure knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

__all__ = [
    "MINUS",
    "NOTHING",
    "THIN",
    "Change",
    "as_change",
    "as_count",
    "as_duration",
    "as_many",
    "as_points",
    "as_share",
    "as_short_count",
]

THIN = "\u202f"
"""A narrow blank at which no line breaks."""
MINUS = "\u2212"
NOTHING = "\u2013"
"""Stands where there is no number to show."""

_SCALES = ((10**12, "tn"), (10**9, "bn"), (10**6, "M"), (10**3, "k"))
# From how many milliseconds on, the unit, and how many milliseconds it has.
_LENGTHS = (
    (86_400_000_000, "years", 31_557_600_000),
    (172_800_000, "days", 86_400_000),
    (3_600_000, "h", 3_600_000),
    (60_000, "min", 60_000),
    (1_000, "s", 1_000),
    (0, "ms", 1),
)
# From so many times as much, a factor is read more easily than a percentage.
_TIMES_FROM = 10


class Change(NamedTuple):
    """
    What became of a figure since the period before.

    *direction* is a closed word: ``up``, ``down``, ``same``, ``new`` (there was nothing before) or
    ``unknown`` (there is nothing to compare). *text* is short and stands under the figure,
    *spoken* is the whole sentence for whoever does not see the sign.
    """

    text: str
    direction: str
    spoken: str

    def verdict(self, better: str | None) -> str:
        """
        Return ``better``, ``worse`` or ``neutral``, where *better* is the direction that is good.

        None as *better* means that neither direction is.
        """
        if better is None or self.direction not in ("up", "down"):
            return "neutral"
        return "better" if self.direction == better else "worse"


def as_count(number: int | None) -> str:
    """Return *number* in groups of three digits: 104 371."""
    if number is None:
        return NOTHING
    return f"{number:,}".replace(",", THIN).replace("-", MINUS)


def as_short_count(number: int) -> str:
    """Return *number* as an axis says it: 950, 1.5k, 2M."""
    for scale, letter in _SCALES:
        if abs(number) >= scale:
            # Rounded down: an axis or a bar never says more than there is.
            whole, tenths = divmod(abs(number) * 10 // scale, 10)
            text = as_count(whole) + (f".{tenths}" if tenths and whole < 100 else "") + letter
            return MINUS + text if number < 0 else text
    return as_count(number)


def as_many(number: int, one: str, many: str | None = None) -> str:
    """Return *number* with its noun: 1 call, 2 calls; *many* where an s does not make it."""
    return f"{as_count(number)} {one if number == 1 else many or one + 's'}"


def as_share(part: int | None, whole: int | None, *, digits: int = 1, with_base: bool = False) -> str:
    """
    Return *part* of *whole* as a percentage: 2.7 %; *with_base* adds of what: 2.7 % of 8 702.

    A share of nothing is none. One that is not quite nothing or not quite all never reads as
    0 % or 100 %.
    """
    if part is None or not whole:
        return NOTHING
    text = f"{_as_percent(Fraction(part, whole), digits)}{THIN}%"
    return f"{text} of {as_count(whole)}" if with_base else text


def _as_percent(share: Fraction, digits: int) -> str:
    step = Fraction(1, 10**digits)
    percent = share * 100
    if 0 < percent < step:
        return f"<{_as_decimal(step, digits)}"
    if 100 - step < percent < 100:
        return f">{_as_decimal(100 - step, digits)}"
    return _as_decimal(percent, digits)


def _as_decimal(number: Fraction, digits: int) -> str:
    """Return *number* with at most *digits* behind the point, and without a point before nothing but noughts."""
    whole, rest = divmod(round(abs(number) * 10**digits), 10**digits)
    text = as_count(whole)
    if digits and rest:
        text += f".{rest:0{digits}d}"
    return MINUS + text if number < 0 and (whole or rest) else text


def as_duration(length_ms: float | None) -> str:
    """Return a length of time in the unit in which it is read: 24 ms, 1.9 s, 2.5 min, 3 h, 12 days."""
    if length_ms is None:
        return NOTHING
    for least_ms, unit, unit_ms in _LENGTHS:
        if round(length_ms) >= least_ms:
            amount = Fraction(length_ms) / unit_ms
            if (
                amount >= 1000
            ):  # of years: no figure may be wider than its place, whatever a sender says it took
                return f"{as_short_count(int(amount))}{THIN}{unit}"
            return f"{_as_decimal(amount, 0 if unit == 'ms' or amount >= 100 else 1)}{THIN}{unit}"
    return NOTHING


def as_change(now: int | None, before: int | None) -> Change:
    """Return the change of a figure against the same figure of the period before, in per cent of that."""
    if now is None or before is None:
        return _UNKNOWN
    if before == 0:
        return _SAME if now == 0 else Change("new", "new", "there was none in the period before")
    share = Fraction(now, before) - 1
    if share >= _TIMES_FROM:
        times = f"{_as_decimal(share + 1, 0)} times"
        return Change(times, "up", f"{times} as much as in the period before")
    amount = _as_decimal(abs(share) * 100, 0)
    return _told(share, f"{amount}{THIN}%", f"{amount} %") if amount != "0" else _SAME


def as_points(now: Sequence[int] | None, before: Sequence[int] | None) -> Change:
    """
    Return the change of a share, in percentage points; each share is its part and its whole.

    Two rates are compared by their difference: half a per cent more of four per cent is not
    twelve per cent more.
    """
    share, earlier = _as_fraction(now), _as_fraction(before)
    if share is None or earlier is None:
        return _UNKNOWN
    amount = _as_decimal(abs(share - earlier) * 100, 1)
    noun = "point" if amount == "1" else "points"
    return (
        _told(share - earlier, f"{amount}\u00a0{noun}", f"{amount} percentage {noun}")
        if amount != "0"
        else _SAME
    )


def _as_fraction(share: Sequence[int] | None) -> Fraction | None:
    return Fraction(share[0], share[1]) if share is not None and share[1] else None


def _told(difference: Fraction, text: str, spoken: str) -> Change:
    sign, direction, word = ("+", "up", "more") if difference > 0 else (MINUS, "down", "less")
    return Change(f"{sign}{text}", direction, f"{spoken} {word} than in the period before")


_UNKNOWN = Change("", "unknown", "there is nothing before to compare with")
_SAME = Change("no change", "same", "as much as in the period before")
