"""
Holds sessions with the official Python client, 1.x or 2.x, as it is told on standard input.

A line is a list of sessions, which are held at the same time; the answer is a line with what
came of each. Runs in an environment of its own, where nothing of ours is installed.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import anyio
import mcp
from mcp.client.stdio import stdio_client

SESSION_MAY_TAKE_SECS = 60
IS_NEW = hasattr(mcp, "Client")
ERRORS = mcp.MCPError if IS_NEW else mcp.McpError
processes: dict[str, Any] = {}


def remembering_processes(open_process: Any) -> Any:
    """Return *open_process*, which keeps what it has opened: neither client says how a server ended."""

    async def opened(*args: Any, **kwargs: Any) -> Any:
        process = await open_process(*args, **kwargs)
        processes[kwargs["env"]["MATRIX_SESSION"]] = process
        return process

    return opened


anyio.open_process = remembering_processes(anyio.open_process)


async def ask(question: Any) -> dict[str, Any]:
    """Return the answer to *question*, or the error that came instead."""
    try:
        answer = await question
    except ERRORS as error:
        return {"error": [error.error.code, error.error.message]}
    return {"result": answer.model_dump(mode="json", by_alias=True, exclude_none=True)}


async def talk(client: Any, session: dict[str, Any]) -> dict[str, Any]:
    listed = await ask(client.list_tools())
    return {"listed": listed, "calls": [await ask(client.call_tool(name, values)) for name, values in session["calls"]]}


async def hold(session: dict[str, Any], results: list[Any], index: int) -> None:
    program, *arguments = session["command"]
    parameters = mcp.StdioServerParameters(command=program, args=arguments, env=session["env"], cwd=session["cwd"])
    result: dict[str, Any] = {}
    with open(session["stderr"], "w", encoding="utf-8") as errors, anyio.fail_after(SESSION_MAY_TAKE_SECS):
        transport = stdio_client(parameters, errlog=errors)
        try:
            if IS_NEW:
                async with mcp.Client(transport, mode=session["mode"]) as client:
                    result = await talk(client, session)
            else:
                async with transport as streams, mcp.ClientSession(*streams) as client:
                    await client.initialize()
                    result = await talk(client, session)
        except Exception as error:
            result = {"failure": type(error).__name__}
    result["exit"] = processes.pop(session["env"]["MATRIX_SESSION"]).returncode
    results[index] = result


async def hold_all(sessions: list[dict[str, Any]]) -> list[Any]:
    results: list[Any] = [None] * len(sessions)
    async with anyio.create_task_group() as group:
        for index, session in enumerate(sessions):
            group.start_soon(hold, session, results, index)
    return results


for line in sys.stdin:
    print(json.dumps(anyio.run(hold_all, json.loads(line))), flush=True)
