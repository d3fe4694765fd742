"""
The loop of events: when what waits is sent, and what is told to whoever waits for it.

Every decision to send is made in `turn()`: a flush, a full batch, an elapsed interval, a
back-off or the end are only different answers to *is it time* (`_schedule`). What a pass does
is in `_delivery`, what became of it in `_account`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import UploadError
from ..privacy import Refusal, SendResult
from ..system import Clock, Lifecycle
from ._account import Account, PipelineStats
from ._buffer import TelemetryBuffer
from ._config import PipelineConfig
from ._delivery import Delivery
from ._format import BodyWriter
from ._outage import OutageLog
from ._outcomes import AnsweredBatch, Outcomes
from ._schedule import Schedule
from ._uploader import TelemetryUploader, is_quick_to_try, upload_error

if TYPE_CHECKING:
    from ._meter import Meter

__all__ = ["EventsLoop"]

_logger = logging.getLogger(__name__)


class EventsLoop:
    """
    Delivers what waits in *buffer*, as *config* says, in a thread named ``mcptelemetry-events``: a `Loop`.

    *outcomes* brings what became of the events to the machine's memory; None: nothing does. Nothing
    is sent before `start()`. Safe from any thread and across forks.
    """

    def __init__(
        self,
        buffer: TelemetryBuffer,
        config: PipelineConfig,
        *,
        clock: Clock,
        uniform: Callable[[float, float], float],
        outcomes: Outcomes | None = None,
    ) -> None:
        self._buffer = buffer
        self._config = config
        self._clock = clock
        self._uniform = uniform
        self._outcomes = outcomes
        self.uploader: TelemetryUploader | None = None
        """What sends, None before `start()`."""
        self._writer: BodyWriter | None = None
        self.begin()
        self.life: Lifecycle = Lifecycle(self, name="mcptelemetry-events")
        """When there is a thread for it."""

    def begin(self) -> None:
        """Begin anew in a forked child, as the buffer has by now: what was recorded is the parent's."""
        self._outages = OutageLog(_logger)
        self.account: Account = Account(self._buffer)
        """What became of the events."""
        self.trouble: str | None = None
        """Why the last attempt to send did not deliver everything, None when it did."""
        if self._outcomes is not None:
            self._outcomes.begin()
        self._schedule = Schedule(
            self._clock,
            self._uniform,
            batch_size=self._config.batch_size,
            interval_secs=self._config.batch_interval_secs,
        )
        self._delivery: Delivery | None = None
        if self.uploader is not None and self._writer is not None:
            self.uploader.after_fork()
            self._build_delivery(self.uploader, self._writer)

    def _build_delivery(self, uploader: TelemetryUploader, writer: BodyWriter) -> None:
        self._delivery = Delivery(
            self._buffer,
            uploader=uploader,
            account=self.account,
            schedule=self._schedule,
            outages=self._outages,
            writer=writer,
            clock=self._clock,
            secs_left=self._secs_left,
        )
        if self._config.metrics:
            from ._meter import Meter

            self._delivery.meter = Meter(
                uploader,
                writer,
                clock=self._clock,
                interval_secs=self._config.batch_interval_secs,
                secs_left=self._secs_left,
            )

    def _secs_left(self) -> float | None:
        return self.life.secs_left()

    def start(self, uploader: TelemetryUploader, writer: BodyWriter) -> None:
        """Begin to deliver with *uploader* what *writer* writes; the thread itself starts with the first record."""
        self.uploader, self._writer = uploader, writer
        self._build_delivery(uploader, writer)
        self.attend()

    def prepare(
        self, build_uploader: Callable[[Callable[[], Refusal]], TelemetryUploader], writer: BodyWriter
    ) -> None:
        """Take what builds another uploader, which asks another question, and what it writes with: for a loop that sends from elsewhere too."""

    def attend(self) -> None:
        """Have the next record summon the thread."""
        self.life.start()
        self._buffer.attend(self.life.summon)
        if not self._buffer.is_empty():
            self.life.summon()

    @property
    def delivered(self) -> int:
        """How many events this process delivered."""
        return self.account.delivered

    @property
    def rejected(self) -> int:
        """How many events this process gave up for good."""
        return self.account.rejected

    def stats(self) -> PipelineStats:
        """Return one consistent picture of what was recorded here."""
        return self.account.stats()

    def doings(self) -> PipelineStats:
        """Return what this process did, as it is told to the machine's memory."""
        return self.account.stats()

    def waiting(self) -> int:
        """Return how many events wait to be sent."""
        return len(self._buffer)

    def storage_trouble(self) -> str | None:
        """Return why events are not kept on the disk: they need not be."""
        return None

    def end(self, timeout: float) -> None:
        """Take the last turn within *timeout* seconds."""
        self.life.end(timeout)

    def flush(self, timeout: float | None) -> None:
        """Have everything sent, and wait; raise `UploadError` when that was not done within *timeout* seconds."""
        asked = self.life.ask(timeout)
        if not asked.is_done:
            reason = f"was not over after {timeout} s" if asked.is_heard else "could not start a thread"
            msg = f"the flush {reason}; what waits is kept, and an attempt is made later"
            raise UploadError(msg, retryable=True)
        if asked.answer is not None:
            raise asked.answer

    def turn(self) -> float | None:
        """Send what is due now; return the seconds until something is due again, None at the last turn."""
        # What the host's own hooks and log handlers record about our doings would come
        # round for ever.
        self._buffer.suppress(threading.get_ident())
        try:
            return self._take_turn()
        except Exception as error:
            # Not a storm of turns that all fail, one a record.
            self._schedule.postpone()
            self.trouble = f"sending failed with {type(error).__name__}"
            self._outages.tell("failed", f"events are kept: {self.trouble}")
            raise
        finally:
            self._buffer.suppress(0)

    def _take_turn(self) -> float | None:
        waiting = self.life.waiting()
        is_last = self.life.secs_left() is not None
        self._outages.tell_of_complaint(self._buffer.take_complaint())  # here: recording itself never logs
        self._collect(is_asked=bool(waiting) or is_last)
        due_in = self._schedule.due_in_secs(self.waiting(), is_asked=bool(waiting) or is_last)
        outcome = None
        if due_in <= 0 and self._delivery is not None:
            outcome = self._send_waiting(self._delivery)
            due_in = self._schedule.due_in_secs(self.waiting(), is_asked=False)
        if self._meter is not None and outcome is None and not self._schedule.is_held:
            due_in = min(due_in, self._meter.take_turn(is_asked=bool(waiting) or is_last))
        self.life.answer(waiting, self._why_not_all(outcome))
        answered = self._take_answered()
        if self._outcomes is not None:
            due_in = min(due_in, self._outcomes.note(self.doings(), outcome, answered, is_last=is_last))
        if is_last:
            self._close_connections()
        return None if is_last else due_in

    def _collect(self, *, is_asked: bool) -> None:  # noqa: ARG002  for a loop that has more to collect
        """Have what is to be sent where it is sent from."""
        self.account.requeue()  # a worker before this one may have been killed while it was sending

    def _send_waiting(self, delivery: Delivery) -> SendResult | None:
        rejected_before = self.rejected
        outcome = self._send_all(delivery)
        if outcome is not None:
            self.trouble = outcome.message
        else:
            self.trouble = self.stats().last_error if self.rejected > rejected_before else None
        return outcome

    def _send_all(self, delivery: Delivery) -> SendResult | None:
        return delivery.send_waiting()

    def _take_answered(self) -> AnsweredBatch | None:
        return None if self._delivery is None else self._delivery.take_answered()

    def _close_connections(self) -> None:
        if self.uploader is not None:
            self.uploader.close()

    @property
    def _meter(self) -> Meter | None:
        return None if self._delivery is None else self._delivery.meter

    def _why_not_all(self, outcome: SendResult | None) -> UploadError | None:
        """Return what a flush raises when the turn ended with *outcome* (None: nothing was tried)."""
        if outcome is not None and outcome.verdict.is_retryable:
            return upload_error(outcome)
        left_alone = self._schedule.left_alone_secs
        if left_alone <= 0 or self.waiting() == 0:
            return None
        msg = f"nothing may be sent for another {left_alone:.0f} s"
        return UploadError(msg, retryable=True, retry_after=left_alone)

    # -- its life: see `Loop` ---------------------------------------------------------

    def arrive(self) -> None:
        """Know that somebody attends from now on."""
        self._buffer.arrive()

    def rest(self, secs: float) -> None:
        """Wait at most *secs* for a full batch, or for `wake()`."""
        if self._schedule.is_held:
            # A full buffer does not override the back-off, and must not make us spin.
            self._buffer.wait_for_wake(secs)
        else:
            self._buffer.wait(secs)

    def wake(self) -> None:
        """End a present or the next wait."""
        self._buffer.wake()

    def leave(self) -> None:
        """Know that nobody attends from now on."""
        self._buffer.leave()

    def has_work(self) -> bool:
        """Return whether something waits."""
        return not self._buffer.is_empty() or (self._meter is not None and not self._meter.is_empty)

    def patience(self) -> float:
        """Return the thread's share of the end: all of it, for nobody else can send."""
        return 1.0

    def finish(self, secs: float, *, is_over: bool) -> None:  # noqa: ARG002  the protocol's signature
        """Send what waits from here, where no thread could be had and it takes no time."""
        if not is_over and self.has_work() and is_quick_to_try(self._config.endpoint or ""):
            self.life.run_here()

    def close(self) -> None:
        """Take in nothing more: what is left counts as dropped."""
        self._buffer.close()
        if self._outcomes is not None and self.uploader is not None:
            self._outcomes.finish(self.doings(), self.life.secs_left() or 0.0)
