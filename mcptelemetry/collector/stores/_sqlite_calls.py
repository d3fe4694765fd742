"""
Questions about events that sums of days cannot answer, as sqlite answers them.

Percentiles need every latency: these are gathered, grouped, and walked in order once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from ._answers import CallFigures, Calls, Sessions, ToolCalls, ToolFigures
from ._filter import ROWS_MAX, Filter
from ._ranks import nearest_ranks
from ._sqlite_filters import named
from ._sqlite_slices import gather_latencies, gather_sessions

__all__ = ["calls", "sessions", "tools"]

_PERCENTS = (50, 95, 99)
_COUNTED = "counted AS c JOIN shapes AS s ON s.number = c.shape JOIN wanted AS w ON w.shape = c.shape"


def calls(connection: sqlite3.Connection, asked: Filter) -> Calls:
    """Answer `CallQuestions.calls`."""
    rows, routes = _figures_by(connection, asked, ("tool", "routing_decision"))
    return Calls([ToolCalls(*row) for row in rows], _totals(connection), routes - len(rows))


def tools(connection: sqlite3.Connection, asked: Filter) -> list[ToolFigures]:
    """Answer `CallQuestions.tools`."""
    rows, _ = _figures_by(connection, asked, ("tool",))
    return [ToolFigures(*row) for row in rows]


def _figures_by(connection: sqlite3.Connection, asked: Filter, columns: Sequence[str]) -> tuple[list[tuple[Any, ...]], int]:
    """Return the figures of the most called of what *columns* tell apart, after the values of these; and how many there are in all."""
    gather_latencies(connection, asked, columns)
    (routes,) = connection.execute("SELECT count(DISTINCT route) FROM latencies").fetchone()
    names = ", ".join(columns)
    connection.execute(
        f"""
        CREATE TEMP TABLE shown AS
        SELECT w.route AS route, {", ".join(f"min(s.{column}) AS {column}" for column in columns)}, sum(c.calls) AS calls
        FROM {_COUNTED} GROUP BY w.route ORDER BY calls DESC, {names} LIMIT {ROWS_MAX}
        """
    )
    percentiles = dict(_percentiles_of_routes(connection))
    error_types = _error_types_of_routes(connection)
    rows = [
        (*named_by, _figures(count, error_types.get(route, {}), percentiles[route]))
        for route, count, *named_by in connection.execute(
            f"SELECT route, calls, {names} FROM shown ORDER BY calls DESC, {names}"
        ).fetchall()
    ]
    return rows, routes


def sessions(connection: sqlite3.Connection, asked: Filter) -> Sessions:
    """Answer `Questions.sessions`."""
    gather_sessions(connection, asked)
    count, made = connection.execute("SELECT count(*), coalesce(sum(calls), 0) FROM sessions").fetchone()
    sizes = connection.execute("SELECT calls, count(*) FROM sessions GROUP BY calls ORDER BY calls")
    p50, p95 = nearest_ranks(sizes, count, (50, 95))
    return Sessions(count, made, p50, p95)


def _percentiles_of_routes(connection: sqlite3.Connection) -> Iterator[tuple[int, list[int | None]]]:
    """Yield the percentiles of each route that is shown, walking its latencies in order."""
    cursor = connection.execute(
        """
        SELECT l.route, s.calls, l.latency_ms, l.calls FROM latencies AS l JOIN shown AS s ON s.route = l.route
        ORDER BY l.route, l.latency_ms
        """
    )
    for (route, total), rows in groupby(cursor, key=itemgetter(0, 1)):
        yield route, nearest_ranks(((row[2], row[3]) for row in rows), total, _PERCENTS)


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


def _totals(connection: sqlite3.Connection) -> CallFigures:
    (total,) = connection.execute("SELECT coalesce(sum(calls), 0) FROM counted").fetchone()
    error_types = dict(
        connection.execute(
            f"SELECT {named('s.error_type')} AS name, sum(c.calls) AS errors FROM {_COUNTED} "
            "WHERE s.status = 'error' GROUP BY name ORDER BY errors DESC, name"
        )
    )
    cursor = connection.execute("SELECT latency_ms, sum(calls) FROM latencies GROUP BY latency_ms ORDER BY latency_ms")
    return _figures(total, error_types, nearest_ranks(cursor, total, _PERCENTS))


def _figures(count: int, error_types: dict[str, int], percentiles: list[int | None]) -> CallFigures:
    return CallFigures(count, sum(error_types.values()), error_types, *percentiles)
