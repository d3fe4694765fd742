"""The heartbeat end to end: real processes of one installation, a real collector, one document a day."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mcptelemetry.testing import InProcessCollector, ScriptedServer
from mcptelemetry.wire import check

ROOT = Path(__file__).resolve().parents[2]
HOST = ROOT / "tests" / "data" / "scripts" / "heartbeat_host.py"
DAY = 86_400
LIMIT_SECS = 60


class Machine:
    """A home directory, and the applications that are started in it."""

    def __init__(self, home, endpoint):
        self.endpoint = endpoint
        # As an MCP client starts a server: with little more than this.
        self.environ = {"HOME": str(home), "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}

    def start(self, deed, offset=0, sink="sink", **environ):
        return subprocess.Popen(
            [sys.executable, str(HOST), self.endpoint, str(offset), deed, sink],
            env={**self.environ, **environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, deed, offset=0, sink="sink", **environ):
        process = self.start(deed, offset, sink, **environ)
        out, err = process.communicate(timeout=LIMIT_SECS)
        assert process.returncode == 0, err.decode()
        return out, err

    def run_many(self, count, deed, offset=0, **environ):
        processes = [self.start(deed, offset, **environ) for _ in range(count)]
        for process in processes:
            _, err = process.communicate(timeout=LIMIT_SECS)
            assert process.returncode == 0, err.decode()


@pytest.fixture
def collector():
    with InProcessCollector() as running:
        yield running


def test_processes_of_one_installation_send_one_heartbeat_a_day(tmp_path, collector):
    """Of many processes on three days, each day one sends, and not before the notice's delay."""
    machine = Machine(tmp_path, collector.url)
    assert machine.run("once")[0].strip() == b"not sent"
    assert collector.request_count == 0
    for day in range(3):
        for hour in (0, 1, 23):
            machine.run_many(6, "once", offset=300 + 60 * day + day * DAY + hour * 3600)
            assert collector.request_count == day + 1
    documents = collector.heartbeats()
    assert len(documents) == 3
    assert len({document["heartbeat_id"] for document in documents}) == 3
    assert len({document["anonymous_id"] for document in documents}) == 1
    for document in documents:
        check(document)


def test_process_that_lives_sends_by_itself(tmp_path, collector):
    """An application that only starts telemetry sends the heartbeat that is due, from its own thread."""
    machine = Machine(tmp_path, collector.url)
    machine.run("once")
    process = machine.start("live", offset=300)
    try:
        assert process.stdout.readline().strip() == b"started"
        waited = threading.Event()
        for _ in range(LIMIT_SECS * 20):
            if collector.heartbeats():
                break
            waited.wait(0.05)
    finally:
        _, err = process.communicate(timeout=LIMIT_SECS)
    assert (process.returncode, err) == (0, b"")
    assert len(collector.heartbeats()) == 1


def test_notice_on_a_hidden_stderr_delays_the_first_heartbeat_by_a_day(tmp_path, collector):
    """Shown on a stream that is no terminal, the notice counts, and the first heartbeat waits 24 hours."""
    machine = Machine(tmp_path, collector.url)
    _, err = machine.run("once", sink="")
    assert collector.url.encode() in err
    assert b"ACME_MCP_TELEMETRY=off" in err
    said, err = machine.run("once", offset=DAY - 60, sink="")
    assert (said.strip(), err) == (b"not sent", b"")
    assert machine.run("once", offset=DAY + 60, sink="")[0].strip() == b"sent"
    assert len(collector.heartbeats()) == 1


@pytest.mark.parametrize("environ", [{"DO_NOT_TRACK": "1"}, {"CI": "1"}, {"ACME_MCP_TELEMETRY": "off"}])
def test_process_that_is_refused_sends_nothing_and_leaves_no_file(tmp_path, collector, environ):
    """Off, a process sends nothing, says nothing and makes no file, however late it is."""
    machine = Machine(tmp_path, collector.url)
    for offset in (0, 300, DAY, 30 * DAY):
        said, err = machine.run("once", offset=offset, **environ)
        assert (said.strip(), err) == (b"not sent", b"")
    assert collector.request_count == 0
    assert list(tmp_path.iterdir()) == []


def test_refusal_typed_in_a_shell_reaches_the_next_process(tmp_path, collector):
    """`mcptelemetry --app acme-mcp off` stops a heartbeat that was due."""
    machine = Machine(tmp_path, collector.url)
    machine.run("once")
    command = [sys.executable, "-m", "mcptelemetry", "--app", "acme-mcp", "off"]
    assert subprocess.run(command, env=machine.environ, cwd=ROOT, capture_output=True, timeout=LIMIT_SECS).returncode == 0
    assert machine.run("once", offset=300)[0].strip() == b"not sent"
    assert collector.request_count == 0


def test_show_payload_equals_what_the_next_send_posts(tmp_path):
    """With the same clock, another process's preview is byte for byte what is then posted."""
    with ScriptedServer() as server:
        machine = Machine(tmp_path, server.url)
        machine.run("once", FIXED_TIME="1800000000")
        shown, _ = machine.run("show", offset=300, FIXED_TIME="1800000000")
        again, _ = machine.run("show", offset=300, FIXED_TIME="1800000000")
        assert server.requests == []
        assert machine.run("send", offset=300, FIXED_TIME="1800000000")[0].strip() == b"sent"
        assert b'"builtin_tool_calls": {"get_issues": 1}' in shown
        assert shown == again == server.requests[0].body
        command = [sys.executable, "-m", "mcptelemetry", "--app", "acme-mcp", "--json", "sent"]
        done = subprocess.run(command, env=machine.environ, cwd=ROOT, capture_output=True, timeout=LIMIT_SECS)
        (entry,) = json.loads(done.stdout)["documents"]
        assert entry["document"] == json.loads(server.requests[0].body)


def test_killed_while_it_sends_another_sends_the_same_after_the_lease(tmp_path):
    """A process killed in the middle of a send costs two minutes, and its window comes again under its id."""
    released = threading.Event()

    def hold(request):
        released.wait(LIMIT_SECS)

    with ScriptedServer(hold) as server:
        machine = Machine(tmp_path, server.url)
        machine.run("once", FIXED_TIME="1800000000")
        process = machine.start("live", offset=300, FIXED_TIME="1800000000")
        try:
            assert server.wait_for_requests(1, LIMIT_SECS)
        finally:
            process.kill()
            process.communicate(timeout=LIMIT_SECS)
            released.set()
        assert machine.run("once", offset=400, FIXED_TIME="1800000000")[0].strip() == b"not sent"
        assert machine.run("once", offset=430, FIXED_TIME="1800000000")[0].strip() == b"sent"
        first, second = (json.loads(request.body) for request in server.requests)
    assert first["heartbeat_id"] == second["heartbeat_id"]
    assert first["builtin_tool_calls"] == second["builtin_tool_calls"]


def test_count_made_while_a_heartbeat_hangs_survives_the_end_of_the_process(tmp_path):
    """A process that ends while its heartbeat is not answered ends in time and loses no count."""
    released = threading.Event()

    def hold(request):
        released.wait(LIMIT_SECS)

    with ScriptedServer(hold) as server:
        machine = Machine(tmp_path, server.url)
        machine.run("once", FIXED_TIME="1800000000")
        process = machine.start("live", offset=300, FIXED_TIME="1800000000")
        try:
            assert server.wait_for_requests(1, LIMIT_SECS)
            _, err = process.communicate(b"count\n", timeout=LIMIT_SECS / 2)
        finally:
            process.kill()
            process.wait(LIMIT_SECS)
            released.set()
        assert (process.returncode, err) == (0, b"")
        for offset in (430, 430 + DAY):
            assert machine.run("once", offset=offset, FIXED_TIME="1800000000")[0].strip() == b"sent"
        first, again, second = (json.loads(request.body) for request in server.requests)
    assert first["heartbeat_id"] == again["heartbeat_id"] != second["heartbeat_id"]
    counted = [document["builtin_tool_calls"]["get_issues"] for document in (again, second)]
    assert sum(counted) == 5  # one for each of the four processes, and one more
