"""What Prometheus reads: counted when documents are stored, written by a package that nobody else needs."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcptelemetry.collector import EVENTS_PATH, FEEDBACK_PATH, HEARTBEAT_PATH, Server, SqliteStore, serve
from mcptelemetry.wire import TelemetryBatch, TelemetryEvent

FULL = json.loads((Path(__file__).parents[1] / "data" / "heartbeat" / "full.json").read_text())
BOUNDARIES = ["0.01", "0.02", "0.05", "0.1", "0.2", "0.5", "1.0", "2.0", "5.0", "10.0", "30.0", "60.0", "120.0", "300.0", "+Inf"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Return a running collector."""
    with serve(SqliteStore(tmp_path / "c.db"), report_token="r3ader") as running:
        yield running


def ask(server: Server, method: str, path: str, body: bytes | None = None, token: str | None = "r3ader") -> tuple[int, str, str]:
    """Return status, content type and text of an answer."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=30)
    try:
        connection.request(method, path, body, {"Authorization": f"Bearer {token}"} if token else {})
        answer = connection.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read().decode()
    finally:
        connection.close()


def metrics(server: Server) -> dict[str, float]:
    """Return every sample by its name and labels, without the process."""
    status, kind, text = ask(server, "GET", "/metrics")
    assert (status, kind.partition(";")[0]) == (200, "text/plain")
    samples = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {re.sub(r'process="\d+",|,?process="\d+"', "", name): float(value) for name, _, value in samples}


def a_batch(*ids: str) -> bytes:
    """Return a batch with a failed call and a success an id."""
    events = [
        TelemetryEvent("get", "local_only", status=status, error_type=error, latency_ms=ms, timestamp_secs=1, id=f"{name}-{ms}")  # type: ignore[arg-type]
        for name in ids
        for status, error, ms in (("success", None, 10), ("error", "timeout", 30_001))
    ]
    return TelemetryBatch(events, app="acme-mcp").to_json()


def test_metrics_count_what_was_stored_and_refused(server: Server) -> None:
    """Calls, errors, durations by the conventions' boundaries, heartbeats, feedback and refusals; a repeat counts once."""
    pytest.importorskip("prometheus_client", reason="prometheus-client belongs to the test extra and is not installed")
    for body in (a_batch("1", "2"), a_batch("1", "2"), a_batch("3"), b"hello"):
        ask(server, "POST", EVENTS_PATH, body)
    for _ in range(2):
        ask(server, "POST", HEARTBEAT_PATH, json.dumps(FULL).encode())
    context = {name: FULL[name] for name in ("version", "edition", "os", "arch", "server_count", "connected_server_count", "routing_mode")}
    feedback = {"app": "acme-mcp", "category": "bug", "message": "It does not start.", "context": context}
    ask(server, "POST", FEEDBACK_PATH, json.dumps(feedback).encode())
    found = metrics(server)
    assert found['mcptelemetry_calls_total{app="acme-mcp",status="success",tool="get"}'] == 3
    assert found['mcptelemetry_calls_total{app="acme-mcp",status="error",tool="get"}'] == 3
    assert found['mcptelemetry_errors_total{app="acme-mcp",error_type="timeout",tool="get"}'] == 3
    buckets = {
        match[1]: value
        for name, value in found.items()
        if (match := re.fullmatch(r'mcptelemetry_call_duration_seconds_bucket\{app="acme-mcp",le="(.*)",tool="get"\}', name))
    }
    assert sorted(buckets, key=float) == BOUNDARIES
    assert [buckets[edge] for edge in BOUNDARIES] == [3] * 11 + [6] * 4  # an edge belongs to its bucket
    assert found['mcptelemetry_call_duration_seconds_sum{app="acme-mcp",tool="get"}'] == pytest.approx(3 * 30.011)
    assert found['mcptelemetry_call_duration_seconds_count{app="acme-mcp",tool="get"}'] == 6
    assert found[f'mcptelemetry_heartbeats_total{{app="{FULL["app"]}"}}'] == 1
    assert found['mcptelemetry_feedback_total{app="acme-mcp"}'] == 1
    assert found['mcptelemetry_refusals_total{reason="document"}'] == 1


def test_metrics_of_strangers_are_bounded(server: Server) -> None:
    """However many tools strangers name, the series end at a number; the rest are `other`."""
    pytest.importorskip("prometheus_client", reason="prometheus-client belongs to the test extra and is not installed")
    for first in range(0, 3_000, 1_000):
        events = [TelemetryEvent(f"tool-{number}", "local_only", timestamp_secs=1) for number in range(first, first + 1_000)]
        assert ask(server, "POST", EVENTS_PATH, TelemetryBatch(events).to_json())[0] == 202
    calls = {name: value for name, value in metrics(server).items() if name.startswith("mcptelemetry_calls_total{")}
    assert len(calls) <= 2_001
    assert sum(calls.values()) == 3_000
    assert calls['mcptelemetry_calls_total{app="other",status="success",tool="other"}'] >= 999


def test_metrics_answer_to_the_report_token_only(server: Server) -> None:
    """Whoever holds no token learns nothing."""
    assert ask(server, "GET", "/metrics", token=None)[0] == 401
    assert ask(server, "HEAD", "/metrics")[0] == 200


def test_package_for_metrics_is_imported_when_they_are_read_and_named_when_it_is_missing(tmp_path: Path) -> None:
    """A collector that nobody scrapes needs no package for it; without it, the answer is the command that installs it."""
    code = (
        "import io, sys\n"
        "from mcptelemetry.collector import SqliteStore, create_app\n"
        "app = create_app(SqliteStore(sys.argv[1]), report_token='r')\n"
        "def ask(path, method='GET', body=b''):\n"
        "    seen = []\n"
        "    environ = {'REQUEST_METHOD': method, 'PATH_INFO': path, 'HTTP_AUTHORIZATION': 'Bearer r', 'wsgi.input': io.BytesIO(body),\n"
        "               'CONTENT_LENGTH': str(len(body))}\n"
        "    text = b''.join(app(environ, lambda status, headers: seen.append(status)))\n"
        "    return seen[0], text.decode()\n"
        "print(ask('/events', 'POST', b'{\"events\": []}')[0], ask('/api/report')[0], 'prometheus_client' in sys.modules)\n"
        "sys.modules['prometheus_client'] = None\n"
        "print(*ask('/metrics'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "c.db")], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
    first, second = done.stdout.splitlines()[:2]
    assert first == "202 Accepted 200 OK False"
    assert second.startswith("501 ")
    assert "pip install prometheus-client" in second
