"""
Events on their way into the sqlite file: six numbers a row, and the sums beside them.

A writer lives for one transaction. Which number a process has it remembers only there; which a
shape has, the next one may know, as long as nobody else has added or taken out any.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Optional

from ...wire import EventShape, cut_names
from ._answers import Stored
from ._event_ids import split_id
from ._filter import DAY_SECS
from ._sqlite_tallies import Tallies
from ._text import storable

__all__ = ["FOREIGN_ID", "NO_ID", "NO_SHAPES", "EventItem", "EventWriter", "KnownShapes"]

EventItem = tuple[Optional[str], int, int, EventShape]
"""Of an event: id, latency_ms, timestamp_secs and shape."""

class KnownShapes(NamedTuple):
    """
    Numbers of shapes, as they were when the database had this token.

    Every change of the table of shapes, by whatever process, draws another token: what a file
    that was restored or pruned meanwhile has under a number is never guessed at.
    """

    token: int
    numbers: dict[tuple[str, str, EventShape], int]


NO_SHAPES = KnownShapes(-1, {})
_KNOWN_MAX = 20_000
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
    """
    Adds events inside a transaction; `finish()` writes the sums, before the commit.

    *known* is what an earlier writer of this store knew of shapes when it had committed.
    """

    def __init__(self, connection: sqlite3.Connection, known: KnownShapes = NO_SHAPES) -> None:
        self._connection = connection
        self._tallies = Tallies(connection)
        self._token: int = connection.execute("SELECT last FROM numbers WHERE name = 'shapes'").fetchone()[0]
        self._known = known.numbers if known.token == self._token else {}
        self._has_new_shapes = False
        self._apps: dict[str, int] = {}
        self._shapes: dict[tuple[str, str], dict[EventShape, int]] = {}
        self._processes: dict[tuple[str, int], int] = {}
        self._calls: Counter[tuple[int, int]] = Counter()
        self._last: dict[str, int] = {}

    def add(
        self, items: Iterable[EventItem], *, app: str | None, version: str | None, received_at: int
    ) -> Stored:
        """Add what is not there yet; say how much that was."""
        owner, of = storable(app) or "", storable(version) or ""
        number = self._find_app(owner)
        shapes = self._shapes.setdefault((owner, of), {})
        rows: list[_Row] = []
        for event_id, latency_ms, moment, shape in items:
            known = shapes.get(shape)
            if known is None:
                known = shapes[shape] = self._find_shape(owner, of, shape)
            rows.append((moment, *self._key(number, event_id), known, latency_ms, received_at - moment))
        fresh = self._insert(rows)
        self._calls.update([(row[0] // DAY_SECS, row[3]) for row in fresh])
        stored = Stored(len(fresh), len(rows) - len(fresh))
        self._tallies.add(owner, "events", stored, received_at)
        return stored

    def finish(self) -> None:
        """Write the sums of what was added."""
        run_all = self._connection.executemany
        run_all(_ADD_CALLS, [(*key, calls) for key, calls in self._calls.items()])
        self._tallies.finish()
        if self._has_new_shapes:
            self._token = self._last["shapes"] = secrets.randbits(62)
        run_all("UPDATE numbers SET last = ? WHERE name = ?", [(last, name) for name, last in self._last.items()])

    def known(self) -> KnownShapes:
        """Return what the next writer may go by, once the transaction is committed."""
        numbers = dict(self._known) if len(self._known) < _KNOWN_MAX else {}
        for (app, version), shapes in self._shapes.items():
            numbers.update({(app, version, shape): number for shape, number in shapes.items()})
        return KnownShapes(self._token, numbers)

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
        halves = split_id(event_id)
        if halves is None:
            return FOREIGN_ID, self._find_foreign_id(event_id, app)
        digits, n = halves
        key = (digits, app)
        number = self._processes.get(key)
        if number is None:
            number = self._processes[key] = self._find_process(bytes.fromhex(digits), app)
        return number, n

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

    def _find_shape(self, app: str, version: str, shape: EventShape) -> int:
        number = self._known.get((app, version, shape))
        if number is not None:
            return number
        names = [storable(name) or "" if not isinstance(name, bool) else name for name in cut_names(shape)]
        parameters = (*names, version, app)
        row = self._connection.execute(_FIND_SHAPE, parameters).fetchone()
        if row is not None:
            return int(row[0])
        self._has_new_shapes = True
        return self._connection.execute(_ADD_SHAPE, parameters).lastrowid or 0
