"""
The bones of a JSON text that is too long to keep.

An answer of many megabytes (a screenshot, a file) still says in a few short fields how the
call ended. So a long line is not thrown away: what nobody looks at is left out as it
streams by (content, arguments, whatever lies deep, long strings), and what remains is
small, valid JSON.
"""

from __future__ import annotations

import re

__all__ = ["Outline"]

_STRUCTURE = re.compile(rb'["{}\[\]]')
_STRING_STOP = re.compile(rb'["\\]')
_OPENING = b"{["
# The protocol's places for a host's own data, where size comes from; looked for behind an opening bracket.
_LEFT_OUT = re.compile(rb'"(content|structuredContent|arguments)"\s*:\s*\Z')
_NAME_WINDOW_BYTES = 64
_QUOTE = b'"'


class Outline:
    """
    Reduces one JSON text, fed in pieces, to its shallow and short parts.

    Containers that hold content or arguments, or are nested deeper than *depth_limit*,
    become ``null``, and strings of more than *string_limit* bytes become ``""``; the rest is
    kept as it is. A result of more than *size_limit* bytes is given up. Malformed input gives
    malformed output and never raises.
    Not safe for use by two threads at once.
    """

    # Five levels reach a tool's name inside a list of answers: [ { result { tools [ { name.
    def __init__(
        self, *, depth_limit: int = 5, string_limit: int = 16 * 1024, size_limit: int = 1024 * 1024
    ) -> None:
        self._depth_limit = depth_limit
        self._string_limit = string_limit
        self._size_limit = size_limit
        self._depth = 0
        self._dropped_at: int | None = None  # depth of the container that is being left out
        self._kept = bytearray()
        self._string: bytearray | None = None  # the string under way; None outside of strings
        self._string_too_long = False
        self._escaping = False
        self._given_up = False

    def text(self) -> bytes:
        """Return the reduced text of what was fed so far; empty when it was given up."""
        return b"" if self._given_up else bytes(self._kept)

    def feed(self, data: bytes) -> None:
        """Take the next piece of the text."""
        position = 0
        while position < len(data) and not self._given_up:
            if self._string is None:
                position = self._outside(data, position)
            else:
                position = self._inside(data, position, self._string)
            self._given_up = len(self._kept) > self._size_limit

    def _outside(self, data: bytes, position: int) -> int:
        """Read from *position* up to and including the next bracket or quote."""
        found = _STRUCTURE.search(data, position)
        end = found.start() if found else len(data)
        self._keep(data[position:end])
        if found is None:
            return end
        mark = found.group()
        if mark == _QUOTE:
            self._string = bytearray()
            self._string_too_long = False
        elif mark in _OPENING:
            self._depth += 1
            self._open(mark)
        else:
            if self._dropped_at == self._depth:
                self._dropped_at = None
            else:
                self._keep(mark)
            self._depth = max(0, self._depth - 1)
        return end + 1

    def _open(self, mark: bytes) -> None:
        """Begin a container, or begin to leave it out."""
        if self._dropped_at is not None:
            return
        tail = bytes(self._kept[-_NAME_WINDOW_BYTES:])
        if self._depth > self._depth_limit or _LEFT_OUT.search(tail):
            self._keep(b"null")
            self._dropped_at = self._depth
        else:
            self._keep(mark)

    def _keep(self, piece: bytes) -> None:
        if self._dropped_at is None:
            self._kept += piece

    def _inside(self, data: bytes, position: int, string: bytearray) -> int:
        """Read from *position* up to the end of the string, an escape, or the piece."""
        if self._escaping:
            self._escaping = False
            self._add(string, data[position : position + 1])
            return position + 1
        found = _STRING_STOP.search(data, position)
        end = found.start() if found else len(data)
        self._add(string, data[position:end])
        if found is None:
            return end
        if found.group() == _QUOTE:
            self._keep(_QUOTE + string + _QUOTE)
            self._string = None
        else:
            self._escaping = True
            self._add(string, b"\\")
        return end + 1

    def _add(self, string: bytearray, piece: bytes) -> None:
        """Add *piece* to the string under way, or empty it for good when it grew too long."""
        if self._string_too_long or self._dropped_at is not None:
            return
        string += piece
        if len(string) > self._string_limit:
            string.clear()
            self._string_too_long = True
