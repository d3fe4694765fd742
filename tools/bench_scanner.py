"""
How long the scanner takes on hostile text of growing size, and the gate's search on clean batches.

Printed, never asserted: ten times the text should take about ten times as long.
Run from the repository: `python tools/bench_scanner.py`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mcptelemetry.privacy._blocked_values import collect_blocked_values  # the checkout's own
from mcptelemetry.privacy._credentials import find_credential
from mcptelemetry.privacy._scanner import AnonymityViolation, scan_for_pii
from mcptelemetry.wire import OPEN, Text

OPEN_TABLE = {"text": Text(OPEN, r"[\s\S]*", 20_000_000, "anything")}
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)

BLOCKED = collect_blocked_values(
    "build-host-17",
    "/srv/people/tim",
    {
        "GITHUB_TOKEN": "ghx-1234567890abcdefghijklmnop",
        "ACME_SECRET": 'with "quotes" and \\ and /',
        "OTHER_KEY": "aaaaaaaaaaaaaaaab",
    },
)

# Each repeats what one of the searches begins with, and never ends it.
HOSTILE = {
    "backslashes": "\\\\",
    "letters a": "a",
    "slashes": "/",
    "almost paths": "/home%",
    "json escapes": "\\u002f",
    "escaped backslashes": "\\\\u005c",
    "percent chains": "%2525",
    "percent signs": "%",
    "colons": "a:",
    "dots and digits": "1.1.",
    "at signs": "a@",
    "token starts": "eyJsk-ghp_",
    "digits": "9",
    "brackets": "[",
}


def seconds(call: Callable[[], object]) -> float:
    """Return how long *call* takes, in seconds, the better of two."""
    best = float("inf")
    for _ in range(2):
        begun = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - begun)
    return best


def scan(document: str) -> str:
    """Return the rule that refuses *document*, or `clean`."""
    try:
        scan_for_pii(document, BLOCKED, fields=OPEN_TABLE)
    except AnonymityViolation as violation:
        return violation.rule
    return "clean"


def document_of(piece: str, size: int) -> str:
    """Return a document of about *size* characters that repeats *piece* in an open field."""
    text = piece * (size // len(piece))
    return text if piece in "9[" else f'{{"text": "{text}"}}'


def clean_batch() -> str:
    """Return about 100 KB of events as JSON text."""
    tools = ("get_issues", "call_tool_read", "search-docs", "task-list", "retrieve_tools")
    events = [
        {
            "tool": tools[n % len(tools)],
            "routing_decision": "local_only",
            "status": "success",
            "latency_ms": n % 977,
            "timestamp_secs": 1_800_000_000 + n,
            "id": f"{n * 2654435761 % 16**20:020x}-{n}",
        }
        for n in range(640)
    ]
    return json.dumps({"events": events})


def main() -> None:
    """Print a table of milliseconds and ratios, then the gate's search in microseconds."""
    print(f"{'hostile text':<22}" + "".join(f"{size // 1000:>9} KB" for size in SIZES) + "   ratios (10 is linear)")
    for name, piece in HOSTILE.items():
        times = [seconds(partial(scan, document_of(piece, size))) for size in SIZES]
        ratios = " ".join(f"{after / before:5.1f}" for before, after in zip(times, times[1:]))
        rule = scan(document_of(piece, SIZES[0]))
        print(f"{name:<22}" + "".join(f"{taken * 1e3:>9.2f} ms" for taken in times) + f"   {ratios}  {rule}")
    batch = clean_batch()
    micros = min(seconds(lambda: find_credential(batch, BLOCKED)) for _ in range(50)) * 1e6
    print(f"find_credential on {len(batch) // 1000} KB of clean events: {micros:.0f} us")


if __name__ == "__main__":
    main()
