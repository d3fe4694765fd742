"""Recordings of real sessions, cut anywhere: the same calls as in whole lines."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from mcptelemetry.wrap import LineCutter, Watch
from mcptelemetry.wrap._frames import CLIENT_SAID, SERVER_SAID, FrameReader, frame_of

TRANSCRIPTS = Path(__file__).parents[2] / "data" / "transcripts"
BY_LENGTH = sorted(
    (path for path in TRANSCRIPTS.glob("*.jsonl") if not path.name.startswith("http-")), key=lambda path: path.stat().st_size
)
SEED = 20_260_728

Message = tuple[int, float, bytes]
Call = tuple[str, str, str, int]


def messages(path: Path) -> list[Message]:
    """Return who said what when, with line ends."""
    entries = [json.loads(text) for text in path.read_text("utf-8").splitlines()]
    return [
        (CLIENT_SAID if entry["dir"] == "c2s" else SERVER_SAID, entry["t"], entry["line"].encode() + b"\n")
        for entry in entries
        if "line" in entry
    ]


class Calls:
    """A recording that keeps the calls."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def record(self, tool: str, *, status: str, error_type: str | None, client: str, latency_ms: int) -> None:
        self.calls.append((tool, str(error_type or status), client, latency_ms))

    def deliver(self) -> None: ...

    def close(self) -> None: ...


def calls_of(session: Iterable[Message], cut: Callable[[bytes], Iterable[bytes]]) -> list[Call]:
    """Return the calls of *session*, each message of which comes in the pieces that *cut* makes of it."""
    calls = Calls()
    watch = Watch(lambda: calls, pytest.fail)
    cutters = {CLIENT_SAID: LineCutter(), SERVER_SAID: LineCutter()}
    reader = FrameReader()
    at = 0.0
    for kind, at, line in session:
        for piece in cut(line):
            block = cutters[kind].feed(piece)
            for frame in () if block is None else reader.feed(frame_of(kind, at, block)):
                watch.look(frame.block, frame.at, is_client=frame.kind == CLIENT_SAID)
    watch.finish(at)
    return calls.calls


@pytest.mark.parametrize("path", BY_LENGTH[:3], ids=lambda path: path.stem)
def test_shortest_recordings_cut_at_every_byte_give_the_same_calls(path: Path) -> None:
    """Every message is cut at each of its bytes, and into single bytes: neither outcome nor latency changes."""
    session = messages(path)
    expected = calls_of(session, lambda line: [line])
    assert expected
    assert calls_of(session, lambda line: (line[n : n + 1] for n in range(len(line)))) == expected
    for place in range(1, max(len(line) for _, _, line in session)):
        assert calls_of(session, lambda line: [line[:place], line[place:]]) == expected, place  # noqa: B023  called at once


@pytest.mark.parametrize("path", BY_LENGTH[3:], ids=lambda path: path.stem)
def test_longer_recordings_cut_at_many_places_give_the_same_calls(path: Path) -> None:
    """At every line's end, and at five hundred places that a seed chose."""
    session = messages(path)
    expected = calls_of(session, lambda line: [line])
    assert expected
    assert calls_of(session, lambda line: [line[:-1], line[-1:]]) == expected
    draw = random.Random(SEED)
    size = sum(len(line) for _, _, line in session)
    for place in (draw.randrange(1, size) for _ in range(500)):
        assert calls_of(cut_once(session, place), lambda line: [line]) == expected, place


def cut_once(session: list[Message], place: int) -> list[Message]:
    """Return *session* with the message at byte *place* in two pieces."""
    pieces: list[Message] = []
    for kind, at, line in session:
        if 0 < place < len(line):
            pieces += [(kind, at, line[:place]), (kind, at, line[place:])]
        else:
            pieces.append((kind, at, line))
        place -= len(line)
    return pieces
