"""
The page of a collector as pieces of HTML, in the order in which they are shown.

A part is asked for and given away before the next one is asked for. A store that fails under
way leaves a part that says so, and the page goes on: whoever looks in trouble needs the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ...system import Clock
from .._report import describe_filter, render_section
from ..stores import CallQuestions, Filter, Questions, StoreError, look_at
from ._answers import Answers
from ._head import Head, view_foot, view_head
from ._overview import Group, overview_groups
from ._query import PageQuery, read_query
from ._record_views import view_inbox
from ._shapes import Part
from ._templates import Templates
from ._tool_page import tool_groups

__all__ = ["Page"]

_LOOK_AGAIN_SECS = 15
"""How often a page without a script looks whether the first document has come."""


class Page:
    """
    Draws *store* as a person looks at it; `is_public` leaves out what strangers must not see.

    Safe between threads: every look is its own. Raises `TelemetryError` when Jinja2 is missing.
    """

    def __init__(self, store: CallQuestions, clock: Clock, *, is_public: bool = False) -> None:
        self._store = store
        self._clock = clock
        self._is_public = is_public
        self._templates = Templates()

    def read(self, fields: Sequence[tuple[str, str]]) -> PageQuery:
        """Return what the *fields* of an address ask for; raises `ValueError` saying what can be given."""
        return read_query(fields, self._clock.time())

    def has_documents(self) -> bool:
        """Return whether anything has come yet; raises `StoreError`."""
        if isinstance(self._store, Questions):
            since = int(self._clock.time()) // 3600 * 3600
            health = self._store.health(Filter(since=since, until=since + 3600))
            if any((health.last_event_at, health.last_heartbeat_at, health.last_feedback_at)):
                return True
        return bool(self._store.apps(Filter()))

    def overview(self, query: PageQuery, base_url: str = "") -> Iterator[str]:
        """Yield the page that answers how it is going; *base_url* is where senders reach this collector."""
        try:
            is_empty = not self.has_documents()
        except StoreError:
            is_empty = False  # each part says so by itself
        if is_empty:
            yield self._templates.render("empty", head=self._plain_head("Nothing yet"), base_url=base_url, refresh_secs=_LOOK_AGAIN_SECS)
            return
        yield from self._stream(query, "/", overview_groups)

    def tool(self, query: PageQuery) -> Iterator[str]:
        """Return an iterator over a tool's own page; raises `ValueError` when the query names none."""
        if query.asked.tool is None:
            msg = "name a tool: /tool?tool=NAME"
            raise ValueError(msg)
        return self._stream(query, "/tool", tool_groups)

    def inbox(self, query: PageQuery) -> Iterator[str]:
        """Return an iterator over the page of feedback; raises `ValueError` where there is none to show."""
        if self._is_public or not isinstance(self._store, Questions):
            msg = "no feedback is shown here"
            raise ValueError(msg)
        return self._stream(query, "/inbox", lambda _: [Group("Opening the inbox", (view_inbox,), "one")])

    def table(self, name: str, query: PageQuery) -> dict[str, Any]:
        """
        Return the section called *name* as `report --json` has it, under ``answer``.

        Beside it: ``table``, ``asked``, ``before`` (the answer for the period before) and
        ``definition``. Raises `KeyError` for what is no section or not shown, `StoreError`.
        """
        with self._look(query) as answers:
            if name not in answers.names:
                msg = f"{name!r} is no table of this page; there are {', '.join(answers.names)}"
                raise KeyError(msg)
            return {
                "table": name,
                "asked": describe_filter(query.asked),
                "answer": answers.ask(name),
                "before": answers.ask_before(name),
                "definition": answers.define(name),
            }

    def table_csv(self, name: str, query: PageQuery) -> str:
        """Return the same as CSV; raises as `table` does."""
        table = self.table(name, query)
        return render_section(name, table["answer"], table["before"])

    def sign_in(self, target: str, message: str | None) -> str:
        """Return the form that asks for the token and leads on to *target*."""
        return self._templates.render("sign_in", head=self._plain_head("Sign in"), target=target, message=message)

    def trouble(self, message: str) -> str:
        """Return a page that says what is wrong."""
        return self._templates.render("trouble", head=self._plain_head("Not this way"), message=message)

    @contextmanager
    def _look(self, query: PageQuery, path: str = "/") -> Iterator[Answers]:
        with look_at(self._store) as questions:
            yield Answers(questions, query, path, is_public=self._is_public)

    def _plain_head(self, title: str) -> Head:
        return Head(title=title)

    def _stream(self, query: PageQuery, path: str, groups_of: Callable[[Answers], Iterable[Group]]) -> Iterator[str]:
        """Yield the page, a group of parts at a time, each announced before it is asked for."""
        with self._look(query, path) as answers:
            head = view_head(answers)
            yield self._templates.render("top", head=head)
            for group in _as_far_as_possible(groups_of(answers)):
                yield self._templates.render("progress", words=group.progress)
                parts, troubles = _view(group, answers)
                if parts or troubles:
                    yield self._templates.render(
                        "group", head=head, query=answers.query, parts=parts, layout=group.layout, troubles=troubles
                    )
            yield self._templates.render("bottom", head=head, foot=view_foot(answers))


def _as_far_as_possible(groups: Iterable[Group]) -> Iterator[Group]:
    """Yield *groups*; when the store cannot even say which there are, one that says so is the last."""
    try:
        yield from groups
    except StoreError as error:
        trouble = error

        def fail(_answers: Answers) -> None:
            raise trouble

        yield Group("Asking the store", (fail,))


def _view(group: Group, answers: Answers) -> tuple[list[Part], int]:
    """Return the parts of *group* that there are, and how many could not be had."""
    parts: list[Part] = []
    troubles = 0
    for view in group.views:
        try:
            part = view(answers)
        except StoreError:
            troubles += 1
        else:
            parts += [part] if part is not None else []
    return parts, troubles
