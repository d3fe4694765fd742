"""The outline of a long line: what is kept of it, whatever its pieces."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcptelemetry.wrap import Outline


def reduced(text: bytes, piece_bytes: int = 7, **limits: int) -> bytes:
    outline = Outline(**limits)
    for start in range(0, len(text), piece_bytes):
        outline.feed(text[start : start + piece_bytes])
    return outline.text()


shallow = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(shallow, st.integers(1, 40), st.booleans())
def test_outline_of_a_text_within_its_limits_means_the_same(
    document: object, piece_bytes: int, ascii_only: bool
) -> None:
    """A text without content, shallow and with short strings, keeps its meaning in pieces of any size."""
    text = json.dumps(document, ensure_ascii=ascii_only).encode()
    if any(name in text for name in (b'"content"', b'"structuredContent"', b'"arguments"')):
        return
    assert json.loads(reduced(text, piece_bytes, depth_limit=100)) == document


@given(st.binary(), st.integers(1, 40))
def test_outline_takes_any_bytes(data: bytes, piece_bytes: int) -> None:
    """Bytes that are no JSON at all do not make it raise."""
    reduced(data, piece_bytes)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('{"id":1,"result":{"content":[{"text":"}]\\""}],"isError":true}}', {"content": None, "isError": True}),
        ('{"id":1,"result":{"a":{"b":{"c":{"d":1}}},"isError":true}}', {"a": {"b": None}, "isError": True}),
        ('{"id":1,"result":{"a":"' + "x" * 50 + '\\"","isError":true}}', {"a": "", "isError": True}),
        ('{"id":1,"result":{"content" : [],"isError":true}}', {"content": None, "isError": True}),
    ],
    ids=["content", "deep", "long string", "spaces"],
)
def test_outline_leaves_out_what_nobody_looks_at(text: str, kept: object) -> None:
    """Content, deep containers and long strings go; the fields beside them stay."""
    document = json.loads(reduced(text.encode(), depth_limit=3, string_limit=20))
    assert document == {"id": 1, "result": kept}


def test_outline_that_grows_too_large_is_given_up() -> None:
    """Even the kept parts are bounded: past the limit there is no outline."""
    assert reduced(b'{"a":' + b"1" * 200 + b"}", size_limit=100) == b""
