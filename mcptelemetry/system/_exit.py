"""
What a process does before it ends, with one deadline however many clients it has.

An MCP client kills a server two seconds after it has asked it to end. So all are told first,
and then all are waited for until the same moment. The interpreter is given one hook, which is
taken back when there is nobody left to call; like the forks', this register is the process's.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable
from time import monotonic as read_monotonic
from typing import Any

from ._fork import WeakKey, around_fork

__all__ = ["EXIT_SECS", "ExitHook", "ExitRegister"]

EXIT_SECS = 1.0
"""How long the end of a process waits, in all."""


class _Entry(WeakKey):
    """A weak reference to an object, with what is called on it first, and then."""

    __slots__ = ("acts",)

    acts: tuple[Callable[[Any], object] | None, Callable[[Any], object] | None]


class ExitRegister:
    """What is called at the end of a process, once; the last that was added comes first."""

    def __init__(self) -> None:
        # An entry is taken out by the interpreter itself when its object goes.
        self._entries: dict[_Entry, None] = {}
        self._begin()
        around_fork(in_child=self._begin, place="transport")

    def _begin(self) -> None:
        self._ends_at: float | None = None
        self._finalizer: Any = None
        self._finalizer_pid = 0

    def add(self, finish: Callable[[], object] | None, wake: Callable[[], object] | None) -> _Entry:
        """Have the bound methods called at the end; return what takes them out again."""
        if not self._entries:
            # Anew each time that there was nobody: what the host registered earlier comes later.
            atexit.unregister(self.run)
            atexit.register(self.run)
        owner = (finish or wake).__self__  # type: ignore[union-attr]  # one of the two, and bound
        entry = _Entry(owner, self._entries.pop)
        entry.acts = (_function_of(wake), _function_of(finish))
        self._entries[entry] = None
        return entry

    def remove(self, entry: _Entry) -> None:
        """Take *entry* out, and with the last one take the interpreter's hook back."""
        self._entries.pop(entry, None)
        if not self._entries:
            atexit.unregister(self.run)
            if self._finalizer is not None and self._finalizer_pid == os.getpid():
                self._finalizer.cancel()
            self._finalizer = None

    def secs_left(self) -> float:
        """Return how long the end may still wait: all of its time until it has begun."""
        return EXIT_SECS if self._ends_at is None else max(0.0, self._ends_at - read_monotonic())

    @property
    def has_begun(self) -> bool:
        """Whether the process is at its end."""
        return self._ends_at is not None

    def run(self) -> None:
        """Tell all hooks that the end has come, then let each finish."""
        if self._ends_at is None:
            self._ends_at = read_monotonic() + EXIT_SECS
        entries = tuple(self._entries)[::-1]
        for number in range(2):
            for entry in entries:
                try:
                    _call(entry, number)
                except Exception:  # noqa: BLE001, S110  printed by nobody: stderr is the host's
                    pass
                except BaseException:  # noqa: BLE001  the process ends all the same
                    self._ends_at = read_monotonic()  # Ctrl-C: somebody does not want to wait

    def register_in_child(self) -> None:
        """
        Put this on the exit list of a `multiprocessing` child, when this is one.

        Such a child ends without the interpreter's exit functions, and clears its own list
        after the fork: it is done when a process first has something to lose.
        """
        # Without one, too: a child that was spawned becomes one of theirs only after the
        # module that made this has been imported there.
        if self._finalizer is None or os.getpid() != self._finalizer_pid:
            self._finalizer_pid = os.getpid()
            self._finalizer = _on_multiprocessing_exit(self.run)


class ExitHook:
    """
    Calls the bound method *finish* once when the process ends, unless it was cancelled before.

    *wake* is called before anybody's *finish*, and must not wait. Both are held weakly.
    """

    def __init__(
        self,
        finish: Callable[[], object] | None,
        *,
        wake: Callable[[], object] | None = None,
        register: ExitRegister | None = None,
    ) -> None:
        self._register = the_register if register is None else register
        self._entry = self._register.add(finish, wake)

    def secs_left(self) -> float:
        """Return how long the end of the process may still wait."""
        return self._register.secs_left()

    def register_in_child(self) -> None:
        """See `ExitRegister.register_in_child`."""
        self._register.register_in_child()

    def cancel(self) -> None:
        """Forget the methods."""
        self._register.remove(self._entry)


def _function_of(method: Callable[[], object] | None) -> Callable[[Any], object] | None:
    return None if method is None else method.__func__  # type: ignore[attr-defined]  # a bound one


def _call(entry: _Entry, number: int) -> None:
    owner, act = entry(), entry.acts[number]
    if owner is not None and act is not None:
        act(owner)


def _on_multiprocessing_exit(call: Callable[[], None]) -> Any:
    util = sys.modules.get("multiprocessing.util")
    process = sys.modules.get("multiprocessing.process")
    if util is None or process is None or process.parent_process() is None:
        return None
    # Last of all: what the child's own finalizers record should still be sent.
    return util.Finalize(None, call, exitpriority=-100)


the_register = ExitRegister()
