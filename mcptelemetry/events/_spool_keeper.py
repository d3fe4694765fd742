"""
The loop that brings what was recorded to the disk, half a second after it was.

It has a thread of its own, because the one that sends may wait for an endpoint for a long time, and
what is recorded meanwhile must not wait in memory. Many events go in one transaction, and
the host's thread takes no part in it.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby

from ..privacy import NameJudge
from ..system import Lifecycle, StorageFailure, Turns
from ..wire import EventEncoder, EventRow
from ._account import Account
from ._buffer import TelemetryBuffer
from ._spool_queue import SpoolQueue
from ._spool_terms import Spooling

__all__ = ["SpoolKeeper"]

_GATHER_SECS = 0.5
_TRY_AGAIN_SECS = 1.0
_REST_SECS = 3600.0  # nothing waits, and the first record ends it
_BUSY_SECS = 0.5  # for another thread that is at it
_UNKNOWN = StorageFailure("unknown", "what a person said cannot be read now, so nothing is kept under it")


class SpoolKeeper:
    """
    Brings the events in *buffer* to the spool that *spooling* says, but for those that *judge* finds guilty: a `Loop`.

    *tell* is called after each try, by whoever made it; what was put is sent from *queue*. Safe from any thread and across forks.
    """

    def __init__(
        self, buffer: TelemetryBuffer, spooling: Spooling, judge: NameJudge, tell: Callable[[], object], queue: SpoolQueue
    ) -> None:
        self._buffer = buffer
        self._spooling = spooling
        self._judge = judge
        self._tell = tell
        self._queue = queue
        self._encoder = EventEncoder()
        # Many events do not wait for the half second: there must be room for those that come meanwhile.
        self._crowd = max(1, spooling.capacity // 4)
        self.account: Account = Account(buffer)
        """The account of the events in the buffer, which is another one in a forked child."""
        # Whoever takes rows out of the buffer has this turn: this loop, or who sends from memory.
        self.turns: Turns = Turns(fork_wait_secs=0)
        """Whose turn it is to take events out of the buffer."""
        self.begin()
        self.life: Lifecycle = Lifecycle(self, name="mcptelemetry-spool")
        """When there is a thread for it."""

    def begin(self) -> None:
        """Begin anew in a forked child, as the buffer has by now."""
        self.turns.after_fork()
        self.failure: StorageFailure | None = None
        """Why nothing could be kept the last time, None when it could."""
        self.refusal: str | None = None
        """Why what waited was dropped the last time, None when it was not."""
        self.dropped = 0
        """How many events were dropped from the spool, to make room for others."""
        self.waiting = 0
        """How many events of the stream waited in the file after the last time."""
        self._gathers_until: float | None = None

    def start(self) -> None:
        """Have the next record summon the thread."""
        self.life.start()
        self._buffer.attend(self.life.summon)
        if not self._buffer.is_empty():
            self.life.summon()

    def keep(self) -> None:
        """Bring what waits to the disk now; what cannot be kept stays in memory."""
        turn = self.turns.take(_BUSY_SECS)
        if turn is None:
            return  # somebody is at it, or sends from memory
        try:
            self.account.requeue()  # of a thread before this one that was killed
            if not self._buffer.is_empty():
                self._keep_waiting()
        finally:
            self.turns.give_back(turn)
        self._tell()

    def _keep_waiting(self) -> None:
        terms = self._spooling.terms
        self.refusal = None
        try:
            # In this order: what changes between the two, the second sees.
            generation = terms.generation()
            refusal = terms.held_refusal()
        except Exception as error:  # noqa: BLE001  in doubt nothing is stored, whatever the doubt
            generation, refusal = None, None
            self.failure = StorageFailure("unknown", f"the switches could not be read ({type(error).__name__})")
            return
        if isinstance(refusal, str):
            self.account.drop_all(refusal)  # saying yes again must not send what was recorded before
            self.refusal = refusal
        elif generation is None:
            self.failure = _UNKNOWN
        else:
            self._put(generation)

    def _put(self, generation: str) -> None:
        spool, stream, terms, _clock, version, chunk_max, capacity = self._spooling
        rows = self._buffer.check_out(len(self._buffer))
        # Searched now, and once more before they leave: in a spool names are cut.
        shapes = {row[0] for row in rows}
        runs: list[tuple[str | None, list[EventRow]]] = [(None, rows)]
        if self._judge.find_guilt(shapes) is not None:
            guilt_of = {shape: self._judge.find_guilt((shape,)) for shape in shapes}
            runs = [(guilt, list(run)) for guilt, run in groupby(rows, lambda row: guilt_of[row[0]])]
        clean = rows if len(runs) == 1 and runs[0][0] is None else [row for guilt, run in runs if guilt is None for row in run]
        process = self._buffer.process
        texts = self._encoder.encode(clean, process)
        if texts:
            done = self._queue.done.take()
            found = spool.put(
                stream,
                generation,
                texts,
                version=version,
                chunk_max=chunk_max,
                capacity=capacity,
                claim_max=self._queue.claims_at_once(len(texts)),
                done=[claim.told for claim in done],
            )
            if isinstance(found, StorageFailure):
                self._queue.done.give_back(done)
                self.failure = found
                self.account.requeue()
                return
            self._queue.remember(found, clean, process, done)
            self.dropped += found.dropped
            self.waiting = found.waiting
        self.failure = None
        for guilt, run in runs:
            if guilt is None:
                self.account.spool(len(run))
            else:
                self.account.reject(len(run), f"nothing was kept: {guilt}")
        present = None if terms.is_left_alone() else terms.generation()
        if present not in (None, generation):
            # Said while this was written: whoever said it may have looked before it was there.
            spool.erase_other_generations(stream.owner, present or "")

    # -- its life: see `Loop` ---------------------------------------------------------

    def turn(self) -> float | None:
        """Keep what is due; return the seconds until something is again, None at the last turn."""
        is_last = self.life.secs_left() is not None
        if is_last or self._due_in_secs() <= 0:
            self._gathers_until = None
            self.keep()
        return None if is_last else self._due_in_secs()

    def _due_in_secs(self) -> float:
        """Return the seconds until what waits is to be kept: the first of it has waited half a second by then."""
        if self._buffer.is_empty():
            return _REST_SECS
        if self.failure is None and len(self._buffer) >= self._crowd:
            return 0.0
        now = self._spooling.clock.monotonic()
        if self._gathers_until is None:
            self._gathers_until = now + (_GATHER_SECS if self.failure is None else _TRY_AGAIN_SECS)
        return max(0.0, self._gathers_until - now)

    def arrive(self) -> None:
        """Know that somebody attends from now on."""
        self._buffer.arrive()

    def rest(self, secs: float) -> None:
        """Wait at most *secs* for the first event, or for a crowd of them; when nothing can be kept, for `wake()`."""
        if self.failure is not None:
            self._buffer.wait_for_wake(secs)
        else:
            self._buffer.wait_for(1 if self._buffer.is_empty() else self._crowd, secs)

    def wake(self) -> None:
        """End a present or the next wait."""
        self._buffer.wake()

    def leave(self) -> None:
        """Know that nobody attends from now on."""
        self._buffer.leave()

    def has_work(self) -> bool:
        """Return whether something waits."""
        return not self._buffer.is_empty()

    def patience(self) -> float:
        """Return the thread's share of the end: half of it, for whoever sends wants some too."""
        return 0.5

    def finish(self, secs: float, *, is_over: bool) -> None:  # noqa: ARG002  the protocol's signature
        """Keep what waits from here, where no thread could be had: a disk is quick."""
        if not is_over and self.has_work():
            self.keep()

    def close(self) -> None:
        """Do nothing: what comes later is the events loop's to drop."""
