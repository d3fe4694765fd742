"""
The waiting room between the host's threads and the flusher's.

Recording is one step of the interpreter, and a look whether somebody is to be woken. Nothing
that may run in between (signal handler, destructor, thread, fork) can do harm, so `record()`
needs no lock; where threads truly run at once it takes one. What the rows do among themselves
is in `_row_queue`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable

from ..system import AtomicCounter, WakeEvent, WeakKey, around_fork, has_interpreter_lock, notice_fork
from ..wire import EventShape, TelemetryEvent
from ._own_traffic import OwnTraffic
from ._row_queue import SLACK, BufferCounts, RowQueue

__all__ = ["BufferCounts", "TelemetryBuffer"]


class _Waiter:
    """Somebody in `wait()` until so many events wait as *threshold* says then."""

    def __init__(self, threshold: Callable[[], int]) -> None:
        self.threshold = threshold
        self.wake_event = WakeEvent()


class TelemetryBuffer(RowQueue):
    """
    At most *capacity* events (1 or more), in the order they came; the oldest is dropped.

    `record()` may be called from any thread, signal handler, destructor or logging
    handler: it never raises, waits, logs or touches a file. Everything else is safe from
    any thread.

    Args:
        capacity: the most events that wait at a time, 1 or more; `TypeError` or `ValueError`
            for anything else.
        is_locked: whether `record()` takes a lock; None: only where this interpreter needs it.
    """

    def __init__(self, capacity: int, *, is_locked: bool | None = None) -> None:
        if type(capacity) is not int:
            msg = f"capacity must be an int, not {type(capacity).__name__}"
            raise TypeError(msg)
        if capacity < 1:
            msg = f"capacity={capacity} is not usable: a buffer holds 1 event or more"
            raise ValueError(msg)
        super().__init__(capacity, is_locked=not has_interpreter_lock() if is_locked is None else is_locked)
        self._own_traffic = OwnTraffic()
        self._threshold = capacity
        self._summon: Callable[[], object] | None = None
        self.after_fork()
        around_fork(in_child=self.after_fork)

    def after_fork(self) -> None:
        """Begin anew, empty, with another id prefix: this is a forked child."""
        self._begin()
        self._invalid = AtomicCounter(is_locked=self._is_locked)
        self._complaint: str | None = None
        self._is_complaint_taken = False
        # Who waits; weakly, since an exception may overtake one before it could take itself out.
        self._waiters: dict[WeakKey, None] = {}
        self._is_woken = False
        self._is_left = self._summon is not None  # nobody attends, and somebody could be summoned
        self._look_up_from_now_on()
        self.suppress(0)
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
        """Say that nobody attends or is suppressed from now on: the next record summons somebody."""
        self.suppress(0)
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
            self.add(event._shape, event.latency_ms, event.timestamp_secs, event.id)  # a property would cost as much as the rest
        except Exception:  # recording never hurts the host
            self._invalid.add_one()

    def add(
        self, shape: EventShape, latency_ms: int, timestamp_secs: int, own_id: str | None = None, parent: str | None = None
    ) -> bool:
        """
        Add an event by its checked parts; return False when it is of our own traffic and is not added.

        *parent* is the span that it belongs to. The one way into the queue. Whoever calls it sees to it that no exception of ours, such
        as a `MemoryError`, reaches the host.
        """
        if self._is_careful:
            return self._add_carefully(shape, latency_ms, timestamp_secs, own_id, parent)
        self._append((shape, latency_ms, timestamp_secs, own_id, next(self._numbers), parent))
        if len(self._waiting) >= self._looks_up_at:
            self._look_up()
        return True

    def _add_carefully(
        self, shape: EventShape, latency_ms: int, timestamp_secs: int, own_id: str | None, parent: str | None
    ) -> bool:
        if self._own_traffic.is_it():
            return False
        if self._is_locked:
            with self._moving:
                self._append((shape, latency_ms, timestamp_secs, own_id, next(self._numbers), parent))
        else:
            self._append((shape, latency_ms, timestamp_secs, own_id, next(self._numbers), parent))
        if len(self._waiting) >= self._looks_up_at:
            self._look_up()
        return True

    def count_invalid(self, argument: str | None = None) -> None:
        """Count one record that made no event; *argument* names what was wrong with it."""
        self._invalid.add_one()
        # Whose turn it is says it; two threads may both be first, and either name will do.
        if argument is not None and self._complaint is None:
            self._complaint = argument
            self.wake()

    def take_complaint(self) -> str | None:
        """Return the name of the first bad argument of this process, once; None at all other times."""
        if self._complaint is None or self._is_complaint_taken:
            return None
        self._is_complaint_taken = True
        return self._complaint

    def drain(self, max: int) -> list[TelemetryEvent]:  # `max`: the contract's name
        """Take up to *max* events from the front, in one step; each has an id."""
        with self._moving:
            rows = self._take(max)
        process = self.process
        return [
            TelemetryEvent._of(shape, latency_ms, seconds, own_id or f"{process}-{number}")
            for shape, latency_ms, seconds, own_id, number, _parent in rows
        ]

    def requeue_front(self, events: Iterable[TelemetryEvent]) -> None:
        """
        Put *events* back before all others, in their order.

        When there is not room for all, the newest waiting give way; of a list longer than
        the capacity its first are kept.
        """
        rows = [
            (event.shape, event.latency_ms, event.timestamp_secs, event.id or f"{os.urandom(10).hex()}-0", 0, None)
            for event in events
        ]
        with self._moving:
            self._give_back(rows)

    def close(self) -> None:
        """Let go of everything waiting, and of everything that comes; all of it is dropped."""
        with self._moving:
            self._room = 0
            self._summon = None
            self._is_left = False
            self._look_up_from_now_on()
            self._drop_oldest_beyond(0)
        self.suppress(0)

    def set_flush_threshold(self, n: int) -> None:
        """Have `wait()` return once *n* events wait (at least 1)."""
        with self._moving:
            self._threshold = max(1, n)
            self._look_up_from_now_on()
        self._wake()

    def wait(self, timeout: float | None) -> bool:
        """
        Wait at most *timeout* seconds (None: for ever) for the threshold or a `wake()`.

        Returns whether the threshold is reached: at once when it is already.
        """
        return self._wait(timeout, lambda: self._threshold)

    def wait_for(self, count: int, timeout: float) -> bool:
        """Wait as `wait()` does, but for *count* events."""
        return self._wait(timeout, lambda: count)

    def wait_for_wake(self, timeout: float) -> None:
        """Wait at most *timeout* seconds for a `wake()`, however many events are waiting."""
        self._wait(timeout, lambda: sys.maxsize)

    def wake(self) -> None:
        """Make a present or the next `wait()` return."""
        self._is_woken = True
        self._wake()

    def suppress(self, thread_ident: int) -> None:
        """Ignore what the thread *thread_ident* records from now on; 0 ends it."""
        self._own_traffic.suppress(thread_ident)
        self._is_careful = self._is_locked or thread_ident != 0

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

    def _wait(self, timeout: float | None, threshold: Callable[[], int]) -> bool:
        waiter = _Waiter(threshold)
        entry = WeakKey(waiter)
        # In this order: a record either sees the waiter, or is seen by its first look.
        with self._moving:
            self._waiters[entry] = None
            self._look_up_from_now_on()
        try:
            waiter.wake_event.wait_for(lambda: self._is_woken or len(self) >= threshold(), timeout)
        finally:
            with self._moving:
                self._waiters.pop(entry, None)
                self._look_up_from_now_on()
        self._is_woken = False
        return len(self) >= threshold()

    def _look_up_from_now_on(self) -> None:
        """Have record() look up from its work when somebody is to be summoned or woken, or too many wait."""
        wakes_at = None
        # Another thread may say something else meanwhile, and be overtaken here: look again.
        while wakes_at != self._first_wake():
            self._wakes_at = wakes_at = self._first_wake()
            self._looks_up_at = min(wakes_at, self._room + SLACK + 1)

    def _first_wake(self) -> int:
        """Return at how many waiting events somebody is to be summoned or woken."""
        if self._is_left:
            return 1
        return min((waiter.threshold() for waiter in self._present()), default=sys.maxsize)

    def _present(self) -> list[_Waiter]:
        """Return who waits now."""
        present = []
        for entry in tuple(self._waiters):
            waiter = entry()
            if waiter is None:
                self._waiters.pop(entry, None)
            else:
                present.append(waiter)
        return present

    def _look_up(self) -> None:
        if len(self._waiting) > self._room + SLACK:
            self._sweep()
        if self._is_left and self._pid != os.getpid():
            self._keep_the_newest()
        if len(self._waiting) >= self._wakes_at:
            self._wake()

    def _wake(self) -> None:
        summon = self._summon
        if self._is_left and summon is not None:
            summon()
        for waiter in self._present():
            waiter.wake_event.set()

    def _keep_the_newest(self) -> None:
        """
        Keep what was just recorded, the first of this process, and leave all before it to its parent.

        The fork was one that Python was not told of, by C code.
        """
        shape, latency_ms, seconds, own_id, _, parent = self._waiting[-1]
        notice_fork()
        if self._pid != os.getpid():
            self.after_fork()
        self._append((shape, latency_ms, seconds, own_id, next(self._numbers), parent))
