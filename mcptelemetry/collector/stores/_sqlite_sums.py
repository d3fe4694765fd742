"""
Questions about events that the sums of days answer in sqlite, whatever was called how often.

Whole days come from their sums, what is left of the period from the events themselves.
"""

from __future__ import annotations

import sqlite3

from ._answers import CallSpan, ClientCalls, ErrorSpan, ToolSpan, VersionCalls
from ._blocks import ends_of
from ._filter import DAY_SECS, ROWS_MAX, SPANS_MAX, TRENDS_MAX, Filter
from ._sqlite_filters import Condition, named, shape_condition, span_start

__all__ = ["apps", "calls_by_version", "calls_over_time", "clients", "errors_over_time", "tool_trends"]

_ERRORS = "sum(CASE s.status WHEN 'error' THEN h.calls ELSE 0 END)"
_SUMS = "sums AS h JOIN shapes AS s ON s.number = h.shape"
# Where days do not matter, each shape is looked up once.
_BY_SHAPE = "(SELECT shape, sum(calls) AS calls, min(moment) AS moment FROM sums GROUP BY shape) AS h JOIN shapes AS s ON s.number = h.shape"
_WITH_SUMS = f"""
WITH sums (moment, shape, calls) AS (
    SELECT day * {DAY_SECS}, shape, calls FROM calls_by_day WHERE day >= ? AND day < ?
    UNION ALL
    SELECT timestamp_secs, shape, 1 FROM events WHERE timestamp_secs >= ? AND timestamp_secs < ?
    UNION ALL
    SELECT timestamp_secs, shape, 1 FROM events WHERE timestamp_secs >= ? AND timestamp_secs < ?
)
"""


def apps(connection: sqlite3.Connection, asked: Filter) -> dict[str, int]:
    """Answer `CallQuestions.apps`."""
    condition = _in_sums(asked, any_app=True)
    return dict(
        connection.execute(
            f"{_WITH_SUMS} SELECT {named('s.app')} AS name, sum(h.calls) AS calls FROM {_BY_SHAPE} WHERE {condition.sql} "
            f"GROUP BY name ORDER BY calls DESC, name LIMIT {ROWS_MAX}",
            condition.values,
        )
    )


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
        f"{_WITH_SUMS} SELECT {named('s.client')} AS name, sum(h.calls) AS calls, {_ERRORS} FROM {_BY_SHAPE} WHERE {condition.sql} "
        f"GROUP BY name ORDER BY calls DESC, name LIMIT {ROWS_MAX}",
        condition.values,
    )
    return [ClientCalls(*row) for row in rows]


def calls_by_version(connection: sqlite3.Connection, asked: Filter) -> list[VersionCalls]:
    """Answer `CallQuestions.calls_by_version`."""
    condition = _in_sums(asked)
    rows = connection.execute(
        f"{_WITH_SUMS} SELECT {named('s.version')} AS name, min(h.moment) / {DAY_SECS} * {DAY_SECS}, sum(h.calls) AS calls, {_ERRORS} "
        f"FROM {_BY_SHAPE} WHERE {condition.sql} GROUP BY name ORDER BY calls DESC, name LIMIT {ROWS_MAX}",
        condition.values,
    )
    return [VersionCalls(*row) for row in rows]


def tool_trends(connection: sqlite3.Connection, asked: Filter, step_secs: int, most: int) -> list[ToolSpan]:
    """Answer `CallQuestions.tool_trends`."""
    most = min(most, ROWS_MAX)
    by_days = _in_sums(asked)
    names = [
        name
        for name, _ in connection.execute(
            f"{_WITH_SUMS} SELECT s.tool, sum(h.calls) AS calls FROM {_BY_SHAPE} WHERE {by_days.sql} "
            "GROUP BY s.tool ORDER BY calls DESC, s.tool LIMIT ?",
            [*by_days.values, most],
        )
    ]
    condition = _in_sums(asked, has_days=step_secs % DAY_SECS == 0)
    if len(names) == most:  # else these are all that there are
        condition &= Condition(f"s.tool IN ({', '.join('?' * len(names))})", [*names])
    rows = connection.execute(
        f"{_WITH_SUMS} SELECT s.tool AS name, {span_start('h.moment', step_secs)} AS start, sum(h.calls), {_ERRORS} "
        f"FROM {_SUMS} WHERE {condition.sql} "
        f"GROUP BY name, start ORDER BY start DESC, name LIMIT {TRENDS_MAX}",
        condition.values,
    )
    return sorted(ToolSpan(*row) for row in rows)


def errors_over_time(connection: sqlite3.Connection, asked: Filter, step_secs: int) -> list[ErrorSpan]:
    """Answer `CallQuestions.errors_over_time`."""
    condition = _in_sums(asked, has_days=step_secs % DAY_SECS == 0)
    rows = connection.execute(
        f"{_WITH_SUMS} SELECT {span_start('h.moment', step_secs)} AS start, {named('s.error_type')} AS name, sum(h.calls) "
        f"FROM {_SUMS} WHERE {condition.sql} AND s.status = 'error' "
        f"GROUP BY start, name ORDER BY start DESC, name LIMIT {TRENDS_MAX}",
        condition.values,
    )
    return sorted(ErrorSpan(*row) for row in rows)


def _in_sums(asked: Filter, *, any_app: bool = False, has_days: bool = True) -> Condition:
    """Return the condition on `_SUMS`, with the values for `_WITH_SUMS` first."""
    since, until = ends_of(asked)
    # From the first whole day up to, not including, the first that is not whole any more.
    first, last = (-(-since // DAY_SECS), until // DAY_SECS) if has_days else (0, 0)
    if first >= last:
        first = last = 0
        edges = [since, until, 0, 0]
    else:
        edges = [since, first * DAY_SECS, last * DAY_SECS, until]
    condition = shape_condition(asked, any_app=any_app)
    return Condition(condition.sql, [first, last, *edges, *condition.values])
