"""
What an OpenTelemetry Collector's clickhouse exporter does, in short: OTLP/HTTP JSON into its table.

The columns are the exporter's own, without the indexes and codecs, which change no answer.
"""

from __future__ import annotations

import json

from mcptelemetry.wire import SpanEncoder, TelemetryEvent, wrap_spans

TABLE = """
CREATE TABLE {name} (
    Timestamp DateTime64(9), TraceId String, SpanId String, ParentSpanId String, TraceState String,
    SpanName LowCardinality(String), SpanKind LowCardinality(String), ServiceName LowCardinality(String),
    ResourceAttributes Map(LowCardinality(String), String), ScopeName String, ScopeVersion String,
    SpanAttributes Map(LowCardinality(String), String), Duration UInt64, StatusCode LowCardinality(String), StatusMessage String,
    Events Nested (Timestamp DateTime64(9), Name LowCardinality(String), Attributes Map(LowCardinality(String), String)),
    Links Nested (TraceId String, SpanId String, TraceState String, Attributes Map(LowCardinality(String), String))
) ENGINE = MergeTree PARTITION BY toDate(Timestamp) ORDER BY (ServiceName, SpanName, toDateTime(Timestamp))
"""
KINDS = {2: "Server", 3: "Client"}
STATUSES = {0: "Unset", 1: "Ok", 2: "Error"}


def as_otlp(document):
    """Return the body that our client sends for the events of *document*."""
    rows = []
    for number, fields in enumerate(document["events"]):
        event = TelemetryEvent.from_dict(fields)
        rows.append((event.shape, event.latency_ms, event.timestamp_secs, event.id, number, None))
    return wrap_spans(SpanEncoder().encode(rows, "0" * 20), app=document["app"], version=document["version"])


def rows_of(body):
    """Yield the exporter's rows for the spans of an OTLP/HTTP JSON *body*."""
    for resource in json.loads(body)["resourceSpans"]:
        about = attributes_of(resource["resource"])
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                start, end = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
                yield {
                    "Timestamp": f"{start // 10**9:010}.{start % 10**9:09}",
                    "TraceId": span["traceId"],
                    "SpanId": span["spanId"],
                    "ParentSpanId": span.get("parentSpanId", ""),
                    "SpanName": span["name"],
                    "SpanKind": KINDS[span["kind"]],
                    "ServiceName": about.get("service.name", ""),
                    "ResourceAttributes": about,
                    "ScopeName": scope["scope"]["name"],
                    "ScopeVersion": scope["scope"]["version"],
                    "SpanAttributes": attributes_of(span),
                    "Duration": end - start,
                    "StatusCode": STATUSES[span["status"].get("code", 0)],
                }


def attributes_of(holder):
    """Return the attributes as the table has them: all texts."""
    return {one["key"]: str(next(iter(one["value"].values()))).lower() if "boolValue" in one["value"] else one["value"]["stringValue"] for one in holder["attributes"]}


def write_table(client, name, bodies):
    """Make the table *name* and write the spans of *bodies* to it."""
    client.command(TABLE.format(name=name))
    lines = [json.dumps(row) for body in bodies for row in rows_of(body)]
    for start in range(0, len(lines), 50_000):
        client.raw_insert(name, insert_block="\n".join(lines[start : start + 50_000]).encode(), fmt="JSONEachRow")
