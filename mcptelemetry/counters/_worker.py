"""
The second of the two loops: it stores what was counted, and does what else is due.

A heartbeat that waits must not hold up events, so counting has a thread of its own, and the
heartbeat is a task of that one. It begins with the first count, one second later stores it,
and then looks every 30 seconds. While a task waits for an answer, what is counted stays in
memory; who asks for it to be stored then is served by a thread that ends with that.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic as read_monotonic
from typing import NamedTuple, Protocol

from ..system import Lifecycle, WakeEvent, Worker
from ._flusher import CounterFlusher
from ._notes import ActivationNotes
from ._registry import CounterRegistry

__all__ = ["FIRST_FLUSH_SECS", "FLUSH_INTERVAL_SECS", "CountingWorker", "Task"]

FIRST_FLUSH_SECS = 1.0
"""From the first count of a process until it is stored."""
FLUSH_INTERVAL_SECS = 30.0
"""From then on, how often what was counted is stored."""
_TRY_AGAIN_SECS = 5.0  # another process holds the database
_WORKERS_SHARE = 0.75  # of the time for a flush and at the end, until somebody else stores what was counted


class Task(Protocol):
    """Something else to do in turn."""

    def turn(self) -> float:
        """Do what is due; return the seconds until something is again."""
        ...


class _Doing(NamedTuple):
    """The task that has its turn, and what is set when that is over."""

    task: Task
    over: WakeEvent


class CountingWorker:
    """
    Takes the turns of counting in a thread named ``mcptelemetry-counters``: a `Loop`.

    *flusher* stores what *registry* and *notes* hold, from `start()` on; None: nobody does.
    *monotonic* tells when something is due. Safe from any thread and across forks.
    """

    def __init__(
        self,
        registry: CounterRegistry,
        notes: ActivationNotes,
        flusher: CounterFlusher | None,
        *,
        monotonic: Callable[[], float] = read_monotonic,
    ) -> None:
        self._registry = registry
        self._flusher = flusher
        self._notes = notes
        self._monotonic = monotonic
        self._is_storing = False
        self._due_at: dict[Task, float] = {}  # changed in single steps
        self._aside = Worker(self._store_aside, name="mcptelemetry-counters-aside", on_end=lambda: None)
        self.begin()
        self._life = Lifecycle(self, name="mcptelemetry-counters")

    def begin(self) -> None:
        """Begin anew in a forked child, as registry and notes have by now."""
        self._aside.after_fork()
        self._wake_event = WakeEvent()
        self._flush_due_at: float | None = None
        self._due_at = dict.fromkeys(self._due_at, self._monotonic())
        self._doing: _Doing | None = None

    def start(self) -> None:
        """Begin to store: the thread starts with the first count."""
        if self._life.is_closed or self._is_storing or self._flusher is None:
            return
        self._is_storing = True
        self._life.start()
        self._notes.attend(self._life.summon)
        self._registry.attend(self._life.summon)
        if self._registry.counts():
            self._life.summon()

    def add(self, task: Task) -> None:
        """Give *task* its turns from now on; see `summon()`."""
        self._due_at[task] = self._monotonic()

    def summon(self) -> None:
        """Have the thread look now what there is to do: it starts when there is none."""
        self._life.start()
        self._life.summon()
        self.wake()

    def remove(self, task: Task, timeout: float) -> bool:
        """Give *task* no more turns; return whether none is under way, having waited at most *timeout* seconds."""
        self._due_at.pop(task, None)
        self.wake()
        if self._life.is_current():
            return False
        doing = self._doing
        if doing is not None and doing.task is task and not doing.over.wait(timeout):
            return False
        return bool(self._due_at) or self._is_storing or self._life.join(timeout)

    def flush(self, timeout: float = 1.0) -> bool:
        """
        Have what has been counted stored now; return whether nothing is left.

        A thread does it, and the caller waits: an exception of a signal handler in the
        caller's thread could come after the transaction and before it is known here, and what
        was stored would be stored again. Where no thread is to be had, the caller does it.
        """
        if self._flusher is None or self._life.is_closed:
            return True
        if not self._is_storing or self._life.is_current():
            return self._flusher.flush(timeout)
        asked = self._life.ask(timeout * _WORKERS_SHARE)
        return asked.answer is True if asked.is_done else self._flusher.flush(timeout * (1 - _WORKERS_SHARE))

    def stop_soon(self, timeout: float) -> None:
        """Have the thread store what was counted and end; returns at once."""
        self._life.hurry(timeout)

    def shutdown(self, timeout: float = 1.0) -> None:
        """Store what has been counted and end the thread, within *timeout* seconds; may be called again."""
        if self._flusher is not None and not (self._life.is_started or self._life.is_closed):
            self._flusher.flush(timeout)
        self._life.end(timeout)

    def turn(self) -> float | None:
        """Do what is due; return the seconds until something is again, None at the last turn."""
        is_last = self._life.secs_left() is not None
        if self._is_storing:
            now = self._monotonic()
            if self._flush_due_at is None:
                self._flush_due_at = now + FIRST_FLUSH_SECS
            if is_last or now >= self._flush_due_at or self._life.waiting():
                self._flush_due_at = now + (FLUSH_INTERVAL_SECS if self._store() else _TRY_AGAIN_SECS)
        if is_last:
            return None
        for task, due_at in tuple(self._due_at.items()):
            if self._monotonic() >= due_at and self._life.secs_left() is None:
                self._do(task)
        moments = [*self._due_at.values(), *([] if self._flush_due_at is None else [self._flush_due_at])]
        return max(0.0, min(moments) - self._monotonic()) if moments else None

    def _do(self, task: Task) -> None:
        doing = self._doing = _Doing(task, WakeEvent())
        if self._life.waiting():
            self._aside.ensure_running()  # whoever asked before this was to be seen
        try:
            due_in = task.turn()
        finally:
            self._doing = None
            doing.over.set()
        if task in self._due_at:
            self._due_at[task] = self._monotonic() + due_in

    def _store(self) -> bool:
        waiting = self._life.waiting()
        is_stored = self._flusher is None or self._flusher.flush()
        self._life.answer(waiting, is_stored)
        return is_stored

    def _store_aside(self) -> bool:
        """Serve who waits while the thread is at a task, and be gone."""
        self._store()
        return bool(self._life.waiting())

    # -- its life: see `Loop` ---------------------------------------------------------

    def arrive(self) -> None:
        """Know that somebody attends from now on."""
        if self._is_storing:
            self._registry.stay()

    def rest(self, secs: float) -> None:
        """Wait at most *secs* for `wake()`."""
        self._wake_event.wait(secs)

    def wake(self) -> None:
        """Have somebody look what there is to do."""
        self._wake_event.set()
        if self._doing is not None and self._life.waiting():
            self._aside.ensure_running()

    def leave(self) -> None:
        """Know that nobody attends from now on."""
        self._flush_due_at = None
        if not self._life.is_closed:
            self._registry.leave()

    def has_work(self) -> bool:
        """Return False: whoever ends it stores what is left as well."""
        return False

    def patience(self) -> float:
        """Return the thread's share of the end: none while it is at a task, which may take longer than there is."""
        return _WORKERS_SHARE if self._doing is None else 0.0

    def finish(self, secs: float, *, is_over: bool) -> None:
        """Store what is left, unless the thread did."""
        if not is_over and self._flusher is not None and self._is_storing:
            self._flusher.flush(secs)

    def close(self) -> None:
        """Summon nobody any more."""
        self._registry.attend(None)
        self._notes.attend(None)
