"""
One process of an installation that counts and sends, for tests that kill it.

    counting_process.py DIRECTORY TOOL once|on [SECONDS]

Says on stdout, before each flush, how many calls it has counted so far (``about N``), and
after it the same (``stored N``). Sending means a line in ``accepted.log``. With ``on`` every
attempt is a day after the last one of any process, and half of the attempts fail, before or
after they were accepted; with ``once`` the clock is the machine's and all succeed.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time

import locked_build  # noqa: F401

from mcptelemetry.counters import ActivationNotes, ActivationStore, CounterFlusher, CounterRegistry, Windows
from mcptelemetry.state import Memory

DAY = 86_400


def append(path: str, line: str) -> None:
    """Add a line in one write, so that it is there whole or not at all."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(descriptor, line.encode())
    os.close(descriptor)


def say(word: str, number: int) -> None:
    """Tell the test, unbuffered."""
    os.write(1, f"{word} {number}\n".encode())


def main(directory: str, tool: str, mode: str, secs: float) -> None:
    ticks = os.path.join(directory, "ticks")

    def days() -> float:
        return 1_700_000_000 + DAY * (os.stat(ticks).st_size if os.path.exists(ticks) else 0)

    clock = time.time if mode == "once" else days
    path = os.path.join(directory, "telemetry.db")
    memory = Memory(path, busy_secs=10)
    registry = CounterRegistry([tool])
    notes = ActivationNotes(ActivationStore(path))
    flusher = CounterFlusher(registry, notes, memory, clock=clock, permission=lambda: "now")
    windows = Windows(memory, clock=clock, generation=lambda: "now")
    counted = 0
    ends_at = time.monotonic() + secs
    while time.monotonic() < ends_at:
        threads = [threading.Thread(target=lambda: [registry.record_call(tool) for _ in range(50)]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        counted += 400
        say("about", counted)
        if flusher.flush(10):
            say("stored", counted)
        if mode == "on":
            append(ticks, ".")
        window = windows.begin()
        if window is None:
            continue
        fate = random.randrange(4) if mode == "on" else 0
        if fate != 1:  # 1: it never arrived
            counts = {key.name: count for key, count in window.counts.items()}
            append(os.path.join(directory, "accepted.log"), json.dumps([window.heartbeat_id, counts]) + "\n")
        if fate in (0, 3):
            windows.settle(window)
        else:  # 2: it arrived, and the answer did not
            windows.postpone(window)


main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4]) if len(sys.argv) > 4 else 2.0)
