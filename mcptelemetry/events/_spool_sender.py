"""
What a spool holds, sent now and in the caller's thread: for a command, a script, a cron job.

It takes the same way as what a loop sends: the same claims, gate and verdicts, one try each.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple, Optional

from ..privacy import NotYet, Refusal, SendResult
from ..system import StorageFailure, draw_uniform
from ._account import PipelineStats
from ._delivery import Delivery
from ._format import BodyWriter
from ._outage import OutageLog
from ._outcomes import Outcomes
from ._schedule import Schedule
from ._spool_queue import SpoolQueue
from ._spool_terms import Spooling
from ._spool_writer import KeptWriter
from ._uploader import TelemetryUploader

__all__ = ["SpoolDelivery", "send_spooled"]

_logger = logging.getLogger(__name__)


class SpoolDelivery(NamedTuple):
    """
    What came of sending a spool: how many events were *delivered*, how many are *left* in it.

    *why* is one line on why some are left, or could not be looked for; None when nothing is.
    """

    delivered: int
    left: int
    why: Optional[str]


def send_spooled(
    spooling: Spooling,
    build_uploader: Callable[[Callable[[], Refusal]], TelemetryUploader],
    writer: BodyWriter,
    outcomes: Outcomes | None,
    timeout: float | None = None,
) -> SpoolDelivery:
    """Send what waits for the stream of *spooling*, in about *timeout* seconds (None: as long as it takes)."""
    clock = spooling.clock
    ends_at = None if timeout is None else clock.monotonic() + timeout
    queue = SpoolQueue(spooling)
    uploader = build_uploader(queue.refusal)
    delivery = Delivery(
        queue,
        uploader=uploader,
        account=queue,
        schedule=Schedule(clock, draw_uniform, batch_size=spooling.chunk_max, interval_secs=1),
        outages=OutageLog(_logger),
        writer=KeptWriter(writer, queue),
        clock=clock,
        secs_left=lambda: None if ends_at is None else max(0.0, ends_at - clock.monotonic()),
    )
    outcome: SendResult | None = None
    try:
        queue.look()
        settled = -1
        while outcome is None and len(queue) and settled != queue.delivered + queue.rejected:
            settled = queue.delivered + queue.rejected
            outcome = delivery.send_waiting()
            queue.end_pass(outcome)
            queue.look()
    finally:
        queue.abandon()
        uploader.close()
        if outcomes is not None:
            done = _doings(queue)
            outcomes.note(done, outcome, delivery.take_answered(), is_last=True)
            outcomes.finish(done, 1.0)
    return _result(spooling, queue, outcome)


def _doings(queue: SpoolQueue) -> PipelineStats:
    return PipelineStats(
        recorded=0,
        delivered=queue.delivered,
        dropped=queue.dropped,
        rejected=queue.rejected,
        spooled=0,
        buffered=0,
        in_flight=0,
        requeued=0,
        invalid=0,
        last_error=queue.last_error,
        last_success_at=queue.last_success_at,
    )


def _result(spooling: Spooling, queue: SpoolQueue, outcome: SendResult | None) -> SpoolDelivery:
    picture = spooling.spool.look()
    if isinstance(picture, StorageFailure):
        return SpoolDelivery(queue.delivered, 0, picture.text)
    own = next((found for found in picture.streams if found.stream == spooling.stream), None)
    others = sum(found.waiting + found.claimed for found in picture.streams if found is not own)
    reasons = []
    if own is not None and own.waiting:
        refusal = spooling.terms.refusal()
        failure = None if queue.failure is None else queue.failure.text
        said = refusal.reason if isinstance(refusal, NotYet) else refusal
        reasons.append((None if outcome is None else outcome.advice) or failure or said or "more came meanwhile")
    if own is not None and own.claimed:
        reasons.append(f"{own.claimed} are with another process")
    if others:
        reasons.append(f"{others} are for another endpoint or owner")
    left = others + (0 if own is None else own.waiting + own.claimed)
    return SpoolDelivery(queue.delivered, left, "; ".join(reasons) or None)
