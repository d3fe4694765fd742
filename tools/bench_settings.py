"""
How long a settings file made to keep us busy takes to read, at growing size up to the limit.

Printed, never asserted: twice the file should take about twice as long, or be refused at once.
Run from the repository: `python tools/bench_settings.py`.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mcptelemetry.config import load_config  # the checkout's own
from mcptelemetry.errors import ConfigError

SIZES = (15_000, 30_000, 60_000)

# What is repeated, between a beginning and an end.
HOSTILE = {
    "a dotted key": ("", "a.", "a = 1\n"),
    "a dotted heading": ("[", "a.", "a]\nx = 1\n"),
    "quoted parts": ("", '"a".', "a = 1\n"),
    "headings": ("", "[[a.b.c]]\n", "x = 1\n"),
    "escapes": ('x = "', "\\n", '"\n'),
    "escaped quotes": ('x = """', '\\"""', '"""\n'),
    "quotes without end": ('x = """', '\\"""', "\n"),
    "numbers": ("x = [", "1,", "]\n"),
    "nested lists": ("x = ", "[", "\n"),
    "nested tables": ("x = ", "{a = ", "\n"),
    "digits": ("x = ", "9", "\n"),
    "comments": ("x = [\n", "#\n", "]\n"),
    "blanks": ("a", " ", "\n"),
    "almost switches": ("", "", ""),
}


def hostile_text(name: str, size: int) -> str:
    """Return *size* bytes of that kind."""
    beginning, repeated, end = HOSTILE[name]
    if not repeated:
        return "".join(f"enab{number:05} = 1\n" for number in range(size // 14))
    return beginning + repeated * (size // len(repeated)) + end


def main() -> None:
    """Print one line for each kind."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "telemetry.toml"
        for name in HOSTILE:
            times = []
            for size in SIZES:
                path.write_text(hostile_text(name, size))
                begun = time.perf_counter()
                try:
                    load_config(str(path))
                    outcome = "read"
                except ConfigError:
                    outcome = "refused"
                times.append(f"{(time.perf_counter() - begun) * 1000:8.1f}")
            print(f"{name:<20}{''.join(times)} ms  {outcome}")


if __name__ == "__main__":
    main()
