"""The first so many different names that come, whoever interrupts whom: a bound on what is learned."""

from __future__ import annotations

from ..system import AtomicCounter

__all__ = ["FirstNames"]


class FirstNames:
    """
    At most *most* names. Safe from any thread, signal handler or destructor.

    Who is interrupted, or races for the same name, may use up a place for nothing: one fewer
    is then learned, and never one more.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._places = AtomicCounter()
        self._names: dict[str, None] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def admit(self, name: str) -> bool:
        """Return whether *name* is one of them, now at the latest."""
        if name not in self._names:
            if self._places.value >= self._most or self._places.add_one() >= self._most:
                return False
            self._names[str(name)] = None
        return True
