"""
How the process that carries tells the one that looks what passed, through a pipe.

A frame is what happened (lines of the client's, lines of the server's, its leaving, the end),
when, and the lines. Both processes have one clock: the monotonic one of the machine.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from ._lines import Block

__all__ = ["CLIENT_SAID", "END", "LEAVING", "SERVER_SAID", "Frame", "FrameReader", "frame_of", "header_of_lines"]

CLIENT_SAID, SERVER_SAID, LEAVING, END = range(4)
_HEADER = struct.Struct("=B?dII")  # kind, whether there is a gap, when, and the sizes of the two parts


class Frame(NamedTuple):
    """What happened, when, and the lines if there are any."""

    kind: int
    at: float
    block: Block


def frame_of(kind: int, at: float, block: Block | None = None) -> bytes:
    """Return the bytes of a frame."""
    if block is None:
        return _HEADER.pack(kind, False, at, 0, 0)
    beginning, rest = block.beginning, block.rest
    return _HEADER.pack(kind, block.has_gap, at, len(beginning), len(rest)) + beginning + rest


def header_of_lines(kind: int, at: float, size_bytes: int) -> bytes:
    """Return what stands before so many bytes of whole lines to make them a frame."""
    return _HEADER.pack(kind, False, at, 0, size_bytes)


class FrameReader:
    """Takes the bytes of frames as they come, and gives back the frames."""

    def __init__(self) -> None:
        self._left = b""

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take the next bytes; yield the frames that they complete."""
        data = self._left + data
        position = 0
        while len(data) - position >= _HEADER.size:
            kind, has_gap, at, beginning_bytes, rest_bytes = _HEADER.unpack_from(data, position)
            begins_at = position + _HEADER.size
            ends_at = begins_at + beginning_bytes + rest_bytes
            if ends_at > len(data):
                break
            beginning = data[begins_at : begins_at + beginning_bytes]
            yield Frame(kind, at, Block(beginning, data[begins_at + beginning_bytes : ends_at], has_gap=has_gap))
            position = ends_at
        self._left = data[position:]
