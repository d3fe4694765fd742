"""A wrapped server's calls as spans: what carried them, and which span called, reach the Collector."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

from mcptelemetry.testing import ScriptedServer

ROOT = Path(__file__).resolve().parents[2]
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
# The least that answers: each line's id with an empty result.
SERVER = """
import json, sys
for line in sys.stdin:
    print(json.dumps({"jsonrpc": "2.0", "id": json.loads(line)["id"], "result": {"content": []}}), flush=True)
"""


def test_a_wrapped_call_is_a_span_that_came_through_a_pipe(tmp_path):
    """Behind `wrap` the span says that a pipe carried the call, and hangs below the one that the client named; so does the measurement."""
    call = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "search", "arguments": {}, "_meta": {"traceparent": f"00-{TRACE}-{SPAN}-01"}},
    }
    (tmp_path / ".acme-mcp").mkdir()
    with ScriptedServer(otherwise=200) as receiver:
        (tmp_path / ".acme-mcp" / "telemetry.toml").write_text(
            f'[proxy.telemetry]\nendpoint = "{receiver.url}"\nformat = "otlp"\nmetrics = true\n', "utf-8"
        )
        done = subprocess.run(
            [sys.executable, "-m", "mcptelemetry", "wrap", "--app", "acme-mcp", "--", sys.executable, "-c", SERVER],
            input=json.dumps(call) + "\n", capture_output=True, text=True, timeout=60, check=False,
            cwd=ROOT, env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        assert receiver.wait_for_requests(2)
        bodies = {request.path: request.body for request in receiver.requests}
    assert sorted(bodies) == ["/v1/metrics", "/v1/traces"]
    documents = {path: json.loads(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body) for path, body in bodies.items()}
    (span,) = documents["/v1/traces"]["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert (span["name"], span["traceId"], span["parentSpanId"]) == ("tools/call search", TRACE, SPAN)
    (metric,) = documents["/v1/metrics"]["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]
    for attributes in (span["attributes"], metric["histogram"]["dataPoints"][0]["attributes"]):
        assert {"key": "network.transport", "value": {"stringValue": "pipe"}} in attributes
