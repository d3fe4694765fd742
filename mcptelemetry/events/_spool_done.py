"""
What was sent of a spool and is not told to the file yet.

A transaction costs more than what is told in it, and whoever keeps the next events has one anyhow: so a
sender that keeps up leaves here what it was given, for a second at most. If the process is killed in that
second it is sent once more, and whoever takes it knows it by its ids.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ._spool_known import HeldChunk
from ._spool_rows import Done

__all__ = ["TELL_WITHIN_SECS", "DoneClaim", "DoneClaims", "count_settled"]

TELL_WITHIN_SECS = 1.0
"""For how long what was sent may stay untold."""


class DoneClaim(NamedTuple):
    """What became of a claim: of *held* what was begun, and what is *left* of that; and when (monotonic) that was so."""

    token: str
    left: Mapping[int, Sequence[str]]
    held: Sequence[HeldChunk]
    at: float

    @property
    def told(self) -> Done:
        """What the file is told."""
        return self.token, self.left


class DoneClaims:
    """
    Claims of which nothing is left, and of which the file knows nothing.

    Added by one thread and taken by another: each step is one that no other thread comes into.
    """

    def __init__(self) -> None:
        self._claims: deque[DoneClaim] = deque()
        self.delivered: int = 0
        """How many events were delivered and settled by whoever kept the next ones."""
        self.rejected: int = 0
        """How many of those were given up for good."""

    def __len__(self) -> int:
        return len(self._claims)

    def add(self, claim: DoneClaim) -> None:
        """Leave *claim* here."""
        self._claims.append(claim)

    def is_due(self, now: float) -> bool:
        """Return whether one is here that has to be told *now*."""
        try:
            return now - self._claims[0].at >= TELL_WITHIN_SECS
        except IndexError:  # another thread may have had the last one
            return False

    def take(self) -> list[DoneClaim]:
        """Return what is here, which is the caller's to tell."""
        claims: list[DoneClaim] = []
        while True:
            try:
                claims.append(self._claims.popleft())
            except IndexError:
                return claims

    def give_back(self, claims: Sequence[DoneClaim]) -> None:
        """Leave *claims* here once more: they could not be told."""
        self._claims.extendleft(reversed(claims))

    def count(self, claims: Sequence[DoneClaim], settled: frozenset[int]) -> None:
        """Count what was *settled* of *claims*. By one thread at a time."""
        delivered, rejected = count_settled(claims, settled)
        self.delivered += delivered
        self.rejected += rejected


def count_settled(claims: Iterable[DoneClaim], settled: frozenset[int]) -> tuple[int, int]:
    """Return how many events of *claims* were delivered and given up, in chunks that were *settled*: of the others, somebody else counts it."""
    counted = [held for claim in claims for held in claim.held if held.id in settled]
    return sum(held.delivered for held in counted), sum(held.rejected for held in counted)
