"""
JSON text back into events: the strict inverse of the encoder, and nearly as fast.

What recurs in the texts of one shape stands before their numbers; it is read and checked once
and kept. A text that the encoder would not have written is no event.
"""

from __future__ import annotations

import re
from typing import Any, Optional

from ..vocabulary import COUNT_MAX
from ._encoding import EventEncoder, EventRow
from ._event_shape import EventShape, check_shape

__all__ = ["EventReader"]

_KEPT_HEADS_MAX = 1024
_MIDDLE = ',"latency_ms":'  # no name holds it: a quote in a name is escaped
_TAIL = re.compile(r'(0|[1-9]\d{0,15}),"timestamp_secs":(0|[1-9]\d{0,15})(,"was_fallback":true)?,"id":"([!#-\[\]-~]{1,128})"\}', re.ASCII)
_OPTIONAL = ("routing_detail", "upstream", "error_type", "client")


class EventReader:
    """Turns the JSON texts of events with an id into rows. Not safe between threads: each reader has its own."""

    def __init__(self) -> None:
        self._shapes: dict[tuple[str, bool], Optional[EventShape]] = {}
        self._encoder = EventEncoder()

    def read(self, text: str) -> EventRow | None:
        """Return the event that *text* is, None when it is none."""
        head, _, tail = text.partition(_MIDDLE)
        found = _TAIL.fullmatch(tail)
        if found is None:
            return None
        latency_ms, timestamp_secs, fallback, own_id = found.groups()
        key = (head, fallback is not None)
        try:
            shape = self._shapes[key]
        except KeyError:
            shape = self._learn(*key)
        latency, seconds = int(latency_ms), int(timestamp_secs)
        if shape is None or latency > COUNT_MAX or seconds > COUNT_MAX:
            return None
        return shape, latency, seconds, own_id, 0, None

    def _learn(self, head: str, was_fallback: bool) -> EventShape | None:  # noqa: FBT001  half of a key
        shape = _shape_of(head, was_fallback)
        # What says the same in other words was written by somebody else.
        if shape is not None and not self._encoder.encode_one(shape, 0, 0, "0").startswith(head + _MIDDLE):
            shape = None
        if len(self._shapes) >= _KEPT_HEADS_MAX:
            # Names without end must not all be remembered.
            self._shapes.clear()
        self._shapes[head, was_fallback] = shape
        return shape


def _shape_of(head: str, was_fallback: bool) -> EventShape | None:  # noqa: FBT001  half of a key
    import json

    try:
        fields: Any = json.loads(head + "}")
        optional = [fields.get(name) for name in _OPTIONAL]
        detail, upstream, error_type, client = optional
        return check_shape(
            fields["tool"], fields["routing_decision"], detail, upstream, fields["status"], error_type, client, was_fallback
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
