"""
The values that a store answers with.

An answer is plain data, ordered by number and then by name (code point by code point), so that
two stores that hold the same documents give the same answer to the byte. Moments are Unix
seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

__all__ = [
    "CallFigures",
    "CallOutcome",
    "CallSpan",
    "Calls",
    "ClientCalls",
    "Cohort",
    "ErrorSpan",
    "FeedbackCount",
    "FeedbackEntry",
    "Funnel",
    "Health",
    "InstallationSpan",
    "Installations",
    "NamedCount",
    "OwnTool",
    "Pruned",
    "ReceivedEvent",
    "Refused",
    "Sessions",
    "Share",
    "Stored",
    "ToolCalls",
    "ToolFigures",
    "ToolSpan",
    "VersionCalls",
    "VersionChange",
    "VersionSpan",
    "VersionUse",
]

class Stored(NamedTuple):
    """What became of a batch: how many documents are new, how many were here before."""

    stored: int
    duplicates: int


class Refused(NamedTuple):
    """A kind of refusal: the stream (``events``, ``heartbeats``, ``feedback``) and a short closed reason."""

    stream: str
    reason: str


class Pruned(NamedTuple):
    """How many documents were taken out."""

    events: int
    heartbeats: int
    feedback: int


class ReceivedEvent(NamedTuple):
    """An event as it was taken in: when, whose, of which version, and its fields as on the wire."""

    received_at: int
    app: Optional[str]
    version: Optional[str]
    document: dict[str, Any]


class CallOutcome(NamedTuple):
    """What tells one outcome of a call from another."""

    app: Optional[str]
    tool: str
    routing_decision: str
    status: str
    error_type: Optional[str]
    latency_ms: int


class CallFigures(NamedTuple):
    """Calls, how many failed and why (most first), and the exact nearest-rank percentiles (None without a call)."""

    calls: int
    errors: int
    error_types: dict[str, int]
    p50_ms: Optional[int]
    p95_ms: Optional[int]
    p99_ms: Optional[int]


class ToolCalls(NamedTuple):
    """The figures of one tool by one route."""

    tool: str
    routing_decision: str
    figures: CallFigures


class Calls(NamedTuple):
    """At most `ROWS_MAX` rows, most called first; *left_out* says how many more there are, *totals* are over all."""

    rows: list[ToolCalls]
    totals: CallFigures
    left_out: int


class ToolFigures(NamedTuple):
    """The figures of one tool over all its routes."""

    tool: str
    figures: CallFigures


class ToolSpan(NamedTuple):
    """Calls of one tool in the hours, day or week that begins at *start*."""

    tool: str
    start: int
    calls: int
    errors: int


class ErrorSpan(NamedTuple):
    """Failed calls of one error type in the hours, day or week that begins at *start*."""

    start: int
    error_type: str
    errors: int


class CallSpan(NamedTuple):
    """Calls of the hours, day or week (from Monday, UTC) that begins at *start*."""

    start: int
    calls: int
    errors: int


class ClientCalls(NamedTuple):
    """Calls that came from one MCP client."""

    client: str
    calls: int
    errors: int


class VersionCalls(NamedTuple):
    """Calls of one version, and the day (in UTC) on which the first of them in the period was made."""

    version: str
    first_at: int
    calls: int
    errors: int


class Sessions(NamedTuple):
    """Processes that made calls, the calls that name their process, and calls a session (nearest rank)."""

    sessions: int
    calls: int
    p50_calls: Optional[int]
    p95_calls: Optional[int]


class Installations(NamedTuple):
    """How many installations were heard from, and of those, how many for the first time ever and how many again."""

    active: int
    new: int
    returning: int


class InstallationSpan(NamedTuple):
    """Installations heard from in the day or week (from Monday, UTC) that begins at *start*."""

    start: int
    active: int
    new: int


class Share(NamedTuple):
    """How many installations stand under *name*."""

    name: str
    installations: int


class NamedCount(NamedTuple):
    """What heartbeats counted under *name*, and from how many installations."""

    name: str
    installations: int
    total: int


class OwnTool(NamedTuple):
    """One of the application's own tools; *durations* has the five steps that came, by name."""

    tool: str
    installations: int
    calls: int
    errors: int
    durations: dict[str, int]


class VersionUse(NamedTuple):
    """Installations whose latest heartbeat in the period was of *version*, and when that was first heard of, ever."""

    version: str
    installations: int
    first_at: int


class VersionSpan(NamedTuple):
    """Installations whose latest heartbeat in the day or week that begins at *start* was of *version*."""

    start: int
    version: str
    installations: int


class VersionChange(NamedTuple):
    """Installations that said they were *previous* before they were *version*."""

    previous: str
    version: str
    installations: int


class Funnel(NamedTuple):
    """Installations in all, and how many reached each step: the first three, the milestones, the four weeks."""

    installed: int
    steps: list[Share]


class Cohort(NamedTuple):
    """Installations first heard from in the week that begins at *start*; *active* of them in it and in each week since."""

    start: int
    active: list[int]


class FeedbackCount(NamedTuple):
    """How much feedback of a category came, and how much of it nobody has read."""

    category: str
    messages: int
    unread: int


class FeedbackEntry(NamedTuple):
    """What one person typed; *number* is for `mark_read`."""

    number: int
    app: Optional[str]
    received_at: int
    category: str
    message: str
    email: Optional[str]
    context: Mapping[str, Any]
    is_read: bool


class Health(NamedTuple):
    """
    How whole the data is: last receipts ever, and what happened to documents received in the period.

    *refused* has a count for each ``stream: reason``; *given_up* are the heartbeats among them
    that a sender does not send again.
    """

    last_event_at: Optional[int]
    last_heartbeat_at: Optional[int]
    last_feedback_at: Optional[int]
    events: int
    heartbeats: int
    feedback: int
    duplicates: int
    refused: dict[str, int]
    given_up: int
