"""
What a long JSON text says in its first and its last bytes.

An answer of many megabytes (a screenshot, a file) still says in a few short fields how the
call ended, and those stand before or behind what is long. So the middle is never read: the
beginning is read forwards and the end backwards, each as far as it goes, and what both say is
put together. Exact for valid JSON; anything else gives something else, and raises nothing.
What stands between two long parts is missed: no official package puts an outcome or an id
there, a server's own hand may (``content``, ``isError``, ``structuredContent``, all of it long);
such an answer counts as a success.
"""

from __future__ import annotations

import json
import re
from typing import Any

__all__ = ["read_ends"]

# The last group is empty where the string goes on beyond what is read.
_FORWARDS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*("?)|[{}\[\],:]', re.DOTALL)
# In a text that stands backwards: the quote that begins a string has no backslash "behind" it, every other one has.
_BACKWARDS = re.compile(rb'"[^"]*(?:"(?=\\)[^"]*)*("(?=[^\\]))?|[{}\[\],]')
_OPENING = {b"{": b"}", b"[": b"]"}
_CLOSING = {closing: opening for opening, closing in _OPENING.items()}
# A member of a member (a result's `isError`, a call's `name`) is the deepest that is asked for.
_DEPTH = 2


def read_ends(head: bytes, tail: bytes) -> dict[str, Any]:
    """
    Return the object whose text begins with *head* and ends with *tail*, as far as the two tell.

    What lies between them is in neither. Empty when it is no object, or not JSON.
    """
    try:
        document, open_member = _read_forwards(head)
        behind = _read_backwards(tail)
    except ValueError:
        return {}
    found: Any = behind.pop("", None)
    document.update(behind)
    if open_member is not None and isinstance(found, dict):
        before = document.get(open_member)
        document[open_member] = {**before, **found} if isinstance(before, dict) else found
    return document


def _read_forwards(head: bytes) -> tuple[dict[str, Any], str | None]:
    """Return the members that end in *head*, and the name of the one that does not."""
    closers: list[bytes] = []  # of what is open, outermost first
    cut, cut_closers = 0, b""
    name, string = None, b""
    for token in _FORWARDS.finditer(head):
        mark = token.group()
        if mark[:1] == b'"':
            if not token.group(1):
                break
            string = mark
        elif mark == b":":
            name = string if len(closers) == 1 else name
        elif mark in _OPENING:
            closers.append(_OPENING[mark])
            if len(closers) <= _DEPTH:
                cut, cut_closers = token.end(), b"".join(reversed(closers))
        elif mark == b",":
            if len(closers) <= _DEPTH:
                cut, cut_closers = token.start(), b"".join(reversed(closers))
        else:
            closers.pop() if closers else None
            if len(closers) == 1:
                cut, cut_closers = token.end(), closers[0]
    document = json.loads((head[:cut] + cut_closers).decode("utf-8", "replace"))
    is_object = isinstance(document, dict)
    return (document if is_object else {}), json.loads(name) if name is not None and is_object else None


def _read_backwards(tail: bytes) -> dict[str, Any]:
    """Return the members that begin in *tail*; under an empty name, those of the member that does not."""
    backwards = tail.rstrip()[::-1]
    openers: list[bytes] = []
    cut, cut_openers = 0, b""
    for token in _BACKWARDS.finditer(backwards):
        mark = token.group()
        if mark[:1] == b'"':
            if not token.group(1):
                break
        elif mark in _CLOSING:
            openers.append(_CLOSING[mark])
            if len(openers) <= _DEPTH:
                cut, cut_openers = token.end(), b'"":'.join(openers)
        elif mark == b",":
            if len(openers) <= _DEPTH:
                cut, cut_openers = token.start(), b'"":'.join(openers)
        elif openers:
            openers.pop()
    document = json.loads((cut_openers + backwards[:cut][::-1]).decode("utf-8", "replace"))
    return document if isinstance(document, dict) else {}
