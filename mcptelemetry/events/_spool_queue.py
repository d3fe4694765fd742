"""
What waits in a spool, as a queue that events are delivered from.

To what delivers them it looks like the buffer and its account: rows are checked out, settled in
order, or put back. Behind that are claimed chunks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..installation import HELD_FROM_BEFORE
from ..privacy import Refusal, SendResult, Verdict
from ..wire import EventRow
from ._spool_claims import SpoolClaims
from ._spool_known import HeldChunk
from ._spool_terms import Spooling

__all__ = ["SpoolQueue"]

_WRONG = frozenset({Verdict.UNAUTHORIZED, Verdict.MISPLACED})


class SpoolQueue(SpoolClaims):
    """
    The events that *spooling* says, for `Delivery`: its queue and its account in one.

    Used by one thread at a time; numbers may be looked at by any.
    """

    is_lasting = True

    def __init__(self, spooling: Spooling) -> None:
        self.last_error: str | None = None
        self.last_success_at: float | None = None
        super().__init__(spooling)

    def begin(self) -> None:
        """Begin anew in a forked child: what is claimed is the parent's."""
        self.last_error = self.last_success_at = None
        self._generation: str | None = None  # of what is checked out
        self._version: str | None = None
        super().begin()

    def refusal(self) -> Refusal:
        """Return why what is checked out may not leave, or None: the gate's question."""
        refusal = self._spooling.terms.refusal()
        if refusal is not None:
            return refusal
        return None if self._generation == self._spooling.terms.generation() else HELD_FROM_BEFORE

    @property
    def version(self) -> str | None:
        """The version that recorded what is checked out."""
        return self._version

    def texts_of(self, rows: Sequence[EventRow]) -> list[str] | None:
        """Return what *rows*, the first that are checked out, are as JSON; None when they are others, or that is not known."""
        texts: list[str] = []
        for held in self._held:
            begin = held.settled
            some = rows[len(texts) : len(texts) + held.out]
            if some and (held.texts is None or held.rows[begin : begin + len(some)] != some):
                return None
            texts += (held.texts or ())[begin : begin + len(some)]
        return texts if len(texts) == len(rows) else None

    # -- the queue --------------------------------------------------------------------

    def check_out(self, max: int) -> list[EventRow]:  # `max` as in `TelemetryBuffer`
        """Hand out up to *max* events, of one generation and version; they stay claimed until they are settled."""
        spooling = self._spooling
        if self._token and spooling.clock.monotonic() - self._claimed_at > spooling.spool.lease_secs / 2:
            self.requeue()
            self.put_down()  # it took too long, or the process was stopped
            self.look()
        if not any(held.free or held.out for held in self._held):
            self._begin_next(max)
        rows: list[EventRow] = []
        for held in self._held:
            if rows and held.of != (self._generation, self._version):
                break
            held.out += min(held.free, max - len(rows) - held.out)
            if held.out:
                self._generation, self._version = held.of
                rows += held.rows[held.settled : held.settled + held.out]
            if len(rows) >= max:
                break
        return rows

    # -- the account: see `Account` ---------------------------------------------------

    def deliver(self, count: int, *, at: float, doubt: str | None = None) -> None:
        """Settle the first *count* checked out events as delivered *at* (Unix seconds), *doubt* says to what."""
        for held, some in self._settle(count):
            held.delivered += some
        self.last_success_at = at
        self.last_error = doubt or self.last_error

    def reject(self, count: int, error: str) -> None:
        """Settle the first *count* checked out events as given up for good."""
        for held, some in self._settle(count):
            held.rejected += some
        self.last_error = error

    def requeue(self, error: str | None = None) -> None:
        """Put what is checked out back, in order."""
        for held in self._held:
            held.out = 0
        self.last_error = error or self.last_error

    def drop_all(self, error: str) -> None:
        """Let go of what is claimed, and erase what is of another generation: a person said no."""
        self.put_down()
        terms = self._spooling.terms
        generation = None if terms.is_left_alone() else terms.generation()
        if generation is not None:
            self._spooling.spool.erase_other_generations(terms.owner, generation)
        self.last_error = error

    def end_pass(self, outcome: SendResult | None) -> None:
        """Put everything down after a pass that ended with *outcome*, and drop what has waited too long for a key or place."""
        self._goes_well = outcome is None
        if outcome is None:
            self._leave_held()  # what was given meanwhile is next
        else:
            self.put_down()
        if outcome is not None and outcome.verdict in _WRONG:
            self._drop_older(self._spooling.stream)
        if outcome is not None:
            self.look()

    def _settle(self, count: int) -> Iterator[tuple[HeldChunk, int]]:
        for held in self._held:
            some = min(count, held.out)
            held.out -= some
            held.settled += some
            count -= some
            if some:
                yield held, some

