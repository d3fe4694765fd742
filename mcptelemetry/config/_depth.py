"""
How deep the keys of a TOML text are, and how long its numbers, found out in one pass over it.

The parser takes time with the square of a key's depth: a line of 20 kB held a host for
five seconds. So depth is judged before parsing, by a reader that knows no more of TOML
than where its strings and comments are, and once more on what was parsed.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = ["has_deep_table", "has_long_key", "has_long_number"]

# Each alternative matches whatever follows its first character, up to the end of the text
# if need be, so that nothing is read twice.
_STRING_OR_COMMENT = (
    r'"""(?:[^\\"]|\\.|"{1,2}(?!"))*(?:"{3,5}|\\?\Z)'
    r"|'''(?:[^']|'{1,2}(?!'))*(?:'{3,5}|\Z)"
    r'|"(?:[^\\"\n]|\\[^\n])*"?'
    r"|'[^'\n]*'?"
    r"|#[^\n]*"
)
_WORD = r"[A-Za-z0-9_-]+"
_BLANKS = r"[ \t]+"


def has_long_key(text: str, parts_max: int) -> bool:
    """Return whether a key or a heading in *text* joins more than *parts_max* names with dots."""
    outline = re.sub(_BLANKS, "", re.sub(_WORD, "w", _without_strings(text)))
    # A number has one dot, and no other value has any outside a string.
    return ".".join("w" * (parts_max + 1)) in outline


def has_long_number(text: str, digits_max: int) -> bool:
    """Return whether a number in *text* has more than *digits_max* digits: not every Python refuses those."""
    if len(text) <= digits_max:
        return False
    return any(len(digits) > digits_max for digits in re.findall(r"[0-9_]+", _without_strings(text)))


def has_deep_table(tables: dict[str, Any], depth_max: int) -> bool:
    """Return whether a key of *tables* lies more than *depth_max* names below the top."""
    # Without recursion: lists may be nested as deeply as the file is long.
    waiting: list[tuple[object, int]] = [(tables, 0)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, dict):
            if value and depth >= depth_max:
                return True
            waiting += [(inner, depth + 1) for inner in value.values()]
        elif isinstance(value, list):
            waiting += [(inner, depth) for inner in value]
    return False


def _without_strings(text: str) -> str:
    return re.sub(_STRING_OR_COMMENT, lambda found: "" if found.group().startswith("#") else "w", text, flags=re.DOTALL)
