"""
The questions that one sqlite file answers, each part in a module of its own.

This is where a method becomes a look at the file; what is asked in it stands beside.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from . import _sqlite_calls as of_calls
from . import _sqlite_feedback as of_feedback
from . import _sqlite_installations as of_installations
from . import _sqlite_sums as of_sums
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
    Sessions,
    Share,
    ToolFigures,
    ToolSpan,
    VersionCalls,
    VersionChange,
    VersionSpan,
    VersionUse,
)
from ._blocks import latency_kind, packed_session_kind
from ._errors import StoreError
from ._filter import DAY_SECS, ROWS_MAX, TREND_TOOLS, WEEK_SECS, Filter
from ._port import Counted, Facet, Questions
from ._sqlite_blocks import sum_up
from ._sqlite_documents import read_heartbeats
from ._sqlite_file import SqliteFile
from ._sqlite_labels import sum_up_labels
from ._sqlite_looks import Look

__all__ = ["SqliteQuestions"]


class SqliteQuestions:
    """
    Questions about *file*, each a look of its own, unless they are those of `look()`.

    Of one look they are asked by one thread at a time.
    """

    def __init__(self, file: SqliteFile) -> None:
        self._file = file
        self._look: Look | None = None

    def apps(self, asked: Filter) -> dict[str, int]:
        """Calls of each application, most first; the filter's own app is left aside."""
        with self._asking(is_at_once=True) as look:
            return of_sums.apps(look, asked)

    def calls(self, asked: Filter) -> Calls:
        """Calls, errors and percentiles for each tool and route, and over all."""
        with self._asking() as look:
            self._sum_up(sum_up, look, asked, latency_kind(asked))
            return of_calls.calls(look, asked)

    def tools(self, asked: Filter) -> list[ToolFigures]:
        """Calls, errors and percentiles of each tool over all its routes, most called first."""
        with self._asking() as look:
            self._sum_up(sum_up, look, asked, latency_kind(asked))
            return of_calls.tools(look, asked)

    def tool_trends(self, asked: Filter, step_secs: int = DAY_SECS, most: int = TREND_TOOLS) -> list[ToolSpan]:
        """Calls of the *most* most called tools, in order of their names, by the hour, day or week, in order of time."""
        with self._asking(is_at_once=True) as look:
            return of_sums.tool_trends(look, asked, step_secs, most)

    def errors_over_time(self, asked: Filter, step_secs: int = DAY_SECS) -> list[ErrorSpan]:
        """Errors by type of each hour, day or week that has any, in order of time, then of name."""
        with self._asking(is_at_once=True) as look:
            return of_sums.errors_over_time(look, asked, step_secs)

    def calls_over_time(self, asked: Filter, step_secs: int = DAY_SECS) -> list[CallSpan]:
        """Calls of each hour, day or week that has any, in order of time."""
        with self._asking(is_at_once=True) as look:
            return of_sums.calls_over_time(look, asked, step_secs)

    def clients(self, asked: Filter) -> list[ClientCalls]:
        """Calls from each client, most first."""
        with self._asking(is_at_once=True) as look:
            return of_sums.clients(look, asked)

    def calls_by_version(self, asked: Filter) -> list[VersionCalls]:
        """Calls of each version, most first."""
        with self._asking(is_at_once=True) as look:
            return of_sums.calls_by_version(look, asked)

    def sessions(self, asked: Filter) -> Sessions:
        """How many processes made calls, and how many each."""
        with self._asking() as look:
            self._sum_up(sum_up, look, asked, packed_session_kind(asked))
            return of_calls.sessions(look, asked)

    def installations(self, asked: Filter) -> Installations:
        """Active, new and returning installations."""
        with self._asking(is_at_once=True) as look:
            return of_installations.installations(look, asked)

    def installations_over_time(self, asked: Filter, step_secs: int = WEEK_SECS) -> list[InstallationSpan]:
        """Installations of each day or week that has any, in order of time."""
        with self._asking(is_at_once=True) as look:
            return of_installations.installations_over_time(look, asked, step_secs)

    def installations_by(self, facet: Facet, asked: Filter) -> list[Share]:
        """Installations by what the latest heartbeat in the period says, most first."""
        with self._asking(is_at_once=True) as look:
            return of_installations.installations_by(look, facet, asked)

    def counts(self, counted: Counted, asked: Filter) -> list[NamedCount]:
        """What heartbeats counted, by name: largest count first."""
        with self._asking() as look:
            self._sum_up(sum_up_labels, look, asked)
            return of_installations.counts(look, counted, asked)

    def own_tools(self, asked: Filter) -> list[OwnTool]:
        """The application's own tools, used by most installations first."""
        with self._asking() as look:
            self._sum_up(sum_up_labels, look, asked)
            return of_installations.own_tools(look, asked)

    def versions(self, asked: Filter) -> list[VersionUse]:
        """Installations by version, most first."""
        with self._asking(is_at_once=True) as look:
            return of_installations.versions(look, asked)

    def versions_over_time(self, asked: Filter, step_secs: int = WEEK_SECS) -> list[VersionSpan]:
        """Installations by version of each day or week that has any, in order of time, then of name."""
        with self._asking(is_at_once=True) as look:
            return of_installations.versions_over_time(look, asked, step_secs)

    def version_changes(self, asked: Filter) -> list[VersionChange]:
        """Changes of version in both directions, most installations first."""
        with self._asking(is_at_once=True) as look:
            return of_installations.version_changes(look, asked)

    def funnel(self, asked: Filter) -> Funnel:
        """How far the installations of the period have come."""
        with self._asking() as look:
            self._sum_up(sum_up_labels, look, asked)
            return of_installations.funnel(look, asked)

    def retention(self, asked: Filter, weeks: int = 12) -> list[Cohort]:
        """Weekly cohorts, oldest first, with at most *weeks* weeks after the first."""
        with self._asking(is_at_once=True) as look:
            return of_installations.retention(look, asked, weeks)

    def feedback(self, asked: Filter) -> list[FeedbackCount]:
        """Feedback by category, in order of name."""
        with self._asking(is_at_once=True) as look:
            return of_feedback.count_feedback(look.connection, asked)

    def inbox(self, asked: Filter, *, most: int = ROWS_MAX, is_unread_only: bool = False) -> list[FeedbackEntry]:
        """Return feedback, newest first, at most *most*."""
        with self._asking(is_at_once=True) as look:
            return of_feedback.inbox(look.connection, asked, most, is_unread_only=is_unread_only)

    def health(self, asked: Filter) -> Health:
        """What came last, and what became of what came in the period."""
        with self._asking(is_at_once=True) as look:
            return of_feedback.health(look.connection, asked)

    def heartbeats(self) -> Iterator[dict[str, Any]]:
        """Every stored heartbeat, in the order in which they came, read in slices."""
        with self._file.reading() as connection:
            for text in read_heartbeats(connection):
                yield json.loads(text)

    @contextmanager
    def look(self) -> Iterator[Questions]:
        """Have questions for one thread that belong together: what several of them need is gathered once."""
        look = Look(self._file)
        questions = copy.copy(self)  # so that a subclass answers with its own
        questions._look = look
        try:
            yield questions
        finally:
            look.close()

    def close(self) -> None:
        """Let go of the file; it may be used again."""
        if self._look is None:
            self._file.close()
        else:
            self._look.close()

    @contextmanager
    def _asking(self, *, is_at_once: bool = False) -> Iterator[Look]:
        look = self._look or Look(self._file)
        try:
            with look.asking(is_at_once=is_at_once):
                yield look
        finally:
            if self._look is None:
                look.close()

    def _sum_up(self, make: Callable[..., None], look: Look, *given: object) -> None:
        """Make the sums that the next question can use; where the file cannot be written, it goes without."""
        if not self._file.is_read_only:
            with suppress(StoreError):
                make(look, self._file.writing, *given)
