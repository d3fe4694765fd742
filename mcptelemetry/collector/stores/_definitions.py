"""
What every question means, one sentence each: shown beside the number wherever it stands.

Whoever writes a store answers these sentences, not another store's code.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...vocabulary import UNKNOWN_TOOL

__all__ = ["DEFINITIONS", "count_given_up"]

DEFINITIONS: Mapping[str, str] = {
    "apps": "Calls made in the period, by application; an event that named none counts as unknown.",
    "calls": (
        "Tool invocations whose timestamp lies in the period, by tool and routing decision; an error is one whose "
        "status is error, and a percentile is the smallest latency that so many percent of the calls did not exceed."
    ),
    "tools": (
        "Tool invocations whose timestamp lies in the period, by tool, over all its routes; errors and percentiles are "
        "those of all its calls."
    ),
    "tool_trends": "Calls and errors of the tools that were called most in the period, by when the call was made, in UTC.",
    "errors_over_time": "Failed calls by error type and by the day, in UTC, on which the call was made; one without a type counts as unknown.",
    "calls_over_time": "Calls and errors by the day, in UTC, on which the call was made.",
    UNKNOWN_TOOL: "Calls of tools that no list had announced and no server answered, by client.",
    "clients": "Calls by the MCP client that made them; a call without a client's name counts as unknown.",
    "calls_by_version": "Calls by the application's version, with the day, in UTC, of its first call in the period.",
    "sessions": (
        "Processes that made at least one call in the period, told by the first half of an event's id (20 hex "
        "digits, then a number); events with ids of another make, or without, belong to no session."
    ),
    "installations": (
        "Installations that sent a heartbeat in the period; new ones had never sent one before it, returning ones had."
    ),
    "installations_over_time": "Installations that sent a heartbeat in the week, from Monday in UTC; new in the week of their first ever.",
    "people": (
        "Active installations by what their latest heartbeat in the period says of where they run, whatever env kind "
        "is asked for: people are interactive and cloud_ide, automation is ci, container and headless."
    ),
    "installations_by": "Active installations by what the latest heartbeat of each in the period says.",
    "clients_seen": "Installations whose heartbeats in the period name the client among those that ever connected.",
    "surfaces": "Requests that heartbeats of the period counted, each at most a billion, by where they came from.",
    "error_categories": "Errors that heartbeats of the period counted, by closed category.",
    "own_tools": (
        "Calls of the application's own tools that heartbeats of the period counted, by how many installations made "
        "them; failures and durations, in five steps, are counted beside the calls."
    ),
    "versions": "Active installations by the version of their latest heartbeat in the period; first heard of at any time.",
    "versions_over_time": (
        "Installations that sent a heartbeat in the week, from Monday in UTC, by the version of the latest of each in it."
    ),
    "upgrades": "Installations with a heartbeat in the period whose previous version was a lower one.",
    "funnel": (
        "Active installations that had reached the step by any heartbeat of the period; still active after four weeks "
        "are those last heard from at least 28 days after the first time."
    ),
    "retention": (
        "Installations by the week, from Monday in UTC, of their first heartbeat ever, if that week lies in the period, "
        "and how many of them sent one in each week since; version and env kind are those of the first heartbeat."
    ),
    "feedback": "What people typed and sent in the period.",
    "health": (
        "Documents received in the period, by the collector's clock, whatever version, client or env kind is asked "
        "for; a duplicate was stored before; given up are heartbeats that were refused for what they are, while "
        "those that came too fast or too slowly, or while the store could not take them, are sent again."
    ),
}
"""Question of the report to the sentence that defines its numbers."""

# Reasons to refuse that say nothing of the document: 408, 429 and 503, after which it is sent again.
_SENT_AGAIN = frozenset(("busy", "rate", "slow", "store"))


def count_given_up(refused: Mapping[str, int]) -> int:
    """Return how many heartbeats of *refused* (``stream: reason`` to a count) no sender sends again."""
    parts = ((*name.partition(": ")[::2], count) for name, count in refused.items())
    return sum(count for stream, reason, count in parts if stream == "heartbeats" and reason not in _SENT_AGAIN)
