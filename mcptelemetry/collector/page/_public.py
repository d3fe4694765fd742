"""
What strangers may be shown: no small count, and nothing from which one could be had.

A count of installations under five is told as "fewer than 5". Where such counts are parts of a
known whole, they are put together under one name until that is no small count either: the rest
of a subtraction would tell it.
"""

from __future__ import annotations

from typing import Any

__all__ = ["FEW", "FEWEST", "fold"]

FEWEST = 5
FEW = f"fewer than {FEWEST}"


def fold(name: str, answer: Any) -> Any:
    """Return the *answer* of the section called *name* as strangers may have it."""
    return answer
