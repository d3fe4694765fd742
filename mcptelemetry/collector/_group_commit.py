"""
Batches that wait at the same time are stored in one transaction.

A commit costs the disk a millisecond whatever it holds, so whoever finds one under way waits
with all others that come meanwhile, and the first of them stores for all. There is no thread
of ours, and alone a batch is committed at once. Where groups were large lately the next is
given a moment to come together: under one interpreter lock those who are ready would else be
kept from joining by whoever commits one by one. Nobody is answered before the commit that
holds their batch.
"""

from __future__ import annotations

import os
import threading
from typing import Optional

from ..system import Clock
from ..wire import TelemetryBatch
from .stores import Intake, Stored, StoreError

__all__ = ["GroupCommit", "PendingBatch"]

# A transaction of more would keep others waiting; a larger batch has one for itself, and those
# that are smaller go in between two such.
_EVENTS_MAX = 2_500
# How long a group may take to become as large as the last ones, and how soon those are forgotten.
_GATHER_SECS_MAX = 0.002
_USUAL_KEPT = 0.8


class PendingBatch:
    """A batch that was entered: `settle()` says what became of it, or it is taken back with `withdraw()`."""

    __slots__ = ("_commits", "batch", "done", "error", "is_awaited", "stored")

    def __init__(self, batch: TelemetryBatch, commits: GroupCommit) -> None:
        self.batch = batch
        self.stored: Optional[Stored] = None
        self.error: Optional[BaseException] = None
        self.is_awaited = False  # whether a thread waits at `done`; guarded by the lock of those that wait
        self.done = threading.Lock()  # held until something became of the batch, or this one is to store the next group
        self.done.acquire()
        self._commits = commits

    @property
    def is_settled(self) -> bool:
        """Whether something became of it."""
        return self.stored is not None or self.error is not None

    def settle(self) -> Stored:
        """Return what became of the batch once it is on the disk; raises `StoreError`, and then nothing was stored."""
        self._commits.settle(self)
        if self.error is not None:
            raise self.error
        assert self.stored is not None
        return self.stored

    def withdraw(self) -> None:
        """Store the batch no more, unless that is under way."""
        self._commits.withdraw(self)


class GroupCommit:
    """
    Takes batches in for *store*.

    Safe between threads, and after a fork: the child begins anew.
    """

    def __init__(self, store: Intake, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._waiting: list[PendingBatch] = []  # guarded by _lock
        self._storing: Optional[PendingBatch] = None  # whose thread stores a group, or is about to; guarded by _lock
        self._was_large = False  # whether the last group was a batch of more than fit; guarded by _lock
        self._usual = 1.0  # batches in a group lately; guarded by _lock
        self._wanted = 0  # how many have to wait until `_enough` is released, 0: no matter; guarded by _lock
        self._enough = threading.Lock()
        self._enough.acquire()

    def enter(self, batch: TelemetryBatch) -> PendingBatch:
        """Put *batch* among those that are stored next; whoever enters several has them stored together."""
        if self._process != os.getpid():
            self._begin()
        entered = PendingBatch(batch, self)
        with self._lock:
            self._waiting.append(entered)
            if 0 < self._wanted <= len(self._waiting):
                self._wanted = 0
                self._enough.release()
        return entered

    def add_events(self, batch: TelemetryBatch) -> Stored:
        """Enter *batch* and settle it."""
        return self.enter(batch).settle()

    def settle(self, mine: PendingBatch) -> None:
        """Return when *mine* is settled: by the thread that stores, which is this one when there is no other."""
        try:
            if self._has_to_wait(mine):
                mine.done.acquire()
            if not mine.is_settled:
                self._store_group(mine)
        except BaseException:  # a signal handler's
            self.withdraw(mine)
            raise

    def withdraw(self, mine: PendingBatch) -> None:
        """Take *mine* out of those that wait."""
        with self._lock:
            if mine in self._waiting:
                self._waiting.remove(mine)
            following = self._choose_next() if self._storing is mine else None
        if following is not None:
            following.done.release()

    def _has_to_wait(self, mine: PendingBatch) -> bool:
        with self._lock:
            if mine.is_settled:
                return False
            if self._storing is None:
                self._storing = mine
            mine.is_awaited = self._storing is not mine
            return mine.is_awaited

    def _store_group(self, first: PendingBatch) -> None:
        """Store *first* and who waits beside it, and have one of those that are left store the next."""
        group: list[PendingBatch] = []
        try:
            self._gather()
            with self._lock:
                group = self._take_group(first)
            self._store_all(group)
        finally:
            # Also when a signal handler's exception came through: whoever waits must not wait for ever.
            interrupted = StoreError("was interrupted")
            with self._lock:
                group = group or self._take_group(first)
                for one in group:
                    if not one.is_settled:
                        one.error = interrupted
                following = self._choose_next()
            for one in group:
                one.done.release()
            if following is not None:
                following.done.release()

    def _gather(self) -> None:
        """Wait until as many are together as were lately, but not long."""
        with self._lock:
            wanted = int(self._usual)
            if len(self._waiting) >= wanted:
                return
            self._enough.acquire(blocking=False)  # a wait that was interrupted may have left it open
            self._wanted = wanted
        if not self._enough.acquire(timeout=_GATHER_SECS_MAX):
            with self._lock:
                if self._wanted == 0:  # they came just now
                    self._enough.acquire()
                self._wanted = 0

    def _choose_next(self) -> Optional[PendingBatch]:
        """
        Choose who stores the next group; None when no thread waits for one, and then the next to come does.

        It is the first that waits, but nobody small waits behind two large ones.
        """
        awaited = [one for one in self._waiting if one.is_awaited]
        small = (one for one in awaited if self._was_large and len(one.batch) <= _EVENTS_MAX)
        self._storing = next(small, awaited[0] if awaited else None)
        return self._storing

    def _take_group(self, first: PendingBatch) -> list[PendingBatch]:
        """Take out *first* and whoever fits beside it."""
        group: list[PendingBatch] = []
        left: list[PendingBatch] = []
        count = len(first.batch)
        self._was_large = count > _EVENTS_MAX
        for one in self._waiting:
            if one is first:
                group.append(one)
            elif count + len(one.batch) <= _EVENTS_MAX:
                group.append(one)
                count += len(one.batch)
            else:
                left.append(one)
        self._waiting = left
        self._usual = max(float(len(group)), self._usual * _USUAL_KEPT)
        return group

    def _store_all(self, group: list[PendingBatch]) -> None:
        received_at = int(self._clock.time())
        try:
            results = self._store.add_batches([(one.batch, received_at) for one in group])
        except StoreError as error:
            for one in group:
                one.error = StoreError(str(error))  # each thread raises its own
        except Exception as error:  # noqa: BLE001  one of them, and the others are not at fault
            if len(group) == 1:
                group[0].error = error
                return
            for one in group:
                self._store_all([one])
        else:
            for one, stored in zip(group, results):
                one.stored = stored
