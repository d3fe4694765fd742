"""
The journal of an installation: what became of what was sent, so that any process can say it.

Kept only where something may be stored at all: after a no, and in a process that the
environment refuses, nothing is written and what was to be written is dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..state import DeliveryNews, DeliveryTotals, SentDocument, SentStreamWord, add_delivery, read_deliveries
from ..system import StorageFailure, url_without_secrets

if TYPE_CHECKING:
    import sqlite3

    from ..state import FateWord
    from ._installation import Installation

__all__ = ["Journal", "read_journal"]


class Journal:
    """
    What became of the documents of *stream* that *installation* sends to *url*.

    Making one touches no file. Safe from any thread and across forks; what the disk does is no
    error of the sender's.
    """

    def __init__(self, installation: Installation, stream: SentStreamWord, url: str) -> None:
        self._installation = installation
        self.stream: SentStreamWord = stream
        self.endpoint: str = url_without_secrets(url)

    def prepare(self) -> None:
        """Load what storing needs, in the host's thread: what is imported in a worker may be forked over."""
        if self._may_remember():
            self._installation.open_memory()

    def now(self) -> float:
        """Return Unix seconds."""
        return self._installation.clock.time()

    def document(self, body: bytes, status: int | None, fate: FateWord) -> SentDocument:
        """Return *body* as it is kept, answered now with *status*, None: with nothing."""
        text = body.decode("utf-8", "replace")
        return SentDocument(self.now(), status or 0, text, self.stream, self.endpoint, fate)

    def add(self, news: DeliveryNews, *, busy_secs: float | None = None) -> bool:
        """Store *news* where something may be stored; return False when it has to be tried again."""
        if not self._may_remember():
            return True
        found = self._installation.open_memory().database.change(lambda connection: self.add_in(connection, news), busy_secs=busy_secs)
        return not isinstance(found, StorageFailure)

    def _may_remember(self) -> bool:
        try:
            return self._installation.switches.may_remember()
        except Exception:  # noqa: BLE001  in doubt nothing is stored, whatever the doubt
            return False

    def add_in(self, connection: sqlite3.Connection, news: DeliveryNews) -> None:
        """Store *news* inside a transaction that is under way."""
        add_delivery(connection, news, self.now())


def read_journal(installation: Installation) -> list[DeliveryTotals] | StorageFailure:
    """Return what all processes of *installation* sent, by stream and endpoint; the one that was last used last."""
    found = installation.open_memory().database.read(read_deliveries)
    return [] if found is None else found
