"""What a sender may put into a name, and that it stays a name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mcptelemetry.collector import SqliteStore
from mcptelemetry.collector.page import Page
from mcptelemetry.testing import FakeClock
from mcptelemetry.wire import TelemetryBatch, TelemetryEvent

NAMES = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' OR 1=1 --",
    "\u202egnp.exe",
    "\u200b",
    "{{ 7 * 7 }}{% raw %}",
    "</bdi></th></table><h1>",
    "&lt;b&gt;&amp;",
    "a" * 128,
    "=HYPERLINK(1)",
    "漢字🙂\u0301",
    "javascript:alert(1)",
    "//evil.example/",
)


@pytest.fixture
def hostile(tmp_path: Path, clock: FakeClock) -> SqliteStore:
    """Return a store with these names in every place that events and feedback have."""
    store = SqliteStore(tmp_path / "hostile.db")
    at = int(clock.time()) - 7200
    for name in NAMES:
        event = TelemetryEvent(
            name, "local_only", latency_ms=5, timestamp_secs=at, client=name, status="error", error_type="tool_error"
        )
        store.add_events(TelemetryBatch([event] * 6, app=name, version=name), received_at=at)
        store.add_feedback({"category": "bug", "message": name, "email": name, "context": {name: name}, "app": name}, received_at=at)
    return store


@pytest.mark.parametrize("kind", ["overview", "tool", "inbox", "public", "app", "nothing"])
def test_a_name_is_text_and_nothing_else(hostile: SqliteStore, clock: FakeClock, reading: Any, kind: str) -> None:
    """No name becomes an element, an attribute or an address; the page nests as ever."""
    for name in NAMES if kind in ("tool", "app") else NAMES[:3]:
        page = Page(hostile, clock, is_public=kind == "public")
        fields = {"tool": [("tool", name)], "app": [("app", name), ("client", name)], "nothing": [("app", f"{name}!"), ("period", "7d")]}.get(kind, [])
        query = page.read(fields)
        html = "".join({"tool": page.tool, "inbox": page.inbox}.get(kind, page.overview)(query))
        root = reading([html])
        assert not root.find("img")
        assert [one["src"].split("?")[0] for one in root.find("script")] == ["/static/page.js"]
        assert len(root.find("h1")) == 1
        assert all(one["href"].startswith(("/", "#")) and not one["href"].startswith("//") for one in root.find("a"))
        # What would turn the text round it, or hide in it, is seen as its escape.
        assert not set("\u202e\u200b\u2066\u2067") & set(root.text)
        assert "49" not in [one.text for one in root.find("bdi")]


def test_a_name_is_isolated_and_whole(hostile: SqliteStore, clock: FakeClock, reading: Any) -> None:
    """Each name stands in an element of its own direction, in its full length."""
    page = Page(hostile, clock)
    root = reading(page.overview(page.read([])))
    tools = root.find("section", id="tools")[0]
    shown = {one.text for one in tools.find("bdi")}
    assert "a" * 128 in shown
    assert "<script>alert(1)</script>" in shown
    assert "\\u202egnp.exe" in shown
    assert "\\u200b" in shown


def test_a_filter_on_a_hostile_name_is_that_name(hostile: SqliteStore, clock: FakeClock, reading: Any) -> None:
    """A link that a name became leads to the calls of exactly that name."""
    from urllib.parse import parse_qsl, urlsplit

    page = Page(hostile, clock)
    root = reading(page.overview(page.read([])))
    rows = [row for row in root.find("section", id="tools")[0].find("tr") if row["data-row"]]
    assert {row["data-row"] for row in rows} == {name[:128] for name in NAMES}
    for row in rows[:4]:
        query = page.read(parse_qsl(urlsplit(row.find("a")[0]["href"]).query))
        assert query.asked.tool == row["data-row"]
        tile = reading(page.tool(query)).find("div", data_figure="calls")[0]
        assert tile["data-value"] == "6"
