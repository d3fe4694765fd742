"""
Questions about events that the sums of days answer in PostgreSQL, whatever was called how often.

Whole days come from their sums, what is left of the period from the events themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ._answers import CallSpan, ClientCalls, ErrorSpan, ToolSpan, VersionCalls
from ._blocks import ends_of
from ._filter import DAY_SECS, ROWS_MAX, SPANS_MAX, TRENDS_MAX, Filter
from ._postgres_filters import Condition, named, shape_condition, span_start
from ._postgres_server import Session

__all__ = ["apps", "calls_by", "calls_by_version", "calls_over_time", "clients", "error_types", "errors_over_time", "tool_trends"]

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
_ERRORS = "coalesce(sum(h.calls) FILTER (WHERE s.status = 'error'), 0)"


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


def tool_trends(session: Session, asked: Filter, step_secs: int, most: int) -> list[ToolSpan]:
    """Answer `CallQuestions.tool_trends`."""
    by_days = _in_sums(asked)
    names = session.rows(
        f"{_WITH_SUMS} SELECT s.tool, sum(h.calls) FROM {_SUMS} WHERE {by_days.sql} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %s",
        (*by_days.values, min(most, ROWS_MAX)),
    )
    condition = _in_sums(asked, has_days=step_secs % DAY_SECS == 0)
    rows = session.rows(
        f"{_WITH_SUMS} SELECT s.tool, {span_start('h.moment', step_secs)}, sum(h.calls), {_ERRORS} "
        f"FROM {_SUMS} WHERE {condition.sql} AND s.tool = ANY(%s::text[]) GROUP BY 1, 2 ORDER BY 2 DESC, 1 LIMIT {TRENDS_MAX}",
        (*condition.values, [name for name, _ in names]),
    )
    return sorted(ToolSpan(*row) for row in rows)


def errors_over_time(session: Session, asked: Filter, step_secs: int) -> list[ErrorSpan]:
    """Answer `CallQuestions.errors_over_time`."""
    condition = _in_sums(asked, has_days=step_secs % DAY_SECS == 0)
    rows = session.rows(
        f"{_WITH_SUMS} SELECT {span_start('h.moment', step_secs)}, {named('s.error_type')}, sum(h.calls) "
        f"FROM {_SUMS} WHERE {condition.sql} AND s.status = 'error' GROUP BY 1, 2 ORDER BY 1 DESC, 2 LIMIT {TRENDS_MAX}",
        condition.values,
    )
    return sorted(ErrorSpan(*row) for row in rows)


def calls_by(session: Session, asked: Filter, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    """Return the most called of what *columns* tell apart: how many there are, calls of all, least shape, calls, and *columns*."""
    condition, names = _in_sums(asked), ", ".join(f"s.{column}" for column in columns)
    return session.rows(
        f"{_WITH_SUMS} SELECT count(*) OVER (), sum(sum(h.calls)) OVER (), min(s.number), sum(h.calls) AS calls, {names} "
        f"FROM {_SUMS} WHERE {condition.sql} GROUP BY {names} ORDER BY calls DESC, {names} LIMIT {ROWS_MAX}",
        condition.values,
    )


def error_types(session: Session, asked: Filter, columns: Sequence[str]) -> dict[tuple[str | None, ...], dict[str, int]]:
    """Return the errors of each of what *columns* tell apart, and under None those of all."""
    condition, names = _in_sums(asked), ", ".join(columns)
    rows = session.rows(
        f"""
        {_WITH_SUMS} SELECT name, sum(calls) AS errors, {names} FROM (
            SELECT s.tool, s.routing_decision, {named("s.error_type")} AS name, h.calls
            FROM {_SUMS} WHERE {condition.sql} AND s.status = 'error'
        ) AS failed
        GROUP BY GROUPING SETS (({names}, name), (name)) ORDER BY errors DESC, name
        """,
        condition.values,
    )
    found: dict[tuple[str | None, ...], dict[str, int]] = {}
    for name, errors, *named_by in rows:
        found.setdefault(tuple(named_by), {})[name] = errors
    return found


def _in_sums(asked: Filter, *, any_app: bool = False, has_days: bool = True) -> Condition:
    """Return the condition on `_SUMS`, with the values for `_WITH_SUMS` first."""
    since, until = ends_of(asked)
    # From the first whole day up to, not including, the first that is not whole any more.
    first, last = (-(-since // DAY_SECS), until // DAY_SECS) if has_days else (0, 0)
    edges = (since, first * DAY_SECS, last * DAY_SECS, until) if first < last else (since, until, 0, 0)
    return Condition("true", (*((first, last) if first < last else (0, 0)), *edges)) & shape_condition(asked, any_app=any_app)
