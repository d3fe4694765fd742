"""The documents: what leaves the process, and what the collector takes in."""

from __future__ import annotations

from ._batch import TelemetryBatch, wrap_events
from ._encoding import EventEncoder, EventRow
from ._event import EVENT_FIELDS, EventShape, TelemetryEvent, check_shape

__all__ = [
    "EVENT_FIELDS",
    "EventEncoder",
    "EventRow",
    "EventShape",
    "TelemetryBatch",
    "TelemetryEvent",
    "check_shape",
    "wrap_events",
]
