#!/usr/bin/env python3
"""
Kill counting processes over and over, and compare every count at the end.

    tools/soak_counters.py [--rounds N]

By default 200 rounds, two processes each, killed with SIGKILL somewhere in their work. What
a process had stored must be in exactly one accepted window or still on the disk. Prints what
was compared and exits 1 when a count is missing or counted twice.
"""

from __future__ import annotations

import argparse
import collections
import json
import pathlib
import random
import sqlite3
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "tests" / "data" / "scripts" / "counting_process.py"


def main() -> int:
    """Run the rounds and compare."""
    parser = argparse.ArgumentParser(description="Kill counting processes and compare every count.")
    parser.add_argument("--rounds", type=int, default=200)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as directory:
        place = pathlib.Path(directory)
        known: dict[str, tuple[int, int]] = {}
        killed = 0
        for number in range(rounds):
            tools = [f"tool_{number}_{which}" for which in "ab"]
            processes = [begin(place, tool) for tool in tools]
            for tool in tools:
                wait_for_flush(place / f"{tool}.txt")
            time.sleep(random.uniform(0, 0.4))
            for process in processes:
                process.kill()
                killed += process.wait() == -9
            known.update((tool, said_in(place / f"{tool}.txt")) for tool in tools)
        return compare(place, known, killed)


def begin(place: pathlib.Path, tool: str) -> subprocess.Popen[bytes]:
    """Start a process that counts *tool*."""
    with open(place / f"{tool}.txt", "wb") as output:
        command = [sys.executable, str(SCRIPT), str(place), tool, "on", "0.6"]
        return subprocess.Popen(command, stdout=output, cwd=ROOT, env={"PYTHONPATH": str(ROOT)})


def wait_for_flush(said: pathlib.Path) -> None:
    """Return once the process has stored something."""
    deadline = time.monotonic() + 60
    while "stored" not in said.read_text():
        if time.monotonic() > deadline:
            sys.exit(f"{said.name}: nothing was stored within a minute")
        time.sleep(0.01)


def said_in(path: pathlib.Path) -> tuple[int, int]:
    """Return how much was stored for certain, and how much may have been."""
    last = {"stored": 0, "about": 0}
    for line in path.read_text().splitlines():
        word, number = line.split()
        last[word] = int(number)
    return last["stored"], last["about"]


def compare(place: pathlib.Path, known: dict[str, tuple[int, int]], killed: int) -> int:
    """Print the comparison; return the exit code."""
    accepted: dict[str, dict[str, int]] = {}
    problems = []
    for line in (place / "accepted.log").read_text().splitlines():
        heartbeat_id, counts = json.loads(line)
        if accepted.setdefault(heartbeat_id, counts) != counts:
            problems.append(f"{heartbeat_id} went out with different counts")
    connection = sqlite3.connect(place / "telemetry.db")
    facts = dict(connection.execute("SELECT name, value FROM usage_facts"))
    rows = connection.execute("SELECT sum, name, count FROM usage_counters").fetchall()
    connection.close()
    sums: collections.Counter[str] = collections.Counter()
    for counts in accepted.values():
        sums.update(counts)
    for which, name, count in rows:
        if which == 0 or facts["heartbeat_id"] not in accepted:
            sums[name] += count
    for tool, possible in known.items():
        if sums[tool] not in possible:
            problems.append(f"{tool}: {sums[tool]} instead of one of {possible}")
    for problem in problems:
        print(problem)
    print(
        f"{len(known)} processes, {killed} killed, {len(accepted)} windows accepted, "
        f"{facts.get('given_up_count', 0)} given up, {sum(sums.values())} counts: {len(problems)} differences"
    )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
