"""
The bodies of what leaves a spool.

What this process put is known to the letter, and is sent as it was kept; what another put was read, and is
written anew from what was understood of it.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..wire import EventRow
from ._format import BodyWriter
from ._spool_queue import SpoolQueue

__all__ = ["KeptWriter"]


class KeptWriter(BodyWriter):
    """Writes what is checked out of *queue* as *writer* does, with the version of the application that recorded it."""

    def __init__(self, writer: BodyWriter, queue: SpoolQueue) -> None:
        super().__init__(
            writer.format, app=writer.app, version=None, network_transport=writer.network_transport, tells_parents=False
        )
        self._queue = queue

    def write(self, rows: Iterable[EventRow], process: str) -> bytes:
        """Return the body that carries *rows*."""
        self.version = self._queue.version
        rows = list(rows)
        texts = self._queue.texts_of(rows) if self.format.is_plain else None
        if texts is None:
            return super().write(rows, process)
        return self.format.wrap(texts, app=self.app, version=self.version)
