"""A small stdio server on fastmcp: one tool works, one fails, one is slow."""

from __future__ import annotations

import asyncio

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError

server = FastMCP("small")


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
    server.run("stdio", show_banner=False)
