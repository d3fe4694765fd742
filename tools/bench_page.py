#!/usr/bin/env python3
"""
Print what the collector's page costs: milliseconds to the first and the last byte, and memory.

    tools/bench_page.py [--installations 2000] [--events 5000000] [--keep FOLDER]

Two stores are filled: the invented year, and the same year with events of another make up to
so many (0: leave it out). Each page is asked for twice, by a process of its own for each
store: the first look and the second. With FOLDER the stores are kept there and not made again.
Nothing is asserted.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

from bench_collector import batches  # noqa: E402

from mcptelemetry.collector import (  # noqa: E402
    DEMO_APP,
    DEMO_UNTIL,
    SqliteStore,
    create_app,
    demo_documents,
    store_documents,
)

NOW = DEMO_UNTIL - 60
TOKEN = "bench"
PAGES = (
    ("overview, 24 hours", "/", "period=24h"),
    ("overview, 30 days", "/", "period=30d"),
    ("overview, year", "/", "period=365d"),
    ("overview, year, a version", "/", "period=365d&version=v1.4.0"),
    ("tool, 30 days", "/tool", "tool=search_documents&period=30d"),
    ("tool, year", "/tool", "tool=search_documents&period=365d"),
    ("inbox", "/inbox", "period=365d"),
    ("report, 30 days", "/api/report", "since=30d"),
)


def main(arguments: list[str]) -> int:
    """Fill the stores and look at them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--installations", type=int, default=2000)
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--keep", metavar="FOLDER")
    parser.add_argument("--look", metavar="FILE", help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    if args.look is not None:
        look(args.look)
        return 0
    with tempfile.TemporaryDirectory(prefix="mcptelemetry-bench-") as folder:
        for path in fill(pathlib.Path(args.keep or folder), args.installations, args.events):
            subprocess.run([sys.executable, __file__, "--look", str(path)], check=True)
    return 0


def fill(folder: pathlib.Path, installations: int, event_count: int):
    """Yield the stores' files, each once it is filled."""
    folder.mkdir(parents=True, exist_ok=True)
    year = folder / f"year-{installations}.db"
    if not year.exists():
        store = SqliteStore(year)
        store_documents(store, demo_documents(installations))
        store.close()
    yield year
    if not event_count:
        return
    large = folder / f"year-{installations}-{event_count}.db"
    if not large.exists():
        SqliteStore(year, read_only=True).back_up(large)
        store = SqliteStore(large)
        for batch in batches(event_count - sum(store.count_outcomes().values()), 10_000):
            store.add_events(batch, received_at=batch.events[-1].timestamp_secs + 5)
        store.close()
    yield large


def look(path: str) -> None:
    """Print the costs of each page of the store at *path*."""
    store = SqliteStore(path)
    print(f"{sum(store.count_outcomes().values()):,} events of {DEMO_APP}, {os.path.getsize(path) / 1e6:,.0f} MB")
    app = create_app(store, report_token=TOKEN, clock=lambda: NOW)
    print(f"  {'memory before':<28}{peak_mib():>39.0f} MiB")
    for name, path_info, query in PAGES:
        for which in ("first", "second"):
            begun_secs, whole_secs, size_bytes = get(app, path_info, query)
            print(
                f"  {name:<28}{which:<8}{begun_secs * 1000:>8.0f} ms begun{whole_secs * 1000:>8.0f} ms whole"
                f"{size_bytes / 1024:>8.0f} KiB{peak_mib():>8.0f} MiB at most"
            )


def get(app, path_info: str, query: str) -> tuple[float, float, int]:
    """Return after how many seconds the answer had begun and ended, and its bytes."""
    environ = {
        "REQUEST_METHOD": "GET", "PATH_INFO": path_info, "QUERY_STRING": query, "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "80",
        "HTTP_HOST": "127.0.0.1", "REMOTE_ADDR": "127.0.0.1", "wsgi.url_scheme": "http", "HTTP_AUTHORIZATION": f"Bearer {TOKEN}",
    }  # fmt: skip
    statuses = []
    began_at = time.perf_counter()
    begun_at = None
    size_bytes = 0
    parts = app(environ, lambda status, _headers, *_: statuses.append(status))
    try:
        for part in parts:
            begun_at = begun_at or time.perf_counter()
            size_bytes += len(part)
    finally:
        if hasattr(parts, "close"):
            parts.close()
    if not statuses[0].startswith("200"):
        msg = f"{path_info}?{query} answers {statuses[0]}"
        raise SystemExit(msg)
    return (begun_at or began_at) - began_at, time.perf_counter() - began_at, size_bytes


def peak_mib() -> float:
    """Return the most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024 * 1024)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
