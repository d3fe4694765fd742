"""
Sums of blocks of days in PostgreSQL: latencies, packed, and how many calls a process made.

They are made by whoever looks and may write, out of one state of the database; what does not
fit the state at the moment of writing is thrown away.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ._blocks import BLOCK_DAYS, BLOCK_SECS, BY_SENDER, KEYS, Cover, cover_period, ends_of
from ._filter import DAY_SECS, Filter
from ._packed_latencies import pack_latencies
from ._postgres_schema import SUMMING
from ._postgres_server import PostgresServer, Session, columns_of

__all__ = ["read_cover", "sum_up"]

_DAYS = "SELECT day, sum(calls) FROM calls_by_day WHERE day >= %s AND day < %s GROUP BY day ORDER BY day"
_STATE = f"""
SELECT (SELECT number FROM prunes), coalesce(sum(calls), 0) FROM calls_by_day WHERE day >= %s * {BLOCK_DAYS} AND day < (%s + 1) * {BLOCK_DAYS}
"""
# The least of the shapes that are alike and have calls in the block.
_WITH_LEAST = f"""
WITH least AS (
    SELECT s.number AS shape, min(s.number) OVER (PARTITION BY {{names}}) AS least FROM shapes AS s
    WHERE s.number IN (SELECT shape FROM calls_by_day WHERE day >= %s * {BLOCK_DAYS} AND day < (%s + 1) * {BLOCK_DAYS})
)
"""
_IN_BLOCK = "FROM events AS e JOIN least AS l ON l.shape = e.shape WHERE e.timestamp_secs >= %s AND e.timestamp_secs < %s"
_ADD_SESSIONS = """
INSERT INTO session_sums (block, process, shape, calls)
SELECT %s, * FROM unnest(%s::integer[], %s::integer[], %s::bigint[])
"""
_ADD_LATENCIES = "INSERT INTO latency_sums (block, kind, shape, packed) SELECT %s, %s, * FROM unnest(%s::integer[], %s::bytea[])"


class _Sums(NamedTuple):
    """What a block held when documents had been taken out so often; *rows* are its sums."""

    prunes: int
    calls: int
    rows: list[tuple[Any, ...]]


def sum_up(server: PostgresServer, asked: Filter, kind: int | None) -> None:
    """Make the sums of a kind for those blocks of the period asked for that are worth it and have none, or none that are good."""
    if kind is None:
        return
    for block in server.read(read_cover, asked, kind).missing:
        sums = server.read(_walk, block, kind)
        server.write(_keep, block, kind, sums)


def read_cover(session: Session, asked: Filter, kind: int) -> Cover:
    """Return how the period asked for is answered, as things stand."""
    since, until = ends_of(asked)
    days = session.rows(_DAYS, (since // DAY_SECS, -(-until // DAY_SECS)))
    known = session.rows("SELECT block, calls FROM call_blocks WHERE kind = %s", (kind,))
    return cover_period(since, until, [(day, count) for day, count in days], dict(known))


def _walk(session: Session, block: int, kind: int) -> _Sums:
    with_least = _WITH_LEAST.format(names=", ".join(f"s.{name}" for name in KEYS[kind]))
    values = (block, block, block * BLOCK_SECS, (block + 1) * BLOCK_SECS)
    if kind == BY_SENDER:
        rows = session.rows(f"{with_least} SELECT e.process, l.least, count(*) {_IN_BLOCK} AND e.process > 1 GROUP BY 1, 2", values)
    else:
        # As text: a driver takes longer over a number than it takes to read all of them.
        found = session.rows(f"{with_least} SELECT l.least, string_agg(e.latency_ms::text, ',') {_IN_BLOCK} GROUP BY 1", values)
        rows = [(shape, pack_latencies([*map(int, text.split(","))])) for shape, text in found]
    prunes, calls = session.row(_STATE, (block, block))
    return _Sums(prunes, calls, rows)


def _keep(session: Session, block: int, kind: int, sums: _Sums) -> None:
    session.run("SELECT pg_advisory_xact_lock(%s, %s)", SUMMING)
    if session.row(_STATE, (block, block)) != sums[:2]:
        return
    session.run("INSERT INTO call_blocks VALUES (%s, %s, %s) ON CONFLICT (kind, block) DO UPDATE SET calls = excluded.calls", (kind, block, sums.calls))
    if kind == BY_SENDER:
        session.run("DELETE FROM session_sums WHERE block = %s", (block,))
    else:
        session.run("DELETE FROM latency_sums WHERE block = %s AND kind = %s", (block, kind))
    if sums.rows:
        statement, values = (_ADD_SESSIONS, (block,)) if kind == BY_SENDER else (_ADD_LATENCIES, (block, kind))
        session.run(statement, (*values, *columns_of(sums.rows)))
