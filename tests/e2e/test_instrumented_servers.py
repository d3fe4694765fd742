"""An instrumented server records in process what the wrapper records from outside, whichever package it is built on."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mcptelemetry.testing import InProcessCollector

if sys.version_info < (3, 10):
    pytest.skip("the mcp package has no release for Python 3.9", allow_module_level=True)
if sys.platform == "win32":
    pytest.skip("servers are ended by signals", allow_module_level=True)

CHECKOUT = Path(__file__).parents[2]
SERVER = str(CHECKOUT / "tests" / "data" / "servers" / "instrumented.py")
STRANGER = str(CHECKOUT / "tests" / "data" / "servers" / "stranger.py")
CLIENT = str(CHECKOUT / "tests" / "data" / "scripts" / "client_of_package.py")
free_port = runpy.run_path(str(CHECKOUT / "tests" / "data" / "scripts" / "free_port.py"))["free_port"]
# What each environment holds, spelt as other tests spell it: equal ones are made once.
PACKAGES = {
    "mcp1": ("mcp>=1.30,<2", "mcp-server-time", "mcp-server-git"),
    "mcp2": ("mcp>=2,<3",),
    "fastmcp2": ("fastmcp>=2.14,<3",),
    "fastmcp3": ("fastmcp>=3,<4",),
    "fastmcp4": ("fastmcp>=4",),
}
CALLS: list[Any] = [
    ("add", {"a": 2, "b": 3}),
    ("add_later", {"a": 2, "b": 3}),
    ("boom", {}),
    ("crash", {}),
    ("refuse", {}),
    ("limited", {}),
    ("add", {"a": "two"}),
    ("no_such_tool", {}),
    ("add", {"a": 3, "b": 3}),
]
# Of a mounted server, and of one mounted through a proxy.
CALLS_ON_FASTMCP: list[Any] = [
    *((f"{place}_{name}", arguments) for place in ("ns", "up") for name, arguments in CALLS),
    ("hurried", {}),
]
TIMED = ("limited", "ns_limited", "up_limited", "hurried")
UP_SECS = 60
CLIENT_MAY_TAKE_SECS = 240
DELIVERY_MAY_TAKE_SECS = 60

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(1200)]


def environment(**more: str) -> dict[str, str]:
    """Return the environment of server and client; what is recorded is delivered within a second."""
    settings = Path(os.environ["HOME"], ".acme-mcp", "telemetry.toml")
    settings.parent.mkdir(exist_ok=True)
    settings.write_text("[proxy.telemetry]\nbatch_interval_secs = 1\n", encoding="utf-8")
    return {**os.environ, "PYTHONPATH": str(CHECKOUT), "FASTMCP_CHECK_FOR_UPDATES": "off", **more}


class Client:
    """The package's own client, which holds one session after the other."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, is_recorded: Callable[[], bool] = lambda: True, **asked: Any) -> Any:
        """Hold a session, and end it when *is_recorded*; return how its calls ended."""
        ends = self._told(asked)
        until(is_recorded)
        assert self._told("") == "held"
        return json.loads(ends)

    def _told(self, line: Any) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the client ended before its session had"
        return answer.strip()


@contextlib.contextmanager
def client_of(python: str) -> Iterator[Client]:
    """Have a client while the block lasts, and no longer than it may."""
    process = subprocess.Popen(
        [python, CLIENT],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    guard = threading.Timer(CLIENT_MAY_TAKE_SECS, process.kill)
    guard.start()
    try:
        yield Client(process)
    finally:
        guard.cancel()
        guard.join()
        process.kill()
        process.communicate()


def until(is_so: Callable[[], bool]) -> None:
    """Wait until *is_so*, or long enough."""
    ends_at = time.monotonic() + DELIVERY_MAY_TAKE_SECS
    pause = threading.Event()
    while not is_so() and time.monotonic() < ends_at:
        pause.wait(0.1)


def fields_of(collector: InProcessCollector) -> list[dict[str, object]]:
    """Return the events in the order of their calls, without what differs from run to run."""
    events = sorted(collector.events(), key=lambda event: event.timestamp_secs)
    dropped = ("id", "timestamp_secs", "latency_ms")
    return [{name: value for name, value in event.to_dict().items() if name not in dropped} for event in events]


def events_of(client: Client, command: list[str], calls: list[Any], *, wrap: list[str] | None) -> tuple[Any, list[Any]]:
    """Return how *calls* to the server of *command* ended for the client, and the events: its own, or of *wrap*."""
    with InProcessCollector() as collector:
        if wrap is None:
            command = ["env", f"ACME_MCP_EVENTS_ENDPOINT={collector.events_url}", *command]
        else:
            command = [*wrap, "--endpoint", collector.events_url, "--", *command]
        ends = client.ask(lambda: len(collector.events()) > len(calls), command=command, calls=calls)
        return ends, fields_of(collector)


@pytest.mark.parametrize(
    ("package", "kind", "hooks"),
    [
        ("mcp1", "mcp1", "instrument,twice,decorator"),
        ("mcp1", "mcp1-low", "instrument,twice,decorator"),
        ("mcp2", "mcp2", "instrument,twice,decorator,middleware"),
        ("mcp2", "mcp2-low", "instrument,decorator"),
        ("fastmcp2", "fastmcp", "instrument,child,decorator"),
        ("fastmcp3", "fastmcp", "instrument,child,decorator,middleware"),
        ("fastmcp4", "fastmcp", "instrument,twice,child,decorator,middleware"),
    ],
)
def test_instrumented_server_records_what_the_wrapper_records(
    package: str, kind: str, hooks: str, python_with: Callable[..., str]
) -> None:
    """
    Field by field, latency aside, with all hooks at once: one event a call, and answers as without.

    But a time-out within the server, of the framework or of `asyncio`, which the client is told of in words
    as of any other failure: the wrapper does not read words.
    """
    python = python_with(*PACKAGES[package])
    wrap = [python, "-m", "mcptelemetry", "wrap", "--app", "acme-mcp"]
    calls = CALLS + (CALLS_ON_FASTMCP if kind == "fastmcp" else [])
    with client_of(python) as client:
        ends_outside, outside = events_of(client, [python, SERVER, kind, "none"], calls, wrap=wrap)
        ends_inside, inside = events_of(client, [python, SERVER, kind, hooks], calls, wrap=None)
    assert len(outside) == len(calls) + 1
    assert {event["client"] for event in outside} == {"vscode"}
    assert ends_inside == ends_outside
    assert [event["error_type"] for event in inside if event["tool"] in TIMED] == ["timeout"] * sum(
        event["tool"] in TIMED for event in outside
    )
    for event in outside:
        if event["tool"] in TIMED:
            assert event["error_type"] in ("tool_error", "protocol_error")
            event["error_type"] = "timeout"
    assert inside == outside


@pytest.mark.parametrize(
    ("server", "calls"),
    [
        (
            "mcp_server_time",
            [
                ("get_current_time", {"timezone": "UTC"}),
                ("get_current_time", {"timezone": "Nowhere/At all"}),
                ("convert_time", {}),
                ("no_such_tool", {}),
            ],
        ),
        ("mcp_server_git", [("git_status", {"repo_path": "."}), ("git_log", {"repo_path": "/nowhere"}), ("no_such_tool", {})]),
    ],
)
def test_published_server_records_what_the_wrapper_records(
    server: str, calls: list[Any], tmp_path: Path, python_with: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same of servers that others published, to which one line was added."""
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "--quiet"], check=True, timeout=60)
    python = python_with(*PACKAGES["mcp1"])
    wrap = [python, "-m", "mcptelemetry", "wrap", "--app", "acme-mcp"]
    with client_of(python) as client:
        ends_outside, outside = events_of(client, [python, "-m", server], calls, wrap=wrap)
        ends_inside, inside = events_of(client, [python, STRANGER, server], calls, wrap=None)
    assert ends_inside == ends_outside
    assert "result" in ends_outside
    assert "error" in ends_outside
    assert len(outside) == len(calls) + 1
    assert inside == outside


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    """Wait until *server* listens."""
    ends_at = time.monotonic() + UP_SECS
    pause = threading.Event()
    for _ in itertools.count():
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert server.poll() is None, "the server ended"
            assert time.monotonic() < ends_at, "the server does not listen"
            pause.wait(0.1)
        else:
            return


@pytest.mark.parametrize(
    ("package", "kind"), [("mcp1", "mcp1"), ("mcp2", "mcp2"), ("fastmcp4", "fastmcp")]
)
def test_http_server_ended_by_a_signal_delivers_all(
    package: str, kind: str, python_with: Callable[..., str]
) -> None:
    """uvicorn raises the signal again when it has shut down; `install_signal_handlers()` was called before."""
    python = python_with(*PACKAGES[package])
    port = free_port()
    with InProcessCollector() as collector:
        environ = environment(ACME_MCP_EVENTS_ENDPOINT=collector.events_url)
        server = subprocess.Popen(
            [python, SERVER, kind, "instrument", str(port)],
            env=environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for(port, server)
            with client_of(python) as client:
                client.ask(url=f"http://127.0.0.1:{port}/mcp", calls=CALLS)
            server.send_signal(signal.SIGTERM)
            server.wait(30)
        finally:
            server.kill()
            server.wait()
        events = fields_of(collector)
    assert len(events) == len(CALLS) + 1
    assert {event["client"] for event in events} == {"vscode"}


@pytest.mark.parametrize(
    ("package", "kind", "upstream_calls"), [("mcp1", "mcp1", "0"), ("mcp2", "mcp2", "0"), ("fastmcp4", "fastmcp", "1-10")]
)
def test_tool_that_never_worked_is_known_by_name(
    package: str, kind: str, upstream_calls: str, tmp_path: Path, python_with: Callable[..., str]
) -> None:
    """Though no client listed it; what a proxy has from elsewhere is counted, and named in no heartbeat."""
    script = str(CHECKOUT / "tests" / "data" / "servers" / "known_tools.py")
    done = subprocess.run(
        [python_with(*PACKAGES[package]), script, kind, str(tmp_path)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [(event["tool"], event.get("error_type")) for event in told["events"]][:2] == [("never", "tool_error")] * 2
    heartbeat = told["heartbeat"]
    assert heartbeat["builtin_tool_calls"]["never"] == 2
    assert heartbeat["builtin_tool_errors"]["never"] == 2
    assert heartbeat["upstream_tool_call_count_bucket"] == upstream_calls
    assert "up_far" not in json.dumps(heartbeat)
