"""
What waits in a spool, as a queue that events are delivered from.

To what delivers them it looks like the buffer and its account: rows are checked out, settled in
order, or put back. Behind that are claimed chunks; what was settled of them is told to the file many at a
time, and counted only when the file says that they were still ours.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from ..installation import HELD_FROM_BEFORE
from ..privacy import Refusal, SendResult, Verdict
from ..system import StorageFailure
from ..vocabulary import DAY_SECS
from ..wire import EventEncoder, EventReader, EventRow
from ._format import BodyWriter
from ._spool import Claim, Put
from ._spool_known import HeldChunk, KnownRows
from ._spool_rows import ClaimedChunk, SpoolStream
from ._spool_terms import Spooling

__all__ = ["SpoolQueue"]

_BATCHES_A_CLAIM = 10
_KEPT_SECS = 21 * DAY_SECS  # while the key or the place is wrong, or nobody sends there any more
_WRONG = frozenset({Verdict.UNAUTHORIZED, Verdict.MISPLACED})


class SpoolQueue:
    """
    The events that *spooling* says, for `Delivery`: its queue and its account in one.

    Used by one thread at a time; numbers may be looked at by any.
    """

    is_lasting = True

    def __init__(self, spooling: Spooling) -> None:
        self._spooling = spooling
        self.delivered = 0
        """How many events were delivered and settled."""
        self.rejected = 0
        """How many were given up for good."""
        self.dropped = 0
        """How many were dropped because key or place were wrong for too long."""
        self.last_error: str | None = None
        self.last_success_at: float | None = None
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
        self.delivered = self.rejected = self.dropped = 0
        self.last_error = self.last_success_at = self.failure = None
        self._waiting = 0
        self._token = ""
        self._claimed_at = 0.0
        self._held: list[HeldChunk] = []
        # Claimed as it was put, by the thread that put it, and not begun.
        self._given: deque[tuple[Claim, float]] = deque()
        self._goes_well = False
        self._known.clear()
        self._generation: str | None = None  # of what is checked out
        self._version: str | None = None

    def __len__(self) -> int:
        given = sum(chunk.events for claim, _ in tuple(self._given) for chunk in claim.chunks)
        return self._waiting + given + sum(held.free + held.out for held in self._held)

    def note_waiting(self, count: int) -> None:
        """Know that *count* events wait in the file."""
        self._waiting = count

    def claims_at_once(self, count: int) -> int:
        """Return how many chunks a claim get that are claimed as *count* events are put, 0: they are to wait. From any thread."""
        is_next = self._goes_well and count >= self._spooling.chunk_max and not self._waiting and not self._given
        return _BATCHES_A_CLAIM if is_next else 0

    def remember(self, put: Put, rows: Sequence[EventRow], process: str) -> None:
        """Know what *rows* of *process*, which is this one, were put: they need not be read again. From any thread."""
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

    def refusal(self) -> Refusal:
        """Return why what is checked out may not leave, or None: the gate's question."""
        refusal = self._spooling.terms.refusal()
        if refusal is not None:
            return refusal
        return None if self._generation == self._spooling.terms.generation() else HELD_FROM_BEFORE

    def writer(self, writer: BodyWriter) -> BodyWriter:
        """Return what writes what is checked out as *writer* does, with the version that recorded it."""
        return _KeptWriter(writer, self)

    @property
    def version(self) -> str | None:
        """The version that recorded what is checked out."""
        return self._version

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

    def put_down(self) -> None:
        """Tell the file what became of what was claimed, and let others have the rest."""
        self._put_down_held()
        while self._given:
            self._spooling.spool.settle(self._given.popleft()[0].token, {})

    def _put_down_held(self) -> None:
        token, self._token = self._token, ""
        if token:
            self._count(self._spooling.spool.settle(token, self._left()))
        self._held = []

    def abandon(self) -> None:
        """Let others have what is claimed, whatever the thread that sends it is at: this is the end."""
        if self._token:
            self._spooling.spool.release(self._token)
        for claim, _ in tuple(self._given):
            self._spooling.spool.release(claim.token)

    def _begin_next(self, max: int) -> None:
        if self._given:
            self._put_down_held()
            claim, claimed_at = self._given.popleft()
            if self._spooling.clock.monotonic() - claimed_at <= self._spooling.spool.lease_secs / 2:
                self._take(claim, claimed_at)
                return
            self._spooling.spool.settle(claim.token, {})
            self.look()
        if self._waiting:
            self._claim(max)
        else:
            self._put_down_held()

    def _claim(self, max: int) -> None:
        terms, spool = self._spooling.terms, self._spooling.spool
        generation = None if terms.is_left_alone() else terms.generation()
        if generation is None:
            self.put_down()
            return
        done = (self._token, self._left()) if self._token else None
        self._token = ""
        found = spool.claim(self._spooling.stream, generation, events_max=max * _BATCHES_A_CLAIM, done=done)
        if isinstance(found, StorageFailure):
            self._count(found)
            return
        self._count(found.settled)
        self._waiting = found.waiting
        self._take(found, self._spooling.clock.monotonic())

    def _take(self, claim: Claim, claimed_at: float) -> None:
        self._token = claim.token if claim.chunks else ""
        self._claimed_at = claimed_at
        self._held = [HeldChunk(chunk, self._known.take(chunk) or self._read(chunk)) for chunk in claim.chunks]

    def _read(self, chunk: ClaimedChunk) -> list[EventRow]:
        read = self._reader.read
        return [row for row in map(read, chunk.body.split("\n")) if row is not None]

    def _left(self) -> dict[int, list[str]]:
        done = [held for held in self._held if held.delivered or held.rejected]
        return {held.id: self._encoder.encode(held.rows[held.settled :], self.process) for held in done}

    def _count(self, found: frozenset[int] | StorageFailure) -> None:
        """Count what was settled of those chunks that were ours; of the others, somebody else counts it."""
        self.failure = found if isinstance(found, StorageFailure) else None
        # What cannot be settled is sent once more when the lease is over, and known by its ids.
        for held in self._held if not isinstance(found, StorageFailure) else ():
            if held.id in found:
                self.delivered += held.delivered
                self.rejected += held.rejected
        self._held = []

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
            self._put_down_held()  # what was given meanwhile is next
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


class _KeptWriter(BodyWriter):
    """Writes what was kept by any version of the application."""

    def __init__(self, writer: BodyWriter, queue: SpoolQueue) -> None:
        super().__init__(
            writer.format, app=writer.app, version=None, network_transport=writer.network_transport, tells_parents=False
        )
        self._queue = queue

    def write(self, rows: Iterable[EventRow], process: str) -> bytes:
        self.version = self._queue.version
        return super().write(rows, process)
