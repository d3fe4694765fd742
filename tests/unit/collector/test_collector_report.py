"""What a report counts, how it ranks, and how it reads."""

from __future__ import annotations

import csv
import io
import json
import random
from pathlib import Path
from typing import Any

import pytest

from mcptelemetry.collector import (
    DEFINITIONS,
    DEMO_UNTIL,
    REPORT_TABLES,
    Filter,
    SqliteStore,
    compile_report,
    compile_section,
    demo_documents,
    render_csv,
    render_report,
    render_section,
    store_documents,
)
from mcptelemetry.wire import TelemetryBatch, TelemetryEvent


def keep(store: SqliteStore, *events: TelemetryEvent, app: str | None = "acme-mcp") -> None:
    """Store *events* of *app*."""
    store.add_events(TelemetryBatch(events, app=app, version="v1"), received_at=60)


def failed(tool: str, error_type: str | None, latency_ms: int = 0, timestamp_secs: int | None = None) -> TelemetryEvent:
    """Return a failed call."""
    return TelemetryEvent(tool, "local_only", status="error", error_type=error_type, latency_ms=latency_ms, timestamp_secs=timestamp_secs)


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
    one = compile_report(store, Filter(app="other"))
    assert (one["app"], one["totals"]["calls"], len(one["rows"])) == ("other", 1, 1)
    assert compile_report(store, Filter(app="unknown"))["rows"][0]["tool"] == "c"


def test_report_of_an_unknown_application_names_the_known(store: SqliteStore) -> None:
    """A slip in the application's name is answered with the names there are."""
    keep(store, TelemetryEvent("a", "local_only"))
    text = render_report(compile_report(store, Filter(app="acme")))
    assert text == "Nothing has been collected for acme; there are events of acme-mcp."


def test_report_is_json(store: SqliteStore) -> None:
    """The document goes through JSON unchanged."""
    keep(store, failed("a", "timeout", 3))
    document: dict[str, Any] = compile_report(store)
    assert json.loads(json.dumps(document)) == document


def test_table_is_aligned(store: SqliteStore) -> None:
    """On a terminal numbers stand under each other, with the sum in the last line, below what they mean."""
    keep(store, *[TelemetryEvent("get_issues", "local_only", latency_ms=9)] * 11, failed("a", "timeout", 1200))
    lines = render_report(compile_report(store)).splitlines()
    assert lines[0] == "all applications (acme-mcp 12)"
    begin = lines.index("Tools")
    assert lines[begin + 1] == DEFINITIONS["calls"]
    assert lines[begin + 3 : begin + 9] == [
        "tool        routing decision  calls  errors  error rate  p50 ms  p95 ms  p99 ms  error types",
        "----------  ----------------  -----  ------  ----------  ------  ------  ------  -----------",
        "get_issues  local_only           11       0        0.0%       9       9       9",
        "a           local_only            1       1      100.0%    1200    1200    1200  timeout 1",
        "all                              12       1        8.3%       9    1200    1200  timeout 1",
        "",
    ]


HOUR, DAY = 3600, 86_400
FULL: dict[str, Any] = json.loads((Path(__file__).parents[2] / "data" / "heartbeat" / "full.json").read_text())


def test_period_before_stands_beside(store: SqliteStore) -> None:
    """With a period, every answer is there for the period of the same length before it, too."""
    keep(store, *(TelemetryEvent("a", "local_only", timestamp_secs=day * DAY) for day in (1, 2, 3, 3)))
    document = compile_report(store, Filter(since=3 * DAY, until=4 * DAY))
    before = document["before"]
    assert (document["totals"]["calls"], before["totals"]["calls"]) == (2, 1)
    assert (before["asked"]["since"], before["asked"]["until"]) == (2 * DAY, 3 * DAY)
    assert before.keys() - {"asked"} == document.keys() - {"app", "asked", "before", "definitions", "notes"}
    assert "calls                      2       1" in render_report(document)
    assert compile_report(store, Filter(since=DAY))["before"] is None


def test_every_section_has_its_definition(store: SqliteStore) -> None:
    """Beside every number of the document and of the text stands one sentence that says what it is."""
    keep(store, TelemetryEvent("a", "local_only"))
    store.add_heartbeat(FULL, received_at=1)
    document = compile_report(store)
    assert all(definition.endswith(".") for definition in document["definitions"].values())
    sections = document.keys() - {"app", "asked", "apps", "rows", "totals", "left_out", "before", "definitions", "notes"}
    assert sections == document["definitions"].keys() - {"calls"}
    text = render_report(document)
    shown = [name for name in document["definitions"] if document.get(name)]
    assert all(document["definitions"][name] in text for name in shown if name not in ("unknown_tool",))


def test_report_says_what_a_filter_is_about(store: SqliteStore) -> None:
    """Kinds of environment select heartbeats, clients select events, and both reports say so."""
    document = compile_report(store, Filter(env_kinds=("ci",), client="cursor"))
    assert any("env kind selects heartbeats only" in note for note in document["notes"])
    store.add_heartbeat(FULL, received_at=1)
    keep(store, TelemetryEvent("a", "local_only", client="cursor"), TelemetryEvent("a", "local_only", client="vscode"))
    document = compile_report(store, Filter(env_kinds=("ci",), client="cursor"))
    assert (document["totals"]["calls"], document["installations"]["active"]) == (1, 0)
    text = render_report(document)
    assert "env kinds ci" in text
    assert "client cursor" in text
    assert document["notes"][0] in text


def test_upgrades_go_upwards_only(store: SqliteStore) -> None:
    """A change to a lower version, or between what cannot be compared, is no upgrade."""
    changes = [("v1.9.0", "v1.10.0"), ("v2.0.0", "v1.0.0"), ("main", "v1.0.0"), ("v1.0.0-rc.1", "v1.0.0")]
    for number, (previous, version) in enumerate(changes):
        identity = f"00000000-0000-4000-8000-{number:012}"
        beat = {**FULL, "heartbeat_id": identity, "anonymous_id": identity, "previous_version": previous, "version": version}
        store.add_heartbeat(beat, received_at=1)
    upgrades = compile_report(store)["upgrades"]
    assert {(row["previous"], row["version"]) for row in upgrades} == {changes[0], changes[3]}


def test_rows_are_bounded_and_the_rest_is_told(store: SqliteStore) -> None:
    """Of any number of invented tools the thousand most called are listed, and all are in the totals."""
    keep(store, *(TelemetryEvent(f"tool-{number}", "local_only", latency_ms=number) for number in range(1_500)))
    keep(store, TelemetryEvent("tool-1499", "local_only"))
    document = compile_report(store)
    assert (len(document["rows"]), document["left_out"], document["totals"]["calls"]) == (1_000, 500, 1_501)
    assert document["rows"][0]["tool"] == "tool-1499"
    assert "500 more rows are left out" in render_report(document)


def test_csv_is_one_table_without_formulas(store: SqliteStore) -> None:
    """A table can be had as CSV; a name that a spreadsheet would compute stays a name."""
    keep(store, TelemetryEvent("=1+1", "local_only", latency_ms=3), TelemetryEvent('a,"b"', "local_only", latency_ms=3))
    document = compile_report(store)
    heading, *rows = csv.reader(io.StringIO(render_csv(document, "calls")))
    assert heading[:3] == ["tool", "routing decision", "calls"]
    assert [row[0] for row in rows] == ["'=1+1", 'a,"b"', "all"]
    with pytest.raises(ValueError, match="no table of this report; give one of calls"):
        render_csv(document, "nonsense")


def test_every_table_can_be_had_as_csv(store: SqliteStore) -> None:
    """Each section is a table whose rows are as long as its heading, with and without a period before."""
    store_documents(store, demo_documents(30, 40))
    for asked in (Filter(), Filter(since=DEMO_UNTIL - 10 * DAY, until=DEMO_UNTIL)):
        document = compile_report(store, asked)
        for name in REPORT_TABLES:
            heading, *rows = csv.reader(io.StringIO(render_csv(document, name)))
            assert {len(row) for row in rows} <= {len(heading)}, name


def test_a_section_alone_is_that_of_the_report(store: SqliteStore) -> None:
    """Each section can be compiled by itself, for the period and the one before, and its CSV is that of the whole report."""
    store_documents(store, demo_documents(30, 40))
    for asked in (Filter(), Filter(since=DEMO_UNTIL - 10 * DAY, until=DEMO_UNTIL)):
        document = compile_report(store, asked)
        for name in REPORT_TABLES:
            value, before = compile_section(store, asked, name)
            assert render_section(name, value, before) == render_csv(document, name), name
            if name != "calls":
                assert (value, before) == (document[name], document["before"] and document["before"][name]), name
    calls, _ = compile_section(store, Filter(), "calls")
    assert calls == {name: compile_report(store)[name] for name in ("apps", "rows", "totals", "left_out")}
    with pytest.raises(ValueError, match="no table of this report; give one of calls"):
        compile_section(store, Filter(), "nonsense")


def test_times_by_name_show_the_most_frequent_beside_each_other(store: SqliteStore) -> None:
    """What goes over time by name is a line for each time and a column for each name; beyond eight the rest is one column."""
    keep(store, *(failed("a", name, timestamp_secs=0) for name in (None, "timeout", "timeout")))
    document = compile_report(store)
    assert document["errors_over_time"][0] == {"start": 0, "error_type": "timeout", "errors": 2}
    assert render_csv(document, "errors_over_time") == "from,timeout,unknown\r\n1970-01-01,2,1\r\n"
    spans = [{"start": week * 7 * DAY, "version": f"v{number}", "installations": 1 + (number == 8)} for week in range(2) for number in range(10 - week)]
    heading, first, second = csv.reader(io.StringIO(render_section("versions_over_time", spans, None)))
    assert heading == ["from", "v8", *(f"v{number}" for number in range(7)), "others"]
    assert first == ["1970-01-01", "2", *"1111111", "2"]
    assert second == ["1970-01-08", "2", *"1111111", "1"]


def test_a_tool_is_told_over_all_its_routes(store: SqliteStore) -> None:
    """The figures of a tool are those of its calls by whatever route, exact over all of them."""
    keep(
        store,
        TelemetryEvent("a", "local_only", latency_ms=1),
        TelemetryEvent("a", "remote_only", latency_ms=3),
        TelemetryEvent("a", "remote_only", latency_ms=2, status="error"),
    )
    (row,) = compile_report(store)["tools"]
    assert (row["tool"], row["calls"], row["errors"], row["error_types"], row["p50_ms"], row["p99_ms"]) == ("a", 3, 1, {"unknown": 1}, 2, 3)


def test_report_without_anything_that_fits_says_when_something_came(store: SqliteStore) -> None:
    """An empty period is not taken for an empty collector."""
    keep(store, TelemetryEvent("a", "local_only", timestamp_secs=DAY))
    text = render_report(compile_report(store, Filter(since=10 * DAY, until=11 * DAY)))
    assert text == "Nothing that was collected fits what is asked for; the last document came at 1970-01-01 00:01 UTC."
