"""Durations as histograms: boundaries, sums, series, and no end to the names."""

from __future__ import annotations

import json

import pytest

from mcptelemetry.wire import DurationHistograms, check_shape

EDGES_SECS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300]


def row(tool="t", latency_ms=1, **fields):
    """Return a row of one call."""
    given = {"upstream": None, "status": "success", "error_type": None, "decision": "local_only", **fields}
    shape = check_shape(
        tool, given["decision"], None, given["upstream"], given["status"], given["error_type"], None, False
    )
    return (shape, latency_ms, 1, None, 0, None)


def metrics_of(histograms, **times):
    """Return the metrics of a request by name."""
    body = histograms.encode(app="acme-mcp", version="v1.0.0", **{"began_at": 10.5, "ended_at": 12.0, **times})
    (resource,) = json.loads(body)["resourceMetrics"]
    (scope,) = resource["scopeMetrics"]
    return {metric["name"]: metric for metric in scope["metrics"]}


def points_of(histograms, name="mcp.server.operation.duration"):
    """Return the points of the metric *name*."""
    return metrics_of(histograms)[name]["histogram"]["dataPoints"]


@pytest.mark.parametrize(
    ("latency_ms", "bucket"),
    [(0, 0), (10, 0), (11, 1), (20, 1), (21, 2), (1000, 6), (1001, 7), (300_000, 13), (300_001, 14), (2**53 - 1, 14)],
)
def test_a_duration_falls_into_its_bucket(latency_ms, bucket):
    """Upper edges are inclusive, as OpenTelemetry has it."""
    histograms = DurationHistograms()
    histograms.add([row(latency_ms=latency_ms)])
    (point,) = points_of(histograms)
    assert point["explicitBounds"] == EDGES_SECS
    assert [number for number, count in enumerate(point["bucketCounts"]) if count == "1"] == [bucket]
    assert (point["count"], point["sum"]) == ("1", latency_ms / 1000)


def test_a_point_tells_of_its_interval_only():
    """Temporality is delta, the unit seconds; times, count, sum, least and most are those of the interval."""
    histograms = DurationHistograms()
    histograms.add([row(latency_ms=latency) for latency in (30, 10, 20)])
    metric = metrics_of(histograms)["mcp.server.operation.duration"]
    assert (metric["unit"], metric["histogram"]["aggregationTemporality"]) == ("s", 1)
    (point,) = metric["histogram"]["dataPoints"]
    assert (point["startTimeUnixNano"], point["timeUnixNano"]) == ("10500000000", "12000000000")
    assert (point["count"], point["sum"], point["min"], point["max"]) == ("3", 0.06, 0.01, 0.03)
    assert sum(map(int, point["bucketCounts"])) == 3


def test_calls_are_apart_by_the_conventions_attributes():
    """Side, tool and type of the error make a series; what is ours alone does not."""
    histograms = DurationHistograms("pipe")
    histograms.add(
        [
            row("a"),
            row("a", decision="override_rule"),
            row("a", status="error", error_type="timeout"),
            row("b"),
            row("a", upstream="github"),
            row("a", upstream="gitlab"),
        ]
    )
    told = {
        name: {
            (attributes["gen_ai.tool.name"], attributes.get("error.type")): int(point["count"])
            for point in metric["histogram"]["dataPoints"]
            for attributes in [{one["key"]: one["value"]["stringValue"] for one in point["attributes"]}]
        }
        for name, metric in metrics_of(histograms).items()
    }
    assert told == {
        "mcp.server.operation.duration": {("a", None): 2, ("a", "timeout"): 1, ("b", None): 1},
        "mcp.client.operation.duration": {("a", None): 2},
    }
    attributes = {one["key"]: one["value"]["stringValue"] for one in points_of(histograms)[0]["attributes"]}
    assert attributes == {
        "mcp.method.name": "tools/call",
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "a",
        "network.transport": "pipe",
    }


def test_every_name_that_leaves_has_a_shape_to_be_searched():
    """Whatever is remembered or forgotten on the way, the search sees each tool that the request names."""
    histograms = DurationHistograms()
    for number in range(1_500):
        histograms.add([row(f"tool_{number}", decision=f"label_{times}") for times in range(3)])
    named = {point["attributes"][2]["value"]["stringValue"] for point in points_of(histograms)}
    assert named == {shape[0] for shape in histograms.shapes} == {f"tool_{number}" for number in range(1_500)}


def test_names_without_end_are_counted_together():
    """Beyond 2,000 series the rest shares one that names nobody, and no call is lost."""
    histograms = DurationHistograms()
    histograms.add([row(f"tool_{number}") for number in range(2_500)])
    points = points_of(histograms)
    assert len(points) == 2_001
    overflow = [point for point in points if point["attributes"][0]["key"] == "otel.metric.overflow"]
    assert [point["count"] for point in overflow] == ["500"]
    assert sum(int(point["count"]) for point in points) == histograms.count == 2_500


def test_clear_begins_anew():
    """What was told is not told again."""
    histograms = DurationHistograms()
    histograms.add([row("a")])
    histograms.clear()
    assert (histograms.count, histograms.shapes, metrics_of(histograms)) == (0, set(), {})
    histograms.add([row("b")])
    assert [point["count"] for point in points_of(histograms)] == ["1"]
