"""
Processes that keep their events on the disk are killed, and the next process delivers what they left.

    tools/soak spool [--rounds N] [--writers N] [--rate EVENTS_PER_SECOND] [--at-once N] [--seed N]

In each round several processes of one installation record until `kill -9`, at a random moment, while the collector
fails some requests and loses some answers. Then another process delivers. Every event that was recorded more than
1.5 seconds before the kill must be in the collector, and none twice. Exit status 1 when anything of it is wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from mcptelemetry.testing import InProcessCollector  # noqa: E402

HOST = ROOT / "tests" / "data" / "scripts" / "spool_host.py"
KEPT_AFTER_SECS = 1.5
KILLED_AFTER_SECS = (1.6, 2.8)  # since it records
ENDS_WITHIN_SECS = 90.0
# How the collector fails: every so many requests are refused, and of every so many the answer is lost.
FAULTS = ((0, 0), (3, 0), (0, 4), (1, 0))
REFUSES_ALL = (1, 0)  # while they record; later it takes everything


def main() -> int:
    """Run the rounds and print what came of them."""
    parser = argparse.ArgumentParser(description="kill -9 of processes that keep their events on the disk.")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--writers", type=int, default=3)
    parser.add_argument("--rate", type=int, default=1_000, help="events a second and process")
    parser.add_argument("--at-once", type=int, default=1, help="rounds that are played at the same time")
    parser.add_argument("--seed", type=int, default=None, help="repeat the same moments")
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    print(f"{options.rounds} rounds of {options.writers} writers at {options.rate} events a second, seed {seed}", flush=True)
    rng = random.Random(seed)
    recorded = once = lost = doubled = left = 0
    with ThreadPoolExecutor(options.at_once) as pool:
        rounds = [
            pool.submit(play, rng.uniform(*KILLED_AFTER_SECS), options.writers, options.rate, FAULTS[number % len(FAULTS)], is_script=number % 2 == 1)
            for number in range(options.rounds)
        ]
        for number, came in enumerate(one.result() for one in rounds):
            recorded, once, lost, doubled, left = map(sum, zip((recorded, once, lost, doubled, left), came))
            if any(came[2:]) or came[0] != came[1]:
                print(f"round {number}: {came[2]} lost, {came[3]} twice, {came[4]} left", flush=True)
    print(f"{options.rounds} rounds, {recorded} events recorded early enough: {once} of them in the collector exactly once,")
    print(f"{lost} lost; of all that were recorded, {doubled} accepted twice and {left} left in the spool")
    return 1 if lost or doubled or left or once != recorded or not recorded else 0


def play(killed_after_secs: float, writers: int, rate: int, faults: tuple[int, int], *, is_script: bool) -> tuple[int, ...]:
    """Return how many events of one round were recorded early enough, came once, were lost, accepted twice, and left."""
    fail_every, lose_answer_every = faults
    with tempfile.TemporaryDirectory() as home, InProcessCollector(
        fail_every=fail_every, lose_answer_every=lose_answer_every
    ) as collector:
        processes = [start("record", home, collector.events_url, f"writer_{number}", rate) for number in range(writers)]
        for process in processes:
            wait_for_line(process)
        time.sleep(killed_after_secs)
        said = []
        for process in processes:
            killed_at = time.monotonic()
            process.kill()
            said.append((killed_at, process.communicate(timeout=ENDS_WITHIN_SECS)[0]))
        if faults == REFUSES_ALL:
            collector.fail_every(0)
        deed = "deliver" if is_script else "next"
        out = start(deed, home, collector.events_url).communicate(timeout=ENDS_WITHIN_SECS)[0]
        facts = json.loads(out)
        came = Counter((event.tool, event.latency_ms) for event in collector.events())
    due = [
        (f"writer_{number}", event)
        for number, (killed_at, lines) in enumerate(said)
        for event in range(count_before(lines, killed_at - KEPT_AFTER_SECS))
    ]
    lost = sum(one not in came for one in due)
    doubled = sum(count > 1 for count in came.values())
    once = sum(came[one] == 1 for one in due)
    return len(due), once, lost, doubled, facts["left"] if is_script else facts["spool"]["waiting"]


def start(*arguments: object) -> subprocess.Popen[str]:
    """Start the host."""
    return subprocess.Popen([sys.executable, str(HOST), *map(str, arguments)], stdout=subprocess.PIPE, text=True)


def wait_for_line(process: subprocess.Popen[str]) -> None:
    """Wait for the first line of *process*, and take no more of what it says."""
    assert process.stdout is not None
    said, ends_at = b"?", time.monotonic() + ENDS_WITHIN_SECS
    while said not in (b"", b"\n") and select.select([process.stdout], [], [], max(0.0, ends_at - time.monotonic()))[0]:
        said = os.read(process.stdout.fileno(), 1)


def count_before(lines: str, moment: float) -> int:
    """Return how many events had been recorded at *moment*, by the *lines* of a writer; the last may be cut off."""
    said = [line.split() for line in lines.splitlines()[:-1]]
    return max((int(count) for count, at in said if float(at) <= moment), default=0)


if __name__ == "__main__":
    sys.exit(main())
