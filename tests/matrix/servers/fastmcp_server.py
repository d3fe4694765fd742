"""A small stdio server on fastmcp: one tool works, one fails."""

from __future__ import annotations

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


if __name__ == "__main__":
    server.run("stdio", show_banner=False)
