"""
The page over HTTP: from the address that a browser asks for to pieces of HTML.

A page is sent while it is made, so that a reader sees the first part before the last question is
asked. Nothing is asked before the first piece is wanted, and whoever leaves in the middle leaves
nothing behind: no question of a page is under way while one of its pieces is sent.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from ._forms import Forms, own_target
from ._pages import HTML, PAGE_HEADERS, Pages
from ._requests import IncomingRequest, Refusal, Response
from ._turns import Turns, too_busy
from .page import ASSETS, Page, PageQuery
from .stores import Store

__all__ = ["ASSETS_PATH", "TABLES_PATH", "Crowd", "PageRoutes", "show_asset"]

ASSETS_PATH = "/static/"
TABLES_PATH = "/tables/"

_YEAR_SECS = 365 * 24 * 3600
_NUMBER_DIGITS_MAX = 18  # what a store's own number may have


class Crowd:
    """How many read at once; *most* None: as many as come. Safe between threads."""

    def __init__(self, most: int | None) -> None:
        self._places = None if most is None else threading.BoundedSemaphore(most)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Have a place for as long as the block takes; raise `Refusal` when there is none."""
        if self._places is None:
            yield
            return
        # Nobody waits for a place: who waits holds a thread, and senders need one.
        if not self._places.acquire(blocking=False):
            raise too_busy()
        try:
            yield
        finally:
            self._places.release()


class PageRoutes:
    """Answers whoever looks at the page; safe between threads."""

    def __init__(self, store: Store, pages: Pages, turns: Turns, crowd: Crowd, forms: Forms) -> None:
        self._store = store
        self._pages = pages
        self._turns = turns
        self._crowd = crowd
        self._forms = forms

    def show_overview(self, request: IncomingRequest) -> Response:
        """Show the page."""
        return self._stream(request, lambda page, query: page.overview(query, request.base_url))

    def show_tool(self, request: IncomingRequest) -> Response:
        """Show the page of one tool."""
        if not request.query("tool"):
            raise Refusal(400, "no tool is named: /tool?tool=NAME", reason="query")
        return self._stream(request, Page.tool)

    def show_inbox(self, request: IncomingRequest) -> Response:
        """Show what people wrote."""
        return self._stream(request, Page.inbox)

    def show_table(self, request: IncomingRequest) -> Response:
        """Show one table of the page as CSV or JSON, as the end of the path says."""
        name, _, kind = request.path[len(TABLES_PATH) :].rpartition(".")
        show = _TABLE_KINDS.get(kind)
        if show is None:
            raise _no_table()
        query = self._read(request)
        if request.method == "HEAD":
            return Response(200, {})
        with self._crowd.place():
            try:
                return show(self._pages.page, name, query)
            except (KeyError, ValueError):
                raise _no_table() from None

    def show_first_document(self, request: IncomingRequest) -> Response:
        """Say whether there is anything to look at yet."""
        return Response(200, {} if request.method == "HEAD" else {"has_documents": self._pages.page.has_documents()})

    def mark_read(self, request: IncomingRequest) -> Response:
        """Mark the messages whose numbers were posted as read, and go back to the inbox."""
        fields = self._forms.read(request)
        numbers = [value for name, value in fields if name == "number"]
        if not all(value.isascii() and value.isdigit() and len(value) <= _NUMBER_DIGITS_MAX for value in numbers):
            raise Refusal(400, "a message has a number", reason="document")
        self._store.mark_read([int(value) for value in numbers])
        target = own_target(dict(fields).get("target", "/inbox"))
        return Response(303, {"see": target}, (("Location", target),))

    def _read(self, request: IncomingRequest) -> PageQuery:
        try:
            return self._pages.page.read(request.query_fields())
        except ValueError as error:
            raise Refusal(400, str(error), reason="query") from None

    def _stream(self, request: IncomingRequest, draw: Callable[[Page, PageQuery], Iterable[str]]) -> Response:
        query = self._read(request)
        if request.method == "HEAD":
            return Response(200, None, PAGE_HEADERS, kind=HTML)
        return Response(200, None, PAGE_HEADERS, kind=HTML, pieces=self._pieces(draw(self._pages.page, query)))

    def _pieces(self, pieces: Iterable[str]) -> Iterator[str]:
        with self._crowd.place():
            with self._turns.turn():  # whoever would wait too long is told before there is half a page
                pass
            yield from pieces


def show_asset(request: IncomingRequest) -> Response:
    """Show a file that the page needs; under the address that names its version it need not be asked for again."""
    try:
        asset = ASSETS[request.path[len(ASSETS_PATH) :]]
    except KeyError:
        raise Refusal(404, "there is nothing here", reason="path") from None
    etag = f'"{asset.etag}"'
    keep = f"public, max-age={_YEAR_SECS}, immutable" if request.query("v") == asset.etag else "no-cache"
    headers = (("ETag", etag), ("Cache-Control", keep), ("Cross-Origin-Resource-Policy", "same-origin"))
    known = [one.strip() for one in request.header("If-None-Match").split(",")]
    if etag in known or f"W/{etag}" in known or "*" in known:
        return Response(304, None, headers)
    return Response(200, None, headers, asset.body, asset.kind)


def _show_csv(page: Page, name: str, query: PageQuery) -> Response:
    text = page.table_csv(name, query)
    # Only a name that is a table's comes this far.
    headers = (*PAGE_HEADERS, ("Content-Disposition", f'attachment; filename="{name}.csv"'))
    return Response(200, None, headers, text.encode(), "text/csv; charset=utf-8")


def _show_json(page: Page, name: str, query: PageQuery) -> Response:
    document: dict[str, Any] = page.table(name, query)
    return Response(200, document, PAGE_HEADERS)


_TABLE_KINDS: dict[str, Callable[[Page, str, PageQuery], Response]] = {"csv": _show_csv, "json": _show_json}


def _no_table() -> Refusal:
    return Refusal(404, "there is no such table", reason="path")
