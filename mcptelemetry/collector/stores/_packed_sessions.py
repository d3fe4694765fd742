"""
How often many processes called, in few bytes, and how many of them called how often.

A process's number stands beside its calls, in ascending order, so that packs of several blocks are
put together a range of numbers at a time: what is in memory does not grow with the processes but by
their bytes.
"""

from __future__ import annotations

import struct
import sys
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = ["count_sizes", "pack_sessions"]

_HEAD = struct.Struct("<IBB")  # how many; in how many bytes a number is written, and its calls
_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}
_RANGE = 1 << 16

_Pack = tuple[Sequence[int], Sequence[int]]


def pack_sessions(calls: Mapping[int, int]) -> bytes:
    """Return the calls of each process (numbers that are not negative) in few bytes."""
    numbers = sorted(calls)
    columns = (numbers, [calls[number] for number in numbers])
    widths = [next(width for width in _CODES if max(column, default=0) < 1 << 8 * width) for column in columns]
    parts = (struct.pack(f"<{len(column)}{_CODES[width]}", *column) for column, width in zip(columns, widths))
    return _HEAD.pack(len(numbers), *widths) + b"".join(parts)


def count_sizes(packs: Iterable[bytes], others: Callable[[int, int], Iterable[tuple[int, int]]], most: int) -> Counter[int]:
    """
    Return how many processes called how often in all of *packs* and others together.

    *others* gives the calls of each process from a number up to another one; none is greater than *most*.
    """
    parts = [_unpack(packed) for packed in packs]
    end = 1 + max((numbers[-1] for numbers, _ in parts if numbers), default=0)
    sizes: Counter[int] = Counter()
    for start in range(0, max(end, most + 1), _RANGE):
        calls = dict(others(start, start + _RANGE))
        for numbers, counts in parts:
            first = bisect_left(numbers, start)
            last = bisect_left(numbers, start + _RANGE, first)
            _add(calls, numbers[first:last], counts[first:last])
        sizes.update(calls.values())
    return sizes


def _add(calls: dict[int, int], numbers: Sequence[int], counts: Sequence[int]) -> None:
    # Most processes live in one block.
    if calls.keys().isdisjoint(numbers):
        calls.update(zip(numbers, counts))
        return
    for number, count in zip(numbers, counts):
        calls[number] = calls.get(number, 0) + count


def _unpack(packed: bytes) -> _Pack:
    length, *widths = _HEAD.unpack_from(packed)
    start, columns = _HEAD.size, []
    for width in widths:
        column = array(_CODES[width])
        column.frombytes(packed[start : start + length * width])
        if sys.byteorder == "big":
            column.byteswap()
        columns.append(column)
        start += length * width
    return columns[0], columns[1]
