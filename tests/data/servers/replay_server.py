"""
Plays the server's side of a recorded session: waits for each recorded request, then answers.

Usage: ``replay_server.py TRANSCRIPT``. It needs nothing but the standard library, and it
exits with 3 when a request that arrives is not, byte for byte, the recorded one.
"""

from __future__ import annotations

import json
import sys


def main(path: str) -> int:
    with open(path, encoding="utf-8") as file:
        entries = [json.loads(text) for text in file]
    for entry in entries:
        if "line" not in entry:
            continue
        line = entry["line"].encode() + b"\n"
        if entry["dir"] == "s2c":
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
        elif sys.stdin.buffer.readline() != line:
            return 3
    return 0 if sys.stdin.buffer.read() == b"" else 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
