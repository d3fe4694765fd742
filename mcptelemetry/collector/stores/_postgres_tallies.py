"""Sums that are kept beside what they are of: written last in a transaction, in the order of their key, held shortly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ._answers import Stored
from ._fates import DUPLICATE, STORED
from ._filter import HOUR_SECS
from ._postgres_server import Session, columns_of

__all__ = ["Tallies", "add_calls"]

_ADD = """
INSERT INTO tallies (hour, app, stream, fate, documents, last_at)
SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[]) AS t (hour, app, stream, fate, documents, last_at)
ORDER BY hour, app COLLATE "C", stream COLLATE "C", fate COLLATE "C"
ON CONFLICT (hour, app, stream, fate) DO UPDATE SET
    documents = tallies.documents + excluded.documents, last_at = greatest(tallies.last_at, excluded.last_at)
"""
_ADD_CALLS = """
INSERT INTO calls_by_day (day, shape, calls)
SELECT * FROM unnest(%s::bigint[], %s::integer[], %s::bigint[]) AS c (day, shape, calls) ORDER BY shape, day
ON CONFLICT (shape, day) DO UPDATE SET calls = calls_by_day.calls + excluded.calls
"""


class Tallies:
    """Gathers what became of documents inside a transaction; `finish()` writes it, before the commit."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._documents: Counter[tuple[int, str, str, str]] = Counter()
        self._last_at: dict[tuple[int, str, str, str], int] = {}

    def add(self, app: str, stream: str, stored: Stored, received_at: int) -> None:
        """Count documents of *app* that were taken in."""
        self.count(app, stream, ((STORED, stored.stored), (DUPLICATE, stored.duplicates)), received_at)

    def count(self, app: str, stream: str, fates: Iterable[tuple[str, int]], received_at: int) -> None:
        """Count documents of *stream* by what became of them."""
        for fate, documents in fates:
            if documents:
                key = (received_at // HOUR_SECS, app, stream, fate)
                self._documents[key] += documents
                self._last_at[key] = max(received_at, self._last_at.get(key, received_at))

    def finish(self) -> None:
        """Write what was counted."""
        rows = [(*key, documents, self._last_at[key]) for key, documents in self._documents.items()]
        if rows:
            self._session.run(_ADD, columns_of(rows))


def add_calls(session: Session, calls: Counter[tuple[int, int]]) -> None:
    """Add to the calls of each day and shape."""
    if calls:
        rows = [(*key, count) for key, count in calls.items()]
        session.run(_ADD_CALLS, columns_of(rows))
