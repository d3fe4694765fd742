"""
A small stdio server on the official `mcp` package: one tool works, one fails, one is slow.

The demo and the end-to-end tests run it behind the wrapper; it knows nothing of telemetry.
"""

from __future__ import annotations

import asyncio

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer("demo")


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
def boom() -> str:
    """Fail."""
    raise ToolError("this text must never leave the machine")


@server.tool()
async def slow() -> str:
    """Take about 0.3 seconds."""
    await asyncio.sleep(0.3)
    return "done"


if __name__ == "__main__":
    server.run("stdio")
