"""
Questions about events, as sqlite answers them: from the sums of days where they suffice.

Percentiles need every latency: these are gathered, grouped, and walked in order once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter

from ...vocabulary import COUNT_MAX
from ._answers import CallFigures, Calls, CallSpan, ClientCalls, Sessions, ToolCalls, VersionCalls
from ._filter import DAY_SECS, ROWS_MAX, SPANS_MAX, Filter
from ._ranks import nearest_ranks
from ._sqlite_filters import Condition, named, shape_condition, span_start
from ._sqlite_slices import gather_latencies, gather_sessions

__all__ = ["apps", "calls", "calls_by_version", "calls_over_time", "clients", "sessions"]

_PERCENTS = (50, 95, 99)
_FOR_EVER = (COUNT_MAX // DAY_SECS + 1) * DAY_SECS  # after the greatest moment that an event can tell
_ERRORS = "sum(CASE s.status WHEN 'error' THEN h.calls ELSE 0 END)"
_SUMS = "sums AS h JOIN shapes AS s ON s.number = h.shape"
# Whole days from their sums, what is left of the period from the events themselves.
_WITH_SUMS = f"""
WITH sums (moment, shape, calls) AS (
    SELECT day * {DAY_SECS}, shape, calls FROM calls_by_day WHERE day >= ? AND day < ?
    UNION ALL
    SELECT timestamp_secs, shape, 1 FROM events WHERE timestamp_secs >= ? AND timestamp_secs < ?
    UNION ALL
    SELECT timestamp_secs, shape, 1 FROM events WHERE timestamp_secs >= ? AND timestamp_secs < ?
)
"""
_COUNTED = "counted AS c JOIN shapes AS s ON s.number = c.shape JOIN wanted AS w ON w.shape = c.shape"


def apps(connection: sqlite3.Connection, asked: Filter) -> dict[str, int]:
    """Answer `CallQuestions.apps`."""
    condition = _in_sums(asked, any_app=True)
    return dict(
        connection.execute(
            f"{_WITH_SUMS} SELECT {named('s.app')} AS name, sum(h.calls) AS calls FROM {_SUMS} WHERE {condition.sql} "
            f"GROUP BY name ORDER BY calls DESC, name LIMIT {ROWS_MAX}",
            condition.values,
        )
    )


def calls(connection: sqlite3.Connection, asked: Filter) -> Calls:
    """Answer `CallQuestions.calls`."""
    gather_latencies(connection, asked)
    (routes,) = connection.execute("SELECT count(DISTINCT route) FROM latencies").fetchone()
    connection.execute(
        f"""
        CREATE TEMP TABLE shown AS
        SELECT w.route AS route, min(s.tool) AS tool, min(s.routing_decision) AS routing_decision, sum(c.calls) AS calls
        FROM {_COUNTED} GROUP BY w.route
        ORDER BY calls DESC, tool, routing_decision LIMIT {ROWS_MAX}
        """
    )
    percentiles = dict(_percentiles_of_routes(connection))
    error_types = _error_types_of_routes(connection)
    rows = [
        ToolCalls(tool, decision, _figures(count, error_types.get(route, {}), percentiles[route]))
        for route, tool, decision, count in connection.execute(
            "SELECT route, tool, routing_decision, calls FROM shown ORDER BY calls DESC, tool, routing_decision"
        ).fetchall()
    ]
    return Calls(rows, _totals(connection), routes - len(rows))


def calls_over_time(connection: sqlite3.Connection, asked: Filter, step_secs: int) -> list[CallSpan]:
    """Answer `CallQuestions.calls_over_time`."""
    condition = _in_sums(asked, has_days=step_secs % DAY_SECS == 0)
    rows = connection.execute(
        f"{_WITH_SUMS} SELECT {span_start('h.moment', step_secs)} AS start, sum(h.calls), {_ERRORS} "
        f"FROM {_SUMS} WHERE {condition.sql} GROUP BY start ORDER BY start DESC LIMIT {SPANS_MAX}",
        condition.values,
    )
    return [CallSpan(*row) for row in rows][::-1]


def clients(connection: sqlite3.Connection, asked: Filter) -> list[ClientCalls]:
    """Answer `CallQuestions.clients`."""
    condition = _in_sums(asked)
    rows = connection.execute(
        f"{_WITH_SUMS} SELECT {named('s.client')} AS name, sum(h.calls) AS calls, {_ERRORS} FROM {_SUMS} WHERE {condition.sql} "
        f"GROUP BY name ORDER BY calls DESC, name LIMIT {ROWS_MAX}",
        condition.values,
    )
    return [ClientCalls(*row) for row in rows]


def calls_by_version(connection: sqlite3.Connection, asked: Filter) -> list[VersionCalls]:
    """Answer `CallQuestions.calls_by_version`."""
    condition = _in_sums(asked)
    rows = connection.execute(
        f"{_WITH_SUMS} SELECT {named('s.version')} AS name, min(h.moment) / {DAY_SECS} * {DAY_SECS}, sum(h.calls) AS calls, {_ERRORS} "
        f"FROM {_SUMS} WHERE {condition.sql} GROUP BY name ORDER BY calls DESC, name LIMIT {ROWS_MAX}",
        condition.values,
    )
    return [VersionCalls(*row) for row in rows]


def sessions(connection: sqlite3.Connection, asked: Filter) -> Sessions:
    """Answer `Questions.sessions`."""
    gather_sessions(connection, asked)
    count, made = connection.execute("SELECT count(*), coalesce(sum(calls), 0) FROM sessions").fetchone()
    sizes = connection.execute("SELECT calls, count(*) FROM sessions GROUP BY calls ORDER BY calls")
    p50, p95 = nearest_ranks(sizes, count, (50, 95))
    return Sessions(count, made, p50, p95)


def _in_sums(asked: Filter, *, any_app: bool = False, has_days: bool = True) -> Condition:
    """Return the condition on `_SUMS`, with the values for `_WITH_SUMS` first."""
    since = 0 if asked.since is None else max(0, asked.since)
    until = _FOR_EVER if asked.until is None else asked.until
    # From the first whole day up to, not including, the first that is not whole any more.
    first, last = (-(-since // DAY_SECS), until // DAY_SECS) if has_days else (0, 0)
    if first >= last:
        first = last = 0
        edges = [since, until, 0, 0]
    else:
        edges = [since, first * DAY_SECS, last * DAY_SECS, until]
    condition = shape_condition(asked, any_app=any_app)
    return Condition(condition.sql, [first, last, *edges, *condition.values])


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
