"""A stand-in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..stores import DAY_SECS, HOUR_SECS, WEEK_SECS


def step_of(since: int, until: int) -> int:
    length = until - since
    return HOUR_SECS if length <= 3 * DAY_SECS else DAY_SECS if length <= 120 * DAY_SECS else WEEK_SECS


class Trend(NamedTuple):
    since: int
    until: int
    step_secs: int
    spans: Sequence
    before: Sequence = ()
    marks: Sequence = ()
    now: int | None = None


def draw_trend(trend: Trend) -> str:
    return '<div class="trend"></div>'


def trend_rows(trend: Trend) -> list:
    return []


def draw_spark(values: Sequence[int], label: str = "") -> str:
    return ""


def draw_bar(share: float) -> str:
    return f'<svg class="bar" aria-hidden="true" focusable="false"><rect width="{share:.2%}" height="100%" rx="5"/></svg>'


class Shares(NamedTuple):
    since: int
    until: int
    step_secs: int
    parts: Sequence
    noun: str = "call"
    most: int = 5
    now: int | None = None


def draw_shares(shares: Shares) -> str:
    return '<div class="shares"></div>'


def share_rows(shares: Shares):
    return (), []
