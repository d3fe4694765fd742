"""
What the hooks of one application's servers know together: names, clients, how a call is opened.

Servers see names that a client made up, so a name leaves only when it is the author's own (declared,
or registered as code), when a listing showed it or when a call of it succeeded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from ..vocabulary import UNKNOWN_TOOL, ErrorType
from ._calls import Calls
from ._client_name import client_name_in, parent_in
from ._open_call import OpenCall
from ._result import is_error_result, result_type
from ._server_tools import ServerTools

__all__ = ["Observer", "OwnTools"]

_KNOWN_NAMES_MAX = 10_000
_KNOWN_CLIENTS_MAX = 64


class OwnTools(Protocol):
    """The counters' view of tools; `CounterRegistry` is one."""

    def is_builtin_tool(self, name: str) -> bool:
        """Return whether *name* is one of the application's own tools."""
        ...

    def declare_tool(self, name: str) -> bool:
        """Add a built-in tool; return whether *name* can be a tool's name."""
        ...

    def note_upstream_tool(self, name: str) -> None:
        """Have calls of *name* counted as an upstream's, unless it is declared."""


def _ignore(*_told: object) -> None:
    """Take what nobody wants to know."""


class Observer:
    """
    Opens *calls* for the servers of one application, and remembers which names may be said.

    *own_tools* are the application's. *on_client* is told the name of each client once,
    unsanitised, *on_request* of every call, and *on_listed* how many tools a server has, whenever
    it listed them all.
    """

    def __init__(
        self,
        calls: Calls,
        own_tools: OwnTools,
        *,
        on_client: Callable[[str], object] = _ignore,
        on_request: Callable[[], object] = _ignore,
        on_listed: Callable[[int], object] = _ignore,
    ) -> None:
        self.calls: Calls = calls
        """How a call is opened, or joined."""
        self.on_listed: Callable[[int], object] = on_listed
        """Told how many tools a server has."""
        self._own_tools = own_tools
        self._on_client = on_client
        self._on_request = on_request
        self._known_names: set[str] = set()
        self._known_clients: set[str] = set()

    def open(self, name: str, ctx: Any, tools: ServerTools) -> OpenCall:
        """Return a new call of the tool *name*, asked for in the server's *ctx*, to be entered."""
        # A request's facts come from here: the client's name, and what else its `_meta` says.
        client = self.meet(ctx)
        self._on_request()
        call = self.calls.open(name, tools)
        if not self._may_be_said(name, tools):
            call.rename(UNKNOWN_TOOL)
        call.came_from(client or None)
        call.belongs_to(parent_in(ctx))
        return call

    def joins(self, call: OpenCall, name: str, tools: ServerTools) -> None:
        """Take note that the server of *tools* sees *call* too, under *name*."""
        if tools.is_instrumented and tools.is_code(name):
            # The author mounted it, prefix and all: both names are the author's.
            self._own_tools.declare_tool(call.seen_name)
            call.rename(call.seen_name)

    def note_result(self, call: OpenCall, result: object, tools: ServerTools) -> None:
        """Take from *result*, which the client is sent, how *call* ended, and that there is such a tool."""
        if result_type(result) == "input_required":
            # Half a call: the client asks again with the answers, and that one counts.
            call.abandon()
        elif is_error_result(result):
            call.error(ErrorType.TOOL_ERROR)
        elif call.seen_name:
            self.remember(call.seen_name, tools)
            call.rename(call.seen_name)

    def remember(self, name: str, tools: ServerTools) -> None:
        """Take note that the server of *tools* has a tool *name*."""
        if len(self._known_names) < _KNOWN_NAMES_MAX:
            self._known_names.add(name)
        if tools.is_instrumented and tools.is_gateway and not self._is_own(name, tools):
            self._own_tools.note_upstream_tool(name)

    def declare(self, tools: ServerTools) -> None:
        """Declare the tools that are registered as code on a server."""
        for name in tools.names():
            self._own_tools.declare_tool(name)

    def meet(self, ctx: Any) -> str:
        """Return what the client of *ctx* calls itself, and tell of it when it is new."""
        name = client_name_in(ctx)
        if name and name not in self._known_clients:
            # More than this many are made up; they go on being told, and cost a little each.
            if len(self._known_clients) < _KNOWN_CLIENTS_MAX:
                self._known_clients.add(name)
            self._on_client(name)
        return name

    def _may_be_said(self, name: str, tools: ServerTools) -> bool:
        return self._is_own(name, tools) or name in self._known_names

    def _is_own(self, name: str, tools: ServerTools) -> bool:
        if self._own_tools.is_builtin_tool(name):
            return True
        # Registered since it was last looked: the next call finds it declared.
        return tools.is_instrumented and tools.is_code(name) and self._own_tools.declare_tool(name)
