"""Inside a host with tracing the bytes on the wire hold our headers and no others."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from mcptelemetry.testing import ScriptedServer

pytestmark = pytest.mark.heavy

ROOT = Path(__file__).resolve().parents[2]

# Each turns its library on as its own documentation says, with all that it can patch.
HOSTS = {
    "sentry_sdk": """
import sentry_sdk
sentry_sdk.init(
    dsn="http://publickey@127.0.0.1:9/1", traces_sample_rate=1.0, release="secret-release",
    environment="secret-environment", trace_propagation_targets=[".*"], transport=lambda event: None,
    shutdown_timeout=0,
)
span = sentry_sdk.start_transaction(name="host")
span.__enter__()
""",
    "ddtrace": """
import ddtrace, os
from ddtrace import patch, tracer
patch(requests=True, urllib3=True, httplib=True)
from ddtrace import config
for name in ("requests", "urllib3", "httplib"):
    getattr(config, name)["distributed_tracing"] = True
span = tracer.trace("secret-span")
span.context.set_baggage_item("secret", "baggage") if hasattr(span.context, "set_baggage_item") else None
""",
    "opentelemetry.instrumentation": """
from opentelemetry import trace, baggage, context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor
from opentelemetry.instrumentation.urllib import URLLibInstrumentor
trace.set_tracer_provider(TracerProvider())
for instrumentor in (RequestsInstrumentor, URLLib3Instrumentor, URLLibInstrumentor):
    instrumentor().instrument()
context.attach(baggage.set_baggage("secret", "baggage"))
span = trace.get_tracer("host").start_as_current_span("host")
span.__enter__()
""",
}

# The host's own request comes first: it shows that the library is on and does add headers.
BODY = """
import sys, requests, urllib3, http.client, urllib.parse
host, ours = sys.argv[1:]
requests.post(host, data=b"host", timeout=10)
urllib3.PoolManager().request("POST", host, body=b"host", timeout=10)
parts = urllib.parse.urlsplit(host)
plain = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
plain.request("POST", parts.path, body=b"host")
plain.getresponse().read()
plain.close()

from mcptelemetry.events import TelemetryAuth, TelemetryBatch, TelemetryEvent, TelemetryUploader
from mcptelemetry.system import HttpTransport, Request
uploader = TelemetryUploader(ours, TelemetryAuth("mine"), environ={}, compression="gzip")
for count in (1, 200):
    uploader.upload(TelemetryBatch([TelemetryEvent("t", "local_only", timestamp_secs=1, id=f"p-{n}") for n in range(count)]))
uploader.close()
proxied = HttpTransport(environ={"HTTP_PROXY": ours})
proxied.post(Request("http://t.acme.dev/beat", b"{}", {"Content-Type": "application/json"}, 10.0))
proxied.close()
"""
OWN = {"host", "user-agent", "accept-encoding", "content-type", "content-length", "content-encoding", "authorization"}


@pytest.mark.parametrize("library", sorted(HOSTS))
def test_host_with_tracing_adds_no_header_to_ours(library, tmp_path):
    """Whatever is patched into requests, urllib3 and http.client, a raw socket sees our headers only."""
    if importlib.util.find_spec(library.split(".")[0]) is None or importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed: it comes with the extra `instrumentation`")
    with ScriptedServer() as host, ScriptedServer() as ours:
        done = subprocess.run(
            [sys.executable, "-c", HOSTS[library] + BODY, host.events_url, ours.events_url],
            env={"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT), "DD_TRACE_ENABLED": "true", "DD_TRACE_AGENT_URL": "http://127.0.0.1:9",
                 "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false", "DD_REMOTE_CONFIGURATION_ENABLED": "false"},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        added = set().union(*(request.headers for request in host.requests)) - OWN - {"accept", "connection"}
        assert added, "the library adds nothing here, so nothing is proven"
        assert len(ours.requests) == 3
        for request in ours.requests:
            assert set(request.headers) <= OWN
            assert "secret" not in json.dumps(dict(request.headers))
