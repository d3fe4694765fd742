#!/usr/bin/env python3
"""
Print what an event costs that goes by way of the disk: microseconds, and bytes written.

    tools/bench_spool.py [--quick]

The whole life of an event after it was recorded: searched, encoded and put by the keeper, claimed, written into the body
of a batch, settled. Beside it what the same events cost that are sent from memory, which is paid without a spool too, and a
table with a row an event, in the same run. To send is not in it. These are CPU seconds of the process, those that the
kernel spends for it among them. Nothing is asserted: machines differ and are noisy.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import platform
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from mcptelemetry.events import Spool, SpoolStream, TelemetryBuffer  # noqa: E402
from mcptelemetry.events._account import Account  # noqa: E402
from mcptelemetry.events._format import BodyWriter  # noqa: E402
from mcptelemetry.events._formats import format_of  # noqa: E402
from mcptelemetry.events._spool_keeper import SpoolKeeper  # noqa: E402
from mcptelemetry.events._spool_queue import SpoolQueue  # noqa: E402
from mcptelemetry.events._spool_terms import Spooling, StandingTerms  # noqa: E402
from mcptelemetry.events._spool_writer import KeptWriter  # noqa: E402
from mcptelemetry.privacy import NameJudge  # noqa: E402
from mcptelemetry.system import SystemClock  # noqa: E402
from mcptelemetry.wire import EventEncoder, EventReader, TelemetryEvent, check_shape  # noqa: E402

BATCH = 100
COMMIT_EVERY_SECS = 0.5
CAPACITY = 1_000_000
SHAPES = [check_shape(f"tool_{number}", "local_only", None, None, "success", None, "cursor", False) for number in range(20)]
Life = Callable[[str, int], Iterator[None]]


def main() -> int:
    """Run every measurement and print it."""
    parser = argparse.ArgumentParser(description="Print what an event on the disk costs.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work")
    seconds = 2 if parser.parse_args().quick else 20
    print(f"Python {platform.python_version()}, sqlite {sqlite3.sqlite_version}, {os.cpu_count()} cores, {platform.machine()}\n")
    print(f"{'events a second, kept twice a second':<44} {'us an event':>12} {'for the disk':>13} {'bytes written':>14}")
    for rate in (100, 1_000, 20_000):
        without, _ = measure(life_in_memory, rate, seconds)
        print(f"{rate:>8,}, {'from memory':<34} {without:>12.2f}")
        for what, life in (("in chunks", life_in_chunks), ("a row an event", life_in_rows)):
            us, written = measure(life, rate, seconds)
            print(f"{rate:>8,}, {what:<34} {us:>12.2f} {us - without:>13.2f} {written:>14.0f}", flush=True)
    return 0


def measure(life: Life, rate: int, seconds: int) -> tuple[float, float]:
    """Return the microseconds (median of three) and the bytes written an event; *life* handles what a half second brings."""
    handful, times = int(rate * COMMIT_EVERY_SECS), int(seconds / COMMIT_EVERY_SECS)
    taken, written = [], []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as directory:
            spent, before = 0.0, bytes_written()
            lives = life(os.path.join(directory, "spool.db"), handful)
            for _ in range(times):
                next(lives)  # what comes is recorded
                began_at = time.process_time()
                next(lives)
                spent += time.process_time() - began_at
            taken.append(spent / (handful * times) * 1e6)
            written.append((bytes_written() - before) / (handful * times))
    return statistics.median(taken), statistics.median(written)


def record(buffer: TelemetryBuffer, count: int) -> None:
    """Record *count* events."""
    for number in range(count):
        buffer.record(TelemetryEvent._of(SHAPES[number % len(SHAPES)], number % 900, 1_790_000_000, None))


def life_in_memory(_path: str, handful: int) -> Iterator[None]:
    """Encode and settle as the loop without a spool does."""
    buffer = TelemetryBuffer(CAPACITY)
    account, writer = Account(buffer), build_writer()
    while True:
        record(buffer, handful)
        yield
        while rows := buffer.check_out(BATCH):
            {row[0] for row in rows}
            writer.write(rows, buffer.process)
            account.deliver(len(rows), at=0.0)
        yield


def life_in_chunks(path: str, handful: int) -> Iterator[None]:
    """Put what comes and take it out as the loop does."""
    terms = StandingTerms({"HOME": os.path.dirname(path)}, None)
    stream = SpoolStream("https://t.acme.dev/events", terms.owner)
    spooling = Spooling(Spool(path, SystemClock), stream, terms, SystemClock, "1.0.0", BATCH, CAPACITY)
    buffer, queue = TelemetryBuffer(CAPACITY), SpoolQueue(spooling)
    queue.puts_off = True  # as in a process that goes on
    writer = KeptWriter(build_writer(), queue)
    keeper = SpoolKeeper(buffer, spooling, NameJudge({}), lambda: queue.note_waiting(keeper.waiting), queue)
    recorded = 0
    while True:
        record(buffer, handful)
        yield
        keeper.keep()
        sent = 0
        while rows := queue.check_out(BATCH):
            {row[0] for row in rows}
            writer.write(rows, queue.process)
            queue.deliver(len(rows), at=0.0)
            sent += len(rows)
        queue.end_pass(None)
        recorded += handful
        if sent != handful or recorded - queue.delivered not in (0, handful):
            msg = f"{sent} events came out, and {queue.delivered} of {recorded} are settled"
            raise SystemExit(msg)
        yield


def life_in_rows(path: str, handful: int) -> Iterator[None]:
    """The same with a row an event: put together, claimed and deleted by hundreds."""
    open(path, "wb").close()

    def change(statement: str, rows: list[tuple[object, ...]]) -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(statement, rows)
        connection.execute("COMMIT")
        connection.close()

    change("CREATE TABLE events (id INTEGER PRIMARY KEY, endpoint TEXT, generation TEXT, text TEXT, claim TEXT, until REAL)", [()])
    buffer = TelemetryBuffer(CAPACITY)
    account, encoder, reader, writer = Account(buffer), EventEncoder(), EventReader(), build_writer()
    while True:
        record(buffer, handful)
        yield
        texts = encoder.encode(buffer.check_out(handful), buffer.process)
        account.spool(len(texts))
        change("INSERT INTO events (endpoint, generation, text) VALUES ('https://t.acme.dev/events', '', ?)", [(text,) for text in texts])
        # Rows are numbered from the start again once the table is empty.
        for start in range(0, len(texts), BATCH):
            ids = [(start + at + 1,) for at in range(min(BATCH, len(texts) - start))]
            change("UPDATE events SET claim = 'c', until = 1 WHERE id = ?", ids)
            connection = sqlite3.connect(path)
            found = connection.execute("SELECT text FROM events WHERE claim = 'c'").fetchall()
            connection.close()
            writer.write([row for row in (reader.read(row[0]) for row in found) if row is not None], "")
            change("DELETE FROM events WHERE id = ?", ids)
        yield


def build_writer() -> BodyWriter:
    """Return what writes a batch's body."""
    return BodyWriter(format_of("json"), app="acme-mcp", version="1.0.0")


def bytes_written() -> int:
    """Return how many bytes this process has written to disks or what stands for them."""
    lines = pathlib.Path("/proc/self/io").read_text("ascii").splitlines()
    return int(next(line for line in lines if line.startswith("wchar")).split()[1])


if __name__ == "__main__":
    TelemetryBuffer(1)  # what is imported late is not measured
    sys.exit(main())
