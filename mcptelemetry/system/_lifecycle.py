"""
The life of a loop: its thread, who wakes it, who waits for its answer, forks, and the end.

The package has two loops, one for events and one for counting and the heartbeat. What a loop
does is its own (`Loop`); when there is a thread for it, and what a process owes it before it
ends, is decided here for both. Nobody enters a lock: whoever wants something asks, and waits.
"""

from __future__ import annotations

from collections.abc import Iterable
from time import monotonic as read_monotonic
from typing import Any, Protocol

from ._exit import ExitHook
from ._fork import around_fork
from ._hosts import join_host
from ._wake_event import WakeEvent
from ._worker import Worker

__all__ = ["Asked", "Lifecycle", "Loop"]

_LOOK_AGAIN_SECS = 0.5  # whoever asked a thread that was killed notices after this


class Loop(Protocol):
    """What is to be done in turn. The thread calls `arrive()`, `turn()`, `rest()` and, last of all, `leave()`."""

    def arrive(self) -> None:
        """Know that somebody attends from now on."""

    def turn(self) -> float | None:
        """Do what is due, answer who asked; return the seconds until something is due again, None at the last turn."""
        ...

    def rest(self, secs: float) -> None:
        """Wait at most *secs* for `wake()`."""

    def wake(self) -> None:
        """End the present or next `rest()`; called by anybody, and enters no lock."""

    def leave(self) -> None:
        """Know that nobody attends from now on."""

    def has_work(self) -> bool:
        """Return whether the end is worth starting a thread for."""
        ...

    def patience(self) -> float:
        """Return which share of the time at the end belongs to the thread, before `finish()` is called."""
        ...

    def finish(self, secs: float, *, is_over: bool) -> None:
        """Do in *secs* what is left at the end; *is_over* says that the thread has taken its last turn."""

    def close(self) -> None:
        """Take in nothing more: this was the end."""

    def begin(self) -> None:
        """Begin anew, in a forked child."""


class Asked:
    """
    Somebody who waits for the next turn; *answer* is what that came to, once *is_done*.

    *is_heard* is whether there is a thread.
    """

    def __init__(self) -> None:
        self.wake_event: WakeEvent = WakeEvent()
        self.is_heard: bool = True
        self.is_done: bool = False
        self.answer: Any = None


class Lifecycle:
    """
    Gives *loop* its turns in a daemon thread called *name*, from `start()` to `end()`.

    The thread itself starts when it is summoned. Safe from any thread and across forks: a child
    begins with nothing asked for and no thread.
    """

    def __init__(self, loop: Loop, *, name: str) -> None:
        self._loop = loop
        self._worker = Worker(self._take_turn, name=name, on_end=loop.leave)
        self._hook: ExitHook | None = None
        self.is_closed: bool = False
        self._begin()
        # Here and not in start(): a server may build it, fork its workers, and start it there.
        around_fork(in_child=self._after_fork, place="loop")

    def _begin(self) -> None:
        self._ends_at: float | None = None
        self._asked: dict[Asked, None] = {}  # changed in single steps

    @property
    def is_started(self) -> bool:
        """Whether it was started, and has not ended."""
        return self._hook is not None and not self.is_closed

    def start(self) -> None:
        """Let it be summoned, and end with the process."""
        if self._hook is None and not self.is_closed:
            join_host()
            self._hook = ExitHook(self._finish_at_exit, wake=self._wake_at_exit)

    def summon(self) -> None:
        """Have a thread attend, if it was started; never raises and never waits."""
        if self._hook is not None and not self.is_closed:
            self._hook.register_in_child()
            self._worker.ensure_running()

    def is_current(self) -> bool:
        """Return whether the caller is the loop's own thread."""
        return self._worker.is_current()

    def secs_left(self) -> float | None:
        """Return the seconds until the end, None while there is no end in sight."""
        return None if self._ends_at is None else max(0.0, self._ends_at - read_monotonic())

    # -- who waits --------------------------------------------------------------------

    def ask(self, timeout: float | None) -> Asked:
        """Have a turn taken, and wait at most *timeout* seconds (None: for ever) for its answer."""
        asked = Asked()
        ends_at = None if timeout is None else read_monotonic() + timeout
        try:
            self._asked[asked] = None
            # A call: of a loop here the interpreter, from 3.12 on, leaves the jump back out of `try`, and a
            # signal handler's exception that came just then would leave the question standing.
            self._wait_for(asked, ends_at)
        finally:
            self._asked.pop(asked, None)
        return asked

    def _wait_for(self, asked: Asked, ends_at: float | None) -> None:
        while not asked.is_done:
            asked.is_heard = self._worker.ensure_running()
            if not asked.is_heard:
                break
            self._loop.wake()
            left = _LOOK_AGAIN_SECS if ends_at is None else min(_LOOK_AGAIN_SECS, ends_at - read_monotonic())
            if left <= 0:
                break
            asked.wake_event.wait(left)

    def waiting(self) -> list[Asked]:
        """Return who waits now; they go on doing so until they are answered, for the thread may be killed."""
        return list(self._asked)

    def answer(self, waiting: Iterable[Asked], answer: Any) -> None:
        """Let those in *waiting* go on with *answer*."""
        for asked in waiting:
            asked.answer = answer
            asked.is_done = True
            self._asked.pop(asked, None)
            asked.wake_event.set()

    # -- the end ----------------------------------------------------------------------

    def hurry(self, timeout: float) -> None:
        """Have the thread take its last turn, within *timeout* seconds; returns at once."""
        self._ends_at = read_monotonic() + timeout
        self._loop.wake()

    def end(self, timeout: float, *, may_start_thread: bool = True) -> None:
        """Take the last turn within *timeout* seconds, and no more; may be called again."""
        if self.is_closed:
            return
        if self._hook is not None:
            self.hurry(timeout)
            is_running = self._worker.is_running or (
                may_start_thread and self._loop.has_work() and self._worker.ensure_running()
            )
            is_over = is_running and self._worker.join((self.secs_left() or 0.0) * self._loop.patience())
            self._loop.finish(self.secs_left() or 0.0, is_over=is_over)
            if is_running and not is_over:
                self._worker.join(self.secs_left() or 0.0)
        self.is_closed = True
        self._loop.close()
        if self._hook is not None:
            self._hook.cancel()
        self.answer(self.waiting(), None)

    def join(self, timeout: float) -> bool:
        """Wait at most *timeout* seconds for the thread, which has taken its last turn; return whether it is gone."""
        return not self._worker.is_running or self._worker.join(timeout)

    def run_here(self) -> None:
        """Take turns in the caller's thread until the last, unless the thread is at it."""
        self._worker.run_here()

    def _wake_at_exit(self) -> None:
        if not self.is_closed and self._hook is not None:
            self.hurry(self._hook.secs_left())

    def _finish_at_exit(self) -> None:
        if self._hook is not None:
            self.end(self._hook.secs_left(), may_start_thread=False)

    # -- the thread -------------------------------------------------------------------

    def _take_turn(self) -> bool:
        self._loop.arrive()
        due_in = self._loop.turn()
        if due_in is not None and due_in > 0 and self._ends_at is None:
            self._loop.rest(due_in)
        return due_in is not None

    def _after_fork(self) -> None:
        self._worker.after_fork()
        self._begin()
        self._loop.begin()
        if self.is_closed:
            self._loop.close()
