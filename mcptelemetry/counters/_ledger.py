"""
The counters of an installation, inside somebody else's transaction.

Two sums are kept: the open one, to which every process adds, and the frozen one, which is
on its way out. Everything read here was written by somebody, perhaps by a failing disk, so
a value that cannot be right reads as zero or as absent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..vocabulary import (
    COUNT_MAX,
    DURATION_BUCKETS,
    IDENTIFIER_PATTERN,
    OTHER,
    ROUTE_PATTERN,
    STATUS_CLASSES,
    TOOL_NAME_PATTERN,
    UNMATCHED,
)
from ._keys import CounterKey, Counts, Kind

if TYPE_CHECKING:
    import sqlite3

__all__ = ["COUNTERS_MAX", "FROZEN", "OPEN", "add_counts", "erase_counts", "freeze_counts", "has_counts", "read_counts", "settle_counts"]

OPEN, FROZEN = 0, 1
COUNTERS_MAX = 2_000
"""How many counters of routes and checks one sum may have before they are put together."""

_SOUND_COUNT = f"CASE WHEN typeof(count) = 'integer' AND count BETWEEN 0 AND {COUNT_MAX} THEN count ELSE 0 END"
_NAMES = {
    Kind.SURFACE: r"[a-z]{1,16}",
    Kind.BUILTIN: TOOL_NAME_PATTERN,
    Kind.BUILTIN_ERROR: TOOL_NAME_PATTERN,
    Kind.BUILTIN_DURATION: TOOL_NAME_PATTERN,
    Kind.UPSTREAM: r"calls",
    Kind.REST: ROUTE_PATTERN,
    Kind.ERROR: IDENTIFIER_PATTERN,
    Kind.DOCTOR: IDENTIFIER_PATTERN,
}
_DETAILS = {
    Kind.BUILTIN_DURATION: "|".join(bucket for _, bucket in DURATION_BUCKETS),
    Kind.REST: "|".join(STATUS_CLASSES),
    Kind.DOCTOR: r"pass|fail",
}
_NO_DETAIL = ""
_LEARNED = (Kind.REST, Kind.DOCTOR)  # by name as they come, and not declared before
_COUNT_LEARNED = f"SELECT count(*) FROM usage_counters WHERE sum = {OPEN} AND kind IN {_LEARNED}"


def add_counts(connection: sqlite3.Connection, counts: Mapping[CounterKey, int]) -> None:
    """
    Add *counts* to the open sum; a sum ends at `COUNT_MAX`.

    Beyond `COUNTERS_MAX` of them a new route counts as ``UNMATCHED`` and a new check as ``other``:
    each process is bounded, but there may be any number of them. All else is declared in code.
    """
    counts = _bounded(connection, counts)
    # Two statements that every version of SQLite knows, instead of one that only newer ones do.
    connection.executemany(
        "INSERT OR IGNORE INTO usage_counters (sum, kind, name, detail, count) VALUES (0, ?, ?, ?, 0)",
        [(kind, name, detail) for kind, name, detail in counts],
    )
    connection.executemany(
        f"UPDATE usage_counters SET count = min({_SOUND_COUNT} + ?, {COUNT_MAX})"
        " WHERE sum = 0 AND kind = ? AND name = ? AND detail = ?",
        [(min(count, COUNT_MAX), kind, name, detail) for (kind, name, detail), count in counts.items()],
    )


def _bounded(connection: sqlite3.Connection, counts: Mapping[CounterKey, int]) -> Mapping[CounterKey, int]:
    stored = connection.execute(_COUNT_LEARNED).fetchone()[0]
    if stored + sum(key.kind in _LEARNED for key in counts) <= COUNTERS_MAX:
        return counts
    known = read_counts(connection, OPEN)
    folded: Counts = {}
    for key, count in counts.items():
        into = key
        if key not in known and key.kind == Kind.REST:
            into = key._replace(name=f"{key.name.split()[0]} {UNMATCHED}")
        elif key not in known and key.kind == Kind.DOCTOR:
            into = key._replace(name=OTHER)
        folded[into] = folded.get(into, 0) + count
    return folded


def read_counts(connection: sqlite3.Connection, which: int) -> Counts:
    """Return the sum *which*, `OPEN` or `FROZEN`, without what is damaged."""
    rows = connection.execute(
        "SELECT CAST(kind AS BLOB), CAST(name AS BLOB), CAST(detail AS BLOB), count"
        " FROM usage_counters WHERE sum = ?",
        (which,),
    )
    found = ((_words(*row[:3]), row[3]) for row in rows)
    return {key: count for key, count in found if key is not None and _is_sound(count)}


def has_counts(connection: sqlite3.Connection, which: int) -> bool:
    """Return whether the sum *which* has any counter at all."""
    row = connection.execute("SELECT 1 FROM usage_counters WHERE sum = ? LIMIT 1", (which,)).fetchone()
    return row is not None


def freeze_counts(connection: sqlite3.Connection) -> None:
    """Make the open sum the frozen one; there must be none."""
    connection.execute(f"UPDATE usage_counters SET sum = {FROZEN} WHERE sum = {OPEN}")


def settle_counts(connection: sqlite3.Connection) -> None:
    """Forget the frozen sum."""
    connection.execute(f"DELETE FROM usage_counters WHERE sum = {FROZEN}")


def erase_counts(connection: sqlite3.Connection) -> None:
    """Forget both sums."""
    connection.execute("DELETE FROM usage_counters")


def _words(kind: object, name: object, detail: object) -> CounterKey | None:
    if not (isinstance(kind, bytes) and isinstance(name, bytes) and isinstance(detail, bytes)):
        return None
    try:
        key = CounterKey(kind.decode("ascii"), name.decode("ascii"), detail.decode("ascii"))
    except UnicodeDecodeError:
        return None
    pattern = _NAMES.get(key.kind)
    if pattern is None or re.fullmatch(pattern, key.name) is None:
        return None
    return key if re.fullmatch(_DETAILS.get(key.kind, _NO_DETAIL), key.detail) is not None else None


def _is_sound(count: object) -> bool:
    return type(count) is int and 0 < count <= COUNT_MAX
