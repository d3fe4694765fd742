"""Counts that add up: many processes of one installation, some of them killed."""

from __future__ import annotations

import collections
import json
import pathlib
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import pytest

from mcptelemetry.counters import ActivationNotes, ActivationStore, CounterFlusher, CounterRegistry, CountingWorker, Windows
from mcptelemetry.state import Memory
from mcptelemetry.testing import FakeClock

SCRIPT = pathlib.Path(__file__).parent.parent / "data" / "scripts" / "counting_process.py"
DAY = 86_400
ROUNDS = 20


class Child:
    """A process that counts one tool; what it said last is what is known of it."""

    def __init__(self, directory, number, *arguments):
        self.tool = f"tool_{number}"
        self.said = directory / f"{self.tool}.txt"
        with open(self.said, "wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, str(SCRIPT), str(directory), self.tool, *arguments], stdout=output
            )

    def wait_for_first_flush(self):
        """Return once it has stored something."""
        deadline = time.monotonic() + 90
        pause = threading.Event()
        while "stored" not in self.said.read_text():
            assert time.monotonic() < deadline
            pause.wait(0.01)

    def end(self):
        """Wait for its end; return how many calls it had stored, and may have stored."""
        assert self.process.wait(90) in (0, -9)
        last = {"about": 0, "stored": 0}
        for line in self.said.read_text().splitlines():
            word, number = line.split()
            last[word] = int(number)
        return last["stored"], last["about"]


def accepted_windows(directory):
    """Return what was accepted, by id; the same id always holds the same counts."""
    accepted = {}
    log = directory / "accepted.log"
    for line in log.read_text().splitlines() if log.exists() else ():
        heartbeat_id, counts = json.loads(line)
        assert accepted.setdefault(heartbeat_id, counts) == counts, "one id went out with different counts"
    return accepted


def sums_of(directory):
    """Return, by tool, what is in accepted windows and what is still on the disk."""
    accepted = accepted_windows(directory)
    sums = collections.Counter()
    for counts in accepted.values():
        sums.update(counts)
    connection = sqlite3.connect(directory / "telemetry.db")
    facts = dict(connection.execute("SELECT name, value FROM usage_facts"))
    rows = connection.execute("SELECT sum, name, count FROM usage_counters").fetchall()
    connection.close()
    assert facts.get("given_up_count", 0) == 0
    for which, name, count in rows:
        # A frozen window that was accepted is on the disk only until somebody hears of it.
        if which == 0 or facts["heartbeat_id"] not in accepted:
            sums[name] += count
    return sums


@pytest.mark.heavy
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_counts_add_up_through_failing_sends_restarts_and_kills(tmp_path):
    """What was stored is in exactly one accepted window or on the disk, whenever a process is killed."""
    chance = random.Random(5)
    known = {}
    for number in range(ROUNDS):
        pair = [Child(tmp_path, f"{number}_{which}", "on", "0.6") for which in "ab"]
        for child in pair:
            child.wait_for_first_flush()
        time_left = threading.Event()
        time_left.wait(chance.uniform(0, 0.3))  # anywhere in its work
        if number % 4 != 3:
            for child in pair:
                child.process.kill()
        known.update((child.tool, child.end()) for child in pair)
    sums = sums_of(tmp_path)
    assert len(accepted_windows(tmp_path)) > ROUNDS
    for tool, (stored, about) in known.items():
        # Killed in the middle of a flush, the whole of it is there or nothing of it.
        assert sums[tool] in (stored, about), tool
    assert set(sums) <= set(known)


@pytest.mark.heavy
@pytest.mark.timeout(300)
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_fifty_processes_started_together_send_once(tmp_path):
    """Of fifty processes one sends; its window and the next hold exactly what they stored."""
    children = [Child(tmp_path, number, "once", "2") for number in range(50)]
    for child in children:
        child.wait_for_first_flush()
    for child in children[::5]:
        child.process.kill()
    known = {child.tool: child.end() for child in children}
    assert len(accepted_windows(tmp_path)) == 1
    sums = sums_of(tmp_path)
    for tool, (stored, about) in known.items():
        assert sums[tool] in (stored, about), tool
    assert set(sums) == set(known)
    # The next window, a day later, holds the rest.
    windows = Windows(
        Memory(str(tmp_path / "telemetry.db")), clock=FakeClock(time.time() + DAY), generation=lambda: "now"
    )
    following = windows.begin()
    first = next(iter(accepted_windows(tmp_path).values()))
    total = collections.Counter(first)
    total.update({key.name: count for key, count in following.counts.items()})
    assert total == sums


@pytest.mark.timeout(300)
def test_counts_of_eight_threads_add_up_through_500_sends_of_which_half_fail(tmp_path):
    """While eight threads count, every window sent, failed, repeated or restarted, the sums agree exactly."""
    path = str(tmp_path / "telemetry.db")
    clock = FakeClock()
    chance = random.Random(7)
    registry = CounterRegistry(["search"])
    notes = ActivationNotes(ActivationStore(path, clock))
    is_over = threading.Event()
    counted = [0] * 8

    def count(which):
        while not is_over.is_set():
            for _ in range(20):
                registry.record_call("search")
            counted[which] += 20
            is_over.wait(0.002)

    def restart():
        memory = Memory(path)
        flusher = CounterFlusher(registry, notes, memory, clock=clock, permission=lambda: "now")
        return flusher, Windows(memory, clock=clock, generation=lambda: "now")

    threads = [threading.Thread(target=count, args=(which,)) for which in range(8)]
    for thread in threads:
        thread.start()
    accepted, sends = {}, 0
    try:
        flusher, windows = restart()
        while sends < 500:
            assert flusher.flush(), flusher.failure
            window = windows.begin()
            assert window is not None, windows.failure
            sends += 1
            fate = chance.randrange(4)
            calls = window.snapshot.builtin_tool_calls.get("search", 0)
            if fate != 0:
                assert accepted.setdefault(window.heartbeat_id, calls) == calls
            if fate >= 2:
                assert windows.settle(window)
                clock.advance(DAY)
            elif chance.random() < 0.5:
                windows.postpone(window)
                clock.advance(300)
            else:  # the process died over it
                flusher, windows = restart()
                clock.advance(120)
    finally:
        is_over.set()
        for thread in threads:
            thread.join(30)
    assert flusher.flush()
    clock.advance(DAY)
    for _ in range(2):  # what is frozen, then what came after it
        window = windows.begin()
        accepted[window.heartbeat_id] = window.snapshot.builtin_tool_calls.get("search", 0)
        assert windows.settle(window)
        clock.advance(DAY)
    assert sum(accepted.values()) == sum(counted)
    assert windows.state().given_up_count == 0


@pytest.mark.timeout(300)
def test_counting_is_not_held_up_by_a_process_that_holds_the_database(tmp_path):
    """While another process holds the database exclusively counting goes on, and is stored afterwards."""
    path = str(tmp_path / "telemetry.db")
    memory = Memory(path, busy_secs=0.2)
    registry = CounterRegistry(["search"])
    notes = ActivationNotes(ActivationStore(path))
    flusher = CounterFlusher(registry, notes, memory, clock=time.time, permission=lambda: "now")
    worker = CountingWorker(registry, notes, flusher)
    program = (
        "import sqlite3, sys\nconnection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "connection.execute('BEGIN EXCLUSIVE')\nprint('held', flush=True)\nsys.stdin.read()\n"
    )
    registry.record_call("search")
    assert flusher.flush()
    holder = subprocess.Popen(
        [sys.executable, "-c", program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "held\n"
        worker.start()
        for _ in range(100_000):
            registry.record_call("search")
        assert flusher.flush() is False
        assert registry.snapshot().builtin_tool_calls == {"search": 100_000}
    finally:
        holder.communicate(timeout=30)
    worker.shutdown(30)
    state = Windows(Memory(path), clock=time.time, generation=lambda: "now").state()
    assert state.snapshot.builtin_tool_calls == {"search": 100_001}
