"""
What waits in a spool, as a queue that events are delivered from.

To what delivers them it looks like the buffer and its account: rows are checked out, settled in
order, or put back. Behind that are claimed chunks; what was settled of them is told to the file many at a
time, and counted only when the file says that they were still ours.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from ..installation import HELD_FROM_BEFORE
from ..privacy import Refusal, SendResult, Verdict
from ..system import StorageFailure
from ..vocabulary import DAY_SECS
from ..wire import EventReader, EventRow
from ._format import BodyWriter
from ._spool import Claim
from ._spool_rows import ClaimedChunk
from ._spool_terms import Spooling

__all__ = ["SpoolQueue"]

_BATCHES_A_CLAIM = 10
_KEPT_SECS = 21 * DAY_SECS  # while the key or the place is wrong
_WRONG = frozenset({Verdict.UNAUTHORIZED, Verdict.MISPLACED})


class _Held:
    """A claimed chunk: the texts of it that are not settled, and what became of the others."""

    def __init__(self, chunk: ClaimedChunk, reader: EventReader) -> None:
        self.of = (chunk.generation, chunk.version)
        self.id = chunk.id
        read = [(text, reader.read(text)) for text in chunk.texts]
        self.rows = deque(row for _, row in read if row is not None)
        self.texts = deque(text for text, row in read if row is not None)
        self.delivered = 0
        self.rejected = chunk.events - len(self.rows)  # somebody had a hand in them


class SpoolQueue:
    """
    The events that *spooling* says, for `Delivery`: its queue and its account in one.

    Used by one thread at a time; numbers may be looked at by any.
    """

    process = ""  # what was put has ids
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
        self.begin()

    def begin(self) -> None:
        """Begin anew in a forked child: what is claimed is the parent's."""
        self.delivered = self.rejected = self.dropped = 0
        self.last_error = self.last_success_at = self.failure = None
        self._waiting = 0
        self._token = ""
        self._claimed_at = 0.0
        self._held: deque[_Held] = deque()
        self._rows: deque[tuple[EventRow, _Held]] = deque()
        self._out: deque[tuple[EventRow, _Held]] = deque()
        self._generation: str | None = None  # of what is checked out
        self._version: str | None = None

    def __len__(self) -> int:
        return self._waiting + len(self._rows) + len(self._out)

    def note_waiting(self, count: int) -> None:
        """Know that *count* events wait in the file."""
        self._waiting = count

    def look(self) -> None:
        """See how many events wait in the file."""
        self._know(self._spooling.spool.waiting(self._spooling.stream))

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
        if spooling.clock.monotonic() - self._claimed_at > spooling.spool.lease_secs / 2:
            self.requeue()
            self.put_down()  # it took too long, or the process was stopped
        if not self._rows and not self._out:
            if self._waiting:
                self._claim(max)
            else:
                self.put_down()
        while self._rows and len(self._out) < max:
            held = self._rows[0][1]
            if self._out and held.of != self._out[0][1].of:
                break
            self._out.append(self._rows.popleft())
        if self._out:
            self._generation, self._version = self._out[0][1].of
        return [row for row, _ in self._out]

    def put_down(self) -> None:
        """Tell the file what became of what was claimed, and let others have the rest."""
        self._rows.clear()
        self._out.clear()
        if self._token:
            token, self._token = self._token, ""
            found = self._spooling.spool.settle(token, self._left())
            self._count(found)

    def abandon(self) -> None:
        """Let others have what is claimed, whatever the thread that sends it is at: this is the end."""
        if self._token:
            self._spooling.spool.release(self._token)

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
        self._take(found)

    def _take(self, claim: Claim) -> None:
        self._token = claim.token if claim.chunks else ""
        self._claimed_at = self._spooling.clock.monotonic()
        self._waiting = claim.waiting
        self._held = deque(_Held(chunk, self._reader) for chunk in claim.chunks)
        self._rows = deque((row, held) for held in self._held for row in held.rows)

    def _left(self) -> dict[int, list[str]]:
        return {held.id: list(held.texts) for held in self._held if held.delivered or held.rejected}

    def _count(self, found: frozenset[int] | StorageFailure) -> None:
        """Count what was settled of those chunks that were ours; of the others, somebody else counts it."""
        self.failure = found if isinstance(found, StorageFailure) else None
        # What cannot be settled is sent once more when the lease is over, and known by its ids.
        for held in self._held if not isinstance(found, StorageFailure) else ():
            if held.id in found:
                self.delivered += held.delivered
                self.rejected += held.rejected
        self._held = deque()

    def _know(self, found: int | StorageFailure) -> int:
        if isinstance(found, StorageFailure):
            self.failure = found
            return 0
        self._waiting = found
        return found

    # -- the account: see `Account` ---------------------------------------------------

    def deliver(self, count: int, *, at: float, doubt: str | None = None) -> None:
        """Settle the first *count* checked out events as delivered *at* (Unix seconds), *doubt* says to what."""
        for held in self._settle(count):
            held.delivered += 1
        self.last_success_at = at
        self.last_error = doubt or self.last_error

    def reject(self, count: int, error: str) -> None:
        """Settle the first *count* checked out events as given up for good."""
        for held in self._settle(count):
            held.rejected += 1
        self.last_error = error

    def requeue(self, error: str | None = None) -> None:
        """Put what is checked out back, in order."""
        self._rows.extendleft(reversed(self._out))
        self._out.clear()
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
        self.put_down()
        if outcome is not None and outcome.verdict in _WRONG:
            found = self._spooling.spool.drop_older(self._spooling.stream, _KEPT_SECS)
            self.dropped += 0 if isinstance(found, StorageFailure) else found
        if outcome is not None:
            self.look()

    def _settle(self, count: int) -> list[_Held]:
        settled = []
        for _ in range(min(count, len(self._out))):
            held = self._out.popleft()[1]
            held.texts.popleft()
            settled.append(held)
        return settled


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
