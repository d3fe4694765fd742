"""
The store as a port, in two halves: taking documents in, and answering questions about them.

Each question is answered in the store's own engine and carries no more rows into Python than
its answer has. A store that holds only events (`CallQuestions`) answers fewer of them; what a
question means stands in `DEFINITIONS`, and one contract suite holds every store to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal, Protocol, runtime_checkable

from ...wire import TelemetryBatch
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
from ._filter import DAY_SECS, ROWS_MAX, TREND_TOOLS, WEEK_SECS, Filter

__all__ = ["COUNTED", "FACETS", "CallQuestions", "Counted", "Facet", "Intake", "Looks", "Questions", "Store", "look_at"]

Facet = Literal["app", "arch", "edition", "env_kind", "launch_source", "os", "python", "routing_mode"]
FACETS: tuple[Facet, ...] = ("app", "arch", "edition", "env_kind", "launch_source", "os", "python", "routing_mode")
"""What installations are told apart by; python without the patch level."""

Counted = Literal["client", "error_category", "surface"]
COUNTED: tuple[Counted, ...] = ("client", "error_category", "surface")
"""What heartbeats count by name; a client counts once a heartbeat that names it."""


class Intake(Protocol):
    """
    Taking documents in; each call is one transaction, on the disk when it returns.

    The documents have passed the collector's checks. NUL and lone surrogates in names and texts
    are replaced. `received_at` is Unix seconds on the collector's clock. Every method raises
    `StoreError`, and then nothing of its call was stored. Safe between threads, processes, and
    after a fork.
    """

    def add_events(self, batch: TelemetryBatch, *, received_at: int) -> Stored:
        """Store the events of *batch*: each (app or none, id, timestamp_secs) once, one without an id as it comes."""
        ...

    def add_batches(self, received: Sequence[tuple[TelemetryBatch, int]]) -> list[Stored]:
        """Store several batches, each with the moment of its receipt, in one transaction; say of each what became of it."""
        ...

    def add_heartbeat(self, document: Mapping[str, Any], *, received_at: int) -> Stored:
        """Store *document* unless its `heartbeat_id` is known."""
        ...

    def add_heartbeats(self, received: Sequence[tuple[Mapping[str, Any], int]]) -> list[Stored]:
        """Store several heartbeats, each with the moment of its receipt, in one transaction."""
        ...

    def add_feedback(self, document: Mapping[str, Any], *, received_at: int) -> None:
        """Store *document*, as often as it comes."""
        ...

    def add_refusals(self, refusals: Mapping[Refused, int], *, received_at: int) -> None:
        """Count documents that were not taken."""
        ...

    def mark_read(self, numbers: Sequence[int]) -> int:
        """Mark feedback as read; return how many were not before."""
        ...

    def prune(self, before: int) -> Pruned:
        """
        Take out events made and heartbeats and feedback received before *before* (a full hour).

        When installations were first heard from, and in which weeks, is kept for two years more.
        """
        ...

    def check(self) -> None:
        """Return when documents can be stored, or, where a store was opened for reading only, read."""
        ...

    def close(self) -> None:
        """Let go of what is held open; may be called again."""
        ...


class CallQuestions(Protocol):
    """Questions about events."""

    def apps(self, asked: Filter) -> dict[str, int]:
        """Calls of each application, most first; the filter's own app is left aside."""
        ...

    def calls(self, asked: Filter) -> Calls:
        """Calls, errors and percentiles for each tool and route, and over all."""
        ...

    def tools(self, asked: Filter) -> list[ToolFigures]:
        """Calls, errors and percentiles of each tool over all its routes, most called first."""
        ...

    def tool_trends(self, asked: Filter, step_secs: int = DAY_SECS, most: int = TREND_TOOLS) -> list[ToolSpan]:
        """Calls of the *most* most called tools, in order of their names, by the hour, day or week, in order of time."""
        ...

    def errors_over_time(self, asked: Filter, step_secs: int = DAY_SECS) -> list[ErrorSpan]:
        """Errors by type of each hour, day or week that has any, in order of time, then of name."""
        ...

    def calls_over_time(self, asked: Filter, step_secs: int = DAY_SECS) -> list[CallSpan]:
        """Calls of each hour, day or week that has any, in order of time; *step_secs* is the length of one."""
        ...

    def clients(self, asked: Filter) -> list[ClientCalls]:
        """Calls from each client, most first."""
        ...

    def calls_by_version(self, asked: Filter) -> list[VersionCalls]:
        """Calls of each version, most first."""
        ...

    def close(self) -> None:
        """Let go of what is held open; may be called again."""
        ...


@runtime_checkable
class Questions(CallQuestions, Protocol):
    """Questions about everything a collector takes in."""

    def sessions(self, asked: Filter) -> Sessions:
        """How many processes made calls, and how many each."""
        ...

    def installations(self, asked: Filter) -> Installations:
        """Active, new and returning installations."""
        ...

    def installations_over_time(self, asked: Filter, step_secs: int = WEEK_SECS) -> list[InstallationSpan]:
        """Installations of each day or week that has any, in order of time."""
        ...

    def installations_by(self, facet: Facet, asked: Filter) -> list[Share]:
        """Installations by what the latest heartbeat in the period says, most first."""
        ...

    def counts(self, counted: Counted, asked: Filter) -> list[NamedCount]:
        """What heartbeats counted, by name: largest count first."""
        ...

    def own_tools(self, asked: Filter) -> list[OwnTool]:
        """The application's own tools, used by most installations first."""
        ...

    def versions(self, asked: Filter) -> list[VersionUse]:
        """Installations by version, most first."""
        ...

    def versions_over_time(self, asked: Filter, step_secs: int = WEEK_SECS) -> list[VersionSpan]:
        """Installations by version of each day or week that has any, in order of time, then of name."""
        ...

    def version_changes(self, asked: Filter) -> list[VersionChange]:
        """Changes of version in both directions, most installations first."""
        ...

    def funnel(self, asked: Filter) -> Funnel:
        """How far the installations of the period have come."""
        ...

    def retention(self, asked: Filter, weeks: int = 12) -> list[Cohort]:
        """Weekly cohorts, oldest first, with at most *weeks* weeks after the first."""
        ...

    def feedback(self, asked: Filter) -> list[FeedbackCount]:
        """Feedback by category, in order of name."""
        ...

    def inbox(self, asked: Filter, *, most: int = ROWS_MAX, is_unread_only: bool = False) -> list[FeedbackEntry]:
        """Return feedback, newest first, at most *most*."""
        ...

    def health(self, asked: Filter) -> Health:
        """What came last, and what became of what came in the period."""
        ...

    def heartbeats(self) -> Iterator[dict[str, Any]]:
        """Every stored heartbeat, in the order in which they came, read in slices."""
        ...


class Store(Intake, Questions, Protocol):
    """What the collector is built on: both halves."""


@runtime_checkable
class Looks(Protocol):
    """What a store has that answers questions faster when it knows that they belong together."""

    def look(self) -> AbstractContextManager[Questions]:
        """Have questions for one thread that belong together: what several of them need may be gathered once."""
        ...


def look_at(store: CallQuestions) -> AbstractContextManager[CallQuestions]:
    """Return the questions of one look at *store*, to be asked until the block is over; of one that knows no looks, its own."""
    return store.look() if isinstance(store, Looks) else nullcontext(store)
