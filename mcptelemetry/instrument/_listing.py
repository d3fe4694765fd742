"""What a server's listings of its tools tell, page by page."""

from __future__ import annotations

from collections.abc import Mapping

from ._observer import Observer
from ._result import has_next_page
from ._server_tools import ServerTools

__all__ = ["Listing", "name_in"]

_NAMES_MAX = 10_000


class Listing:
    """Remembers for *observer* the names that one server lists, and tells how many they are."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._names: set[str] = set()

    def learn(self, result: object, tools: ServerTools, *, is_first_page: bool) -> None:
        """Remember the names in a listing's *result*; when that was the last page, tell their number."""
        listed = result.get("tools") if isinstance(result, Mapping) else getattr(result, "tools", result)
        if not isinstance(listed, (list, tuple)):
            return
        if is_first_page:
            # By name, so that two clients who turn pages at once come to the same number.
            self._names = set()
        for name in filter(None, map(name_in, listed)):
            self._observer.remember(name, tools)
            if len(self._names) < _NAMES_MAX:
                self._names.add(name)
        if not has_next_page(result):
            self._observer.on_listed(len(self._names))


def name_in(params: object) -> str:
    """Return the name in a tool or in a call's parameters, ``""`` when there is none."""
    name = params.get("name") if isinstance(params, Mapping) else getattr(params, "name", None)
    return name if isinstance(name, str) else ""
