"""The embedded collector under attack: what strangers can hold is bounded, and honest senders are served meanwhile."""

from __future__ import annotations

import gzip
import http.client
import os
import re
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mcptelemetry.collector import EVENTS_PATH, FEEDBACK_PATH, HEARTBEAT_PATH, SqliteStore, serve
from mcptelemetry.wire import TelemetryBatch, TelemetryEvent

MIB = 1024 * 1024
MEMORY_MAX_KIB = 150 * 1024
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")


def a_body(name: str) -> bytes:
    """Return a batch with one event."""
    return TelemetryBatch([TelemetryEvent("a", "local_only", timestamp_secs=1, id=name)]).to_json()


class Attacked:
    """A collector as a process, on a database of its own."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "c.db"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mcptelemetry", "collect", "--db", str(self.path)],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        assert self.process.stderr is not None
        found = re.search(r"http://127\.0\.0\.1:([0-9]+)", self.process.stderr.readline())
        assert found is not None
        self.port = int(found[1])

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def peak_kib(self) -> int:
        """Return how much memory it had at most."""
        found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{self.process.pid}/status").read_text())
        assert found is not None
        return int(found[1])

    def connection_count(self) -> int:
        """Return how many sockets it holds."""
        count = 0
        for name in os.listdir(f"/proc/{self.process.pid}/fd"):
            try:
                count += os.readlink(f"/proc/{self.process.pid}/fd/{name}").startswith("socket:")
            except FileNotFoundError:
                pass
        return count

    def cpu_secs(self) -> float:
        """Return how long it has computed so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def attacked(folder: Path) -> Iterator[Attacked]:
    """Run a collector."""
    collector = Attacked(folder)
    try:
        yield collector
    finally:
        collector.process.terminate()
        collector.process.communicate(timeout=20)


def post(port: int, path: str, body: bytes, headers: dict[str, str] | None = None) -> int:
    """Post *body* on a connection of its own; return the status."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", path, body, headers or {})
        return connection.getresponse().status
    finally:
        connection.close()


def honest_posts(port: int, secs: float, name: str) -> list[float]:
    """Post one event after another for *secs* seconds; each must be taken; return how long each took."""
    took = []
    ends_at = time.monotonic() + secs
    pause = threading.Event()
    while time.monotonic() < ends_at:
        began_at = time.monotonic()
        assert post(port, EVENTS_PATH, a_body(f"{name}-{len(took)}")) == 202
        took.append(time.monotonic() - began_at)
        pause.wait(0.02)
    return took


@contextmanager
def meanwhile(*works: Callable[[threading.Event], None]) -> Iterator[None]:
    """Run each of *works* in a thread until the block ends."""
    is_over = threading.Event()
    threads = [threading.Thread(target=work, args=(is_over,)) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join(60)


def show(what: str, took: list[float], collector: Attacked, capsys: Any) -> None:
    """Print how long honest posts took, for the reader of a log."""
    took.sort()
    with capsys.disabled():
        print(
            f"\n{what}: {len(took)} honest posts, p50 {took[len(took) // 2] * 1e3:.1f} ms, "
            f"p99 {took[int(len(took) * 0.99)] * 1e3:.1f} ms; peak {collector.peak_kib() / 1024:.0f} MiB"
        )


@pytest.mark.heavy
def test_bodies_that_inflate_cost_next_to_nothing(tmp_path: Path, capsys: Any) -> None:
    """Eight senders of 12 kB that inflate to 8 MiB of nested arrays get 413, and memory stays where it was."""
    bomb = gzip.compress(b'{"events":[' + b"[[]]," * (8 * MIB // 5) + b"1]}", 9)
    flat = gzip.compress(b'{"events":[' + b"[[]]," * (MIB // 5 - 10) + b"1]}", 9)
    assert len(bomb) < 16 * 1024
    found: set[tuple[str, int]] = set()

    def attack(is_over: threading.Event) -> None:
        while not is_over.wait(1.0):
            for path in (FEEDBACK_PATH, HEARTBEAT_PATH, EVENTS_PATH):
                found.add((path, post(collector.port, path, bomb, {"Content-Encoding": "gzip"})))
            found.add(("flat", post(collector.port, EVENTS_PATH, flat, {"Content-Encoding": "gzip"})))

    with attacked(tmp_path) as collector:
        with meanwhile(*[attack] * 8):
            took = honest_posts(collector.port, 6.0, "honest")
        show("inflating bodies", took, collector, capsys)
        assert found == {(FEEDBACK_PATH, 413), (HEARTBEAT_PATH, 413), (EVENTS_PATH, 413), ("flat", 400)}
        assert collector.peak_kib() < MEMORY_MAX_KIB
    assert sum(1 for _ in SqliteStore(tmp_path / "c.db", read_only=True).events()) == len(took)


@pytest.mark.heavy
def test_large_batches_of_strangers_stay_within_memory(tmp_path: Path, capsys: Any) -> None:
    """Sixteen senders of the largest bodies that are looked at, valid and not, do not add up in memory."""
    event = b'{"tool":"%d","routing_decision":"a","status":"success","latency_ms":1,"timestamp_secs":1}'
    valid = b'{"events":[' + b",".join(event % number for number in range(11_000)) + b"]}"
    small = b'{"events":[' + b",".join(event % number for number in range(2_000)) + b"]}"
    strings = b'{"events":[' + b",".join(b'"%d"' % number for number in range(16_000)) + b"]}"
    assert len(valid) < MIB

    def attack(is_over: threading.Event) -> None:
        while not is_over.is_set():
            assert post(collector.port, EVENTS_PATH, valid) in (202, 503)
            assert post(collector.port, EVENTS_PATH, small) == 202
            assert post(collector.port, EVENTS_PATH, strings) == 400

    with attacked(tmp_path) as collector:
        with meanwhile(*[attack] * 16):
            took = honest_posts(collector.port, 3.0, "honest")
        show("large batches", took, collector, capsys)
        assert collector.peak_kib() < MEMORY_MAX_KIB


@pytest.mark.heavy
def test_half_bodies_and_idle_connections_hold_nothing(tmp_path: Path, capsys: Any) -> None:
    """A thousand idle connections, half bodies and drips are cut, the longest first, and honest senders are served."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2048:
        pytest.skip("this process may not open enough connections")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    head = f"POST {EVENTS_PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {MIB}\r\n\r\n".encode()
    held: list[socket.socket] = []

    def drip(is_over: threading.Event) -> None:
        dripping = collector.connect()
        held.append(dripping)
        began_at = time.monotonic()
        dripping.sendall(head)
        while not is_over.wait(0.5):
            try:
                dripping.sendall(b" ")
            except OSError:
                cut_after.append(time.monotonic() - began_at)
                return

    cut_after: list[float] = []
    try:
        with attacked(tmp_path) as collector:
            with meanwhile(drip):
                for number in range(1_000):
                    held.append(collector.connect())
                    if number % 4 == 0:
                        try:
                            held[-1].sendall(head + b" " * (MIB - 1))
                        except OSError:  # cut already
                            pass
                took = honest_posts(collector.port, 22.0, "honest")
                for _ in range(300):  # on a busy machine the end of its time is seen late
                    if cut_after:
                        break
                    time.sleep(0.1)
            show("held connections", took, collector, capsys)
            assert collector.connection_count() < 300
            assert collector.peak_kib() < MEMORY_MAX_KIB
            assert len(cut_after) == 1
            # A connection that is cut is no work that goes on.
            before = collector.cpu_secs()
            time.sleep(1.0)
            assert collector.cpu_secs() - before < 0.5
    finally:
        for one in held:
            one.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


_WITHOUT_DESCRIPTORS = """
import logging, os, sys, time
from mcptelemetry.collector import SqliteStore, serve
lines = []
class Keep(logging.Handler):
    def emit(self, record):
        lines.append(record.getMessage())
logging.getLogger("mcptelemetry").addHandler(Keep())
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
server = serve(SqliteStore(sys.argv[1]))
taken = []
while True:
    try:
        taken.append(os.dup(0))
    except OSError:
        break
print(server.port, flush=True)
sys.stdin.readline()
began_at, computed = time.monotonic(), time.process_time()
while time.monotonic() - began_at < 2:
    time.sleep(0.05)
print(time.process_time() - computed, len(lines), lines[:1], flush=True)
for one in taken:
    os.close(one)
sys.stdin.readline()
server.stop()
"""


def test_lack_of_descriptors_is_said_once_and_costs_no_time(tmp_path: Path) -> None:
    """When no connection can be opened the collector waits, says so in one line, and goes on when there are descriptors."""
    process = subprocess.Popen(
        [sys.executable, "-c", _WITHOUT_DESCRIPTORS, str(tmp_path / "c.db")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    waiting: list[socket.socket] = []
    try:
        port = int(process.stdout.readline())
        waiting = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(5)]
        process.stdin.write("\n")
        process.stdin.flush()
        cpu_secs, line_count, line = process.stdout.readline().split(maxsplit=2)
        assert float(cpu_secs) < 1.0  # of two seconds; all of them when it spins
        assert line_count == "1"
        assert "may open no more files" in line
        assert post(port, EVENTS_PATH, a_body("1")) == 202
    finally:
        for one in waiting:
            one.close()
        process.communicate("\n", timeout=20)


def test_idle_connections_make_room_for_others(tmp_path: Path) -> None:
    """More connections than the collector keeps: those that rest longest are closed, and each newcomer is answered."""
    with serve(SqliteStore(tmp_path / "c.db")) as server:
        held = [socket.create_connection((server.host, server.port), timeout=30) for _ in range(300)]
        try:
            assert post(server.port, EVENTS_PATH, a_body("1")) == 202
            held[0].settimeout(10)
            assert held[0].recv(1) == b""
        finally:
            for one in held:
                one.close()


@pytest.mark.heavy
@pytest.mark.timeout(300)
def test_killed_collector_keeps_what_it_acknowledged(tmp_path: Path, capsys: Any) -> None:
    """Twenty rounds of kill -9 at random moments under load: every acknowledged event is there, and none twice."""
    import random

    randomness = random.Random(20261127)
    acknowledged: set[str] = set()
    lock = threading.Lock()
    for round_number in range(20):
        collector = Attacked(tmp_path)

        def send(sender: int, round_number: int = round_number, collector: Attacked = collector) -> None:
            connection = http.client.HTTPConnection("127.0.0.1", collector.port, timeout=30)
            number = 0
            waiting: list[str] = []
            try:
                while True:
                    waiting = [f"{round_number}-{sender}-{number + one}" for one in range(randomness.choice((1, 1, 30)))]
                    number += len(waiting)
                    events = [TelemetryEvent("a", "local_only", timestamp_secs=1, id=name) for name in waiting]
                    connection.request("POST", EVENTS_PATH, TelemetryBatch(events, app="acme-mcp").to_json())
                    answer = connection.getresponse()
                    answer.read()
                    if answer.status == 202:
                        with lock:
                            acknowledged.update(waiting)
            except (OSError, http.client.HTTPException):
                pass
            finally:
                connection.close()

        senders = [threading.Thread(target=send, args=(number,)) for number in range(6)]
        for sender in senders:
            sender.start()
        time.sleep(randomness.uniform(0.05, 0.6))
        collector.process.kill()
        collector.process.communicate(timeout=20)
        for sender in senders:
            sender.join(30)
    stored = [event.document["id"] for event in SqliteStore(tmp_path / "c.db").events()]
    with capsys.disabled():
        print(f"\n20 kills: {len(acknowledged)} acknowledged, {len(stored)} stored")
    assert len(acknowledged) > 500
    assert acknowledged - set(stored) == set()
    assert len(set(stored)) == len(stored)
