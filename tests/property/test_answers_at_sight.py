"""What is understood at sight is what `http.client` understands, byte for byte."""

from __future__ import annotations

import io
from http.client import HTTPException, HTTPResponse

from hypothesis import example, given
from hypothesis import strategies as st

from mcptelemetry.system._answers import read_at_sight

BODY_MAX_BYTES = 6

NAMES = st.sampled_from(
    ["Content-Length", "content-length", "Connection", "Transfer-Encoding", "Retry-After", "X-A", "x-a", "Upgrade", "X B", ""]
)
VALUES = st.one_of(
    st.integers(-1, 8).map(str),
    st.sampled_from(["close", "keep-alive", "Keep-Alive", "chunked", "", " ", "\t3 ", "a\r\n b", "\xe9", "3,3", "a:b"]),
    st.text(max_size=5),
)
LINES = st.lists(st.tuples(NAMES, st.sampled_from([":", ": ", " : "]), VALUES).map("".join), max_size=4)
STATUS_LINES = st.tuples(
    st.sampled_from(["HTTP/1.1", "HTTP/1.0", "HTTP/2", "http/1.1"]),
    st.sampled_from([" ", "  ", ""]),
    st.sampled_from(["202", "200", "204", "304", "404", "503", "100", "101", "99", "1000", "20x"]),
    st.sampled_from([" OK", "", " ", " \xe9", " a b"]),
).map("".join)
BREAKS = st.sampled_from(["\r\n", "\r\n", "\r\n", "\n"])


@st.composite
def answers(draw):
    line_break = draw(BREAKS)
    body = draw(st.binary(max_size=8))
    lines = draw(LINES)
    if draw(st.booleans()):
        lines.insert(draw(st.integers(0, len(lines))), f"Content-Length: {len(body)}")
    return line_break.join([draw(STATUS_LINES), *lines, "", ""]).encode("latin-1", "replace") + body


class Bytes:
    """What a response is read from."""

    def __init__(self, data):
        self._data = data

    def makefile(self, _mode):
        return io.BytesIO(self._data)


@given(st.one_of(answers(), st.binary(max_size=60)))
@example(b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok")
@example(b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok")
@example(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\nok")
def test_at_sight_is_as_http_client_reads(seen):
    """Whatever comes, an answer at sight has the status, headers and body of the long way, which keeps the connection."""
    answer = read_at_sight(seen, BODY_MAX_BYTES)
    if answer is None:
        return
    response = HTTPResponse(Bytes(seen), method="POST")
    try:
        response.begin()
    except HTTPException as error:  # pragma: no cover  it would be a fault
        raise AssertionError from error
    assert not response.will_close
    assert answer.status == response.status
    assert answer.headers == {name.lower(): value.strip(" \t") for name, value in response.headers.items()}
    assert answer.body == response.read()
    assert len(answer.body) <= BODY_MAX_BYTES
