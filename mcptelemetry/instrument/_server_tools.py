"""
The tools that a server object holds, read from where each package keeps them.

Nothing is asked of the server: a listing may go over the network, and these are attributes. What
is registered as code is the author's own; what else a server offers, it has from somewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

__all__ = ["ServerTools", "is_made_of"]

_DEPTH_MAX = 8  # servers may be mounted in a circle, and functions be wrapped in one

# Where a server keeps its tools: the holder's attribute, then the mapping's.
_HOLDERS = (("_tool_manager", "_tools"), ("_local_provider", "_components"))


class ServerTools:
    """The tools of *server*, which may be any object; what cannot be read is not there."""

    def __init__(self, server: object, *, is_instrumented: bool = False) -> None:
        self.server: object = server
        """The server's object."""
        self.is_instrumented: bool = is_instrumented
        """Whether the author handed this server over: then its code is declared, and the rest an upstream's."""
        self.is_gateway: bool = _is_of(server, "fastmcp")
        """Whether it may offer what others have: tools of mounted servers, of proxied ones."""

    def names(self) -> list[str]:
        """Return the names of the tools that are registered as code."""
        return [name for name, _ in self._local()]

    def is_code(self, name: str) -> bool:
        """Return whether the tool *name* is registered as code on this server itself."""
        return self._local_function(name) is not None

    def function(self, name: str, depth: int = 0) -> Callable[..., Any] | None:
        """Return the function of the tool *name*, here or on a mounted server, None when it has none."""
        function = self._local_function(name)
        if function is None and depth < _DEPTH_MAX:
            for child, child_name in self._mounted(name):
                function = function or ServerTools(child).function(child_name, depth + 1)
        return function

    def hands_on(self, name: str, there: str, server: object) -> bool:
        """Return whether a call of *name*, which is not code here, may come to *server* as one of *there*."""
        # Behind a proxy in the same process nobody can be seen; it leaves the name, or puts something before it.
        return self.has_mounted(server) or (self.is_gateway and f"_{name}".endswith(f"_{there}"))

    def has_mounted(self, server: object, depth: int = 0) -> bool:
        """Return whether *server* is mounted on this one, or on one that is."""
        return depth < _DEPTH_MAX and any(
            child is server or ServerTools(child).has_mounted(server, depth + 1) for child, _ in self._mounted("")
        )

    def _local_function(self, name: str) -> Callable[..., Any] | None:
        return next((function for found, function in self._local() if found == name), None)

    def _local(self) -> Iterator[tuple[str, Callable[..., Any]]]:
        for holder, mapping in _HOLDERS:
            tools = _look(_look(self.server, holder), mapping)
            # A copy in one step: another thread may register a tool.
            for tool in list(tools.values()) if isinstance(tools, dict) else ():
                name, function = _look(tool, "name"), _look(tool, "fn")
                if isinstance(name, str) and callable(function) and _is_tool(tool):
                    yield name, function

    def _mounted(self, name: str) -> Iterator[tuple[object, str]]:
        """Yield each mounted server, and what *name* is there if it is one of its tools."""
        for mount in _items(_look(self.server, "_mounted_servers")):
            prefix = _look(mount, "prefix")
            yield _look(mount, "server"), name[len(prefix) + 1 :] if isinstance(prefix, str) else name
        for provider in _items(_look(self.server, "providers")):
            yield from _unwrapped(provider, name)


def _unwrapped(provider: object, name: str) -> Iterator[tuple[object, str]]:
    for _ in range(_DEPTH_MAX):
        for transform in _items(_look(provider, "_transforms")):
            reverse = _look(transform, "_reverse_name")
            found = reverse(name) if callable(reverse) else None
            name = found if isinstance(found, str) else name
        child = _look(provider, "server")
        if child is not None:
            yield child, name
            return
        provider = _look(provider, "_inner")


def is_made_of(function: object, inner: object) -> bool:
    """Return whether *function* is *inner*, or wraps it."""
    for _ in range(_DEPTH_MAX):
        if function is None or function is inner:
            break
        function = _look(function, "__wrapped__")
    return function is inner


def _is_tool(thing: object) -> bool:
    return any("Tool" in known.__name__ for known in type(thing).__mro__)


def _is_of(thing: object, package: str) -> bool:
    return any(known.__module__.partition(".")[0] == package for known in type(thing).__mro__)


def _items(things: object) -> Iterable[object]:
    return list(things) if isinstance(things, (list, tuple)) else ()


def _look(thing: object, name: str) -> Any:
    try:
        return getattr(thing, name, None)
    except Exception:  # a server's object may do anything when looked at
        return None
