"""
The trend as a picture: calls and errors, the period before, and the versions that came out.

The paths are drawn in a box of their own that is stretched to the width, for a path knows no per
cents; dots, lines of versions and all letters stand beside it, so that they keep their shape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from ._axes import ASIDE_PX, TIERS, Label, choose_names, nice_ticks
from ._figures import as_many, as_share, as_short_count
from ._frame import across, draw_frame, draw_grid, draw_label, draw_nothing, draw_target, draw_times
from ._moments import as_period
from ._svg import element, shorten, written
from ._trend import Trend, TrendRow, describe_trend

__all__ = ["draw_trend"]

_HEIGHT_PX, _BASE_PX, _TIMES_PX = 260, 232, 250
_TOP_PX, _TOP_WITH_NAMES_PX = 12, 40
_NAMES_PX, _ROW_PX = 12, 14
_PATH_WIDTH = 1000
_DOT_PX = 3.5
_NAME_LETTERS_MAX = 40

Height = Callable[[int], float]


def draw_trend(trend: Trend) -> str:
    """Return the picture of a trend, with the numbers at its side and the key below."""
    top = _TOP_WITH_NAMES_PX if any(row.versions for row in trend.rows) else _TOP_PX
    most = max((max(row.calls, row.before or 0, row.errors) for row in trend.rows), default=0)
    has_calls, ticks = any(row.calls for row in trend.rows), nice_ticks(most)

    def height(number: int) -> float:
        return _BASE_PX - (_BASE_PX - top) * (number / ticks[-1])

    scale = [(as_short_count(tick), height(tick)) for tick in ticks[: None if most else 1]]
    picture = element(
        "svg",
        draw_grid(scale),
        _draw_marks(trend, top),
        _draw_paths(trend, height) if most else "",
        _draw_dots(trend, height) if has_calls else "",
        draw_times(trend.timeline, _TIMES_PX),
        _draw_points(trend, height),
        "" if has_calls else draw_nothing("No calls in this period", (_TOP_PX + _BASE_PX) / 2),
        class_="trend-plot",
        role="img",
        aria_label=describe_trend(trend),
        width="100%",
        height=_HEIGHT_PX,
    )
    frame = draw_frame(scale, _HEIGHT_PX, picture)
    return element(
        "div", frame, _draw_key(trend) if has_calls else "", class_="trend", data_points=len(trend.rows)
    )


def _draw_marks(trend: Trend, top: float) -> str:
    """Return a line for each span in which versions came out, and their names where they find room."""
    marked = [(trend.timeline.centre_of(index), row) for index, row in enumerate(trend.rows) if row.versions]
    lines = (
        element(
            "line",
            class_="mark",
            x1=across(centre),
            x2=across(centre),
            y1=top - 4,
            y2=_BASE_PX,
            data_start=str(row.start),
            data_versions=", ".join(row.versions),
        )
        for centre, row in marked
    )
    names = [(centre, ", ".join(row.versions)) for centre, row in marked]
    tiers = (
        element("g", *_draw_names(choose_names(names, tier), top), class_=f"names for-{tier.name}")
        for tier in TIERS
    )
    return element("g", *lines, *tiers, class_="marks") if marked else ""


def _draw_names(labels: Iterable[Label], top: float) -> Iterator[str]:
    for label in labels:
        y = _NAMES_PX + _ROW_PX * label.row
        yield element(
            "line", class_="mark", x1=across(label.centre), x2=across(label.centre), y1=y - 9, y2=top - 4
        )
        aside = ASIDE_PX if label.anchor == "start" else -ASIDE_PX
        yield draw_label(label, y, dx=aside)


def _draw_paths(trend: Trend, height: Height) -> str:
    rows, line = trend.rows, trend.timeline
    across = [line.centre_of(index) * _PATH_WIDTH / 100 for index in range(len(rows))]
    calls = [(x, height(row.calls)) for x, row in zip(across, rows)]
    errors = [(x, height(row.errors)) for x, row in zip(across, rows)]
    before = [(x, height(row.before)) for x, row in zip(across, rows) if row.before is not None]
    has_errors = any(row.errors for row in rows)
    return element(
        "svg",
        _draw_area("area", calls),
        _draw_area("error-area", errors) if has_errors else "",
        _draw_line("before-line", before),
        *_draw_ends("line", calls, rows),
        *(_draw_ends("error-line", errors, rows) if has_errors else ()),
        class_="paths",
        width="100%",
        height=_HEIGHT_PX,
        viewBox=f"0 0 {_PATH_WIDTH} {_HEIGHT_PX}",
        preserveAspectRatio="none",
    )


Place = tuple[float, float]


def _draw_ends(kind: str, places: Sequence[Place], rows: Sequence[TrendRow]) -> Iterator[str]:
    """Yield the line through all whole spans, and apart from it the way to an end that is not whole."""
    first, last = 0, len(places)
    if len(places) > 1 and not rows[0].is_whole:
        yield _draw_line(f"{kind} unfinished", places[:2])
        first = 1
    if len(places) - first > 1 and not rows[-1].is_whole:
        yield _draw_line(f"{kind} unfinished", places[-2:])
        last -= 1
    yield _draw_line(kind, places[first:last])


def _draw_line(kind: str, places: Sequence[Place]) -> str:
    if len(places) < 2:
        return ""
    return element("path", class_=kind, d=_way(places), vector_effect="non-scaling-stroke")


def _draw_area(kind: str, places: Sequence[Place]) -> str:
    if len(places) < 2:
        return ""
    return element(
        "path", class_=kind, d=_way([(places[0][0], _BASE_PX), *places, (places[-1][0], _BASE_PX)]) + "Z"
    )


def _way(places: Iterable[Place]) -> str:
    return "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in places)


def _draw_dots(trend: Trend, height: Height) -> str:
    """Return a dot where there is a single span, and a hollow one at an end that is not whole."""
    rows, dots = trend.rows, []
    for index in sorted({0, len(rows) - 1} if rows else ()):
        row = rows[index]
        if len(rows) > 1 and row.is_whole:
            continue
        kind = "dot" if row.is_whole else "dot unfinished"
        x = across(trend.timeline.centre_of(index))
        if len(rows) == 1:
            dots.append(
                element("line", class_="line stem", x1=x, x2=x, y1=_BASE_PX, y2=height(row.calls) + _DOT_PX)
            )
        if row.errors:
            dots.append(
                element("circle", class_=f"error-{kind}", cx=x, cy=height(row.errors), r=_DOT_PX - 0.5)
            )
        dots.append(element("circle", class_=kind, cx=x, cy=height(row.calls), r=_DOT_PX))
    return "".join(dots)


def _draw_points(trend: Trend, height: Height) -> str:
    """Return, for each span, a box that cannot be seen: it can be pointed at, and counted."""
    points = (
        draw_target(
            "point",
            _tell_point(row, trend.timeline.name_of(index)),
            index,
            len(trend.timeline),
            _BASE_PX,
            start=str(row.start),
            calls=str(row.calls),
            errors=str(row.errors),
            before=None if row.before is None else str(row.before),
            label=row.label,
            x=trend.timeline.centre_of(index),
            y=height(row.calls),
            error_y=height(row.errors),
        )
        for index, row in enumerate(trend.rows)
    )
    return element("g", *points, class_="points")


def _tell_point(row: TrendRow, name: str) -> str:
    """Return what a pointed span says, a line each."""
    lines = [name, as_many(row.calls, "call")]
    share = f" ({as_share(row.errors, row.calls)})" if row.errors and row.calls else ""
    lines.append(f"{as_many(row.errors, 'error')}{share}" if row.errors else "no errors")
    if row.before is not None:
        lines.append(f"{as_many(row.before, 'call')} in the period before")
    lines.extend(f"{shorten(version, _NAME_LETTERS_MAX)} came out" for version in row.versions)
    return "\n".join(lines)


def _draw_key(trend: Trend) -> str:
    rows = trend.rows
    entries = [("line", "calls")]
    entries.append(("error-line", "errors") if any(row.errors for row in rows) else ("", "no errors"))
    if any(row.before is not None for row in rows):
        shown = 2 * trend.since - trend.until
        entries.append(("before-line", f"calls of the period before, {as_period(shown, trend.since)}"))
    line = trend.timeline
    ends = [
        "partly in the period" if line.is_over(index) else "not over yet"
        for index in sorted({0, len(rows) - 1})
        if rows and not line.is_whole(index)
    ]
    if ends:
        entries.append(("line unfinished", " or ".join(dict.fromkeys(ends))))
    return element(
        "p", *(element("span", _draw_swatch(kind), written(text)) for kind, text in entries), class_="key"
    )


def _draw_swatch(kind: str) -> str:
    if not kind:
        return ""
    path = element("path", class_=kind, d="M0,4L18,4")
    return element("svg", path, class_="swatch", aria_hidden="true", width=18, height=8)
