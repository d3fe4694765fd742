"""
How long the scanner takes on hostile text, keys and names of growing size, and events' names on clean batches.

Printed, never asserted: ten times the text should take about ten times as long.
Run from the repository: `python tools/bench_scanner.py`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mcptelemetry.privacy._blocked_values import BlockedValue, collect_blocked_values  # the checkout's own
from mcptelemetry.privacy._event_names import NameJudge
from mcptelemetry.privacy._scanner import AnonymityViolation, scan_for_pii, scan_text_for_pii
from mcptelemetry.wire import OPEN, TOKEN_SHAPES, Text, check_shape, find_token_shape

SLOW_SECS = 0.1
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


def shapes_of(count: int, environment: int) -> tuple[NameJudge, list[tuple[object, ...]]]:
    """Return a judge with *environment* variables, and *count* shapes of clean events."""
    environ = {f"VARIABLE_{n}{('', '_KEY')[n % 20 == 0]}": f"value-of-variable-{n}" for n in range(environment)}
    tools = ("get_issues", "call_tool_read", "search-docs", "task-list", "retrieve_tools")
    shapes = [
        check_shape(f"{tools[n % len(tools)]}_{n}", "local_only", None, None, "success", None, None, False)
        for n in range(count)
    ]
    return NameJudge(environ), shapes


def search_long_key(size: int) -> None:
    """Search a message with one percent sign for a key of *size* characters."""
    key = "".join(chr(33 + (at * at * 31 + size) % 90) for at in range(size))
    scan_text_for_pii("It is 100% sure that it does not start on Tuesdays.", [BlockedValue("env:ACME_KEY", key)])


def print_growth(name: str, call: Callable[[int], object], sizes: tuple[int, ...]) -> None:
    """Print how long *call* takes for each of *sizes*, and the ratios."""
    times = [seconds(partial(call, size)) for size in sizes]
    ratios = " ".join(f"{after / before:5.1f}" for before, after in zip(times, times[1:]))
    print(f"{name:<34}" + "".join(f"{taken * 1e3:>9.2f} ms" for taken in times) + f"   {ratios}")


def main() -> None:
    """Print tables of milliseconds and ratios, then what events' names cost in microseconds."""
    print(f"{'hostile text':<22}" + "".join(f"{size // 1000:>9} KB" for size in SIZES) + "   ratios (10 is linear)")
    for name, piece in HOSTILE.items():
        times = [seconds(partial(scan, document_of(piece, size))) for size in SIZES]
        ratios = " ".join(f"{after / before:5.1f}" for before, after in zip(times, times[1:]))
        rule = scan(document_of(piece, SIZES[0]))
        print(f"{name:<22}" + "".join(f"{taken * 1e3:>9.2f} ms" for taken in times) + f"   {ratios}  {rule}")
    print()
    print_growth("a key of 3, 30, 300 kB, one %", search_long_key, (3_000, 30_000, 300_000))
    for shape in TOKEN_SHAPES:
        begun = (shape.literal * 100_000)[:100_000]
        slow = seconds(partial(find_token_shape, begun))
        if slow > SLOW_SECS:
            print(f"{shape.name}: {slow * 1e3:.0f} ms on 100 KB of {shape.literal!r}")
    print_growth(
        "collecting from 100 variables, 10x", lambda n: collect_blocked_values("h", "/p/t", {f"X{i}_KEY": f"{i:09}" for i in range(n)}),
        (100, 1_000, 10_000),
    )  # fmt: skip
    judge, shapes = shapes_of(1_000, 100)
    begun = time.perf_counter()
    judge.find_guilt(shapes)
    print(f"names of 1,000 new shapes of events: {(time.perf_counter() - begun) * 1e3:.1f} us a shape")
    batch = set(shapes[:5])
    micros = min(seconds(lambda: judge.find_guilt(batch)) for _ in range(50)) * 1e6
    print(f"a batch of 5 shapes seen before, 100 variables: {micros:.1f} us")


if __name__ == "__main__":
    main()
