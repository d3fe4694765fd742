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

__all__ = ["GroupCommit"]

# A transaction of more would keep others waiting; a larger batch has one for itself, and those
# that are smaller go in between two such.
_EVENTS_MAX = 2_500
# How long a group may take to become as large as the last ones, and how soon those are forgotten.
_GATHER_SECS_MAX = 0.002
_USUAL_KEPT = 0.8


class _Waiting:
    """A batch, and a lock that is held until something became of it."""

    __slots__ = ("batch", "done", "error", "stored")

    def __init__(self, batch: TelemetryBatch) -> None:
        self.batch = batch
        self.stored: Optional[Stored] = None
        self.error: Optional[BaseException] = None
        self.done = threading.Lock()
        self.done.acquire()


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
        self._waiting: list[_Waiting] = []  # guarded by _lock
        self._is_storing = False  # guarded by _lock
        self._was_large = False  # whether the last group was a batch of more than fit; guarded by _lock
        self._usual = 1.0  # batches in a group lately; guarded by _lock
        self._wanted = 0  # how many have to wait until `_enough` is released, 0: no matter; guarded by _lock
        self._enough = threading.Lock()
        self._enough.acquire()

    def add_events(self, batch: TelemetryBatch) -> Stored:
        """Return what became of *batch* once it is on the disk; raises `StoreError`, and then nothing was stored."""
        if self._process != os.getpid():
            self._begin()
        mine = _Waiting(batch)
        with self._lock:
            self._waiting.append(mine)
            has_to_wait, self._is_storing = self._is_storing, True
            if 0 < self._wanted <= len(self._waiting):
                self._wanted = 0
                self._enough.release()
        if has_to_wait:
            mine.done.acquire()
        if mine.stored is None and mine.error is None:
            self._store_group(mine)
        if mine.error is not None:
            raise mine.error
        assert mine.stored is not None
        return mine.stored

    def _store_group(self, first: _Waiting) -> None:
        """Store *first* and who waits beside it, and have one of those that are left store the next."""
        group: list[_Waiting] = []
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
                following = self._choose_first()
                self._is_storing = following is not None
            for one in group:
                if one.stored is None and one.error is None:
                    one.error = interrupted
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

    def _choose_first(self) -> Optional[_Waiting]:
        """Return who stores the next group: the first that waits, but nobody small waits behind two large ones."""
        small = (one for one in self._waiting if self._was_large and len(one.batch) <= _EVENTS_MAX)
        return next(small, self._waiting[0] if self._waiting else None)

    def _take_group(self, first: _Waiting) -> list[_Waiting]:
        """Take out *first* and whoever fits beside it."""
        group: list[_Waiting] = []
        left: list[_Waiting] = []
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

    def _store_all(self, group: list[_Waiting]) -> None:
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
