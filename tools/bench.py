#!/usr/bin/env python3
"""
Print what recording and delivering cost, each beside what it is measured against.

    tools/bench.py [--quick]
    tools/bench.py --beside DIRECTORY

The events first, then the wrapper, counting, matching, the spool, spans and scanning, which have scripts of their own
beside this one (`--quick` does a tenth of the work and leaves the scanner's ten megabytes out).
With `--beside`, recording, encoding and delivering of this checkout and of the one in DIRECTORY
(such as a `git worktree` of an older commit), in turns, the best round of each.

Nothing is asserted: machines differ and are noisy. Every pair is measured in the same run,
so that the ratio means something. Traffic stays on the loopback interface.
"""

from __future__ import annotations

import argparse
import collections
import gc
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable

ROOT = pathlib.Path(__file__).resolve().parent.parent
# The checkout that is measured: another one in the children of `--beside`.
MEASURED = sys.argv[2] if sys.argv[1:2] == ["--figures"] else str(ROOT)
sys.path.insert(0, MEASURED)

from mcptelemetry import PipelineConfig, Telemetry, TelemetryBuffer, TelemetryEvent, TelemetryPipeline  # noqa: E402
from mcptelemetry.events import Recorder  # noqa: E402
from mcptelemetry.wire import EventEncoder  # noqa: E402

TOOLS = [f"tool_{number}" for number in range(40)]


def main() -> int:
    """Run every measurement and print it."""
    parser = argparse.ArgumentParser(description="Print what recording and delivering cost.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work")
    parser.add_argument("--beside", metavar="DIRECTORY", help="compare with the checkout in DIRECTORY")
    parser.add_argument("--figures", metavar="DIRECTORY", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.figures is not None:
        print(json.dumps(measure_figures()))
        return 0
    if arguments.beside is not None:
        compare(os.path.abspath(arguments.beside), rounds=3 if arguments.quick else 12)
        return 0
    scale = 10 if arguments.quick else 1
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}\n")
    bench_record(200_000 // scale)
    bench_queue(10_000)
    bench_encode(200_000 // scale)
    with Sink() as sink:
        for batch_size in (100, 500, 1_000):
            bench_delivery(sink, 200_000 // scale, batch_size)
    bench_import()
    sys.stdout.flush()
    quick = ["--quick"] if scale > 1 else []
    print("\n== bench_wrap.py", flush=True)
    subprocess.run([sys.executable, str(ROOT / "tools" / "bench_wrap.py"), *quick], check=True)
    for script in ("bench_counters.py", "bench_matching.py", "bench_settings.py", "bench_spool.py", "bench_otlp.py", "bench_scanner.py")[: 6 if scale == 1 else 5]:
        print(f"\n== {script}", flush=True)
        subprocess.run([sys.executable, str(ROOT / "tools" / script)], check=True)
    return 0


def compare(beside: str, *, rounds: int) -> None:
    """Measure this checkout and the one in *beside* in turns, and print the best of each."""
    best: dict[str, dict[str, float]] = {beside: {}, str(ROOT): {}}
    for _ in range(rounds):
        for directory, figures in best.items():
            done = subprocess.run(
                [sys.executable, os.path.abspath(__file__), "--figures", directory],
                cwd=directory, check=True, stdout=subprocess.PIPE, text=True,
            )
            for name, figure in json.loads(done.stdout).items():
                figures[name] = min(figure, figures.get(name, figure))
    print(f"Python {platform.python_version()}, best of {rounds} rounds, beside {beside}\n")
    for name, figure in best[str(ROOT)].items():
        before = best[beside][name]
        report(name, f"{figure:,.0f} ns", f"beside: {before:,.0f} ns, x {figure / before:.2f}")


def _check_out(buffer, count):
    """Take *count* rows out of *buffer*, which may be an older checkout's, with another word for it."""
    take = getattr(buffer, "check_out", None) or buffer.lend
    return take(count)


def measure_figures() -> dict[str, float]:
    """Return the nanoseconds an event costs at each stage, in the checkout that was imported."""
    import mcptelemetry

    assert pathlib.Path(mcptelemetry.__file__).is_relative_to(pathlib.Path(MEASURED).resolve()), mcptelemetry.__file__
    quiet = {"HOME": os.devnull, "ACME_MCP_EVENTS_ENDPOINT": "http://127.0.0.1:9/t"}
    telemetry = Telemetry("acme-mcp", "1.0.0", environ=quiet)  # not started: what is timed is recording
    event = TelemetryEvent.now("get_issues", "local_only", latency_ms=12)
    roomy, full = TelemetryBuffer(1_000_000), TelemetryBuffer(10_000)
    recorder = Recorder(roomy, time.time)

    def each(record: Callable[..., object], *args: object, **kwargs: object) -> float:
        def run() -> None:
            for _ in range(20_000):
                record(*args, **kwargs)

        return min(cpu_timed(run) for _ in range(8)) / 20_000 * 1e9

    figures = {
        "Telemetry.record, the queue full": each(telemetry.record, "get_issues", latency_ms=12),
        "Recorder.record, the queue not full": each(recorder.record, "get_issues", latency_ms=12),
        "TelemetryBuffer.record, the queue full": each(full.record, event),
    }
    source = TelemetryBuffer(1_000)
    for number in range(1_000):
        source.record(TelemetryEvent.now(TOOLS[number % 40], "local_only", latency_ms=number))
    rows, encoder = _check_out(source, 1_000), EventEncoder()
    figures["encoding an event"] = min(
        cpu_timed(lambda: encoder.encode(rows, source.process)) for _ in range(50)
    ) / 1_000 * 1e9
    with Sink() as sink:
        for batch_size in (100, 1_000):
            figures[f"recorded and delivered, batches of {batch_size:,}"] = deliver(sink, 20_000, batch_size)
    return figures


def cpu_timed(work: Callable[[], object]) -> float:
    """Return the seconds of this thread's own that *work* takes."""
    began_at = time.thread_time()
    work()
    return time.thread_time() - began_at


def deliver(sink: Sink, count: int, batch_size: int) -> float:
    """Return the nanoseconds of this process that an event costs from `record()` to its delivery."""
    config = PipelineConfig(
        endpoint=f"http://127.0.0.1:{sink.port}/t", batch_size=batch_size, batch_interval_secs=60, offline_queue_max=count
    )
    pipeline = TelemetryPipeline(config, environ={})
    pipeline.start()
    event = TelemetryEvent.now("get_issues", "local_only", latency_ms=12)
    pipeline.buffer.record(event)
    pipeline.flush()  # the first send imports requests
    rounds = []
    for _ in range(4):
        began_at = time.process_time()
        for _ in range(count):
            pipeline.buffer.record(event)
        pipeline.flush()
        rounds.append(time.process_time() - began_at)
    pipeline.shutdown()
    return min(rounds) / count * 1e9


def report(what: str, figure: str, beside: str = "") -> None:
    """Print one line."""
    print(f"{what:<58} {figure:>22}   {beside}")


def best_of(rounds: int, measure: Callable[[], float]) -> float:
    """Return the median of some rounds."""
    return statistics.median(measure() for _ in range(rounds))


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that *work* takes."""
    began_at = time.perf_counter()
    work()
    return time.perf_counter() - began_at


def in_threads(count: int, work: Callable[[], object]) -> float:
    """Return the seconds until *count* threads have each done *work*."""
    threads = [threading.Thread(target=work) for _ in range(count)]
    return timed(lambda: ([thread.start() for thread in threads], [thread.join() for thread in threads]))


class ConditionQueue:
    """The yardstick: a bounded deque behind a Condition."""

    def __init__(self, capacity: int) -> None:
        self._ready = threading.Condition()
        self._waiting: collections.deque[object] = collections.deque()
        self._capacity = capacity

    def record(self, item: object) -> None:
        """Add *item*, dropping the oldest when full."""
        with self._ready:
            if len(self._waiting) >= self._capacity:
                self._waiting.popleft()
            self._waiting.append(item)
            if len(self._waiting) >= self._capacity * 2:
                self._ready.notify()


def bench_record(count: int) -> None:
    """Cost of one record, with one thread and with eight."""
    event = TelemetryEvent.now("get_issues", "local_only", latency_ms=12)
    quiet = {"HOME": os.devnull, "ACME_MCP_EVENTS_ENDPOINT": "http://127.0.0.1:9/t"}
    for threads in (1, 8):
        each = count // threads
        buffer, yardstick = TelemetryBuffer(10_000), ConditionQueue(10_000)
        telemetry = Telemetry("acme-mcp", "1.0.0", environ=quiet)  # not started: what is timed is recording

        def loop(record: Callable[..., object], *args: object, **kwargs: object) -> Callable[[], None]:
            def run() -> None:
                for _ in range(each):  # noqa: B023  used before the next round
                    record(*args, **kwargs)

            return run

        figures = {
            name: best_of(5, lambda work=work: in_threads(threads, work)) / (each * threads) * 1e9  # noqa: B023
            for name, work in {
                "deque behind a Condition": loop(yardstick.record, event),
                "TelemetryBuffer.record": loop(buffer.record, event),
                "Telemetry.record": loop(telemetry.record, "get_issues", latency_ms=12),
            }.items()
        }
        base = figures["deque behind a Condition"]
        for name, figure in figures.items():
            report(f"{name}, {threads} thread(s)", f"{figure:,.0f} ns", f"x {figure / base:.2f}")
    print()


def bench_queue(count: int) -> None:
    """Memory of a queued event, and the longest pause of a full collection with a full queue."""
    quiet = {"HOME": os.devnull, "ACME_MCP_EVENTS_ENDPOINT": "http://127.0.0.1:9/t"}
    import tracemalloc

    telemetry = Telemetry("acme-mcp", "1.0.0", environ=quiet)
    for tool in TOOLS:
        telemetry.record(tool, latency_ms=5)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(count):
        telemetry.record(TOOLS[number % 40], latency_ms=300 + number)
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    report("memory of a queued event", f"{used / count:,.0f} bytes")

    def pause_with(items: object) -> float:
        gc.collect()
        pauses = [timed(gc.collect) for _ in range(7)]
        del items
        return statistics.median(pauses)

    class Record:
        def __init__(self, number: int) -> None:
            self.tool, self.decision, self.detail, self.upstream = "get_issues", "local_only", None, None
            self.status, self.error_type, self.was_fallback = "success", None, False
            self.latency_ms, self.timestamp_secs, self.id = number, 1_700_000_000 + number, f"{number}"

    wide = 200_000
    gc.disable()
    empty = pause_with(None)
    buffer = TelemetryBuffer(wide)
    recorder = Recorder(buffer, time.time)
    for number in range(wide):
        recorder.record(TOOLS[number % 40], latency_ms=number)
    ours = pause_with(buffer)
    del buffer, recorder
    objects = pause_with(collections.deque(Record(number) for number in range(wide)))
    gc.enable()
    report(f"full garbage collection, {wide:,} events queued", f"{ours * 1e3:.2f} ms", f"empty: {empty * 1e3:.2f} ms")
    report("  the same queue holding objects", f"{objects * 1e3:.2f} ms")
    print()


def bench_encode(count: int) -> None:
    """Cost of encoding an event, beside the generic encoder."""
    buffer = TelemetryBuffer(1_000)
    for number in range(1_000):
        buffer.record(TelemetryEvent.now(TOOLS[number % 40], "local_only", latency_ms=number))
    rows, events = buffer.check_out(1_000), None
    encoder = EventEncoder()
    texts = encoder.encode(rows, buffer.process)
    events = [json.loads(text) for text in texts]
    rounds = max(1, count // 1_000)
    ours = best_of(3, lambda: timed(lambda: [encoder.encode(rows, buffer.process) for _ in range(rounds)]))
    generic = best_of(3, lambda: timed(lambda: [[json.dumps(event) for event in events] for _ in range(rounds)]))
    report("encoding an event", f"{ours / rounds * 1e6:,.0f} ns", f"json.dumps: {generic / rounds * 1e6:,.0f} ns")
    report("an event on the wire", f"{statistics.mean(map(len, texts)):.0f} bytes")
    print()


class Sink:
    """A child process that answers 202 to every POST and keeps nothing."""

    SOURCE = r"""
import socket, sys, threading
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
def serve(connection):
    stream = connection.makefile("rb")
    while True:
        length = None
        line = stream.readline()
        if not line:
            return
        while line not in (b"\r\n", b""):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
            line = stream.readline()
        stream.read(length or 0)
        connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
def wait_for_end():
    sys.stdin.read()
    listener.close()
    import os; os._exit(0)
threading.Thread(target=wait_for_end, daemon=True).start()
while True:
    connection, _ = listener.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    threading.Thread(target=serve, args=(connection,), daemon=True).start()
"""

    def __enter__(self) -> Sink:
        self._process = subprocess.Popen(
            [sys.executable, "-c", self.SOURCE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        return self

    def __exit__(self, *_details: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()


def bench_delivery(sink: Sink, count: int, batch_size: int) -> None:
    """Events per second and CPU through one pipeline, beside the same bodies posted ready-made."""
    config = PipelineConfig(
        endpoint=f"http://127.0.0.1:{sink.port}/t", batch_size=batch_size, batch_interval_secs=60, offline_queue_max=count
    )
    pipeline = TelemetryPipeline(config, environ={})
    pipeline.start()
    event = TelemetryEvent.now("get_issues", "local_only", latency_ms=12)
    pipeline.buffer.record(event)
    pipeline.flush()  # the first send imports requests
    cpu_before = time.process_time()

    def deliver() -> None:
        for _ in range(count):
            pipeline.buffer.record(event)
        pipeline.flush()

    wall = timed(deliver)
    cpu = time.process_time() - cpu_before
    stats = pipeline.stats()
    pipeline.shutdown()
    assert stats.delivered == count + 1, stats
    ready = ready_made(sink, count, batch_size)
    report(
        f"delivered, batches of {batch_size:,}",
        f"{count / wall:,.0f} events/s",
        f"ready-made bodies: {count / ready:,.0f}; {cpu / count * 1e6:.1f} CPU s a million",
    )


def ready_made(sink: Sink, count: int, batch_size: int) -> float:
    """Return the seconds it takes `requests` to post the same bodies, made beforehand."""
    import requests

    buffer = TelemetryBuffer(batch_size)
    for _ in range(batch_size):
        buffer.record(TelemetryEvent.now("get_issues", "local_only", latency_ms=12))
    texts = EventEncoder().encode(buffer.check_out(batch_size), buffer.process)
    body = ('{"events":[' + ",".join(texts) + "]}").encode()
    with requests.Session() as session:
        session.trust_env = False

        def post_all() -> None:
            for _ in range(count // batch_size):
                session.post(
                    f"http://127.0.0.1:{sink.port}/t", data=body, headers={"Content-Type": "application/json"}
                )

        return timed(post_all)


def bench_import() -> None:
    """Import time and memory, beside a bare interpreter."""
    print()

    def measure(source: str) -> tuple[float, float]:
        walls, peaks = [], []
        for _ in range(9):
            with tempfile.TemporaryFile() as out:
                began_at = time.perf_counter()
                subprocess.run(
                    [sys.executable, "-c", source + "\nprint(open('/proc/self/statm').read().split()[1])"],
                    cwd=ROOT, stdout=out, check=True,
                )
                walls.append(time.perf_counter() - began_at)
                out.seek(0)
                peaks.append(float(out.read()))
        return statistics.median(walls) * 1e3, statistics.median(peaks) * os.sysconf("SC_PAGE_SIZE") / 2**20

    bare = measure("pass")
    for what, source in {
        "import mcptelemetry": "import mcptelemetry",
        "from mcptelemetry import Telemetry": "from mcptelemetry import Telemetry",
        "import logging, threading (for comparison)": "import logging, threading, typing, dataclasses",
        "import requests (for comparison)": "import requests",
    }.items():
        wall, peak = measure(source)
        report(what, f"{wall - bare[0]:.1f} ms", f"+{peak - bare[1]:.1f} MiB over a bare interpreter")


if __name__ == "__main__":
    raise SystemExit(main())
