"""
A tool's own page: how it goes over time, and what tells its calls apart.

Only events know of a tool whom it was called by and how, so that no part here is of heartbeats.
"""

from __future__ import annotations

from collections.abc import Iterator

from ._answers import Answers
from ._call_views import view_clients, view_error_types, view_versions_called
from ._cells import count, error_cell, latency, ratio_of, who
from ._overview import Group, has_calls_of, view_nothing
from ._shapes import Column, Grid, Part, Row
from ._tiles import view_tiles
from ._trend_views import view_calls_over_time, view_errors_over_time

__all__ = ["tool_groups"]


def tool_groups(answers: Answers) -> Iterator[Group]:
    """Yield the groups of a tool's own page."""
    if not has_calls_of(answers):
        yield Group("Looking", (view_nothing,))
        return
    yield Group("Counting", (lambda given: view_tiles(given, has_calls=True, has_heartbeats=False),))
    yield Group("Drawing calls over time", (view_calls_over_time,))
    yield Group("Drawing errors over time", (view_errors_over_time,))
    yield Group("Counting versions, clients and errors", (view_versions_called, view_clients, view_error_types), "three")
    yield Group("Counting routes", (_view_routes,))


def _view_routes(answers: Answers) -> Part | None:
    rows = answers.calls()["rows"]
    if not rows:
        return None
    totals = answers.calls()["totals"]
    typical = ratio_of(totals["errors"], totals["calls"])
    most = max(row["calls"] for row in rows)
    table = [
        Row(
            row["routing_decision"],
            [
                who(row["routing_decision"], None, ratio_of(row["calls"], most) or 0.0),
                count("calls", row["calls"]),
                error_cell(row["errors"], row["calls"], typical),
                latency("p50_ms", row["p50_ms"]),
                latency("p95_ms", row["p95_ms"]),
                latency("p99_ms", row["p99_ms"]),
            ],
        )
        for row in rows
    ]
    columns = [Column(title, title == "route") for title in ("route", "calls", "errors", "p50", "p95", "p99")]
    return Part("calls", "Routes", Grid(columns, table), "how the proxy decided", answers.define("calls"))
