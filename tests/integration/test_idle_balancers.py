"""Behind a balancer that forgets connections at rest, every event arrives, once, and without a delay."""

from __future__ import annotations

import collections
import json
import select
import subprocess
import sys
from pathlib import Path

import pytest

from mcptelemetry.testing import SocketServer

pytestmark = pytest.mark.heavy

ROOT = Path(__file__).resolve().parents[2]

# How a connection that has rested too long ends, and what the client may learn of it.
ENDS = {
    "reset at once": lambda connection: connection.reset(),
    "reset when used": lambda connection: (select.select([connection.sock], [], [], 20), connection.reset()),
    "silent": lambda connection: connection.hold(),
}
# Two kinds are found out in use. The third cannot be, so nothing is used that rested over five seconds.
REST_SECS = {"reset at once": 1.5, "reset when used": 1.5, "silent": 5.5}
FORGOTTEN_AFTER_SECS = 1.0

BEGIN = """
import sys, time
from mcptelemetry import Telemetry
telemetry = Telemetry("acme-mcp", "1.0.0")
telemetry.start()
telemetry.record("tool")
telemetry.flush()
def rest_and_record():
    time.sleep(float(sys.argv[1]))
    for _ in range(5):
        telemetry.record("tool")
def check():
    stats = telemetry.pipeline.stats()
    assert (stats.delivered, stats.requeued, stats.dropped) == (6, 0, 0), stats
"""
HOSTS = {
    "plain exit": BEGIN + "rest_and_record()",
    "shutdown": BEGIN + "rest_and_record(); telemetry.shutdown(); check()",
    "with": BEGIN + "with telemetry: rest_and_record()\ncheck()",
    "flush": BEGIN + "rest_and_record(); telemetry.flush(); check()",
    # Five are a batch, so that the next attempt comes at once; a back-off would show as a return.
    "running": BEGIN
    + """
rest_and_record()
ends_at = time.monotonic() + 20
while telemetry.pipeline.stats().delivered < 6 and time.monotonic() < ends_at:
    time.sleep(0.01)
check()
""",
}


class Balancer:
    """Answers every request, and ends a connection in one of three ways when it has rested too long."""

    def __init__(self, end):
        self._end = end
        self.delivered = collections.Counter()
        self.server = SocketServer(self._serve)

    def _serve(self, connection):
        while select.select([connection.sock], [], [], FORGOTTEN_AFTER_SECS)[0]:
            request = connection.read_request()
            if request is None:
                return
            self.delivered.update(event["id"] for event in json.loads(request.body)["events"])
            connection.answer(202)
        self._end(connection)


@pytest.mark.parametrize("end", sorted(ENDS))
@pytest.mark.parametrize("host", sorted(HOSTS))
def test_rest_behind_a_balancer_loses_and_doubles_nothing(host, end, tmp_path):
    """One event, a rest in which the balancer forgets the connection, five more: six arrive, none of them twice."""
    (tmp_path / ".acme-mcp").mkdir()
    (tmp_path / ".acme-mcp/telemetry.toml").write_text("[proxy.telemetry]\nbatch_size = 5\n")
    balancer = Balancer(ENDS[end])
    with balancer.server as server:
        done = subprocess.run(
            [sys.executable, "-c", HOSTS[host], str(REST_SECS[end])],
            env={"HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "ACME_MCP_EVENTS_ENDPOINT": server.url},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        connections = server.connection_count
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(balancer.delivered.values()) == [1] * 6
    assert connections == 2
