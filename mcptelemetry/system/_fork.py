"""
What a forked child must do anew, and what a process must do before it ends.

Both are arranged through weak references: a client that was closed and let go of can be
collected, whatever the interpreter still has registered.
"""

from __future__ import annotations

import atexit
import os
import sys
import weakref
from collections.abc import Callable
from typing import Any

__all__ = ["ExitHook", "around_fork"]


class _WeakCall:
    """A function that calls a bound method as long as its object lives."""

    def __init__(self, method: Callable[[], Any]) -> None:
        self._method = weakref.WeakMethod(method)

    def __call__(self, _owner: object = None) -> None:
        method = self._method()
        if method is not None:
            method()


def around_fork(
    *,
    in_child: Callable[[], None],
    before: Callable[[], None] | None = None,
    in_parent: Callable[[], None] | None = None,
) -> None:
    """
    Arrange for bound methods to be called around every fork of this process.

    *before* runs in the parent just before it, *in_parent* and *in_child* just after it.
    """
    register = getattr(os, "register_at_fork", None)
    if register is None:  # Windows does not fork
        return
    calls = {"before": before, "after_in_parent": in_parent, "after_in_child": in_child}
    register(**{when: _WeakCall(method) for when, method in calls.items() if method is not None})


class ExitHook:
    """
    Calls a bound method once when the process ends, unless it was cancelled before.

    Children of `multiprocessing` end without the interpreter's exit functions; they have
    a list of their own, on which the method is put too.
    """

    def __init__(self, method: Callable[[], None]) -> None:
        self._call = _WeakCall(method)
        self._pid = os.getpid()
        atexit.register(self._call)
        self._finalizer = _on_multiprocessing_exit(self._call)

    def renew(self) -> None:
        """
        Put the method on the exit list of a `multiprocessing` child, when this is one.

        Call it when a process first has something to lose: the child clears that list
        after the fork, so doing it in a fork hook would be too early.
        """
        # Without one, too: a child that was spawned becomes one of theirs only after the
        # module that made this has been imported there.
        if self._finalizer is None or os.getpid() != self._pid:
            self._pid = os.getpid()
            self._finalizer = _on_multiprocessing_exit(self._call)

    def cancel(self) -> None:
        """Forget the method."""
        atexit.unregister(self._call)
        if self._finalizer is not None:
            self._finalizer.cancel()


def _on_multiprocessing_exit(call: Callable[[], None]) -> Any:  # noqa: ANN401  multiprocessing's own type
    util = sys.modules.get("multiprocessing.util")
    process = sys.modules.get("multiprocessing.process")
    if util is None or process is None or process.parent_process() is None:
        return None
    # Last of all: what the child's own finalizers record should still be sent.
    return util.Finalize(None, call, exitpriority=-100)
