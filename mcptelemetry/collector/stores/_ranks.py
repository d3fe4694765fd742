"""
Nearest-rank percentiles of values that come grouped and in order.

The smallest value that at least p percent of all do not exceed. In whole numbers, because
0.95 * 20 is not 19 in floating point; and in one walk, because the values may be many.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["nearest_ranks"]


def nearest_ranks(counted: Iterable[tuple[int, int]], total: int, percents: Sequence[int]) -> list[int | None]:
    """Return the *percents* (ascending) of *total* values: *counted* has each with its count, ascending."""
    ranks = [-(-percent * total // 100) for percent in percents] if total else []
    found: list[int | None] = []
    seen = 0
    for value, count in counted:
        seen += count
        while len(found) < len(ranks) and ranks[len(found)] <= seen:
            found.append(value)
    return found + [None] * (len(percents) - len(found))
