#!/usr/bin/env python3
"""
Print what the collector's store costs: taking in, bytes an event, the report's time and memory.

    tools/bench_collector.py [EVENTS ...] [--report-only FILE]

Taking in stands beside a bare `executemany` of the same rows into the same tables, in one run. The
report is compiled in a process of its own, whose greatest memory is printed, while another goes on
writing and is timed with and without it. Give the numbers of events (default: 100,000 1,000,000).
Nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from random import Random

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from mcptelemetry.collector import Filter, SqliteStore, compile_report  # noqa: E402
from mcptelemetry.wire import TelemetryBatch, TelemetryEvent  # noqa: E402

BEGAN_AT = 1_733_000_000
YEAR_SECS = 365 * 86_400
CALLS_A_SESSION = 40


def main(arguments: list[str]) -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events", nargs="*", type=int, default=[100_000, 1_000_000])
    parser.add_argument("--report-only", metavar="FILE", help=argparse.SUPPRESS)
    parser.add_argument("--write-only", metavar="FILE", help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    if args.report_only:
        print(json.dumps(measure_report(args.report_only)))
        return 0
    if args.write_only:
        return write_on(args.write_only)
    with tempfile.TemporaryDirectory(prefix="mcptelemetry-bench-") as folder:
        for count in args.events:
            bench(os.path.join(folder, f"{count}.db"), count)
    return 0


def bench(path: str, count: int) -> None:
    """Fill a store with *count* events and print what that, and the report, cost."""
    print(f"{count:,} events")
    store = SqliteStore(path)
    began_at = time.monotonic()
    for batch in batches(count, 1_000):
        store.add_events(batch, received_at=batch.events[-1].timestamp_secs + 5)
    print(f"  taken in, batches of 1,000        {count / (time.monotonic() - began_at):>12,.0f} events/s (the making of them included)")
    ready = list(batches(min(count, 100_000), 1_000, seed=2))
    began_at = time.monotonic()
    for batch in ready:
        store.add_events(batch, received_at=batch.events[-1].timestamp_secs + 5)
    ours = sum(map(len, ready)) / (time.monotonic() - began_at)
    bare = bare_insertion(path, ready)
    print(f"  the same, ready made              {ours:>12,.0f} events/s, {ours / bare:.2f} of a bare executemany ({bare:,.0f})")
    print(f"  on the disk                       {bytes_an_event(path):>12.1f} bytes an event")
    quiet = write_beside(path, None)
    report = subprocess.Popen([sys.executable, __file__, "--report-only", path], stdout=subprocess.PIPE, text=True)
    busy = write_beside(path, report)
    out, _ = report.communicate()
    measured = json.loads(out)
    print(f"  the report                        {measured['secs']:>12.2f} s, {measured['peak_mib']:.0f} MiB at most")
    print(f"  taken in meanwhile, batches of 100{busy:>12,.0f} events/s, {quiet:,.0f} without the report")


def batches(count: int, size: int, seed: int = 1):
    """Yield *count* events of a year in batches, each of one process."""
    random = Random(seed)
    tools = [(f"tool_{number}", 1 + random.random() * 3) for number in range(40)]
    for start in range(0, count, size):
        events = []
        while len(events) < size:
            process = f"{int(random.random() * 2**40):010x}{int(random.random() * 2**40):010x}"
            moment = BEGAN_AT + int((start + len(events)) / count * YEAR_SECS)
            for number in range(min(CALLS_A_SESSION, size - len(events))):
                tool, magnitude = tools[int(random.random() ** 2 * len(tools))]
                is_error = random.random() < 0.03
                events.append(
                    TelemetryEvent(
                        tool,
                        ("local_only", "strategy_remote")[random.random() < 0.3],
                        status="error" if is_error else "success",
                        error_type="tool_error" if is_error else None,
                        client=("cursor", "vscode", "claude-desktop")[int(random.random() * 3)],
                        latency_ms=int(10 ** (magnitude * (0.6 + 0.8 * random.random()))),
                        timestamp_secs=moment + number * 7,
                        id=f"{process}-{number}",
                    )
                )
        yield TelemetryBatch(events, app="acme-mcp", version=f"v1.{start * 10 // count}.0")


def bare_insertion(path: str, ready: list[TelemetryBatch]) -> float:
    """Return how many events a second sqlite takes by itself: the same tables, a commit a batch, rows ready made."""
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(os.path.join(folder, "bare.db"), isolation_level=None)
        (schema,) = sqlite3.connect(path).execute("SELECT sql FROM sqlite_master WHERE name = 'events'").fetchone()
        connection.execute(schema)
        rows = [
            [(event.timestamp_secs, number, index, index % 200, event.latency_ms, 5) for index, event in enumerate(batch.events)]
            for number, batch in enumerate(ready)
        ]
        began_at = time.monotonic()
        for group in rows:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", group)
            connection.execute("COMMIT")
        return sum(map(len, rows)) / (time.monotonic() - began_at)


def bytes_an_event(path: str) -> float:
    """Return how many bytes of the file there are for each event in it, all tables included."""
    connection = sqlite3.connect(path)
    (count,) = connection.execute("SELECT sum(calls) FROM calls_by_day").fetchone()
    connection.close()
    return os.path.getsize(path) / count


def measure_report(path: str) -> dict[str, float]:
    """Compile the report on everything and return seconds and MiB."""
    store = SqliteStore(path, read_only=True)
    began_at = time.monotonic()
    compile_report(store, Filter())
    return {"secs": time.monotonic() - began_at, "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def write_on(path: str) -> int:
    """Add batches of a hundred events until told to stop; print how many a second."""
    store = SqliteStore(path)
    count = 0
    began_at = time.monotonic()
    for batch in batches(10_000_000, 100, seed=os.getpid()):
        count += store.add_events(batch, received_at=BEGAN_AT + YEAR_SECS).stored
        if os.path.exists(f"{path}.stop"):
            break
    print(count / (time.monotonic() - began_at))
    return 0


def write_beside(path: str, report: subprocess.Popen[str] | None) -> float:
    """Return how many events a second a writer stores while *report* runs, or for three seconds."""
    writer = subprocess.Popen([sys.executable, __file__, "--write-only", path], stdout=subprocess.PIPE, text=True)
    if report is None:
        time.sleep(3)
    else:
        while report.poll() is None:
            time.sleep(0.02)
    stop = pathlib.Path(f"{path}.stop")
    stop.touch()
    out, _ = writer.communicate()
    stop.unlink()
    return float(out)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
