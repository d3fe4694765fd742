"""
The calls of an application's own tools: how often, how they ended, how long they took.

A call takes one number, of the counter for its tool, outcome and duration at once; calls,
failures and durations are sums over these. So the three can never disagree, whoever
interrupts whom, and a call costs no more than a single count.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..system import AtomicCounter
from ..vocabulary import DURATION_BUCKETS
from ._keys import CounterKey, Counts, Kind

__all__ = ["CallNumbers", "OwnCalls", "one_for_all"]

CallNumbers = tuple[Iterator[int], ...]
"""What a call takes one number of: an iterator for each of `DURATION_BUCKETS`, in their order."""


class OwnCalls:
    """Counts calls by tool, outcome and duration. Safe from any thread, signal handler or destructor."""

    def __init__(self) -> None:
        self._counters: dict[tuple[str, bool], tuple[AtomicCounter, ...]] = {}

    def numbers(self, tool: str, *, is_failed: bool) -> CallNumbers:
        """Return what the calls of *tool* that failed, or did not, take one number of."""
        key = (tool, is_failed)
        counters = self._counters.get(key)
        if counters is None:
            # `setdefault` is one step: two threads that learn a tool at once take the same numbers.
            counters = self._counters.setdefault(key, tuple(AtomicCounter() for _ in DURATION_BUCKETS))
        return tuple(counter.numbers for counter in counters)

    def add_to(self, counts: Counts) -> None:
        """Add what was counted to *counts*."""
        # A copy of the items in one step: counting goes on and adds tools.
        for (tool, is_failed), counters in list(self._counters.items()):
            taken = [counter.value for counter in counters]  # each looked at once: the sums agree
            sums = {
                CounterKey(Kind.BUILTIN, tool): sum(taken),
                CounterKey(Kind.BUILTIN_ERROR, tool): sum(taken) if is_failed else 0,
            }
            for (_, bucket), count in zip(DURATION_BUCKETS, taken):
                sums[CounterKey(Kind.BUILTIN_DURATION, tool, bucket)] = count
            for sum_key, count in sums.items():
                counts[sum_key] = counts.get(sum_key, 0) + count


def one_for_all(numbers: Iterator[int]) -> CallNumbers:
    """Return *numbers* for calls of any duration."""
    return (numbers,) * len(DURATION_BUCKETS)
