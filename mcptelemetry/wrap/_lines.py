"""
Cutting a stream of bytes into the lines that are looked at.

Forwarding never waits for a line, so the cutter, which works beside it, does next to nothing:
it gives back blocks of whole lines, in the pieces in which they came. Who looks takes them
apart. A long line stays in its pieces too, and of one over the limit only both ends are kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Union

__all__ = ["LINE_LIMIT_BYTES", "Block", "LineCutter", "LongLine"]

LINE_LIMIT_BYTES = 4 * 1024 * 1024
"""Lines up to this many bytes are kept whole."""

_END_BYTES = 64 * 1024


class LongLine:
    """
    A line of more than 64 KiB, which nobody puts together without need.

    Of one that is not *is_whole* the middle is missing.
    """

    __slots__ = ("_pieces", "is_whole")

    def __init__(self, pieces: list[bytes], *, is_whole: bool) -> None:
        self._pieces = pieces
        self.is_whole: bool = is_whole

    def text(self) -> bytes:
        """Return all that is kept of it, as one."""
        return b"".join(self._pieces)

    def ends(self) -> tuple[bytes, bytes]:
        """Return its beginning and its end, each at most 64 KiB."""
        head, tail = bytearray(), b""
        for piece in self._pieces:
            head += piece[: _END_BYTES - len(head)]
            if len(head) >= _END_BYTES:
                break
        for piece in reversed(self._pieces):
            tail = piece[-(_END_BYTES - len(tail)) :] + tail
            if len(tail) >= _END_BYTES:
                break
        return bytes(head), tail

    def mentions(self, word: bytes) -> bool:
        """Return whether *word* stands in it, without putting it together."""
        before = b""
        for piece in self._pieces:
            if word in piece or word in before[1 - len(word) :] + piece[: len(word) - 1]:
                return True
            before = piece
        return False


class Block:
    """Whole lines: the pieces of one that began earlier, then the piece that ends it and holds more."""

    __slots__ = ("_beginning", "_is_whole", "_last", "size_bytes")

    def __init__(self, beginning: list[bytes], last: bytes, size_bytes: int, *, is_whole: bool) -> None:
        self._beginning = beginning
        self._last = last
        self._is_whole = is_whole
        self.size_bytes: int = size_bytes
        """What it holds of memory."""

    def lines(self) -> Iterator[Union[bytes, LongLine]]:
        """Yield the lines, without line ends; empty ones are left out."""
        for number, end in enumerate(self._last.split(b"\n")):
            pieces = [*self._beginning, end] if number == 0 else [end]
            if sum(map(len, pieces)) > _END_BYTES:
                yield LongLine(pieces, is_whole=self._is_whole or number > 0)
            else:
                line = b"".join(pieces)
                if line.strip():
                    yield line


class LineCutter:
    """
    Collects bytes, and gives them back when a line end has come.

    Of a line longer than *limit_bytes* the beginning, up to the limit, and the last 64 KiB are
    kept. Not safe for use by two threads at once.
    """

    def __init__(self, limit_bytes: int = LINE_LIMIT_BYTES) -> None:
        self._limit_bytes = max(limit_bytes, _END_BYTES)
        self._begin()

    def feed(self, data: bytes) -> Block | None:
        """Take the next bytes of the stream; return the lines that they complete, None when they complete none."""
        end = data.rfind(b"\n")
        if end < 0:
            self._keep(data)
            return None
        if end == len(data) - 1:
            return self._end(data)
        block = self._end(data[: end + 1])
        self._keep(data[end + 1 :])
        return block

    def rest(self) -> Block | None:
        """End the line under way, as at the end of the stream."""
        return self._end(b"") if self._beginning else None

    def lose(self) -> None:
        """Hear that bytes are missing here: nothing up to the next line end is a line."""
        self._begin()
        self._is_broken = True

    def _begin(self) -> None:
        self._beginning: list[bytes] = []
        self._end_pieces: deque[bytes] = deque()  # of what is over the limit
        self._kept_bytes = 0
        self._end_bytes = 0
        self._is_whole = True
        self._is_broken = False

    def _keep(self, piece: bytes) -> None:
        """Keep *piece*, which holds no line end, if it may be needed."""
        if self._is_broken:
            return
        if self._kept_bytes < self._limit_bytes:
            self._beginning.append(piece)
            self._kept_bytes += len(piece)
            return
        self._end_pieces.append(piece)
        self._end_bytes += len(piece)
        while self._end_bytes - len(self._end_pieces[0]) >= _END_BYTES:
            self._end_bytes -= len(self._end_pieces.popleft())
            self._is_whole = False

    def _end(self, data: bytes) -> Block | None:
        """Return the lines that end in *data*, and begin anew."""
        if self._is_broken:
            data = data[data.find(b"\n") + 1 :]
        pieces = [*self._beginning, *self._end_pieces]
        block = Block(pieces, data, self._kept_bytes + self._end_bytes + len(data), is_whole=self._is_whole)
        self._begin()
        return block
