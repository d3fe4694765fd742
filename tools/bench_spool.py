#!/usr/bin/env python3
"""
Print what an event costs that goes by way of the disk: microseconds, and bytes written.

    tools/bench_spool.py [--quick]

The whole life of an event: put, claimed, read, searched, encoded, settled; beside it a table with a row an event, in the
same run. Nothing is asserted: machines differ and are noisy.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import platform
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from mcptelemetry.events import Spool, SpoolStream, TelemetryBuffer  # noqa: E402
from mcptelemetry.events._spool_queue import SpoolQueue  # noqa: E402
from mcptelemetry.events._spool_terms import Spooling, StandingTerms  # noqa: E402
from mcptelemetry.system import SystemClock  # noqa: E402
from mcptelemetry.wire import EventEncoder, check_shape  # noqa: E402

BATCH = 100
COMMIT_EVERY_SECS = 0.5
SHAPES = [check_shape(f"tool_{number}", "local_only", None, None, "success", None, "cursor", False) for number in range(20)]


def main() -> int:
    """Run every measurement and print it."""
    parser = argparse.ArgumentParser(description="Print what an event on the disk costs.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work")
    seconds = 2 if parser.parse_args().quick else 20
    print(f"Python {platform.python_version()}, sqlite {sqlite3.sqlite_version}, {os.cpu_count()} cores, {platform.machine()}\n")
    print(f"{'events a second, kept twice a second':<44} {'us an event':>12} {'bytes written':>14}")
    for rate in (100, 1_000, 20_000):
        for what, life in (("in chunks", life_in_chunks), ("a row an event", life_in_rows)):
            us, written = measure(life, rate, seconds)
            print(f"{rate:>8,}, {what:<34} {us:>12.2f} {written:>14.0f}")
    return 0


def measure(life: Callable[[str, list[list[str]]], None], rate: int, seconds: int) -> tuple[float, float]:
    """Return the microseconds (median of three) and the bytes written an event; *life* is told what comes in each half second."""
    handful = int(rate * COMMIT_EVERY_SECS)
    came = [texts_of(handful, number * handful) for number in range(int(seconds / COMMIT_EVERY_SECS))]
    taken, written = [], []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as directory:
            before, began_at = bytes_written(), time.process_time()
            life(os.path.join(directory, "spool.db"), came)
            taken.append((time.process_time() - began_at) / (handful * len(came)) * 1e6)
            written.append((bytes_written() - before) / (handful * len(came)))
    return statistics.median(taken), statistics.median(written)


def texts_of(count: int, first: int) -> list[str]:
    """Return the JSON of *count* events."""
    rows = [(SHAPES[number % len(SHAPES)], number % 900, 1_790_000_000, None, first + number) for number in range(count)]
    return EventEncoder().encode(rows, "0123456789abcdef0123")


def life_in_chunks(path: str, came: list[list[str]]) -> None:
    """Put what comes and take it out as the loop does."""
    terms = StandingTerms({"HOME": os.path.dirname(path)}, None)
    stream = SpoolStream("https://t.acme.dev/events", terms.owner)
    spool = Spool(path, SystemClock)
    queue = SpoolQueue(Spooling(spool, stream, terms, SystemClock, "1.0.0", BATCH, 1_000_000))
    encoder = EventEncoder()
    for texts in came:
        spool.put(stream, "", texts, version="1.0.0", chunk_max=BATCH, capacity=1_000_000)
        queue.note_waiting(len(texts))
        while rows := queue.check_out(BATCH):
            {row[0] for row in rows}
            encoder.encode(rows, "")
            queue.deliver(len(rows), at=0.0)
        queue.put_down()
    if queue.delivered != sum(map(len, came)):
        msg = f"{queue.delivered} events came out"
        raise SystemExit(msg)


def life_in_rows(path: str, came: list[list[str]]) -> None:
    """The same with a row an event: put together, claimed and deleted by hundreds."""
    open(path, "wb").close()

    def change(*statements: tuple[str, list[tuple[object, ...]]]) -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        for statement, rows in statements:
            connection.executemany(statement, rows)
        connection.execute("COMMIT")
        connection.close()

    change(("CREATE TABLE events (id INTEGER PRIMARY KEY, endpoint TEXT, generation TEXT, text TEXT, claim TEXT, until REAL)", [()]))
    number = 0
    for texts in came:
        change(("INSERT INTO events (endpoint, generation, text) VALUES (?, ?, ?)", [("https://t.acme.dev/events", "", text) for text in texts]))
        for start in range(0, len(texts), BATCH):
            ids = [(number + start + at + 1,) for at in range(min(BATCH, len(texts) - start))]
            change(("UPDATE events SET claim = 'c', until = 1 WHERE id = ?", ids))
            connection = sqlite3.connect(path)
            found = connection.execute("SELECT text FROM events WHERE claim = 'c'").fetchall()
            connection.close()
            json.loads("[" + ",".join(row[0] for row in found) + "]")
            change(("DELETE FROM events WHERE id = ?", ids))
        # Rows are numbered from the start again once the table is empty.
        number = 0


def bytes_written() -> int:
    """Return how many bytes this process has written to disks or what stands for them."""
    lines = pathlib.Path("/proc/self/io").read_text("ascii").splitlines()
    return int(next(line for line in lines if line.startswith("wchar")).split()[1])


if __name__ == "__main__":
    TelemetryBuffer(1)  # what is imported late is not measured
    sys.exit(main())
