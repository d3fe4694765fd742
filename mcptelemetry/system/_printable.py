"""
Text that is shown to a person: nothing in it that a terminal could obey, or an eye not see.

What a stranger may have named (a path, a tool, a client) ends up in log lines, tables and
errors; control, bidirectional, zero-width and half characters are shown there as escapes.
"""

from __future__ import annotations

import re

__all__ = ["printable", "utf16_units"]

# Python takes these for printable, and a terminal shows nothing: joiners, fillers, selectors.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# Not by the encoder of JSON itself: whoever only records does not load it.
_SHORT_ESCAPES = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


def printable(text: str, *, keep: str = "") -> str:
    """
    Return *text* with every character that cannot be seen, but those in *keep*, as its escape.

    The escapes are JSON's, so that JSON text stays the same document.
    """
    if text.isprintable() and _INVISIBLE.search(text) is None:
        return text
    return "".join(c if c in keep or (c.isprintable() and not _INVISIBLE.match(c)) else _escape(c) for c in text)


def _escape(character: str) -> str:
    return _SHORT_ESCAPES.get(character) or "".join(f"\\u{unit:04x}" for unit in utf16_units(character))


def utf16_units(character: str) -> tuple[int, ...]:
    """Return what JSON writes *character* as; by hand, for the codec is a file that a process may no longer read."""
    point = ord(character)
    if point < 0x10000:
        return (point,)
    return (0xD800 + ((point - 0x10000) >> 10), 0xDC00 + ((point - 0x10000) & 0x3FF))
