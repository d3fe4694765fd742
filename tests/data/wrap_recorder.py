"""
Runs a command behind the wrapper and writes what was recorded to a file, as JSON.

Usage: ``wrap_recorder.py RECORDS COMMAND...``. A stand-in for the command line where a test
wants the plain records instead of a collector's.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from mcptelemetry.wrap import (  # noqa: E402  the path comes first
    CommandNotStarted,
    Conversation,
    SignalRelay,
    run_wrapped,
    take_standard_streams,
)


def main(records_path: str, command: list[str]) -> int:
    records: list[tuple[str, str]] = []

    def record(
        tool: str, *, status: str, error_type: str | None, client: str | None, latency_ms: int
    ) -> None:
        assert latency_ms >= 0
        records.append((tool, str(error_type or status)))

    conversation = Conversation(record)
    client_input, client_output = take_standard_streams()
    print("a library's stray print must not reach the client", flush=True)
    with SignalRelay() as signals:
        try:
            code = run_wrapped(
                command, conversation, client_input=client_input, client_output=client_output, signals=signals
            )
        except CommandNotStarted as error:
            sys.stderr.write(f"{error}\n")
            return error.exit_code
        with open(records_path, "w", encoding="utf-8") as file:
            json.dump({"client_name": conversation.client_name, "records": records}, file)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
