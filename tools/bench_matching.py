"""
How long the matcher takes: ten times the tools should take about ten times as long.

Prints and asserts nothing, since a busy machine must not fail anybody's build. Run it as
`.venv/bin/python tools/bench_matching.py`.
"""

from __future__ import annotations

import gc
import os
import sys
import time

# Run as a script, Python puts tools/ on the path and not the checkout around it.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from mcptelemetry.matching import build_report

UPSTREAM_COUNT = 10
SIZES = (1_000, 10_000)
ROUNDS = 5


def catalogue(tool_count: int) -> list[dict[str, object]]:
    """Return *tool_count* tool definitions with three properties each, two of them required."""
    return [
        {
            "name": f"tool_{number}",
            "description": "A tool of the bench.",
            "inputSchema": {
                "type": "object",
                "properties": {"key": {"type": "string"}, "limit": {"type": "integer"}, "page": {}},
                "required": ["key", "limit"],
            },
        }
        for number in range(tool_count)
    ]


def measure(tool_count: int) -> float:
    """Return the seconds, at best of a few rounds, that one report of that size takes."""
    local = catalogue(tool_count)
    upstream = [(f"upstream{number}", catalogue(tool_count)) for number in range(UPSTREAM_COUNT)]
    best = float("inf")
    for _ in range(ROUNDS):
        gc.collect()
        begun_at = time.perf_counter()
        report = build_report(local, upstream)
        best = min(best, time.perf_counter() - begun_at)
        del report
    return best


def bench_matching() -> None:
    """Print the time for each size and the ratio between them."""
    seconds = [measure(size) for size in SIZES]
    for size, taken in zip(SIZES, seconds):
        tools = f"{size:>6} local, {UPSTREAM_COUNT} x {size:>6} upstream"
        print(f"build_report  {tools}  {taken * 1000:8.1f} ms")
    print(f"ratio {seconds[1] / seconds[0]:.1f} for {SIZES[1] // SIZES[0]} times the tools")


if __name__ == "__main__":
    bench_matching()
