"""
The collector's store on one sqlite file: the whole port, each part in a module of its own.

This is where a method becomes a transaction; what is written in it stands beside.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Union

from ...wire import TelemetryBatch
from . import _sqlite_feedback as of_feedback
from ._answers import CallOutcome, Pruned, ReceivedEvent, Refused, Stored
from ._filter import HOUR_SECS
from ._sqlite_documents import count_outcomes, read_events
from ._sqlite_events import NO_SHAPES, EventWriter
from ._sqlite_file import BUSY_TIMEOUT_SECS, SqliteFile
from ._sqlite_heartbeats import HeartbeatWriter
from ._sqlite_prune import prune
from ._sqlite_questions import SqliteQuestions
from ._sqlite_tallies import Tallies

__all__ = ["SqliteStore"]


class SqliteStore(SqliteQuestions):
    """
    The collector's store on one file: each document once, and every question answered.

    *path* names the file (str or path-like); it is made when missing, mode 0600, in a folder
    that exists. With *read_only* it must exist and is never changed. *busy_timeout_secs* is
    how long to wait for another writer.

    Safe between threads and between processes, also after a fork. Raises `StoreError` when
    the file cannot be used, `TypeError` or `ValueError` when *path* is no path. The methods are
    those of the port: `Intake` and `Questions` say what each does.
    """

    def __init__(
        self,
        path: Union[str, os.PathLike[str]],
        *,
        read_only: bool = False,
        busy_timeout_secs: float = BUSY_TIMEOUT_SECS,
    ) -> None:
        super().__init__(SqliteFile(path, read_only=read_only, busy_timeout_secs=busy_timeout_secs))
        self.path: str = self._file.path
        self._known_shapes = NO_SHAPES  # replaced whole, so that threads and forks see one or the other
        if read_only:
            self.check()

    def __repr__(self) -> str:
        return f"SqliteStore({self.path!r})"

    def add_events(self, batch: TelemetryBatch, *, received_at: int) -> Stored:
        """Store the events of *batch*: each (app or none, id, timestamp_secs) once, one without an id as it comes."""
        return self.add_batches([(batch, received_at)])[0]

    def add_batches(self, received: Sequence[tuple[TelemetryBatch, int]]) -> list[Stored]:
        """Store several batches, each with the moment of its receipt, in one transaction; say of each what became of it."""
        with self._file.writing_on() as kept:
            writer = EventWriter(kept.connection, self._known_shapes, kept.memory)
            stored = writer.add_batches(received)
            writer.finish()
        self._known_shapes = writer.known()
        return stored

    def add_heartbeat(self, document: Mapping[str, Any], *, received_at: int) -> Stored:
        """Store *document* unless its `heartbeat_id` is known."""
        return self.add_heartbeats([(document, received_at)])[0]

    def add_heartbeats(self, received: Sequence[tuple[Mapping[str, Any], int]]) -> list[Stored]:
        """Store several heartbeats, each with the moment of its receipt, in one transaction."""
        with self._file.writing() as connection:
            writer = HeartbeatWriter(connection)
            return [writer.add(document, received_at=moment) for document, moment in received]

    def add_feedback(self, document: Mapping[str, Any], *, received_at: int) -> None:
        """Store *document*, as often as it comes."""
        with self._file.writing() as connection:
            of_feedback.add_feedback(connection, document, received_at)

    def add_refusals(self, refusals: Mapping[Refused, int], *, received_at: int) -> None:
        """Count documents that were not taken."""
        with self._file.writing() as connection:
            tallies = Tallies(connection)
            for refused, count in refusals.items():
                tallies.count("", refused.stream, [(refused.reason, count)], received_at)
            tallies.finish()

    def mark_read(self, numbers: Sequence[int]) -> int:
        """Mark feedback as read; return how many were not before."""
        with self._file.writing() as connection:
            return of_feedback.mark_read(connection, numbers)

    def prune(self, before: int) -> Pruned:
        """Take out events made and heartbeats and feedback received before *before* (a full hour)."""
        if before % HOUR_SECS:
            msg = f"before={before!r} is no full hour; give a multiple of {HOUR_SECS}"
            raise ValueError(msg)
        return prune(self._file.writing, before)

    def check(self) -> None:
        """Return when documents can be stored, or, opened for reading only, read; raise `StoreError` otherwise."""
        self._file.check()

    def back_up(self, path: Union[str, os.PathLike[str]]) -> None:
        """Write everything that is stored now to the new file *path*, which can be used as it is; senders do not wait long."""
        self._file.back_up(path)

    def events(self) -> Iterator[ReceivedEvent]:
        """Every stored event in order of time, those of a second by process and number, read in slices."""
        with self._file.reading() as connection:
            yield from read_events(connection)

    def count_outcomes(self) -> dict[CallOutcome, int]:
        """Return how many events had each outcome; for small stores: it is as long as there are outcomes."""
        with self._file.reading() as connection:
            return count_outcomes(connection)
