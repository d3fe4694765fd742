"""The official client talks to a server on the official package, with the wrapper between them."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

if sys.version_info < (3, 10):
    pytest.skip("the mcp package has no release for Python 3.9", allow_module_level=True)
if sys.platform == "win32":
    pytest.skip("the tee between the processes is a POSIX shell's", allow_module_level=True)

anyio = pytest.importorskip("anyio", reason="comes with the mcp package")
mcp = pytest.importorskip("mcp", reason="the mcp extra is not installed")

DATA = Path(__file__).parents[1] / "data"
SERVER = [sys.executable, str(DATA / "servers" / "demo_server.py")]
TEE = ["sh", "-c", 'copy=$1; shift; "$@" | tee "$copy"', "sh"]


def hold_session(command: list[str], copy: Path, mode: str) -> list[object]:
    """Let the official client hold a session with *command*; its bytes are copied to *copy*."""
    program, *arguments = [*TEE, str(copy), *command]

    async def session() -> list[object]:
        parameters = mcp.StdioServerParameters(command=program, args=arguments)
        async with mcp.Client(parameters, mode=mode, read_timeout_seconds=30) as client:
            listed = [tool.name for tool in (await client.list_tools()).tools]
            calls = [("add", {"a": 2, "b": 3}), ("boom", {}), ("slow", {}), ("no_such_tool", {})]
            outcomes: list[object] = []
            for name, values in calls:
                try:
                    outcomes.append((await client.call_tool(name, values)).is_error)
                except mcp.MCPError:
                    outcomes.append("protocol")
            return [listed, outcomes]

    result: list[object] = anyio.run(session)
    return result


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_session_of_the_official_packages_is_the_same_behind_the_wrapper(tmp_path: Path, mode: str) -> None:
    """Both protocol eras: the same answers, the same bytes, and every call recorded."""
    records = tmp_path / "records.json"
    wrapper = [sys.executable, str(DATA / "wrap_recorder.py"), str(records)]

    bare = hold_session(SERVER, tmp_path / "bare", mode)
    wrapped = hold_session([*wrapper, *SERVER], tmp_path / "wrapped", mode)

    assert wrapped == bare
    assert (tmp_path / "wrapped").read_bytes() == (tmp_path / "bare").read_bytes()
    deadline = time.monotonic() + 30
    while not records.exists():  # on a busy machine it is there a moment after the wrapper's end
        assert time.monotonic() < deadline, "nothing was recorded"
        time.sleep(0.01)
    document = json.loads(records.read_text())
    assert document["clients"] == ["mcp"]
    names_and_outcomes = [tuple(record) for record in document["records"]]
    assert names_and_outcomes[:3] == [("add", "success"), ("boom", "tool_error"), ("slow", "success")]
    ((name, outcome),) = names_and_outcomes[3:]
    assert name == "unknown_tool"
    assert outcome in ("tool_error", "protocol_error")
