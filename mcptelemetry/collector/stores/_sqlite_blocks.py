"""
Sums of blocks of days in the sqlite file: latencies, and how many calls a process made, both packed.

They are made by whoever looks and may write, a block in a transaction, out of a walk that holds
nobody up; a walk that has not seen what the block then holds is thrown away.
"""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from ._blocks import (
    BLOCK_DAYS,
    BLOCK_SECS,
    BY_SENDER,
    KEYS,
    SESSIONS,
    SESSIONS_BY_SENDER,
    SESSIONS_BY_VERSION,
    Cover,
    cover_period,
    ends_of,
)
from ._filter import DAY_SECS, Filter
from ._packed_latencies import pack_latencies
from ._packed_sessions import pack_sessions
from ._sqlite_locks import at_once
from ._sqlite_looks import PRUNES, Look

__all__ = ["Transaction", "read_cover", "slices", "sum_up"]

_SLICE_ROWS = 20_000
_FIRST_OWN_PROCESS = 2

# A block stands for its days; those at the ends, which are not all within, do not matter.
_DAYS = f"""
SELECT block * {BLOCK_DAYS}, sum(calls) FROM (
    SELECT day / {BLOCK_DAYS} AS block, sum(calls) AS calls FROM calls_by_day WHERE day >= ? AND day < ? GROUP BY day
) GROUP BY block ORDER BY block
"""
_LATENCIES = "SELECT shape, latency_ms FROM events WHERE timestamp_secs >= ? AND timestamp_secs < ?"
_CALLERS = "SELECT shape, process FROM events WHERE timestamp_secs >= ? AND timestamp_secs < ?"
_ENDS = "SELECT (SELECT min(timestamp_secs) FROM events), (SELECT max(timestamp_secs) FROM events)"  # each by the index
_NEXT_SLICE = """
SELECT timestamp_secs FROM events WHERE timestamp_secs >= ? AND timestamp_secs < ? ORDER BY timestamp_secs LIMIT 1 OFFSET ?
"""
_CALLS = f"SELECT coalesce(sum(calls), 0) FROM calls_by_day WHERE day >= ? * {BLOCK_DAYS} AND day < (? + 1) * {BLOCK_DAYS}"

Transaction = Callable[[], AbstractContextManager[sqlite3.Connection]]


def sum_up(look: Look, writing: Transaction, asked: Filter, kind: int | None) -> None:
    """Make the sums of a kind for those blocks of the period asked for that are worth it and have none, or none that are good."""
    if kind is None:
        return
    connection = look.connection
    with at_once(connection):
        missing = read_cover(look, asked, kind).missing
    for block in missing:
        (prunes,) = connection.execute(PRUNES).fetchone()
        calls, rows = _MAKERS.get(kind, _sum_latencies)(connection, block, kind)
        with writing() as writer:
            # A walk that has not seen what the block holds by now, or that saw what was taken out, is worth nothing.
            if (*writer.execute(PRUNES).fetchone(), *writer.execute(_CALLS, (block, block)).fetchone()) == (prunes, calls):
                _keep(writer, block, kind, calls, rows)


def read_cover(look: Look, asked: Filter, kind: int | None) -> Cover:
    """Return how the period asked for is answered, as things stand; without a kind of sums, by a walk."""
    since, until = ends_of(asked)
    if kind is None:
        return cover_period(since, until, (), {})
    # Whoever sums up or takes out meanwhile makes another count of it, and a block of another count is walked.
    days = look.once(
        ("days", since, until), lambda: look.connection.execute(_DAYS, (since // DAY_SECS, -(-until // DAY_SECS))).fetchall()
    )
    return cover_period(since, until, days, dict(look.connection.execute("SELECT block, calls FROM call_blocks WHERE kind = ?", (kind,))))


def slices(connection: sqlite3.Connection, since: int, until: int) -> Iterator[tuple[int, int]]:
    """Yield periods with few events each that cover what is stored of the one given."""
    with at_once(connection):
        first, last = connection.execute(_ENDS).fetchone()
    if first is None:
        return
    start, end = max(first, since), min(last + 1, until)
    while start < end:
        with at_once(connection):
            row = connection.execute(_NEXT_SLICE, (start, end, _SLICE_ROWS)).fetchone()
        stop = end if row is None else max(row[0], start + 1)
        yield start, stop
        start = stop


def _rows_of(connection: sqlite3.Connection, block: int, statement: str) -> Iterator[list[tuple[int, int]]]:
    for period in slices(connection, block * BLOCK_SECS, (block + 1) * BLOCK_SECS):
        with at_once(connection):
            rows = connection.execute(statement, period).fetchall()
        yield rows


def _sum_latencies(connection: sqlite3.Connection, block: int, kind: int) -> tuple[int, list[tuple[Any, ...]]]:
    """Return how many events there are, and shapes with their latencies, packed."""
    latencies: defaultdict[int, list[int]] = defaultdict(list)
    for rows in _rows_of(connection, block, _LATENCIES):
        for shape, latency_ms in rows:
            latencies[shape].append(latency_ms)
    alike: defaultdict[int, list[int]] = defaultdict(list)
    for shape, least in _least_shapes(connection, latencies, kind).items():
        alike[least] += latencies[shape]
    return sum(map(len, latencies.values())), [(shape, pack_latencies(found)) for shape, found in alike.items()]


def _sum_sessions(connection: sqlite3.Connection, block: int, kind: int) -> tuple[int, list[tuple[Any, ...]]]:
    """Return how many events there are, and shapes with how often each process has called, packed."""
    calls: Counter[tuple[int, int]] = Counter()
    for rows in _rows_of(connection, block, _CALLERS):
        calls.update(rows)
    least = _least_shapes(connection, {shape for shape, _ in calls}, kind)
    sessions: defaultdict[int, Counter[int]] = defaultdict(Counter)
    for (shape, process), count in calls.items():
        if process >= _FIRST_OWN_PROCESS:
            sessions[least[shape]][process] += count
    return sum(calls.values()), [(shape, pack_sessions(of_shape)) for shape, of_shape in sessions.items()]


_MAKERS = dict.fromkeys((SESSIONS, SESSIONS_BY_VERSION, SESSIONS_BY_SENDER), _sum_sessions)


def _least_shapes(connection: sqlite3.Connection, shapes: Iterable[int], kind: int) -> dict[int, int]:
    """Return the least of *shapes* that is like it, for each of them."""
    statement = f"SELECT {', '.join(KEYS[kind])} FROM shapes WHERE number = ?"
    least: dict[tuple[str, ...], int] = {}
    return {shape: least.setdefault(connection.execute(statement, (shape,)).fetchone(), shape) for shape in sorted(shapes)}


def _keep(connection: sqlite3.Connection, block: int, kind: int, calls: int, rows: list[tuple[Any, ...]]) -> None:
    connection.execute("INSERT INTO call_blocks (kind, block, calls) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET calls = excluded.calls", (kind, block, calls))
    connection.execute("DELETE FROM latency_sums WHERE kind = ? AND block = ?", (kind, block))
    connection.executemany("INSERT INTO latency_sums (kind, block, shape, packed) VALUES (?, ?, ?, ?)", [(kind, block, *row) for row in rows])
    if kind in _MAKERS:
        # Rows of each process, as they were kept before they were packed.
        connection.execute("DELETE FROM call_blocks WHERE kind = ? AND block = ?", (BY_SENDER, block))
        connection.execute("DELETE FROM session_sums WHERE block = ?", (block,))
