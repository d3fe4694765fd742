"""
Cutting a stream of bytes into the lines that are looked at.

Forwarding never waits for a line: this cutter only sees copies of bytes that pass anyway.
Its memory is bounded, so a line longer than the limit is reduced to its outline on the
fly instead of being collected.
"""

from __future__ import annotations

from ._outline import Outline

__all__ = ["LINE_LIMIT_BYTES", "LineCutter"]

LINE_LIMIT_BYTES = 1024 * 1024
"""Lines up to this many bytes are kept whole."""


class LineCutter:
    """
    Collects bytes and gives back each line when its line end has come.

    A line longer than *limit_bytes* comes back as its `Outline`; empty lines do not come
    back. Not safe for use by two threads at once.
    """

    def __init__(self, limit_bytes: int = LINE_LIMIT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._line = bytearray()
        self._outline: Outline | None = None  # takes the place of _line in a long line

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes of the stream; return the lines they complete, without line ends."""
        *ended, unfinished = data.split(b"\n")
        lines = []
        for piece in ended:
            self._take(piece)
            lines += self.rest()
        self._take(unfinished)
        return lines

    def rest(self) -> list[bytes]:
        """End the line under way, as at the end of the stream; return it unless it is empty."""
        line = bytes(self._line) if self._outline is None else self._outline.text()
        self._line.clear()
        self._outline = None
        return [line] if line.strip() else []

    def _take(self, piece: bytes) -> None:
        """Add *piece*, which holds no line end, to the line under way."""
        if self._outline is not None:
            self._outline.feed(piece)
        elif len(self._line) + len(piece) <= self._limit_bytes:
            self._line += piece
        else:
            self._outline = Outline()
            self._outline.feed(bytes(self._line))
            self._outline.feed(piece)
            self._line = bytearray()
