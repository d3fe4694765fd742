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
from ._sqlite_blocks import PRUNES, Transaction
from ._sqlite_filters import Condition, profile_condition
from ._sqlite_locks import at_once

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
INSERT INTO uncovered SELECT c.label, h.installation, sum(c.count)
FROM heartbeats AS h JOIN profiles AS p ON p.number = h.profile CROSS JOIN heartbeat_counts AS c ON c.heartbeat = h.number
WHERE h.received_at >= ? AND h.received_at < ? AND {profiles} AND c.label IN (SELECT label FROM asked_labels)
GROUP BY c.label, h.installation
ON CONFLICT DO UPDATE SET total = total + excluded.total
"""
_TABLES = (
    "CREATE TEMP TABLE covered (block INTEGER PRIMARY KEY)",
    "CREATE TEMP TABLE asked_labels (label INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL)",
    "CREATE TEMP TABLE asked_profiles (profile INTEGER PRIMARY KEY)",
    "CREATE TEMP TABLE uncovered (label INTEGER, installation INTEGER, total INTEGER, PRIMARY KEY (label, installation)) WITHOUT ROWID",
)
_OF_BLOCKS = """
SELECT s.total, s.installations FROM label_sums AS s
WHERE s.label = ? AND s.block >= ? AND s.block <= ? AND s.block IN (SELECT block FROM covered) AND s.profile IN (SELECT profile FROM asked_profiles)
"""


class Named(NamedTuple):
    """How much was counted under a name, by kind, and from how many installations."""

    name: str
    installations: int
    totals: dict[str, int]


def sum_up_labels(reading: Transaction, writing: Transaction, asked: Filter) -> None:
    """Make the sums of those blocks of the period asked for that are worth it and have none, or none that are good."""
    with reading() as connection:
        with at_once(connection):
            missing = _read_cover(connection, asked).missing
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


def read_names(connection: sqlite3.Connection, asked: Filter, kinds: Condition, *, is_by_kind: bool = False) -> Iterator[Named]:
    """
    Yield what heartbeats of the period counted, by name, in order of name; *kinds* is a condition on `labels AS l`.

    With *is_by_kind* a name of two kinds is told twice.
    """
    for table in _TABLES:
        connection.execute(table)
    connection.execute(f"INSERT INTO asked_labels SELECT number, kind, name FROM labels AS l WHERE {kinds.sql}", kinds.values)
    profiles = profile_condition(asked)
    connection.execute(f"INSERT INTO asked_profiles SELECT number FROM profiles AS p WHERE {profiles.sql}", profiles.values)
    cover = _read_cover(connection, asked)
    connection.executemany("INSERT INTO covered VALUES (?)", [(block,) for block in cover.blocks])
    for gap in cover.gaps:
        connection.execute(_GAP.format(profiles=profiles.sql), [*gap, *profiles.values])
    ends = (cover.blocks[0], cover.blocks[-1]) if cover.blocks else (0, -1)
    labels = connection.execute("SELECT name, kind, label FROM asked_labels ORDER BY name, kind").fetchall()
    for names, group in groupby(labels, key=itemgetter(0, 1) if is_by_kind else itemgetter(0, 0)):
        totals: dict[str, int] = {}
        installations: set[int] = set()
        for _, kind, label in group:
            for total, packed in connection.execute(_OF_BLOCKS, (label, *ends)):
                totals[kind] = totals.get(kind, 0) + total
                installations.update(_unpack(packed))
            for installation, total in connection.execute("SELECT installation, total FROM uncovered WHERE label = ?", (label,)):
                totals[kind] = totals.get(kind, 0) + total
                installations.add(installation)
        if installations:
            yield Named(names[0], len(installations), totals)


def _read_cover(connection: sqlite3.Connection, asked: Filter) -> Cover:
    period = ends_of(asked)
    return cover_period(*period, connection.execute(_DAYS, period * 2), dict(connection.execute("SELECT block, heartbeats FROM beat_blocks")))


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
