#!/usr/bin/env python3
"""
Print what counting costs a host, and what storing the counts costs the worker.

    tools/bench_counters.py [--quick]

Nothing is asserted: machines differ and are noisy.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import platform
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from mcptelemetry import CounterRegistry, Telemetry  # noqa: E402
from mcptelemetry.counters import ActivationNotes, ActivationStore, CounterFlusher  # noqa: E402
from mcptelemetry.state import Memory  # noqa: E402

TOOLS = [f"tool_{number}" for number in range(1_000)]


def main() -> int:
    """Run every measurement and print it."""
    parser = argparse.ArgumentParser(description="Print what counting costs.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work")
    scale = 10 if parser.parse_args().quick else 1
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}\n")
    bench_counts(200_000 // scale)
    bench_telemetry(200_000 // scale)
    with tempfile.TemporaryDirectory() as directory:
        for tools in (10, 100, 1_000):
            bench_flush(directory, tools, max(3, 50 // scale))
    return 0


def report(what: str, figure: str) -> None:
    """Print one line."""
    print(f"{what:<62} {figure:>16}")


def ns_each(count: int, call: Callable[[], object]) -> float:
    """Return the median over five rounds of what one call costs, the loop included."""
    rounds = []
    for _ in range(5):
        began_at = time.perf_counter()
        for _ in range(count):
            call()
        rounds.append((time.perf_counter() - began_at) / count * 1e9)
    return statistics.median(rounds)


def bench_counts(count: int) -> None:
    """Each way to count, and eight threads at once."""
    registry = CounterRegistry(TOOLS)
    report("an empty call, for comparison", f"{ns_each(count, lambda: None):.0f} ns")
    ways: dict[str, Callable[[], object]] = {
        "record_builtin_tool": lambda: registry.record_builtin_tool("tool_7"),
        "record_upstream_tool": registry.record_upstream_tool,
        "record_call": lambda: registry.record_call("tool_7", None),
        "record_surface": lambda: registry.record_surface("mcp"),  # type: ignore[arg-type]
        "record_error": lambda: registry.record_error("docker_run_failed"),
        "record_rest_request, a known template": lambda: registry.record_rest_request("GET", "/api/v1/servers", "2xx"),
        "record_rest_request, an unmatched path": lambda: registry.record_rest_request("GET", "/users/1234567", "2xx"),
    }
    for name, way in ways.items():
        report(name, f"{ns_each(count, way):.0f} ns")

    def work() -> None:
        for _ in range(count // 8):
            registry.record_call("tool_7")

    threads = [threading.Thread(target=work) for _ in range(8)]
    began_at = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report("record_call, eight threads at once", f"{(time.perf_counter() - began_at) / count * 1e9:.0f} ns")
    report("snapshot of 1,000 counters", f"{bench_snapshot() / 1e3:.0f} us")


def bench_snapshot() -> float:
    """Return the nanoseconds of a look at 1,000 counters."""
    registry = CounterRegistry(TOOLS)
    for tool in TOOLS:
        registry.record_call(tool)
    return ns_each(20, registry.snapshot)


def bench_telemetry(count: int) -> None:
    """A recorded call of `Telemetry`, with and without counting."""
    with tempfile.TemporaryDirectory() as directory:
        for what, endpoints in {
            "Telemetry.record, heartbeat only": {"heartbeat_endpoint": "http://127.0.0.1:9"},
            "Telemetry.record, events and heartbeat": {
                "heartbeat_endpoint": "http://127.0.0.1:9",
                "events_endpoint": "http://127.0.0.1:9",
            },
        }.items():
            telemetry = Telemetry(
                "acme-mcp",
                "1.0.0",
                tools=TOOLS[:40],
                data_dir=directory,
                environ={"HOME": directory, "ACME_MCP_TELEMETRY": "1"},
                **endpoints,  # type: ignore[arg-type]
            )  # not started: what is timed is recording
            record = telemetry.record
            calls: dict[str, Callable[[], object]] = {
                "an own tool, 3 ms": lambda record=record: record("tool_7", latency_ms=3),  # type: ignore[misc]
                "an own tool, 450 ms": lambda record=record: record("tool_7", latency_ms=450),  # type: ignore[misc]
                "an upstream's, 3 ms": lambda record=record: record("tool_7", upstream="cloud", latency_ms=3),  # type: ignore[misc]
            }
            for kind, call in calls.items():
                report(f"{what}, {kind}", f"{ns_each(count, call):.0f} ns")


def bench_flush(directory: str, tools: int, rounds: int) -> None:
    """One flush in which so many own tools were called, each a call, a failure and a duration."""
    path = os.path.join(directory, f"{tools}.db")
    memory = Memory(path)
    registry = CounterRegistry(TOOLS[:tools])
    notes = ActivationNotes(ActivationStore(path))
    flusher = CounterFlusher(registry, notes, memory, clock=time.time, permission=lambda: "now")
    taken = []
    for _ in range(rounds):
        for tool in TOOLS[:tools]:
            next(registry.numbers_of_call(tool, is_failed=True)[0])
        began_at = time.perf_counter()
        flusher.flush()
        taken.append((time.perf_counter() - began_at) * 1e3)
    report(f"a flush of {tools:,} own tools, three counters each", f"{statistics.median(taken):.1f} ms")


if __name__ == "__main__":
    sys.exit(main())
