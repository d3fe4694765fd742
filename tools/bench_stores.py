#!/usr/bin/env python3
"""
Print what each store costs: taking events in, the report on all of them, a page's questions, bytes an event.

    tools/bench_stores.py [EVENTS ...] [--only sqlite|postgresql|clickhouse] [--year]

A page's questions are asked twice, of 30 days and of 365 and as far as a page needs it of the period
before: the first look makes sums, the second finds them. With --year a demonstration's year with its
heartbeats is asked instead. Processor time of this process stands beside the clock's.

PostgreSQL is a server of Debian's package, started for it, that waits for the disk at each commit;
ClickHouse (chdb, in a process of its own) is asked about a table such as an OpenTelemetry Collector
writes, and is never written to by us. Give the numbers of events (default: 100,000 1,000,000).
Nothing is asserted.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pathlib
import runpy
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

from bench_collector import BEGAN_AT, YEAR_SECS, batches  # noqa: E402

from mcptelemetry.collector import (  # noqa: E402
    COUNTED,
    DEMO_UNTIL,
    PEOPLE,
    Filter,
    compile_report,
    demo_documents,
    open_store,
    store_documents,
)

SIZES = (100, 10_000)
DAY_SECS = 86_400
COLLECTOR_DATA = ROOT / "tests" / "data" / "collector"


def main(arguments: list[str]) -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events", nargs="*", type=int, default=[100_000, 1_000_000])
    parser.add_argument("--only", choices=sorted(BENCHES))
    parser.add_argument("--year", action="store_true", help="a demonstration's year instead of events")
    args = parser.parse_args(arguments)
    if args.year:
        for name, folder_of in (("sqlite", tempfile.TemporaryDirectory), ("postgresql", start_postgresql)):
            if args.only in (None, name):
                bench_year(name, folder_of)
        return 0
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
    with start_postgresql() as url:
        sizes = "SELECT sum(pg_relation_size(oid)) FROM pg_class WHERE relnamespace = 'mcptelemetry'::regnamespace AND relkind IN ('r', 'i', 't')"
        take_in("postgresql", url, count, lambda: ask_server(url, sizes))


def ask_server(url: str, statement: str) -> int:
    """Return the one number that *statement* gives."""
    import psycopg

    with psycopg.connect(url) as connection:
        return int(connection.execute(statement).fetchone()[0])


def bench_year(name: str, place) -> None:
    """Print what a page over the demonstration's year asks."""
    with place() as url:
        store = open_store(url if "://" in url else f"sqlite:{os.path.join(url, 'c.db')}")
        count = store_documents(store, demo_documents())
        print(f"{count:,} documents of a year")
        print_page(name, store, DEMO_UNTIL)
        store.close()


@contextlib.contextmanager
def start_postgresql():
    """Give the URL of a database on a server of its own."""
    server = runpy.run_path(str(COLLECTOR_DATA / "postgres_server.py"))["PostgresServer"](fsync="on")
    try:
        yield server.make_database()
    finally:
        server.remove()


def print_page(name: str, store, until: int) -> None:
    """Print how long each question of a page takes, the first time and the second, and all of them."""
    for days, narrowed in ((30, {}), (365, {}), (365, {"version": "v1.4.0"}), (365, {"client": "cursor"})):
        asked = Filter(since=until - days * DAY_SECS, until=until, env_kinds=PEOPLE, **narrowed)
        looks = []
        for _ in range(2):
            looks.append({question: clock(ask, store, asked) for question, ask in QUESTIONS.items()})
            looks[-1].update({f"{question}, before": clock(QUESTIONS[question], store, asked.before()) for question in BEFORE})
        words = f"{days} days {' '.join(narrowed.values())}".strip()
        sums = "".join(f"{sum(one[kind] for one in look.values()) * 1000:>10,.0f}" for look in looks for kind in (0, 1))
        print(f"  {name:<11} {words:<16} {'all questions':<26}{sums}   ms: first look, its CPU, second look, its CPU")
        for question in sorted(looks[1], key=lambda one: -looks[1][one][0])[:12]:
            figures = "".join(f"{look[question][kind] * 1000:>10,.1f}" for look in looks for kind in (0, 1))
            print(f"  {'':<28} {question:<26}{figures}")


def clock(ask, store, asked) -> tuple[float, float]:
    """Return the seconds that a question takes, and those of this process's processor."""
    began_at, worked_secs = time.monotonic(), time.process_time()
    ask(store, asked)
    return time.monotonic() - began_at, time.process_time() - worked_secs


QUESTIONS = {
    **{
        name: (lambda store, asked, name=name: getattr(store, name)(asked))
        for name in (
            "apps", "calls", "tools", "tool_trends", "errors_over_time", "calls_over_time", "clients", "calls_by_version", "sessions",
            "installations", "installations_over_time", "own_tools", "versions", "versions_over_time", "version_changes", "funnel",
            "retention", "feedback", "health",
        )
    },
    "unknown_tool": lambda store, asked: store.clients(asked.about("unknown_tool")),
    **{f"by {facet}": (lambda store, asked, facet=facet: store.installations_by(facet, asked)) for facet in ("env_kind", "launch_source", "os", "arch", "python")},
    **{f"counts of {word}": (lambda store, asked, word=word: store.counts(word, asked)) for word in COUNTED},
}  # fmt: skip
"""What a page asks of a period."""
BEFORE = ("calls", "installations", "own_tools", "feedback", "health")
"""And of the one before."""


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
    print_page(name, store, (BEGAN_AT + YEAR_SECS) // DAY_SECS * DAY_SECS)
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
