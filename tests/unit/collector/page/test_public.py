"""What strangers are shown: no small count, nothing that gives one away, and no feedback."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcptelemetry.collector import REPORT_TABLES, SqliteStore
from mcptelemetry.collector.page import Page
from mcptelemetry.collector.page._public import FEW, FEWEST, OTHER, WITHHELD, fold
from mcptelemetry.testing import FakeClock

_counts = st.lists(st.integers(1, 12), max_size=8).map(lambda numbers: sorted(numbers, reverse=True))
_PARTITIONS = ("launch_sources", "operating_systems", "architectures", "pythons")


def installations_in(answer: Any) -> list[Any]:
    """Return every count of installations in an answer, wherever it stands."""
    if isinstance(answer, dict):
        named = [value for key, value in answer.items() if key in ("installations", "active", "new", "returning", "installed", "people", "automation")]
        flat = [one for value in named for one in (value if isinstance(value, list) else [value])]
        kinds = list(answer.get("env_kinds", {}).values()) if isinstance(answer.get("env_kinds"), dict) else []
        return flat + kinds + [one for value in answer.values() for one in installations_in(value)]
    return [one for value in answer for one in installations_in(value)] if isinstance(answer, list) else []


@pytest.mark.parametrize("fields", [[], [("period", "7d")], [("period", "24h"), ("env_kind", "all")], [("version", "v1.5.0")], [("env_kind", "ci")]])
def test_no_table_has_a_small_count(stores: dict[str, SqliteStore], clock: FakeClock, fields: Any) -> None:
    """Whatever is asked for, a count of installations is at least five, none at all, or words; in JSON and in CSV."""
    page = Page(stores["whole"], clock, is_public=True)
    query = page.read(fields)
    words = 0
    for name in REPORT_TABLES:
        if name == "feedback":
            continue
        table = page.table(name, query)
        for number in installations_in(table["answer"]) + installations_in(table["before"]):
            words += isinstance(number, str)
            assert number in (0, FEW, WITHHELD) or (isinstance(number, int) and number >= FEWEST), (name, number)
        rows = list(csv.DictReader(io.StringIO(page.table_csv(name, query))))
        for row in rows:
            cell = row.get("installations", FEW)
            assert cell in (FEW, WITHHELD) or int(cell) >= FEWEST
    assert words


@pytest.mark.parametrize("fields", [[], [("period", "24h"), ("env_kind", "all")], [("env_kind", "ci")]])
def test_no_mark_of_the_page_has_a_small_count(stores: dict[str, SqliteStore], clock: FakeClock, reading: Any, fields: Any) -> None:
    """The page shows no small count of installations, and no share of one."""
    page = Page(stores["whole"], clock, is_public=True)
    root = reading(page.overview(page.read(fields)))
    for figure in ("installations", "active", "new", "returning"):
        for mark in root.find(data_figure=figure):
            value = mark["data-value"]
            assert value in ("", "0", FEW, WITHHELD) or int(value) >= FEWEST
    for row in root.find("tr"):
        if [cell for cell in row.find("td") if cell["data-value"] in (FEW, WITHHELD)]:
            assert not [cell for cell in row.find("td") if cell["data-figure"].endswith("_share") and cell["data-value"]]


@given(_counts, st.sampled_from(_PARTITIONS))
def test_parts_of_a_known_whole_give_no_small_one_away(counts: list[int], name: str) -> None:
    """Whoever subtracts what is shown from the whole finds nothing, or at least five."""
    rows = [{"name": f"n{number}", "installations": count} for number, count in enumerate(counts)]
    shown = fold(name, rows)
    told = [row["installations"] for row in shown if row["installations"] != FEW]
    assert all(number >= FEWEST for number in told)
    hidden = [row for row in shown if row["installations"] == FEW]
    if hidden:
        # Then the whole itself is a small count, and told as one.
        assert sum(counts) < FEWEST
        assert len(shown) == 1
    else:
        assert sum(told) == sum(counts)


@given(st.integers(0, 30), st.integers(0, 30))
def test_new_and_returning_give_neither_away(new: int, returning: int) -> None:
    """Where one of two parts is too few, the other is not told: the whole stands beside."""
    shown = fold("installations", {"active": new + returning, "new": new, "returning": returning})
    small = 0 < new + returning and min(new, returning) < FEWEST
    assert (isinstance(shown["new"], str) and isinstance(shown["returning"], str)) == small
    assert shown["active"] == (FEW if 0 < new + returning < FEWEST else new + returning)


@given(st.integers(0, 30), st.integers(0, 30))
def test_a_weeks_installations_give_no_few_away(new: int, known: int) -> None:
    """Neither the new ones of a week nor the others can be had where they are few."""
    (shown,) = fold("installations_over_time", [{"start": 0, "active": new + known, "new": new}])
    numbers = [shown["active"], shown["new"]]
    assert all(isinstance(number, str) or number >= FEWEST for number in numbers)
    if not [number for number in numbers if isinstance(number, str)]:
        assert shown["active"] - shown["new"] >= FEWEST


@given(st.lists(st.lists(st.integers(0, 20), min_size=1, max_size=5), max_size=4))
def test_weeks_that_few_stayed_are_not_told(cohorts: list[list[int]]) -> None:
    """A cohort of few is not told in any week, and of others no week in which few came back."""
    rows = [{"start": number, "active": active} for number, active in enumerate(cohorts)]
    for row, shown in zip(rows, fold("retention", rows)):
        for number, told in zip(row["active"], shown["active"]):
            assert told == (FEW if number < FEWEST or row["active"][0] < FEWEST else number)


def test_names_that_few_calls_bear_are_one() -> None:
    """A client, a version and a tool with fewer than five calls have no name of their own."""
    rows = [{"client": "much", "calls": 9, "errors": 1}, {"client": "rare", "calls": 3, "errors": 2}, {"client": "rarer", "calls": 1, "errors": 0}]
    assert fold("clients", rows) == [rows[0], {"client": OTHER, "calls": 4, "errors": 2}]
    figures = {"error_types": {"timeout": 1}, "p50_ms": 1, "p95_ms": 2, "p99_ms": 3}
    tools = fold("tools", [{"tool": "secret", "calls": 4, "errors": 1, **figures}])
    assert tools == [{"tool": OTHER, "calls": 4, "errors": 1, "error_types": {}, "p50_ms": None, "p95_ms": None, "p99_ms": None}]


def test_there_is_no_feedback(stores: dict[str, SqliteStore], clock: FakeClock, reading: Any) -> None:
    """No part, no tile, no table, no inbox and no count of the health of the data tells of what people typed."""
    page = Page(stores["whole"], clock, is_public=True)
    query = page.read([])
    root = reading(page.overview(query))
    assert not [one for one in root.find("section") if one["id"] == "feedback"]
    assert "feedback" not in root.find("main")[0].text.lower().replace(page.table("health", query)["definition"].lower(), "")
    assert "/inbox" not in "".join(link["href"] for link in root.find("a"))
    with pytest.raises(KeyError):
        page.table("feedback", query)
    with pytest.raises(KeyError):
        page.table_csv("feedback", query)
    with pytest.raises(ValueError, match="no feedback"):
        page.inbox(query)
    health = page.table("health", query)
    assert "feedback" not in json.dumps([health["answer"], health["before"]])
    assert "feedback" not in page.table_csv("health", query)


def test_there_is_nothing_to_sign_out_of(stores: dict[str, SqliteStore], clock: FakeClock, reading: Any) -> None:
    """A page for everybody posts nothing."""
    page = Page(stores["whole"], clock, is_public=True)
    assert {form["method"] for form in reading(page.overview(page.read([]))).find("form")} == {"get"}


def test_a_tool_that_few_call_has_no_page(tmp_path: Any, clock: FakeClock, reading: Any) -> None:
    """Whoever guesses the name of a tool that was called less than five times is told nothing of it."""
    from mcptelemetry.wire import TelemetryBatch, TelemetryEvent

    store = SqliteStore(tmp_path / "rare.db")
    at = int(clock.time()) - 3600
    for tool, calls in (("often", 9), ("rare", 4)):
        store.add_events(TelemetryBatch([TelemetryEvent(tool, "local_only", timestamp_secs=at)] * calls, app="acme"), received_at=at)
    page = Page(store, clock, is_public=True)
    query = page.read([("tool", "rare")])
    assert not reading(page.tool(query)).find("div", class_="tile")
    assert "rare" not in [row["data-row"] for row in reading(page.overview(page.read([]))).find("tr")]
    assert page.table("tools", page.read([]))["answer"][-1]["tool"] == OTHER
