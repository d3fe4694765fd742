"""
What a trend and a stack of shares have in common: numbers at the side, lines across, times below.

Across, everything stands at per cents of the width; upwards, at pixels of one height. So one
picture fits a telephone and a wide screen: its lines stretch, its letters do not.
"""

from __future__ import annotations

from collections.abc import Sequence

from ._axes import LETTERS_PX, TIERS, Label, choose_times
from ._svg import Attribute, element, text_width_px, written
from ._timeline import Timeline

__all__ = ["across", "draw_frame", "draw_grid", "draw_label", "draw_nothing", "draw_target", "draw_times"]


def across(per_cent: float) -> str:
    """Return a place or a width across the picture."""
    return f"{per_cent:.3f}".rstrip("0").rstrip(".") + "%"


def draw_frame(ticks: Sequence[tuple[str, float]], height_px: int, picture: str) -> str:
    """
    Return *picture* with its numbers at its side; *ticks* are what they say and how high they stand.

    The numbers are a picture of their own, as wide as the longest of them.
    """
    width = 10 + -(-max(text_width_px(text, LETTERS_PX) for text, _ in ticks) // 1)
    numbers = (element("text", written(text), x=width - 8, y=y + 4, text_anchor="end") for text, y in ticks)
    scale = element("svg", *numbers, class_="chart-scale", aria_hidden="true", width=width, height=height_px)
    return element("div", scale, picture, class_="chart-frame")


def draw_grid(ticks: Sequence[tuple[str, float]]) -> str:
    """Return a line across at each tick; the first one is the base."""
    lines = (
        element("line", class_=None if index else "base", x1="0%", x2="100%", y1=y, y2=y)
        for index, (_, y) in enumerate(ticks)
    )
    return element("g", *lines, class_="grid")


def draw_times(timeline: Timeline, y: float) -> str:
    """Return the times below, a set for each tier."""
    return "".join(
        element(
            "g",
            *(draw_label(label, y) for label in choose_times(timeline, tier)),
            class_=f"times for-{tier.name}",
        )
        for tier in TIERS
    )


def draw_label(label: Label, y: float, dx: float | None = None) -> str:
    """Return a text at its place, moved aside by *dx* pixels."""
    return element("text", written(label.text), x=across(label.centre), y=y, dx=dx, text_anchor=label.anchor)


def draw_target(kind: str, told: str, index: int, spans: int, base_px: float, **data: Attribute) -> str:
    """Return a box over the span at *index* of so many *spans*: not seen, but pointed at, told in words, and counted by its *data*."""
    width = 100 / spans
    return element(
        "rect",
        element("title", written(told)),
        class_=kind,
        x=across(index * width),
        y=0,
        width=across(width),
        height=base_px,
        fill="none",
        pointer_events="all",
        **{f"data_{name}": value for name, value in data.items()},
    )


def draw_nothing(text: str, y: float) -> str:
    """Return the words that stand in an empty picture."""
    return element("text", written(text), class_="nothing", x="50%", y=y, text_anchor="middle")
