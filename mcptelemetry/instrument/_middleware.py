"""
A whole MCP server in one line, without importing any MCP package.

One object serves both servers that take middleware: called as ``(ctx, call_next)`` by
`mcp` 2.x, and through `on_call_tool` by fastmcp. What it sees passes on unchanged.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from ._elicitation import watch_questions
from ._failure import failure_in_framework, failure_on_wire
from ._listing import Listing, name_in
from ._observer import Observer
from ._open_call import OpenCall
from ._server_tools import ServerTools

__all__ = ["McpMiddleware", "ObservingMiddleware"]

_CallNext = Callable[[Any], Awaitable[Any]]


class McpMiddleware(Protocol):
    """What `Telemetry.middleware` is: it records every ``tools/call`` that passes, and changes nothing."""

    async def __call__(self, ctx: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:  # the server's types
        """Pass the message on; `mcp` 2.x calls its server middleware so, and fastmcp the whole of its own."""

    async def on_call_tool(self, context: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:  # the server's types
        """Pass a call on; the signature is that of fastmcp's middleware."""

    async def on_list_tools(self, context: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:  # the server's types
        """Pass a listing on and remember the names declared in it, for fastmcp."""


class ObservingMiddleware:
    """
    Records every ``tools/call`` that passes, by *observer*; changes nothing.

    *tools* are those of the server that it was put on; None: of the one that a context names, if any.
    """

    def __init__(self, observer: Observer, tools: ServerTools | None = None) -> None:
        self._observer = observer
        self._tools = tools
        self._listing = Listing(observer)

    async def __call__(self, ctx: Any, call_next: _CallNext) -> Any:  # the server's types
        """Pass the message on; `mcp` 2.x calls its server middleware so, and fastmcp the whole of its own."""
        method = getattr(ctx, "method", None)
        # None is a notification, which nobody answers; a context without the attribute cannot
        # tell the two apart, and a call it is.
        if method == "tools/call" and getattr(ctx, "request_id", True) is not None:
            return await self._call(_called_name(ctx), ctx, call_next)
        result = await call_next(ctx)
        if method == "tools/list":
            self._listing.learn(result, self._tools_in(ctx), is_first_page=not _cursor_in(ctx))
        elif method == "initialize":
            self._observer.meet(ctx)
        return result

    async def on_call_tool(self, context: Any, call_next: _CallNext) -> Any:  # the server's types
        """Pass a call on; the signature is that of fastmcp's middleware."""
        return await self._call(_called_name(context), context, call_next)

    async def on_list_tools(self, context: Any, call_next: _CallNext) -> Any:  # the server's types
        """Pass a listing on and remember the names declared in it, for fastmcp."""
        result = await call_next(context)
        self._listing.learn(result, self._tools_in(context), is_first_page=not _cursor_in(context))
        return result

    async def check_resource_access(self, context: Any) -> None:  # the server's types
        """Allow it: fastmcp asks every middleware."""

    def is_on_server(self, observer: Observer) -> bool:
        """Return whether it was put on a server to record by *observer*; `telemetry.middleware` was not."""
        return self._tools is not None and self._observer is observer

    async def _call(self, name: str, ctx: Any, call_next: _CallNext) -> Any:  # the server's types
        tools = self._tools_in(ctx)
        joined = self._observer.calls.joined(name, tools)
        if joined is not None:
            return await self._pass_on(joined, name, ctx, call_next)
        _watch_session(ctx)
        with self._observer.open(name, ctx, tools) as call:
            # Interior middleware is followed by the framework's own handler, which makes the answer.
            call.ends_by(failure_in_framework if hasattr(ctx, "message") else failure_on_wire)
            result = await call_next(ctx)
            self._observer.note_result(call, result, tools)
            return result

    async def _pass_on(self, call: OpenCall, name: str, ctx: Any, call_next: _CallNext) -> Any:
        self._observer.joins(call, name, self._tools_in(ctx))
        call.saw(None)
        try:
            return await call_next(ctx)
        except BaseException as error:
            call.saw(error)
            raise

    def _tools_in(self, ctx: Any) -> ServerTools:
        if self._tools is not None:
            return self._tools
        return ServerTools(getattr(getattr(ctx, "fastmcp_context", None), "fastmcp", None))


def _watch_session(ctx: Any) -> None:
    for holder in (ctx, getattr(ctx, "fastmcp_context", None)):
        try:
            session = getattr(holder, "session", None)
        except Exception:  # a context outside any request has none, and says so
            session = None
        if session is not None:
            watch_questions(session)


def _called_name(ctx: object) -> str:
    """Return the tool's name in a context: `mcp` keeps the parameters in `params`, fastmcp in `message`."""
    return name_in(getattr(ctx, "params", None)) or name_in(getattr(ctx, "message", None))


def _cursor_in(ctx: object) -> object:
    params = getattr(ctx, "params", None)
    return params.get("cursor") if isinstance(params, Mapping) else getattr(params, "cursor", None)
