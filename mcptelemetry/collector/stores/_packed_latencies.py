"""
Many latencies in few bytes, and exact percentiles of them without looking at each.

Latencies are packed by buckets, sixteen to each doubling: how many there are in each bucket, and
behind that the low bits of every one. The counts lead to the bucket in which a percentile lies, and
only what lies in that bucket is looked at.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import accumulate
from operator import mul

__all__ = ["exact_percentiles", "pack_latencies"]

_LEADING_BITS = 5  # of a latency: they name its bucket
_HALF = 1 << (_LEADING_BITS - 1)
_BUCKETS = 60 * _HALF  # for any number of 63 bits
_HEAD = struct.Struct("<H")
_OTHERS = -1  # in place of a route


def _shift_of(bucket: int) -> int:
    """Return of how many low bits the latencies of *bucket* have."""
    return max(0, bucket // _HALF - 1)


def _code_of(shift: int) -> str:
    """Return how `struct` writes so many bits."""
    return next(code for bits, code in ((0, ""), (8, "B"), (16, "H"), (32, "I"), (64, "Q")) if shift <= bits)


_SHIFTS = tuple(_shift_of(bucket) for bucket in range(_BUCKETS))
_CODES = tuple(map(_code_of, _SHIFTS))
_WIDTHS_BYTES = tuple(struct.calcsize(f"<{code}") for code in _CODES)


def pack_latencies(latencies: list[int]) -> bytes:
    """Return *latencies* (milliseconds, not negative; sorted by this) in few bytes."""
    latencies.sort()
    buckets, numbers, low_bits = [], [], []
    start = 0
    while start < len(latencies):
        bucket = _bucket_of(latencies[start])
        first = _least_of(bucket)
        stop = bisect_left(latencies, first + (1 << _SHIFTS[bucket]), start)
        buckets.append(bucket)
        numbers.append(stop - start)
        if _CODES[bucket]:
            low_bits.append(struct.pack(f"<{stop - start}{_CODES[bucket]}", *[latency - first for latency in latencies[start:stop]]))
        start = stop
    head = struct.pack(f"<H{len(buckets)}H", len(buckets), *buckets) + struct.pack(f"<{len(numbers)}I", *numbers)
    return b"".join((head, *low_bits))


def exact_percentiles(
    rows: Callable[[], Iterable[tuple[int, bytes]]], routes: Collection[int], percents: Sequence[int]
) -> tuple[dict[int, list[int | None]], list[int | None]]:
    """
    Return the nearest-rank *percents* (ascending) of each of *routes*, and those over all rows.

    *rows* gives packed latencies, each with its route; it is asked twice and gives the same: first
    they are counted, then the few buckets in which a percentile lies are looked at.
    """
    counts = {route: [0] * _BUCKETS for route in (*routes, _OTHERS)}
    others = counts[_OTHERS]
    for route, packed in rows():
        counted = counts.get(route, others)
        buckets, numbers, _ = _read_head(packed)
        for bucket, number in zip(buckets, numbers):
            counted[bucket] += number
    whole = _Ranks([sum(column) for column in zip(*counts.values())], percents)
    ranks = {route: _Ranks(counted, percents) for route, counted in counts.items() if route != _OTHERS}
    nothing = _Ranks([], percents)
    for route, packed in rows():
        of_route = ranks.get(route, nothing).latencies
        for bucket, latencies in _read_latencies(packed, of_route.keys() | whole.latencies.keys()):
            for found in (of_route, whole.latencies):
                if bucket in found:
                    found[bucket].update(latencies)
    return {route: of_route.answer() for route, of_route in ranks.items()}, whole.answer()


class _Ranks:
    """Ranks among latencies that were counted by bucket; *latencies* are to be filled, for the buckets that matter, low bits counted."""

    def __init__(self, counts: Sequence[int], percents: Sequence[int]) -> None:
        total = sum(counts)
        waiting = [-(-percent * total // 100) for percent in percents] if total else []
        self._missing = len(percents) - len(waiting)
        self._places: list[tuple[int, int]] = []  # bucket, and rank in it
        seen = 0
        for bucket, count in enumerate(counts):
            while waiting and waiting[0] <= seen + count:
                self._places.append((bucket, waiting.pop(0) - seen))
            seen += count
        self.latencies: dict[int, Counter[int]] = {bucket: Counter() for bucket, _ in self._places}

    def answer(self) -> list[int | None]:
        """Return the latency at each rank."""
        return [_least_of(bucket) + self._find(bucket, rank) for bucket, rank in self._places] + [None] * self._missing

    def _find(self, bucket: int, rank: int) -> int:
        low_bits = sorted(self.latencies[bucket].items())
        upto = accumulate(number for _, number in low_bits)
        return next(low for (low, _), seen in zip(low_bits, upto) if seen >= rank)


def _bucket_of(latency: int) -> int:
    shift = max(0, latency.bit_length() - _LEADING_BITS)
    return shift * _HALF + (latency >> shift)


def _least_of(bucket: int) -> int:
    """Return the least latency of *bucket*."""
    return (bucket - _SHIFTS[bucket] * _HALF) << _SHIFTS[bucket]


def _read_head(packed: bytes) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    """Return buckets, how many latencies each has, and where the low bits begin."""
    (length,) = _HEAD.unpack_from(packed)
    buckets = struct.unpack_from(f"<{length}H", packed, _HEAD.size)
    numbers = struct.unpack_from(f"<{length}I", packed, _HEAD.size + 2 * length)
    return buckets, numbers, _HEAD.size + 6 * length


def _read_latencies(packed: bytes, wanted: Collection[int]) -> Iterator[tuple[int, Iterable[int]]]:
    """Yield the low bits of the latencies of those buckets that are *wanted*."""
    buckets, numbers, start = _read_head(packed)
    starts = list(accumulate(map(mul, numbers, map(_WIDTHS_BYTES.__getitem__, buckets)), initial=start))
    for bucket in wanted:
        place = bisect_left(buckets, bucket)
        if place < len(buckets) and buckets[place] == bucket:
            number, code = numbers[place], _CODES[bucket]
            yield bucket, struct.unpack_from(f"<{number}{code}", packed, starts[place]) if code else (0,) * number
