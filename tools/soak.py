"""
A host records 2,000 events a second for minutes, and the collector fails in every way.

    tools/soak [--minutes N] [--rate EVENTS_PER_SECOND] [--forks N] [--seed N]

Prints how many events were lost and how many were accepted twice (both must be 0) and by how
much the host's memory grows a minute (flat, once its queue has seen its first outage); then
forks two hundred times under traffic. Exit status 1 when anything of it is wrong. Everything
stays on the loopback interface.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from itertools import zip_longest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from mcptelemetry.testing import HOSTILE_BEHAVIOURS, SocketServer  # noqa: E402

SAMPLE_EVERY_SECS = 5.0
WARM_UP_SECS = 60.0
FLAT_KIB_PER_MINUTE = 256.0
FORK_HOST = ROOT / "tests" / "data" / "scripts" / "fork_host.py"

# What an answer may come to, with its weight in ten thousand.
FAULTS = {
    "accept": 9300,
    "lose the answer": 150,  # stored, and nobody is told
    "503": 100,
    "429": 60,
    "401": 60,
    "400": 30,  # never again
    "413": 100,  # in smaller pieces
    "reset": 80,
    "half_headers": 40,
    "half_status_line": 40,
    "silent": 10,
    "drips_headers": 10,
    "down": 20,  # for two seconds every connection is closed at once
}


def main() -> int:
    """Run the host against the faulty collector and print what came of it."""
    parser = argparse.ArgumentParser(description="Deliver through random faults for minutes.")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=int, default=2_000, help="events a second")
    parser.add_argument("--forks", type=int, default=200, help="rounds of forks at the end")
    parser.add_argument("--seed", type=int, default=None, help="repeat the same faults")
    parser.add_argument("--host", metavar="URL", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.host:
        return be_host(options.host, options.minutes * 60, options.rate)
    seed = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    print(f"{options.minutes:g} minutes at {options.rate} events a second, seed {seed}", flush=True)
    collector = FaultyCollector(random.Random(seed))
    with collector.server as server:
        is_well = soak(collector, server.events_url, options)
    return 0 if check_forks(options.forks) and is_well else 1


# -- the collector ---------------------------------------------------------------------


class FaultyCollector:
    """Keeps each number of each process once and counts how often it said yes to it."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._lock = threading.Lock()
        # By process, a byte a number; guarded by _lock, as all below.
        self._stored: defaultdict[str, bytearray] = defaultdict(bytearray)
        self._acknowledged: defaultdict[str, bytearray] = defaultdict(bytearray)
        self._refused: defaultdict[str, bytearray] = defaultdict(bytearray)
        self._down_until = 0.0
        self.processes: set[str] = set()
        self.faults: Counter[str] = Counter()
        self.server = SocketServer(self._serve)

    def _serve(self, connection) -> None:
        if time.monotonic() < self._down_until:
            return
        while (request := connection.read_request()) is not None:
            self.server.requests.clear()
            body = request.body
            if request.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            ids = [event["id"].rpartition("-") for event in json.loads(body)["events"]]
            with self._lock:
                (fault,) = self._rng.choices(list(FAULTS), list(FAULTS.values()))
                self.faults[fault] += 1
                self.processes.update(process for process, _, _ in ids)
                numbers: dict[str, list[int]] = {}
                for process, _, number in ids:
                    numbers.setdefault(process, []).append(int(number))
                if fault in ("accept", "lose the answer"):
                    self._mark(self._stored, numbers)
                if fault == "accept":
                    self._mark(self._acknowledged, numbers)
                if fault == "400":
                    self._mark(self._refused, numbers)
                if fault == "down":
                    self._down_until = time.monotonic() + 2.0
            if fault in ("lose the answer", "down"):
                return
            if fault in HOSTILE_BEHAVIOURS or fault == "reset":
                self._misbehave(connection, fault)
                return
            headers = {"Retry-After": "1"} if fault == "429" else None
            connection.answer(202 if fault == "accept" else int(fault), b"", headers)

    def _misbehave(self, connection, fault: str) -> None:
        if fault == "reset":
            connection.reset()
        elif fault == "silent":
            connection.hold()
        elif fault == "half_status_line":
            connection.send(b"HTTP/1.1 20")
        elif fault == "half_headers":
            connection.send(b"HTTP/1.1 503 Unavailable\r\nContent-Le")
        else:
            connection.send(b"HTTP/1.1 202 Accepted\r\nX-Drip: ")
            while connection.pause(0.05):
                connection.send(b"z")

    @staticmethod
    def _mark(marks_of: defaultdict[str, bytearray], numbers_of: dict[str, list[int]]) -> None:
        for process, numbers in numbers_of.items():
            marks = marks_of[process]
            missing = max(numbers) + 1 - len(marks)
            if missing > 0:
                marks.extend(bytes(missing))
            for number in numbers:
                marks[number] = min(255, marks[number] + 1)

    def judge(self, process: str, recorded: int) -> tuple[int, int, int]:
        """Return how many of the *recorded* numbers of *process* are lost, accepted twice, and refused for good."""
        with self._lock:
            stored, acknowledged, refused = (marks[process] for marks in (self._stored, self._acknowledged, self._refused))
            settled = sum(bool(one or other) for one, other in zip_longest(stored, refused, fillvalue=0))
            # Not number by number: one that was drawn for a call that was interrupted is nobody's.
            return recorded - settled, sum(count > 1 for count in acknowledged), sum(map(bool, refused))


# -- the host --------------------------------------------------------------------------


def be_host(url: str, secs: float, rate: int) -> int:
    """Record at an even pace, say how much memory that takes, and deliver what is left."""
    sys.path.insert(0, str(FORK_HOST.parent))
    import host  # only the child is a host

    pipeline, record = host.make_pipeline(
        url, batch_size=500, batch_interval_secs=1, offline_queue_max=500_000, compression="gzip"
    )
    # First as much as half a minute's outage leaves waiting: the memory that a queue once
    # needed stays with the process, and must not look like growth when an outage comes late.
    recorded = 30 * rate
    for number in range(recorded):
        record(f"tool_{number % 40}", latency_ms=number % 1000)
    began_at = time.monotonic() - 30
    secs += 30
    next_sample_at = began_at + 30
    while (now := time.monotonic()) < began_at + secs:
        for _ in range(int((now - began_at) * rate) - recorded):
            record(f"tool_{recorded % 40}", latency_ms=recorded % 1000)
            recorded += 1
        if now >= next_sample_at:
            next_sample_at += SAMPLE_EVERY_SECS
            stats = pipeline.stats()
            print(json.dumps([now - began_at, resident_kib(), stats.buffered + stats.in_flight]), flush=True)
        time.sleep(0.01)
    host.flush_until_empty(pipeline, secs=600)
    host.report(**host.account(pipeline))
    return 0


def resident_kib() -> int:
    """Return the memory that this process holds."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def soak(collector: FaultyCollector, url: str, options: argparse.Namespace) -> bool:
    """Run one host to its end; print and judge."""
    command = [sys.executable, __file__, "--host", url]
    command += ["--minutes", str(options.minutes), "--rate", str(options.rate)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    samples, account = [], None
    assert process.stdout is not None
    for line in process.stdout:
        said = json.loads(line)
        if isinstance(said, dict):
            account = said
            continue
        samples.append(said)
        if len(samples) % 12 == 1:
            print(f"{said[0]:6.0f} s  {said[1]:>8} KiB  {said[2]:>7} waiting", flush=True)
    if process.wait() != 0 or account is None:
        print("the host did not come to its end")
        return False
    lost, twice, refused = collector.judge(" ".join(collector.processes), account["recorded"])  # it is one
    slope = memory_slope(samples)
    print("faults:   " + ", ".join(f"{name} {count}" for name, count in collector.faults.most_common()))
    print(f"account:  {account}")
    print(f"recorded: {account['recorded']}   refused by the collector: {refused}   dropped: {account['dropped']}")
    print(f"lost:     {lost}")
    print(f"twice:    {twice}")
    print(f"memory:   {slope:+.1f} KiB a minute")
    is_flat = slope < FLAT_KIB_PER_MINUTE
    return bool(
        lost == twice == account["dropped"] == 0
        and account["is_balanced"]
        and account["rejected"] == refused
        and len(collector.processes) == 1
        and is_flat
    )


def memory_slope(samples: list[list[float]]) -> float:
    """
    Return by how many KiB the memory grows a minute, after the warm-up.

    Over what was resident while next to nothing waited: a queue that fills in an outage and
    empties after it is no leak. 0 when there is too little to tell.
    """
    calm = [(secs / 60, kib) for secs, kib, waiting in samples if secs >= WARM_UP_SECS and waiting < 5_000]
    if len(calm) < 4:
        return 0.0
    middle_at = statistics.fmean(at for at, _ in calm)
    middle_kib = statistics.fmean(kib for _, kib in calm)
    above = sum((at - middle_at) * (kib - middle_kib) for at, kib in calm)
    return above / sum((at - middle_at) ** 2 for at, _ in calm)


# -- forks -----------------------------------------------------------------------------


def check_forks(rounds: int) -> bool:
    """Fork *rounds* times in traffic and with every lock held; return whether no child hung or erred."""
    is_well = True
    if not rounds or not hasattr(os, "fork"):
        return is_well
    for scene in ("traffic", "locks"):
        ids: Counter[str] = Counter()

        def store(connection, ids: Counter[str] = ids) -> None:
            while (request := connection.read_request()) is not None:
                ids.update(event["id"] for event in json.loads(request.body)["events"])
                connection.answer(202)

        with SocketServer(store) as server:
            result = subprocess.run(
                [sys.executable, str(FORK_HOST), server.events_url, scene, str(rounds)],
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
        found = json.loads(result.stdout)
        bad = sum(status != 0 for status in found["statuses"])
        expected = found["account"]["delivered"] + 2 * rounds
        print(f"forks:    {scene}: {rounds} rounds, {bad} bad, {len(ids)} events of {expected}, once each: "
              f"{max(ids.values()) == 1}", flush=True)
        is_well = is_well and bad == 0 and len(ids) == expected and max(ids.values()) == 1
    return is_well


if __name__ == "__main__":
    sys.exit(main())
