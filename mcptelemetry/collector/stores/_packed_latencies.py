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
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import accumulate
from operator import add, mul
from typing import Any

__all__ = ["exact_percentiles", "pack_latencies"]

_LEADING_BITS = 5  # of a latency: they name its bucket
_HALF = 1 << (_LEADING_BITS - 1)
_BUCKETS = 60 * _HALF  # for any number of 63 bits
_HEAD = struct.Struct("<H")
_OTHERS = -1  # in place of a key
_HEAP_BYTES_MAX = 1 << 13
_PIECE_BYTES = 64  # what a piece of a heap takes beside its own


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
    rows: Callable[[], Iterable[tuple[Any, ...]]], wanted: Sequence[Collection[int]], percents: Sequence[int]
) -> tuple[list[dict[int, list[int | None]]], list[int | None]]:
    """
    Return the nearest-rank *percents* (ascending) of each key that is wanted, and those over all rows.

    *rows* gives packed latencies, last in a row; before them, for each collection in *wanted*, the
    key of that kind: a route, and what it is a part of, as its tool. It is asked twice and gives
    the same: first all are counted, then the few buckets in which a percentile lies are looked at.
    """
    counts = [{key: [0] * _BUCKETS for key in (*keys, _OTHERS)} for keys in wanted]
    parts: dict[int, list[int]] = {}  # of the routes that are wanted, what they are parts of
    for first, *keys, packed in rows():
        buckets, numbers, _ = _read_head(packed)
        counted = counts[0].get(first)
        if counted is not None:
            parts[first] = keys
            for bucket, number in zip(buckets, numbers):
                counted[bucket] += number
            continue
        for of_kind, key in zip(counts, (_OTHERS, *keys)):
            counted = of_kind.get(key) or of_kind[_OTHERS]
            for bucket, number in zip(buckets, numbers):
                counted[bucket] += number
    for first, keys in parts.items():
        for of_kind, key in zip(counts[1:], keys):
            whole_part = of_kind.get(key) or of_kind[_OTHERS]
            whole_part[:] = map(add, whole_part, counts[0][first])
    whole = _Ranks([*map(sum, zip(*counts[0].values()))], percents)
    ranks = [{key: _Ranks(counted, percents) for key, counted in of_kind.items() if key != _OTHERS} for of_kind in counts]
    for *keys, packed in rows():
        owners = [of_kind[key].low_bits for of_kind, key in zip(ranks, keys) if key in of_kind]
        owners.append(whole.low_bits)
        buckets, numbers, start = _read_head(packed)
        starts = [*accumulate(map(mul, numbers, map(_WIDTHS_BYTES.__getitem__, buckets)), initial=start)]
        for owner in owners:
            for bucket, low_bits in owner.items():
                place = bisect_left(buckets, bucket)
                if place < len(buckets) and buckets[place] == bucket:
                    low_bits.add(packed[starts[place] : starts[place + 1]])
    return [{key: of_key.answer() for key, of_key in of_kind.items()} for of_kind in ranks], whole.answer()


class _LowBits:
    """The low bits of latencies of one bucket, counted a heap at a time."""

    def __init__(self, code: str) -> None:
        self._code = code
        self._heap: list[bytes] = []
        self._heap_bytes = 0
        self._counts: Counter[int] = Counter()

    def add(self, low_bits: bytes) -> None:
        self._heap.append(low_bits)
        self._heap_bytes += len(low_bits) + _PIECE_BYTES
        if self._heap_bytes > _HEAP_BYTES_MAX:
            self._count()

    def at(self, rank: int) -> int:
        """Return which is at *rank* of all."""
        if not self._code:
            return 0
        self._count()
        low_bits = sorted(self._counts.items())
        upto = accumulate(number for _, number in low_bits)
        return next(low for (low, _), seen in zip(low_bits, upto) if seen >= rank)

    def _count(self) -> None:
        heap, self._heap, self._heap_bytes = b"".join(self._heap), [], 0
        if self._code:
            self._counts.update(struct.unpack(f"<{len(heap) // struct.calcsize(f'<{self._code}')}{self._code}", heap))


class _Ranks:
    """Ranks among latencies that were counted by bucket; *low_bits* are to be filled, for the buckets that matter."""

    def __init__(self, counts: Sequence[int], percents: Sequence[int]) -> None:
        upto = [0, *accumulate(counts)]
        ranks = [-(-percent * upto[-1] // 100) for percent in percents] if upto[-1] else []
        self._missing = len(percents) - len(ranks)
        buckets = [bisect_left(upto, rank) - 1 for rank in ranks]
        self._places = [(bucket, rank - upto[bucket]) for bucket, rank in zip(buckets, ranks)]  # and the rank in the bucket
        self.low_bits = {bucket: _LowBits(_CODES[bucket]) for bucket in buckets}

    def answer(self) -> list[int | None]:
        """Return the latency at each rank."""
        return [_least_of(bucket) + self.low_bits[bucket].at(rank) for bucket, rank in self._places] + [None] * self._missing


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
