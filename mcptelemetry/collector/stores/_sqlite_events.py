"""
Events on their way into the sqlite file: six numbers a row, and the sums beside them.

A writer lives for one transaction. What numbers names have, the next one on the same connection
knows when nobody else wrote in between; what numbers shapes have, any later one, as long as
nobody has added or taken out any.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, NamedTuple, Optional

from ...wire import EventShape, TelemetryBatch, cut_names
from ._answers import Stored
from ._event_columns import ColumnBatch, EventColumns
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


class _Batch(NamedTuple):
    """The rows of a batch, and for whom and when they came."""

    owner: str
    received_at: int
    rows: list[_Row]


NO_ID, FOREIGN_ID = 0, 1  # in place of a process

_COLUMNS = 6
_ROW = f"({', '.join('?' * _COLUMNS)})"
_INSERTS = {
    count: "INSERT INTO events (timestamp_secs, process, n, shape, latency_ms, delay_secs) "
    f"VALUES {', '.join([_ROW] * count)} ON CONFLICT DO NOTHING"
    # At each step of a statement the interpreter goes to another thread, if one wants it, and comes
    # back five milliseconds late; a large batch should not have many. Before 3.32 a statement had 999 parameters.
    for count in ((1000, 100, 10, 1) if sqlite3.sqlite_version_info >= (3, 32) else (100, 10, 1))
}
_INSERT = _INSERTS[1]
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

    *known* is what an earlier writer of this store knew of shapes when it had committed; *memory*
    what the last one on this connection left, empty when the file may have changed since.
    """

    def __init__(
        self, connection: sqlite3.Connection, known: KnownShapes = NO_SHAPES, memory: dict[str, Any] | None = None
    ) -> None:
        self._connection = connection
        self._tallies = Tallies(connection)
        self._memory = memory = {} if memory is None else memory
        if len(memory.get("processes", ())) > _KNOWN_MAX:
            memory.clear()
        if "token" not in memory:
            memory["token"] = connection.execute("SELECT last FROM numbers WHERE name = 'shapes'").fetchone()[0]
        self._token: int = memory["token"]
        self._known = known if known.token == self._token else KnownShapes(self._token, {})
        self._found: dict[tuple[str, str, EventShape], int] = {}
        self._has_new_shapes = False
        self._apps: dict[str, int] = memory.setdefault("apps", {})
        self._processes: dict[tuple[str, int], int] = memory.setdefault("processes", {})
        self._calls: Counter[tuple[int, int]] = Counter()
        self._last: dict[str, int] = {}

    def add(
        self, items: Iterable[EventItem], *, app: str | None, version: str | None, received_at: int
    ) -> Stored:
        """Add what is not there yet; say how much that was."""
        owner, of = storable(app) or "", storable(version) or ""
        number = self._find_app(owner)
        rows = [
            (moment, *self._key(number, event_id), self._find_shape(owner, of, shape), latency_ms, received_at - moment)
            for event_id, latency_ms, moment, shape in items
        ]
        return self._add_rows([_Batch(owner, received_at, rows)])[0]

    def add_batches(self, received: Sequence[tuple[TelemetryBatch, int]]) -> list[Stored]:
        """Add of several batches what is not there yet; say of each how much that was."""
        return self._add_rows([self._prepare(batch, received_at) for batch, received_at in received])

    def finish(self) -> None:
        """Write the sums of what was added."""
        run_all = self._connection.executemany
        run_all(_ADD_CALLS, [(*key, calls) for key, calls in self._calls.items()])
        self._tallies.finish()
        if self._has_new_shapes:
            self._token = self._memory["token"] = self._last["shapes"] = secrets.randbits(62)
        if self._last:
            run_all("UPDATE numbers SET last = ? WHERE name = ?", [(last, name) for name, last in self._last.items()])

    def known(self) -> KnownShapes:
        """Return what the next writer may go by, once the transaction is committed."""
        if not self._found and self._token == self._known.token:
            return self._known
        before = self._known.numbers if len(self._known.numbers) < _KNOWN_MAX else {}
        return KnownShapes(self._token, {**before, **self._found})

    def _prepare(self, batch: TelemetryBatch, received_at: int) -> _Batch:
        owner, of = storable(batch.app) or "", storable(batch.version) or ""
        app = self._find_app(owner)
        if isinstance(batch, ColumnBatch):
            return _Batch(owner, received_at, self._rows(batch.columns, app, (owner, of), received_at))
        rows = [
            (
                event.timestamp_secs, *self._key(app, event.id), self._find_shape(owner, of, event.shape),
                event.latency_ms, received_at - event.timestamp_secs,
            )
            for event in batch.events
        ]  # fmt: skip
        return _Batch(owner, received_at, rows)

    def _rows(self, columns: EventColumns, app: int, of: tuple[str, str], received_at: int) -> list[_Row]:
        shapes, places, latencies_ms, moments, processes, numbers = columns
        shape_numbers = [self._find_shape(*of, shape) for shape in shapes]
        process_numbers = {digits: self._find_process(digits, app) for digits in set(processes)}
        return list(
            zip(
                moments,
                map(process_numbers.__getitem__, processes),
                numbers,
                map(shape_numbers.__getitem__, places),
                latencies_ms,
                [received_at - moment for moment in moments],
            )
        )

    def _add_rows(self, batches: Sequence[_Batch]) -> list[Stored]:
        added = []
        for batch, fresh in zip(batches, self._insert([batch.rows for batch in batches])):
            self._calls.update([(row[0] // DAY_SECS, row[3]) for row in fresh])
            stored = Stored(len(fresh), len(batch.rows) - len(fresh))
            self._tallies.add(batch.owner, "events", stored, batch.received_at)
            added.append(stored)
        return added

    def _insert(self, groups: list[list[_Row]]) -> list[list[_Row]]:
        """Insert rows and return those of each group that were new."""
        connection = self._connection
        rows = groups[0] if len(groups) == 1 else list(chain.from_iterable(groups))
        connection.execute("SAVEPOINT rows")
        before = connection.total_changes
        self._insert_all(rows)
        if connection.total_changes - before < len(rows):
            # Some were here before. Which, only one group, and then one row, at a time can tell.
            connection.execute("ROLLBACK TO rows")
            if len(groups) > 1:
                groups = [self._insert([group])[0] for group in groups]
            else:
                groups = [[row for row in rows if connection.execute(_INSERT, row).rowcount]]
        connection.execute("RELEASE rows")
        return groups

    def _insert_all(self, rows: list[_Row]) -> None:
        flat = list(chain.from_iterable(rows))
        start = 0
        for count, statement in _INSERTS.items():
            step = count * _COLUMNS
            while len(flat) - start >= step:
                self._connection.execute(statement, flat[start : start + step])
                start += step

    def _key(self, app: int, event_id: str | None) -> tuple[int, int]:
        """Return process and number of an event, as they are kept."""
        if event_id is None:
            return NO_ID, self._draw("event without id")
        halves = split_id(event_id)
        if halves is None:
            return FOREIGN_ID, self._find_foreign_id(event_id, app)
        digits, n = halves
        return self._find_process(digits, app), n

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

    def _find_process(self, digits: str, app: int) -> int:
        number = self._processes.get((digits, app))
        if number is None:
            run, process = self._connection.execute, bytes.fromhex(digits)
            row = run("SELECT number FROM processes WHERE process = ? AND app = ?", (process, app)).fetchone()
            number = int(row[0]) if row else self._draw("process")
            if row is None:
                run("INSERT INTO processes (process, app, number) VALUES (?, ?, ?)", (process, app, number))
            self._processes[digits, app] = number
        return number

    def _draw(self, name: str) -> int:
        """Return the next number of a kind."""
        last = self._last.get(name)
        if last is None:
            last = int(self._connection.execute("SELECT last FROM numbers WHERE name = ?", (name,)).fetchone()[0])
        self._last[name] = last + 1
        return last + 1

    def _find_shape(self, app: str, version: str, shape: EventShape) -> int:
        key = (app, version, shape)
        number = self._known.numbers.get(key) or self._found.get(key)
        if number is None:
            number = self._found[key] = self._look_up_shape(app, version, shape)
        return number

    def _look_up_shape(self, app: str, version: str, shape: EventShape) -> int:
        names = [storable(name) or "" if not isinstance(name, bool) else name for name in cut_names(shape)]
        parameters = (*names, version, app)
        row = self._connection.execute(_FIND_SHAPE, parameters).fetchone()
        if row is not None:
            return int(row[0])
        self._has_new_shapes = True
        return self._connection.execute(_ADD_SHAPE, parameters).lastrowid or 0
