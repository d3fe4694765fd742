"""
What one sender has claimed of a spool, and what it owes the file.

Chunks are claimed many at a time, or handed over as they are put. What became of them is told many at a
time too, and counted only when the file says that they were still ours.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from ..system import StorageFailure
from ..vocabulary import DAY_SECS
from ..wire import EventEncoder, EventReader, EventRow
from ._spool import Claim, Put
from ._spool_done import TELL_WITHIN_SECS, DoneClaim, DoneClaims, count_settled
from ._spool_known import HeldChunk, KnownRows
from ._spool_rows import ClaimedChunk, SpoolStream
from ._spool_terms import Spooling

__all__ = ["SpoolClaims"]

_BATCHES_A_CLAIM = 10
_KEPT_SECS = 21 * DAY_SECS  # while the key or the place is wrong, or nobody sends there any more


class SpoolClaims:
    """
    The claims on the events that *spooling* says.

    Used by one thread at a time, but for what may be called from any; numbers may be looked at by any.
    """

    def __init__(self, spooling: Spooling) -> None:
        self._spooling = spooling
        self.puts_off: bool = False
        """Whether what was handed over and sent may be told to the file a little later."""
        self.dropped: int = 0
        """How many were dropped because key or place were wrong for too long."""
        self.failure: StorageFailure | None = None
        """Why the file could not be read or changed the last time, None when it could."""
        self._reader = EventReader()
        self._encoder = EventEncoder()
        self._known = KnownRows(spooling.chunk_max)
        self.begin()

    def begin(self) -> None:
        """Begin anew in a forked child: what is claimed is the parent's."""
        self.process = ""
        """What the ids begin with of rows that this process put; what is read has ids."""
        self._delivered = self._rejected = self.dropped = 0
        self.done: DoneClaims = DoneClaims()
        """What was sent and is not told to the file yet."""
        self.failure = None
        self._waiting = 0
        self._token = ""
        self._claimed_at = 0.0
        self._held: list[HeldChunk] = []
        # Claimed as it was put, by the thread that put it, and not begun.
        self._given: deque[tuple[Claim, float]] = deque()
        self._is_given = False  # what is held now
        self._goes_well = False
        self._known.clear()

    def __len__(self) -> int:
        given = sum(chunk.events for claim, _ in tuple(self._given) for chunk in claim.chunks)
        return self._waiting + given + sum(held.free + held.out for held in self._held)

    @property
    def delivered(self) -> int:
        """How many events were delivered and settled."""
        return self._delivered + self.done.delivered

    @property
    def rejected(self) -> int:
        """How many were given up for good."""
        return self._rejected + self.done.rejected

    def note_waiting(self, count: int) -> None:
        """Know that *count* events wait in the file."""
        self._waiting = count

    def claims_at_once(self, count: int) -> int:
        """Return how many chunks a claim get that are claimed as *count* events are put, 0: they are to wait. From any thread."""
        is_next = self._goes_well and count >= self._spooling.chunk_max and not self._waiting and not self._given
        return _BATCHES_A_CLAIM if is_next else 0

    def remember(self, put: Put, rows: Sequence[EventRow], process: str, done: Sequence[DoneClaim]) -> None:
        """
        Know what *rows* of *process*, which is this one, were put: they need not be read again.

        *done* was told in the same transaction. From any thread, one at a time.
        """
        self.done.count(done, put.settled)
        self.process = process
        self._known.add(put.chunks, rows)
        now = self._spooling.clock.monotonic()
        self._given.extend((claim, now) for claim in put.claims)

    def look(self) -> None:
        """See how many events wait in the file, and drop what has waited too long for somebody who would send it."""
        spool, stream, _, clock, *_ = self._spooling
        found = spool.look()
        if isinstance(found, StorageFailure):
            self.failure = found
            return
        self._waiting = sum(one.waiting for one in found.streams if one.stream == stream)
        for one in found.streams:
            if one.stream != stream and one.oldest_at < clock.time() - _KEPT_SECS:
                self._drop_older(one.stream)

    def _drop_older(self, stream: SpoolStream) -> None:
        found = self._spooling.spool.drop_older(stream, _KEPT_SECS)
        self.dropped += 0 if isinstance(found, StorageFailure) else found

    def put_down(self) -> None:
        """Tell the file what became of what was claimed, and let others have the rest."""
        claims = self._end_held()
        while self._given:
            claims.append(DoneClaim(self._given.popleft()[0].token, {}, (), 0.0))
        self._tell(claims)

    def tell_done(self) -> None:
        """Tell the file of what was sent and left for a while."""
        self._tell(self.done.take())

    def abandon(self) -> None:
        """Let others have what is claimed, whatever the thread that sends it is at: this is the end."""
        claims = self.done.take()
        tokens = [self._token, *(claim.token for claim, _ in tuple(self._given))]
        told = [*(claim.told for claim in claims), *((token, {}) for token in tokens if token)]
        if told:
            self._count(self._spooling.spool.settle_all(told, is_the_end=True), claims)

    def _end_held(self) -> list[DoneClaim]:
        """Hold nothing any more; return what is to be told of it, and of what was left for a while."""
        claims = self.done.take()
        token, self._token = self._token, ""
        if token:
            claims.append(DoneClaim(token, self._left(), self._held, self._spooling.clock.monotonic()))
        self._held = []
        return claims

    def _leave_held(self) -> None:
        """Hold nothing any more, and leave what was given and sent to whoever keeps the next events."""
        is_over = not any(held.free or held.out for held in self._held)
        claims = self._end_held()
        now = self._spooling.clock.monotonic()
        if self.puts_off and self._is_given and is_over and claims and now - claims[0].at < TELL_WITHIN_SECS:
            self.done.give_back(claims)
        else:
            self._tell(claims)

    def _begin_next(self, max: int) -> None:
        if self._given:
            self._leave_held()
            claim, claimed_at = self._given.popleft()
            if self._spooling.clock.monotonic() - claimed_at <= self._spooling.spool.lease_secs / 2:
                self._take(claim, claimed_at, is_given=True)
                return
            self._spooling.spool.settle(claim.token, {})
            self.look()
        if self._waiting:
            self._claim(max)
        else:
            self._leave_held()

    def _claim(self, max: int) -> None:
        terms, spool = self._spooling.terms, self._spooling.spool
        generation = None if terms.is_left_alone() else terms.generation()
        if generation is None:
            self.put_down()
            return
        claims = self._end_held()
        done = [claim.told for claim in claims]
        found = spool.claim(self._spooling.stream, generation, events_max=max * _BATCHES_A_CLAIM, done=done)
        if isinstance(found, StorageFailure):
            self._count(found, claims)
            return
        self._count(found.settled, claims)
        self._waiting = found.waiting
        self._take(found, self._spooling.clock.monotonic(), is_given=False)

    def _take(self, claim: Claim, claimed_at: float, *, is_given: bool) -> None:
        self._token = claim.token if claim.chunks else ""
        self._claimed_at = claimed_at
        self._is_given = is_given
        self._held = [self._hold(chunk) for chunk in claim.chunks]

    def _hold(self, chunk: ClaimedChunk) -> HeldChunk:
        rows = self._known.take(chunk)
        return HeldChunk(chunk, self._read(chunk)) if rows is None else HeldChunk(chunk, rows, chunk.texts)

    def _read(self, chunk: ClaimedChunk) -> list[EventRow]:
        read = self._reader.read
        return [row for row in map(read, chunk.body.split("\n")) if row is not None]

    def _left(self) -> dict[int, list[str]]:
        done = [held for held in self._held if held.delivered or held.rejected]
        return {held.id: self._encoder.encode(held.rows[held.settled :], self.process) for held in done}

    def _tell(self, claims: Sequence[DoneClaim]) -> None:
        if claims:
            self._count(self._spooling.spool.settle_all([claim.told for claim in claims]), claims)

    def _count(self, found: frozenset[int] | StorageFailure, claims: Sequence[DoneClaim]) -> None:
        """Count what was settled of *claims*, if anything could be told."""
        if isinstance(found, StorageFailure):
            # Told later. Whoever claims it when the lease is over sends it once more, and it is known by its ids.
            self.done.give_back(claims)
            self.failure = found
            return
        self.failure = None
        delivered, rejected = count_settled(claims, found)
        self._delivered += delivered
        self._rejected += rejected
