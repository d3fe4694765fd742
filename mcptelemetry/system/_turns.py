"""
One at a time, and none while a fork is under way: a lock that nobody can leave held.

An exception of a signal handler may come between any two steps, between a lock's being
taken and the `try` that would give it back too. So this is a queue whose entries name the
frame they were made for: when that has ended, however it did, its entry is stale and whoever
comes next takes it out.
"""

from __future__ import annotations

import sys
from time import monotonic as read_monotonic
from time import sleep
from types import FrameType

from ._fork import FORK_WAIT_SECS, ForkRegister, the_register

__all__ = ["Turn", "Turns"]

_PAUSE_MIN_SECS = 0.0005
_PAUSE_MAX_SECS = 0.02
_LOOK_EVERY_SECS = 0.1  # whether the one before has gone
# A fork is over long before, however large the process; a hook of somebody else's may hang.
_FORK_MAX_SECS = 0.2


class Turn:
    """A place in the queue; *is_inside* once it is this one's turn."""

    __slots__ = ("_frame", "is_inside")

    def __init__(self, frame: FrameType) -> None:
        # Until the turn has ended: what the frame refers to lives as long.
        self._frame: FrameType | None = frame
        self.is_inside: bool = False

    def is_of(self, frame: FrameType) -> bool:
        """Return whether this was made for *frame*."""
        return self._frame is frame

    def is_on(self, frame: FrameType | None) -> bool:
        """Return whether what this was made for is running on the stack that ends in *frame*."""
        while frame is not None:
            if frame is self._frame:
                return True
            frame = frame.f_back
        return False

    def is_stale(self) -> bool:
        """Return whether what this was made for is no longer running."""
        # A frame that runs, in whatever thread, does not let itself be cleared. It is asked for
        # that and not looked for on the stacks of all threads: `sys._current_frames()` can stop a
        # process for ever, when a collection of garbage comes in the middle of it (up to 3.11.7).
        frame = self._frame
        try:
            if frame is not None:
                frame.clear()
        except RuntimeError:
            return False
        return True

    def end(self) -> None:
        """Let go of the frame."""
        self._frame = None


class Turns:
    """
    Lets one in at a time, in the order they came. Safe from any thread.

    Every fork waits at most *fork_wait_secs* for the one who is in. `after_fork()` is for the child.
    """

    def __init__(
        self, *, fork_wait_secs: float = FORK_WAIT_SECS, register: ForkRegister = the_register
    ) -> None:
        self.fork_wait_secs = fork_wait_secs
        self._forks_under_way = register.under_way
        # The first one has the turn. Every change is one step of the interpreter.
        self._queue: dict[Turn, None] = {}
        register.add_section(self)

    def take(self, secs: float) -> Turn | None:
        """
        Wait at most *secs* for the caller's turn; return it, or None.

        None at once when it is the turn of what this very call has interrupted: that goes no
        further before this returns. A turn is given back with `give_back()`, and otherwise ends
        with the function that called, which has one turn at a time.
        """
        frame = sys._getframe(1)
        for earlier in tuple(self._queue):
            if earlier.is_of(frame):
                self.give_back(earlier)
        turn = Turn(frame)
        now = read_monotonic()
        ends_at, forks_end_at = now + secs, now + _FORK_MAX_SECS
        pause_secs, looks_at = _PAUSE_MIN_SECS, now
        self._queue[turn] = None
        while not self._is_let_in(turn, may_wait_for_forks=now < forks_end_at):
            is_next = self._place_of(turn) <= 1
            if is_next or now >= looks_at:
                if self._remove_stale_before(turn):
                    continue
                looks_at = now + _LOOK_EVERY_SECS
            if now >= ends_at or self._is_in_vain(frame):
                self.give_back(turn)
                return None
            sleep(_PAUSE_MIN_SECS if is_next else pause_secs)
            pause_secs = min(pause_secs * 2, _PAUSE_MAX_SECS)
            now = read_monotonic()
        return turn

    def give_back(self, turn: Turn) -> None:
        """Let the next one in."""
        self._queue.pop(turn, None)
        turn.end()

    def is_busy(self) -> bool:
        """Return whether another thread is in; what this very thread was interrupted in goes no further."""
        self._remove_stale()
        return any(turn.is_inside and not turn.is_on(sys._getframe(1)) for turn in tuple(self._queue))

    def after_fork(self) -> bool:
        """Let everybody go, in a forked child; return whether somebody was in when it was forked."""
        was_busy = any(turn.is_inside for turn in tuple(self._queue))
        self._queue = {}
        return was_busy

    def _is_let_in(self, turn: Turn, *, may_wait_for_forks: bool) -> bool:
        if next(iter(tuple(self._queue)), None) is not turn:
            return False
        # In this order, and a fork in the other: one of the two sees the other.
        turn.is_inside = True
        if self._forks_under_way and may_wait_for_forks:
            turn.is_inside = False
        return turn.is_inside

    def _place_of(self, turn: Turn) -> int:
        queue = tuple(self._queue)
        return queue.index(turn) if turn in queue else 0

    def _is_in_vain(self, frame: FrameType) -> bool:
        """Return whether whose turn it is is on the stack that ends in *frame*."""
        first = next(iter(tuple(self._queue)), None)
        return first is not None and first.is_on(frame.f_back)

    def _remove_stale_before(self, turn: Turn) -> bool:
        """
        Take out the one just before *turn* when it is stale, and return whether it was.

        Each who waits looks after one of them.
        """
        place = self._place_of(turn)
        before = tuple(self._queue)[max(0, place - 1) : place]
        if not before or not before[0].is_stale():
            return False
        self.give_back(before[0])
        return True

    def _remove_stale(self) -> None:
        for turn in tuple(self._queue):
            if turn.is_stale():
                self.give_back(turn)
