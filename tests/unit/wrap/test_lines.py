"""Cutting a stream into lines that are looked at."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from mcptelemetry.wrap import LineCutter


def cut(pieces: list[bytes], limit_bytes: int = 1000) -> list[bytes]:
    cutter = LineCutter(limit_bytes)
    return [line for piece in pieces for line in cutter.feed(piece)] + cutter.rest()


@given(st.lists(st.binary(max_size=30)))
def test_line_cutter_gives_the_same_lines_however_the_stream_is_cut(pieces: list[bytes]) -> None:
    """The lines are those of the whole stream, without the empty ones."""
    expected = [line for line in b"".join(pieces).split(b"\n") if line.strip()]
    assert cut(pieces) == expected


def test_line_cutter_gives_a_line_when_its_end_has_come() -> None:
    """A partial line is kept back until the piece with its line end."""
    cutter = LineCutter()
    assert cutter.feed(b'{"a"') == []
    assert cutter.feed(b":1}\n{") == [b'{"a":1}']
    assert cutter.rest() == [b"{"]
    assert cutter.rest() == []


def test_line_cutter_reduces_a_line_beyond_its_limit() -> None:
    """A long line comes back as its outline, and the next line whole again."""
    long_line = b'{"id":1,"result":{"content":["' + b"x" * 5000 + b'"],"isError":true}}'
    pieces = [long_line[:40], long_line[40:], b"\nnext\n"]
    first, second = cut(pieces, limit_bytes=100)
    assert json.loads(first) == {"id": 1, "result": {"content": None, "isError": True}}
    assert second == b"next"
