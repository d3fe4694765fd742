#!/usr/bin/env python3
"""
Print what `wrap` costs a session, beside a plain pump of two threads and beside nothing at all.

    tools/bench_wrap.py [--quick]

The pump is what anybody would write first: a thread for each direction that reads and writes 64
KiB. Every pair is measured in the same run, in turns, and the best round of each counts.
Nothing is asserted. Needs POSIX.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent

# What any server does at least: it reads its messages, and writes its answers, with a JSON library.
SERVER = r"""
import json, os, sys
text = "x" * int(sys.argv[1])
for line in sys.stdin.buffer:
    message = json.loads(line)
    result = {"content": [{"type": "text", "text": text}], "isError": False}
    rest = memoryview(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode() + b"\n")
    while rest:
        rest = rest[os.write(1, rest) :]
"""

PUMP = r"""
import os, subprocess, sys, threading
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
def carry(source, sink):
    while piece := os.read(source, 65536):
        rest = memoryview(piece)
        while rest:
            rest = rest[os.write(sink, rest) :]
    os.close(sink)
threads = [
    threading.Thread(target=carry, args=(0, child.stdin.fileno()), daemon=True),
    threading.Thread(target=carry, args=(child.stdout.fileno(), 1), daemon=True),
]
for thread in threads:
    thread.start()
status = child.wait()
threads[1].join()
os._exit(status)
"""


class Session:
    """A client of one server, started by *command*, that makes one call after the other."""

    def __init__(self, command: list[str], environ: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0, env=environ
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin.fileno(), self._process.stdout.fileno()
        self._count = 0

    def call(self) -> int:
        """Make one call; return the number of bytes of its answer."""
        self._count += 1
        os.write(
            self._to,
            b'{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hello"}}}\n'
            % self._count,
        )
        received = 0
        while True:
            piece = os.read(self._from, 1024 * 1024)
            received += len(piece)
            if piece.endswith(b"\n"):
                return received
            if not piece:
                message = "the session ended"
                raise RuntimeError(message)

    def memory_bytes(self) -> int:
        """Return the most memory that the started process, and what it forked off itself, ever held (shared pages twice)."""
        pid = self._process.pid
        own = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        alike = [child for child in children if pathlib.Path(f"/proc/{child}/cmdline").read_bytes() == own]
        total = 0
        for process in (pid, *alike):
            with open(f"/proc/{process}/status", encoding="ascii") as status:
                total += next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
        return total

    def end(self) -> None:
        """Leave."""
        os.close(self._to)
        self._process.stdin = None
        self._process.wait(30)
        os.close(self._from)
        self._process.stdout = None


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Print what wrap costs a session.")
    parser.add_argument("--quick", action="store_true", help="a few rounds only")
    rounds = 3 if parser.parse_args().quick else 9
    with tempfile.TemporaryDirectory() as home:
        environ = {"HOME": home, "PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(ROOT)}
        server = [sys.executable, "-S", "-c", SERVER]
        wrap = [sys.executable, "-m", "mcptelemetry", "wrap", "--endpoint", f"file://{home}/events.jsonl", "--"]
        ways = {
            "plain": ([], environ),
            "pump": ([sys.executable, "-c", PUMP], environ),
            "wrap": (wrap, environ),
            "wrap, no": (wrap, {**environ, "DO_NOT_TRACK": "1"}),
        }
        for name, size, calls in (("small call", 5, 5_000), ("1 MB result", 1_000_000, 12), ("50 MB result", 50_000_000, 1)):
            best = dict.fromkeys(ways, float("inf"))
            for _ in range(rounds):
                for way, (prefix, words) in ways.items():
                    session = Session([*prefix, *server, str(size)], words)
                    for _ in range(min(10, calls)):
                        session.call()
                    time.sleep(0.3)  # until everything is loaded: the start is measured apart
                    begin = time.perf_counter()
                    for _ in range(calls):
                        session.call()
                    best[way] = min(best[way], (time.perf_counter() - begin) / calls)
                    session.end()
            print_row(name, best)
        first: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(rounds * 2):
            for way, (prefix, words) in ways.items():
                begin = time.perf_counter()
                session = Session([*prefix, *server, "5"], words)
                session.call()
                first[way].append(time.perf_counter() - begin)
                session.end()
        print_row("first answer", {way: min(times) for way, times in first.items()})
        print_row("  its median", {way: statistics.median(times) for way, times in first.items()})
        count = 40 if rounds < 9 else 200
        memory = {}
        for way in ("pump", "wrap"):
            session = Session([*ways[way][0], *server, "1000000"], ways[way][1])
            for _ in range(10):
                session.call()
            time.sleep(1)  # until everything is loaded
            before = session.memory_bytes()
            for _ in range(count):
                session.call()
            memory[way] = f"{way} {before / 1e6:.0f} and {session.memory_bytes() / 1e6:.0f}"
            session.end()
        print(f"memory, MB after the tenth and the last of {count} MB: {', '.join(memory.values())}")
        print(f"events that arrived: {pathlib.Path(home, 'events.jsonl').read_text().count(chr(10))}")
    return 0


def print_row(name: str, secs: dict[str, float]) -> None:
    """Print one measurement of every way, and how many times the pump's each is."""
    figures = "  ".join(f"{way} {value * 1e3:9.3f} ms" for way, value in secs.items())
    print(f"{name:14} {figures}   wrap/pump {secs['wrap'] / secs['pump']:.2f}  wrap-plain {(secs['wrap'] - secs['plain']) * 1e3:.1f} ms", flush=True)


if __name__ == "__main__":
    sys.exit(main())
