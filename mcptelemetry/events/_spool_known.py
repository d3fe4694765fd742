"""
The rows of chunks: of those that are claimed, and of those that this very process put.

What is known of them need not be read again, as long as the file says the same, letter by letter: it
is there for others to change.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..wire import EventRow
from ._spool_rows import ClaimedChunk

__all__ = ["HeldChunk", "KnownRows"]

_EVENTS_MAX = 10_000  # as many as a queue in memory holds; the others are read


class HeldChunk:
    """
    A claimed chunk: its rows, how many of them are settled, and how many are checked out after those.

    *texts* are what its rows are as JSON, None when that is to be written anew.
    """

    def __init__(self, chunk: ClaimedChunk, rows: Sequence[EventRow], texts: Sequence[str] | None = None) -> None:
        self.of = (chunk.generation, chunk.version)
        self.id = chunk.id
        self.rows = rows
        self.texts = texts
        self.settled = self.out = 0
        self.delivered = 0
        self.rejected = chunk.events - len(rows)  # somebody had a hand in them

    @property
    def free(self) -> int:
        """How many rows are neither settled nor checked out."""
        return len(self.rows) - self.settled - self.out


class KnownRows:
    """
    What one process knows of chunks of at most *chunk_max* events.

    Added by one thread and taken by another: each step is one that no other thread comes into.
    """

    def __init__(self, chunk_max: int) -> None:
        self._chunks_max = max(1, _EVENTS_MAX // chunk_max)
        self._rows: dict[int, tuple[str, Sequence[EventRow]]] = {}

    def clear(self) -> None:
        """Forget everything: what a parent put is read by its child."""
        self._rows = {}

    def add(self, chunks: Sequence[ClaimedChunk], rows: Sequence[EventRow]) -> None:
        """Know that the last of *rows* went into *chunks*."""
        at = len(rows) - sum(chunk.events for chunk in chunks)
        for chunk in chunks:
            if len(self._rows) >= self._chunks_max:
                self._rows.clear()  # they wait for an endpoint, and memory is not what they wait in
            self._rows[chunk.id] = (chunk.body, rows[at : at + chunk.events])
            at += chunk.events

    def take(self, chunk: ClaimedChunk) -> Sequence[EventRow] | None:
        """Return the rows of *chunk* and forget them; None when they are not known, or it is not what was put."""
        body, rows = self._rows.pop(chunk.id, ("", ()))
        return rows if rows and body == chunk.body else None
