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
from ._filter import DAY_SECS
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
INSERT INTO calls_by_day (day, shape, calls) VALUES (?, ?, ?)
ON CONFLICT (day, shape) DO UPDATE SET calls = calls + excluded.calls
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
        self._apps: dict[str, int] = {}
        self._shapes: dict[tuple[Any, ...], int] = {}
        self._processes: dict[tuple[bytes, int], int] = {}
        self._heads: dict[str, int] = {}
        self._calls: Counter[tuple[int, int]] = Counter()
        self._last: dict[str, int] = {}

    def add(
        self, items: Iterable[EventItem], *, app: str | None, version: str | None, received_at: int
    ) -> Stored:
        """Add what is not there yet; say how much that was."""
        self._heads = {}
        owner, of = storable(app) or "", storable(version) or ""
        number = self._find_app(owner)
        rows: list[_Row] = [
            (moment, *self._key(number, event_id), self._shape(owner, of, shape), latency_ms, received_at - moment)
            for event_id, latency_ms, moment, shape in items
        ]
        fresh = self._insert(rows)
        self._calls.update((row[0] // DAY_SECS, row[3]) for row in fresh)
        stored = Stored(len(fresh), len(rows) - len(fresh))
        self._tallies.add(owner, "events", stored, received_at)
        return stored

    def finish(self) -> None:
        """Write the sums of what was added."""
        self._connection.executemany(_ADD_CALLS, [(*key, calls) for key, calls in self._calls.items()])
        self._tallies.finish()
        self._connection.executemany("UPDATE numbers SET last = ? WHERE name = ?", [(last, name) for name, last in self._last.items()])

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

    def _key(self, app: int, event_id: str | None) -> tuple[int, int]:
        """Return process and number of an event, as they are kept."""
        if event_id is None:
            return NO_ID, self._draw("event without id")
        head, _, tail = event_id.rpartition("-")
        known = self._heads.get(head)
        if known is not None and "1" <= tail < ":" and len(tail) <= 18 and tail.isdigit():  # no zero in front
            return known, int(tail)
        halves = split_id(event_id)
        if halves is None:
            return FOREIGN_ID, self._find_foreign_id(event_id, app)
        key = (halves.process, app)
        number = self._processes.get(key)
        if number is None:
            number = self._processes[key] = self._find_process(*key)
            self._heads = {head: number}  # of this application, and mostly the next event's too
        return number, halves.number

    def _find_app(self, name: str) -> int:
        number = self._apps.get(name)
        if number is None:
            run = self._connection.execute
            row = run("SELECT number FROM apps WHERE app = ?", (name,)).fetchone()
            number = int(row[0]) if row else run("INSERT INTO apps (app) VALUES (?)", (name,)).lastrowid or 0
            self._apps[name] = number
        return number

    def _find_foreign_id(self, event_id: str, app: int) -> int:
        run, key = self._connection.execute, (event_id, app)
        row = run("SELECT number FROM foreign_ids WHERE id = ? AND app = ?", key).fetchone()
        return int(row[0]) if row else run("INSERT INTO foreign_ids (id, app) VALUES (?, ?)", key).lastrowid or 0

    def _find_process(self, process: bytes, app: int) -> int:
        run = self._connection.execute
        row = run("SELECT number FROM processes WHERE process = ? AND app = ?", (process, app)).fetchone()
        if row is not None:
            return int(row[0])
        number = self._draw("process")
        run("INSERT INTO processes (process, app, number) VALUES (?, ?, ?)", (process, app, number))
        return number

    def _draw(self, name: str) -> int:
        """Return the next number of a kind."""
        last = self._last.get(name)
        if last is None:
            last = int(self._connection.execute("SELECT last FROM numbers WHERE name = ?", (name,)).fetchone()[0])
        self._last[name] = last + 1
        return last + 1

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
