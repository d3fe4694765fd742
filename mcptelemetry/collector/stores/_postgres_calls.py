"""
Questions about events, as PostgreSQL answers them: from the sums of days where they suffice.

Percentiles need every latency: these are counted, and the nearest rank is found in whole numbers.
"""

from __future__ import annotations

from ...vocabulary import COUNT_MAX
from ._answers import CallFigures, Calls, CallSpan, ClientCalls, Sessions, ToolCalls, VersionCalls
from ._filter import DAY_SECS, ROWS_MAX, SPANS_MAX, Filter
from ._postgres_filters import Condition, moment_condition, named, shape_condition, span_start
from ._postgres_server import Session

__all__ = ["apps", "calls", "calls_by_version", "calls_over_time", "clients", "sessions"]

# Whole days from their sums, what is left of the period from the events themselves.
_WITH_SUMS = f"""
WITH sums (moment, shape, calls) AS NOT MATERIALIZED (
    SELECT day * {DAY_SECS}::bigint, shape, calls FROM calls_by_day WHERE day >= %s AND day < %s
    UNION ALL
    SELECT timestamp_secs, shape, 1 FROM events WHERE timestamp_secs >= %s AND timestamp_secs < %s
    UNION ALL
    SELECT timestamp_secs, shape, 1 FROM events WHERE timestamp_secs >= %s AND timestamp_secs < %s
)
"""
_SUMS = "sums AS h JOIN shapes AS s ON s.number = h.shape"
_FOR_EVER = (COUNT_MAX // DAY_SECS + 1) * DAY_SECS  # after the greatest moment that an event can tell
_ERRORS = "coalesce(sum(h.calls) FILTER (WHERE s.status = 'error'), 0)"
_ALL = 0  # in place of a route; routes are told by the least shape of each


def apps(session: Session, asked: Filter) -> dict[str, int]:
    """Answer `CallQuestions.apps`."""
    condition = _in_sums(asked, any_app=True)
    return dict(
        session.rows(
            f"{_WITH_SUMS} SELECT {named('s.app')} AS name, sum(h.calls) AS calls FROM {_SUMS} WHERE {condition.sql} "
            f"GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {ROWS_MAX}",
            condition.values,
        )
    )


def calls(session: Session, asked: Filter) -> Calls:
    """Answer `CallQuestions.calls`."""
    of_shape, in_period = shape_condition(asked), moment_condition("e.timestamp_secs", asked)
    rows = session.rows(
        f"""
        WITH wanted AS (
            SELECT s.number AS shape, min(s.number) OVER (PARTITION BY s.tool, s.routing_decision) AS route
            FROM shapes AS s WHERE {of_shape.sql}
        ), latencies AS MATERIALIZED (
            SELECT w.route, e.latency_ms, count(*) AS calls FROM events AS e JOIN wanted AS w ON w.shape = e.shape
            WHERE {in_period.sql} GROUP BY 1, 2
        ), climbing AS (
            SELECT route, latency_ms, sum(calls) OVER (PARTITION BY route ORDER BY latency_ms) AS up_to,
                sum(calls) OVER (PARTITION BY route) AS total
            FROM (
                SELECT route, latency_ms, calls FROM latencies
                UNION ALL SELECT {_ALL}, latency_ms, sum(calls) FROM latencies GROUP BY latency_ms
            ) AS counted
        ), figures AS (
            SELECT route, min(total) AS calls,
                min(latency_ms) FILTER (WHERE up_to * 100 >= total * 50) AS p50_ms,
                min(latency_ms) FILTER (WHERE up_to * 100 >= total * 95) AS p95_ms,
                min(latency_ms) FILTER (WHERE up_to * 100 >= total * 99) AS p99_ms
            FROM climbing GROUP BY route
        )
        SELECT s.tool, s.routing_decision, f.calls, f.p50_ms, f.p95_ms, f.p99_ms, count(*) OVER () - 1
        FROM figures AS f LEFT JOIN shapes AS s ON s.number = f.route
        ORDER BY s.number IS NOT NULL, f.calls DESC, s.tool, s.routing_decision LIMIT {ROWS_MAX + 1}
        """,
        (*of_shape.values, *in_period.values),
    )
    types = _error_types(session, asked)
    if not rows:
        return Calls([], _figures(0, {}, None, None, None), 0)
    shown = [ToolCalls(row[0], row[1], _figures(row[2], types.get(row[:2], {}), *row[3:6])) for row in rows[1:]]
    return Calls(shown, _figures(rows[0][2], types.get((None, None), {}), *rows[0][3:6]), rows[0][6] - len(shown))


def calls_over_time(session: Session, asked: Filter, step_secs: int) -> list[CallSpan]:
    """Answer `CallQuestions.calls_over_time`."""
    condition = _in_sums(asked, has_days=step_secs % DAY_SECS == 0)
    rows = session.rows(
        f"{_WITH_SUMS} SELECT {span_start('h.moment', step_secs)}, sum(h.calls), {_ERRORS} "
        f"FROM {_SUMS} WHERE {condition.sql} GROUP BY 1 ORDER BY 1 DESC LIMIT {SPANS_MAX}",
        condition.values,
    )
    return [CallSpan(*row) for row in rows][::-1]


def clients(session: Session, asked: Filter) -> list[ClientCalls]:
    """Answer `CallQuestions.clients`."""
    condition = _in_sums(asked)
    rows = session.rows(
        f"{_WITH_SUMS} SELECT {named('s.client')}, sum(h.calls), {_ERRORS} FROM {_SUMS} WHERE {condition.sql} "
        f"GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {ROWS_MAX}",
        condition.values,
    )
    return [ClientCalls(*row) for row in rows]


def calls_by_version(session: Session, asked: Filter) -> list[VersionCalls]:
    """Answer `CallQuestions.calls_by_version`."""
    condition = _in_sums(asked)
    rows = session.rows(
        f"{_WITH_SUMS} SELECT {named('s.version')}, min(h.moment) / {DAY_SECS} * {DAY_SECS}, sum(h.calls), {_ERRORS} "
        f"FROM {_SUMS} WHERE {condition.sql} GROUP BY 1 ORDER BY 3 DESC, 1 LIMIT {ROWS_MAX}",
        condition.values,
    )
    return [VersionCalls(*row) for row in rows]


def sessions(session: Session, asked: Filter) -> Sessions:
    """Answer `Questions.sessions`."""
    of_shape, in_period = shape_condition(asked), moment_condition("e.timestamp_secs", asked)
    # 0.95 of a double is a little less than it says: what it makes of a count never passes the rank.
    row = session.row(
        f"""
        SELECT count(*), coalesce(sum(calls), 0), percentile_disc(0.5) WITHIN GROUP (ORDER BY calls),
            percentile_disc(0.95) WITHIN GROUP (ORDER BY calls)
        FROM (
            SELECT count(*) AS calls FROM events AS e JOIN shapes AS s ON s.number = e.shape
            WHERE {in_period.sql} AND {of_shape.sql} AND e.process > 1 GROUP BY e.process
        ) AS sizes
        """,
        (*in_period.values, *of_shape.values),
    )
    return Sessions(*row)


def _in_sums(asked: Filter, *, any_app: bool = False, has_days: bool = True) -> Condition:
    """Return the condition on `_SUMS`, with the values for `_WITH_SUMS` first."""
    since = 0 if asked.since is None else max(0, asked.since)
    until = _FOR_EVER if asked.until is None else asked.until
    # From the first whole day up to, not including, the first that is not whole any more.
    first, last = (-(-since // DAY_SECS), until // DAY_SECS) if has_days else (0, 0)
    edges = (since, first * DAY_SECS, last * DAY_SECS, until) if first < last else (since, until, 0, 0)
    return Condition("true", (*((first, last) if first < last else (0, 0)), *edges)) & shape_condition(asked, any_app=any_app)


def _error_types(session: Session, asked: Filter) -> dict[tuple[str | None, str | None], dict[str, int]]:
    """Return the errors of each route, and under None those of all."""
    condition = _in_sums(asked)
    rows = session.rows(
        f"""
        {_WITH_SUMS} SELECT tool, routing_decision, name, sum(calls) AS errors FROM (
            SELECT s.tool, s.routing_decision, {named("s.error_type")} AS name, h.calls
            FROM {_SUMS} WHERE {condition.sql} AND s.status = 'error'
        ) AS failed
        GROUP BY GROUPING SETS ((tool, routing_decision, name), (name)) ORDER BY errors DESC, name
        """,
        condition.values,
    )
    found: dict[tuple[str | None, str | None], dict[str, int]] = {}
    for tool, decision, name, errors in rows:
        found.setdefault((tool, decision), {})[name] = errors
    return found


def _figures(count: int, types: dict[str, int], p50: int | None, p95: int | None, p99: int | None) -> CallFigures:
    return CallFigures(count, sum(types.values()), types, p50, p95, p99)
