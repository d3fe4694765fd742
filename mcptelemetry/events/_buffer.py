"""
The waiting room between the host's threads and the flusher's.

Recording is one step of the interpreter: a C call that numbers an event, puts it in the
queue and, when the queue is full, lets the oldest go. No signal, destructor, thread or
fork can fall between, so `record()` needs no lock and its totals are exact. What was
dropped is not counted but follows: recorded, less what went on, less what is here.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable
from itertools import repeat, starmap
from types import FrameType
from typing import NamedTuple

from ..system import Bell, Tally, around_fork, notice_fork
from ..wire import EventRow, TelemetryEvent

__all__ = ["BufferCounts", "TelemetryBuffer"]


class BufferCounts(NamedTuple):
    """
    One consistent picture: recorded = dropped + taken + lent + waiting.

    *taken* have gone on for good, *lent* are with the flusher.
    """

    recorded: int
    dropped: int
    taken: int
    lent: int
    waiting: int


class TelemetryBuffer:
    """
    At most *capacity* events (1 or more), in the order they came; the oldest is dropped.

    `record()` may be called from any thread, signal handler, destructor or logging
    handler: it never raises, waits, logs or touches a file. Everything else is safe from
    any thread.
    """

    def __init__(self, capacity: int) -> None:
        if type(capacity) is not int:
            msg = f"capacity must be an int, not {type(capacity).__name__}"
            raise TypeError(msg)
        if capacity < 1:
            msg = f"capacity={capacity} is not usable: a buffer holds 1 event or more"
            raise ValueError(msg)
        self._capacity = capacity
        self._threshold = capacity
        self._summon: Callable[[], object] | None = None
        self.renew()
        around_fork(in_child=self.renew)

    def renew(self) -> None:
        """Begin anew, empty, with another id prefix: this is a forked child."""
        # Not for record(), which takes no lock. Re-entrant: a collection of garbage may run
        # a host's destructor, and that may look at the counts, while this thread holds it.
        self._moving = threading.RLock()
        self._waiting: deque[EventRow] = deque(maxlen=self._capacity)
        self._extend = self._waiting.extend
        self._numbered = Tally()  # how many were ever recorded, and the next one's number
        self._numbers = self._numbered.numbers
        self._drained = 0  # guarded by _moving: taken with drain(), less what came back
        self._settled = Tally()  # guarded by _moving: lent, and gone on
        self._lent: deque[EventRow] = deque()  # guarded by _moving: with the flusher, fate unknown
        self._invalid = Tally()
        # Guarded by _moving: the threshold of each who waits, and whom to wake.
        self._waiters: list[tuple[Callable[[], int], Bell]] = []
        self._is_rung = False
        self._is_left = self._summon is not None  # nobody attends, and somebody could be summoned
        self._look_up_from_now_on()
        self.mute(0)
        self._pid = os.getpid()
        self._prefixes: dict[int, str] = {}

    @property
    def process(self) -> str:
        """What the ids of this process begin with: drawn when first asked for, and anew in another process."""
        pid = os.getpid()
        # In one step: two threads that ask at once are told the same.
        return self._prefixes.get(pid) or self._prefixes.setdefault(pid, os.urandom(10).hex())

    def attend(self, summon: Callable[[], object]) -> None:
        """Have *summon* called by the next record, and whenever nobody attends."""
        self._summon = summon
        self.leave()

    def leave(self) -> None:
        """Say that nobody attends or is muted from now on: the next record summons somebody."""
        self.mute(0)
        with self._moving:
            self._is_left = self._summon is not None
            self._look_up_from_now_on()

    def arrive(self) -> None:
        """Say that somebody attends from now on, and need not be summoned."""
        with self._moving:
            self._is_left = False
            self._look_up_from_now_on()

    def record(self, event: TelemetryEvent) -> None:
        """Add *event*; anything else is counted as invalid. Drops the oldest when full."""
        try:
            if self._muted_thread and self._is_muted():
                return
            self._extend(
                zip(
                    (event._shape,),  # noqa: SLF001  the property costs as much as the rest
                    (event.latency_ms,),
                    (event.timestamp_secs,),
                    (event.id,),
                    self._numbers,
                )
            )
            if self._is_unattended and len(self._waiting) >= self._wakes_at:
                self._wake()
        except Exception:  # noqa: BLE001  recording never hurts the host
            self._invalid.add_one()

    def count_invalid(self) -> None:
        """Count one record whose arguments made no event."""
        self._invalid.add_one()

    def drain(self, max: int) -> list[TelemetryEvent]:  # noqa: A002  the contract's name
        """Take up to *max* events from the front, in one step; each has an id."""
        with self._moving:
            rows = list(self._pop(max))
            self._drained += len(rows)
        process = self.process
        return [
            TelemetryEvent._of(shape, latency_ms, seconds, own_id or f"{process}-{number}")  # noqa: SLF001
            for shape, latency_ms, seconds, own_id, number in rows
        ]

    def requeue_front(self, events: Iterable[TelemetryEvent]) -> None:
        """
        Put *events* back before all others, in their order.

        When there is not room for all, the newest waiting give way; of a list longer than
        the capacity its first are kept.
        """
        rows = [
            (event.shape, event.latency_ms, event.timestamp_secs, event.id or f"{os.urandom(10).hex()}-0", 0)
            for event in events
        ]
        with self._moving:
            self._waiting.extendleft(reversed(rows[: self._waiting.maxlen]))
            self._drained -= len(rows)

    # What follows moves rows in one step of the interpreter each, so that a flusher which is
    # killed in the middle leaves every row in exactly one place.

    def lend(self, max: int) -> list[EventRow]:  # noqa: A002  as drain()
        """Hand up to *max* rows to the flusher; they stay accounted for until it settles."""
        with self._moving:
            self._lent.extend(self._pop(max))
            return list(self._lent)

    def settle(self, count: int, into: Tally) -> None:
        """Close the account of the first *count* lent rows, which have gone on: *into* counts them."""
        with self._moving:
            rows = starmap(self._lent.popleft, repeat((), count))
            deque(zip(rows, self._settled.numbers, into.numbers), maxlen=0)

    def put_back(self) -> int:
        """Return what is lent to the front of the queue, in order; return how many that were."""
        with self._moving:
            count = len(self._lent)
            self._waiting.extendleft(starmap(self._lent.pop, repeat((), count)))
            return count

    def discard(self) -> None:
        """Let go of everything waiting; it counts as dropped."""
        with self._moving:
            self._waiting.clear()

    def close(self) -> None:
        """Let go of everything waiting, and of everything that comes; all of it is dropped."""
        with self._moving:
            self._waiting = deque(maxlen=0)
            self._extend = self._waiting.extend
            self._summon = None
            self._is_left = False
            self._look_up_from_now_on()
        self.mute(0)

    def set_flush_threshold(self, n: int) -> None:
        """Have `wait()` return once *n* events wait (at least 1)."""
        with self._moving:
            self._threshold = max(1, n)
            self._look_up_from_now_on()
        self._wake()

    def wait(self, timeout: float | None) -> bool:
        """
        Wait at most *timeout* seconds (None: for ever) for the threshold or a `ring()`.

        Returns whether the threshold is reached: at once when it is already.
        """
        return self._wait(timeout, lambda: self._threshold)

    def wait_for_ring(self, timeout: float) -> None:
        """Wait at most *timeout* seconds for a `ring()`, however many events are waiting."""
        self._wait(timeout, lambda: sys.maxsize)

    def ring(self) -> None:
        """Make a present or the next `wait()` return."""
        self._is_rung = True
        self._wake()

    def mute(self, thread_ident: int) -> None:
        """Ignore what the thread *thread_ident* records from now on; 0 ends it."""
        self._muted_thread = thread_ident
        self._is_collecting = False
        is_noticed = self._notice_collection in gc.callbacks
        if thread_ident and not is_noticed:
            gc.callbacks.append(self._notice_collection)
        elif is_noticed and not thread_ident:
            gc.callbacks.remove(self._notice_collection)

    def counts(self) -> BufferCounts:
        """Return one consistent picture of the account."""
        with self._moving:
            while True:
                recorded = self._numbered.value
                waiting = len(self._waiting)
                # Records take no lock: look again until none fell between the two.
                if recorded == self._numbered.value:
                    break
            lent, taken = len(self._lent), self._drained + self._settled.value
        return BufferCounts(recorded, recorded - taken - lent - waiting, taken, lent, waiting)

    @property
    def dropped(self) -> int:
        """How many recorded events were dropped so far."""
        return self.counts().dropped

    @property
    def invalid(self) -> int:
        """How many records made no event."""
        return self._invalid.value

    @property
    def capacity(self) -> int:
        """The most events that wait at a time."""
        return self._capacity

    def is_empty(self) -> bool:
        """Return whether no event waits."""
        return not self._waiting

    def __len__(self) -> int:
        return len(self._waiting)

    def _pop(self, count: int) -> Iterable[EventRow]:
        return starmap(self._waiting.popleft, repeat((), max(0, min(count, len(self._waiting)))))

    def _wait(self, timeout: float | None, threshold: Callable[[], int]) -> bool:
        waiter = (threshold, Bell())
        # In this order: a record either sees the waiter, or is seen by its first look.
        with self._moving:
            self._waiters.append(waiter)
            self._look_up_from_now_on()
        try:
            waiter[1].wait_for(lambda: self._is_rung or len(self._waiting) >= threshold(), timeout)
        finally:
            with self._moving:
                if waiter in self._waiters:  # not in a child that was forked meanwhile
                    self._waiters.remove(waiter)
                self._look_up_from_now_on()
        self._is_rung = False
        return len(self._waiting) >= threshold()

    def _look_up_from_now_on(self) -> None:
        """Have record() look up from its work exactly when somebody is to be summoned or woken."""
        if self._is_left:
            self._wakes_at = 1
        else:
            self._wakes_at = min((threshold() for threshold, _ in self._waiters), default=sys.maxsize)
        self._is_unattended = self._is_left or bool(self._waiters)

    def _wake(self) -> None:
        summon = self._summon
        if self._is_left and summon is not None:
            if self._pid != os.getpid():
                self._keep_the_newest()
            summon()
        for _, bell in tuple(self._waiters):
            bell.ring()

    def _keep_the_newest(self) -> None:
        """
        Keep what was just recorded, the first of this process, and leave all before it to its parent.

        The fork was one that Python was not told of, by C code.
        """
        shape, latency_ms, seconds, own_id, _ = self._waiting[-1]
        notice_fork()
        if self._pid != os.getpid():
            self.renew()
        self._extend(zip((shape,), (latency_ms,), (seconds,), (own_id,), self._numbers))

    def _notice_collection(self, phase: str, _details: object) -> None:
        if self._muted_thread == threading.get_ident():
            self._is_collecting = phase == "start"

    def _is_muted(self) -> bool:
        """
        Return whether this is the flusher's thread at its own traffic.

        A destructor may run in any thread, that one too, whenever garbage is collected; what
        it records is the host's and counts.
        """
        if threading.get_ident() != self._muted_thread:
            return False
        if self._is_collecting:
            return False
        frame: FrameType | None = sys._getframe(2)  # the only way to see who is calling
        while frame is not None:
            if frame.f_code.co_name == "__del__":
                return False
            frame = frame.f_back
        return True
