"""
What happens around a fork of this process, in one place and in a stated order.

The interpreter never forgets a fork hook, so it is given three, once, however many objects
come and go: this register is the process's, as the interpreter's own list is, and the one
thing of the package that cannot belong to an object. Its members are held weakly. A fork
waits for nobody but who is in a section that a child must not inherit half done (`Turns`),
and what a signal handler raises meanwhile is raised again where the host called for the fork.
"""

from __future__ import annotations

import logging
import os
import sys
import weakref
from collections.abc import Callable
from functools import partial
from time import monotonic as read_monotonic
from time import sleep
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol

__all__ = [
    "FORK_WAIT_SECS",
    "ForkRegister",
    "WeakKey",
    "around_fork",
    "begin_anew",
    "notice_fork",
    "the_register",
]

FORK_WAIT_SECS = 0.05
"""How long a fork waits, in all, for those who are in the middle of something."""
_PAUSE_MIN_SECS = 0.001
_PAUSE_MAX_SECS = 0.02  # each look takes the interpreter from who is to come to an end
_ATTEMPTS = 3
# A child begins anew from below: a loop finds its queue empty already, a queue its storage free.
RANKS = {"transport": 0, "storage": 1, "state": 2, "loop": 3}


class Section(Protocol):
    """Something a child must not inherit half done."""

    fork_wait_secs: float

    def is_busy(self) -> bool:
        """Return whether another thread is in it."""
        ...


if TYPE_CHECKING:
    _Ref = weakref.ref[Any]
else:
    _Ref = weakref.ref  # a base class cannot be subscripted on Python 3.9


class WeakKey(_Ref):
    """A weak reference that is a key by itself: two to one object are two."""

    __slots__ = ()
    if not TYPE_CHECKING:  # they are what every object has, which needs no telling
        __eq__ = object.__eq__
        __hash__ = object.__hash__


class _Member(WeakKey):
    """A weak reference, with what is called on its object."""

    __slots__ = ("call", "rank")

    call: Callable[[Any], object]
    rank: int


class ForkRegister:
    """
    Who begins anew in a child, and what a fork waits for.

    Safe from any thread. Forks may nest, since a signal handler can fork inside a hook: they
    are counted.
    """

    def __init__(self) -> None:
        # An entry is taken out by the interpreter itself when its object goes: a destructor may
        # run anywhere, and no code of ours does then.
        self._members: dict[_Member, None] = {}
        self._sections: dict[WeakKey, None] = {}
        self.under_way: list[None] = []
        """One entry for each fork that has begun here and is not over."""
        self._surfacing: list[FrameType] = []
        self._pid = os.getpid()

    def install(self) -> None:
        """Give the interpreter the three hooks; to be done once."""
        register = getattr(os, "register_at_fork", None)
        if register is not None:  # Windows does not fork
            # After those of `logging` (imported above), which hold its lock from then on: hooks
            # before a fork run the last one first, and who is waited for may want to log.
            logging.getLogger(__name__)
            # The second is no Python code, which leaves no instant in it for a signal handler:
            # what came during the fork itself is raised in the host.
            end_one = partial(self.under_way.__delitem__, slice(-1, None))
            register(before=self.before, after_in_parent=end_one, after_in_child=self.begin_anew)

    def add(self, method: Callable[[], object], rank: int) -> None:
        """Have the bound *method* called in every child, after those of a lower *rank*."""
        member = _Member(method.__self__, self._members.pop)  # type: ignore[attr-defined]  # a bound method
        member.call = method.__func__  # type: ignore[attr-defined]
        member.rank = rank
        self._members[member] = None

    def add_section(self, section: Section) -> None:
        """Have every fork wait, within bounds, until nobody else is in *section*."""
        self._sections[WeakKey(section, self._sections.pop)] = None

    def __len__(self) -> int:
        return len(self._members) + len(self._sections)

    # -- the hooks --------------------------------------------------------------------

    def before(self) -> None:
        """Announce a fork, and wait until it disturbs nobody."""
        raised = None
        is_announced = False
        began_at = read_monotonic()
        for _ in range(_ATTEMPTS):
            try:
                if not is_announced:
                    self.under_way.append(None)
                    is_announced = True
                self._wait(began_at)
                break
            except BaseException as error:  # noqa: BLE001  a signal handler's, and for the host
                raised = raised or error
        if raised is not None:
            self._surface(raised)

    def begin_anew(self) -> None:
        """Have all members begin anew: this is a forked child."""
        pid = self._pid = os.getpid()
        self.under_way.clear()
        self._forget_surfacing()
        raised = None
        for member in sorted(self._members, key=_rank_of):
            raised = self._call(member) or raised
            if os.getpid() != pid:
                return  # forked again meanwhile, by a signal handler: that has done it all
        if raised is not None:
            self._surface(raised)

    def notice_fork(self) -> None:
        """Have all begin anew when this process was forked by C code, of which Python is not told."""
        if self._pid != os.getpid():
            self.begin_anew()

    def _wait(self, began_at: float) -> None:
        for weak in tuple(self._sections):
            section = weak()
            if section is None:
                continue
            pause_secs = _PAUSE_MIN_SECS
            while section.is_busy():
                left = began_at + section.fork_wait_secs - read_monotonic()
                if left <= 0:
                    break
                sleep(min(pause_secs, left))
                pause_secs = min(pause_secs * 2, _PAUSE_MAX_SECS)

    @staticmethod
    def _call(member: _Member) -> BaseException | None:
        """Have one object begin anew; return what a signal handler raised meanwhile."""
        raised = None
        for _ in range(_ATTEMPTS):
            owner = member()
            if owner is None:
                return raised
            try:
                member.call(owner)
            except BaseException as error:  # noqa: BLE001  nobody's code is called but our own
                # Begun again from the start. What comes once is a signal handler's; a fault
                # of ours would come each time, and is not the host's affair.
                raised = error
            else:
                return raised
        return None

    # -- what a signal handler raised in a hook ---------------------------------------

    def _surface(self, error: BaseException) -> None:
        """
        Raise *error* in the host's frame that called for the fork, as soon as that goes on.

        The interpreter prints what leaves a hook and goes on, which would swallow a Ctrl-C.
        Tracing is the one way into a frame that is waiting; it costs a debugger its own
        trace function in that thread, which is tolerated: it happens once in a blue moon.
        """
        try:
            frame = sys._getframe(2)  # this, the hook, and who called for the fork
        except ValueError:
            return  # forked by an embedding program, not by Python code
        traced_before = frame.f_trace, frame.f_trace_opcodes

        def raise_there(traced: FrameType, _event: str, _detail: object) -> Any:
            if traced is not frame:
                return None
            self._surfacing.clear()
            frame.f_trace, frame.f_trace_opcodes = traced_before
            sys.settrace(None)
            raise error

        self._surfacing.append(frame)
        frame.f_trace = raise_there
        frame.f_trace_opcodes = True
        sys.settrace(_trace_nothing)

    def _forget_surfacing(self) -> None:
        """Leave what is to be raised in the parent to the parent."""
        while self._surfacing:
            frame = self._surfacing.pop()
            frame.f_trace, frame.f_trace_opcodes = None, False
            sys.settrace(None)


def _rank_of(member: _Member) -> int:
    return member.rank


def _trace_nothing(_frame: FrameType, _event: str, _detail: object) -> None:
    """Be there: a frame's own trace function is only looked at when there is a general one."""


the_register = ForkRegister()
the_register.install()


def around_fork(*, in_child: Callable[[], object], place: str = "state") -> None:
    """
    Have the bound method *in_child* called in every forked child, as long as its object lives.

    *place* (a key of `RANKS`) says among whom; within a place the order is that of these calls.
    """
    the_register.add(in_child, RANKS[place])


def notice_fork() -> None:
    """Have everything of ours begin anew when this is another process than before, whoever forked it."""
    the_register.notice_fork()


def begin_anew() -> None:
    """Have everything of ours in this process begin anew, as after a fork."""
    the_register.begin_anew()
