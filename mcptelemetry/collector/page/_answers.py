"""
What a store answers to one look at the page, each question asked once.

The answers are those of the report, section by section and not all together: what a page shows
first is there before the last question is asked. For the public they are folded here, where
everything comes by, so that no part and no table can forget to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from .._asked import ENV_KINDS
from .._report import sections_of
from .._report_sections import Section, ask_calls
from ..stores import DEFINITIONS, CallQuestions, Filter, Health, Questions
from ._public import OTHER, fold, fold_calls_of
from ._query import PageQuery

__all__ = ["Answers"]

_Answer = TypeVar("_Answer")


class Answers:
    """Asks *store* for *query*, for the page at *path*; used by one thread."""

    def __init__(self, store: CallQuestions, query: PageQuery, path: str = "/", *, is_public: bool = False) -> None:
        self.query = query
        self.path = path
        self.is_public = is_public
        self._store = store
        self._sections: dict[str, Section] = {section.name: section for section in sections_of(store)}
        self._known: dict[tuple[Any, ...], Any] = {}

    @property
    def whole(self) -> Questions | None:
        """The store, when it holds more than events."""
        return self._store if isinstance(self._store, Questions) else None

    @property
    def names(self) -> tuple[str, ...]:
        """The sections that can be asked for."""
        hidden = ("feedback",) if self.is_public else ()
        return tuple(name for name in self._sections if name not in hidden)

    def ask(self, name: str, asked: Filter | None = None) -> Any:
        """Return the answer of the section called *name*, as the report has it; raises `StoreError`."""
        asked = asked or self.query.asked
        return self._once((name, asked), lambda: self._fold(name, self._sections[name].ask(self._store, asked)))

    def ask_before(self, name: str) -> Any:
        """Return the same for the period before; None when the period is open."""
        earlier = self.query.asked.before()
        return None if earlier is None else self.ask(name, earlier)

    def calls(self) -> Any:
        """Return the answer of the section ``calls``, but for the applications, which no part of a page shows."""
        return self._calls(self.query.asked)

    def calls_before(self) -> Any:
        """Return the same for the period before; None when the period is open."""
        earlier = self.query.asked.before()
        return None if earlier is None else self._calls(earlier)

    def spans(self, name: str, asked: Filter, step_secs: int) -> list[Any]:
        """Return the answer to a question over time, in steps of *step_secs*; nothing where a store has no such question."""
        question = getattr(self._store, name, None)
        if question is None:
            return []
        return self._once((name, asked, step_secs), lambda: list(self._fold(name, question(asked, step_secs))))

    def health(self) -> Health | None:
        """Return what came last, ever, and of the coming hour only what became of it; None where a store does not know."""
        whole = self.whole
        if whole is None:
            return None
        since = self.query.now // 3600 * 3600
        return self._once(("last",), lambda: whole.health(Filter(since=since, until=since + 3600)))

    def app_names(self) -> list[str]:
        """Return the applications of the period, whichever is asked for: by calls, then those that only sent heartbeats."""
        everything = replace(self.query.asked, app=None, version=None, client=None, tool=None)
        counts: dict[str, int] = self._once(("apps", everything), lambda: self._store.apps(everything))
        names = list(fold_calls_of(counts) if self.is_public else counts)
        whole = self.whole
        if whole is None:
            return names
        rows = self._once(("installed", everything), lambda: [row._asdict() for row in whole.installations_by("app", everything)])
        told = self._fold("launch_sources", rows)  # parts of a whole, as those are
        return list(dict.fromkeys([*names, *(row["name"] for row in told if not self.is_rest(row["name"]))]))

    def link(self, field: str, name: str) -> str | None:
        """Return the address of the page for *name* only; None where it is ours for the rest, or no word to ask with."""
        if self.is_rest(name) or (field == "env_kind" and name not in ENV_KINDS):
            return None
        if field == "tool":
            return self.query.link("/tool", tool=name, show=None)
        return self.query.link(self.path, **{field: name})

    def is_rest(self, name: str) -> bool:
        """Return whether *name* is not a sender's, but ours for what was put together."""
        return self.is_public and name == OTHER

    def define(self, name: str) -> str:
        """Return what the numbers called *name* mean."""
        section = self._sections.get(name)
        return DEFINITIONS.get(section.definition if section is not None else name, "")

    def _calls(self, asked: Filter) -> Any:
        return self._once(("figures", asked), lambda: self._fold("calls", {"apps": {}, **ask_calls(self._store, asked)}))

    def _fold(self, name: str, answer: Any) -> Any:
        return fold(name, answer) if self.is_public else answer

    def _once(self, key: tuple[Any, ...], ask: Callable[[], _Answer]) -> _Answer:
        if key not in self._known:
            self._known[key] = ask()
        known: _Answer = self._known[key]
        return known
