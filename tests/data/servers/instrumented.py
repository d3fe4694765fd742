"""
The same tools on the servers of each Python package, instrumented or not.

    instrumented.py KIND HOOKS [PORT]

KIND is mcp1, mcp1-low, mcp2, mcp2-low or fastmcp; HOOKS are none, or a list of instrument, twice,
middleware, decorator and child, with commas between. On fastmcp the tools are there three times: as the
server's own, of a mounted server as `ns_`, and of one mounted through a proxy as `up_`. Serves stdio,
or streamable HTTP on PORT.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
from typing import Any

KIND, HOOKS = sys.argv[1], sys.argv[2].split(",")
PORT = int(sys.argv[3]) if len(sys.argv) > 3 else None

telemetry: Any = None
if HOOKS != ["none"]:
    from mcptelemetry import Telemetry

    telemetry = Telemetry("acme-mcp", "1.0.0")
    telemetry.start()
    telemetry.install_signal_handlers()  # some clients end a server so


def decorated(function: Any) -> Any:
    """Put the decorator on, when it is one of the hooks."""
    return telemetry.tool(function) if "decorator" in HOOKS else function


def tools_of(kind: str) -> list[Any]:
    """Return the tools, as functions of what the package of *kind* calls things."""
    if kind == "mcp1":
        from mcp.server.fastmcp.exceptions import ToolError
        from mcp.shared.exceptions import McpError
        from mcp.types import ErrorData

        refusal: Any = lambda: McpError(ErrorData(code=-32000, message="no"))  # noqa: E731
    elif kind == "mcp2":
        from mcp import MCPError
        from mcp.server.mcpserver.exceptions import ToolError

        refusal = lambda: MCPError(code=-32000, message="no")  # noqa: E731
    else:
        from fastmcp.exceptions import ToolError

        try:
            from mcp import MCPError
        except ImportError:
            from mcp.shared.exceptions import McpError
            from mcp.types import ErrorData

            refusal = lambda: McpError(ErrorData(code=-32000, message="no"))  # noqa: E731
        else:
            refusal = lambda: MCPError(code=-32000, message="no")  # noqa: E731

    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    async def add_later(a: int, b: int) -> int:
        """Add, later."""
        await asyncio.sleep(0)
        return a + b

    async def boom() -> str:
        """Fail as a tool does."""
        raise ToolError("boom")

    def crash() -> str:
        """Fail as no tool should."""
        raise ValueError("crash")

    async def refuse() -> str:
        """Fail as a protocol does."""
        raise refusal()

    async def wait() -> str:
        """Take too long for any client."""
        await asyncio.sleep(30)
        return "late"

    async def limited() -> str:
        """Come to an end of its own."""
        if sys.version_info < (3, 11):
            await asyncio.wait_for(wait(), 0.01)
        else:
            async with asyncio.timeout(0.01):
                await wait()
        return "late"

    return [add, add_later, boom, crash, refuse, wait, limited]


def with_hooks(server: Any) -> Any:
    """Put on *server* what HOOKS say."""
    if "middleware" in HOOKS:
        server.middleware.append(telemetry.middleware)
        if "twice" in HOOKS:
            server.middleware.append(telemetry.middleware)
    if "instrument" in HOOKS:
        assert telemetry.instrument(server) is server
        if "twice" in HOOKS:
            assert telemetry.instrument(server) is server
    return server


def low_level(kind: str) -> Any:
    """Return a low-level server; its tools are names that one handler knows."""
    import json

    tools = {tool.__name__: tool for tool in tools_of(kind)}

    async def run(name: str, arguments: dict[str, Any]) -> str:
        if name not in tools:
            raise ValueError("unknown")
        result = decorated(tools[name])(**arguments)
        return json.dumps(await result if asyncio.iscoroutine(result) else result)

    if kind == "mcp1":
        from mcp import types
        from mcp.server.lowlevel import Server

        server: Any = Server("low")

        @server.list_tools()  # type: ignore[untyped-decorator]
        async def list_tools() -> list[types.Tool]:
            return [types.Tool(name=name, inputSchema={"type": "object"}) for name in tools]

        @server.call_tool()  # type: ignore[untyped-decorator]
        async def call_tool(name: str, arguments: dict[str, Any]) -> Any:
            return [types.TextContent(type="text", text=await run(name, arguments))]

        return server
    import mcp_types as types
    from mcp.server.lowlevel import Server

    async def on_list(_ctx: Any, _params: Any) -> Any:
        return types.ListToolsResult(tools=[types.Tool(name=name, input_schema={"type": "object"}) for name in tools])

    async def on_call(_ctx: Any, params: Any) -> Any:
        text = await run(params.name, params.arguments or {})
        return types.CallToolResult(content=[types.TextContent(type="text", text=text)])

    return Server("low", on_list_tools=on_list, on_call_tool=on_call)


def register(server: Any) -> None:
    """Give *server* the tools."""
    for tool in tools_of(KIND):
        server.tool()(decorated(tool))


def proxy_of(server: Any) -> Any:
    """Return a proxy of *server*, in this process."""
    try:
        from fastmcp.server import create_proxy
    except ImportError:
        return type(server).as_proxy(server)
    return create_proxy(server)


def build() -> Any:
    """Return the server of KIND."""
    if KIND.endswith("-low"):
        return with_hooks(low_level(KIND[:4]))
    if KIND == "mcp1":
        from mcp.server.fastmcp import FastMCP as Server
    elif KIND == "mcp2":
        from mcp.server import MCPServer as Server
    else:
        from fastmcp import FastMCP as Server
    server = Server("own")
    register(server)
    if KIND == "fastmcp":
        child, remote = Server("child"), Server("remote")
        for place, other in (("ns", child), ("up", remote)):
            register(other)
            if "child" in HOOKS:
                telemetry.instrument(other)
            server.mount(proxy_of(other) if other is remote else other, place)
        if "timeout" in inspect.signature(server.tool).parameters:

            @server.tool(timeout=0.01)  # type: ignore[untyped-decorator]
            async def hurried() -> str:
                """Be cut off by the framework."""
                await asyncio.sleep(30)
                return "late"

    return with_hooks(server)


async def serve_low_level(server: Any) -> None:
    """Serve a low-level server on stdio."""
    from mcp.server.stdio import stdio_server

    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())


def serve(server: Any) -> None:
    """Serve until the client or a signal ends it."""
    if PORT is None:
        if KIND.endswith("-low"):
            asyncio.run(serve_low_level(server))
        elif KIND.startswith("fastmcp"):
            server.run(show_banner=False)
        else:
            server.run()
    elif KIND == "mcp1":
        server.settings.port = PORT
        server.run("streamable-http")
    elif KIND == "mcp2":
        server.run("streamable-http", port=PORT)
    else:
        server.run(transport="http", port=PORT, show_banner=False)


if __name__ == "__main__":
    os.environ.setdefault("FASTMCP_CHECK_FOR_UPDATES", "off")
    serve(build())
