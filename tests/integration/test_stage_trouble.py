"""Each stage says its own trouble in `status()`, no other does, and it is silent once the cause has gone."""

from __future__ import annotations

import os
import runpy
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from mcptelemetry import Telemetry, UploadError
from mcptelemetry.collector import SqliteStore, serve
from mcptelemetry.testing import FakeClock, InProcessCollector

DAY = 86_400
free_port = runpy.run_path(str(Path(__file__).parents[1] / "data" / "scripts" / "free_port.py"))["free_port"]
ALL_WELL = {"delivery": None, "spool": None, "counting": None, "windows": None, "storage": None}


@pytest.fixture
def environ(tmp_path):
    return {"HOME": str(tmp_path), "ACME_MCP_TELEMETRY": "1"}


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def telemetry(environ, clock):
    """One with a heartbeat to come, by a clock that stands still."""
    with InProcessCollector() as collector, Telemetry(
        "acme-mcp",
        "1.0.0",
        environ=environ,
        heartbeat_endpoint=collector.url,
        tools=("search",),
        notice=lambda text: True,
        clock=clock,
    ) as found:
        found.record("search")
        found.flush(10)
        assert found.status()["trouble"] == ALL_WELL
        yield found


def trouble(telemetry):
    """Return the stages that complain, and what of."""
    return {stage: text for stage, text in telemetry.status()["trouble"].items() if text is not None}


def refuse_to_write(telemetry, table):
    """Have every change of *table* fail, as a damaged page of it does."""
    connection = sqlite3.connect(telemetry.status()["files"]["memory"])
    with connection:
        for event in ("INSERT", "UPDATE", "DELETE"):
            connection.execute(
                f"CREATE TRIGGER no_{event} BEFORE {event} ON {table} BEGIN SELECT RAISE(FAIL, 'the page is bad'); END"
            )
    connection.close()


def let_write_again(telemetry):
    connection = sqlite3.connect(telemetry.status()["files"]["memory"])
    with connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
    connection.close()


def test_trouble_of_delivery_is_told_and_heals(environ, tmp_path):
    """An endpoint that nobody answers at, and then somebody does."""
    port = free_port()
    telemetry = Telemetry("acme-mcp", "1.0.0", environ={**environ, "ACME_MCP_EVENTS_ENDPOINT": f"http://127.0.0.1:{port}/events"})
    telemetry.start()
    telemetry.record("search")
    with pytest.raises(UploadError):
        telemetry.flush(10)
    assert "refused" in trouble(telemetry)["delivery"]
    store = SqliteStore(tmp_path / "collector.db")
    server = serve(store, port=port)
    telemetry.flush(10)
    server.stop()
    assert trouble(telemetry) == {}
    assert telemetry.pipeline.stats().delivered == 1
    telemetry.shutdown()


def test_trouble_of_delivery_is_a_rejected_batch_too(environ):
    """What an endpoint refuses for good is told until the next batch is accepted."""
    with InProcessCollector(fail_every=2, fail_status=400) as collector:
        telemetry = Telemetry("acme-mcp", "1.0.0", environ={**environ, "ACME_MCP_EVENTS_ENDPOINT": collector.events_url})
        telemetry.start()
        for is_accepted in (True, False, True):
            telemetry.record("search")
            telemetry.flush(10)
            assert ("400" in trouble(telemetry).get("delivery", "")) is not is_accepted
        telemetry.shutdown()


def test_trouble_of_counting_is_told_alone_and_heals(telemetry):
    """Counts that cannot be stored are kept; heartbeats and the notice are not concerned."""
    refuse_to_write(telemetry, "usage_counters")
    telemetry.record("search")
    telemetry.flush(10)
    assert "the page is bad" in trouble(telemetry)["counting"]
    assert "windows" not in trouble(telemetry)
    assert sum(telemetry.registry.counts().values()) > 0
    let_write_again(telemetry)
    telemetry.flush(10)
    assert trouble(telemetry) == {}
    assert telemetry.registry.counts() == {}


def test_trouble_of_windows_is_told_alone_and_heals(telemetry, clock):
    """A window that cannot be frozen leaves counting alone, and is sent once it can."""
    refuse_to_write(telemetry, "usage_facts")  # before one is due: the thread has its turns too
    clock.advance(DAY)
    assert telemetry.heartbeat.send_now() is False
    telemetry.record("search")
    telemetry.flush(10)
    assert "the page is bad" in trouble(telemetry)["windows"]
    assert "counting" not in trouble(telemetry)
    before = telemetry.sent_documents()
    let_write_again(telemetry)
    assert telemetry.heartbeat.send_now() or telemetry.sent_documents() != before
    assert trouble(telemetry) == {}


LOCKER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
"""


def test_trouble_of_a_database_that_another_process_holds_is_told_and_heals(telemetry):
    """Counting and storage say that it is locked, and are silent once it is free and what was kept is stored."""
    locker = subprocess.Popen(
        [sys.executable, "-c", LOCKER, telemetry.status()["files"]["memory"]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert locker.stdout.readline() == "locked\n"
        telemetry.record("search")
        telemetry.flush(10)
        found = trouble(telemetry)
        assert set(found) == {"counting", "storage"}
        assert all("locked" in text for text in found.values())
    finally:
        locker.communicate("")
    telemetry.flush(10)
    assert trouble(telemetry) == {}
    assert telemetry.registry.counts() == {}


def test_trouble_of_a_place_that_cannot_be_a_database_is_told_and_heals(telemetry):
    """Where the database was there is a folder: three stages say so, until it is gone."""
    path = telemetry.status()["files"]["memory"]
    os.replace(path, path + ".away")
    os.mkdir(path)
    telemetry.record("search")
    telemetry.flush(10)
    assert telemetry.heartbeat.send_now() is False
    assert set(trouble(telemetry)) == {"counting", "windows", "storage"}
    os.rmdir(path)
    os.replace(path + ".away", path)
    telemetry.flush(10)
    assert trouble(telemetry) == {}
