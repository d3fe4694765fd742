"""The whole story of a routed call: catalogues, report, decisions, events, collector, report."""

from __future__ import annotations

import pytest

from mcptelemetry import RoutingConfig, RoutingEngine, RoutingRule, Telemetry, build_report
from mcptelemetry.collector import SqliteStore, serve

FIELD = {"type": "object", "properties": {"key": {"type": "string"}}, "required": ["key"]}
WIDER = {"type": "object", "properties": {"key": {}, "space": {}}, "required": ["key", "space"]}


def tool(name, schema=FIELD):
    return {"name": name, "inputSchema": schema}


@pytest.fixture
def engine():
    local = [tool("get_issues"), tool("list_contexts"), tool("get_issue"), tool("search")]
    cloud = [tool("get_issues"), tool("get_issue", WIDER), tool("cloud_only"), tool("search")]
    config = RoutingConfig(strategy="local-first", tool_overrides=(RoutingRule("sea*", "remote"),))
    return RoutingEngine(config, build_report(local, [("cloud", cloud)]))


def test_routed_calls_are_reported_by_their_decision(engine, tmp_path):
    """Each call reaches the report under its label, with upstream, detail and fallback."""
    store = SqliteStore(tmp_path / "collector.db")
    with serve(store) as server:
        environ = {"HOME": str(tmp_path), "PROXY_EVENTS_ENDPOINT": server.url + "/api/telemetry/tool-invocations"}
        with Telemetry("proxy", "1.0.0", environ=environ) as telemetry:
            for name in ("get_issues", "list_contexts", "get_issue", "cloud_only", "search", "cloud__search"):
                with telemetry.invocation(decision=engine.decide(name)):
                    pass
            with telemetry.invocation(decision=engine.decide("get_issues")) as call:
                call.fallback()
            with telemetry.invocation(decision=engine.decide("a stranger's text")) as call:
                call.error("protocol_error")
            assert telemetry.flush(10) == 8
            stats = telemetry.pipeline.stats()
    assert (stats.recorded, stats.delivered) == (8, 8)

    counted = {(o.tool, o.routing_decision, o.status): n for o, n in store.count_outcomes().items()}
    assert counted == {
        ("get_issues", "strategy_local_first", "success"): 2,
        ("list_contexts", "local_only", "success"): 1,
        ("get_issue", "schema_incompatible", "success"): 1,
        ("cloud_only", "remote_only", "success"): 1,
        ("search", "override_rule", "success"): 1,
        ("search", "explicit_prefix", "success"): 1,
        ("unknown_tool", "unknown", "error"): 1,
    }


def test_routed_event_names_upstream_detail_and_fallback(engine, tmp_path):
    """A decision fills the event's fields; a fallback turns to the other side's upstream."""
    telemetry = Telemetry("proxy", "1.0.0", environ={"HOME": str(tmp_path), "PROXY_EVENTS_ENDPOINT": "http://127.0.0.1:9/"})
    with telemetry.invocation(decision=engine.decide("search")):
        pass
    with telemetry.invocation(decision=engine.decide("get_issues")) as call:
        call.fallback()
    overridden, fallen_back = (event.to_dict() for event in telemetry.pipeline.buffer.drain(2))
    assert (overridden["upstream"], overridden["routing_detail"]) == ("cloud", "sea*")
    assert (fallen_back["upstream"], fallen_back["was_fallback"]) == ("cloud", True)
