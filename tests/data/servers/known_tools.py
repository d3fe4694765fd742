"""
Serves in process a tool that never works, and on fastmcp a proxied one, and prints what a heartbeat says.

    known_tools.py mcp1|mcp2|fastmcp HOME

No client lists the tools. Prints the events' tools and outcomes and the heartbeat, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from typing import Any

from mcptelemetry import Telemetry


def build(kind: str, telemetry: Telemetry) -> Any:
    """Return the instrumented server; its own tool comes after it was instrumented."""
    if kind == "mcp1":
        from mcp.server.fastmcp import FastMCP as Server
    elif kind == "mcp2":
        from mcp.server import MCPServer as Server
    else:
        from fastmcp import FastMCP as Server
    server = telemetry.instrument(Server("own"))

    @server.tool()
    def never() -> str:
        raise ValueError("this text must never leave the machine")

    if kind == "fastmcp":
        from fastmcp.server import create_proxy

        remote = Server("remote")

        @remote.tool()
        def far() -> str:
            return "done"

        server.mount(create_proxy(remote), "up")
    return server


async def hold_session(kind: str, server: Any) -> None:
    """Call the tools by name."""
    if kind == "mcp1":
        from mcp.shared.memory import create_connected_server_and_client_session

        client: Any = create_connected_server_and_client_session(server._mcp_server)
    elif kind == "mcp2":
        import mcp

        client = mcp.Client(server)
    else:
        from fastmcp import Client

        client = Client(server)
    async with client as session:
        for name in ("never", "never", "up_far"):
            with suppress(Exception):
                await session.call_tool(name, {})


def main(kind: str, home: str) -> None:
    """Serve, call, and print."""
    telemetry = Telemetry(
        "acme-mcp",
        "1.0.0",
        heartbeat_endpoint="http://127.0.0.1:9",
        events_endpoint="http://127.0.0.1:9",
        environ={"HOME": home, "ACME_MCP_TELEMETRY": "1"},
        notice=lambda _text: True,
    )
    telemetry.start()
    asyncio.run(hold_session(kind, build(kind, telemetry)))
    events = [event.to_dict() for event in telemetry.pipeline.buffer.drain(100)]
    telemetry.flush(10)
    print(json.dumps({"events": events, "heartbeat": telemetry.heartbeat.build_payload().to_dict()}))
    telemetry.shutdown(0.1)


if __name__ == "__main__":
    main(*sys.argv[1:])
