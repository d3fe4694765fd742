"""
Questions about events that sums of days cannot answer, as PostgreSQL answers them.

Percentiles need every latency: these are counted, and the nearest rank is found in whole numbers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from ._answers import CallFigures, Calls, Sessions, ToolCalls, ToolFigures
from ._blocks import Cover, ends_of, latency_kind, session_kind
from ._filter import ROWS_MAX, Filter
from ._packed_latencies import exact_percentiles, pack_latencies
from ._postgres_blocks import read_cover
from ._postgres_filters import moment_condition, shape_condition
from ._postgres_server import Session
from ._postgres_sums import calls_by, error_types

__all__ = ["calls", "sessions", "tools"]

_PERCENTS = (50, 95, 99)
_OTHERS = -1  # in place of the place of one that is shown
_WALKED_MAX = 4  # blocks without sums; the engine is better at more
_ALL = 0  # in place of a route; routes are told by the least shape of each


def calls(session: Session, asked: Filter) -> Calls:
    """Answer `CallQuestions.calls`."""
    totals, rows, routes = _figures_by(session, asked, ("tool", "routing_decision"))
    return Calls([ToolCalls(*row) for row in rows], totals, routes - len(rows))


def tools(session: Session, asked: Filter) -> list[ToolFigures]:
    """Answer `CallQuestions.tools`."""
    _, rows, _ = _figures_by(session, asked, ("tool",))
    return [ToolFigures(*row) for row in rows]


def _figures_by(
    session: Session, asked: Filter, columns: Sequence[str]
) -> tuple[CallFigures, list[tuple[Any, ...]], int]:
    """Return the figures of all, those of the most called of what *columns* tell apart after these, and how many there are."""
    kind = latency_kind(asked)
    cover = None if kind is None else read_cover(session, asked, kind)
    if cover is not None and cover.blocks and len(cover.missing) <= _WALKED_MAX:
        return _figures_of_sums(session, asked, columns, kind, cover)
    names = ", ".join(f"s.{column}" for column in columns)
    of_shape, in_period = shape_condition(asked), moment_condition("e.timestamp_secs", asked)
    rows = session.rows(
        f"""
        WITH wanted AS (
            SELECT s.number AS shape, min(s.number) OVER (PARTITION BY {names}) AS route
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
        SELECT count(*) OVER () - 1, f.calls, f.p50_ms, f.p95_ms, f.p99_ms, {names}
        FROM figures AS f LEFT JOIN shapes AS s ON s.number = f.route
        ORDER BY s.number IS NOT NULL, f.calls DESC, {names} LIMIT {ROWS_MAX + 1}
        """,
        (*of_shape.values, *in_period.values),
    )
    types = error_types(session, asked, columns)
    if not rows:
        return _figures(0, {}, None, None, None), [], 0
    whole, *shown = [(row[5:], _figures(row[1], types.get(row[5:], {}), *row[2:5])) for row in rows]
    return whole[1], [(*named_by, figures) for named_by, figures in shown], rows[0][0]


def _figures_of_sums(
    session: Session, asked: Filter, columns: Sequence[str], kind: int | None, cover: Cover
) -> tuple[CallFigures, list[tuple[Any, ...]], int]:
    """Do the same where blocks of the period are summed: what is packed, and what has to be walked, is looked at here."""
    shown = calls_by(session, asked, columns)
    # A route is what shown has; all others, which only count among all, are None.
    places = {row[4:]: place for place, row in enumerate(shown)}
    of_shape, names = shape_condition(asked), ", ".join(f"s.{column}" for column in columns)
    packed: list[tuple[int, bytes]] = [
        (places.get(tuple(named_by), _OTHERS), latencies)
        for latencies, *named_by in session.rows(
            f"SELECT l.packed, {names} FROM latency_sums AS l JOIN shapes AS s ON s.number = l.shape "
            f"WHERE l.kind = %s AND l.block = ANY(%s::bigint[]) AND {of_shape.sql}",
            (kind, cover.blocks, *of_shape.values),
        )
    ]
    for gap in cover.gaps:
        walked: defaultdict[int, list[int]] = defaultdict(list)
        for latency_ms, count, *named_by in session.rows(
            f"SELECT e.latency_ms, count(*), {names} FROM events AS e JOIN shapes AS s ON s.number = e.shape "
            f"WHERE e.timestamp_secs >= %s AND e.timestamp_secs < %s AND {of_shape.sql} GROUP BY e.latency_ms, {names}",
            (*gap, *of_shape.values),
        ):
            walked[places.get(tuple(named_by), _OTHERS)].extend([latency_ms] * count)
        packed += [(place, pack_latencies(latencies)) for place, latencies in walked.items()]
    (percentiles,), overall = exact_percentiles(lambda: packed, [range(len(shown))], _PERCENTS)
    types = error_types(session, asked, columns)
    nobody: tuple[None, ...] = (None,) * len(columns)
    whole = _figures(shown[0][1] if shown else 0, types.get(nobody, {}), *overall)
    rows = [(*row[4:], _figures(row[3], types.get(row[4:], {}), *percentiles[place])) for place, row in enumerate(shown)]
    return whole, rows, shown[0][0] if shown else 0


def sessions(session: Session, asked: Filter) -> Sessions:
    """Answer `Questions.sessions`."""
    kind, period = session_kind(asked), ends_of(asked)
    blocks, gaps = ([], [period]) if kind is None else read_cover(session, asked, kind)[:2]
    of_shape = shape_condition(asked)
    in_gaps = " OR ".join(["(e.timestamp_secs >= %s::bigint AND e.timestamp_secs < %s::bigint)"] * len(gaps)) or "false"
    # 0.95 of a double is a little less than it says: what it makes of a count never passes the rank.
    row = session.row(
        f"""
        SELECT count(*), coalesce(sum(calls), 0), percentile_disc(0.5) WITHIN GROUP (ORDER BY calls),
            percentile_disc(0.95) WITHIN GROUP (ORDER BY calls)
        FROM (
            SELECT sum(calls) AS calls FROM (
                SELECT c.process, c.calls FROM session_sums AS c JOIN shapes AS s ON s.number = c.shape
                WHERE c.block = ANY(%s::bigint[]) AND {of_shape.sql}
                UNION ALL
                SELECT e.process, count(*) FROM events AS e JOIN shapes AS s ON s.number = e.shape
                WHERE ({in_gaps}) AND {of_shape.sql} AND e.process > 1 GROUP BY e.process
            ) AS counted
            GROUP BY process
        ) AS sizes
        """,
        (blocks, *of_shape.values, *(moment for gap in gaps for moment in gap), *of_shape.values),
    )
    return Sessions(*row)


def _figures(count: int, types: dict[str, int], p50: int | None, p95: int | None, p99: int | None) -> CallFigures:
    return CallFigures(count, sum(types.values()), types, p50, p95, p99)
