"""
From the bytes of a body to a batch of events, or to a sentence about what is wrong.

Any bytes give one or the other: JSON that Python would let pass (NaN, a key twice, numbers
of a million digits) is refused too. A field that an event does not have yet may come from
a newer sender, so it is left out and named, not refused.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any, NamedTuple, NoReturn

from ..errors import TelemetryError
from ..vocabulary import NAME_CHARACTERS_MAX
from ..wire import EVENT_FIELDS, TelemetryBatch, TelemetryEvent

__all__ = ["DocumentError", "Reading", "read_batch", "read_object"]

_EVENT_FIELDS = frozenset(EVENT_FIELDS)
_BATCH_FIELDS = frozenset(("events", "app", "version"))
_INT_DIGITS_MAX = 20
_IGNORED_NAMES_MAX = 20
_IGNORED_NAME_CHARACTERS_MAX = 64


class DocumentError(TelemetryError, ValueError):
    """A body is not the document that it should be; the message names the field."""


class Reading(NamedTuple):
    """A batch, and the names of the fields that were left out because nobody knows them."""

    batch: TelemetryBatch
    ignored_fields: list[str]


def read_batch(body: bytes) -> Reading:
    """Return the batch that *body* holds; raise `DocumentError` naming the field that does not fit."""
    document = read_object(body, "an object with 'events'")
    ignored = set(document.keys() - _BATCH_FIELDS)
    if "events" not in document:
        msg = "events is missing"
        raise DocumentError(msg)
    items = document["events"]
    if not isinstance(items, list):
        msg = f"events must be an array, not {_kind(items)}"
        raise DocumentError(msg)
    events = [_read_event(index, item, ignored) for index, item in enumerate(items)]
    batch = TelemetryBatch(
        events, app=_read_name("app", document), version=_read_name("version", document)
    )
    names = sorted(name[:_IGNORED_NAME_CHARACTERS_MAX] for name in ignored)
    return Reading(batch, names[:_IGNORED_NAMES_MAX])


def read_object(body: bytes, expected: str) -> dict[str, Any]:
    """Return the one JSON object that *body* holds; otherwise say that it must be what is *expected*."""
    document = _read_json(body)
    if not isinstance(document, dict):
        msg = f"the body must be {expected}, not {_kind(document)}"
        raise DocumentError(msg)
    return document


def _read_event(index: int, item: object, ignored: set[str]) -> TelemetryEvent:
    if not isinstance(item, dict):
        msg = f"events[{index}] must be an object, not {_kind(item)}"
        raise DocumentError(msg)
    if not item.keys() <= _EVENT_FIELDS:
        if len(ignored) < _IGNORED_NAMES_MAX:
            ignored.update(item.keys() - _EVENT_FIELDS)
        item = {name: value for name, value in item.items() if name in _EVENT_FIELDS}
    try:
        return TelemetryEvent.from_dict(item)
    except ValueError as error:
        msg = f"events[{index}].{error}"
        raise DocumentError(msg) from None


def _read_name(name: str, document: dict[str, Any]) -> str | None:
    """Return the app or version of the batch, cleaned like the names in an event; None when unknown."""
    value = document.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        msg = f"{name} must be a string, not {_kind(value)}"
        raise DocumentError(msg)
    return "".join(c if c.isprintable() else "\ufffd" for c in value[:NAME_CHARACTERS_MAX])


def _read_json(body: bytes) -> object:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        msg = f"the body is not UTF-8 at byte {error.start}"
        raise DocumentError(msg) from None
    try:
        return _DECODER.decode(text)
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
        msg = f"{twice[:_IGNORED_NAME_CHARACTERS_MAX]!r} stands twice in one object"
        raise DocumentError(msg)
    return made


def _read_int(text: str) -> int | float:
    # A number of a million digits takes minutes to read on older Pythons. No field can hold
    # it, and as infinity it reaches the field that says so by name.
    return int(text) if len(text) <= _INT_DIGITS_MAX else math.inf


def _refuse_constant(text: str) -> NoReturn:
    msg = f"the body is not JSON: it holds {text}"
    raise DocumentError(msg)


_DECODER = json.JSONDecoder(
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


def _kind(value: object) -> str:
    """Return what JSON calls *value*."""
    return next((word for types, word in _KINDS if isinstance(value, types)), "null")
