"""What the tests of the page share: stores with a few weeks in them, and a reader of HTML."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from mcptelemetry.collector import DEMO_UNTIL, SqliteStore, demo_documents, store_documents
from mcptelemetry.testing import FakeClock

NOW = DEMO_UNTIL - 5.5 * 3600
_STREAMS = {
    "whole": ("events", "heartbeats", "feedback", "refusals"),
    "heartbeats": ("heartbeats",),
    "events": ("events",),
    "empty": (),
}
_VOID = frozenset(("input", "link", "meta", "br", "wbr", "hr", "img"))


class Element:
    """An element with what stands in it."""

    def __init__(self, tag: str, attributes: dict[str, str | None], parent: Element | None) -> None:
        self.tag, self.attributes, self.parent = tag, attributes, parent
        self.children: list[Element | str] = []

    def __getitem__(self, name: str) -> str:
        return self.attributes.get(name) or ""

    def walk(self) -> Iterator[Element]:
        """Yield this element and all within."""
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child.walk()

    def find(self, tag: str = "", **attributes: str) -> list[Element]:
        """Return the elements within that are *tag* and have these attributes (``data_row`` is data-row)."""
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [
            one
            for one in self.walk()
            if (not tag or one.tag == tag) and all(one.attributes.get(name) == value for name, value in wanted.items())
        ]

    @property
    def text(self) -> str:
        """The text within."""
        return "".join(child if isinstance(child, str) else child.text for child in self.children)


class Reader(HTMLParser):
    """Reads a whole page; raises when elements do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.root = self._open = Element("", {}, None)
        self.feed(html)
        self.close()
        assert self._open is self.root, f"<{self._open.tag}> is never closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"an attribute of <{tag}> stands twice"
        element = Element(tag, dict(attrs), self._open)
        self._open.children.append(element)
        if tag not in _VOID:
            self._open = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open.children.append(Element(tag, dict(attrs), self._open))

    def handle_endtag(self, tag: str) -> None:
        assert tag == self._open.tag, f"</{tag}> ends <{self._open.tag}>"
        assert self._open.parent is not None
        self._open = self._open.parent

    def handle_data(self, data: str) -> None:
        self._open.children.append(data)


def read_page(pieces: Any) -> Element:
    """Return the root of the page that *pieces* make."""
    return Reader("".join(pieces)).root


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, SqliteStore]]:
    """Return stores by what came to them: everything, heartbeats or events only, or nothing."""
    documents = list(demo_documents(40, 45))
    made: dict[str, SqliteStore] = {}
    for name, streams in _STREAMS.items():
        made[name] = SqliteStore(Path(tmp_path_factory.mktemp("page")) / f"{name}.db")
        store_documents(made[name], (document for document in documents if document.stream in streams))
    message = {"category": "bug", "message": "It does not start.", "context": {}, "app": "acme-mcp"}
    made["whole"].add_feedback(message, received_at=int(NOW) - 3600)
    yield made
    for store in made.values():
        store.close()


@pytest.fixture
def clock() -> FakeClock:
    """Return a clock near the end of what came."""
    return FakeClock(NOW)


@pytest.fixture
def reading() -> Any:
    """Return the function that reads a page."""
    return read_page
