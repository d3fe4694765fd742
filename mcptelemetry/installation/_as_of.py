"""
The as-of rule for what a process holds in memory.

What was recorded before a person last changed the mode never leaves, not even when the mode
is what it was before. What is stored is held to the same rule inside the transactions that
read it (`counters`).
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["AsOf"]


class AsOf:
    """
    Under which generation something is held; *generation* gives the present one.

    It is another one after each change of the mode, and None while nobody can know it or
    nothing may be held. Used by one thread at a time.
    """

    def __init__(self, generation: Callable[[], str | None]) -> None:
        self._generation = generation
        self._held = generation()

    def enter(self) -> str | None:
        """
        Return the present generation when what is held was made under it, else None.

        None means: let go of all that is held. What is made from then on belongs to the
        present generation.
        """
        present = self._generation()
        if present is None:
            return None
        held, self._held = self._held, present
        return present if held == present else None
