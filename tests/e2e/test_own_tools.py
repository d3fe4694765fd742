"""A server's own tools are in the heartbeat as its own, whichever package it is built on."""

from __future__ import annotations

import collections
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

if sys.version_info < (3, 10):
    pytest.skip("the mcp package has no release for Python 3.9", allow_module_level=True)

CHECKOUT = Path(__file__).parents[2]
SERVER = CHECKOUT / "tests" / "data" / "servers" / "own_tools.py"


def serve(python: str, kind: str, home: Path) -> Any:
    """Have the tools served and called; return what was recorded."""
    done = subprocess.run(
        [python, str(SERVER), kind, str(home)],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def outcomes(recorded: Any) -> dict[tuple[str, str | None], int]:
    """Return how often each tool ended in each way, in the events."""
    return dict(collections.Counter((event["tool"], event.get("error_type")) for event in recorded["events"]))


def check_own_tools(heartbeat: Any, *, others: int) -> None:
    """Twenty calls of the declared tool, five of which failed, *others* of none, and one of an upstream."""
    assert heartbeat["builtin_tool_calls"] == {"search": 20, **({"other": others} if others else {})}
    assert heartbeat["builtin_tool_errors"]["search"] == 5
    durations = heartbeat["builtin_tool_durations"]["search"]
    assert sum(durations.values()) == 20
    slow = ("le_1s", "le_10s", "over_10s")
    assert sum(durations.get(bucket, 0) for bucket in slow) >= 1  # the first call slept for 150 ms
    assert heartbeat["upstream_tool_call_count_bucket"] == "1-10"
    assert heartbeat["activation"]["milestones"] == {"first_search": True, "first_export": False}
    for secret in ("secret_project", "not_there", "far_away", "never leave"):
        assert secret not in json.dumps(heartbeat)


def check_behind_middleware(recorded: Any, error: str) -> None:
    """Middleware sees more than what is declared: a listed tool, a name that does not exist, and the client."""
    check_own_tools(recorded["heartbeat"], others=2)
    assert recorded["heartbeat"]["builtin_tool_errors"]["other"] == 1
    assert recorded["heartbeat"]["tool_count"] == 2
    assert recorded["heartbeat"]["activation"]["mcp_clients_seen_ever"] == ["vscode"]
    assert outcomes(recorded) == {
        ("search", None): 15,
        ("search", error): 5,
        ("secret_project", None): 1,
        ("unknown_tool", error): 1,
    }
    assert {event["client"] for event in recorded["events"]} == {"vscode"}


def test_own_tools_of_a_server_on_mcp_2(tmp_path: Path) -> None:
    """By middleware: calls, failures, durations and the client, and only what was declared by name."""
    pytest.importorskip("mcp", reason="the mcp extra is not installed")
    check_behind_middleware(serve(sys.executable, "mcp2", tmp_path), "tool_error")


@pytest.mark.heavy
@pytest.mark.timeout(1200)
def test_own_tools_of_a_server_on_mcp_1(tmp_path: Path, python_with: Callable[..., str]) -> None:
    """By decorator, where the package knows no middleware: the same counts."""
    recorded = serve(python_with("mcp>=1.30,<2"), "mcp1", tmp_path)
    check_own_tools(recorded["heartbeat"], others=0)
    assert outcomes(recorded) == {("search", None): 15, ("search", "exception"): 5}


@pytest.mark.heavy
@pytest.mark.timeout(1200)
def test_own_tools_of_a_server_on_fastmcp(tmp_path: Path, python_with: Callable[..., str]) -> None:
    """By the same middleware in another framework: the same counts."""
    recorded = serve(python_with("fastmcp>=4"), "fastmcp", tmp_path)
    check_behind_middleware(recorded, "tool_error")
