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
from typing import Any, NoReturn

from ..errors import TelemetryError
from ._limits import CONTAINERS_MAX, DEPTH_MAX, VALUES_MAX

__all__ = ["DocumentError", "kind_of", "read_object"]

_INT_DIGITS_MAX = 20
_NAME_CHARACTERS_MAX = 64
_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_LONG_NUMBER = b"0" * (_INT_DIGITS_MAX + 1)
_DIGITS_AS_ZERO = bytes(ord("0") if chr(byte).isascii() and chr(byte).isdigit() else 0 for byte in range(256))
_DEEP = (b"[" * (DEPTH_MAX + 1), b"{" * (DEPTH_MAX + 1))
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class DocumentError(TelemetryError, ValueError):
    """A body is not the document that it should be; the message names the field."""


def read_object(body: bytes, expected: str) -> dict[str, Any]:
    """Return the one JSON object that *body* holds; otherwise say that it must be what is *expected*."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        msg = f"the body is not UTF-8 at byte {error.start}"
        raise DocumentError(msg) from None
    _look_over(body)
    has_long_number = _LONG_NUMBER in body.translate(_DIGITS_AS_ZERO)
    document = _decode(_STRICT if has_long_number else _QUICK, text)
    # The quick reading keeps one of two members of the same name: then fewer are left than were
    # written, each with a colon. A colon in a string costs a second reading, and no more.
    if not has_long_number and _count_members(document) != body.count(b":"):
        document = _decode(_STRICT, text)
    if not isinstance(document, dict):
        msg = f"the body must be {expected}, not {kind_of(document)}"
        raise DocumentError(msg)
    return document


def _look_over(body: bytes) -> None:
    """Raise `DocumentError` when *body* nests too deeply or holds too much; it need not be JSON."""
    # With what stands in strings there is more of everything, so few are few; only where there
    # are many is it looked at what stands where.
    brackets = body.translate(None, _NO_BRACKETS)
    if len(brackets) <= 2 * CONTAINERS_MAX and body.count(b",") <= VALUES_MAX and not _peel(brackets):
        return
    if b"\\" in body:
        body = _ESCAPE.sub(b"", body)
    outside = b"".join(body.split(b'"')[::2])  # of its strings
    brackets = outside.translate(None, _NO_BRACKETS)
    if brackets.startswith(_DEEP):
        msg = "the body is nested too deeply"
        raise DocumentError(msg)
    if len(brackets) > 2 * CONTAINERS_MAX or outside.count(b",") > VALUES_MAX:
        msg = f"the body holds more than {CONTAINERS_MAX} objects and arrays, or {VALUES_MAX} values"
        raise DocumentError(msg)
    left = _peel(brackets)
    if len(left) > DEPTH_MAX or b"{}" in left or b"[]" in left:
        msg = "the body is nested too deeply"
        raise DocumentError(msg)


def _peel(brackets: bytes) -> bytes:
    """Return what is left of *brackets* when the innermost pairs were taken away as often as a document may be deep."""
    for _ in range(DEPTH_MAX):
        brackets = brackets.replace(b"{}", b"").replace(b"[]", b"")
        if not brackets:
            break
    return brackets


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
