"""Cutting a stream into lines that are looked at."""

from __future__ import annotations

import json
from typing import Union

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcptelemetry.wrap import LineCutter, LongLine

KILO = 1024


def cut(pieces: list[bytes], limit_bytes: int = 256 * KILO) -> list[Union[bytes, LongLine]]:
    cutter = LineCutter(limit_bytes)
    blocks = [*(cutter.feed(piece) for piece in pieces), cutter.rest()]
    return [line for block in blocks if block is not None for line in block.lines()]


def in_pieces(data: bytes, size_bytes: int) -> list[bytes]:
    return [data[start : start + size_bytes] for start in range(0, len(data), size_bytes)]


@given(st.lists(st.binary(max_size=30)))
def test_line_cutter_gives_the_same_lines_however_the_stream_is_cut(pieces: list[bytes]) -> None:
    """The lines are those of the whole stream, without the empty ones."""
    expected = [line for line in b"".join(pieces).split(b"\n") if line.strip()]
    assert cut(pieces) == expected


def test_line_cutter_gives_a_line_when_its_end_has_come() -> None:
    """A partial line is kept back until the piece with its line end."""
    cutter = LineCutter()
    assert cutter.feed(b'{"a"') is None
    block = cutter.feed(b":1}\n{")
    assert block is not None
    assert list(block.lines()) == [b'{"a":1}']
    rest = cutter.rest()
    assert rest is not None
    assert list(rest.lines()) == [b"{"]
    assert cutter.rest() is None


@pytest.mark.parametrize("size_bytes", [1_000, 4_096, 65_536, 300_000, 10_000_000])
def test_line_cutter_keeps_both_ends_of_a_line_beyond_its_limit(size_bytes: int) -> None:
    """A long line comes back as its ends, each 64 KiB or more, and what follows it whole again."""
    line = b'{"id":1,' + bytes(range(65, 91)) * 100_000 + b',"end":1}'
    first, second, third = cut(in_pieces(line + b"\nnext\nlast", size_bytes))
    if size_bytes > len(line):
        assert first == line  # it came in one piece, and nothing had to be kept for it
    else:
        assert isinstance(first, LongLine)
        assert line.startswith(first.head)
        assert line.endswith(first.tail)
        assert 64 * KILO <= len(first.tail) < 128 * KILO + 2 * size_bytes
        assert 64 * KILO <= len(first.head) < 128 * KILO + 2 * size_bytes
    assert [second, third] == [b"next", b"last"]


@pytest.mark.parametrize("line", [json.dumps([{"id": 1, "result": "x" * 400_000}]), '{"id":1,"result":{"tools":[' + "1," * 300_000])
def test_line_cutter_keeps_a_list_of_tools_and_an_array_whole(line: str) -> None:
    """Names stand anywhere in a list of tools, and answers anywhere in an array: neither loses its middle."""
    assert cut(in_pieces(line.encode() + b"\n", 65_536)) == [line.encode()]


def test_line_cutter_forgets_even_a_list_of_tools_beyond_four_megabytes() -> None:
    """What is kept of one line is bounded, whatever it says of itself."""
    (line,) = cut(in_pieces(b'{"tools":[' + b"1," * 3_000_000 + b"\n", 65_536))
    assert isinstance(line, LongLine)


def test_line_cutter_leaves_out_what_it_did_not_see() -> None:
    """After a loss nothing up to the next line end is a line."""
    cutter = LineCutter()
    cutter.feed(b'{"half')
    cutter.lose()
    cutter.feed(b"unseen before")
    block = cutter.feed(b' and after"}\nwhole\n')
    assert block is not None
    assert list(block.lines()) == [b"whole"]


def test_cutter_knows_whether_it_is_between_lines() -> None:
    """Then what comes next may go past it."""
    cutter = LineCutter()
    assert cutter.is_between_lines
    cutter.feed(b"a\nb")
    assert not cutter.is_between_lines
    cutter.feed(b"c\n")
    assert cutter.is_between_lines
    cutter.lose()
    assert not cutter.is_between_lines
    cutter.feed(b"d\n")
    assert cutter.is_between_lines
