"""
The documents themselves, back out of the sqlite file.

Slice by slice, each read whole and the file let go of before it is handed on: whoever reads
slowly holds up nobody who sends.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

from ...wire import EVENT_FIELDS
from ._answers import CallOutcome, ReceivedEvent
from ._event_ids import join_id
from ._sqlite_events import FOREIGN_ID

__all__ = ["count_outcomes", "read_events", "read_heartbeats"]

_SLICE_ROWS = 5_000

_SELECT_EVENTS = """
SELECT e.timestamp_secs, e.process, e.n, e.latency_ms, s.app, s.version, s.tool, s.routing_decision, s.routing_detail,
    s.upstream, s.status, s.error_type, s.client, s.was_fallback, p.process, f.id, e.timestamp_secs + e.delay_secs
FROM events AS e JOIN shapes AS s ON s.number = e.shape LEFT JOIN processes AS p ON p.number = e.process
LEFT JOIN foreign_ids AS f ON e.process = 1 AND f.number = e.n
WHERE (e.timestamp_secs, e.process, e.n) > (?, ?, ?)
ORDER BY e.timestamp_secs, e.process, e.n LIMIT ?
"""
_SELECT_HEARTBEATS = "SELECT number, document FROM heartbeat_documents WHERE number > ? ORDER BY number LIMIT ?"
_COUNT_OUTCOMES = """
SELECT nullif(s.app, ''), s.tool, s.routing_decision, s.status, nullif(s.error_type, ''), e.latency_ms, count(*)
FROM events AS e JOIN shapes AS s ON s.number = e.shape GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6
"""


def read_events(connection: sqlite3.Connection) -> Iterator[ReceivedEvent]:
    """Yield every event, in the order of the table's key."""
    after: tuple[int, int, int] = (-1, -1, -1)
    while True:
        rows = connection.execute(_SELECT_EVENTS, (*after, _SLICE_ROWS)).fetchall()
        for row in rows:
            yield _received(row)
        if len(rows) < _SLICE_ROWS:
            return
        after = rows[-1][:3]


def read_heartbeats(connection: sqlite3.Connection) -> Iterator[str]:
    """Yield the text of every heartbeat, in the order in which they came."""
    after = 0
    while True:
        rows = connection.execute(_SELECT_HEARTBEATS, (after, _SLICE_ROWS // 10)).fetchall()
        for _, text in rows:
            yield text
        if not rows:
            return
        after = rows[-1][0]


def count_outcomes(connection: sqlite3.Connection) -> dict[CallOutcome, int]:
    """Return the events of each outcome."""
    return {CallOutcome(*row[:-1]): row[-1] for row in connection.execute(_COUNT_OUTCOMES)}


def _received(row: tuple[Any, ...]) -> ReceivedEvent:
    moment, process, number, latency_ms, app, version, *shape = row[:14]
    digits, event_id, received_at = row[14:]
    if process > FOREIGN_ID:
        event_id = join_id(digits.hex(), number)
    values = (*(name or None for name in shape[:7]), latency_ms, moment, bool(shape[7]), event_id)
    document = {name: value for name, value in zip(EVENT_FIELDS, values) if value is not None and value is not False}
    return ReceivedEvent(received_at, app or None, version or None, document)
