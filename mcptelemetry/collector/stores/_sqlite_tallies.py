"""What became of documents, counted by the hour in which they were received."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from ._answers import Stored
from ._fates import DUPLICATE, STORED
from ._filter import HOUR_SECS

__all__ = ["Tallies"]

_ADD = """
INSERT INTO tallies (hour, app, stream, fate, documents, last_at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (hour, app, stream, fate)
DO UPDATE SET documents = documents + excluded.documents, last_at = max(last_at, excluded.last_at)
"""


class Tallies:
    """Gathers counts inside a transaction; `finish()` writes them, before the commit."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._counts: dict[tuple[int, str, str, str], tuple[int, int]] = {}

    def add(self, app: str, stream: str, stored: Stored, received_at: int) -> None:
        """Count documents of *app* that were taken in."""
        self.count(app, stream, [(STORED, stored.stored), (DUPLICATE, stored.duplicates)], received_at)

    def count(self, app: str, stream: str, fates: Iterable[tuple[str, int]], received_at: int) -> None:
        """Count documents of *stream* by what became of them."""
        for fate, documents in fates:
            if documents:
                key = (received_at // HOUR_SECS, app, stream, fate)
                counted, last_at = self._counts.get(key, (0, received_at))
                self._counts[key] = (counted + documents, max(last_at, received_at))

    def finish(self) -> None:
        """Write what was counted."""
        self._connection.executemany(_ADD, [(*key, *counted) for key, counted in self._counts.items()])
        self._counts.clear()
