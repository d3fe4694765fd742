#!/usr/bin/env python3
"""
Print what an event costs on its way to an OpenTelemetry Collector, beside the official encoder's.

    tools/bench_otlp.py [--quick]

The same batches as our JSON, as our spans and, where opentelemetry-exporter-otlp-json-common is
installed, as spans that the official encoder writes; then the histograms. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import gzip
import json
import pathlib
import sys
import time
from collections.abc import Callable
from hashlib import blake2b

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from mcptelemetry.wire import (
    DurationHistograms,
    EventEncoder,
    EventRow,
    SpanEncoder,
    check_shape,
    wrap_events,
    wrap_spans,
)

ROUNDS = 5
BATCH = 100
PROCESS = "0123456789abcdef0123"
PARENT = "0af7651916cd43dd8448eb211c80319cb7ad6b7169203331"
APP, VERSION = "acme-mcp", "v1.4.0"


def main() -> int:
    """Run every measurement and print it."""
    parser = argparse.ArgumentParser(description="Print what an event costs on its way to a Collector.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work")
    count = 10_000 if parser.parse_args().quick else 100_000
    rows = make_rows(count, None)
    batches = [rows[at : at + BATCH] for at in range(0, count, BATCH)]
    plain, spans = EventEncoder(), SpanEncoder("pipe")
    print(f"{count:,} events of 40 tools in batches of {BATCH}, the best of {ROUNDS} rounds\n")
    as_json = bench("our JSON", batches, lambda batch: wrap_events(plain.encode(batch, PROCESS), app=APP, version=VERSION))
    ours = bench("our spans", batches, lambda batch: wrap_spans(spans.encode(batch, PROCESS), app=APP, version=VERSION), as_json)
    parented = [make_rows(BATCH, PARENT)] * len(batches)
    bench("our spans, each under a parent", parented, lambda batch: wrap_spans(spans.encode(batch, PROCESS), app=APP, version=VERSION), as_json)
    bench("our spans, built of dictionaries", batches[: len(batches) // 10], naive, ours)
    official = official_encoder()
    if official is None:
        print("opentelemetry-exporter-otlp-json-common is not installed: nothing to stand beside")
    else:
        bench("the official encoder's spans", batches[: len(batches) // 10], official, ours)
    histograms = DurationHistograms("pipe")
    best = min(timed(lambda: [histograms.add(batch) for batch in batches]) for _ in range(ROUNDS))
    print(f"{'our histograms: adding':<36} {best / count * 1e6:6.2f} us an event")
    body = histograms.encode(app=APP, version=VERSION, began_at=0, ended_at=30)
    print(f"{'our histograms: an interval':<36} {len(body):,} bytes, {len(gzip.compress(body, 6)):,} with gzip")
    return 0


def make_rows(count: int, parent: str | None) -> list[EventRow]:
    """Return *count* rows as a queue holds them."""
    shapes = [
        check_shape(
            f"get_thing_{number}", "override_rule" if number % 4 == 0 else "local_only", "get_*" if number % 4 == 0 else None,
            "github" if number % 2 else None, "error" if number % 10 == 0 else "success",
            "timeout" if number % 10 == 0 else None, "claude-desktop", False,
        )
        for number in range(40)
    ]  # fmt: skip
    return [(shapes[number % 40], number * 7 % 900, 1_700_000_000 + number // 100, None, number, parent) for number in range(count)]


def bench(what: str, batches: list[list[EventRow]], encode: Callable[[list[EventRow]], bytes], beside: float | None = None) -> float:
    """Print the microseconds and bytes of an event in *batches*; return the microseconds."""
    count = sum(map(len, batches))
    best = min(timed(lambda: [encode(batch) for batch in batches]) for _ in range(ROUNDS)) / count * 1e6
    body = encode(batches[-1])
    ratio = "" if beside is None else f"   x {best / beside:.1f}"
    packed = len(gzip.compress(body, 6))
    print(f"{what:<36} {best:6.2f} us an event{len(body) / BATCH:8.0f} bytes{packed / BATCH:6.0f} with gzip{ratio}")
    return best


def timed(work: Callable[[], object]) -> float:
    """Return the processor's seconds that *work* takes."""
    began = time.process_time()
    work()
    return time.process_time() - began


def attributes_of(row: EventRow) -> dict[str, str]:
    """Return the attributes of the span of *row*."""
    tool, decision, detail, upstream, _status, error_type, client, _was_fallback = row[0]
    attributes = {
        "mcp.method.name": "tools/call", "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": tool,
        "error.type": error_type, "network.transport": "pipe", "mcptelemetry.routing_decision": decision,
        "mcptelemetry.routing_detail": detail, "mcptelemetry.upstream": upstream, "mcptelemetry.client": client,
        "mcptelemetry.id": f"{PROCESS}-{row[4]}",
    }  # fmt: skip
    return {name: value for name, value in attributes.items() if value is not None}


def naive(batch: list[EventRow]) -> bytes:
    """Write the same spans as a first draft would: dictionaries into `json`."""
    spans = []
    for row in batch:
        shape, latency_ms, secs, _, number, _ = row
        digits = blake2b(f"{PROCESS}-{number}".encode(), digest_size=24).hexdigest()
        spans.append(
            {
                "traceId": digits[:32], "spanId": digits[32:], "flags": 256, "name": f"tools/call {shape[0]}",
                "kind": 3 if shape[3] else 2, "startTimeUnixNano": str(secs * 10**9),
                "endTimeUnixNano": str(secs * 10**9 + latency_ms * 10**6), "status": {"code": 2} if shape[4] == "error" else {},
                "attributes": [{"key": name, "value": {"stringValue": value}} for name, value in attributes_of(row).items()],
            }
        )  # fmt: skip
    return wrap_spans([json.dumps(spans, separators=(",", ":"))[1:-1]], app=APP, version=VERSION)


def official_encoder() -> Callable[[list[EventRow]], bytes] | None:
    """Return what writes a batch with OpenTelemetry's own libraries, None where they are missing."""
    try:
        from opentelemetry.exporter.otlp.json.common.trace_encoder import encode_spans
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope
        from opentelemetry.trace import SpanContext, SpanKind
        from opentelemetry.trace.status import Status, StatusCode
    except ImportError:
        return None
    resource = Resource({"service.name": APP, "service.version": VERSION})
    scope = InstrumentationScope("mcptelemetry", "0.1.0")

    def encode(batch: list[EventRow]) -> bytes:
        spans = []
        for row in batch:
            (tool, _, _, upstream, status, _, _, _), latency_ms, secs, _, number, _ = row
            spans.append(
                ReadableSpan(
                    name=f"tools/call {tool}", context=SpanContext(number + 1, number + 1, is_remote=False),
                    resource=resource, attributes=attributes_of(row),
                    kind=SpanKind.CLIENT if upstream else SpanKind.SERVER, instrumentation_scope=scope,
                    status=Status(StatusCode.ERROR if status == "error" else StatusCode.UNSET),
                    start_time=secs * 10**9, end_time=secs * 10**9 + latency_ms * 10**6,
                )
            )  # fmt: skip
        return encode_spans(spans).to_json().encode()

    return encode


if __name__ == "__main__":
    sys.exit(main())
