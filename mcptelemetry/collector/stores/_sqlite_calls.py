"""
Questions about events that sums of days cannot answer, as sqlite answers them.

Percentiles need every latency: these are gathered, packed, and looked at where a percentile lies.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from ._answers import CallFigures, Calls, Sessions, ToolCalls, ToolFigures
from ._filter import ROWS_MAX, Filter
from ._packed_latencies import exact_percentiles
from ._ranks import nearest_ranks
from ._sqlite_filters import named
from ._sqlite_slices import gather_latencies, gather_sessions

__all__ = ["calls", "sessions", "tools"]

_PERCENTS = (50, 95, 99)
_COUNTED = "counted AS c JOIN shapes AS s ON s.number = c.shape JOIN wanted AS w ON w.shape = c.shape"


def calls(connection: sqlite3.Connection, asked: Filter) -> Calls:
    """Answer `CallQuestions.calls`."""
    rows, totals, routes = _figures_by(connection, asked, ("tool", "routing_decision"))
    return Calls([ToolCalls(*row) for row in rows], totals, routes - len(rows))


def tools(connection: sqlite3.Connection, asked: Filter) -> list[ToolFigures]:
    """Answer `CallQuestions.tools`."""
    rows, _, _ = _figures_by(connection, asked, ("tool",))
    return [ToolFigures(*row) for row in rows]


def _figures_by(
    connection: sqlite3.Connection, asked: Filter, columns: Sequence[str]
) -> tuple[list[tuple[Any, ...]], CallFigures, int]:
    """Return the figures of the most called of what *columns* tell apart, after these; those of all; and how many there are."""
    gather_latencies(connection, asked, columns)
    (routes,) = connection.execute("SELECT count(DISTINCT w.route) FROM counted AS c JOIN wanted AS w ON w.shape = c.shape").fetchone()
    names = ", ".join(columns)
    connection.execute(
        f"""
        CREATE TEMP TABLE shown AS
        SELECT w.route AS route, {", ".join(f"min(s.{column}) AS {column}" for column in columns)}, sum(c.calls) AS calls
        FROM {_COUNTED} GROUP BY w.route ORDER BY calls DESC, {names} LIMIT {ROWS_MAX}
        """
    )
    shown = connection.execute(f"SELECT route, calls, {names} FROM shown ORDER BY calls DESC, {names}").fetchall()
    percentiles, overall = exact_percentiles(
        lambda: connection.execute("SELECT route, packed FROM latencies"), [row[0] for row in shown], _PERCENTS
    )
    error_types = _error_types_of_routes(connection)
    rows = [
        (*named_by, _figures(count, error_types.get(route, {}), percentiles[route])) for route, count, *named_by in shown
    ]
    return rows, _totals(connection, overall), routes


def sessions(connection: sqlite3.Connection, asked: Filter) -> Sessions:
    """Answer `Questions.sessions`."""
    gather_sessions(connection, asked)
    count, made = connection.execute("SELECT count(*), coalesce(sum(calls), 0) FROM sessions").fetchone()
    sizes = connection.execute("SELECT calls, count(*) FROM sessions GROUP BY calls ORDER BY calls")
    p50, p95 = nearest_ranks(sizes, count, (50, 95))
    return Sessions(count, made, p50, p95)


def _error_types_of_routes(connection: sqlite3.Connection) -> dict[int, dict[str, int]]:
    found: dict[int, dict[str, int]] = {}
    rows = connection.execute(
        f"""
        SELECT w.route, {named("s.error_type")} AS name, sum(c.calls) AS errors FROM {_COUNTED}
        WHERE s.status = 'error' AND w.route IN (SELECT route FROM shown) GROUP BY w.route, name ORDER BY errors DESC, name
        """
    )
    for route, name, errors in rows:
        found.setdefault(route, {})[name] = errors
    return found


def _totals(connection: sqlite3.Connection, percentiles: list[int | None]) -> CallFigures:
    (total,) = connection.execute("SELECT coalesce(sum(calls), 0) FROM counted").fetchone()
    error_types = dict(
        connection.execute(
            f"SELECT {named('s.error_type')} AS name, sum(c.calls) AS errors FROM {_COUNTED} "
            "WHERE s.status = 'error' GROUP BY name ORDER BY errors DESC, name"
        )
    )
    return _figures(total, error_types, percentiles)


def _figures(count: int, error_types: dict[str, int], percentiles: list[int | None]) -> CallFigures:
    return CallFigures(count, sum(error_types.values()), error_types, *percentiles)
