"""
Patterns over tool names, in which ``*`` stands for any run of characters, an empty one too.

No regular expression and no backtracking: a pattern is cut at its stars once, and each
piece is looked for once, at the first place it can stand. A pattern comes from a person's
file and a name from a remote client; no pair of them may cost more than one walk.
"""

from __future__ import annotations

__all__ = ["Glob"]

_STAR = "*"


class Glob:
    """
    One pattern, ready to be asked about many names.

    Case counts, and every character but ``*`` stands for itself. Immutable, so safe from
    any thread.
    """

    __slots__ = ("_head", "_middle", "_tail", "pattern")

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        head, *rest = pattern.split(_STAR)
        self._head = head
        # None: there is no star at all, the whole name has to be the head.
        self._tail = rest[-1] if rest else None
        self._middle = tuple(piece for piece in rest[:-1] if piece)

    def __repr__(self) -> str:
        return f"Glob({self.pattern!r})"

    def is_match(self, name: str) -> bool:
        """Return whether the whole of *name* fits the pattern."""
        if self._tail is None:
            return name == self._head
        position, end = len(self._head), len(name) - len(self._tail)
        if position > end or not name.startswith(self._head) or not name.endswith(self._tail):
            return False
        for piece in self._middle:
            # The earliest place leaves the most room for what follows, so it never has to be
            # taken back.
            found = name.find(piece, position, end)
            if found < 0:
                return False
            position = found + len(piece)
        return True
