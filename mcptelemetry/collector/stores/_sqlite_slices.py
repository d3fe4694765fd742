"""
Walks over the events of a period, in slices, into tables of the connection's own.

A reader holds commits up while it reads. A slice is copied in some 10 ms and grouped when the
lock on the file is gone; what grows with the data lies in sqlite's temporary file, not in memory.
An event that arrives during the walk may count or not, and never twice.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

from ._filter import Filter
from ._sqlite_filters import shape_condition
from ._sqlite_locks import at_once

__all__ = ["gather_latencies", "gather_sessions"]

_SLICE_ROWS = 20_000

_LATENCY_TABLES = (
    # Routes are told by the least shape of each.
    "CREATE TEMP TABLE wanted (shape INTEGER PRIMARY KEY, route INTEGER NOT NULL)",
    "CREATE TEMP TABLE slice (shape INTEGER, latency_ms INTEGER)",
    "CREATE TEMP TABLE counted (shape INTEGER PRIMARY KEY, calls INTEGER NOT NULL)",
    "CREATE TEMP TABLE latencies (route INTEGER, latency_ms INTEGER, calls INTEGER NOT NULL, PRIMARY KEY (route, latency_ms)) WITHOUT ROWID",
)
_COPY_LATENCIES = """
INSERT INTO slice SELECT shape, latency_ms FROM events
WHERE timestamp_secs >= ? AND timestamp_secs < ? AND shape IN (SELECT shape FROM wanted)
"""
_GROUP_LATENCIES = (
    """
    INSERT INTO counted SELECT shape, count(*) FROM slice WHERE true GROUP BY shape
    ON CONFLICT (shape) DO UPDATE SET calls = calls + excluded.calls
    """,
    """
    INSERT INTO latencies
    SELECT route, latency_ms, count(*) FROM slice JOIN wanted USING (shape) WHERE true GROUP BY route, latency_ms
    ON CONFLICT (route, latency_ms) DO UPDATE SET calls = calls + excluded.calls
    """,
)
_NEXT_SLICE = """
SELECT timestamp_secs FROM events WHERE timestamp_secs >= ? AND timestamp_secs < ? ORDER BY timestamp_secs LIMIT 1 OFFSET ?
"""
_SESSION_TABLES = (
    "CREATE TEMP TABLE slice (process INTEGER)",
    "CREATE TEMP TABLE sessions (process INTEGER PRIMARY KEY, calls INTEGER NOT NULL)",
)
# Numbers 0 and 1 are no processes.
_COPY_SESSIONS = """
INSERT INTO slice SELECT process FROM events
WHERE timestamp_secs >= ? AND timestamp_secs < ? AND process > 1 AND shape IN (SELECT shape FROM wanted)
"""
_GROUP_SESSIONS = (
    """
    INSERT INTO sessions SELECT process, count(*) FROM slice WHERE true GROUP BY process
    ON CONFLICT (process) DO UPDATE SET calls = calls + excluded.calls
    """,
)


def gather_latencies(connection: sqlite3.Connection, asked: Filter, columns: Sequence[str]) -> None:
    """Fill `counted` (calls of each shape) and `latencies` (of each route and latency; *columns* tell routes apart); `wanted` joins them."""
    _prepare(connection, asked, _LATENCY_TABLES, columns)
    _walk(connection, asked, _COPY_LATENCIES, _GROUP_LATENCIES)


def gather_sessions(connection: sqlite3.Connection, asked: Filter) -> None:
    """Fill `sessions` (calls of each process)."""
    _prepare(connection, asked, (_LATENCY_TABLES[0], *_SESSION_TABLES), ("number",))
    _walk(connection, asked, _COPY_SESSIONS, _GROUP_SESSIONS)


def _prepare(connection: sqlite3.Connection, asked: Filter, tables: tuple[str, ...], columns: Sequence[str]) -> None:
    connection.execute("PRAGMA temp.cache_size = -8192")
    for table in tables:
        connection.execute(table)
    condition = shape_condition(asked)
    with at_once(connection):
        connection.execute(
            f"""
            INSERT INTO wanted SELECT number, min(number) OVER (PARTITION BY {', '.join(columns)})
            FROM shapes AS s WHERE {condition.sql}
            """,
            condition.values,
        )


def _walk(connection: sqlite3.Connection, asked: Filter, copy: str, group: tuple[str, ...]) -> None:
    for period in _slices(connection, asked):
        with at_once(connection):
            connection.execute(copy, period)
        for statement in group:
            connection.execute(statement)
        connection.execute("DELETE FROM slice")


def _slices(connection: sqlite3.Connection, asked: Filter) -> Iterator[tuple[int, int]]:
    """Yield periods with few events each that cover what is stored of the period asked for."""
    with at_once(connection):
        first, last = connection.execute("SELECT min(timestamp_secs), max(timestamp_secs) FROM events").fetchone()
    if first is None:
        return
    start = first if asked.since is None else max(first, asked.since)
    end = last + 1 if asked.until is None else min(last + 1, asked.until)
    while start < end:
        with at_once(connection):
            row = connection.execute(_NEXT_SLICE, (start, end, _SLICE_ROWS)).fetchone()
        stop = end if row is None else max(row[0], start + 1)
        yield start, stop
        start = stop
