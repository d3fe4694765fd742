"""docs/page.md explains the page that a collector shows: every part of it, in its order, and every part that it quotes is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("jinja2", reason="Jinja2 belongs to the test extra and is not installed")

from mcptelemetry.collector import DEMO_UNTIL, SqliteStore, demo_documents, store_documents
from mcptelemetry.collector.page import Page
from mcptelemetry.testing import FakeClock

PAPER = (Path(__file__).parents[2] / "docs" / "page.md").read_text("utf-8")
FIELDS = [("since", "2025-09-01"), ("until", "2025-12-01")]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the overview of an invented year of few installations, a tool's page, and the overview of heartbeats alone."""
    stores = [SqliteStore(tmp_path_factory.mktemp("year") / f"{name}.db") for name in ("all", "heartbeats")]
    documents = list(demo_documents(30))
    store_documents(stores[0], documents)
    store_documents(stores[1], [one for one in documents if one.stream == "heartbeats"])
    page, other = (Page(store, FakeClock(time=float(DEMO_UNTIL))) for store in stores)
    shown = [
        page.overview(page.read(FIELDS)),
        page.tool(page.read([*FIELDS, ("tool", "get_issues")])),
        other.overview(other.read(FIELDS)),
    ]
    return ["".join(pieces) for pieces in shown]


def headings(html: str) -> list[str]:
    """Return the headings of the parts and of the tiles, as a person reads them."""
    found = re.findall(r"<h2[^>]*>(.*?)</h2>", html, re.DOTALL)
    return [re.sub(r"<[^>]+>", "", heading).strip() for heading in found]


def test_every_heading_is_explained(pages: list[str]) -> None:
    """What stands over a part or a tile stands in the paper, and nothing is explained that is not there."""
    explained = {" ".join(words.split()) for words in re.findall(r"\*\*([^*]+)\*\*", PAPER)}
    shown = {heading for page in pages for heading in headings(page)}
    assert len(shown) > 20  # noqa: PLR2004  as many as stand in the year
    assert shown - explained == set()
    assert explained - shown == set()


def test_parts_are_explained_in_their_order(pages: list[str]) -> None:
    """Who reads down the page and down the paper meets the same parts."""
    quoted = re.findall(r"^> `(\w+)`", PAPER, re.MULTILINE)
    shown = [name for name in re.findall(r'<section id="(\w+)"', pages[0]) if name in quoted]
    assert len(shown) > 10  # noqa: PLR2004
    assert [name for name in quoted if name in shown] == shown
