"""The documents: what leaves the process, and what the collector takes in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._late import late_names
from ._clients import CLIENT_SPELLINGS, OTHER_CLIENT, UNKNOWN_CLIENT, is_known_client, sanitize_client_name
from ._event import EVENT_FIELDS, TelemetryEvent, checked_event, is_event_id
from ._event_shape import (
    NAME_KEPT_MAX_CHARACTERS,
    EventShape,
    as_recorded,
    check_shape,
    cut_names,
    free_names,
)
from ._fields import (
    ARCH_WORDS,
    FEATURE_FLAGS,
    FIELD_SHAPES,
    FIELDS,
    HEARTBEAT,
    HEARTBEAT_BYTES_MAX,
    OAUTH_PROVIDERS,
    OPEN_MAP_ENTRIES_MAX,
    OS_WORDS,
    PROTOCOLS,
    ROUTING_MODES,
    SCHEMA_VERSION,
    ZERO_ID,
    Field,
)
from ._shapes import DECLARED, OPEN, OWN, VERSION, Object, Shape, Text, Words
from ._token_shapes import TOKEN_SHAPES, TokenShape, find_token_shape
from ._traceparent import ParentedLatency, latency_under, parse_traceparent

if TYPE_CHECKING:
    from ._batch import EMPTY_BATCH, TelemetryBatch, wrap_events
    from ._check import check, strip_unknown, with_known_words
    from ._encoding import EventEncoder, EventRow
    from ._event_text import EventReader
    from ._feedback import (
        FEEDBACK,
        FEEDBACK_CATEGORIES,
        FEEDBACK_CHARACTERS_MAX,
        FEEDBACK_CHARACTERS_MIN,
        check_feedback,
        encode_feedback,
    )
    from ._field_texts import render_fields, render_fields_markdown, render_privacy_paragraph
    from ._heartbeat import HeartbeatPayload, cap_counts, cap_entries
    from ._json_schema import heartbeat_json_schema
    from ._otlp import EMPTY_TRACES, SpanEncoder, wrap_spans
    from ._otlp_metrics import DurationHistograms
    from ._walk import Place, Problem, walk

__all__ = [
    "ARCH_WORDS",
    "CLIENT_SPELLINGS",
    "DECLARED",
    "EMPTY_BATCH",
    "EMPTY_TRACES",
    "EVENT_FIELDS",
    "FEATURE_FLAGS",
    "FEEDBACK",
    "FEEDBACK_CATEGORIES",
    "FEEDBACK_CHARACTERS_MAX",
    "FEEDBACK_CHARACTERS_MIN",
    "FIELDS",
    "FIELD_SHAPES",
    "HEARTBEAT",
    "HEARTBEAT_BYTES_MAX",
    "NAME_KEPT_MAX_CHARACTERS",
    "OAUTH_PROVIDERS",
    "OPEN",
    "OPEN_MAP_ENTRIES_MAX",
    "OS_WORDS",
    "OTHER_CLIENT",
    "OWN",
    "PROTOCOLS",
    "ROUTING_MODES",
    "SCHEMA_VERSION",
    "TOKEN_SHAPES",
    "UNKNOWN_CLIENT",
    "VERSION",
    "ZERO_ID",
    "DurationHistograms",
    "EventEncoder",
    "EventReader",
    "EventRow",
    "EventShape",
    "Field",
    "HeartbeatPayload",
    "Object",
    "ParentedLatency",
    "Place",
    "Problem",
    "Shape",
    "SpanEncoder",
    "TelemetryBatch",
    "TelemetryEvent",
    "Text",
    "TokenShape",
    "Words",
    "as_recorded",
    "cap_counts",
    "cap_entries",
    "check",
    "check_feedback",
    "check_shape",
    "checked_event",
    "cut_names",
    "encode_feedback",
    "find_token_shape",
    "free_names",
    "heartbeat_json_schema",
    "is_event_id",
    "is_known_client",
    "latency_under",
    "parse_traceparent",
    "render_fields",
    "render_fields_markdown",
    "render_privacy_paragraph",
    "sanitize_client_name",
    "strip_unknown",
    "walk",
    "with_known_words",
    "wrap_events",
    "wrap_spans",
]

if not TYPE_CHECKING:
    __getattr__ = late_names(
        globals(),
        {
            "_batch": ("EMPTY_BATCH", "TelemetryBatch", "wrap_events"),
            "_check": ("check", "strip_unknown", "with_known_words"),
            "_encoding": ("EventEncoder", "EventRow"),
            "_event_text": ("EventReader",),
            "_feedback": (
                "FEEDBACK",
                "FEEDBACK_CATEGORIES",
                "FEEDBACK_CHARACTERS_MAX",
                "FEEDBACK_CHARACTERS_MIN",
                "check_feedback",
                "encode_feedback",
            ),
            "_field_texts": ("render_fields", "render_fields_markdown", "render_privacy_paragraph"),
            "_heartbeat": ("HeartbeatPayload", "cap_counts", "cap_entries"),
            "_json_schema": ("heartbeat_json_schema",),
            "_otlp": ("EMPTY_TRACES", "SpanEncoder", "wrap_spans"),
            "_otlp_metrics": ("DurationHistograms",),
            "_walk": ("Place", "Problem", "walk"),
        },
    )
