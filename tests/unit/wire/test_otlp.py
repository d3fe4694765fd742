"""Events as spans: the text of each, and ids that a repeat has again."""

from __future__ import annotations

import json

import pytest

from mcptelemetry.wire import EMPTY_TRACES, SpanEncoder, check_shape, wrap_spans

PROCESS = "0123456789abcdef0123"
PARENT = "0af7651916cd43dd8448eb211c80319c" + "b7ad6b7169203331"
LOCAL = check_shape("get_issues", "local_only", None, None, "success", None, None, False)
REMOTE = check_shape("get_issues", "override_rule", "get_*", "github", "error", "timeout", "Cursor", True)


def span_of(row, network_transport=None):
    """Return the span of *row* as a document."""
    (text,) = SpanEncoder(network_transport).encode([row], PROCESS)
    return json.loads(text)


def attributes_of(span):
    """Return the attributes as a mapping of name to value."""
    return {attribute["key"]: next(iter(attribute["value"].values())) for attribute in span["attributes"]}


def test_a_local_call_is_a_server_span():
    """Name, kind, times and the conventions' attributes stand in the span, and nothing that is not known."""
    span = span_of((LOCAL, 12, 1_700_000_000, None, 7, None))
    assert (span["name"], span["kind"], span["flags"], span["status"]) == ("tools/call get_issues", 2, 256, {})
    assert (span["startTimeUnixNano"], span["endTimeUnixNano"]) == ("1700000000000000000", "1700000000012000000")
    assert "parentSpanId" not in span
    assert attributes_of(span) == {
        "mcp.method.name": "tools/call",
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "get_issues",
        "mcptelemetry.routing_decision": "local_only",
        "mcptelemetry.id": f"{PROCESS}-7",
    }


def test_a_remote_failure_is_a_client_span_with_an_error():
    """With an upstream the kind is CLIENT; a failure has status ERROR and its type; what carried the call is told."""
    span = span_of((REMOTE, 12, 1_700_000_000, "my-own-id", 0, None), "pipe")
    assert (span["kind"], span["status"]) == (3, {"code": 2})
    assert attributes_of(span) == {
        "mcp.method.name": "tools/call",
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "get_issues",
        "error.type": "timeout",
        "network.transport": "pipe",
        "mcptelemetry.routing_decision": "override_rule",
        "mcptelemetry.routing_detail": "get_*",
        "mcptelemetry.upstream": "github",
        "mcptelemetry.client": "cursor",
        "mcptelemetry.was_fallback": True,
        "mcptelemetry.id": "my-own-id",
    }


def test_ids_are_hex_and_derive_from_the_event_id():
    """The same event has the same ids in every encoder, whether its id is made here or came with it; another has others."""
    numbered = span_of((LOCAL, 1, 1, None, 7, None))
    named = span_of((REMOTE, 2, 2, f"{PROCESS}-7", 0, None))
    other = span_of((LOCAL, 1, 1, None, 8, None))
    for key, digits in (("traceId", 32), ("spanId", 16)):
        assert len(numbered[key]) == digits
        assert int(numbered[key], 16) > 0
        assert numbered[key] == numbered[key].lower() == named[key] != other[key]


def test_a_parent_gives_the_trace():
    """The trace id is the parent's, the span id the event's own, and the parent counts as another process's."""
    span = span_of((LOCAL, 1, 1, None, 7, PARENT))
    alone = span_of((LOCAL, 1, 1, None, 7, None))
    assert (span["traceId"], span["parentSpanId"], span["flags"]) == (PARENT[:32], PARENT[32:], 768)
    assert span["spanId"] == alone["spanId"]


@pytest.mark.parametrize(("latency_ms", "secs"), [(0, 2**53 - 1), (2**53 - 1, 0), (2**53 - 1, 2**53 - 1)])
def test_times_fit_into_64_bits(latency_ms, secs):
    """A clock that is far off, or a call without end, does not make the whole batch unreadable."""
    span = span_of((LOCAL, latency_ms, secs, None, 7, None))
    begin, end = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
    assert 0 <= begin <= end < 2**63


def test_names_leave_cut():
    """A name of more than 128 characters is cut in the span's name as in its attribute."""
    shape = check_shape("t" * 300, "local_only", None, None, "success", None, None, False)
    span = span_of((shape, 1, 1, None, 7, None))
    assert span["name"] == "tools/call " + "t" * 128
    assert attributes_of(span)["gen_ai.tool.name"] == "t" * 128


def test_more_shapes_than_are_kept_change_nothing():
    """A host that makes up names without end gets the same spans."""
    encoder = SpanEncoder()
    for number in range(3000):
        shape = check_shape(f"tool_{number}", "local_only", None, None, "success", None, None, False)
        (text,) = encoder.encode([(shape, 1, 1, None, number, None)], PROCESS)
        assert json.loads(text)["name"] == f"tools/call tool_{number}"


def test_resource_and_scope_stand_once_a_request():
    """One resource and one scope hold all spans of a batch, and whatever the application is called stays text."""
    texts = SpanEncoder().encode([(LOCAL, 1, 1, None, number, None) for number in range(3)], PROCESS)
    (resource,) = json.loads(wrap_spans(texts, app='a"%s', version="v1%d"))["resourceSpans"]
    assert attributes_of(resource["resource"]) == {"service.name": 'a"%s', "service.version": "v1%d"}
    (scope,) = resource["scopeSpans"]
    assert scope["scope"]["name"] == "mcptelemetry"
    assert [attributes_of(span)["mcptelemetry.id"] for span in scope["spans"]] == [f"{PROCESS}-{n}" for n in range(3)]


def test_a_resource_without_a_name_is_an_unknown_service():
    """The conventions ask for a name, and have a word for one that is not known."""
    (resource,) = json.loads(wrap_spans((), app=None, version=None))["resourceSpans"]
    assert attributes_of(resource["resource"]) == {"service.name": "unknown_service"}
    assert resource["scopeSpans"][0]["spans"] == []


def test_the_empty_request_holds_no_resource():
    """An endpoint is asked with a request that tells nothing at all."""
    assert json.loads(EMPTY_TRACES) == {"resourceSpans": []}
