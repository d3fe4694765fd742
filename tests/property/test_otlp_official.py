"""
Our spans and histograms beside those of OpenTelemetry's own libraries, for every shape of event.

The official encoder says what a span is in JSON, the official schema whether it can be read at
all, and the official histogram what ten thousand calls add up to.
"""

from __future__ import annotations

import json
import random

import pytest

from hypothesis import given, settings
from hypothesis import strategies as st

from mcptelemetry.vocabulary import ErrorType
from mcptelemetry.wire import (
    EMPTY_TRACES,
    DurationHistograms,
    SpanEncoder,
    TelemetryEvent,
    check_shape,
    cut_names,
    wrap_spans,
)

WHY = "OpenTelemetry's libraries are not installed: they are in the extra opentelemetry, for one interpreter"
pytestmark = pytest.mark.heavy
pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2", reason=WHY)
pytest.importorskip("opentelemetry.exporter.otlp.json.common.trace_encoder", reason=WHY)

from google.protobuf import json_format  # noqa: E402
from opentelemetry.exporter.otlp.json.common.metrics_encoder import encode_metrics  # noqa: E402
from opentelemetry.exporter.otlp.json.common.trace_encoder import encode_spans  # noqa: E402
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest  # noqa: E402
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest  # noqa: E402
from opentelemetry.sdk.metrics import Histogram, MeterProvider  # noqa: E402
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader  # noqa: E402
from opentelemetry.sdk.resources import Resource  # noqa: E402
from opentelemetry.sdk.trace import ReadableSpan  # noqa: E402
from opentelemetry.sdk.util.instrumentation import InstrumentationScope  # noqa: E402
from opentelemetry.trace import SpanContext, SpanKind  # noqa: E402
from opentelemetry.trace.status import Status, StatusCode  # noqa: E402

PROCESS = "0123456789abcdef0123"
SECS_MAX = 9_000_000_000  # what 63 bits of nanoseconds hold, nearly; from 1, for the library leaves a zero out
LATENCY_MAX_MS = 10**12
BOUNDS_SECS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300]

any_text = st.text(st.characters(), min_size=1, max_size=200)
ids = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='"\\'), min_size=1, max_size=128)
hex_digits = st.sampled_from("0123456789abcdef")
parents = st.none() | st.text(hex_digits, min_size=48, max_size=48).filter(lambda text: int(text[:32], 16) and int(text[32:], 16))


@st.composite
def rows(draw):
    status = draw(st.sampled_from(["success", "error"]))
    shape = check_shape(
        draw(any_text),
        draw(any_text),
        draw(st.none() | any_text),
        draw(st.none() | any_text),
        status,
        draw(st.none() | st.sampled_from(list(ErrorType))) if status == "error" else None,
        draw(st.none() | any_text | st.sampled_from(["Cursor", "my-client"])),
        draw(st.booleans()),
    )
    numbers = (draw(st.integers(0, LATENCY_MAX_MS)), draw(st.integers(1, SECS_MAX - LATENCY_MAX_MS // 1000)))
    return (shape, *numbers, draw(st.none() | ids), draw(st.integers(0, 2**53)), draw(parents))


def attributes_of(row, network_transport):
    """Return the attributes that the conventions and SPEC give the span of *row*."""
    shape, _, _, own_id, number, _ = row
    tool, decision, detail, upstream, _status, error_type, client, was_fallback = cut_names(shape)
    attributes = {
        "mcp.method.name": "tools/call",
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": tool,
        "error.type": error_type,
        "network.transport": network_transport,
        "mcptelemetry.routing_decision": decision,
        "mcptelemetry.routing_detail": detail,
        "mcptelemetry.upstream": upstream,
        "mcptelemetry.client": client,
        "mcptelemetry.was_fallback": was_fallback or None,
        "mcptelemetry.id": own_id or f"{PROCESS}-{number}",
    }
    return {name: value for name, value in attributes.items() if value is not None}


def official_span(row, ours, resource, scope, network_transport):
    """Return the span that OpenTelemetry's library makes of *row*, with the ids of *ours*."""
    (tool, _, _, upstream, status, *_), latency_ms, secs, _, _, parent = row
    remote = None if parent is None else SpanContext(int(parent[:32], 16), int(parent[32:], 16), is_remote=True)
    return ReadableSpan(
        name=f"tools/call {tool[:128]}",
        context=SpanContext(int(ours["traceId"], 16), int(ours["spanId"], 16), is_remote=False),
        parent=remote,
        resource=resource,
        attributes=attributes_of(row, network_transport),
        kind=SpanKind.SERVER if upstream is None else SpanKind.CLIENT,
        instrumentation_scope=scope,
        status=Status(StatusCode.ERROR if status == "error" else StatusCode.UNSET),
        start_time=secs * 10**9,
        end_time=secs * 10**9 + latency_ms * 10**6,
    )


def in_order(document):
    """Return *document* with its lists of attributes in the order of their names."""
    if isinstance(document, dict):
        return {key: in_order(value) for key, value in document.items()}
    if isinstance(document, list):
        values = [in_order(value) for value in document]
        has_keys = all(isinstance(value, dict) and "key" in value for value in values)
        return sorted(values, key=lambda value: value["key"]) if has_keys else values
    return document


@settings(max_examples=200)
@given(st.lists(rows(), min_size=1, max_size=5), any_text, st.none() | any_text, st.sampled_from([None, "pipe"]))
def test_spans_are_what_the_official_encoder_writes(batch, app, version, network_transport):
    """Resource, scope and every span equal the official encoder's, the ids and the order of attributes aside."""
    app, version = (None if text is None else text.encode("utf-8", "replace").decode() for text in (app, version))
    ours = json.loads(wrap_spans(SpanEncoder(network_transport).encode(batch, PROCESS), app=app, version=version))
    known = {"service.name": app, "service.version": version}
    resource = Resource({name: value for name, value in known.items() if value is not None})
    scope = ours["resourceSpans"][0]["scopeSpans"][0]
    ours_scope = InstrumentationScope(scope["scope"]["name"], scope["scope"]["version"])
    spans = [
        official_span(row, span, resource, ours_scope, network_transport) for row, span in zip(batch, scope["spans"])
    ]
    assert len(scope["spans"]) == len(batch)
    assert in_order(ours) == in_order(json.loads(encode_spans(spans).to_json()))
    assert scope["scope"]["name"] == "mcptelemetry"


@settings(max_examples=200)
@given(st.lists(rows(), max_size=5), st.none() | any_text, st.none() | any_text)
def test_spans_are_read_by_the_official_schema(batch, app, version):
    """The schema of OTLP takes every body, and what it has read is what was recorded."""
    app, version = (None if text is None else text.encode("utf-8", "replace").decode() for text in (app, version))
    body = wrap_spans(SpanEncoder().encode(batch, PROCESS), app=app, version=version)
    # In OTLP ids are hex, where the general mapping of such messages has base64.
    document = json.loads(body)
    request = json_format.Parse(body, ExportTraceServiceRequest())
    (resource,) = request.resource_spans
    (scope,) = resource.scope_spans
    assert len(scope.spans) == len(batch)
    for row, span, text in zip(batch, scope.spans, document["resourceSpans"][0]["scopeSpans"][0]["spans"]):
        assert (len(bytes.fromhex(text["traceId"])), len(bytes.fromhex(text["spanId"]))) == (16, 8)
        assert span.name == f"tools/call {cut_names(row[0])[0]}"
        assert span.end_time_unix_nano - span.start_time_unix_nano == row[1] * 10**6
        assert {one.key: one.value.bool_value or one.value.string_value for one in span.attributes} == attributes_of(row, None)


def test_the_empty_request_is_read_by_the_official_schema():
    """What an endpoint is asked with is a request of no spans."""
    assert len(json_format.Parse(EMPTY_TRACES, ExportTraceServiceRequest()).resource_spans) == 0


def test_events_at_the_edge_of_what_can_be_recorded_are_read():
    """The largest numbers that an event may hold make a body that the schema takes."""
    shape = TelemetryEvent("tool", "local_only").shape
    body = wrap_spans(SpanEncoder().encode([(shape, 2**53 - 1, 2**53 - 1, None, 1, None)], PROCESS), app="a", version=None)
    assert json_format.Parse(body, ExportTraceServiceRequest()).resource_spans


def test_histograms_of_ten_thousand_calls_are_the_official_ones():
    """Every bucket, count, sum, least and most equals what OpenTelemetry's own histograms make of the same calls."""
    draw = random.Random(15)
    reader = InMemoryMetricReader(preferred_temporality={Histogram: AggregationTemporality.DELTA})
    provider = MeterProvider([reader], resource=Resource({"service.name": "acme-mcp", "service.version": "v1.4.0"}))
    meter = provider.get_meter("mcptelemetry", "0.1.0")
    ours = DurationHistograms("pipe")
    official = {
        side: meter.create_histogram(
            f"mcp.{side}.operation.duration", unit="s", explicit_bucket_boundaries_advisory=BOUNDS_SECS
        )
        for side in ("server", "client")
    }
    for _ in range(10_000):
        tool, upstream = f"tool_{draw.randrange(12)}", draw.choice([None, "github"])
        error_type = draw.choice([None, None, None, *ErrorType])
        latency_ms = draw.choice([draw.randrange(100), int(draw.paretovariate(0.5) * 10) % 400_000, *(int(b * 1000) for b in BOUNDS_SECS)])
        shape = check_shape(tool, "local_only", None, upstream, "error" if error_type else "success", error_type, None, False)
        ours.add([(shape, latency_ms, 1, None, 0, None)])
        attributes = {
            "mcp.method.name": "tools/call",
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": tool,
            "network.transport": "pipe",
            **({"error.type": str(error_type)} if error_type else {}),
        }
        official["server" if upstream is None else "client"].record(latency_ms / 1000, attributes)
    theirs = json.loads(encode_metrics(reader.get_metrics_data()).to_json())
    provider.shutdown()
    body = ours.encode(app="acme-mcp", version="v1.4.0", began_at=1.0, ended_at=2.0)
    assert points_of(json.loads(body)) == points_of(theirs)
    read = json_format.Parse(body, ExportMetricsServiceRequest())
    assert sum(point.count for metric in read.resource_metrics[0].scope_metrics[0].metrics for point in metric.histogram.data_points) == 10_000
    assert ours.count == 10_000


def points_of(document):
    """Return resource, scope and each point by metric and attributes, times aside and sums as far as floats agree."""
    (resource,) = document["resourceMetrics"]
    (scope,) = resource["scopeMetrics"]
    points = {}
    for metric in scope["metrics"]:
        assert metric["histogram"]["aggregationTemporality"] == 1
        for point in metric["histogram"]["dataPoints"]:
            attributes = tuple(sorted((one["key"], one["value"]["stringValue"]) for one in point["attributes"]))
            rest = {key: value for key, value in point.items() if "Time" not in key and key != "timeUnixNano" and key not in ("attributes", "sum")}
            points[metric["name"], metric["unit"], attributes] = {**rest, "sum": round(point["sum"], 6)}
    return in_order(resource["resource"]), scope["scope"]["name"], points
