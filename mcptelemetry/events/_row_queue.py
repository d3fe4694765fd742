"""
The rows of a buffer, and where each of them is: waiting, checked_out, gone on or dropped.

A row comes in by one step of the interpreter: an append to the queue. Every step that takes
rows out counts them while it does, so how many came in is not counted but follows. No signal,
destructor, thread or fork can fall into a step; whatever is killed between two of them, every
row is in exactly one place, and the totals are exact. So no lock is needed, and none is there
that an exception of a signal handler could leave held, but on builds of Python whose threads
truly run at once.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from itertools import repeat, starmap
from operator import itemgetter, lt
from typing import Any, NamedTuple

from ..system import AtomicCounter, look_at_once
from ..wire import EventRow

__all__ = ["SLACK", "BufferCounts", "RowQueue"]

# How many rows a full queue may hold beyond its capacity. They are dropped already, by every
# account, and lie there until so many are swept out in one step: one by one would make each
# record of a full queue dearer by half.
SLACK = 256


class BufferCounts(NamedTuple):
    """
    One consistent picture: recorded = dropped + taken + checked_out + waiting.

    *taken* have gone on for good, *checked_out* are with the flusher.
    """

    recorded: int
    dropped: int
    taken: int
    checked_out: int
    waiting: int


class RowQueue:
    """
    At most *capacity* rows in order, of which the oldest is dropped; safe from any thread.

    Whoever adds takes no lock, unless *is_locked*: see `TelemetryBuffer.add()`.
    """

    def __init__(self, capacity: int, *, is_locked: bool) -> None:
        self._capacity = capacity
        self._is_locked = is_locked
        self._begin()

    def _begin(self) -> None:
        """Begin anew, empty."""
        # Where each step is one for all threads there is nothing to guard. Where it is not, that
        # Python is one (3.13 and later) on which `with` lets go whatever interrupts it.
        # Re-entrant: a collection of garbage may run a host's destructor, and that may look at
        # the counts, while this thread holds it.
        self._moving: AbstractContextManager[Any] = threading.RLock() if self._is_locked else nullcontext()
        self._room = self._capacity  # how many of the last rows of the queue wait: 0 when closed
        self._waiting: deque[EventRow] = deque()
        self._append = self._waiting.append
        # For ids only: a number whose record was interrupted before it came into the queue is
        # missed by nobody.
        self._numbers = AtomicCounter(is_locked=False).numbers
        # Plain ones: what counts in them is one step for all, or holds _moving.
        self._dropped = AtomicCounter(is_locked=False)  # let go one by one
        self._sweeps = AtomicCounter(is_locked=False)  # let go by the slack
        self._drained = AtomicCounter(is_locked=False)  # taken with drain()
        self._returned = AtomicCounter(is_locked=False)  # given back after that
        self._settled = AtomicCounter(is_locked=False)  # checked out, and gone on
        self._checked_out: deque[EventRow] = deque()  # with the flusher, fate unknown

    def check_out(self, max: int) -> list[EventRow]:  # `max` as in `drain()`
        """Hand up to *max* rows to the flusher; they stay accounted for until it settles."""
        with self._moving:
            self._drop_oldest_beyond(self._room)
            _move(self._pop(max), self._checked_out)
            return list(self._checked_out)

    def acknowledge(self, count: int, into: AtomicCounter) -> None:
        """Close the account of the first *count* checked out rows, which have gone on: *into* counts them."""
        with self._moving:
            rows = starmap(self._checked_out.popleft, repeat((), count))
            _do(zip(rows, self._settled.numbers, into.numbers))

    def requeue(self) -> int:
        """Return what is checked out to the front of the queue, in order; return how many that were."""
        with self._moving:
            count = len(self._checked_out)
            self._drop_newest(self._checked_out, count - self._room)
            self._make_room(len(self._checked_out))
            self._waiting.extendleft(starmap(self._checked_out.pop, repeat((), len(self._checked_out))))
            return count

    def discard(self) -> None:
        """Let go of everything waiting; it counts as dropped."""
        with self._moving:
            self._drop_oldest_beyond(0)

    def counts(self) -> BufferCounts:
        """Return one consistent picture of the account."""
        return self.picture()[0]

    def picture(self, *counters: AtomicCounter) -> tuple[BufferCounts, list[int]]:
        """Return the account and what *counters* stand at, as of one moment: see `acknowledge()`."""
        sweeps = self._sweeps
        looked_at = (sweeps, self._dropped, self._drained, self._returned, self._settled, *counters, sweeps)
        with self._moving:
            while True:
                held, checked_out, *values = look_at_once((self._waiting, self._checked_out), looked_at)
                # A collection of garbage may fall into that step all the same, and a destructor's
                # record sweep: look again until none did so meanwhile.
                if values[0] == values[-1]:
                    break
        swept, dropped_singly, drained, returned, settled = values[:5]
        taken = drained - returned + settled
        waiting = min(held, self._room)
        dropped = dropped_singly + swept * SLACK + held - waiting
        recorded = dropped + taken + checked_out + waiting
        return BufferCounts(recorded, dropped, taken, checked_out, waiting), values[5:-1]

    def is_empty(self) -> bool:
        """Return whether no event waits."""
        return len(self) == 0

    def __len__(self) -> int:
        return min(len(self._waiting), self._room)

    def _take(self, count: int) -> list[EventRow]:
        """Take up to *count* rows for good; holds _moving."""
        self._drop_oldest_beyond(self._room)
        taken: deque[EventRow] = deque()
        _move(map(itemgetter(0), zip(self._pop(count), self._drained.numbers)), taken)
        return list(taken)

    def _give_back(self, rows: Sequence[EventRow]) -> None:
        """Put *rows*, which were taken, before all others, as far as there is room; holds _moving."""
        kept, cut = rows[: self._room], rows[self._room :]
        _do(zip(cut, self._returned.numbers, self._dropped.numbers))
        self._make_room(len(kept))
        self._waiting.extendleft(map(itemgetter(0), zip(reversed(kept), self._returned.numbers)))

    def _pop(self, count: int) -> Iterable[EventRow]:
        # Never more than there is room for: so many a record that sweeps meanwhile leaves.
        return starmap(self._waiting.popleft, repeat((), max(0, min(count, len(self)))))

    def _sweep(self) -> None:
        """Let the oldest rows go, as many as the slack holds, if it is still overfull."""
        # Two threads may be here at once: it is looked, taken and counted in one step. The
        # functions in it need no memory for a call, which could set off a collection of
        # garbage, and that a destructor that records.
        held = map(len, repeat(self._waiting, 1))
        is_overfull = iter(map(lt, repeat(self._room + SLACK), held).__next__, False)
        rows = starmap(self._waiting.popleft, repeat((), SLACK))
        step = zip(is_overfull, map(all, repeat(rows, 1)), self._sweeps.numbers)
        if self._is_locked:
            with self._moving:
                _do(step)
        else:
            _do(step)

    def _drop_oldest_beyond(self, count: int) -> None:
        """Let the oldest rows go until *count* are left; holds _moving."""
        # One by one, and each only while there are too many: a record may sweep meanwhile.
        is_beyond = iter(map(lt, repeat(count), map(len, repeat(self._waiting))).__next__, False)
        _do(zip(is_beyond, starmap(self._waiting.popleft, repeat(())), self._dropped.numbers))

    def _drop_newest(self, rows: deque[EventRow], count: int) -> None:
        _move(zip(starmap(rows.pop, repeat((), max(0, count))), self._dropped.numbers), deque(maxlen=0))

    def _make_room(self, count: int) -> None:
        """Let the newest that wait go, so that *count* more have room in front of them."""
        self._drop_oldest_beyond(self._room)
        waiting = len(self)
        self._drop_newest(self._waiting, min(waiting, waiting + count - self._room))


def _move(rows: Iterable[Any], into: deque[Any]) -> None:
    """Add *rows*, each of which is taken from somewhere as it comes, in one step of the interpreter."""
    with suppress(IndexError):  # another thread took some before this step; what was taken here has come over
        into.extend(rows)


def _do(steps: Iterable[object]) -> None:
    """Take all *steps* in one step of the interpreter."""
    deque(steps, maxlen=0)
