"""Recordings of real sessions give exactly the records that a reader of them would count."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcptelemetry.wrap import Conversation

TRANSCRIPTS = Path(__file__).parents[2] / "data" / "transcripts"

LEGACY_SERVER = [
    ("add", "success", 4),
    ("weather", "success", 4),
    ("boom", "tool_error", 2),
    ("add", "tool_error", 2),
    ("unknown_tool", "tool_error", 2),
    ("ask", "success", 8),
    ("slow", "success", 161),
    ("add", "success", 8),
    ("add", "success", 12),
    ("add", "success", 14),
    ("add", "success", 14),
    ("add", "success", 14),
    ("slow", "success", 206),
    ("hang", "aborted", 303),
]

EXPECTED = {
    "inspector-cli2.12--py2.3-server": ("inspector-cli", [("add", "success", 3)]),
    "py1.30-client--npm-everything": (
        "mcp",
        [
            ("unknown_tool", "tool_error", 5),
            ("echo", "success", 2),
            ("get-sum", "success", 2),
            ("get-sum", "tool_error", 2),
            ("get-structured-content", "success", 1),
            ("get-tiny-image", "success", 2),
            ("trigger-long-running-operation", "success", 1004),
        ],
    ),
    "py1.30-client--py1.30-fastmcp": ("mcp", LEGACY_SERVER),
    "py2.3-client-2026-07-28--py2.3-server": (
        "mcp",
        [
            ("add", "success", 3),
            ("weather", "success", 3),
            ("boom", "tool_error", 5),
            ("add", "tool_error", 2),
            ("unknown_tool", "tool_error", 2),
            ("slow", "success", 156),
        ],
    ),
    "py2.3-client-auto--py2.3-server": (
        "mcp",
        [
            ("add", "success", 2),
            ("weather", "success", 2),
            ("boom", "tool_error", 6),
            ("add", "tool_error", 2),
            ("unknown_tool", "tool_error", 1),
            ("slow", "success", 154),
        ],
    ),
}


def entries(name: str) -> Iterator[tuple[float, str, bytes]]:
    """Yield the moment, direction and raw line of every message of a stdio transcript."""
    for text in (TRANSCRIPTS / f"{name}.jsonl").read_text("utf-8").splitlines():
        entry = json.loads(text)
        if "line" in entry:
            yield entry["t"], entry["dir"], entry["line"].encode()


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_recorded_session_gives_the_expected_records(name: str) -> None:
    """Every call of the recording is recorded once, with its outcome and its latency."""
    client_name, expected = EXPECTED[name]
    records = []
    clients = set()

    def record(
        tool: str, *, status: str, error_type: str | None, client: str | None, latency_ms: int
    ) -> None:
        clients.add(client)
        records.append((tool, str(error_type or status), latency_ms))

    conversation = Conversation(record)
    moment = 0.0
    for moment, direction, line in entries(name):
        look = conversation.client_line if direction == "c2s" else conversation.server_line
        look(line, moment)
    conversation.finish(moment)

    assert records == expected
    assert clients == {client_name}
    assert conversation.client_name == client_name
    assert conversation.tool_count is not None


def test_every_stdio_recording_is_expected() -> None:
    """A recording that is added needs its expected list."""
    stdio = {path.stem for path in TRANSCRIPTS.glob("*.jsonl") if not path.stem.startswith("http-")}
    assert stdio == set(EXPECTED)
