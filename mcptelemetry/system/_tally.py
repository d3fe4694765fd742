"""
Counting that no interruption can spoil.

`n += 1` is three steps, and a signal handler or a destructor may run between them.
Advancing an `itertools.count` is one step of the interpreter, whoever interrupts whom.
"""

from __future__ import annotations

import itertools

__all__ = ["Tally"]


class Tally:
    """
    A number that only rises, exact under threads, signal handlers and destructors.

    *numbers* is the iterator behind it: each number taken from it counts one.
    """

    __slots__ = ("numbers",)

    def __init__(self) -> None:
        self.numbers: itertools.count[int] = itertools.count()

    def add_one(self) -> int:
        """Count one; return how many there were before."""
        return next(self.numbers)

    @property
    def value(self) -> int:
        """How many were counted."""
        # Its text is the one view of a count's next number that does not take it.
        return int(repr(self.numbers)[6:-1])
