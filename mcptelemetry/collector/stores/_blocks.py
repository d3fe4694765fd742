"""
Time in blocks of four days, whose sums are made when somebody first looks at them.

A block's sums are good for as long as they are of as many documents as the block now has: what
comes late makes the two differ, and whoever takes old documents out takes the block out too. So
nobody who sends pays for them. What no good block covers is walked, document by document.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ...vocabulary import COUNT_MAX
from ._filter import DAY_SECS, Filter

__all__ = [
    "BLOCK_DAYS",
    "BLOCK_SECS",
    "BY_SENDER",
    "FOR_EVER",
    "KEYS",
    "Cover",
    "cover_period",
    "ends_of",
    "latency_kind",
    "packed_session_kind",
    "session_kind",
]

BLOCK_DAYS = 4
"""Few, so that little of a period lies outside of whole ones; and a year is not many."""
BLOCK_SECS = BLOCK_DAYS * DAY_SECS

FOR_EVER = (COUNT_MAX // DAY_SECS + 1) * DAY_SECS
"""After the greatest moment that a document can tell."""

BY_TOOL, BY_VERSION, BY_CLIENT, BY_SENDER = 0, 1, 2, 3
"""Kinds of sums: latencies by application, tool and route, then by version too, or by client; calls of a process by what sends them."""

SESSIONS, SESSIONS_BY_VERSION, SESSIONS_BY_SENDER = 4, 5, 6
"""Calls of processes, packed, so that none is told twice because it has called by another client or version."""

KEYS: Mapping[int, tuple[str, ...]] = {
    BY_TOOL: ("app", "tool", "routing_decision"),
    BY_VERSION: ("app", "tool", "routing_decision", "version"),
    BY_CLIENT: ("app", "tool", "routing_decision", "client"),
    BY_SENDER: ("app", "version", "client"),
    SESSIONS: ("app",),
    SESSIONS_BY_VERSION: ("app", "version"),
    SESSIONS_BY_SENDER: ("app", "version", "client"),
}
"""What each kind tells apart."""

# Fewer are walked sooner than their sums are read; and clocks far off cannot fill the store with blocks.
_DOCUMENTS_MIN = 100


class Cover(NamedTuple):
    """
    How a period is answered: *blocks* by their sums, *gaps* (from, up to) by walking.

    *missing* are the blocks whose sums would be worth making.
    """

    blocks: list[int]
    gaps: list[tuple[int, int]]
    missing: list[int]


def cover_period(since: int, until: int, days: Iterable[tuple[int, int]], known: Mapping[int, int]) -> Cover:
    """
    Return how the period from *since* up to *until* (Unix seconds) is answered.

    *days* are those that have documents, ascending, each with how many; *known* has the blocks
    that are summed, each with how many documents it was summed of.
    """
    counts: dict[int, int] = {}
    first, last = -(-since // BLOCK_SECS), until // BLOCK_SECS
    newest = 0
    for day, count in days:
        block, newest = day // BLOCK_DAYS, day
        if first <= block < last:
            counts[block] = counts.get(block, 0) + count
    blocks = [block for block, count in counts.items() if known.get(block) == count]
    gaps = []
    start = since
    for block in blocks:
        if start < block * BLOCK_SECS:
            gaps.append((start, block * BLOCK_SECS))
        start = (block + 1) * BLOCK_SECS
    if start < until:
        gaps.append((start, until))
    # A period ends about now, and what is whole before is over. Of one without an end the newest is left alone: it grows.
    over = last if until < FOR_EVER else newest // BLOCK_DAYS
    missing = [
        block for block, count in counts.items() if known.get(block) != count and count >= _DOCUMENTS_MIN and block < over
    ]
    return Cover(blocks, gaps, missing)


def ends_of(asked: Filter) -> tuple[int, int]:
    """Return where the period asked for begins and ends, also where it does neither."""
    since = 0 if asked.since is None else max(0, asked.since)
    return since, FOR_EVER if asked.until is None else min(max(since, asked.until), FOR_EVER)


def latency_kind(asked: Filter) -> int | None:
    """Return which sums of latencies tell apart what is asked for; None when none do."""
    if asked.version is None:
        return BY_TOOL if asked.client is None else BY_CLIENT
    return BY_VERSION if asked.client is None else None


def session_kind(asked: Filter) -> int | None:
    """Return which sums of sessions tell apart what is asked for; None when none do."""
    return BY_SENDER if asked.tool is None else None


def packed_session_kind(asked: Filter) -> int | None:
    """Return which packed sums of sessions tell apart what is asked for; None when none do."""
    if asked.tool is not None:
        return None
    if asked.client is not None:
        return SESSIONS_BY_SENDER
    return SESSIONS if asked.version is None else SESSIONS_BY_VERSION
