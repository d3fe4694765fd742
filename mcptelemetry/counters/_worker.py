"""
The second of the two workers: it stores what was counted, and does what else is due.

A heartbeat that waits must not hold up events, so counting has a thread of its own. It begins
with the first count, one second later stores it, and then looks every 30 seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic as read_monotonic

from ..system import ExitHook, WakeEvent, Worker, around_fork, join_host
from ._flusher import CounterFlusher
from ._notes import ActivationNotes
from ._registry import CounterRegistry

__all__ = ["FIRST_FLUSH_SECS", "FLUSH_INTERVAL_SECS", "Chore", "CountingWorker"]

FIRST_FLUSH_SECS = 1.0
"""From the first count of a process until it is stored."""
FLUSH_INTERVAL_SECS = 30.0
"""From then on, how often what was counted is stored."""
_TRY_AGAIN_SECS = 5.0  # another process holds the database
_EXIT_SECS = 1.0
_EXIT_SECS_MIN = 0.01
_LOOK_AGAIN_SECS = 0.5  # a flush whose worker was killed notices after this
_WORKERS_SHARE = 0.75  # of the time at the end, until somebody else stores what was counted

Chore = Callable[[], float]
"""Something else to do in turn: does what is due and returns the seconds until something is again."""


class _Asked:
    """Somebody waiting in `flush()`."""

    def __init__(self) -> None:
        self.wake_event = WakeEvent()
        self.is_done = False
        self.is_stored = False

    def answer(self, is_stored: bool) -> None:  # noqa: FBT001  its only word
        """Say whether nothing is left."""
        self.is_stored = is_stored
        self.is_done = True
        self.wake_event.set()


class CountingWorker:
    """
    Takes the turns of counting in a thread named ``mcptelemetry-counters``.

    *chores* are called from the first turn on, and after each flush. *monotonic* tells when
    something is due. Safe from any thread and across forks.
    """

    def __init__(
        self,
        registry: CounterRegistry,
        notes: ActivationNotes,
        flusher: CounterFlusher,
        *,
        chores: Sequence[Chore] = (),
        monotonic: Callable[[], float] = read_monotonic,
    ) -> None:
        self._registry = registry
        self._flusher = flusher
        self._notes = notes
        self._chores = tuple(chores)
        self._monotonic = monotonic
        self._worker = Worker(self._turn_and_wait, name="mcptelemetry-counters", on_end=self._leave)
        self._is_closed = False
        self._early_hook: ExitHook | None = None
        self._begin()
        around_fork(in_child=self._after_fork, place="loop")
        # At the end of the process everybody is woken first, so that all have the same second.
        self._late_hook = ExitHook(self._finish_at_exit)

    def _begin(self) -> None:
        self._wake_event = WakeEvent()
        self._flush_due_at: float | None = None
        self._chores_due_at = self._monotonic()
        self._stops_at: float | None = None
        self._asked: dict[_Asked, None] = {}  # who waits in flush(); changed in single steps

    def start(self) -> None:
        """Begin: the thread starts with the first count, at once when there are chores."""
        if self._is_closed or self._early_hook is not None:
            return
        join_host()
        self._early_hook = ExitHook(None, wake=self.stop_soon)
        self._notes.attend(self._summon)
        self._registry.attend(self._summon)
        if self._chores or self._registry.counts():
            self._summon()

    def flush(self, timeout: float = 1.0) -> bool:
        """
        Have what has been counted stored now; return whether nothing is left.

        The worker does it, and the caller waits: an exception of a signal handler in the
        caller's thread could come after the transaction and before it is known here, and what
        was stored would be stored again. Where there is no worker to ask, or it is in the
        middle of a heartbeat that nobody answers, the caller does it in the end.
        """
        if self._is_closed:
            return True
        if self._early_hook is None or self._worker.is_current():
            return self._flusher.flush(timeout)
        asked = _Asked()
        ends_at = read_monotonic() + timeout * _WORKERS_SHARE
        self._asked[asked] = None
        try:
            while not asked.is_done and self._worker.ensure_running():
                self._wake_event.set()
                left = ends_at - read_monotonic()
                if left <= 0:
                    break
                asked.wake_event.wait(min(left, _LOOK_AGAIN_SECS))
        finally:
            self._asked.pop(asked, None)
        return asked.is_stored if asked.is_done else self._flusher.flush(timeout * (1 - _WORKERS_SHARE))

    def shutdown(self, timeout: float = 1.0) -> None:
        """Store what has been counted and end the thread, within *timeout* seconds; may be called again."""
        if self._is_closed:
            return
        self.stop_soon(timeout)
        self._finish()

    def stop_soon(self, timeout: float = _EXIT_SECS) -> None:
        """Have the thread store what was counted and end; returns at once."""
        self._stops_at = read_monotonic() + timeout
        self._wake_event.set()

    def turn(self) -> float | None:
        """Do what is due; return the seconds until something is again, None at the last turn."""
        now = self._monotonic()
        is_last = self._stops_at is not None
        if self._flush_due_at is None:
            self._flush_due_at = now + FIRST_FLUSH_SECS
        asked = tuple(self._asked)
        if is_last or asked or now >= self._flush_due_at:
            is_done = self._flusher.flush()
            self._flush_due_at = now + (FLUSH_INTERVAL_SECS if is_done else _TRY_AGAIN_SECS)
            for one in asked:
                self._asked.pop(one, None)
                one.answer(is_done)
        if is_last:
            return None
        if self._chores and now >= self._chores_due_at:
            self._chores_due_at = now + min(chore() for chore in self._chores)
        due_at = min(self._flush_due_at, self._chores_due_at) if self._chores else self._flush_due_at
        return max(0.0, due_at - self._monotonic())

    def _turn_and_wait(self) -> bool:
        self._registry.stay()
        due_in = self.turn()
        if due_in is None:
            return False
        if due_in > 0 and self._stops_at is None:
            self._wake_event.wait(due_in)
        return True

    # -- the life of a process --------------------------------------------------------

    def _summon(self) -> None:
        if self._is_closed:
            return
        self._late_hook.register_in_child()
        if self._early_hook is not None:
            self._early_hook.register_in_child()
        self._worker.ensure_running()

    def _leave(self) -> None:
        self._flush_due_at = None
        if not self._is_closed:
            self._registry.leave()

    def _finish_at_exit(self) -> None:
        if self._is_closed or self._early_hook is None:
            return  # nobody asked for anything to be stored
        if self._stops_at is None:
            self.stop_soon()
        self._finish()

    def _finish(self) -> None:
        left = max(_EXIT_SECS_MIN, (self._stops_at or 0.0) - read_monotonic())
        if not self._worker.is_running:
            self._flusher.flush(left)
        elif not self._worker.join(left * _WORKERS_SHARE):
            # It is in the middle of a chore, such as a heartbeat that nobody answers.
            self._flusher.flush(left * (1 - _WORKERS_SHARE))
        self._is_closed = True
        self._registry.attend(None)
        self._notes.attend(None)
        self._late_hook.cancel()
        if self._early_hook is not None:
            self._early_hook.cancel()

    def _after_fork(self) -> None:
        """Begin anew in a forked child, as registry and notes have by now."""
        self._worker.after_fork()
        self._begin()
