"""
Questions about events that the sums of days answer in sqlite, whatever was called how often.

Whole days come from their sums, what is left of the period from the events themselves. Most of these
questions differ only in what they call by name: what each shape was called in the period, and what
each tool in each span of it, is added up once a look.
"""

from __future__ import annotations

from collections.abc import Sequence

from ._answers import CallSpan, ClientCalls, ErrorSpan, ToolSpan, VersionCalls
from ._blocks import ends_of
from ._filter import DAY_SECS, ROWS_MAX, SPANS_MAX, TRENDS_MAX, Filter
from ._sqlite_filters import Condition, named, shape_condition, span_start
from ._sqlite_looks import Look
from ._sqlite_slices import wanted_shapes

__all__ = ["apps", "calls_by_version", "calls_over_time", "clients", "errors_over_time", "gather_calls", "tool_trends"]

_ERRORS = "sum(CASE s.status WHEN 'error' THEN h.calls ELSE 0 END)"
_WITH_SUMS = f"""
WITH sums (moment, shape, calls) AS (
    SELECT day * {DAY_SECS}, shape, calls FROM calls_by_day WHERE day >= ? AND day < ?
    UNION ALL
    SELECT timestamp_secs, shape, 1 FROM events WHERE timestamp_secs >= ? AND timestamp_secs < ?
    UNION ALL
    SELECT timestamp_secs, shape, 1 FROM events WHERE timestamp_secs >= ? AND timestamp_secs < ?
)
"""


def gather_calls(look: Look, asked: Filter) -> str:
    """Return the table of calls of each shape in the period, whatever else is asked for: `shape`, `calls`, `moment` (of the first, or its day)."""

    def gather() -> str:
        table = look.new_table("shape INTEGER PRIMARY KEY, calls INTEGER NOT NULL, moment INTEGER NOT NULL")
        look.connection.execute(
            f"{_WITH_SUMS} INSERT INTO {table} SELECT shape, sum(calls), min(moment) FROM sums GROUP BY shape", _values_of_sums(asked)
        )
        return table

    return look.once(("calls", *ends_of(asked)), gather)


def _gather_spans(look: Look, asked: Filter, step_secs: int) -> str:
    """Return the table of calls in each span: `start`, `shape` (one for all of the same tool, status and error type), `calls`."""

    def gather() -> str:
        wanted = wanted_shapes(look, asked, ("tool", "status", "error_type"))
        table = look.new_table(
            "start INTEGER NOT NULL, shape INTEGER NOT NULL, calls INTEGER NOT NULL, PRIMARY KEY (start, shape)", is_ordered=True
        )
        look.connection.execute(
            f"{_WITH_SUMS} INSERT INTO {table} SELECT {span_start('h.moment', step_secs)} AS start, w.route, sum(h.calls) "
            f"FROM sums AS h CROSS JOIN {wanted} AS w ON w.shape = h.shape GROUP BY start, w.route",
            _values_of_sums(asked, has_days=step_secs % DAY_SECS == 0),
        )
        return table

    return look.once(("spans", asked, step_secs), gather)


def apps(look: Look, asked: Filter) -> dict[str, int]:
    """Answer `CallQuestions.apps`."""
    condition = shape_condition(asked, any_app=True)
    return dict(
        look.connection.execute(
            f"SELECT {named('s.app')} AS name, sum(h.calls) AS calls FROM {_by_shape(look, asked)} WHERE {condition.sql} "
            f"GROUP BY name ORDER BY calls DESC, name LIMIT {ROWS_MAX}",
            condition.values,
        )
    )


def calls_over_time(look: Look, asked: Filter, step_secs: int) -> list[CallSpan]:
    """Answer `CallQuestions.calls_over_time`."""
    rows = look.connection.execute(
        f"SELECT h.start, sum(h.calls), {_ERRORS} FROM {_by_span(look, asked, step_secs)} GROUP BY h.start ORDER BY h.start DESC LIMIT {SPANS_MAX}"
    )
    return [CallSpan(*row) for row in rows][::-1]


def clients(look: Look, asked: Filter) -> list[ClientCalls]:
    """Answer `CallQuestions.clients`."""
    condition = shape_condition(asked)
    rows = look.connection.execute(
        f"SELECT {named('s.client')} AS name, sum(h.calls) AS calls, {_ERRORS} FROM {_by_shape(look, asked)} WHERE {condition.sql} "
        f"GROUP BY name ORDER BY calls DESC, name LIMIT {ROWS_MAX}",
        condition.values,
    )
    return [ClientCalls(*row) for row in rows]


def calls_by_version(look: Look, asked: Filter) -> list[VersionCalls]:
    """Answer `CallQuestions.calls_by_version`."""
    condition = shape_condition(asked)
    rows = look.connection.execute(
        f"SELECT {named('s.version')} AS name, min(h.moment) / {DAY_SECS} * {DAY_SECS}, sum(h.calls) AS calls, {_ERRORS} "
        f"FROM {_by_shape(look, asked)} WHERE {condition.sql} GROUP BY name ORDER BY calls DESC, name LIMIT {ROWS_MAX}",
        condition.values,
    )
    return [VersionCalls(*row) for row in rows]


def tool_trends(look: Look, asked: Filter, step_secs: int, most: int) -> list[ToolSpan]:
    """Answer `CallQuestions.tool_trends`."""
    most = min(most, ROWS_MAX)
    of_shape = shape_condition(asked)
    names = [
        name
        for name, _ in look.connection.execute(
            f"SELECT s.tool, sum(h.calls) AS calls FROM {_by_shape(look, asked)} WHERE {of_shape.sql} "
            "GROUP BY s.tool ORDER BY calls DESC, s.tool LIMIT ?",
            [*of_shape.values, most],
        )
    ]
    condition = Condition("1", [])
    if len(names) == most:  # else these are all that there are
        condition &= Condition(f"s.tool IN ({', '.join('?' * len(names))})", [*names])
    rows = look.connection.execute(
        f"SELECT s.tool AS name, h.start, sum(h.calls), {_ERRORS} FROM {_by_span(look, asked, step_secs)} WHERE {condition.sql} "
        f"GROUP BY name, h.start ORDER BY h.start DESC, name LIMIT {TRENDS_MAX}",
        condition.values,
    )
    return sorted(ToolSpan(*row) for row in rows)


def errors_over_time(look: Look, asked: Filter, step_secs: int) -> list[ErrorSpan]:
    """Answer `CallQuestions.errors_over_time`."""
    rows = look.connection.execute(
        f"SELECT h.start, {named('s.error_type')} AS name, sum(h.calls) FROM {_by_span(look, asked, step_secs)} "
        f"WHERE s.status = 'error' GROUP BY h.start, name ORDER BY h.start DESC, name LIMIT {TRENDS_MAX}"
    )
    return sorted(ErrorSpan(*row) for row in rows)


def _by_shape(look: Look, asked: Filter) -> str:
    return f"{gather_calls(look, asked)} AS h JOIN shapes AS s ON s.number = h.shape"


def _by_span(look: Look, asked: Filter, step_secs: int) -> str:
    return f"{_gather_spans(look, asked, step_secs)} AS h JOIN shapes AS s ON s.number = h.shape"


def _values_of_sums(asked: Filter, *, has_days: bool = True) -> Sequence[int]:
    """Return the values for `_WITH_SUMS`."""
    since, until = ends_of(asked)
    # From the first whole day up to, not including, the first that is not whole any more.
    first, last = (-(-since // DAY_SECS), until // DAY_SECS) if has_days else (0, 0)
    if first >= last:
        return 0, 0, since, until, 0, 0
    return first, last, since, first * DAY_SECS, last * DAY_SECS, until
