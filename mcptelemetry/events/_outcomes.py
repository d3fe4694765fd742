"""
What became of one pipeline's events, brought to the installation's journal now and then.

Not once a batch: a disk is slower than an endpoint. The account stays the only place where
events are counted; what is written is what it has come to since the last time.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple, Optional

from ..installation import Journal
from ..privacy import SendResult, Verdict
from ..state import DeliveryNews, FateWord, SentDocument
from ..system import Clock, Turns
from ._account import PipelineStats

__all__ = ["AnsweredBatch", "Outcomes"]

_STORE_INTERVAL_SECS = 10.0
_BUSY_SECS = 0.25  # for another process's transaction: events must not wait for a disk
_BODY_MAX_BYTES = 1024 * 1024  # as much as a collector takes; a larger one is not kept word for word
_AT_THE_END_SECS = 0.05  # for the disk, when an endpoint has used up all the time there was


class AnsweredBatch(NamedTuple):
    """The last batch that was answered: its *body* before compression, and what it came to."""

    body: bytes
    result: SendResult


class _Stored(NamedTuple):
    """How much of an account has been written."""

    delivered: int = 0
    lost: int = 0
    rejected: int = 0


class Outcomes:
    """
    Brings the account of one process to *journal*. Safe from any thread.

    With *keeps_batches* the last batch that was answered is kept word for word.
    """

    def __init__(self, journal: Journal, clock: Clock, *, keeps_batches: bool) -> None:
        self._journal = journal
        self._clock = clock
        self._keeps_batches = keeps_batches
        self.begin()

    def begin(self) -> None:
        """Begin anew, as the account does in a forked child."""
        # The host's thread takes the last turn, also when the worker is still in one.
        self._turns = Turns(fork_wait_secs=0)
        self._stored = _Stored()
        self._began_at: float | None = None  # of what is not written yet, Unix seconds; None: nothing
        self._failed_at: float | None = None
        self._error: str | None = None
        self._document: Optional[SentDocument] = None
        self._due_at = self._clock.monotonic()

    def note(
        self, stats: PipelineStats, result: SendResult | None, batch: AnsweredBatch | None, *, is_last: bool
    ) -> float:
        """
        Look at *stats* after a turn that ended with *result*; write it when that is due.

        *result* is what ended the turn early, *batch* what was answered last in it; None: nothing. After the last
        turn whoever ends the pipeline calls `finish()`. Returns the seconds after which to come
        again, infinite when nothing waits to be written.
        """
        turn = self._turns.take(0.0)
        if turn is None:
            return math.inf  # the end has overtaken the worker
        try:
            self._see(stats, result, batch)
            if self._began_at is None or is_last:
                return math.inf
            due_in = self._due_at - self._clock.monotonic()
            if due_in <= 0:
                self._due_at = self._clock.monotonic() + _STORE_INTERVAL_SECS
                due_in = math.inf if self._store(stats, _BUSY_SECS) else _STORE_INTERVAL_SECS
            return due_in
        finally:
            self._turns.give_back(turn)

    def finish(self, stats: PipelineStats, secs_left: float) -> None:
        """Write what is left at the end of a pipeline, whose *stats* are final, in about *secs_left*."""
        patience = max(_AT_THE_END_SECS, secs_left)
        turn = self._turns.take(patience)
        if turn is None:
            return  # the worker is at it, and the disk does not answer
        try:
            # Nobody sends what is left, and an answer that comes now is heard by nobody.
            stats = replace(stats, dropped=stats.dropped + stats.buffered + stats.in_flight)
            self._see(stats, None, None)
            if stats.in_flight and self._failed_at is None:
                self._failed_at, self._error = self._journal.now(), "no answer came before the end"
            if self._began_at is not None:
                self._store(stats, patience)
        finally:
            self._turns.give_back(turn)

    def _see(self, stats: PipelineStats, result: SendResult | None, batch: AnsweredBatch | None) -> None:
        now = self._journal.now()
        is_doubtful = stats.last_error is not None and stats.last_error != self._error  # taken, and hardly by a collector
        if result is not None or stats.rejected > self._stored.rejected or is_doubtful:
            self._failed_at, self._error = now, stats.last_error
        if batch is not None and self._keeps_batches and len(batch.body) <= _BODY_MAX_BYTES:
            self._document = self._journal.document(batch.body, batch.result.status, _fate_of(batch.result.verdict))
        is_new = result is not None or batch is not None or _stored_of(stats) != self._stored
        if is_new and self._began_at is None:
            self._began_at = now

    def _store(self, stats: PipelineStats, busy_secs: float) -> bool:
        reached = _stored_of(stats)
        delivered, lost, rejected = (new - old for new, old in zip(reached, self._stored))
        news = DeliveryNews(
            self._journal.stream,
            self._journal.endpoint,
            began_at=self._began_at or 0.0,
            at=self._journal.now() if self._failed_at is None else self._failed_at,
            delivered=delivered,
            lost=lost,
            rejected=rejected,
            succeeded_at=stats.last_success_at if delivered else None,
            error=None if self._failed_at is None else self._error,
            document=self._document,
        )
        if not self._journal.add(news, busy_secs=busy_secs):
            return False
        self._stored = reached
        self._began_at = self._failed_at = self._document = None
        return True


def _stored_of(stats: PipelineStats) -> _Stored:
    return _Stored(stats.delivered, stats.dropped, stats.rejected)


def _fate_of(verdict: Verdict) -> FateWord:
    if verdict is Verdict.DELIVERED:
        return "delivered"
    return "later" if verdict.is_retryable else "rejected"
