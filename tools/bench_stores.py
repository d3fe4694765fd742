#!/usr/bin/env python3
"""
Print what each store costs: taking events in, the report on all of them, bytes an event.

    tools/bench_stores.py [EVENTS ...] [--only sqlite|postgresql|clickhouse]

PostgreSQL is a server of Debian's package, started for it, that waits for the disk at each commit;
ClickHouse (chdb, in a process of its own) is asked about a table such as an OpenTelemetry Collector
writes, and is never written to by us. Give the numbers of events (default: 100,000 1,000,000).
Nothing is asserted.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import runpy
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

from bench_collector import batches  # noqa: E402

from mcptelemetry.collector import Filter, compile_report, open_store  # noqa: E402

SIZES = (100, 10_000)
COLLECTOR_DATA = ROOT / "tests" / "data" / "collector"


def main(arguments: list[str]) -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events", nargs="*", type=int, default=[100_000, 1_000_000])
    parser.add_argument("--only", choices=sorted(BENCHES))
    args = parser.parse_args(arguments)
    for count in args.events:
        print(f"{count:,} events")
        for name, bench in BENCHES.items():
            if args.only in (None, name):
                bench(count)
    return 0


def bench_sqlite(count: int) -> None:
    """Print the figures of the file."""
    with tempfile.TemporaryDirectory(prefix="mcptelemetry-bench-") as folder:
        path = os.path.join(folder, "c.db")
        take_in("sqlite", f"sqlite:{path}", count, lambda: os.path.getsize(path))


def bench_postgresql(count: int) -> None:
    """Print the figures of the server."""
    server = runpy.run_path(str(COLLECTOR_DATA / "postgres_server.py"))["PostgresServer"](fsync="on")
    try:
        url = server.make_database()
        sizes = "SELECT sum(pg_relation_size(oid)) FROM pg_class WHERE relnamespace = 'mcptelemetry'::regnamespace AND relkind IN ('r', 'i', 't')"
        take_in("postgresql", url, count, lambda: int(server.ask(url, sizes)))
    finally:
        server.remove()


def take_in(name: str, url: str, count: int, size_bytes) -> None:
    """Fill the store with *count* events, the first tenth in small batches, and print what that and the report cost."""
    store = open_store(url)
    for size, share, seed in ((SIZES[0], 0.1, 2), (SIZES[1], 0.9, 1)):
        ready = list(batches(int(count * share), size, seed=seed))
        began_at = time.monotonic()
        for batch in ready:
            store.add_events(batch, received_at=batch.events[-1].timestamp_secs + 5)
        secs = time.monotonic() - began_at
        print(f"  {name:<11} batches of {size:>6,}   {sum(map(len, (batch.events for batch in ready))) / secs:>12,.0f} events/s")
    print_report(name, store)
    print(f"  {name:<11} on the disk          {size_bytes() / count:>12.1f} bytes an event")
    store.close()


def print_report(name: str, store) -> None:
    """Print how long the report on everything takes, the second time: the first warms what it may."""
    for _ in range(2):
        began_at = time.monotonic()
        document = compile_report(store, Filter())
        secs = time.monotonic() - began_at
    print(f"  {name:<11} the report           {secs:>12.2f} s ({document['totals']['calls']:,} calls)")


def bench_clickhouse(count: int) -> None:
    """Print the figures of a table of spans, in a process of its own: chdb is a gigabyte of library."""
    subprocess.run([sys.executable, "-c", _CLICKHOUSE, str(ROOT), str(count)], check=True)


_CLICKHOUSE = """
import runpy, sys
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/tools"]
import clickhouse_connect
from bench_collector import batches
from bench_stores import print_report
from mcptelemetry.collector.stores._otel_traces import OtelTraces
table = runpy.run_path(sys.argv[1] + "/tests/data/collector/otel_table.py")
client = clickhouse_connect.get_client(interface="chdb")
client.command("SET max_partitions_per_insert_block = 0")
documents = (
    {"events": [event.to_dict() for event in batch.events], "app": batch.app, "version": batch.version}
    for batch in batches(int(sys.argv[2]), 10_000)
)
table["write_table"](client, "otel_traces", map(table["as_otlp"], documents))
client.command("OPTIMIZE TABLE otel_traces FINAL")  # as the engine does by and by
print_report("clickhouse", OtelTraces(client))
size = client.query("SELECT sum(bytes_on_disk) FROM system.parts WHERE table = 'otel_traces' AND active").result_rows[0][0]
print(f"  {'clickhouse':<11} on the disk          {size / int(sys.argv[2]):>12.1f} bytes an event (a span)")
client.close()
"""

BENCHES = {"sqlite": bench_sqlite, "postgresql": bench_postgresql, "clickhouse": bench_clickhouse}

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
