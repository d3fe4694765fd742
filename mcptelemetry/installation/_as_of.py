"""
The as-of rule for what a process holds in memory.

What was recorded before a person last changed the mode never leaves, not even when the mode
is what it was before. What is stored is held to the same rule inside the transactions that
read it (`counters`).
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["HELD_FROM_BEFORE", "AsOf"]

HELD_FROM_BEFORE = "it was recorded before the mode was last changed"
"""Why what was held does not leave: whoever hears it at the gate lets go of all that it holds."""


class AsOf:
    """
    Under which generation something is held; *said* gives what the mode files say of it.

    That is another word after each change of the mode, and None while nobody can know it or
    nothing may be held. A generation that no mode file names is counted on the disk
    (`Picture.generations_begun`), and whoever asks has looked there. Used by one thread at a time.
    """

    def __init__(self, said: Callable[[], str | None]) -> None:
        self._said = said
        self._held = said()
        self._may_hold = self._held is not None
        self._begun: int | None = None  # not known before the first look at the disk: making this takes none

    def has_ended(self, begun: int | None = None) -> bool:
        """Return whether another generation than that of what is held is known to have begun; otherwise as `enter()`."""
        return self.enter(begun) is None and self.may_hold

    @property
    def may_hold(self) -> bool:
        """Whether anything may be held, as of the last `enter()`."""
        return self._may_hold

    def begin(self, begun: int) -> None:
        """Hold from now on what is recorded when *begun* generations were begun, unless that was said before."""
        if self._begun is None:
            self._begun = begun

    def enter(self, begun: int | None = None) -> str | None:
        """
        Return what the mode files say when what is held was made under the present generation, else None.

        *begun* is how many generations were begun, None when that cannot be read now. None means: let
        go of all that is held. What is made from then on belongs to the present generation.
        """
        present = self._said()
        self._may_hold = present is not None
        if present is None:
            self._begun = None  # nothing is held that could be of another one
            return None
        held, self._held = (self._held, self._begun), present
        self._begun = self._begun if begun is None else begun
        if held[0] != present or held[1] not in (None, self._begun):
            return None
        return present
