"""
The span that a call belongs to: from the request's `_meta` to the Collector, and nowhere else.

Everything is the real thing but the transport.
"""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace as Thing

import pytest

from mcptelemetry import Telemetry
from mcptelemetry.testing import ScriptedTransport
from mcptelemetry.wrap import Conversation

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{SPAN}-00"
META = {"traceparent": TRACEPARENT, "tracestate": "vendor=s3cret"}


class Forwarding(Telemetry):
    """An application's own `record`, which every hook uses."""

    def record(self, tool, routing_decision="local_only", **fields):
        super().record(f"my_{tool}", routing_decision, **fields)


class Bench:
    """An application with an operator's file on a machine of its own."""

    def __init__(self, home, settings, kind=Telemetry):
        (home / ".acme-mcp").mkdir()
        (home / ".acme-mcp" / "telemetry.toml").write_text(
            f'[proxy.telemetry]\nendpoint = "http://127.0.0.1:4318"\n{settings}\n', "utf-8"
        )
        self.transport = ScriptedTransport(otherwise=200)
        self.telemetry = kind("acme-mcp", "1.0.0", tools=["search"], environ={"HOME": str(home)}, transport=self.transport)

    def body(self):
        """Deliver what was recorded; return all that left, as text."""
        self.telemetry.start()
        self.telemetry.flush(10.0)
        self.telemetry.shutdown(5.0)
        return b"".join(request.body for request in self.transport.requests).decode("ascii")

    def spans(self):
        (resource,) = json.loads(self.body())["resourceSpans"]
        return resource["scopeSpans"][0]["spans"]


@pytest.fixture
def bench(tmp_path):
    def make(settings='format = "otlp"\ncompression = "none"', kind=Telemetry):
        return Bench(tmp_path, settings, kind)

    return make


def call_through_middleware(telemetry, params):
    """Pass one call through the middleware as `mcp` 2.x does."""

    async def call_next(_ctx):
        return {"content": []}

    asyncio.run(telemetry.middleware(Thing(method="tools/call", params=params, request_id=1), call_next))


def call_through_wrapper(telemetry, params):
    """Pass one call and its answer through the wrapper's conversation."""
    conversation = Conversation(telemetry.record)
    conversation.client_line(json.dumps({"id": 1, "method": "tools/call", "params": params}).encode(), 1.0)
    conversation.server_line(b'{"id":1,"result":{"content":[]}}', 1.25)


HOOKS = {"middleware": call_through_middleware, "wrapper": call_through_wrapper}


@pytest.mark.parametrize("hook", HOOKS.values(), ids=HOOKS)
def test_a_span_hangs_below_the_one_that_called(bench, hook):
    """Trace and parent are the caller's, sampled or not; its tracestate is nobody's business."""
    one = bench()
    hook(one.telemetry, {"name": "search", "_meta": META})
    (span,) = one.spans()
    assert (span["traceId"], span["parentSpanId"], span["name"]) == (TRACE, SPAN, "tools/call search")
    assert "s3cret" not in json.dumps(span)
    assert span.get("traceState") is None


@pytest.mark.parametrize("hook", HOOKS.values(), ids=HOOKS)
def test_an_own_record_keeps_the_parent(bench, hook):
    """An application that overrides `record` and hands on what it is given loses nothing, and its signature is the same."""
    one = bench(kind=Forwarding)
    hook(one.telemetry, {"name": "search", "_meta": META})
    (span,) = one.spans()
    assert (span["traceId"], span["name"]) == (TRACE, "tools/call my_search")


@pytest.mark.parametrize("hook", HOOKS.values(), ids=HOOKS)
@pytest.mark.parametrize("meta", [None, {}, {"traceparent": "00-not-valid"}, {"traceparent": 7}, [TRACEPARENT], "x"])
def test_without_a_valid_parent_a_span_stands_alone(bench, hook, meta):
    """What is no traceparent to the letter is passed over, and the call is recorded as ever."""
    one = bench()
    hook(one.telemetry, {"name": "search", "_meta": meta})
    (span,) = one.spans()
    assert "parentSpanId" not in span
    assert span["traceId"] != TRACE


@pytest.mark.parametrize("hook", HOOKS.values(), ids=HOOKS)
def test_other_formats_tell_no_parent(bench, hook):
    """In our own JSON no part of it leaves."""
    one = bench("")
    hook(one.telemetry, {"name": "search", "_meta": META})
    body = one.body()
    assert '"tool":"search"' in body
    assert TRACE not in body
    assert SPAN not in body


def test_models_with_attributes_are_read_too(bench):
    """A server hands its parameters on as objects; the request's metadata is one of them."""
    one = bench()
    call_through_middleware(one.telemetry, Thing(name="search", meta=Thing(traceparent=TRACEPARENT)))
    (span,) = one.spans()
    assert span["parentSpanId"] == SPAN


def test_the_duration_is_the_same_with_a_parent(bench):
    """What carries the parent is still the duration, in whole milliseconds."""
    one = bench()
    call_through_wrapper(one.telemetry, {"name": "search", "_meta": META})
    (span,) = one.spans()
    assert int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"]) == 250_000_000
