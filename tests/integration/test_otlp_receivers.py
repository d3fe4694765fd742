"""
Spans and histograms in the hands of others: a receiver with the official schema, and `rotel`.

`rotel` is a Collector of another make, from PyPI. It takes our requests, logs how many spans it
was given, and hands them on in protobuf to a receiver that counts them once more.
"""

from __future__ import annotations

import contextlib
import gzip
import importlib.util
import os
import pathlib
import runpy
import re
import signal
import socket
import subprocess
import sys
import sysconfig
import time

import pytest

from mcptelemetry import Telemetry
from mcptelemetry.events import PipelineConfig, TelemetryEvent, TelemetryPipeline
from mcptelemetry.testing import ScriptedServer

WHY = "OpenTelemetry's libraries are not installed: they are in the extra opentelemetry, for one interpreter"
pytestmark = pytest.mark.heavy
pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2", reason=WHY)

from google.protobuf import json_format  # noqa: E402
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest  # noqa: E402
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest  # noqa: E402

free_port = runpy.run_path(str(pathlib.Path(__file__).parents[1] / "data" / "scripts" / "free_port.py"))["free_port"]
COUNT = 2_345
TOOLS = 7
TIME_LIMIT_SECS = 60.0


def messages_of(server, path, kind):
    """Return the requests to *path* as messages of *kind*, by the official schema."""
    messages = []
    for request in [request for request in server.requests if request.path == path]:
        body = gzip.decompress(request.body) if request.headers.get("content-encoding") == "gzip" else request.body
        if request.headers["content-type"] == "application/json":
            messages.append(json_format.Parse(body, kind()))
        else:
            messages.append(kind.FromString(body))
    return messages


def spans_in(server):
    """Return every span that *server* was given, read by the official schema."""
    messages = messages_of(server, "/v1/traces", ExportTraceServiceRequest)
    return [span for message in messages for resource in message.resource_spans for scope in resource.scope_spans for span in scope.spans]


def calls_in(server):
    """Return how many calls the histograms say that *server* was given."""
    messages = messages_of(server, "/v1/metrics", ExportMetricsServiceRequest)
    return sum(
        point.count
        for message in messages
        for resource in message.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.histogram.data_points
    )


def ids_of(spans):
    """Return the ids of the events that *spans* tell of."""
    return [next(one.value.string_value for one in span.attributes if one.key == "mcptelemetry.id") for span in spans]


def deliver(endpoint):
    """Deliver COUNT events and their histograms to *endpoint*; return the account."""
    config = PipelineConfig(endpoint=endpoint, format="otlp", metrics=True)
    pipeline = TelemetryPipeline(config, app="acme-mcp", version="v1.4.0", environ={})
    pipeline.start()
    for number in range(COUNT):
        pipeline.buffer.record(
            TelemetryEvent(f"tool_{number % TOOLS}", "local_only", upstream="github" if number % 2 else None, latency_ms=number % 900)
        )
    pipeline.flush(TIME_LIMIT_SECS)
    stats = pipeline.stats()
    pipeline.shutdown(5.0)
    return stats


def test_a_receiver_with_the_official_schema_holds_every_span():
    """Each event is one span, with an id of its own, in requests of at most a batch; the histograms hold as many calls."""
    with ScriptedServer(otherwise=200) as server:
        stats = deliver(server.url)
        spans = spans_in(server)
        sizes = [len(message.resource_spans[0].scope_spans[0].spans) for message in messages_of(server, "/v1/traces", ExportTraceServiceRequest)]
        assert calls_in(server) == COUNT
    assert stats.delivered == COUNT == len(spans) == len(set(ids_of(spans))) == len({span.span_id for span in spans})
    assert max(sizes) <= 100
    assert {span.name for span in spans} == {f"tools/call tool_{number}" for number in range(TOOLS)}


# -- rotel --------------------------------------------------------------------------------


@contextlib.contextmanager
def rotel(exporter_url, log):
    """Run `rotel` with its log in *log*, handing on to *exporter_url*; give the address where it takes OTLP over HTTP."""
    spec = importlib.util.find_spec("rotel")
    if spec is None or spec.origin is None:
        pytest.skip("rotel is not installed: it is in the extra opentelemetry, for one interpreter")
    binary = pathlib.Path(spec.origin).parent / "rotel-agent"
    libraries = os.pathsep.join(filter(None, [sysconfig.get_config_var("LIBDIR"), os.environ.get("LD_LIBRARY_PATH")]))
    port = free_port()
    command = [
        str(binary), "start", "--otlp-http-endpoint", f"127.0.0.1:{port}", "--otlp-grpc-endpoint", f"127.0.0.1:{free_port()}",
        "--exporter", "otlp", "--otlp-exporter-protocol", "http", "--otlp-exporter-endpoint", exporter_url,
        "--debug-log", "traces", "--debug-log", "metrics",
    ]  # fmt: skip
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env={"LD_LIBRARY_PATH": libraries, "NO_COLOR": "1"}, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        try:
            wait_until(lambda: process.poll() is not None or accepts(port), "rotel to listen")
            assert process.poll() is None, log.read_text(errors="replace")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(TIME_LIMIT_SECS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def accepts(port):
    """Return whether something listens on *port* of this machine."""
    with socket.socket() as sock:
        sock.settimeout(1)
        return sock.connect_ex(("127.0.0.1", port)) == 0


def wait_until(is_so, what):
    """Wait until *is_so* says yes, within a limit."""
    ends_at = time.monotonic() + TIME_LIMIT_SECS
    while not is_so():
        assert time.monotonic() < ends_at, f"waited in vain for {what}"
        time.sleep(0.02)


def logged_spans(log):
    """Return how many spans the log of `rotel` counts in each request."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", log.read_text(errors="replace"))
    return [int(count) for count in re.findall(r"Received traces\..*?\bspans=(\d+)\s*$", text, re.MULTILINE)]


def test_rotel_takes_every_batch_and_counts_every_span(tmp_path, caplog):
    """No request is refused, spans or metrics; its log counts every span, and what it hands on of them is complete."""
    log = tmp_path / "rotel.log"
    with ScriptedServer(otherwise=200) as server:
        with rotel(server.url, log) as endpoint:
            stats = deliver(endpoint)
            wait_until(lambda: len(spans_in(server)) >= COUNT, "what rotel hands on")
            wait_until(lambda: sum(logged_spans(log)) >= COUNT, "what rotel says of spans")
            wait_until(lambda: "Received metrics." in log.read_text(errors="replace"), "what rotel says of metrics")
        spans = spans_in(server)
    assert (stats.delivered, stats.requeued, stats.last_error) == (COUNT, 0, None)
    assert sum(logged_spans(log)) == COUNT
    assert max(logged_spans(log)) <= 100
    # Taken without a word; but this release reads no histogram whose 64-bit numbers are texts, as
    # OTLP has them (its library does from 0.32 on), so what it hands on of them is not asked.
    assert "Received metrics." in log.read_text(errors="replace")
    assert caplog.records == []
    assert len(set(ids_of(spans))) == len(spans) == COUNT


def test_one_line_of_a_file_points_an_application_at_rotel(tmp_path):
    """An operator's file with another format and endpoint is all it takes; `check` says that it would be taken."""
    home = tmp_path / "home"
    (home / ".acme-mcp").mkdir(parents=True)
    log = tmp_path / "rotel.log"
    with ScriptedServer(otherwise=200) as server, rotel(server.url, log) as endpoint:
        (home / ".acme-mcp" / "telemetry.toml").write_text(
            f'[proxy.telemetry]\nendpoint = "{endpoint}"\nformat = "otlp"\nmetrics = true\n', "utf-8"
        )
        environ = {"HOME": str(home), "PATH": os.environ.get("PATH", "")}
        telemetry = Telemetry("acme-mcp", "1.4.0", environ=environ)
        (check,) = telemetry.check_endpoints()
        assert (check.verdict, check.endpoint) == ("taken", f"{endpoint}/v1/traces")
        telemetry.start()
        telemetry.record("get_issues", latency_ms=12)
        assert telemetry.flush(TIME_LIMIT_SECS) == 1
        telemetry.shutdown(5.0)
        checked = subprocess.run(
            [sys.executable, "-m", "mcptelemetry", "check", "--app", "acme-mcp"],
            env={**environ, "PYTHONPATH": os.getcwd()}, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert checked.returncode == 0, checked.stdout + checked.stderr
        wait_until(lambda: spans_in(server), "what rotel hands on")
        (span,) = spans_in(server)
    assert span.name == "tools/call get_issues"
    assert sum(logged_spans(log)) == 1
