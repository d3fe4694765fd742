"""An instrumented server records in process what the wrapper records from outside, whichever package it is built on."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
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
CLIENT = str(CHECKOUT / "tests" / "data" / "scripts" / "client_of_package.py")
PACKAGES = {
    "mcp1": "mcp>=1.30,<2",
    "mcp2": "mcp>=2,<3",
    "fastmcp2": "fastmcp>=2.14,<3",
    "fastmcp3": "fastmcp>=3,<4",
    "fastmcp4": "fastmcp>=4",
}
CALL_COUNT = 9
UP_SECS = 60
SESSION_MAY_TAKE_SECS = 120
DELIVERY_MAY_TAKE_SECS = 15

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(1200)]


def environment(**more: str) -> dict[str, str]:
    """Return the environment of server and client; what is recorded is delivered within a second."""
    settings = Path(os.environ["HOME"], ".acme-mcp", "telemetry.toml")
    settings.parent.mkdir(exist_ok=True)
    settings.write_text("[proxy.telemetry]\nbatch_interval_secs = 1\n", encoding="utf-8")
    return {**os.environ, "PYTHONPATH": str(CHECKOUT), "FASTMCP_CHECK_FOR_UPDATES": "off", **more}


def drive(python: str, arguments: list[str], environ: dict[str, str], is_recorded: Callable[[], bool]) -> Any:
    """Have the package's own client make its calls, and end when *is_recorded*; return how they ended for it."""
    client = subprocess.Popen(
        [python, CLIENT, *arguments],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    guard = threading.Timer(SESSION_MAY_TAKE_SECS, client.kill)
    guard.start()
    try:
        assert client.stdout is not None
        ends = client.stdout.readline()
        until(is_recorded)
        client.communicate()
    finally:
        guard.cancel()
        guard.join()
        client.kill()
        client.wait()
    assert ends, "the client ended before its calls had"
    return json.loads(ends)


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


def serve_instrumented(python: str, kind: str, hooks: str, prefix: str = "") -> tuple[Any, list[dict[str, object]]]:
    """Return how the calls ended for the client, and the events of the server itself."""
    with InProcessCollector() as collector:
        environ = environment(ACME_MCP_EVENTS_ENDPOINT=collector.events_url)
        command = ["--prefix", prefix, python, SERVER, kind, hooks]
        ends = drive(python, command, environ, lambda: len(collector.events()) >= CALL_COUNT)
        return ends, fields_of(collector)


def serve_wrapped(python: str, kind: str, prefix: str = "") -> tuple[Any, list[dict[str, object]]]:
    """Return the same of the bare server behind the wrapper."""
    with InProcessCollector() as collector:
        wrap = [python, "-m", "mcptelemetry", "wrap", "--app", "acme-mcp", "--endpoint", collector.events_url, "--"]
        command = ["--prefix", prefix, *wrap, python, SERVER, kind, "none"]
        ends = drive(python, command, environment(), lambda: len(collector.events()) >= CALL_COUNT)
        return ends, fields_of(collector)


@pytest.mark.parametrize(
    ("package", "kind", "hooks", "prefix"),
    [
        ("mcp1", "mcp1", "instrument,twice,decorator", ""),
        ("mcp1", "mcp1-low", "instrument,twice,decorator", ""),
        ("mcp2", "mcp2", "instrument,twice,decorator,middleware", ""),
        ("mcp2", "mcp2-low", "instrument,decorator", ""),
        ("fastmcp2", "fastmcp-mounted", "instrument,child,decorator", "ns_"),
        ("fastmcp3", "fastmcp-mounted", "instrument,child,decorator", "ns_"),
        ("fastmcp4", "fastmcp", "instrument,twice,decorator,middleware", ""),
        ("fastmcp4", "fastmcp-mounted", "instrument,child,decorator", "ns_"),
        ("fastmcp4", "fastmcp-proxy", "instrument", ""),
    ],
)
def test_instrumented_server_records_what_the_wrapper_records(
    package: str, kind: str, hooks: str, prefix: str, python_with: Callable[..., str]
) -> None:
    """Field by field, latency aside, with every pair of hooks at once: one event a call, and answers as without."""
    python = python_with(PACKAGES[package])
    ends_outside, outside = serve_wrapped(python, kind, prefix)
    assert len(outside) == CALL_COUNT
    assert [event["client"] for event in outside] == ["vscode"] * CALL_COUNT
    ends_inside, inside = serve_instrumented(python, kind, hooks, prefix)
    assert ends_inside == ends_outside
    assert inside == outside


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


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
    python = python_with(PACKAGES[package])
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
            drive(python, ["--url", f"http://127.0.0.1:{port}/mcp"], environment(), lambda: True)
            server.send_signal(signal.SIGTERM)
            server.wait(30)
        finally:
            server.kill()
            server.wait()
        events = fields_of(collector)
    assert len(events) == CALL_COUNT
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
        [python_with(PACKAGES[package]), script, kind, str(tmp_path)],
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
