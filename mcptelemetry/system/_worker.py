"""
The one kind of thread this package starts, and the only file that starts one.

The thread is thin: it calls `turn()` until that says it is done. It is a daemon, since a
host's exit must never wait for it, and it starts at the first record of a process rather
than at construction, so that a pre-forking server's children each get their own.
"""

from __future__ import annotations

import _thread
import sys
import threading
from collections.abc import Callable
from time import monotonic as read_monotonic
from time import sleep

from ._exit import ExitHook
from ._fork import the_register
from ._hosts import is_subinterpreter, join_host, may_start_thread
from ._turns import Turn
from ._wake_event import WakeEvent

__all__ = ["Worker"]

_START_AGAIN_AFTER_SECS = 1.0
_LOOK_EVERY_SECS = 0.005
_LAST_STEPS_SECS = 0.02  # of a thread whose Python code has ended


class Worker:
    """
    A daemon thread that calls *turn* until it returns False.

    Safe from any thread, signal handler or destructor. A turn that raises ends the thread,
    without a word: the next `ensure_running()` starts another, and what there is to tell is
    the turn's to tell. *on_end* is called by the thread as the last thing it does, whatever
    ended it.
    """

    def __init__(self, turn: Callable[[], bool], *, name: str, on_end: Callable[[], None]) -> None:
        self._turn = turn
        self._name = name
        self._on_end = on_end
        self.after_fork()

    def after_fork(self) -> None:
        """Forget the thread: in a forked child it does not exist, and its locks may be held."""
        # Who is at it, one at most: an entry that is stale when its frame has ended, however it did.
        self._at_it: dict[Turn, None] = {}
        self._starting: threading.Thread | None = None
        self._thread: threading.Thread | None = None
        self._thread_ident = 0
        self._joiners: dict[WakeEvent, None] = {}
        self._failed_at: float | None = None
        self._interpreter_hook: ExitHook | None = None
        self.is_running: bool = False  # true from the moment the thread is asked for

    def ensure_running(self) -> bool:
        """
        Start the thread when there is none; return whether one runs now, or will in a moment.

        Never raises and never waits: a machine out of threads, which is asked again after a
        second, an interpreter that is closing down, or a process that is to be forked by C
        code, only means that nothing is sent.
        """
        the_register.notice_fork()
        if self.is_running and not self._was_killed():
            return True
        now = read_monotonic()
        if sys.is_finalizing() or (
            self._failed_at is not None and now - self._failed_at < _START_AGAIN_AFTER_SECS
        ):
            return False
        join_host()
        if not may_start_thread():
            return False
        if self._interpreter_hook is None and is_subinterpreter():
            self._interpreter_hook = ExitHook(self._outwait)
        try:
            self._starting = None
            self.is_running = True
            # Starting a `threading.Thread` takes a lock of that module's, which this very
            # thread may be holding: a destructor or a signal handler runs anywhere.
            _thread.start_new_thread(self._launch, ())
        except RuntimeError:
            self.is_running = False
            self._failed_at = now
        except BaseException:
            self.is_running = False  # interrupted; if the thread did start, it says so itself
            raise
        return self.is_running

    def is_current(self) -> bool:
        """Return whether the caller is the worker's own thread."""
        return self._thread_ident == threading.get_ident()

    def join(self, timeout: float) -> bool:
        """Wait at most *timeout* seconds for the thread's end; return whether it has ended."""
        if self.is_current():
            return False
        wake_event = WakeEvent()
        try:
            self._joiners[wake_event] = None
            return wake_event.wait_for(lambda: not self.is_running, timeout)
        finally:
            self._joiners.pop(wake_event, None)

    def run_here(self) -> None:
        """Take turns in the caller's thread until the last, unless the thread is at it."""
        at_it, turn = self._at_it, Turn(sys._getframe())
        if _is_first(at_it, turn):
            try:
                while self._turn():
                    pass
            finally:
                _leave(at_it, turn)
                if self._at_it is at_it and self._thread_ident == 0:
                    self._end()  # a thread that came meanwhile has gone again

    def _outwait(self) -> None:
        """
        Wait for the thread's end, however long its last request takes: this is a subinterpreter's.

        An interpreter that ends while a thread of its own is left aborts the whole process. All
        clients have been told to stop by now.
        """
        while self.is_running and not self.is_current():
            sleep(_LOOK_EVERY_SECS)
        sleep(_LAST_STEPS_SECS)

    def _was_killed(self) -> bool:
        """Return whether the thread ended without its last steps, and make up for those."""
        thread = self._thread or self._starting
        if thread is None or thread.ident is None or thread.is_alive() or not self.is_running:
            return False
        self._thread = self._starting = None
        self.is_running = False
        return True

    def _launch(self) -> None:
        try:
            thread = threading.Thread(target=lambda: self._run(thread), name=self._name, daemon=True)
            self._starting = thread
            thread.start()
        except Exception:  # noqa: BLE001  no thread with a name can be had, but this one is here
            self._starting = None
            self._run(None)

    def _run(self, thread: threading.Thread | None) -> None:
        at_it, turn = self._at_it, Turn(sys._getframe())
        if not _is_first(at_it, turn):
            # Two were started at once, and the other one is at it; or the host is, with no thread.
            self.is_running = self._thread_ident != 0
            return
        self._thread = thread
        try:
            self.is_running = True
            self._thread_ident = threading.get_ident()
            # Not when it was forgotten meanwhile: a process that was told that it is another one
            # (`after_fork`) has its threads all the same.
            while self._at_it is at_it and self._turn():
                pass
        except BaseException:  # noqa: BLE001, S110  printed by nobody: stderr is the host's
            pass
        finally:
            _leave(at_it, turn)
            if self._at_it is at_it:
                self._thread_ident = 0
                self._thread = None
                self._on_end()
                self._end()

    def _end(self) -> None:
        """Know that there is no thread, and tell those who wait for that."""
        self.is_running = False
        for wake_event in tuple(self._joiners):
            wake_event.set()


def _is_first(at_it: dict[Turn, None], turn: Turn) -> bool:
    """Return whether *turn* is the one now, nobody else being at it; every change is one step."""
    at_it[turn] = None
    holder = next(iter(tuple(at_it)))
    while holder is not turn and holder.is_stale():
        at_it.pop(holder, None)
        holder = next(iter(tuple(at_it)))
    if holder is not turn:
        _leave(at_it, turn)
    return holder is turn


def _leave(at_it: dict[Turn, None], turn: Turn) -> None:
    at_it.pop(turn, None)
    turn.end()
