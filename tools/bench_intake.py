#!/usr/bin/env python3
"""
What the collector takes in through HTTP, beside what its database takes in bare. Printed, never asserted.

    tools/bench_intake.py [SECONDS]

One run for both, on one disk: the yardstick is `executemany` of ready-made rows into all that an
event touches there (its row, the sums of days, the tallies), one commit a batch. The senders are a
process of their own, which has the same machine: they keep their connections, and write their
bodies once, for each post with other numbers in the ids.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import pathlib
import secrets
import selectors
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from mcptelemetry.collector import SqliteStore  # noqa: E402

ROUNDS = ((1, 1), (8, 1), (16, 1), (1, 100), (8, 100), (1, 1_000), (8, 1_000))
INSERT = "INSERT INTO events (timestamp_secs, process, n, shape, latency_ms, delay_secs) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"

SUMS = (
    (
        "INSERT INTO calls_by_day (day, shape, calls) VALUES (?, ?, ?) "
        "ON CONFLICT (day, shape) DO UPDATE SET calls = calls + excluded.calls"
    ),
    (
        "INSERT INTO tallies (hour, app, stream, fate, documents, last_at) VALUES (?, 'acme-mcp', 'events', 'stored', ?, ?) "
        "ON CONFLICT (hour, app, stream, fate) DO UPDATE SET documents = documents + excluded.documents, last_at = excluded.last_at"
    ),
)


def main() -> int:
    """Run the bench."""
    if sys.argv[1:2] == ["--send"]:
        send(int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))
        return 0
    parser = argparse.ArgumentParser(description="Print what the collector takes in.")
    parser.add_argument("secs", metavar="SECONDS", nargs="?", type=float, default=3.0, help="how long each round takes (default: 3)")
    secs = parser.parse_args().secs
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        bare = {batch: measure_bare(os.path.join(folder, f"bare-{batch}.db"), batch, secs) for batch in (1, 100, 1_000)}
        for batch, figure in bare.items():
            print(f"bare executemany, {batch:>5} a commit {figure:>12,.0f} events/s", flush=True)
        with collecting(os.path.join(folder, "c.db")) as (process, port):
            for senders, batch in ROUNDS:
                before = cpu_secs(process)
                done = subprocess.run(
                    [sys.executable, __file__, "--send", str(port), str(senders), str(batch), str(secs)],
                    check=True, stdout=subprocess.PIPE, text=True,
                )
                events, p50, p99 = map(float, done.stdout.split())
                cpu_us = (cpu_secs(process) - before) / (events * secs) * 1e6
                print(
                    f"HTTP, {senders:>2} senders, {batch:>5} a post {events:>12,.0f} events/s  x {events / bare[batch]:.2f}  "
                    f"p50 {p50:.2f} ms, p99 {p99:.2f} ms (x {p99 / p50:.1f})  {cpu_us:,.1f} us of CPU an event",
                    flush=True,
                )
            with open(f"/proc/{process}/status", encoding="ascii") as status:
                print(next(line for line in status if line.startswith("VmHWM")).strip())
    return 0


def measure_bare(path: str, batch: int, secs: float) -> float:
    """Return how many events a second go into the tables, *batch* a commit."""
    SqliteStore(path)
    numbers = itertools.count()
    connection = sqlite3.connect(path, isolation_level=None)
    done, ends_at = 0, time.perf_counter() + secs
    while time.perf_counter() < ends_at:
        rows = [(1_795_238_616, 2, next(numbers), 1, number % 300, 1) for number in range(batch)]
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(INSERT, rows)
        connection.executemany(SUMS[0], [(20_778, 1, batch)])
        connection.executemany(SUMS[1], [(498_677, batch, 1_795_238_616)])
        connection.execute("COMMIT")
        done += batch
    connection.close()
    return done / secs


@contextlib.contextmanager
def collecting(path: str):
    """Run a collector; give its process and port."""
    code = (
        "import signal, sys\nfrom mcptelemetry.collector import SqliteStore, serve\n"
        "server = serve(SqliteStore(sys.argv[1]), rate_limit=None)\nprint(server.port, flush=True)\nsys.stdin.read()\nserver.stop()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    try:
        yield process.pid, int(process.stdout.readline())
    finally:
        process.communicate("", timeout=30)


def cpu_secs(process: int) -> float:
    """Return how long *process* has computed."""
    fields = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def send(port: int, senders: int, batch: int, secs: float) -> None:
    """Post from *senders* connections, each its next batch when the last was answered; print events/s, p50 and p99 in ms."""
    owner = secrets.token_hex(10)
    numbers = itertools.count(1_000_000)
    events = ",".join(
        '{"tool":"get_issues","routing_decision":"local_only","status":"success","latency_ms":'
        f'{number % 300},"timestamp_secs":1795238616,"id":"{owner}-#######{number:03d}"}}'
        for number in range(batch)
    )
    text = f'{{"events":[{events}],"app":"acme-mcp","version":"1.4.0"}}'
    head = f"POST /events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
    template = (head + text).encode()

    def body() -> bytes:
        return template.replace(b"#######", b"%d" % next(numbers))

    chooser = selectors.DefaultSelector()
    began_at: dict[socket.socket, float] = {}
    came: dict[socket.socket, bytes] = {}
    for _ in range(senders):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        chooser.register(sock, selectors.EVENT_READ)
        ready = body()
        began_at[sock], came[sock] = time.perf_counter(), b""
        sock.sendall(ready)
    took: list[float] = []
    ends_at = time.perf_counter() + secs
    while time.perf_counter() < ends_at:
        for key, _ in chooser.select(1):
            sock = key.fileobj
            came[sock] += sock.recv(65_536)
            if not came[sock].endswith(b"}\n"):
                continue
            assert came[sock].startswith(b"HTTP/1.1 202 "), came[sock]
            took.append(time.perf_counter() - began_at[sock])
            ready = body()
            began_at[sock], came[sock] = time.perf_counter(), b""
            sock.sendall(ready)
    took.sort()
    print(len(took) * batch / secs, took[len(took) // 2] * 1e3, took[int(len(took) * 0.99)] * 1e3)


if __name__ == "__main__":
    raise SystemExit(main())
