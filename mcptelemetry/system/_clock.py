"""
Time, given from outside.

Wall time is for stamps and for what survives a restart; monotonic time for everything
else, because wall clocks are set back and forth.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic as read_monotonic
from time import time as read_time
from typing import Protocol, Union

__all__ = ["Clock", "SystemClock", "as_clock"]


class Clock(Protocol):
    """Where the package reads the time."""

    def time(self) -> float:
        """Return Unix seconds."""

    def monotonic(self) -> float:
        """Return seconds that only ever rise, from an arbitrary beginning."""


class SystemClock:
    """The machine's clock."""

    # The functions themselves, not methods round them: reading the time is on the hot path.
    time: staticmethod[[], float] = staticmethod(read_time)
    monotonic: staticmethod[[], float] = staticmethod(read_monotonic)


class _CallableClock:
    """A clock whose wall time comes from a function such as `time.time`."""

    monotonic = staticmethod(read_monotonic)

    def __init__(self, read: Callable[[], float]) -> None:
        self.time = read


def as_clock(given: Union[Clock, Callable[[], float], None]) -> Clock:
    """
    Return *given* as a `Clock`: None is the machine's, a function gives the wall time.

    Raises `TypeError` for anything else.
    """
    if given is None:
        return SystemClock()
    if hasattr(given, "time") and hasattr(given, "monotonic"):
        return given
    if callable(given):
        return _CallableClock(given)
    msg = f"clock must have time() and monotonic(), or be a function, not {type(given).__name__}"
    raise TypeError(msg)
