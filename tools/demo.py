#!/usr/bin/env python3
"""
The main job end to end: a real MCP session behind the wrapper, and what arrived.

Starts an embedded collector, lets the official client talk to a small server on the
official package through ``mcptelemetry wrap``, prints the collector's report, and fails
when its counts are not those of the calls.
"""

from __future__ import annotations

import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
SERVER = ROOT / "tests" / "data" / "servers" / "demo_server.py"
CALLS = [
    ("add", {"a": 2, "b": 3}),
    ("add", {"a": 20, "b": 30}),
    ("boom", {}),
    ("slow", {}),
    ("add", {"a": 1, "b": 1}),
]
OURS = [sys.executable, "-m", "mcptelemetry"]
# An operator's endpoint is set by hand here; what the machine's shell says of telemetry
# must not decide whether the demo shows anything.
ENVIRON = {name: value for name, value in os.environ.items() if name not in ("DO_NOT_TRACK", "CI")}


def main() -> int:
    """Run the session and compare what was called with what arrived."""
    if sys.version_info < (3, 10):
        print("the demo needs Python 3.10 or later: the official mcp package has no release below")
        print("choose one with PYTHON=python3.12 tools/demo, after removing .venv")
        return 1
    with tempfile.TemporaryDirectory() as directory:
        ENVIRON["HOME"] = directory  # nothing of yours is read or written
        database = os.path.join(directory, "collector.db")
        collector = subprocess.Popen(
            [*OURS, "collect", "--db", database, "--port", "0"], stderr=subprocess.PIPE, text=True, env=ENVIRON
        )
        try:
            endpoint = read_url(collector) + "/api/telemetry/tool-invocations"
            print(f"the collector listens; the server runs behind: mcptelemetry wrap --endpoint {endpoint}\n")
            hold_session(endpoint)
        finally:
            collector.terminate()  # not as Ctrl-C would: started in the background, it was told to ignore that
            collector.wait(10)
            assert collector.stderr is not None
            collector.stderr.close()
        print("\nwhat arrived (mcptelemetry report):\n", flush=True)
        subprocess.run([*OURS, "report", "--db", database], check=True, env=ENVIRON)
        document = subprocess.run(
            [*OURS, "report", "--db", database, "--json"], check=True, env=ENVIRON, capture_output=True, text=True
        ).stdout
    return compare(json.loads(document))


def read_url(collector: subprocess.Popen[str]) -> str:
    """Return the address that the collector prints when it listens."""
    assert collector.stderr is not None
    for line in collector.stderr:
        for word in line.split():
            if word.startswith("http://"):
                return word.rstrip("/.,")
    msg = "the collector did not start"
    raise SystemExit(msg)


def hold_session(endpoint: str) -> None:
    """Let the official client call the tools of the server behind the wrapper."""
    import anyio
    import mcp

    command = [*OURS, "wrap", "--app", "demo", "--endpoint", endpoint, "--", sys.executable, str(SERVER)]
    program, *arguments = command

    async def session() -> None:
        parameters = mcp.StdioServerParameters(command=program, args=arguments, env=ENVIRON, cwd=str(ROOT))
        async with mcp.Client(parameters, read_timeout_seconds=30) as client:
            await client.list_tools()
            for name, values in CALLS:
                result = await client.call_tool(name, values)
                print(f"called {name:<5} {'failed, as it should' if result.is_error else 'answered'}")

    anyio.run(session)


def compare(report: dict) -> int:
    """Print whether the report's counts are those of the calls; return the exit status."""
    called = collections.Counter(name for name, _ in CALLS)
    arrived = {row["tool"]: row["calls"] for row in report["rows"]}
    failed = {row["tool"]: row["errors"] for row in report["rows"] if row["errors"]}
    if arrived == dict(called) and failed == {"boom": 1}:
        print(f"\n{sum(called.values())} calls made, {sum(arrived.values())} arrived, each exactly once")
        return 0
    print(f"\ncalled {dict(called)}, arrived {arrived}, failed {failed}: these should be the same")
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
