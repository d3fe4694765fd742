"""
What heartbeats counted by name, as sqlite adds it up: blocks of days from their sums, the rest from the counts themselves.

A block keeps, for each label and for heartbeats that are alike in what can be asked for, the sum and which
installations it is of: so installations are told apart over any period, and names are gone
through one at a time.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from ._blocks import BLOCK_DAYS, BLOCK_SECS, Cover, cover_period, ends_of
from ._filter import Filter
from ._sqlite_blocks import Transaction
from ._sqlite_filters import Condition, profile_condition
from ._sqlite_locks import at_once
from ._sqlite_looks import PRUNES, Look

__all__ = ["Named", "read_names", "sum_up_labels"]

_HEARD = "received_at >= ? AND received_at < ?"
# Counted along the index, a block at a time: to group them would mean to sort them.
_DAYS = f"""
WITH RECURSIVE b (block, last) AS (
    SELECT min(received_at) / {BLOCK_SECS}, max(received_at) / {BLOCK_SECS} FROM (
        SELECT * FROM (SELECT received_at FROM heartbeats WHERE {_HEARD} ORDER BY received_at LIMIT 1)
        UNION ALL SELECT * FROM (SELECT received_at FROM heartbeats WHERE {_HEARD} ORDER BY received_at DESC LIMIT 1)
    ) HAVING count(*) > 0
    UNION ALL SELECT block + 1, last FROM b WHERE block < last
)
SELECT b.block * {BLOCK_DAYS}, (
    SELECT count(*) FROM heartbeats WHERE received_at >= b.block * {BLOCK_SECS} AND received_at < (b.block + 1) * {BLOCK_SECS}
) FROM b
"""
_COUNT = f"SELECT count(*) FROM heartbeats WHERE {_HEARD}"
_COUNTS = """
SELECT c.label, min(h.profile) OVER (PARTITION BY p.app, p.version, p.env_kind) AS profile, h.installation, c.count
FROM heartbeats AS h JOIN profiles AS p ON p.number = h.profile CROSS JOIN heartbeat_counts AS c ON c.heartbeat = h.number
WHERE h.received_at >= ? AND h.received_at < ? ORDER BY c.label, profile
"""
_GAP = """
INSERT INTO {table} SELECT c.label, h.installation, sum(c.count)
FROM heartbeats AS h JOIN {profiles} AS p ON p.profile = h.profile CROSS JOIN heartbeat_counts AS c ON c.heartbeat = h.number
WHERE h.received_at >= ? AND h.received_at < ? GROUP BY c.label, h.installation
ON CONFLICT DO UPDATE SET total = total + excluded.total
"""
_OF_BLOCKS = """
SELECT s.total, s.installations FROM label_sums AS s
WHERE s.label = ? AND s.block >= ? AND s.block <= ? AND s.block IN (SELECT block FROM {covered}) AND s.profile IN (SELECT profile FROM {profiles})
"""
_ROWS_AT_ONCE = 50  # to unpack many at a time is faster, and not all: there may be many installations


class Named(NamedTuple):
    """How much was counted under a name, by kind, and from how many installations."""

    name: str
    installations: int
    totals: dict[str, int]


def sum_up_labels(look: Look, writing: Transaction, asked: Filter) -> None:
    """Make the sums of those blocks of the period asked for that are worth it and have none, or none that are good."""
    connection = look.connection
    with at_once(connection):
        missing = _read_cover(look, asked).missing
    for block in missing:
        period = (block * BLOCK_SECS, (block + 1) * BLOCK_SECS)
        with at_once(connection):
            seen = (*connection.execute(PRUNES).fetchone(), *connection.execute(_COUNT, period).fetchone())
            rows = list(_sum_block(connection, period))
        with writing() as writer:
            if (*writer.execute(PRUNES).fetchone(), *writer.execute(_COUNT, period).fetchone()) == seen:
                for table in ("beat_blocks", "label_sums"):
                    writer.execute(f"DELETE FROM {table} WHERE block = ?", (block,))
                writer.execute("INSERT INTO beat_blocks (block, heartbeats) VALUES (?, ?)", (block, seen[1]))
                writer.executemany(
                    "INSERT INTO label_sums (block, label, profile, total, installations) VALUES (?, ?, ?, ?, ?)",
                    [(block, *row) for row in rows],
                )


def read_names(look: Look, asked: Filter, kinds: Condition, *, is_by_kind: bool = False) -> Iterator[Named]:
    """
    Yield what heartbeats of the period counted, by name, in order of name; *kinds* is a condition on `labels AS l`.

    With *is_by_kind* a name of two kinds is told twice.
    """
    run = look.connection.execute
    cover, covered, uncovered = _gather(look, asked)
    of_blocks = _OF_BLOCKS.format(covered=covered, profiles=asked_profiles(look, asked))
    of_gaps = f"SELECT installation, total FROM {uncovered} WHERE label = ?"
    ends = (cover.blocks[0], cover.blocks[-1]) if cover.blocks else (0, -1)
    labels = run(f"SELECT name, kind, number FROM labels AS l WHERE {kinds.sql} ORDER BY name, kind", kinds.values).fetchall()
    for names, group in groupby(labels, key=itemgetter(0, 1) if is_by_kind else itemgetter(0, 0)):
        totals: dict[str, int] = {}
        installations: set[int] = set()
        for _, kind, label in group:
            rows = run(of_blocks, (label, *ends))
            while some := rows.fetchmany(_ROWS_AT_ONCE):
                totals[kind] = totals.get(kind, 0) + sum(total for total, _ in some)
                installations.update(_unpack(b"".join([packed for _, packed in some])))
            for installation, total in run(of_gaps, (label,)):
                totals[kind] = totals.get(kind, 0) + total
                installations.add(installation)
        if installations:
            yield Named(names[0], len(installations), totals)


def asked_profiles(look: Look, asked: Filter) -> str:
    """Return the table of the profiles that are asked for (`profile`)."""

    def gather() -> str:
        table = look.new_table("profile INTEGER PRIMARY KEY")
        condition = profile_condition(asked)
        look.connection.execute(f"INSERT INTO {table} SELECT number FROM profiles AS p WHERE {condition.sql}", condition.values)
        return table

    return look.once(("profiles", asked.app, asked.version, asked.env_kinds), gather)


def _gather(look: Look, asked: Filter) -> tuple[Cover, str, str]:
    """Return how the period is covered, the table of its blocks, and that of what lies between them: counts of each label and installation."""

    def gather() -> tuple[Cover, str, str]:
        cover, covered = _read_cover(look, asked), look.new_table("block INTEGER PRIMARY KEY")
        look.connection.executemany(f"INSERT INTO {covered} VALUES (?)", [(block,) for block in cover.blocks])
        key = "label INTEGER, installation INTEGER, total INTEGER, PRIMARY KEY (label, installation)"
        uncovered = look.new_table(key, is_ordered=True)
        statement = _GAP.format(table=uncovered, profiles=asked_profiles(look, asked))
        for gap in cover.gaps:
            look.connection.execute(statement, gap)
        return cover, covered, uncovered

    return look.once(("labels", *ends_of(asked), asked.app, asked.version, asked.env_kinds), gather)


def _read_cover(look: Look, asked: Filter) -> Cover:
    period = ends_of(asked)
    run = look.connection.execute
    days = look.once(("days of heartbeats", *period), lambda: run(_DAYS, period * 2).fetchall())
    return cover_period(*period, days, dict(run("SELECT block, heartbeats FROM beat_blocks")))


def _sum_block(connection: sqlite3.Connection, period: tuple[int, int]) -> Iterator[tuple[int, int, int, bytes]]:
    """Yield label, the least of the profiles that are alike, sum and installations, packed."""
    for (label, profile), rows in groupby(connection.execute(_COUNTS, period), key=itemgetter(0, 1)):
        total = 0
        installations = set()
        for _, _, installation, count in rows:
            total += count
            installations.add(installation)
        yield label, profile, total, struct.pack(f"<{len(installations)}I", *sorted(installations))


def _unpack(packed: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(packed) // 4}I", packed)
