"""What a report counts, how it ranks, and how it reads."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from mcptelemetry.collector import SqliteStore, compile_report, render_report
from mcptelemetry.wire import TelemetryBatch, TelemetryEvent


def keep(store: SqliteStore, *events: TelemetryEvent, app: str | None = "acme-mcp") -> None:
    """Store *events* of *app*."""
    store.add_events(TelemetryBatch(events, app=app, version="v1"), received_at=0)


def failed(tool: str, error_type: str | None, latency_ms: int = 0) -> TelemetryEvent:
    """Return a failed call."""
    return TelemetryEvent(tool, "local_only", status="error", error_type=error_type, latency_ms=latency_ms)


def test_report_of_an_empty_store_says_so(store: SqliteStore) -> None:
    """Before the first event the report says that there is nothing yet."""
    document = compile_report(store)
    assert document["rows"] == []
    assert document["totals"]["calls"] == 0
    assert document["totals"]["p50_ms"] is None
    assert render_report(document) == "Nothing has been collected yet."


def test_report_counts_by_tool_and_decision(store: SqliteStore) -> None:
    """A row stands for a tool and a routing decision, the most called first."""
    keep(
        store,
        TelemetryEvent("b", "local_only", latency_ms=5),
        TelemetryEvent("a", "remote_only", latency_ms=7),
        TelemetryEvent("a", "local_only", latency_ms=10),
        TelemetryEvent("a", "local_only", latency_ms=20),
    )
    rows = compile_report(store)["rows"]
    assert [(row["tool"], row["routing_decision"], row["calls"]) for row in rows] == [
        ("a", "local_only", 2),
        ("a", "remote_only", 1),
        ("b", "local_only", 1),
    ]
    assert rows[0] == {
        "tool": "a",
        "routing_decision": "local_only",
        "calls": 2,
        "errors": 0,
        "error_types": {},
        "p50_ms": 10,
        "p95_ms": 20,
        "p99_ms": 20,
    }


def test_report_counts_errors_by_type(store: SqliteStore) -> None:
    """Errors are counted by type, one without a type as unknown, and add up."""
    keep(
        store,
        failed("a", "timeout"),
        failed("a", "tool_error"),
        failed("a", "tool_error"),
        failed("a", None),
        TelemetryEvent("a", "local_only"),
    )
    (row,) = compile_report(store)["rows"]
    assert (row["calls"], row["errors"]) == (5, 4)
    assert list(row["error_types"].items()) == [("tool_error", 2), ("timeout", 1), ("unknown", 1)]


@pytest.mark.parametrize("count", [1, 2, 19, 20, 21, 99, 100, 101, 1000])
def test_percentiles_are_nearest_rank(store: SqliteStore, count: int) -> None:
    """The p-th percentile is the value at rank ceil(p * n / 100), exactly."""
    rng = random.Random(count)
    latencies = [rng.randrange(50) for _ in range(count)]
    keep(store, *(TelemetryEvent("a", "local_only", latency_ms=latency) for latency in latencies))
    totals = compile_report(store)["totals"]
    ranked = sorted(latencies)
    expected = [ranked[(percent * count + 99) // 100 - 1] for percent in (50, 95, 99)]
    assert [totals["p50_ms"], totals["p95_ms"], totals["p99_ms"]] == expected


def test_report_can_be_of_one_application(store: SqliteStore) -> None:
    """One collector serves several applications, and each can be looked at alone."""
    keep(store, TelemetryEvent("a", "local_only"), TelemetryEvent("b", "local_only"))
    keep(store, TelemetryEvent("a", "local_only"), app="other")
    keep(store, TelemetryEvent("c", "local_only"), app=None)
    everything = compile_report(store)
    assert everything["apps"] == {"acme-mcp": 2, "other": 1, "unknown": 1}
    assert everything["totals"]["calls"] == 4
    assert everything["rows"][0]["calls"] == 2
    one = compile_report(store, app="other")
    assert (one["app"], one["totals"]["calls"], len(one["rows"])) == ("other", 1, 1)
    assert compile_report(store, app="unknown")["rows"][0]["tool"] == "c"


def test_report_of_an_unknown_application_names_the_known(store: SqliteStore) -> None:
    """A slip in the application's name is answered with the names there are."""
    keep(store, TelemetryEvent("a", "local_only"))
    text = render_report(compile_report(store, app="acme"))
    assert text == "Nothing has been collected for acme; there are events of acme-mcp."


def test_report_is_json(store: SqliteStore) -> None:
    """The document goes through JSON unchanged."""
    keep(store, failed("a", "timeout", 3))
    document: dict[str, Any] = compile_report(store)
    assert json.loads(json.dumps(document)) == document


def test_table_is_aligned(store: SqliteStore) -> None:
    """On a terminal numbers stand under each other, with the sum in the last line."""
    keep(store, *[TelemetryEvent("get_issues", "local_only", latency_ms=9)] * 11, failed("a", "timeout", 1200))
    assert render_report(compile_report(store)).splitlines() == [
        "tool        routing decision  calls  errors  error rate  p50 ms  p95 ms  p99 ms  error types",
        "----------  ----------------  -----  ------  ----------  ------  ------  ------  -----------",
        "get_issues  local_only           11       0        0.0%       9       9       9",
        "a           local_only            1       1      100.0%    1200    1200    1200  timeout 1",
        "all                              12       1        8.3%       9    1200    1200  timeout 1",
        "",
        "from acme-mcp (12)",
    ]
