"""
Events as spans of OTLP/HTTP JSON, fast.

As in `_encoding`, all that recurs in events of one shape is escaped and joined once and kept. The
ids are a hash of the event's id, so the same event is the same span however often it is sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from json.encoder import encode_basestring_ascii as quote

from .._version import VERSION
from ..vocabulary import TelemetryStatus
from ._encoding import EventRow
from ._event_shape import EventShape, cut_names

__all__ = ["EMPTY_TRACES", "TOOL_CALL", "SpanEncoder", "attribute_text", "scoped_by", "wrap_spans"]

TOOL_CALL = {"mcp.method.name": "tools/call", "gen_ai.operation.name": "execute_tool"}
"""The attributes that every span and every measurement has: we tell of nothing but calls of tools."""

_KEPT_SHAPES_MAX = 1024
_ID_BYTES = 24  # 16 of a trace, 8 of a span
_TRACE_DIGITS = 32
_KIND_SERVER, _KIND_CLIENT = 2, 3
_STATUS_ERROR = '{"code":2}'
# Nanoseconds have 63 bits: a clock that is far off must not make an endpoint reject the whole batch.
_MS_MAX = (2**63 - 1) // 1_000_000
# The official encoders' word on where the parent is: not known to be elsewhere, and known to be.
_FLAGS_ALONE = 256
_FLAGS_REMOTE_PARENT = 768


class SpanEncoder:
    """
    Turns rows into the JSON texts of spans; *network_transport* is the convention's word for what carried the calls.

    Not safe between threads: each sender has its own.
    """

    def __init__(self, network_transport: str | None = None) -> None:
        self._network_transport = network_transport
        self._affixes: dict[EventShape, tuple[str, str]] = {}

    def encode(self, rows: Iterable[EventRow], process: str) -> list[str]:
        """Return one JSON object a row; a row without an id has ``<process>-<number>``."""
        affixes = self._affixes
        prefix = f"{process}-"
        hash_of_prefix = blake2b(prefix.encode(), digest_size=_ID_BYTES)
        texts = []
        for shape, latency_ms, timestamp_secs, own_id, number, parent in rows:
            try:
                head, tail = affixes[shape]
            except KeyError:
                head, tail = self._keep(shape)
            if own_id is None:
                # What was hashed already need not be again: the result is that of the whole id.
                hashed = hash_of_prefix.copy()
                hashed.update(b"%d" % number)
                event_id = f"{prefix}{number}"
            else:
                hashed = blake2b(own_id.encode(), digest_size=_ID_BYTES)
                event_id = own_id
            digits = hashed.hexdigest()
            if parent is None:
                ids = f'{digits[:_TRACE_DIGITS]}","spanId":"{digits[_TRACE_DIGITS:]}","flags":{_FLAGS_ALONE}'
            else:
                ids = (
                    f'{parent[:_TRACE_DIGITS]}","spanId":"{digits[_TRACE_DIGITS:]}"'
                    f',"parentSpanId":"{parent[_TRACE_DIGITS:]}","flags":{_FLAGS_REMOTE_PARENT}'
                )
            end_ms = timestamp_secs * 1000 + latency_ms
            if end_ms > _MS_MAX:
                timestamp_secs, end_ms = min(timestamp_secs, _MS_MAX // 1000), _MS_MAX  # noqa: PLW2901  as it leaves
            texts.append(
                f'{{"traceId":"{ids}{head}{timestamp_secs}000000000","endTimeUnixNano":"'
                f'{end_ms}000000"{tail}{event_id}"}}}}]}}'
            )
        return texts

    def _keep(self, shape: EventShape) -> tuple[str, str]:
        """Return the text before the numbers and the text before the id, and remember them."""
        tool, decision, detail, upstream, status, error_type, client, was_fallback = cut_names(shape)
        kind = _KIND_SERVER if upstream is None else _KIND_CLIENT
        attributes = {
            **TOOL_CALL,
            "gen_ai.tool.name": tool,
            "error.type": error_type,
            "network.transport": self._network_transport,
            "mcptelemetry.routing_decision": decision,
            "mcptelemetry.routing_detail": detail,
            "mcptelemetry.upstream": upstream,
            "mcptelemetry.client": client,
        }
        texts = [attribute_text(name, value) for name, value in attributes.items() if value is not None]
        if was_fallback:
            texts.append('{"key":"mcptelemetry.was_fallback","value":{"boolValue":true}}')
        head = f',"name":{quote("tools/call " + tool)},"kind":{kind},"startTimeUnixNano":"'
        outcome = _STATUS_ERROR if status == TelemetryStatus.ERROR else "{}"
        # The id comes last, as it differs.
        tail = f',"status":{outcome},"attributes":[{",".join(texts)},{{"key":"mcptelemetry.id","value":{{"stringValue":"'
        if len(self._affixes) >= _KEPT_SHAPES_MAX:
            # A host that makes up names without end must not make us remember them all.
            self._affixes.clear()
        self._affixes[shape] = (head, tail)
        return head, tail


def attribute_text(name: str, value: str) -> str:
    """Return the JSON object of an attribute that is a text."""
    return f'{{"key":{quote(name)},"value":{{"stringValue":{quote(value)}}}}}'


def scoped_by(kind: str, app: str | None, version: str | None) -> str:
    """Return how a request of *kind* (``"Spans"``) begins, up to its data: who the application is, and who we are."""
    # An unknown name is the conventions' word, for a resource must have one.
    attributes = [attribute_text("service.name", "unknown_service" if app is None else app)]
    if version is not None:
        attributes.append(attribute_text("service.version", version))
    return (
        f'{{"resource{kind}":[{{"resource":{{"attributes":[{",".join(attributes)}]}},'
        f'"scope{kind}":[{{"scope":{{"name":"mcptelemetry","version":{quote(VERSION)}}},'
    )


def wrap_spans(texts: Iterable[str], *, app: str | None, version: str | None) -> bytes:
    """Return the body that carries the spans whose JSON is *texts*."""
    parts = list(texts) or [""]
    parts[0] = f'{scoped_by("Spans", app, version)}"spans":[{parts[0]}'
    parts[-1] += "]}]}]}"
    return ",".join(parts).encode("ascii")


EMPTY_TRACES = b'{"resourceSpans":[]}'
"""What an endpoint is asked with."""
