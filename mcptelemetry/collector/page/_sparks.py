"""
Small marks beside a number: a line of its past, and a bar as long as its share.

Both say nothing that the number beside them does not, and so are hidden from a screen reader
unless they are given words.
"""

from __future__ import annotations

from collections.abc import Sequence

from ._svg import element

__all__ = ["draw_bar", "draw_spark"]

_WIDTH_PX, _HEIGHT_PX, _TOP_PX, _BASE_PX, _SIDE_PX = 96, 24, 6, 20, 2


def draw_spark(values: Sequence[int], label: str = "") -> str:
    """Return a small line of *values* over a base that is zero; *label* says what is seen in it."""
    most = max((value for value in values if value > 0), default=0)
    step = (_WIDTH_PX - 2 * _SIDE_PX) / max(1, len(values) - 1)

    def height(value: int) -> float:
        return _BASE_PX - (_BASE_PX - _TOP_PX) * (max(value, 0) / most if most else 0)

    places = [(_SIDE_PX + step * index, height(value)) for index, value in enumerate(values)]
    way = "L".join(f"{x:.1f},{y:.1f}" for x, y in places)
    base = element(
        "line", class_="spark-base", x1=_SIDE_PX, x2=_WIDTH_PX - _SIDE_PX, y1=_BASE_PX, y2=_BASE_PX
    )
    marks = [base]
    if len(places) > 1 and most:
        marks.append(
            element(
                "path",
                class_="spark-area",
                d=f"M{places[0][0]:.1f},{_BASE_PX}L{way}L{places[-1][0]:.1f},{_BASE_PX}Z",
            )
        )
        marks.append(element("path", class_="spark-line", d=f"M{way}"))
    elif len(places) == 1 and most:
        marks.append(element("circle", class_="spark-dot", cx=_WIDTH_PX / 2, cy=places[0][1], r=2))
    return element(
        "svg",
        *marks,
        class_="spark",
        role="img" if label else None,
        aria_label=label or None,
        aria_hidden=None if label else "true",
        data_points=len(values),
        width=_WIDTH_PX,
        height=_HEIGHT_PX,
        viewBox=f"0 0 {_WIDTH_PX} {_HEIGHT_PX}",
    )


def draw_bar(share: float) -> str:
    """Return a bar that fills *share* (0 to 1) of the box in which it stands."""
    width = 100 * min(max(share, 0.0), 1.0)
    bar = element("rect", class_="bar-fill", x=0, y=0, width=f"{width:.2f}%", height="100%", rx=5)
    return element("svg", bar, class_="bar", aria_hidden="true", width="100%", height="100%")
