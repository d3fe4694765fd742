"""
The collector's store on one sqlite file: the whole port, each part in a module of its own.

This is where a method becomes a transaction; what is written and asked in it stands beside.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Union

from ...wire import TelemetryBatch
from . import _sqlite_calls as of_calls
from . import _sqlite_feedback as of_feedback
from . import _sqlite_installations as of_installations
from . import _sqlite_sums as of_sums
from ._answers import (
    CallOutcome,
    Calls,
    CallSpan,
    ClientCalls,
    Cohort,
    ErrorSpan,
    FeedbackCount,
    FeedbackEntry,
    Funnel,
    Health,
    Installations,
    InstallationSpan,
    NamedCount,
    OwnTool,
    Pruned,
    ReceivedEvent,
    Refused,
    Sessions,
    Share,
    Stored,
    ToolFigures,
    ToolSpan,
    VersionCalls,
    VersionChange,
    VersionSpan,
    VersionUse,
)
from ._blocks import latency_kind, session_kind
from ._errors import StoreError
from ._filter import DAY_SECS, HOUR_SECS, ROWS_MAX, TREND_TOOLS, WEEK_SECS, Filter
from ._port import Counted, Facet
from ._sqlite_blocks import sum_up
from ._sqlite_documents import count_outcomes, read_events, read_heartbeats
from ._sqlite_events import NO_SHAPES, EventWriter
from ._sqlite_file import BUSY_TIMEOUT_SECS, SqliteFile
from ._sqlite_heartbeats import HeartbeatWriter
from ._sqlite_labels import sum_up_labels
from ._sqlite_prune import prune
from ._sqlite_tallies import Tallies

__all__ = ["SqliteStore"]


class SqliteStore:
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
        self._file = SqliteFile(path, read_only=read_only, busy_timeout_secs=busy_timeout_secs)
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

    def close(self) -> None:
        """Let go of the file; it may be used again."""
        self._file.close()

    def apps(self, asked: Filter) -> dict[str, int]:
        """Calls of each application, most first; the filter's own app is left aside."""
        with self._file.reading(is_at_once=True) as connection:
            return of_sums.apps(connection, asked)

    def calls(self, asked: Filter) -> Calls:
        """Calls, errors and percentiles for each tool and route, and over all."""
        self._sum_up(sum_up, asked, latency_kind(asked))
        with self._file.reading() as connection:
            return of_calls.calls(connection, asked)

    def tools(self, asked: Filter) -> list[ToolFigures]:
        """Calls, errors and percentiles of each tool over all its routes, most called first."""
        self._sum_up(sum_up, asked, latency_kind(asked))
        with self._file.reading() as connection:
            return of_calls.tools(connection, asked)

    def tool_trends(self, asked: Filter, step_secs: int = DAY_SECS, most: int = TREND_TOOLS) -> list[ToolSpan]:
        """Calls of the *most* most called tools, in order of their names, by the hour, day or week, in order of time."""
        with self._file.reading(is_at_once=True) as connection:
            return of_sums.tool_trends(connection, asked, step_secs, most)

    def errors_over_time(self, asked: Filter, step_secs: int = DAY_SECS) -> list[ErrorSpan]:
        """Errors by type of each hour, day or week that has any, in order of time, then of name."""
        with self._file.reading(is_at_once=True) as connection:
            return of_sums.errors_over_time(connection, asked, step_secs)

    def calls_over_time(self, asked: Filter, step_secs: int = DAY_SECS) -> list[CallSpan]:
        """Calls of each hour, day or week that has any, in order of time."""
        with self._file.reading(is_at_once=True) as connection:
            return of_sums.calls_over_time(connection, asked, step_secs)

    def clients(self, asked: Filter) -> list[ClientCalls]:
        """Calls from each client, most first."""
        with self._file.reading(is_at_once=True) as connection:
            return of_sums.clients(connection, asked)

    def calls_by_version(self, asked: Filter) -> list[VersionCalls]:
        """Calls of each version, most first."""
        with self._file.reading(is_at_once=True) as connection:
            return of_sums.calls_by_version(connection, asked)

    def sessions(self, asked: Filter) -> Sessions:
        """How many processes made calls, and how many each."""
        self._sum_up(sum_up, asked, session_kind(asked))
        with self._file.reading() as connection:
            return of_calls.sessions(connection, asked)

    def installations(self, asked: Filter) -> Installations:
        """Active, new and returning installations."""
        with self._file.reading(is_at_once=True) as connection:
            return of_installations.installations(connection, asked)

    def installations_over_time(self, asked: Filter, step_secs: int = WEEK_SECS) -> list[InstallationSpan]:
        """Installations of each day or week that has any, in order of time."""
        with self._file.reading(is_at_once=True) as connection:
            return of_installations.installations_over_time(connection, asked, step_secs)

    def installations_by(self, facet: Facet, asked: Filter) -> list[Share]:
        """Installations by what the latest heartbeat in the period says, most first."""
        with self._file.reading(is_at_once=True) as connection:
            return of_installations.installations_by(connection, facet, asked)

    def counts(self, counted: Counted, asked: Filter) -> list[NamedCount]:
        """What heartbeats counted, by name: largest count first."""
        self._sum_up(sum_up_labels, asked)
        with self._file.reading(is_at_once=True) as connection:
            return of_installations.counts(connection, counted, asked)

    def own_tools(self, asked: Filter) -> list[OwnTool]:
        """The application's own tools, used by most installations first."""
        self._sum_up(sum_up_labels, asked)
        with self._file.reading(is_at_once=True) as connection:
            return of_installations.own_tools(connection, asked)

    def versions(self, asked: Filter) -> list[VersionUse]:
        """Installations by version, most first."""
        with self._file.reading(is_at_once=True) as connection:
            return of_installations.versions(connection, asked)

    def versions_over_time(self, asked: Filter, step_secs: int = WEEK_SECS) -> list[VersionSpan]:
        """Installations by version of each day or week that has any, in order of time, then of name."""
        with self._file.reading(is_at_once=True) as connection:
            return of_installations.versions_over_time(connection, asked, step_secs)

    def version_changes(self, asked: Filter) -> list[VersionChange]:
        """Changes of version in both directions, most installations first."""
        with self._file.reading(is_at_once=True) as connection:
            return of_installations.version_changes(connection, asked)

    def funnel(self, asked: Filter) -> Funnel:
        """How far the installations of the period have come."""
        self._sum_up(sum_up_labels, asked)
        with self._file.reading(is_at_once=True) as connection:
            return of_installations.funnel(connection, asked)

    def retention(self, asked: Filter, weeks: int = 12) -> list[Cohort]:
        """Weekly cohorts, oldest first, with at most *weeks* weeks after the first."""
        with self._file.reading(is_at_once=True) as connection:
            return of_installations.retention(connection, asked, weeks)

    def feedback(self, asked: Filter) -> list[FeedbackCount]:
        """Feedback by category, in order of name."""
        with self._file.reading(is_at_once=True) as connection:
            return of_feedback.count_feedback(connection, asked)

    def inbox(self, asked: Filter, *, most: int = ROWS_MAX, is_unread_only: bool = False) -> list[FeedbackEntry]:
        """Return feedback, newest first, at most *most*."""
        with self._file.reading(is_at_once=True) as connection:
            return of_feedback.inbox(connection, asked, most, is_unread_only=is_unread_only)

    def health(self, asked: Filter) -> Health:
        """What came last, and what became of what came in the period."""
        with self._file.reading(is_at_once=True) as connection:
            return of_feedback.health(connection, asked)

    def events(self) -> Iterator[ReceivedEvent]:
        """Every stored event in order of time, those of a second by process and number, read in slices."""
        with self._file.reading() as connection:
            yield from read_events(connection)

    def heartbeats(self) -> Iterator[dict[str, Any]]:
        """Every stored heartbeat, in the order in which they came, read in slices."""
        with self._file.reading() as connection:
            for text in read_heartbeats(connection):
                yield json.loads(text)

    def count_outcomes(self) -> dict[CallOutcome, int]:
        """Return how many events had each outcome; for small stores: it is as long as there are outcomes."""
        with self._file.reading() as connection:
            return count_outcomes(connection)

    def _sum_up(self, make: Callable[..., None], *given: object) -> None:
        """Make the sums that the next question can use; where the file cannot be written, it goes without."""
        if not self._file.is_read_only:
            with suppress(StoreError):
                make(self._file.reading, self._file.writing, *given)
