"""
Events on their way into the sqlite file: six numbers a row, and the sums beside them.

A writer lives for one transaction, or for a part of it, and remembers only there which number a
shape or a process has: what another process stores is never guessed at.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Optional

from ...wire import EventShape, cut_names
from ._answers import Stored
from ._event_ids import split_id
from ._filter import HOUR_SECS
from ._sqlite_tallies import Tallies
from ._text import storable

__all__ = ["FOREIGN_ID", "NO_ID", "EventItem", "EventWriter"]

EventItem = tuple[Optional[str], int, int, EventShape]
"""Of an event: id, latency_ms, timestamp_secs and shape."""

_Row = tuple[int, int, int, int, int, int]

NO_ID, FOREIGN_ID = 0, 1  # in place of a process

_INSERT = """
INSERT INTO events (timestamp_secs, process, n, shape, latency_ms, delay_secs) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING
"""
_ADD_CALLS = """
INSERT INTO calls_by_hour (hour, shape, calls) VALUES (?, ?, ?)
ON CONFLICT (hour, shape) DO UPDATE SET calls = calls + excluded.calls
"""
_FIND_SHAPE = """
SELECT number FROM shapes WHERE tool = ? AND routing_decision = ? AND routing_detail = ? AND upstream = ?
    AND status = ? AND error_type = ? AND client = ? AND was_fallback = ? AND version = ? AND app = ?
"""
_ADD_SHAPE = """
INSERT INTO shapes (
    tool, routing_decision, routing_detail, upstream, status, error_type, client, was_fallback, version, app
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


class EventWriter:
    """Adds events inside a transaction; `finish()` writes the sums, before the commit."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._tallies = Tallies(connection)
        self._shapes: dict[tuple[Any, ...], int] = {}
        self._processes: dict[tuple[bytes, str], int] = {}
        self._heads: dict[str, int] = {}
        self._calls: Counter[tuple[int, int]] = Counter()
        self._last_unnamed: int | None = None

    def add(
        self, items: Iterable[EventItem], *, app: str | None, version: str | None, received_at: int
    ) -> Stored:
        """Add what is not there yet; say how much that was."""
        self._heads = {}
        owner, of = storable(app) or "", storable(version) or ""
        rows: list[_Row] = [
            (moment, *self._key(owner, event_id), self._shape(owner, of, shape), latency_ms, received_at - moment)
            for event_id, latency_ms, moment, shape in items
        ]
        fresh = self._insert(rows)
        self._calls.update((row[0] // HOUR_SECS, row[3]) for row in fresh)
        stored = Stored(len(fresh), len(rows) - len(fresh))
        self._tallies.add(owner, "events", stored, received_at)
        return stored

    def finish(self) -> None:
        """Write the sums of what was added."""
        self._connection.executemany(_ADD_CALLS, [(*key, calls) for key, calls in self._calls.items()])
        self._tallies.finish()
        if self._last_unnamed is not None:
            self._connection.execute("UPDATE numbers SET last = ? WHERE name = 'event without id'", (self._last_unnamed,))

    def _insert(self, rows: Sequence[_Row]) -> Sequence[_Row]:
        """Insert *rows* and return those that were new."""
        connection = self._connection
        connection.execute("SAVEPOINT rows")
        before = connection.total_changes
        connection.executemany(_INSERT, rows)
        if connection.total_changes - before < len(rows):
            # Some were here before. Which, only one row at a time can tell.
            connection.execute("ROLLBACK TO rows")
            rows = [row for row in rows if connection.execute(_INSERT, row).rowcount]
        connection.execute("RELEASE rows")
        return rows

    def _key(self, app: str, event_id: str | None) -> tuple[int, int]:
        """Return process and number of an event, as they are kept."""
        if event_id is None:
            return NO_ID, self._draw_number()
        head, _, tail = event_id.rpartition("-")
        known = self._heads.get(head)
        if known is not None and "1" <= tail < ":" and len(tail) <= 18 and tail.isdigit():  # no zero in front
            return known, int(tail)
        halves = split_id(event_id)
        if halves is None:
            return FOREIGN_ID, self._number_of("foreign_ids", "id", event_id, app)
        key = (halves.process, app)
        number = self._processes.get(key)
        if number is None:
            number = self._processes[key] = self._number_of("processes", "process", halves.process, app)
            self._heads = {head: number}  # of this application, and mostly the next event's too
        return number, halves.number

    def _number_of(self, table: str, column: str, value: object, app: str) -> int:
        row = self._connection.execute(f"SELECT number FROM {table} WHERE {column} = ? AND app = ?", (value, app)).fetchone()
        if row is None:
            added = self._connection.execute(f"INSERT INTO {table} ({column}, app) VALUES (?, ?)", (value, app))
            return added.lastrowid or 0
        return int(row[0])

    def _draw_number(self) -> int:
        """Return a number that no event without an id has."""
        if self._last_unnamed is None:
            row = self._connection.execute("SELECT last FROM numbers WHERE name = 'event without id'").fetchone()
            self._last_unnamed = int(row[0])
        self._last_unnamed += 1
        return self._last_unnamed

    def _shape(self, app: str, version: str, shape: EventShape) -> int:
        key = (app, version, shape)
        number = self._shapes.get(key)
        if number is None:
            names = [storable(name) or "" if not isinstance(name, bool) else name for name in cut_names(shape)]
            parameters = (*names, version, app)
            row = self._connection.execute(_FIND_SHAPE, parameters).fetchone()
            number = int(row[0]) if row else self._connection.execute(_ADD_SHAPE, parameters).lastrowid or 0
            self._shapes[key] = number
        return number
