"""
From waiting events to settled ones: one pass of the worker.

Batches are checked out by the buffer, encoded, sent, and settled by what came of it: the table
of verdicts is followed here, with its two refinements (a batch that is too large goes in
smaller parts, one that names a credential goes without the guilty).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from ..privacy import SendResult, Verdict
from ..system import Clock
from ..wire import EventRow
from ._format import BodyWriter
from ._outage import OutageLog
from ._outcomes import AnsweredBatch
from ._schedule import Schedule
from ._uploader import TelemetryUploader

if TYPE_CHECKING:
    from ._meter import Meter

__all__ = ["Delivery", "EventAccount", "EventQueue"]


class EventQueue(Protocol):
    """Where events wait: a `TelemetryBuffer`, or a spool."""

    @property
    def process(self) -> str:
        """What the ids of events that have none begin with."""
        ...

    def __len__(self) -> int: ...

    def check_out(self, max: int) -> list[EventRow]:  # `max` as in `TelemetryBuffer`
        """Hand out up to *max* events, which are accounted for until they are settled."""
        ...


class EventAccount(Protocol):
    """Where checked out events are settled: an `Account`, or that of a spool; see there."""

    @property
    def is_lasting(self) -> bool:
        """Whether what goes back outlives this process."""
        ...

    def deliver(self, count: int, *, at: float, doubt: str | None = None) -> None: ...

    def reject(self, count: int, error: str) -> None: ...

    def requeue(self, error: str | None = None) -> None: ...

    def drop_all(self, error: str) -> None: ...


class Delivery:
    """
    Sends what waits in *buffer*, as many at a time as *schedule* says; used by one thread at a time.

    *secs_left* gives the seconds until the end of the process's patience, None when there is
    no end in sight.
    """

    def __init__(
        self,
        buffer: EventQueue,
        *,
        uploader: TelemetryUploader,
        account: EventAccount,
        schedule: Schedule,
        outages: OutageLog,
        writer: BodyWriter,
        clock: Clock,
        secs_left: Callable[[], float | None],
    ) -> None:
        self._buffer = buffer
        self._uploader = uploader
        self._where = uploader.shown_url
        self._account = account
        self._schedule = schedule
        self._outages = outages
        self._writer = writer
        self._clock = clock
        self._secs_left = secs_left
        self._answered: AnsweredBatch | None = None
        self.meter: Meter | None = None
        """Measures what was delivered; None: nobody does."""

    def send_waiting(self) -> SendResult | None:
        """Send as many events as wait now, batch by batch; return what ended it early, or None."""
        self._schedule.begin_attempt()
        left = len(self._buffer)
        while left > 0:
            rows = self._buffer.check_out(min(self._schedule.batch_size, left))
            if not rows:
                return None
            left -= len(rows)
            outcome = self._send_checked_out(rows)
            if outcome is not None:
                return outcome
        return None

    def take_answered(self) -> AnsweredBatch | None:
        """Return the last batch that was answered since this was asked before, None when none was."""
        answered, self._answered = self._answered, None
        return answered

    def _send_checked_out(self, rows: list[EventRow]) -> SendResult | None:
        """Send checked out *rows*, in smaller parts when they are too large; as `send_waiting()`."""
        size = len(rows)
        while rows:
            part = rows[:size]
            outcome = self._send(part)
            verdict = outcome.verdict
            if verdict is Verdict.TOO_LARGE and len(part) > 1:
                size = (len(part) + 1) // 2
                continue
            if verdict.is_retryable:
                self._postpone(outcome)
                return outcome
            if verdict is Verdict.REFUSED:
                # Saying yes again must not send what was recorded before.
                self._account.drop_all(outcome.message)
                self._outages.tell("refused", f"what was recorded is dropped, {outcome.message}")
                return outcome
            if verdict is Verdict.UNCLEAN:
                clean = self._count_alike(part, is_guilty=False)
                if 0 < clean < len(part):
                    ended_by = self._send_checked_out(part[:clean])
                    if ended_by is not None:
                        return ended_by
                    del rows[:clean]
                    continue
                # The guilty from the first on; or all are, together and none of them alone.
                part = part[: clean or max(1, self._count_alike(part, is_guilty=True))]
            self._settle(part, outcome)
            del rows[: len(part)]
        return None

    def _count_alike(self, rows: list[EventRow], *, is_guilty: bool) -> int:
        """Return how many of *rows*, from the first on, are guilty, or are not."""
        for number, row in enumerate(rows):
            if (self._uploader.find_guilt(row[0]) is not None) is not is_guilty:
                return number
        return len(rows)

    def _send(self, rows: list[EventRow]) -> SendResult:
        secs_left = self._secs_left()
        if secs_left is not None and secs_left <= 0:
            return SendResult(Verdict.LATER, None, None, "no time was left before the end")
        body = self._writer.write(rows, self._buffer.process)
        result = self._uploader.send(body, {row[0] for row in rows}, timeout_secs=secs_left)
        if result.status is not None:
            self._answered = AnsweredBatch(body, result)
        return result

    def _settle(self, part: list[EventRow], outcome: SendResult) -> None:
        if outcome.verdict is Verdict.DELIVERED:
            self._settle_delivered(part, outcome)
        else:
            self._reject(len(part), outcome)
        self._schedule.resume()

    def _settle_delivered(self, part: list[EventRow], outcome: SendResult) -> None:
        if self.meter is not None:
            self.meter.add(part)
        found = self._writer.format.count_rejected(outcome.body)
        rejected = min(found or 0, len(part))
        now, doubt = self._clock.time(), outcome.advice if outcome.is_doubtful else None
        if rejected < len(part):
            self._account.deliver(len(part) - rejected, at=now, doubt=doubt)
        if rejected:
            # Which they are does not matter to the account, and none of them goes again.
            self._reject(rejected, outcome)
        elif found is not None:
            self._outages.tell("warned", f"events to {self._where} were taken with a warning: {outcome.message}")
        elif doubt is not None:
            self._outages.tell("doubtful", f"events to {self._where} seem to be lost: {doubt}")
        else:
            self._outages.end()

    def _reject(self, count: int, outcome: SendResult) -> None:
        self._account.reject(count, outcome.advice)
        self._outages.tell("rejected", f"{count} events to {self._where} were rejected and given up: {outcome.advice}")

    def _postpone(self, outcome: SendResult) -> None:
        self._account.requeue(outcome.advice)
        self._schedule.postpone(outcome.retry_after_secs)
        if outcome.verdict is Verdict.NOT_YET:
            return  # that is no outage, and status says it
        is_kept = self._account.is_lasting or self._secs_left() is None
        fate = "kept and sent later" if is_kept else "lost, because this is the end"
        self._outages.tell(outcome.verdict.value, f"events to {self._where} are {fate}: {outcome.advice}")
