"""
Counting that no interruption can spoil.

`n += 1` is three steps, and a signal handler or a destructor may run between them.
Advancing an `itertools.count` is one step of the interpreter, whoever interrupts whom; where
the interpreter has no lock of its own (free-threaded builds), a lock is taken for it.
"""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Iterable, Iterator, Sized
from itertools import chain
from typing import Union

__all__ = ["AtomicCounter", "has_interpreter_lock", "look_at_once"]


def has_interpreter_lock() -> bool:
    """Return whether one thread runs at a time here, so that a step of the interpreter is one for all."""
    is_enabled = getattr(sys, "_is_gil_enabled", None)
    return is_enabled is None or bool(is_enabled())


class AtomicCounter:
    """
    A number that only rises, exact under threads, signal handlers and destructors.

    *numbers* is the iterator behind it: each number taken from it counts one. *is_locked*
    says whether taking one needs a lock, by default what this interpreter needs.
    """

    __slots__ = ("_count", "numbers")

    numbers: Iterator[int]

    def __init__(self, *, is_locked: bool | None = None) -> None:
        self._count = itertools.count()
        if is_locked or (is_locked is None and not has_interpreter_lock()):
            self.numbers = _LockedNumbers(self._count)
        else:
            self.numbers = self._count

    def add_one(self) -> int:
        """Count one; return how many there were before."""
        return next(self.numbers)

    @property
    def value(self) -> int:
        """How many were counted."""
        return _number_in(repr(self._count))


def look_at_once(sized: Iterable[Sized], counters: Iterable[AtomicCounter]) -> list[int]:
    """Return the lengths of *sized* and what *counters* stand at, in this order and all of one moment."""
    step: Iterable[Union[int, str]] = chain(map(len, sized), map(repr, [counter._count for counter in counters]))
    return [_number_in(seen) if isinstance(seen, str) else seen for seen in tuple(step)]


def _number_in(text: str) -> int:
    """Return the next number of a count by its text, which is the one view that does not take it."""
    return int(text[6:-1])


class _LockedNumbers:
    """The numbers of a count, one thread at a time."""

    __slots__ = ("_count", "_lock")

    def __init__(self, count: itertools.count[int]) -> None:
        self._count = count
        self._lock = threading.RLock()  # re-entrant: a destructor or signal handler may count too

    def __iter__(self) -> _LockedNumbers:
        return self

    def __next__(self) -> int:
        with self._lock:
            return next(self._count)
