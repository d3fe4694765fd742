"""
Serves tools of its own on a real MCP package, calls them, and prints what was recorded.

    own_tools.py mcp1|mcp2|fastmcp HOME

Twenty calls of `search`, five of which fail, one of a tool that was not declared, one of a name
that no server has, and one that went to an upstream. Prints the heartbeat that would leave and the
clients of the events, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import suppress
from typing import Any

from mcptelemetry import Telemetry

CLIENT = {"name": "Visual Studio Code", "version": "1.2"}


def add_tools(server: Any, telemetry: Telemetry, decorate: Any) -> None:
    """Give *server* a tool that is declared and one that is not; *decorate* goes on the former."""

    def search(number: int) -> str:
        """Find, or fail for 15 and more; the first call takes its time."""
        if number == 0:
            time.sleep(0.15)
        if number >= 15:
            raise ValueError("this text must never leave the machine")
        telemetry.record_milestone("first_search")
        return "found"

    server.tool()(decorate(search))

    @server.tool()
    def secret_project() -> str:
        """Be listed, and not declared."""
        return "done"


async def call_all(call: Any) -> None:
    """Call the tools; a call that fails in the client has failed in the server first."""
    for name, arguments in [("search", {"number": number}) for number in range(20)] + [
        ("secret_project", {}),
        ("not_there", {}),
    ]:
        with suppress(Exception):
            await call(name, arguments)


async def serve_mcp1(telemetry: Telemetry) -> None:
    """The official package's first edition has no middleware: the decorator declares and records."""
    from mcp import types
    from mcp.server.fastmcp import FastMCP
    from mcp.shared.memory import create_connected_server_and_client_session

    server = FastMCP("own")
    add_tools(server, telemetry, telemetry.tool)
    async with create_connected_server_and_client_session(
        server._mcp_server, client_info=types.Implementation(**CLIENT)
    ) as session:
        await session.list_tools()
        await call_all(session.call_tool)


async def serve_mcp2(telemetry: Telemetry) -> None:
    """The official package's second edition."""
    import mcp
    from mcp.server import MCPServer

    server = MCPServer("own")
    server.middleware.append(telemetry.middleware)
    add_tools(server, telemetry, lambda function: function)
    async with mcp.Client(server, client_info=mcp.Implementation(**CLIENT)) as client:
        await client.list_tools()
        await call_all(client.call_tool)


async def serve_fastmcp(telemetry: Telemetry) -> None:
    """The framework of that name."""
    import mcp.types
    from fastmcp import Client, FastMCP

    server = FastMCP("own", middleware=[telemetry.middleware])
    add_tools(server, telemetry, lambda function: function)
    async with Client(server, client_info=mcp.types.Implementation(**CLIENT)) as client:
        await client.list_tools()
        await call_all(client.call_tool)


def main(kind: str, home: str) -> None:
    """Serve, call, and print."""
    telemetry = Telemetry(
        "acme-mcp",
        "1.0.0",
        tools=["search"],
        milestones=["first_search", "first_export"],
        heartbeat_endpoint="http://127.0.0.1:9",
        events_endpoint="http://127.0.0.1:9",
        environ={"HOME": home, "ACME_MCP_TELEMETRY": "1"},
        notice=lambda _text: True,
    )
    telemetry.start()
    asyncio.run({"mcp1": serve_mcp1, "mcp2": serve_mcp2, "fastmcp": serve_fastmcp}[kind](telemetry))
    events = telemetry.pipeline.buffer.drain(100)
    telemetry.record("search", "explicit_prefix", upstream="far_away")
    telemetry.pipeline.buffer.drain(100)
    telemetry.flush(10)
    document = telemetry.heartbeat.build_payload().to_dict()
    print(json.dumps({"heartbeat": document, "events": [event.to_dict() for event in events]}))
    telemetry.shutdown(0.1)


if __name__ == "__main__":
    main(*sys.argv[1:])
