"""
What a question about every event needs of a period: which shapes, their latencies, calls of processes.

Blocks come from their sums; the rest is walked in slices. A reader holds commits up while it reads,
so a slice is copied in some 10 ms and grouped when the lock on the file is gone; what grows with
the data lies in sqlite's temporary file, not in memory. An event that arrives during the walk may
count or not, and never twice.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from ._blocks import Cover, latency_kind, packed_session_kind
from ._filter import Filter
from ._packed_latencies import pack_latencies
from ._packed_sessions import count_sizes
from ._sqlite_blocks import read_cover, slices
from ._sqlite_filters import shape_condition
from ._sqlite_locks import at_once
from ._sqlite_looks import Look

__all__ = ["gather_latencies", "read_session_sizes", "wanted_shapes"]

_COPY_BLOCKS = """
SELECT w.route, l.packed
FROM {covered} AS b CROSS JOIN latency_sums AS l ON l.kind = ? AND l.block = b.block JOIN {wanted} AS w ON w.shape = l.shape
"""
_EVENTS = """
SELECT w.route, e.latency_ms FROM events AS e JOIN {wanted} AS w ON w.shape = e.shape
WHERE e.timestamp_secs >= ? AND e.timestamp_secs < ?
"""
# Numbers 0 and 1 are no processes.
_CALLERS = """
SELECT e.process FROM events AS e JOIN {wanted} AS w ON w.shape = e.shape
WHERE e.timestamp_secs >= ? AND e.timestamp_secs < ? AND e.process > 1
"""


def wanted_shapes(look: Look, asked: Filter, columns: Sequence[str]) -> str:
    """Return the table of the shapes that are asked for (`shape`), with the least of those that *columns* do not tell apart (`route`)."""

    def gather() -> str:
        table = look.new_table("shape INTEGER PRIMARY KEY, route INTEGER NOT NULL")
        condition = shape_condition(asked)
        look.connection.execute(
            f"INSERT INTO {table} SELECT number, min(number) OVER (PARTITION BY {', '.join(columns)}) FROM shapes AS s WHERE {condition.sql}",
            condition.values,
        )
        return table

    return look.once(("wanted", asked.app, asked.version, asked.client, asked.tool, *columns), gather)


def gather_latencies(look: Look, asked: Filter) -> str:
    """Return the table of latencies (`packed`) by tool and routing decision, named by a shape (`route`)."""

    def gather() -> str:
        kind = latency_kind(asked)
        with at_once(look.connection):
            wanted = wanted_shapes(look, asked, ("tool", "routing_decision"))
            table = look.new_table("route INTEGER NOT NULL, packed BLOB NOT NULL")
            cover = read_cover(look, asked, kind)
            look.connection.execute(f"INSERT INTO {table} {_copy_blocks(look, cover, wanted)}", (kind,))
        for gap in cover.gaps:
            for period in slices(look.connection, *gap):
                with at_once(look.connection):
                    rows = look.connection.execute(_EVENTS.format(wanted=wanted), period).fetchall()
                latencies: defaultdict[int, list[int]] = defaultdict(list)
                for route, latency_ms in rows:
                    latencies[route].append(latency_ms)
                packed = [(route, pack_latencies(found)) for route, found in latencies.items()]
                look.connection.executemany(f"INSERT INTO {table} VALUES (?, ?)", packed)
        return table

    return look.once(("latencies", asked), gather)


def read_session_sizes(look: Look, asked: Filter) -> Counter[int]:
    """Return how many processes have called how often."""
    run, kind = look.connection.execute, packed_session_kind(asked)
    with at_once(look.connection):
        wanted = wanted_shapes(look, asked, ("tool",))
        walked = look.new_table("process INTEGER PRIMARY KEY, calls INTEGER NOT NULL")
        cover = read_cover(look, asked, kind)
        packs = [packed for _, packed in run(_copy_blocks(look, cover, wanted), (kind,))]
    add = f"INSERT INTO {walked} VALUES (?, ?) ON CONFLICT (process) DO UPDATE SET calls = calls + excluded.calls"
    for gap in cover.gaps:
        for period in slices(look.connection, *gap):
            with at_once(look.connection):
                rows = run(_CALLERS.format(wanted=wanted), period).fetchall()
            look.connection.executemany(add, Counter(process for (process,) in rows).items())
    (most,) = run(f"SELECT coalesce(max(process), 0) FROM {walked}").fetchone()
    sizes = count_sizes(packs, lambda *numbers: run(f"SELECT process, calls FROM {walked} WHERE process >= ? AND process < ?", numbers), most)
    run(f"DROP TABLE {walked}")
    return sizes


def _copy_blocks(look: Look, cover: Cover, wanted: str) -> str:
    """Return the query for what is packed of the blocks of *cover*; a kind is its only value."""
    covered = look.new_table("block INTEGER PRIMARY KEY")
    look.connection.executemany(f"INSERT INTO {covered} VALUES (?)", [(block,) for block in cover.blocks])
    return _COPY_BLOCKS.format(covered=covered, wanted=wanted)
