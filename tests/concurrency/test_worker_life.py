"""A worker that is killed, that cannot be started, and that the interpreter's end overtakes."""

from __future__ import annotations

import os
import time

import pytest

from mcptelemetry.system import Worker
from mcptelemetry.testing import HostileServer, InProcessCollector, refusing_url

# What docs/conduct.md states: how much a host's memory may grow by a full queue of the default
# length, the HTTP library included; with ordinary names, and with the longest there can be.
MEMORY_CAP_KIB = {"million": 32 * 1024, "million-longest": 64 * 1024}


def check_stored(collector, account):
    events = collector.events()
    assert len(events) == len({event.id for event in events}) == account["recorded"]
    assert account["is_balanced"]


def test_worker_killed_over_and_over_loses_and_doubles_nothing(run_host):
    """Killed by an injected exception at any moment, it is started again, and every event is stored once."""
    with InProcessCollector() as collector:
        result = run_host("worker_host.py", collector.events_url, "killed")
        account = result.facts["account"]
        assert result.facts["kills"] > 50
        assert account["recorded"] == account["delivered"] == result.facts["expected"]
        check_stored(collector, account)
        assert result.facts["workers"] <= 1
        # What kills it may look like trouble with the endpoint, which is a line an outage.
        lines = result.complaints
        assert [line for line in lines if not line.startswith("mcptelemetry: events ")] == []


def test_worker_killed_at_rest_is_started_by_the_next_record(run_host):
    """Nobody has to flush: the next record after its death has everything sent."""
    with InProcessCollector() as collector:
        result = run_host("worker_host.py", collector.events_url, "killed-at-rest")
        assert result.facts["was_killed"]
        account = result.facts["account"]
        assert account["recorded"] == account["delivered"] == 4
        check_stored(collector, account)


def test_worker_without_a_named_thread_delivers(run_host):
    """When `threading` refuses to start a thread, another way is found."""
    with InProcessCollector() as collector:
        result = run_host("worker_host.py", collector.events_url, "no-named-thread")
        assert result.facts["account"]["delivered"] == 5


def test_worker_without_any_thread_keeps_the_account(run_host):
    """When no thread can be had nothing raises or logs, flush() says so, and later everything is sent."""
    with InProcessCollector() as collector:
        result = run_host("worker_host.py", collector.events_url, "no-thread")
        before, account = result.facts["before"], result.facts["account"]
        assert before["is_balanced"]
        assert (before["recorded"], before["buffered"]) == (1000, 1000)
        assert "thread" in result.facts["refused"]
        assert result.facts["attempts"] <= 3  # not one a record
        assert account["recorded"] == account["delivered"] > 1000
        check_stored(collector, account)


def test_worker_without_any_thread_delivers_at_exit(run_host):
    """When no thread could ever be had, the exit itself makes the attempt, on this machine."""
    with InProcessCollector() as collector:
        result = run_host("worker_host.py", collector.events_url, "no-thread-at-exit")
        assert (result.out, result.err) == ("", "")
        assert len(collector.events()) == 5


@pytest.mark.parametrize("_round", range(3))
def test_worker_finalising_interpreter_ends_in_silence(run_host, _round):
    """Records while the interpreter takes itself apart are harmless, from wherever they come."""
    with InProcessCollector() as collector:
        result = run_host("worker_host.py", collector.events_url, "finalising", secs=30)
        assert (result.out, result.err) == ("", "")
        assert "plain" in {event.tool for event in collector.events()}


def test_worker_finalising_with_a_silent_server_ends_in_silence(run_host):
    """The same with an attempt in flight that nobody answers."""
    with HostileServer("silent") as server:
        result = run_host("worker_host.py", server.events_url, "finalising", secs=30)
        assert (result.out, result.err) == ("", "")


def test_client_closed_is_collectable(run_host):
    """Nothing the interpreter has registered keeps a closed client alive."""
    with InProcessCollector() as collector:
        result = run_host("worker_host.py", collector.events_url, "collectable")
        assert result.facts == {"alive": 0, "callbacks": 0}


@pytest.mark.heavy
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="this system does not tell its memory there")
@pytest.mark.parametrize("scene", MEMORY_CAP_KIB)
def test_records_by_the_million_stay_within_the_memory_cap(run_host, scene):
    """A million records at a dead endpoint: the oldest are dropped, exactly counted, and memory is bounded."""
    with refusing_url() as url:
        result = run_host("worker_host.py", url, scene)
        account = result.facts["account"]
        assert account["is_balanced"]
        assert (account["recorded"], account["buffered"], account["dropped"]) == (1_000_000, 10_000, 990_000)
        assert result.facts["grown_kib"] < MEMORY_CAP_KIB[scene]


@pytest.mark.heavy
def test_rush_at_a_dead_endpoint_makes_three_attempts_at_most(run_host):
    """Ten thousand records within a second cause at most three connection attempts."""
    with HostileServer("closes_at_once") as server:
        result = run_host("worker_host.py", server.events_url, "rush")
        assert 1 <= server.connection_count <= 3
        account = result.facts["account"]
        assert account["recorded"] == 10_000
        assert account["is_balanced"]


def test_thread_that_comes_while_the_host_is_at_it_goes_again():
    """A thread that starts during turns in the host's own is gone, and said to be, when it finds that out."""
    gone = []

    def turn():
        if not gone:
            assert worker.ensure_running()
            ends_at = time.monotonic() + 5
            while worker.is_running and time.monotonic() < ends_at:
                time.sleep(0.01)
            gone.append(not worker.is_running)
        return False

    worker = Worker(turn, name="mcptelemetry-test", on_end=lambda: None)
    worker.run_here()
    assert gone == [True]
    assert not worker.is_running
    assert worker.join(0)
