"""
Cutting a stream of bytes into the lines that are looked at.

Forwarding never waits for a line, so the cutter, which works beside it, does next to nothing:
it gives back blocks of whole lines, in the pieces in which they came. Who looks takes them
apart. Of a long line only both ends are kept, unless its beginning says that all of it will be
asked for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Union

__all__ = ["Block", "LineCutter", "LongLine"]

_END_BYTES = 64 * 1024
_WHOLE_BYTES = 4 * 1024 * 1024
_SIGN_BYTES = 4 * 1024


class LongLine:
    """A line of which only the *head* and the *tail* are known, each 64 KiB or more."""

    __slots__ = ("head", "tail")

    def __init__(self, head: bytes, tail: bytes) -> None:
        self.head: bytes = head
        self.tail: bytes = tail


class Block:
    """
    Whole lines: the *beginning* of one, which may be empty, then its end and further ones in *rest*.

    With *has_gap* something is missing between the two.
    """

    __slots__ = ("beginning", "has_gap", "rest")

    def __init__(self, beginning: bytes, rest: bytes, *, has_gap: bool) -> None:
        self.beginning: bytes = beginning
        self.rest: bytes = rest
        self.has_gap: bool = has_gap

    def lines(self) -> Iterator[Union[bytes, LongLine]]:
        """Yield the lines, without line ends; empty ones are left out."""
        beginning = self.beginning
        for end in self.rest.split(b"\n"):
            if beginning and self.has_gap:
                yield LongLine(beginning, end)
            else:
                line = beginning + end
                if line.strip():
                    yield line
            beginning = b""


class LineCutter:
    """
    Collects bytes, and gives them back when a line end has come.

    Of a line longer than *limit_bytes* the first and the last 64 KiB are kept: all of it, up to
    4 MiB, when it is an array or seems to be a list of tools. Not safe for use by two threads
    at once.
    """

    def __init__(self, limit_bytes: int = 4 * _END_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._is_broken = False
        self._begin()

    @property
    def is_between_lines(self) -> bool:
        """Whether the next byte begins a line: nothing is kept, and nothing is missing."""
        return not (self._pieces or self._is_broken)

    def feed(self, data: bytes) -> Block | None:
        """Take the next bytes of the stream; return the lines that they complete, None when they complete none."""
        end = data.rfind(b"\n") + 1
        if not end:
            self._keep(data)
            return None
        if end == len(data):
            return self._end(data)
        block = self._end(data[:end])
        self._keep(data[end:])
        return block

    def rest(self) -> Block | None:
        """End the line under way, as at the end of the stream."""
        return self._end(b"") if self._pieces else None

    def lose(self) -> None:
        """Hear that bytes are missing here: nothing up to the next line end is a line."""
        self._begin()
        self._is_broken = True

    def _begin(self) -> None:
        self._pieces: list[bytes] = []
        self._pieces_bytes = 0
        self._last: deque[bytes] = deque()  # what follows the pieces, once there is a gap
        self._last_bytes = 0
        self._has_gap = False

    def _keep(self, piece: bytes) -> None:
        """Keep *piece*, which holds no line end, if it may be needed."""
        if self._is_broken:
            return
        if not self._has_gap:
            self._pieces.append(piece)
            self._pieces_bytes += len(piece)
            if self._pieces_bytes <= self._limit_bytes or self._must_be_whole():
                return
            # From here on only the two ends: all but the beginning moves to the end, and on and on.
            head, size_bytes = [], 0
            while self._pieces and size_bytes < _END_BYTES:
                head.append(self._pieces.pop(0))
                size_bytes += len(head[-1])
            self._last.extend(self._pieces)
            self._last_bytes = self._pieces_bytes - size_bytes
            self._pieces, self._has_gap = head, True
        else:
            self._last.append(piece)
            self._last_bytes += len(piece)
        while self._last and self._last_bytes - len(self._last[0]) >= _END_BYTES:
            self._last_bytes -= len(self._last.popleft())

    def _must_be_whole(self) -> bool:
        sign = b"".join(self._pieces[:4])[:_SIGN_BYTES]
        return self._pieces_bytes <= _WHOLE_BYTES and (sign.lstrip()[:1] == b"[" or b'"tools"' in sign)

    def _end(self, data: bytes) -> Block | None:
        """Return the lines that end in *data*, and begin anew."""
        if self._is_broken:
            self._is_broken = False
            data = data[data.find(b"\n") + 1 :]
            return Block(b"", data, has_gap=False) if data else None
        if not self._pieces:
            return Block(b"", data, has_gap=False)
        beginning, has_gap = b"".join(self._pieces), self._has_gap
        if has_gap:
            data = b"".join(self._last) + data
        self._begin()
        return Block(beginning, data, has_gap=has_gap)
