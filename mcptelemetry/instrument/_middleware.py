"""
A whole MCP server in one line, without importing any MCP package.

One object serves both servers that take middleware: called as ``(ctx, call_next)`` by
`mcp` 2.x, and through `on_call_tool` by fastmcp. It sees names that a client made up, so a
name leaves only when the server declared it or a call of it succeeded.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ..vocabulary import UNKNOWN_TOOL
from ._client_name import client_name_in, parent_in
from ._invocation import Invocation
from ._result import has_next_page, is_error_result, result_type

__all__ = ["McpMiddleware"]

_KNOWN_NAMES_MAX = 10_000
_KNOWN_CLIENTS_MAX = 64


def _ignore(*_told: object) -> None:
    """Take what nobody wants to know."""


def _deny(_name: str) -> bool:
    return False


class McpMiddleware:
    """
    Records every ``tools/call`` that passes; changes nothing.

    *begin* makes the `Invocation` of a tool's name. *is_declared* says of a name whether the
    application declared it, beside what a listing or a success has shown. *on_client* is told the name of each
    client once, unsanitised, *on_request* of every call, and *on_listed* how many tools the server
    has, whenever it listed them all.
    """

    def __init__(
        self,
        begin: Callable[[str], Invocation],
        *,
        is_declared: Callable[[str], bool] = _deny,
        on_client: Callable[[str], object] = _ignore,
        on_request: Callable[[], object] = _ignore,
        on_listed: Callable[[int], object] = _ignore,
    ) -> None:
        self._begin = begin
        self._is_declared = is_declared
        self._on_client = on_client
        self._on_request = on_request
        self._on_listed = on_listed
        self._listed_names: set[str] = set()
        self._known_names: set[str] = set()
        self._known_clients: set[str] = set()

    async def __call__(self, ctx: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:  # the server's types
        """Pass the message on; `mcp` 2.x calls its server middleware so, and fastmcp the whole of its own."""
        method = getattr(ctx, "method", None)
        # None is a notification, which nobody answers; a context without the attribute cannot
        # tell the two apart, and a call it is.
        if method == "tools/call" and getattr(ctx, "request_id", True) is not None:
            return await self._call(_called_name(ctx), ctx, call_next)
        result = await call_next(ctx)
        if method == "tools/list":
            self._learn(result, is_first_page=not _cursor_in(ctx))
        elif method == "initialize":
            self._meet(ctx)
        return result

    async def on_call_tool(self, context: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:  # the server's types
        """Pass a call on; the signature is that of fastmcp's middleware."""
        return await self._call(_called_name(context), context, call_next)

    async def on_list_tools(self, context: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:  # the server's types
        """Pass a listing on and remember the names declared in it, for fastmcp."""
        result = await call_next(context)
        self._learn(result, is_first_page=not _cursor_in(context))
        return result

    async def _call(self, name: str, ctx: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:  # the server's types
        client = self._meet(ctx)
        self._on_request()
        is_known = name in self._known_names or self._is_declared(name)
        invocation = self._begin(name if is_known else UNKNOWN_TOOL)
        invocation.came_from(client or None)
        invocation.belongs_to(parent_in(ctx))
        with invocation:
            result = await call_next(ctx)
            if result_type(result) == "input_required":
                # Half a call: the client asks again with the answers, and that one counts.
                invocation.abandon()
            elif is_error_result(result):
                invocation.error()
            elif name:
                self._remember(name)
                invocation.rename(name)
            return result

    def _learn(self, result: object, *, is_first_page: bool) -> None:
        tools = result.get("tools") if isinstance(result, Mapping) else getattr(result, "tools", result)
        if not isinstance(tools, (list, tuple)):
            return
        if is_first_page:
            # By name, so that two clients who turn pages at once come to the same number.
            self._listed_names = set()
        for name in filter(None, map(_name_in, tools)):
            self._remember(name)
            if len(self._listed_names) < _KNOWN_NAMES_MAX:
                self._listed_names.add(name)
        if not has_next_page(result):
            self._on_listed(len(self._listed_names))

    def _meet(self, ctx: Any) -> str:
        """Return what the client of *ctx* calls itself, and tell of it when it is new."""
        name = client_name_in(ctx)
        if name and name not in self._known_clients:
            # More than this many are made up; they go on being told, and cost a little each.
            if len(self._known_clients) < _KNOWN_CLIENTS_MAX:
                self._known_clients.add(name)
            self._on_client(name)
        return name

    def _remember(self, name: str) -> None:
        if len(self._known_names) < _KNOWN_NAMES_MAX:
            self._known_names.add(name)


def _called_name(ctx: object) -> str:
    """Return the tool's name in a context: `mcp` keeps the parameters in `params`, fastmcp in `message`."""
    return _name_in(getattr(ctx, "params", None)) or _name_in(getattr(ctx, "message", None))


def _name_in(params: object) -> str:
    name = params.get("name") if isinstance(params, Mapping) else getattr(params, "name", None)
    return name if isinstance(name, str) else ""


def _cursor_in(ctx: object) -> object:
    params = getattr(ctx, "params", None)
    return params.get("cursor") if isinstance(params, Mapping) else getattr(params, "cursor", None)
