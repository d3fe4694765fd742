"""
What became of every event: the numbers that always add up.

Each number is either counted in the very step that moves the events, or follows from the
others. Nothing is added up twice, so nothing can disagree.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..system import AtomicCounter
from ._buffer import TelemetryBuffer

__all__ = ["Account", "PipelineStats"]


@dataclass(frozen=True)
class PipelineStats:
    """
    One consistent picture of every event recorded in this process.

    Always recorded = delivered + dropped + rejected + spooled + buffered + in_flight.
    *spooled* were handed to the spool, which has its own account. *requeued* counts how often events went back, *invalid* the records that made no event;
    *last_error* is one line or None, *last_success_at* Unix seconds or None.
    """

    recorded: int
    delivered: int
    dropped: int
    rejected: int
    spooled: int
    buffered: int
    in_flight: int
    requeued: int
    invalid: int
    last_error: str | None
    last_success_at: float | None


class Account:
    """The account of the events in *buffer*; written by one thread at a time, and looked at by any."""

    def __init__(self, buffer: TelemetryBuffer) -> None:
        # No lock: the host's thread looks, and an exception of a signal handler could leave it held.
        self._buffer = buffer
        self._delivered = AtomicCounter()
        self._rejected = AtomicCounter()
        self._spooled = AtomicCounter()
        self._requeued = 0
        self._last_error: str | None = None
        self._last_success_at: float | None = None

    @property
    def is_lasting(self) -> bool:
        """Whether what goes back outlives this process: it does not."""
        return False

    @property
    def delivered(self) -> int:
        """How many events were delivered so far."""
        return self._delivered.value

    @property
    def rejected(self) -> int:
        """How many events were given up for good so far."""
        return self._rejected.value

    def deliver(self, count: int, *, at: float, doubt: str | None = None) -> None:
        """Settle the first *count* checked out events as delivered *at* (Unix seconds), *doubt* says to what."""
        self._last_error = doubt or self._last_error
        self._buffer.acknowledge(count, self._delivered)
        self._last_success_at = at

    def spool(self, count: int) -> None:
        """Settle the first *count* checked out events as handed to the spool, which accounts for them from now on."""
        self._buffer.acknowledge(count, self._spooled)

    def reject(self, count: int, error: str) -> None:
        """Settle the first *count* checked out events as given up for good."""
        self._buffer.acknowledge(count, self._rejected)
        self._last_error = error

    def requeue(self, error: str | None = None) -> None:
        """Put what is checked out back, in order."""
        if self._buffer.requeue():
            self._requeued += 1
        self._last_error = error or self._last_error

    def drop_all(self, error: str) -> None:
        """Drop what is checked out and what waits."""
        self._buffer.requeue()
        self._buffer.discard()
        self._last_error = error

    def stats(self) -> PipelineStats:
        """Return one consistent picture."""
        counts, (delivered, rejected, spooled) = self._buffer.picture(self._delivered, self._rejected, self._spooled)
        return PipelineStats(
            recorded=counts.recorded,
            delivered=delivered,
            dropped=counts.recorded - delivered - rejected - spooled - counts.waiting - counts.checked_out,
            rejected=rejected,
            spooled=spooled,
            buffered=counts.waiting,
            in_flight=counts.checked_out,
            requeued=self._requeued,
            invalid=self._buffer.invalid,
            last_error=self._last_error,
            last_success_at=self._last_success_at,
        )
