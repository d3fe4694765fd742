"""
Drives servers with the client of the Python package that is installed here, one after the other.

    client_of_package.py

Each line of standard input is a session to hold, as JSON: `calls`, a list of names and arguments, and
`command` or `url`. It lists the tools, makes the calls, gives one of the tool `wait` up half-way, and
prints how each call ended for the client. A line in answer ends the session, so that what was recorded
can be waited for: a client is not patient with a server on a busy machine.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

CLIENT = {"name": "Visual Studio Code", "version": "1.2"}


async def call_all(call: Any, calls: list[Any]) -> list[str]:
    """Make every call; return how each ended."""
    ends = []
    for name, arguments in calls:
        try:
            result = await call(name, arguments)
        except Exception as error:  # noqa: BLE001  a client has many ways to say it
            ends.append(f"raised {type(error).__name__}")
        else:
            is_error = getattr(result, "is_error", getattr(result, "isError", None))
            ends.append("error" if is_error else "result")
    return ends


async def cancel_one(call: Any, session: Any = None) -> None:
    """Give a call up half-way; *session* is that of a client that tells the server nothing then: by hand."""
    task = asyncio.ensure_future(call("wait", {}))
    await asyncio.sleep(0.6)  # the server is at it by then
    if session is None:
        task.cancel()
    else:
        from mcp import types

        params = types.CancelledNotificationParams(requestId=session._request_id - 1, reason="enough")
        notification = types.CancelledNotification(method="notifications/cancelled", params=params)
        await session.send_notification(types.ClientNotification(notification))
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.sleep(0.2)


async def with_fastmcp(command: list[str], url: str | None, calls: list[Any]) -> None:
    """Hold a session with the client of fastmcp."""
    import mcp.types
    from fastmcp import Client
    from fastmcp.client.transports import StdioTransport

    place: Any = url or StdioTransport(command[0], command[1:], env=dict(os.environ), keep_alive=False)
    async with Client(place, client_info=mcp.types.Implementation(**CLIENT)) as client:
        await client.list_tools()
        ends = await call_all(lambda name, arguments: client.call_tool(name, arguments, raise_on_error=False), calls)
        is_silent = hasattr(client.session, "_request_id")
        await cancel_one(client.call_tool, client.session if is_silent else None)
        await end_when_told(ends)


async def with_mcp_2(command: list[str], url: str | None, calls: list[Any]) -> None:
    """Hold a session with the client of mcp 2.x."""
    import mcp

    place: Any = url or mcp.StdioServerParameters(command=command[0], args=command[1:], env=dict(os.environ))
    async with mcp.Client(place, client_info=mcp.Implementation(**CLIENT)) as client:
        await client.list_tools()
        ends = await call_all(client.call_tool, calls)
        await cancel_one(client.call_tool)
        await end_when_told(ends)


async def with_mcp_1(command: list[str], url: str | None, calls: list[Any]) -> None:
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
            ends = await call_all(session.call_tool, calls)
            await cancel_one(session.call_tool, session)
            await end_when_told(ends)


async def end_when_told(ends: list[str]) -> None:
    """Print *ends*, and wait for a line."""
    print(json.dumps(ends), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


def main() -> None:
    """Choose the client, and let it hold its sessions."""
    try:
        import fastmcp  # noqa: F401

        hold: Any = with_fastmcp
    except ImportError:
        import mcp

        hold = with_mcp_2 if hasattr(mcp, "Client") else with_mcp_1
    for line in iter(sys.stdin.readline, ""):
        asked = json.loads(line)
        asyncio.run(hold(asked.get("command", []), asked.get("url"), asked["calls"]))
        print("held", flush=True)


if __name__ == "__main__":
    main()
