"""
The collector's store on a PostgreSQL server: the whole port, each part in a module of its own.

This is where a method becomes a transaction; what is written and asked in it stands beside.
Imported only when a URL asks for it: it needs psycopg.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from ...wire import TelemetryBatch
from . import _postgres_calls as of_calls
from . import _postgres_feedback as of_feedback
from . import _postgres_installations as of_installations
from . import _postgres_sums as of_sums
from ._answers import (
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
from ._postgres_blocks import sum_up
from ._postgres_days import Days
from ._postgres_events import add_batches
from ._postgres_heartbeats import add_heartbeats
from ._postgres_prune import prune
from ._postgres_schema import check_schema, migrate
from ._postgres_server import PostgresServer, Session

__all__ = ["PostgresStore"]

_SLICE_ROWS = 500


class PostgresStore:
    """
    The collector's store in a PostgreSQL database: each document once, and every question answered.

    *url* names it, as psql reads it; its password may stand in PGPASSWORD or PGPASSFILE instead.
    All that is kept is in the schema `mcptelemetry`, made when missing; with *read_only* it must
    be there and is never changed.

    Safe between threads and between processes, also after a fork. Raises `StoreError` when
    the database cannot be used, `ValueError` when *url* cannot. The methods are those of the
    port: `Intake` and `Questions` say what each does.
    """

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        self._server = PostgresServer(url, read_only=read_only)
        self._days = Days()
        if read_only:
            self._server.read(check_schema)
        else:
            self._server.write(migrate)

    def __repr__(self) -> str:
        return f"PostgresStore({self._server.name!r})"

    def add_events(self, batch: TelemetryBatch, *, received_at: int) -> Stored:
        """Store the events of *batch*: each (app or none, id, timestamp_secs) once, one without an id as it comes."""
        return self.add_batches([(batch, received_at)])[0]

    def add_batches(self, received: Sequence[tuple[TelemetryBatch, int]]) -> list[Stored]:
        """Store several batches, each with the moment of its receipt, in one transaction; say of each what became of it."""
        self._days.prepare(self._server, received)
        return self._server.write(add_batches, received)

    def add_heartbeat(self, document: Mapping[str, Any], *, received_at: int) -> Stored:
        """Store *document* unless its `heartbeat_id` is known."""
        return self.add_heartbeats([(document, received_at)])[0]

    def add_heartbeats(self, received: Sequence[tuple[Mapping[str, Any], int]]) -> list[Stored]:
        """Store several heartbeats, each with the moment of its receipt, in one transaction."""
        return self._server.write(add_heartbeats, received)

    def add_feedback(self, document: Mapping[str, Any], *, received_at: int) -> None:
        """Store *document*, as often as it comes."""
        self._server.write(of_feedback.add_feedback, document, received_at)

    def add_refusals(self, refusals: Mapping[Refused, int], *, received_at: int) -> None:
        """Count documents that were not taken."""
        self._server.write(of_feedback.add_refusals, refusals, received_at)

    def mark_read(self, numbers: Sequence[int]) -> int:
        """Mark feedback as read; return how many were not before."""
        return self._server.write(of_feedback.mark_read, numbers)

    def prune(self, before: int) -> Pruned:
        """Take out events made and heartbeats and feedback received before *before* (a full hour)."""
        if before % HOUR_SECS:
            msg = f"before={before!r} is no full hour; give a multiple of {HOUR_SECS}"
            raise ValueError(msg)
        return prune(self._server, before)

    def check(self) -> None:
        """Return when documents can be stored, or, opened for reading only, read; raise `StoreError` otherwise."""
        if self._server.is_read_only:
            self._server.read(check_schema)
        else:
            self._server.write(_require_writable)

    def close(self) -> None:
        """Close the connections that wait for the next transaction; there may be one all the same."""
        self._server.close()

    def apps(self, asked: Filter) -> dict[str, int]:
        """Calls of each application, most first; the filter's own app is left aside."""
        return self._server.read(of_sums.apps, asked)

    def calls(self, asked: Filter) -> Calls:
        """Calls, errors and percentiles for each tool and route, and over all."""
        self._sum_up(asked, latency_kind(asked))
        return self._server.read(of_calls.calls, asked)

    def tools(self, asked: Filter) -> list[ToolFigures]:
        """Calls, errors and percentiles of each tool over all its routes, most called first."""
        self._sum_up(asked, latency_kind(asked))
        return self._server.read(of_calls.tools, asked)

    def tool_trends(self, asked: Filter, step_secs: int = DAY_SECS, most: int = TREND_TOOLS) -> list[ToolSpan]:
        """Calls of the *most* most called tools, in order of their names, by the hour, day or week, in order of time."""
        return self._server.read(of_sums.tool_trends, asked, step_secs, most)

    def errors_over_time(self, asked: Filter, step_secs: int = DAY_SECS) -> list[ErrorSpan]:
        """Errors by type of each hour, day or week that has any, in order of time, then of name."""
        return self._server.read(of_sums.errors_over_time, asked, step_secs)

    def calls_over_time(self, asked: Filter, step_secs: int = DAY_SECS) -> list[CallSpan]:
        """Calls of each hour, day or week that has any, in order of time."""
        return self._server.read(of_sums.calls_over_time, asked, step_secs)

    def clients(self, asked: Filter) -> list[ClientCalls]:
        """Calls from each client, most first."""
        return self._server.read(of_sums.clients, asked)

    def calls_by_version(self, asked: Filter) -> list[VersionCalls]:
        """Calls of each version, most first."""
        return self._server.read(of_sums.calls_by_version, asked)

    def sessions(self, asked: Filter) -> Sessions:
        """How many processes made calls, and how many each."""
        self._sum_up(asked, session_kind(asked))
        return self._server.read(of_calls.sessions, asked)

    def installations(self, asked: Filter) -> Installations:
        """Active, new and returning installations."""
        return self._server.read(of_installations.installations, asked)

    def installations_over_time(self, asked: Filter, step_secs: int = WEEK_SECS) -> list[InstallationSpan]:
        """Installations of each day or week that has any, in order of time."""
        return self._server.read(of_installations.installations_over_time, asked, step_secs)

    def installations_by(self, facet: Facet, asked: Filter) -> list[Share]:
        """Installations by what the latest heartbeat in the period says, most first."""
        return self._server.read(of_installations.installations_by, facet, asked)

    def counts(self, counted: Counted, asked: Filter) -> list[NamedCount]:
        """What heartbeats counted, by name: largest count first."""
        return self._server.read(of_installations.counts, counted, asked)

    def own_tools(self, asked: Filter) -> list[OwnTool]:
        """The application's own tools, used by most installations first."""
        return self._server.read(of_installations.own_tools, asked)

    def versions(self, asked: Filter) -> list[VersionUse]:
        """Installations by version, most first."""
        return self._server.read(of_installations.versions, asked)

    def versions_over_time(self, asked: Filter, step_secs: int = WEEK_SECS) -> list[VersionSpan]:
        """Installations by version of each day or week that has any, in order of time, then of name."""
        return self._server.read(of_installations.versions_over_time, asked, step_secs)

    def version_changes(self, asked: Filter) -> list[VersionChange]:
        """Changes of version in both directions, most installations first."""
        return self._server.read(of_installations.version_changes, asked)

    def funnel(self, asked: Filter) -> Funnel:
        """How far the installations of the period have come."""
        return self._server.read(of_installations.funnel, asked)

    def retention(self, asked: Filter, weeks: int = 12) -> list[Cohort]:
        """Weekly cohorts, oldest first, with at most *weeks* weeks after the first."""
        return self._server.read(of_installations.retention, asked, weeks)

    def feedback(self, asked: Filter) -> list[FeedbackCount]:
        """Feedback by category, in order of name."""
        return self._server.read(of_feedback.count_feedback, asked)

    def inbox(self, asked: Filter, *, most: int = ROWS_MAX, is_unread_only: bool = False) -> list[FeedbackEntry]:
        """Return feedback, newest first, at most *most*."""
        return self._server.read(of_feedback.inbox, asked, most, is_unread_only)

    def health(self, asked: Filter) -> Health:
        """What came last, and what became of what came in the period."""
        return self._server.read(of_feedback.health, asked)

    def heartbeats(self) -> Iterator[dict[str, Any]]:
        """Every stored heartbeat, in the order in which they came, read in slices."""
        after = 0
        while rows := self._server.read(_heartbeats_after, after):
            for after, text in rows:  # noqa: B007  where the next slice begins
                yield json.loads(text)

    def _sum_up(self, asked: Filter, kind: int | None) -> None:
        """Make the sums that the next question can use; where nothing can be written, it goes without."""
        if not self._server.is_read_only:
            with suppress(StoreError):
                sum_up(self._server, asked, kind)


def _heartbeats_after(session: Session, number: int) -> list[tuple[Any, ...]]:
    statement = "SELECT number, document FROM heartbeat_documents WHERE number > %s ORDER BY number LIMIT %s"
    return session.rows(statement, (number, _SLICE_ROWS))


def _require_writable(session: Session) -> None:
    """Go as far as any transaction goes before it changes a row."""
    check_schema(session)
    session.run("SELECT version FROM schema_version FOR KEY SHARE")
