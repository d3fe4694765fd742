"""One thread for counting and the heartbeat: who asks is served, whatever it is in the middle of."""

from __future__ import annotations

import threading
import time

import pytest

from mcptelemetry import Application, Telemetry
from mcptelemetry.counters import Counting
from mcptelemetry.heartbeat import HeartbeatService
from mcptelemetry.installation import Installation, Setup
from mcptelemetry.state import Memory
from mcptelemetry.testing import HostileServer, InProcessCollector

LIMIT_SECS = 20


class SlowTask:
    """A heartbeat that nobody answers, until it is released."""

    def __init__(self):
        self.has_begun, self.may_end = threading.Event(), threading.Event()
        self.count, self.is_over = 0, False

    def turn(self):
        self.count += 1
        self.has_begun.set()
        self.may_end.wait(LIMIT_SECS)
        self.is_over = True
        return 300.0


def names():
    """Return the threads of a host's client, without those of a collector in this process."""
    found = (thread.name for thread in threading.enumerate() if thread.name.startswith("mcptelemetry-"))
    return sorted(name for name in found if not name.startswith("mcptelemetry-collector"))


def await_true(ask):
    ends_at = time.monotonic() + LIMIT_SECS
    while not ask() and time.monotonic() < ends_at:
        time.sleep(0.01)
    return ask()


@pytest.fixture
def environ(tmp_path):
    return {"HOME": str(tmp_path), "ACME_MCP_TELEMETRY": "1"}


@pytest.fixture
def counting(environ):
    counting = Counting(tools=("search",))
    counting.keep(Installation(Application("acme-mcp"), Setup("v1.0.0", heartbeat_endpoint="http://127.0.0.1:9"), environ=environ))
    yield counting
    counting.shutdown()


def test_flush_is_not_held_up_by_a_slow_task(counting):
    """While the heartbeat waits, counts are kept, and stored as soon as somebody asks, by a thread that goes again."""
    task = SlowTask()
    counting.start()
    counting.add(task)
    assert task.has_begun.wait(LIMIT_SECS)
    for _ in range(3):
        counting.registry.record_call("search")
        assert counting.flush(3 * LIMIT_SECS)
        assert counting.registry.counts() == {}
    assert not task.is_over
    assert await_true(lambda: names() == ["mcptelemetry-counters"])
    task.may_end.set()


def test_flush_asked_just_before_a_slow_task_is_not_held_up(counting):
    """Whoever asked when the thread had looked already is served too."""
    for _ in range(20):
        task = SlowTask()
        counting.start()
        counting.registry.record_call("search")
        counting.add(task)
        assert counting.flush(3 * LIMIT_SECS)
        assert counting.registry.counts() == {}
        assert not task.is_over
        task.may_end.set()
        counting.remove(task, LIMIT_SECS)


def test_shutdown_stores_before_it_waits_for_a_slow_task(counting):
    """What was counted while the heartbeat waited is stored, although that never comes to an end."""
    task = SlowTask()
    counting.start()
    counting.add(task)
    assert task.has_begun.wait(LIMIT_SECS)
    counting.registry.record_call("search")
    counting.shutdown(0.3)
    assert counting.registry.counts() == {}
    assert not task.is_over
    task.may_end.set()


def test_task_is_taken_out_once_its_turn_is_over(counting):
    """Removing waits for the turn under way, within its time, and then the thread ends if it has nothing else to do."""
    task = SlowTask()
    counting.add(task)
    assert task.has_begun.wait(LIMIT_SECS)
    assert counting.remove(task, 0.01) is False
    task.may_end.set()
    assert counting.remove(task, LIMIT_SECS) is True
    assert await_true(lambda: names() == [])
    assert task.count == 1


def test_heartbeat_service_alone_starts_stops_and_starts_again(environ):
    """With counts that nobody stores it has the thread to itself, which is gone when it is stopped."""
    with InProcessCollector() as collector:
        installation = Installation(Application("acme-mcp"), Setup("v1.0.0", heartbeat_endpoint=collector.url), environ=environ)
        service = HeartbeatService(installation=installation, counting=Counting())
        for _ in range(2):
            service.start()
            assert await_true(lambda: names() == ["mcptelemetry-counters"])
            service.stop(LIMIT_SECS)
            assert await_true(lambda: names() == [])


def test_telemetry_with_a_silent_heartbeat_has_one_thread_and_stores(environ):
    """Counting and a heartbeat that is never answered share a thread; a flush and the end store all the same."""
    with HostileServer("silent") as server:
        telemetry = Telemetry(
            "acme-mcp", "1.0.0", environ=environ, heartbeat_endpoint=server.url, tools=("search",), notice=lambda text: True
        )
        memory = Memory(telemetry.status()["files"]["memory"])  # where the notice's delay has passed
        assert memory.mark_notice("sink", [server.url])
        memory.database.change(
            lambda connection: connection.execute("UPDATE memory SET value = '2026-01-01T00:00:00Z' WHERE name = 'notice_shown_at'")
        )
        telemetry.start()
        assert await_true(lambda: server.connection_count > 0)
        telemetry.record("search")
        assert names() == ["mcptelemetry-counters"]
        telemetry.flush(LIMIT_SECS)
        assert telemetry.registry.counts() == {}
        telemetry.record("search")
        telemetry.shutdown(0.3)
        assert telemetry.registry.counts() == {}


def test_exit_with_a_silent_heartbeat_and_a_locked_database_is_bounded(run_host):
    """Neither is waited for longer than the second that an exit may take; a transaction alone would wait five."""
    with HostileServer("silent") as server:
        result = run_host("busy_exit_host.py", server.url)
        took_secs = time.monotonic() - result.facts["began_at"]
    assert result.facts["is_leased"]
    assert took_secs < 4
    assert result.err == ""
