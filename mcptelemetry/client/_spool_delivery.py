"""What an application does with its spool itself: a flusher for scripts, without a thread of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._spool import open_spool

if TYPE_CHECKING:
    from ..events import SpoolDelivery
    from ..installation import Installation
    from ._events_stream import EventsStream

__all__ = ["Spooled"]


class Spooled:
    """The half of `Streams` that is about the spool."""

    _installation: Installation
    _events: EventsStream

    def deliver(self, timeout: float | None = None) -> SpoolDelivery:
        """
        Send what the spool holds, now and in the caller's thread; return what came of it.

        For scripts and cron: nothing need be started, and no thread is. Each event is tried once; what
        stays, and why, is in the answer. Takes about *timeout* seconds, None: as long as it takes. Obeys
        the switches as everything does, and raises nothing.
        """
        from ..events import SpoolDelivery  # only who has a spool pays for it

        spool = open_spool(self._installation)
        return SpoolDelivery(0, 0, None) if spool is None else self._events.deliver(spool, timeout)
