"""
The loop of events that go by way of a spool.

What was recorded is kept by the keeper, and sent from the file; from memory only while the
file cannot be used. When something is sent is decided as without a spool.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from time import monotonic as read_monotonic
from typing import Any

from ..application import Application
from ..privacy import NameJudge, Refusal, SendResult
from ..system import Clock, WakeEvent
from ..vocabulary import SPOOL_FILE
from ._account import PipelineStats
from ._buffer import TelemetryBuffer
from ._config import PipelineConfig
from ._delivery import Delivery
from ._format import BodyWriter
from ._loop import EventsLoop
from ._outcomes import AnsweredBatch
from ._spool_done import TELL_WITHIN_SECS
from ._spool_keeper import SpoolKeeper
from ._spool_queue import SpoolQueue
from ._spool_terms import Spooling, SpoolPlace, StandingTerms, build_spooling
from ._spool_writer import KeptWriter
from ._uploader import TelemetryUploader

__all__ = ["SpoolLoop", "prepare_spool_loop"]

_LOOK_INTERVAL_SECS = 30.0  # what other processes left
_MEMORY_WAIT_SECS = 0.5


class SpoolLoop(EventsLoop):
    """
    An `EventsLoop` that keeps what *buffer* holds in the spool that *spooling* says, and sends from there.

    *judge* is asked about names before they are kept; *others* are the arguments of `EventsLoop`.
    """

    def __init__(
        self, buffer: TelemetryBuffer, config: PipelineConfig, *, spooling: Spooling, judge: NameJudge, **others: Any
    ) -> None:
        self._spooling = spooling
        self.queue: SpoolQueue = SpoolQueue(spooling)
        """What waits in the file."""
        self.keeper: SpoolKeeper = SpoolKeeper(buffer, spooling, judge, self._note_kept, self.queue)
        """What brings events there."""
        self._spool_delivery: Delivery | None = None
        self._spool_uploader: TelemetryUploader | None = None
        super().__init__(buffer, config, **others)

    def begin(self) -> None:
        """Begin anew in a forked child, as the buffer has by now."""
        self._wake_event = WakeEvent()
        self._looked_at: float | None = None
        self.queue.begin()
        super().begin()
        self.keeper.account = self.account
        if self._spool_uploader is not None and self._writer is not None:
            self._spool_uploader.after_fork()
            self._build_spool_delivery(self._spool_uploader, self._writer)

    def prepare(
        self, build_uploader: Callable[[Callable[[], Refusal]], TelemetryUploader], writer: BodyWriter
    ) -> None:
        """Have what is kept sent with an uploader of its own, which asks the queue before it sends."""
        self._spool_uploader = build_uploader(self.queue.refusal)
        self._writer = writer
        self._build_spool_delivery(self._spool_uploader, writer)

    def _build_delivery(self, uploader: TelemetryUploader, writer: BodyWriter) -> None:
        super()._build_delivery(uploader, writer)
        if self._spool_delivery is not None:
            self._spool_delivery.meter = self._meter

    def _build_spool_delivery(self, uploader: TelemetryUploader, writer: BodyWriter) -> None:
        self._spool_delivery = Delivery(
            self.queue,
            uploader=uploader,
            account=self.queue,
            schedule=self._schedule,
            outages=self._outages,
            writer=KeptWriter(writer, self.queue),
            clock=self._clock,
            secs_left=self._secs_left,
        )
        self._spool_delivery.meter = self._meter

    # -- numbers ----------------------------------------------------------------------

    @property
    def delivered(self) -> int:
        """How many events this process delivered, from memory and from the spool."""
        return self.account.delivered + self.queue.delivered

    @property
    def rejected(self) -> int:
        """How many events this process gave up for good, from memory and from the spool."""
        return self.account.rejected + self.queue.rejected

    def stats(self) -> PipelineStats:
        """Return one consistent picture of what was recorded here; what was spooled has its own account."""
        stats, queue = self.account.stats(), self.queue
        success_at = max(stats.last_success_at or 0.0, queue.last_success_at or 0.0)
        return replace(
            stats, last_success_at=success_at or None, last_error=queue.last_error or stats.last_error
        )

    def doings(self) -> PipelineStats:
        """Return what this process did, with what it did for the spool."""
        stats, queue = self.stats(), self.queue
        return replace(
            stats,
            delivered=stats.delivered + queue.delivered,
            rejected=stats.rejected + queue.rejected,
            dropped=stats.dropped + queue.dropped + self.keeper.dropped,
        )

    def waiting(self) -> int:
        """Return how many events wait to be sent by this process."""
        return len(self.queue) + (len(self._buffer) if self.keeper.failure is not None else 0)

    def storage_trouble(self) -> str | None:
        """Return why events are not kept on the disk now, None when they are."""
        failure = self.keeper.failure or self.queue.failure
        return None if failure is None else failure.text

    # -- a turn -----------------------------------------------------------------------

    def _collect(self, *, is_asked: bool) -> None:
        if is_asked and not self._buffer.is_empty():
            self.keeper.keep()
        now = self._clock.monotonic()
        self.queue.puts_off = not is_asked and self._writer is not None and self._writer.format.stores_once
        if is_asked or self.queue.done.is_due(now):
            self.queue.tell_done()
        if is_asked or self._looked_at is None or now - self._looked_at >= _LOOK_INTERVAL_SECS:
            self._looked_at = now
            if self._spooling.spool.exists:
                self.queue.look()
        if self.keeper.refusal is not None:
            self._outages.tell("refused", f"what was recorded is dropped, {self.keeper.refusal}")
        trouble = self.storage_trouble()
        if trouble is not None:
            self._outages.tell("spool", f"events wait in memory, because they cannot be kept: {trouble}")

    def _send_all(self, delivery: Delivery) -> SendResult | None:
        outcome: SendResult | None = None
        if self._spool_delivery is not None and len(self.queue):
            outcome = self._spool_delivery.send_waiting()
            self.queue.end_pass(outcome)
        if outcome is None and self.keeper.failure is not None and not self._buffer.is_empty():
            outcome = self._send_from_memory(delivery)
        return outcome

    def _send_from_memory(self, delivery: Delivery) -> SendResult | None:
        turn = self.keeper.turns.take(_MEMORY_WAIT_SECS)
        if turn is None:
            return None
        try:
            self.account.requeue()
            return delivery.send_waiting()
        finally:
            self.keeper.turns.give_back(turn)

    def _close_connections(self) -> None:
        super()._close_connections()
        if self._spool_uploader is not None:
            self._spool_uploader.close()

    def _take_answered(self) -> AnsweredBatch | None:
        of_spool = None if self._spool_delivery is None else self._spool_delivery.take_answered()
        return of_spool or super()._take_answered()

    def _note_kept(self) -> None:
        """Know that the keeper was at it: it may be time to send."""
        if self.keeper.failure is None:
            self.queue.note_waiting(self.keeper.waiting)
        self.life.summon()
        if self.waiting() >= self._config.batch_size or self.keeper.refusal is not None or self.keeper.failure is not None:
            self.wake()

    # -- its life: see `Loop` ---------------------------------------------------------

    def attend(self) -> None:
        """Have the keeper summoned by the next record, and be summoned by it, or now by what is left."""
        self.life.start()
        self.keeper.start()  # later than the other: at the end it comes first
        if self._spooling.spool.exists:
            self.life.summon()

    def end(self, timeout: float) -> None:
        """Keep what waits, then send what time is left for."""
        ends_at = read_monotonic() + timeout
        self.keeper.life.end(timeout)
        self.life.end(max(0.0, ends_at - read_monotonic()))

    def arrive(self) -> None:
        """Do nothing: it is the keeper who attends the buffer."""

    def rest(self, secs: float) -> None:
        """Wait at most *secs* for `wake()`."""
        self._wake_event.wait(min(secs, TELL_WITHIN_SECS) if self.queue.done else secs)

    def wake(self) -> None:
        """End a present or the next wait."""
        self._wake_event.set()

    def leave(self) -> None:
        """Do nothing: it is the keeper who attends the buffer."""

    def has_work(self) -> bool:
        """Return whether something waits."""
        return self.waiting() > 0 or not self._buffer.is_empty()

    def close(self) -> None:
        """Take in nothing more, and let others have what could not be sent."""
        self.queue.abandon()
        super().close()


def prepare_spool_loop(
    config: PipelineConfig,
    clock: Clock,
    application: Application | None,
    version: str | None,
    environ: Mapping[str, str],
    place: SpoolPlace | None,
    *,
    is_authors: bool,
) -> Callable[..., SpoolLoop]:
    """Return what builds a `SpoolLoop` as it builds an `EventsLoop`; `ValueError` when nobody says where the spool is."""
    if place is None:
        if application is None:
            msg = "spool=True is not usable without app, which says where events are kept"
            raise ValueError(msg)
        directory = application.data_directory(environ)
        path = os.path.join(os.path.abspath(directory), SPOOL_FILE) if directory else ""
        place = SpoolPlace(path, StandingTerms(environ, application))
    spooling = build_spooling(place, config, clock, version)
    return partial(SpoolLoop, spooling=spooling, judge=NameJudge(environ, are_authors=is_authors))
