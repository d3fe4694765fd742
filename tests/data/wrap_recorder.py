"""
Runs a command behind the wrapper and writes what was recorded to a file, as JSON.

Usage: ``wrap_recorder.py RECORDS COMMAND...``. A stand-in for the command line where a test
wants the plain records instead of a collector's. Beside the file, under the same name with
``.seen`` behind it, each record is a line as soon as it is made.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from mcptelemetry.wrap import (  # noqa: E402  the path comes first
    CommandNotStarted,
    SignalRelay,
    run_wrapped,
    take_standard_streams,
)


class Records:
    """What was recorded, kept until the session is over."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._seen = open(f"{path}.seen", "ab", buffering=0)  # noqa: SIM115  until the end
        self._records: list[tuple[str, str]] = []
        self._clients: set[str] = set()

    def record(
        self, tool: str, *, status: str, error_type: str | None, client: str | None, latency_ms: int
    ) -> None:
        assert latency_ms >= 0
        self._records.append((tool, str(error_type or status)))
        self._seen.write(json.dumps(self._records[-1]).encode() + b"\n")
        self._clients.add(str(client))

    def deliver(self) -> None:
        """Nothing leaves before the end."""

    def close(self) -> None:
        self._seen.close()
        with open(f"{self._path}.new", "w", encoding="utf-8") as file:
            json.dump({"clients": sorted(self._clients), "records": self._records}, file)
        os.replace(f"{self._path}.new", self._path)  # whoever finds it finds all of it


def main(records_path: str, command: list[str]) -> int:
    client_input, client_output = take_standard_streams()
    print("a library's stray print must not reach the client", flush=True)
    with SignalRelay(for_good=True) as signals:
        try:
            return run_wrapped(
                command,
                lambda: Records(records_path),
                client_input=client_input,
                client_output=client_output,
                signals=signals,
                say=lambda text: sys.stderr.write(f"{text}\n"),
            )
        except CommandNotStarted as error:
            sys.stderr.write(f"{error}\n")
            return error.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
