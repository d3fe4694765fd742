"""
Who looks at what was counted: a worker that looks from time to time, or one that must be summoned.

Counting asks one attribute, so that a count that nobody has to be told of costs nothing more.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Attended"]


class Attended:
    """Something that counts; each method is one step of the interpreter, from any thread."""

    def __init__(self) -> None:
        self._summon: Callable[[], object] | None = None
        self.is_unattended: bool = False
        """Whether nobody attends, and somebody could be summoned: whoever counted calls `wake()`."""

    def attend(self, summon: Callable[[], object] | None) -> None:
        """Have *summon* called by the next count, and by the first one in a forked child; None ends it."""
        self._summon = summon
        self.leave()

    def leave(self) -> None:
        """Say that nobody attends from now on: the next count summons somebody."""
        self.is_unattended = self._summon is not None

    def stay(self) -> None:
        """Say that somebody attends from now on, and looks from time to time."""
        self.is_unattended = False

    def wake(self) -> None:
        """Summon whoever attends; for whoever counted while `is_unattended`."""
        try:
            if self._summon is not None:
                self._summon()
        except Exception:  # counting never hurts the host
            return
