"""
Drives a server with the client of the Python package that is installed here.

    client_of_package.py [--prefix PREFIX] [--url URL] COMMAND...

Lists the tools, calls those of `tests/data/servers/instrumented.py`, with names before which PREFIX is
put, and prints how each call ended for the client. The session ends when standard input does, so that
what was recorded can be waited for: a client is not patient with a server on a busy machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from typing import Any

CLIENT = {"name": "Visual Studio Code", "version": "1.2"}
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("add", {"a": 2, "b": 3}),
    ("add_later", {"a": 2, "b": 3}),
    ("boom", {}),
    ("crash", {}),
    ("refuse", {}),
    ("add", {"a": "two"}),
    ("no_such_tool", {}),
    ("add", {"a": 3, "b": 3}),
]


async def call_all(call: Any, prefix: str) -> list[str]:
    """Make every call; return how each ended."""
    ends = []
    for name, arguments in CALLS:
        try:
            result = await call(prefix + name, arguments)
        except Exception as error:  # noqa: BLE001  a client has many ways to say it
            ends.append(f"raised {type(error).__name__}")
        else:
            is_error = getattr(result, "is_error", getattr(result, "isError", None))
            ends.append("error" if is_error else "result")
    return ends


async def cancel_one(call: Any, prefix: str, session: Any = None) -> None:
    """Give a call up half-way; *session* is that of a client that tells the server nothing then: by hand."""
    task = asyncio.ensure_future(call(prefix + "wait", {}))
    await asyncio.sleep(0.3)
    if session is None:
        task.cancel()
    else:
        from mcp import types

        params = types.CancelledNotificationParams(requestId=session._request_id - 1, reason="enough")
        notification = types.CancelledNotification(method="notifications/cancelled", params=params)
        await session.send_notification(types.ClientNotification(notification))
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.sleep(0.2)


async def with_fastmcp(command: list[str], url: str | None, prefix: str) -> None:
    """Hold a session with the client of fastmcp."""
    import mcp.types
    from fastmcp import Client
    from fastmcp.client.transports import StdioTransport

    place: Any = url or StdioTransport(command[0], command[1:], env=dict(os.environ), keep_alive=False)
    async with Client(place, client_info=mcp.types.Implementation(**CLIENT)) as client:
        await client.list_tools()
        ends = await call_all(lambda name, arguments: client.call_tool(name, arguments, raise_on_error=False), prefix)
        is_silent = hasattr(client.session, "_request_id")
        await cancel_one(client.call_tool, prefix, client.session if is_silent else None)
        await end_when_told(ends)


async def with_mcp_2(command: list[str], url: str | None, prefix: str) -> None:
    """Hold a session with the client of mcp 2.x."""
    import mcp

    place: Any = url or mcp.StdioServerParameters(command=command[0], args=command[1:], env=dict(os.environ))
    async with mcp.Client(place, client_info=mcp.Implementation(**CLIENT)) as client:
        await client.list_tools()
        ends = await call_all(client.call_tool, prefix)
        await cancel_one(client.call_tool, prefix)
        await end_when_told(ends)


async def with_mcp_1(command: list[str], url: str | None, prefix: str) -> None:
    """Hold a session with the client of mcp 1.x."""
    import mcp
    from mcp import types
    from mcp.client.stdio import stdio_client
    from mcp.client.streamable_http import streamablehttp_client

    parameters = mcp.StdioServerParameters(command=command[0] if command else "", args=command[1:], env=dict(os.environ))
    streams: Any = stdio_client(parameters) if url is None else streamablehttp_client(url)
    async with streams as (reading, writing, *_):
        async with mcp.ClientSession(reading, writing, client_info=types.Implementation(**CLIENT)) as session:
            await session.initialize()
            await session.list_tools()
            ends = await call_all(session.call_tool, prefix)
            await cancel_one(session.call_tool, prefix, session)
            await end_when_told(ends)


async def end_when_told(ends: list[str]) -> None:
    """Print *ends*, and wait until standard input is closed."""
    print(json.dumps(ends), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def main() -> None:
    """Choose the client, and let it hold its session."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--prefix", default="")
    parser.add_argument("--url")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    given = parser.parse_args()
    try:
        import fastmcp  # noqa: F401

        drive: Any = with_fastmcp
    except ImportError:
        import mcp

        drive = with_mcp_2 if hasattr(mcp, "Client") else with_mcp_1
    asyncio.run(drive(given.command, given.url, given.prefix))


if __name__ == "__main__":
    main()
