"""
One tool invocation as a value: what is in it, and what may not be.

An event is two halves. Its *shape* (tool, decision, outcome) recurs over and over in a
process and is checked and encoded once; the rest is three numbers and an id. There is no
field that could hold an argument, a result or a message.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

from ..vocabulary import COUNT_MAX, ErrorType, ErrorTypeWord, TelemetryStatus, TelemetryStatusWord
from ._event_shape import EventShape, check_shape, cut_name, cut_names

__all__ = ["EVENT_FIELDS", "TelemetryEvent", "checked_event", "is_event_id"]

EVENT_FIELDS = (
    "tool",
    "routing_decision",
    "routing_detail",
    "upstream",
    "status",
    "error_type",
    "client",
    "latency_ms",
    "timestamp_secs",
    "was_fallback",
    "id",
)
"""The names of an event's fields, in wire order."""

_ID = re.compile(r"[!#-\[\]-~]{1,128}")  # printable ASCII without space, quote, backslash


class TelemetryEvent:
    """
    One tool invocation: immutable, equal by value, hashable.

    Names are cut at 128 characters and control characters in them replaced.

    Args:
        tool: the tool's name without any upstream's prefix.
        routing_decision: a label, see `RoutingReason`.
        routing_detail: the pattern that matched, for an ``override_rule``.
        upstream: the upstream's prefix when the call went remote.
        status: ``"success"`` or ``"error"``.
        error_type: why it failed, an `ErrorType` or its word; only with status ``"error"``.
        client: the MCP client's name, kept as `sanitize_client_name` gives it.
        latency_ms: how long it took, in whole milliseconds, 0 or more.
        timestamp_secs: Unix seconds when the decision was made; None: now.
        was_fallback: whether the primary target had failed and this was the second try.
        id: makes a repeat recognisable: 1 to 128 printable ASCII characters without space,
            quote or backslash; None: the buffer gives it one.

    Raises:
        ValueError: for anything else that does not fit; the message names the field.
    """

    __slots__ = ("_shape", "id", "latency_ms", "timestamp_secs")

    _shape: EventShape
    id: str | None
    latency_ms: int
    timestamp_secs: int

    def __init__(
        self,
        tool: str,
        routing_decision: str,
        *,
        routing_detail: str | None = None,
        upstream: str | None = None,
        status: TelemetryStatus | TelemetryStatusWord = TelemetryStatus.SUCCESS,
        error_type: ErrorType | ErrorTypeWord | None = None,
        client: str | None = None,
        latency_ms: int = 0,
        timestamp_secs: int | None = None,
        was_fallback: bool = False,
        id: str | None = None,  # the wire name
    ) -> None:
        shape = check_shape(
            tool, routing_decision, routing_detail, upstream, status, error_type, client, was_fallback
        )
        seconds = int(time.time()) if timestamp_secs is None else timestamp_secs
        put = object.__setattr__
        put(self, "_shape", shape)
        put(self, "latency_ms", _check_number("latency_ms", latency_ms))
        put(self, "timestamp_secs", _check_number("timestamp_secs", seconds))
        put(self, "id", None if id is None else _check_id(id))

    @classmethod
    def now(cls, tool: str, routing_decision: str, **fields: Any) -> TelemetryEvent:
        """Return an event stamped with the present second; *fields* as for the class itself."""
        return cls(tool, routing_decision, **fields)

    @classmethod
    def _of(
        cls, shape: EventShape, latency_ms: int, timestamp_secs: int, id: str | None
    ) -> TelemetryEvent:
        """Return an event from parts that were checked before."""
        event = cls.__new__(cls)
        _put_shape(event, shape)
        _put_latency_ms(event, latency_ms)
        _put_timestamp_secs(event, timestamp_secs)
        _put_id(event, id)
        return event

    @classmethod
    def from_dict(cls, document: Mapping[str, object]) -> TelemetryEvent:
        """
        Return the event that *document* describes: the strict inverse of `to_dict()`.

        Raises `ValueError` naming the field that is unknown, missing or out of range.
        """
        if not isinstance(document, Mapping):
            msg = f"event must be an object, not {type(document).__name__}"
            raise ValueError(msg)  # noqa: TRY004  a decoder has one error
        for key in document:
            if key not in EVENT_FIELDS:
                msg = f"unknown field {key!r}; an event has {', '.join(EVENT_FIELDS)}"
                raise ValueError(msg)
        for name in ("tool", "routing_decision", "status", "latency_ms", "timestamp_secs"):
            if document.get(name) is None:
                msg = f"{name} is missing"
                raise ValueError(msg)
        return cls(**dict(document))  # type: ignore[arg-type]  # checked by the constructor

    def to_dict(self) -> dict[str, Any]:
        """Return the wire form, without fields that are None and without a false `was_fallback`."""
        values = (*cut_names(self._shape)[:7], self.latency_ms, self.timestamp_secs, self.was_fallback, self.id)
        return {
            name: value
            for name, value in zip(EVENT_FIELDS, values)
            if value is not None and value is not False
        }

    @property
    def shape(self) -> EventShape:
        """The half of the event that recurs, as a flat tuple of plain values; names not yet cut."""
        return self._shape

    @property
    def tool(self) -> str:
        """The tool's name without any upstream's prefix."""
        return cut_name(self._shape[0])

    @property
    def routing_decision(self) -> str:
        """The label of the routing decision."""
        return cut_name(self._shape[1])

    @property
    def routing_detail(self) -> str | None:
        """The pattern that matched, for an ``override_rule``."""
        return cut_name(self._shape[2])

    @property
    def upstream(self) -> str | None:
        """The upstream's prefix when the call went remote."""
        return cut_name(self._shape[3])

    @property
    def status(self) -> TelemetryStatus:
        """How the invocation ended."""
        return TelemetryStatus(self._shape[4])

    @property
    def error_type(self) -> ErrorType | None:
        """Why it failed, or None."""
        word = self._shape[5]
        return None if word is None else ErrorType(word)

    @property
    def client(self) -> str | None:
        """The MCP client's sanitised name, None when it is not known."""
        return self._shape[6]

    @property
    def was_fallback(self) -> bool:
        """Whether the primary target had failed and this was the second try."""
        return self._shape[7]

    def _key(self) -> tuple[object, ...]:
        return (cut_names(self._shape), self.latency_ms, self.timestamp_secs, self.id)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TelemetryEvent):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self.to_dict().items())
        return f"TelemetryEvent({fields})"

    def __setattr__(self, name: str, value: object) -> None:
        msg = f"TelemetryEvent is immutable; {name} cannot be set"
        raise AttributeError(msg)

    def __delattr__(self, name: str) -> None:
        msg = f"TelemetryEvent is immutable; {name} cannot be deleted"
        raise AttributeError(msg)

    def __reduce__(self) -> tuple[Any, tuple[object, ...]]:
        return (TelemetryEvent._of, (self._shape, self.latency_ms, self.timestamp_secs, self.id))


def _check_number(name: str, value: object) -> int:
    if type(value) is not int or not 0 <= value <= COUNT_MAX:
        msg = f"{name} must be a whole number from 0 to {COUNT_MAX}"
        raise ValueError(msg)
    return value


# What sets an immutable event's fields, found once: a collector makes a hundred thousand a second.
_put_shape, _put_latency_ms, _put_timestamp_secs, _put_id = (
    TelemetryEvent.__dict__[name].__set__ for name in ("_shape", "latency_ms", "timestamp_secs", "id")
)


def checked_event(shape: EventShape, latency_ms: int, timestamp_secs: int, id: str | None) -> TelemetryEvent:
    """Return the event of these parts, each of which was checked before: for who reads them by the thousand."""
    return TelemetryEvent._of(shape, latency_ms, timestamp_secs, id)


def is_event_id(value: object) -> bool:
    """Return whether *value* may be the id of an event."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _check_id(value: object) -> str:
    if not is_event_id(value):
        msg = "id must be 1 to 128 printable ASCII characters without space, quote or backslash"
        raise ValueError(msg)
    return str(value)
