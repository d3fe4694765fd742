"""
Events on their way into PostgreSQL: one statement a transaction adds them all.

Which of them are new is what the statement returns. Rows are added in the order of their key, like
everything that two writers may want at once, and the sums come last.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, TypeVar

from ...wire import EventShape, TelemetryBatch, TelemetryEvent, cut_names
from ._answers import Stored
from ._event_ids import split_id
from ._filter import DAY_SECS
from ._postgres_numbers import APPS, FOREIGN_IDS, PROCESSES, SHAPES, find_numbers
from ._postgres_schema import WRITING
from ._postgres_server import Session, columns_of
from ._postgres_tallies import Tallies, add_calls
from ._text import storable

__all__ = ["FOREIGN_ID", "NO_ID", "add_batches", "digest_of"]

NO_ID, FOREIGN_ID = 0, 1  # in place of a process

_INSERT = """
INSERT INTO events (timestamp_secs, process, n, shape, latency_ms, delay_secs)
SELECT * FROM unnest(%s::bigint[], %s::integer[], %s::bigint[], %s::integer[], %s::bigint[], %s::bigint[])
    AS came (timestamp_secs, process, n, shape, latency_ms, delay_secs)
ORDER BY timestamp_secs, process, n ON CONFLICT DO NOTHING
RETURNING timestamp_secs, process, n
"""

_Received = Sequence[tuple[TelemetryBatch, int]]
_EventKey = tuple[int, int, int]
_Name = TypeVar("_Name", tuple[bytes, int], tuple[str, int])


def add_batches(session: Session, received: _Received) -> list[Stored]:
    """Do `Intake.add_batches`."""
    session.run("SELECT pg_advisory_xact_lock_shared(%s, %s)", WRITING)
    owners = [storable(batch.app) or "" for batch, _ in received]
    apps = find_numbers(session, APPS, {(owner,): () for owner in owners})
    shapes = _Shapes(session, received)
    keys = _find_keys(session, received, [apps[(owner,)] for owner in owners])
    rows: dict[_EventKey, tuple[Any, ...]] = {}
    batch_of: dict[_EventKey, int] = {}
    for place, (batch, moment) in enumerate(received):
        for event, key in zip(batch.events, keys[place]):
            if batch_of.setdefault(key, place) == place and key not in rows:
                number = shapes.number(batch, event.shape)
                rows[key] = (*key, number, event.latency_ms, moment - event.timestamp_secs)
    fresh: list[_EventKey] = session.rows(_INSERT, columns_of(rows.values())) if rows else []
    add_calls(session, Counter((key[0] // DAY_SECS, rows[key][3]) for key in fresh))
    stored_in = Counter(batch_of[key] for key in fresh)
    tallies = Tallies(session)
    answer = []
    for place, (batch, moment) in enumerate(received):
        stored = Stored(stored_in[place], len(batch.events) - stored_in[place])
        tallies.add(owners[place], "events", stored, moment)
        answer.append(stored)
    tallies.finish()
    return answer


def digest_of(values: Sequence[object]) -> bytes:
    """Return what tells these values from others, in 16 bytes."""
    return blake2b(json.dumps(values).encode(), digest_size=16).digest()


class _Shapes:
    """The numbers of all shapes of some batches."""

    def __init__(self, session: Session, received: _Received) -> None:
        self._digests: dict[tuple[object, ...], tuple[bytes]] = {}
        wanted: dict[tuple[bytes], tuple[Any, ...]] = {}
        for batch, _ in received:
            for event in batch.events:
                key = (batch.app, batch.version, event.shape)
                if key not in self._digests:
                    *names, was_fallback = cut_names(event.shape)
                    values = (*(storable(name) or "" for name in names), storable(batch.version) or "", storable(batch.app) or "", was_fallback)
                    self._digests[key] = (digest_of(values),)
                    wanted[self._digests[key]] = values
        self._numbers = find_numbers(session, SHAPES, wanted)

    def number(self, batch: TelemetryBatch, shape: EventShape) -> int:
        return self._numbers[self._digests[batch.app, batch.version, shape]]


def _find_keys(session: Session, received: _Received, apps: Sequence[int]) -> list[list[_EventKey]]:
    """Return the keys of the events of each batch, as they are kept."""
    nameless = 0
    processes: dict[tuple[bytes, int], tuple[int]] = {}
    foreign: dict[tuple[str, int], tuple[int]] = {}
    halved: list[list[tuple[TelemetryEvent, tuple[str, int] | None]]] = []
    for (batch, _), app in zip(received, apps):
        halves_of = [(event, None if event.id is None else split_id(event.id)) for event in batch.events]
        halved.append(halves_of)
        for event, halves in halves_of:
            day = event.timestamp_secs // DAY_SECS
            if halves is not None:
                _note_newest(processes, (bytes.fromhex(halves[0]), app), day)
            elif event.id is not None:
                _note_newest(foreign, (storable(event.id), app), day)
            else:
                nameless += 1
    process_numbers = find_numbers(session, PROCESSES, processes)
    foreign_numbers = find_numbers(session, FOREIGN_IDS, foreign)
    drawn = iter(session.rows("SELECT nextval('events_without_id') FROM generate_series(1, %s)", [nameless]) if nameless else ())

    def key_of(event: TelemetryEvent, halves: tuple[str, int] | None, app: int) -> _EventKey:
        if halves is not None:
            return event.timestamp_secs, process_numbers[bytes.fromhex(halves[0]), app], halves[1]
        if event.id is not None:
            return event.timestamp_secs, FOREIGN_ID, foreign_numbers[storable(event.id), app]
        return event.timestamp_secs, NO_ID, next(drawn)[0]

    return [[key_of(event, halves, app) for event, halves in events] for events, app in zip(halved, apps)]


def _note_newest(days: dict[_Name, tuple[int]], name: _Name, day: int) -> None:
    known = days.get(name)
    if known is None or known[0] < day:
        days[name] = (day,)
