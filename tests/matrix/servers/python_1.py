"""A small stdio server on `mcp` 1.x: one tool works, one fails."""

from __future__ import annotations

from mcp.server.fastmcp import FastMCP
from mcp.server.fastmcp.exceptions import ToolError

server = FastMCP("small")


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
def boom() -> str:
    """Fail."""
    raise ToolError("this text must never leave the machine")


if __name__ == "__main__":
    server.run("stdio")
