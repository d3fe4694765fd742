"""
`instrument(server)`: the hooks are put where each package lets a call be seen as its client sees it.

No MCP package is imported: a server is known by the names of its classes, and hooked by what it
has. Where there is a list of middleware, ours goes to its beginning; the official package's
first edition has none, and there the method that handles a request is wrapped, on this object.
"""

from __future__ import annotations

from typing import Any

from ._first_edition import watch_requests
from ._middleware import ObservingMiddleware
from ._observer import Observer
from ._open_call import open_calls
from ._server_tools import ServerTools

__all__ = ["instrument_server"]

_SERVERS = (("mcp", "FastMCP"), ("mcp", "MCPServer"), ("mcp", "Server"), ("fastmcp", "FastMCP"))
_TAKES = "a server of mcp 1.x (FastMCP, or lowlevel Server), of mcp 2.x (MCPServer, or lowlevel Server) or of fastmcp (FastMCP)"
_LOW_LEVEL_ATTRIBUTES = ("_mcp_server", "_lowlevel_server")
_MARK = "is_watched_by_mcptelemetry"


def instrument_server(server: Any, observer: Observer) -> None:
    """
    Have the calls of *server* recorded by *observer*; the second time it does nothing.

    Raises `TypeError` for what is no server of a package it knows.
    """
    if not any((known.__module__.partition(".")[0], known.__name__) in _SERVERS for known in type(server).__mro__):
        msg = f"instrument() takes {_TAKES}, not {type(server).__name__}"
        raise TypeError(msg)
    found = (getattr(server, name, None) for name in _LOW_LEVEL_ATTRIBUTES)
    low_level: Any = next((inner for inner in found if inner is not None), server)
    tools = ServerTools(server, is_instrumented=True)
    if isinstance(getattr(low_level, "middleware", None), list):
        _put_first(low_level.middleware, observer, tools)
    elif callable(getattr(low_level, "_handle_request", None)):
        watch_requests(low_level, observer, tools)
    else:
        msg = f"this {type(server).__name__} is of an edition that instrument() does not know: it takes {_TAKES}"
        raise TypeError(msg)
    if tools.is_gateway and isinstance(getattr(server, "middleware", None), list):
        # Its own middleware too: a server that is mounted on another has no requests of its own.
        _put_first(server.middleware, observer, tools)
    _watch_tools(server)
    observer.declare(tools)


def _put_first(middleware: list[Any], observer: Observer, tools: ServerTools) -> None:
    # That of `telemetry.middleware`, which knows no server, may be there as well: it joins.
    if not any(isinstance(known, ObservingMiddleware) and known.is_on_server(observer) for known in middleware):
        middleware.insert(0, ObservingMiddleware(observer, tools))


def _watch_tools(server: Any) -> None:
    """Have open calls told when a tool's own code runs, and what it raises, where one method calls every tool."""
    manager = getattr(server, "_tool_manager", None)
    call_tool = getattr(manager, "call_tool", None)
    if manager is None or call_tool is None or hasattr(call_tool, _MARK):
        return

    async def watched(*args: Any, **kwargs: Any) -> Any:  # the package's own types
        name = args[0] if args else kwargs.get("name", kwargs.get("key"))
        calls = [call for call in open_calls() if call.enter_tool(name)]
        try:
            return await call_tool(*args, **kwargs)
        except BaseException as error:
            for call in calls:
                call.saw(error)
            raise

    setattr(watched, _MARK, True)
    manager.call_tool = watched
