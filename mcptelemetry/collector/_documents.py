"""
From the bytes of a body to one JSON object, or to a sentence about what is wrong.

Any bytes give one or the other: JSON that Python would let pass (NaN, a key twice, numbers
of a million digits) is refused too. Before it is parsed a body is looked over in one linear
pass: twelve kilobytes on the wire can hold a million arrays, each an object in memory.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Any, NamedTuple, NoReturn

from ..errors import TelemetryError
from ._limits import CONTAINERS_MAX, DEPTH_MAX, VALUES_MAX

__all__ = ["DocumentError", "kind_of", "read_object"]

_INT_DIGITS_MAX = 20
_NAME_CHARACTERS_MAX = 64
_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_LONG_NUMBER = re.compile(rb"[0-9]{%d}" % (_INT_DIGITS_MAX + 1))
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class DocumentError(TelemetryError, ValueError):
    """A body is not the document that it should be; the message names the field."""


class _Outline(NamedTuple):
    """What one look over a body tells: how many members its objects have together, and whether its numbers are sane."""

    member_count: int
    has_long_number: bool


def read_object(body: bytes, expected: str) -> dict[str, Any]:
    """Return the one JSON object that *body* holds; otherwise say that it must be what is *expected*."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        msg = f"the body is not UTF-8 at byte {error.start}"
        raise DocumentError(msg) from None
    outline = _look_over(body)
    document = _decode(_STRICT if outline.has_long_number else _QUICK, text)
    # The quick reading keeps one of two members of the same name: then fewer are left than were written.
    if not outline.has_long_number and _count_members(document) != outline.member_count:
        document = _decode(_STRICT, text)
    if not isinstance(document, dict):
        msg = f"the body must be {expected}, not {kind_of(document)}"
        raise DocumentError(msg)
    return document


def _look_over(body: bytes) -> _Outline:
    """Raise `DocumentError` when *body* nests too deeply or holds too much; it need not be JSON."""
    if b"\\" in body:
        body = _ESCAPE.sub(b"", body)
    outside = b"".join(body.split(b'"')[::2])  # of its strings
    brackets = outside.translate(None, _NO_BRACKETS)
    if len(brackets) > 2 * CONTAINERS_MAX or outside.count(b",") > VALUES_MAX:
        # What is deep and never ends is told as what it is.
        if brackets.lstrip(b"[{") and not brackets.startswith((b"[" * (DEPTH_MAX + 1), b"{" * (DEPTH_MAX + 1))):
            msg = f"the body holds more than {CONTAINERS_MAX} objects and arrays, or {VALUES_MAX} values"
            raise DocumentError(msg)
        msg = "the body is nested too deeply"
        raise DocumentError(msg)
    # Each round takes away the innermost pairs; what is left after so many rounds is deeper, or no JSON.
    for _ in range(DEPTH_MAX):
        brackets = brackets.replace(b"{}", b"").replace(b"[]", b"")
        if not brackets:
            break
    if len(brackets) > DEPTH_MAX or b"{}" in brackets or b"[]" in brackets:
        msg = "the body is nested too deeply"
        raise DocumentError(msg)
    return _Outline(outside.count(b":"), _LONG_NUMBER.search(outside) is not None)


def _count_members(value: object) -> int:
    """Return how many members the objects in *value* have together; -1 when it is simpler to read it anew."""
    if not isinstance(value, dict):
        return -1
    count = len(value)
    for item in value.values():
        if isinstance(item, dict):
            count += _count_members(item)
        elif isinstance(item, list):
            for part in item:
                if isinstance(part, dict):
                    count += len(part)
    return count


def _decode(decoder: json.JSONDecoder, text: str) -> object:
    try:
        return decoder.decode(text)
    except DocumentError:
        raise
    except json.JSONDecodeError as error:
        msg = f"the body is not JSON: {error.msg} at line {error.lineno} column {error.colno}"
        raise DocumentError(msg) from None
    except RecursionError:
        msg = "the body is nested too deeply"
        raise DocumentError(msg) from None


def _make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        msg = f"{twice[:_NAME_CHARACTERS_MAX]!r} stands twice in one object"
        raise DocumentError(msg)
    return made


def _read_int(text: str) -> int | float:
    # A number of a million digits takes minutes to read on older Pythons. No field can hold
    # it, and as infinity it reaches the field that says so by name.
    return int(text) if len(text) <= _INT_DIGITS_MAX else math.inf


def _refuse_constant(text: str) -> NoReturn:
    msg = f"the body is not JSON: it holds {text}"
    raise DocumentError(msg)


# Without functions of ours for each object and number, a batch is read in a third of the time.
_QUICK = json.JSONDecoder(parse_constant=_refuse_constant)
_STRICT = json.JSONDecoder(
    object_pairs_hook=_make_object, parse_int=_read_int, parse_constant=_refuse_constant
)

# A boolean is an int to Python, so it is asked for first.
_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "a boolean"),
    (str, "a string"),
    ((int, float), "a number"),
    (list, "an array"),
    (dict, "an object"),
)


def kind_of(value: object) -> str:
    """Return what JSON calls *value*."""
    return next((word for types, word in _KINDS if isinstance(value, types)), "null")
