"""Events on the disk between processes: killed, stopped, forked and interrupted ones; each event arrives once."""

from __future__ import annotations

import contextlib
import os
import re
import runpy
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from mcptelemetry.testing import InProcessCollector

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tests" / "data" / "scripts" / "spool_host.py"
OWN_MOUNTS = runpy.run_path(str(ROOT / "tests" / "concurrency" / "test_storage_trouble.py"))["own_mounts"]
LIMIT_SECS = 60
LEASE_SECS = 2.0

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals as POSIX has them")


def names_and_numbers(collector):
    """Return how often each event arrived."""
    return Counter((event.tool, event.latency_ms) for event in collector.events())


@pytest.mark.heavy
@pytest.mark.timeout(400)
def test_killed_processes_lose_at_most_their_last_second_and_a_half():
    """In twenty rounds of kill -9 all that was recorded 1.5 s before is delivered by the next process, once."""
    command = [sys.executable, str(ROOT / "tools" / "soak_spool.py"), "--rounds", "20", "--at-once", "4"]
    found = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    assert found.returncode == 0, found.stdout


@pytest.mark.heavy
def test_process_that_is_stopped_with_a_claim_keeps_nobody_from_it(tmp_path):
    """Of ten processes that share a spool one is stopped while it sends: after the lease another delivers, and each event is stored once."""
    with InProcessCollector() as collector:
        started = []

        def start(name, *more):
            words = [sys.executable, str(SCRIPT), "share", str(tmp_path), collector.events_url, name, "30", str(LEASE_SECS), *more]
            started.append(subprocess.Popen(words, stdout=subprocess.PIPE, text=True))
            return started[-1]

        try:
            stopped = start("stopped", "stops")
            assert stopped.stdout.readline() == "stopped\n"
            claimed_at = time.monotonic()
            others = [start(f"other_{number}") for number in range(9)]
            for other in others:
                other.communicate(timeout=LIMIT_SECS)
            while time.monotonic() < claimed_at + LEASE_SECS + 0.2:
                time.sleep(0.05)
            start("late").communicate(timeout=LIMIT_SECS)
            expected = {(name, number): 1 for name in ["stopped", "late", *(f"other_{number}" for number in range(9))] for number in range(30)}
            assert names_and_numbers(collector) == expected
            os.kill(stopped.pid, signal.SIGCONT)
            stopped.communicate(timeout=LIMIT_SECS)
            assert names_and_numbers(collector) == expected
        finally:
            for process in started:
                with contextlib.suppress(OSError):
                    process.kill()
                process.communicate()


def test_fork_between_keeping_and_sending_doubles_nothing(run_host, tmp_path):
    """Parent and child go on keeping and delivering; each event arrives once, and nothing is left."""
    with InProcessCollector() as collector:
        facts = run_host("spool_host.py", "fork", tmp_path, collector.events_url).facts
        came = names_and_numbers(collector)
    assert facts["account"]["is_balanced"]
    assert facts["account"]["spooled"] == 300
    assert {key for key in came if key[0] == "parent"} == {("parent", number) for number in range(300)}
    assert {key for key in came if key[0] == "child"} == {("child", number) for number in range(200)}
    assert max(came.values()) == 1
    assert facts["spool"]["waiting"] == 0


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.heavy)])
def test_interrupted_host_loses_and_doubles_nothing(run_host, tmp_path, seed):
    """A signal handler that raises while events are kept, flushed and delivered leaves each of them to arrive once."""
    with InProcessCollector() as collector:
        facts = run_host("spool_host.py", "interrupt", tmp_path, collector.events_url, seed).facts
        run_host("spool_host.py", "deliver", tmp_path, collector.events_url)
        came = names_and_numbers(collector)
    assert facts["interrupts"] > 0
    assert facts["account"]["is_balanced"]
    # A record that was interrupted may have come into the queue or not.
    assert facts["account"]["recorded"] >= facts["recorded"]
    assert facts["account"]["spooled"] == facts["account"]["recorded"]
    assert sum(came.values()) == facts["account"]["recorded"]


def test_end_of_a_process_keeps_first_and_takes_a_second(run_host, tmp_path):
    """With a silent endpoint a process ends within its second, says nothing wrong, and all of its events are on the disk."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/events"
        result = run_host("spool_host.py", "end", tmp_path, url)
        took = time.time() - result.facts["ends_at"]
        assert took < 10  # a second, on a machine that has time
        found = run_host("spool_host.py", "deliver", tmp_path, "http://127.0.0.1:9/events").facts
    assert found["left"] == 100
    assert "for another endpoint" in found["why"]


@pytest.mark.heavy
def test_record_with_a_spool_makes_no_system_call_of_its_own(run_host, strace, tmp_path):
    """Ten thousand records with the events kept on the disk open, read and write nothing in the recording thread."""
    command, log = strace
    with InProcessCollector() as collector:
        result = run_host("spool_host.py", "quiet", tmp_path, collector.events_url, prefix=command)
    assert result.facts["account"]["recorded"] == 10_002
    assert result.facts["account"]["is_balanced"]
    lines = [line.split(None, 1) for line in log.read_text(errors="replace").splitlines()]
    begin, end = ([at for at, (_, call) in enumerate(lines) if mark in call][0] for mark in ("/mark-begin", "/mark-end"))
    recording = lines[begin][0]
    calls = [call for thread, call in lines[begin + 1 : end] if thread == recording]
    assert [call for call in calls if not re.match(r"<\.\.\. \w+ resumed>|---|\+\+\+", call)] == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it is arranged with what Linux has")
@pytest.mark.parametrize(("scene", "words"), [("full", "full"), ("read-only", "Read-only file system")])
def test_disk_that_takes_nothing_costs_no_event(run_host, tmp_path, scene, words):
    """On a disk that is truly full, or read-only, events leave from memory and `status` says why; with room they are kept again."""
    with InProcessCollector() as collector:
        facts = run_host("spool_host.py", "disk", tmp_path, collector.events_url, scene, prefix=OWN_MOUNTS()).facts
        came = names_and_numbers(collector)
    assert words in facts["during"]
    assert (facts["delivered"], facts["after"]) == (1, None)
    assert facts["account"]["is_balanced"]
    assert came == {("during", 0): 1, ("after", 0): 1}
