"""
What a question about every event needs of a period, in tables of the connection's own.

Blocks come from their sums; the rest is walked in slices. A reader holds commits up while it reads,
so a slice is copied in some 10 ms and grouped when the lock on the file is gone; what grows with
the data lies in sqlite's temporary file, not in memory. An event that arrives during the walk may
count or not, and never twice.
"""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Sequence

from ._blocks import BLOCK_DAYS, latency_kind, session_kind
from ._filter import Filter
from ._packed_latencies import pack_latencies
from ._sqlite_blocks import read_cover, slices
from ._sqlite_filters import shape_condition
from ._sqlite_locks import at_once

__all__ = ["gather_latencies", "gather_sessions"]

_WANTED_TABLES = (
    # Routes are told by the least shape of each.
    "CREATE TEMP TABLE wanted (shape INTEGER PRIMARY KEY, route INTEGER NOT NULL)",
    "CREATE TEMP TABLE covered (block INTEGER PRIMARY KEY)",
)
_LATENCY_TABLES = (
    *_WANTED_TABLES,
    "CREATE TEMP TABLE counted (shape INTEGER PRIMARY KEY, calls INTEGER NOT NULL)",
    "CREATE TEMP TABLE latencies (route INTEGER NOT NULL, packed BLOB NOT NULL)",
)
_SESSION_TABLES = (*_WANTED_TABLES, "CREATE TEMP TABLE sessions (process INTEGER PRIMARY KEY, calls INTEGER NOT NULL)")
_COUNT_BLOCKS = f"""
INSERT INTO counted SELECT c.shape, sum(c.calls) FROM calls_by_day AS c JOIN wanted AS w ON w.shape = c.shape
WHERE c.day >= (SELECT min(block) FROM covered) * {BLOCK_DAYS} AND c.day < (SELECT max(block) + 1 FROM covered) * {BLOCK_DAYS}
    AND c.day / {BLOCK_DAYS} IN (SELECT block FROM covered)
GROUP BY c.shape
"""
_COPY_BLOCKS = """
INSERT INTO latencies SELECT w.route, l.packed
FROM covered AS b CROSS JOIN latency_sums AS l ON l.kind = ? AND l.block = b.block JOIN wanted AS w ON w.shape = l.shape
"""
_EVENTS = """
SELECT w.route, e.latency_ms, e.shape FROM events AS e JOIN wanted AS w ON w.shape = e.shape
WHERE e.timestamp_secs >= ? AND e.timestamp_secs < ?
"""
_ADD_COUNTED = "INSERT INTO counted VALUES (?, ?) ON CONFLICT (shape) DO UPDATE SET calls = calls + excluded.calls"
_COPY_SESSIONS = """
INSERT INTO sessions SELECT s.process, sum(s.calls)
FROM covered AS b CROSS JOIN session_sums AS s ON s.block = b.block JOIN wanted AS w ON w.shape = s.shape WHERE true GROUP BY s.process
"""
# Numbers 0 and 1 are no processes.
_CALLERS = """
SELECT e.process FROM events AS e JOIN wanted AS w ON w.shape = e.shape
WHERE e.timestamp_secs >= ? AND e.timestamp_secs < ? AND e.process > 1
"""
_ADD_SESSIONS = "INSERT INTO sessions VALUES (?, ?) ON CONFLICT (process) DO UPDATE SET calls = calls + excluded.calls"


def gather_latencies(connection: sqlite3.Connection, asked: Filter, columns: Sequence[str]) -> None:
    """Fill `counted` (calls of each shape) and `latencies` (packed, of each route; *columns* tell routes apart); `wanted` joins them."""
    kind = latency_kind(asked)
    with at_once(connection):
        gaps = _prepare(connection, asked, _LATENCY_TABLES, columns, kind)
        connection.execute(_COUNT_BLOCKS)
        connection.execute(_COPY_BLOCKS, (kind,))
    for gap in gaps:
        for period in slices(connection, *gap):
            with at_once(connection):
                rows = connection.execute(_EVENTS, period).fetchall()
            latencies: defaultdict[int, list[int]] = defaultdict(list)
            for route, latency_ms, _ in rows:
                latencies[route].append(latency_ms)
            connection.executemany(_ADD_COUNTED, Counter(shape for _, _, shape in rows).items())
            connection.executemany("INSERT INTO latencies VALUES (?, ?)", [(route, pack_latencies(found)) for route, found in latencies.items()])


def gather_sessions(connection: sqlite3.Connection, asked: Filter) -> None:
    """Fill `sessions` (calls of each process)."""
    with at_once(connection):
        gaps = _prepare(connection, asked, _SESSION_TABLES, ("number",), session_kind(asked))
        connection.execute(_COPY_SESSIONS)
    for gap in gaps:
        for period in slices(connection, *gap):
            with at_once(connection):
                rows = connection.execute(_CALLERS, period).fetchall()
            connection.executemany(_ADD_SESSIONS, Counter(process for (process,) in rows).items())


def _prepare(
    connection: sqlite3.Connection, asked: Filter, tables: tuple[str, ...], columns: Sequence[str], kind: int | None
) -> list[tuple[int, int]]:
    """Fill `wanted` and, where there are sums for what is asked, `covered`; return what has to be walked."""
    connection.execute("PRAGMA temp.cache_size = -8192")
    for table in tables:
        connection.execute(table)
    condition = shape_condition(asked)
    connection.execute(
        f"INSERT INTO wanted SELECT number, min(number) OVER (PARTITION BY {', '.join(columns)}) FROM shapes AS s WHERE {condition.sql}",
        condition.values,
    )
    cover = read_cover(connection, asked, kind)
    connection.executemany("INSERT INTO covered VALUES (?)", [(block,) for block in cover.blocks])
    return cover.gaps
