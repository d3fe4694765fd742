"""
A host that is forked, interrupted and short of disk while it records: everything of `soak.py` and the process's own faults.

    tools/soak mixed [--minutes N] [--rate EVENTS_PER_SECOND] [--seed N]

Three clients record in one process. A signal handler raises at random instants, a child is forked
every half second and delivers events of its own, and no file can grow for one second in five. Prints how
many events were lost or accepted twice, whether the counts in `telemetry.db` are between the calls that returned
and those that began, and by how much memory grows a minute. Exit status 1 when anything of it is wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from soak import FLAT_KIB_PER_MINUTE, ROOT, FaultyCollector, memory_slope, resident_kib

sys.path.insert(0, str(ROOT))

from mcptelemetry import Telemetry, UploadError

APPS = ("acme-mcp", "beta-mcp", "core-mcp")
FORK_EVERY_SECS = 0.5
CHILD_RECORDS = 20
DISK_PERIOD_SECS, DISK_FAILS_SECS = 5.0, 1.0
INTERRUPT_SECS = (0.005, 0.1)
ENDS_WITHIN_SECS = 300.0
SAMPLE_EVERY_SECS = 2.0


class Interrupted(BaseException):
    """What the signal handler raises."""


def main() -> int:
    """Run the host against the faulty collector and print what came of it."""
    parser = argparse.ArgumentParser(description="Forks, interrupts, several clients and a failing disk at once.")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=int, default=300, help="events a second")
    parser.add_argument("--seed", type=int, default=None, help="repeat the same faults")
    parser.add_argument("--host", metavar="URL", help=argparse.SUPPRESS)
    parser.add_argument("--directory", help=argparse.SUPPRESS)
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    if options.host:
        return Host(options.host, options.directory, random.Random(seed)).run(options.minutes * 60, options.rate)
    print(f"{options.minutes:g} minutes at {options.rate} events a second, seed {seed}", flush=True)
    collector = FaultyCollector(random.Random(seed))
    with collector.server as server, tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, __file__, "--host", server.events_url, "--directory", directory, "--seed", str(seed)]
        command += ["--minutes", str(options.minutes), "--rate", str(options.rate)]
        done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
        return 0 if done.returncode == 0 and judge(collector, done.stdout, Path(directory)) else 1


def judge(collector: FaultyCollector, said: str, directory: Path) -> bool:
    """Print what came of it; return whether it is as it should be."""
    found = json.loads(said.splitlines()[-1])
    children = [json.loads(line) for line in (directory / "children").read_text().splitlines()]
    recorded = {**found["processes"], **{process: CHILD_RECORDS for child in children for process in child["processes"]}}
    lost, twice, refused = (sum(column) for column in zip(*(collector.judge(*item) for item in recorded.items())))
    slope = memory_slope(found["samples"])
    is_counted = True
    for app in APPS:
        count = count_in(directory / app / "telemetry.db") - sum(CHILD_RECORDS for child in children if child["is_counted"])
        begun, returned = found["begun"][app], found["returned"][app]
        is_counted = is_counted and returned <= count <= begun
        print(f"counted:  {app}: {count}, of {returned} calls that returned and {begun} that began")
    bad = [status for status in found["statuses"] if status]
    print("faults:   " + ", ".join(f"{name} {count}" for name, count in collector.faults.most_common()))
    print(f"host:     {found['interrupts']} interrupts, {len(found['statuses'])} forks, {len(bad)} bad, {found['failures']} times short of disk")
    print(f"recorded: {sum(recorded.values())} by {len(recorded)} clients   refused by the collector: {refused}")
    print(f"lost:     {lost}")
    print(f"twice:    {twice}")
    print(f"memory:   {slope:+.1f} KiB a minute")
    is_known = collector.processes <= set(recorded)
    return lost == twice == 0 and not bad and is_counted and is_known and found["is_balanced"] and slope < FLAT_KIB_PER_MINUTE


def count_in(path: Path) -> int:
    """Return how many calls stand in the database."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT sum(count) FROM usage_counters WHERE kind = 'builtin' AND name = 'search'").fetchone()[0] or 0)


class Host:
    """The process that records, and is disturbed."""

    def __init__(self, url: str, directory: str, rng: random.Random) -> None:
        self._directory = directory
        self._rng = rng
        self._pid = os.getpid()
        self._clients = {app: self._make(app, url) for app in APPS}
        self._begun = dict.fromkeys(APPS, 0)
        self._returned = dict.fromkeys(APPS, 0)
        self._interrupts = self._failures = 0
        self._may_raise = False
        self._samples: list[list[float]] = []
        self._statuses: list[int] = []

    def _make(self, app: str, url: str) -> Telemetry:
        variable = app.upper().replace("-", "_") + "_EVENTS_ENDPOINT"
        telemetry = Telemetry(
            app, "1.0.0", environ={variable: url}, data_dir=os.path.join(self._directory, app),
            heartbeat_endpoint="http://127.0.0.1:9", tools=("search",), notice=lambda _text: True,
        )
        telemetry.start()
        return telemetry

    def run(self, secs: float, rate: int) -> int:
        """Record for *secs*, deliver what is left, and say what was recorded."""
        open(os.path.join(self._directory, "children"), "w").close()
        signal.signal(signal.SIGALRM, self._interrupt)
        began_at = self._forked_at = self._sampled_at = time.monotonic()
        self._arm()
        made = 0
        is_over = False
        while not is_over:
            try:
                self._may_raise = True  # until it has, or all is over: not in what looks after it
                while time.monotonic() < began_at + secs:
                    while made < (time.monotonic() - began_at) * rate:
                        made += 1
                        self._record(APPS[made % len(APPS)])
                    self._disturb(time.monotonic() - began_at)
                    time.sleep(0.005)
                self._may_raise = False
                is_over = True
            except Interrupted:
                self._interrupts += 1
        signal.setitimer(signal.ITIMER_REAL, 0)
        self._let_files_grow(may_grow=True)
        self._reap(os.WNOHANG)
        is_done = self._finish_all()
        self._reap(0)
        stats = [telemetry.pipeline.stats() for telemetry in self._clients.values()]
        print(json.dumps({
            "processes": {one.pipeline.buffer.process: one.pipeline.stats().recorded for one in self._clients.values()},
            "begun": self._begun, "returned": self._returned, "interrupts": self._interrupts, "failures": self._failures,
            "statuses": self._statuses, "samples": self._samples, "is_balanced": all(one.recorded == one.delivered + one.rejected for one in stats),
        }))
        return 0 if is_done else 1

    def _record(self, app: str) -> None:
        self._begun[app] += 1
        self._clients[app].record("search")
        self._returned[app] += 1

    def _arm(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, self._rng.uniform(*INTERRUPT_SECS))

    def _interrupt(self, _number: int, _frame: object) -> None:
        if os.getpid() == self._pid:
            self._arm()
            if self._may_raise:
                self._may_raise = False
                raise Interrupted

    def _disturb(self, secs: float) -> None:
        may_grow = secs % DISK_PERIOD_SECS < DISK_PERIOD_SECS - DISK_FAILS_SECS
        if may_grow != (resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY):
            self._failures += not may_grow
            self._let_files_grow(may_grow=may_grow)
        now = time.monotonic()
        if now - self._sampled_at > SAMPLE_EVERY_SECS:
            self._sampled_at = now
            waiting = sum(one.pipeline.stats().buffered for one in self._clients.values())
            self._samples.append([secs, resident_kib(), waiting])
            self._reap(os.WNOHANG)
        if now - self._forked_at > FORK_EVERY_SECS:
            self._forked_at = now
            # Not interrupted: what comes in the hook of `logging` leaves that module's lock held for ever.
            self._may_raise = False
            if os.fork() == 0:
                self._be_child()
            self._may_raise = True

    @staticmethod
    def _let_files_grow(*, may_grow: bool) -> None:
        limit = resource.RLIM_INFINITY if may_grow else 100
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    def _reap(self, options: int) -> None:
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, options))[0]:
                self._statuses.append(ended[1])

    def _be_child(self) -> None:
        """Record in each client, deliver all of it, say under what ids, and end without ceremony."""
        status = 1
        try:
            self._let_files_grow(may_grow=True)
            for telemetry in self._clients.values():
                for _ in range(CHILD_RECORDS):
                    telemetry.record("search")
            is_done = self._finish_all()
            processes = [telemetry.pipeline.buffer.process for telemetry in self._clients.values()]
            # A child that was forked in the middle of a transaction stores nothing, on purpose.
            is_cut_off = any(one._installation.open_memory().database._is_cut_off for one in self._clients.values())
            line = json.dumps({"processes": processes, "is_counted": not is_cut_off}) + "\n"
            descriptor = os.open(os.path.join(self._directory, "children"), os.O_WRONLY | os.O_APPEND)
            os.write(descriptor, line.encode())
            status = 0 if is_done else 2
        finally:
            os._exit(status)

    def _finish_all(self) -> bool:
        unfinished = [app for app, telemetry in self._clients.items() if not self._finish(telemetry)]
        return not unfinished

    @staticmethod
    def _finish(telemetry: Telemetry) -> bool:
        """Deliver and store until nothing is left; return whether that was done in time."""
        ends_at = time.monotonic() + ENDS_WITHIN_SECS
        database = telemetry._installation.open_memory().database
        while time.monotonic() < ends_at:
            is_stored = telemetry._counting.flush(5) or database._is_cut_off
            try:
                telemetry.pipeline.flush(30)
            except UploadError:
                time.sleep(0.05)
                continue
            stats = telemetry.pipeline.stats()
            if is_stored and not (stats.buffered or stats.in_flight):
                return True
        return False


if __name__ == "__main__":
    sys.exit(main())
