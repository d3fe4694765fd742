"""Answers at sight: the plainest is understood as `http.client` would, and nothing else is understood."""

from __future__ import annotations

import pytest

from mcptelemetry.system import Answer
from mcptelemetry.system._answers import read_at_sight

PLAIN = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok"


@pytest.mark.parametrize(
    ("seen", "answer"),
    [
        (PLAIN, Answer(202, {"content-length": "2"}, b"ok")),
        (b"HTTP/1.1 503\r\ncontent-length:0\r\n\r\n", Answer(503, {"content-length": "0"}, b"")),
        (
            b"HTTP/1.1 429 Too Many\r\nRetry-After: \t 7 \r\nServer: a, b\r\nContent-Length: 0\r\n\r\n",
            Answer(429, {"retry-after": "7", "server": "a, b", "content-length": "0"}, b""),
        ),
        (
            b"HTTP/1.1 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 4\r\n\r\n\r\n\r\n",
            Answer(200, {"connection": "Keep-Alive", "content-length": "4"}, b"\r\n\r\n"),
        ),
        (b"HTTP/1.1 202 OK\r\nX-Empty:\r\nContent-Length: 0\r\n\r\n", Answer(202, {"x-empty": "", "content-length": "0"}, b"")),
    ],
)
def test_plain_answer_is_understood(seen, answer):
    """A status, headers in ASCII that stand once each and a body of the length they say are an answer."""
    assert read_at_sight(seen, 4) == answer


@pytest.mark.parametrize(
    "seen",
    [
        b"",
        *(PLAIN[:end] for end in range(len(PLAIN))),
        PLAIN + b"!",
        PLAIN.replace(b"HTTP/1.1", b"HTTP/1.0"),
        PLAIN.replace(b"202", b"102"),
        PLAIN.replace(b"202", b"999"),
        PLAIN.replace(b"202", b"2020"),
        PLAIN.replace(b"\r\n", b"\n"),
        PLAIN.replace(b"Length: 2", b"Length: 02"),
        PLAIN.replace(b"Length: 2", b"Length: +2"),
        PLAIN.replace(b"Length: 2", b"Length: 2, 2"),
        PLAIN.replace(b"Length: 2", b"Length : 2"),
        PLAIN.replace(b"Length: 2", b"Length: 2\r\nContent-Length: 2"),
        PLAIN.replace(b"Length: 2", b"Length: 2\r\n folded"),
        PLAIN.replace(b"Length: 2", b"Length: 2\r\nX-Name: \xe9"),
        PLAIN.replace(b"Length: 2", b"Length: 2\r\nX-Name: \x00"),
        PLAIN.replace(b"Length: 2", b"Length: 2\r\nX-Name: a\rb"),
        PLAIN.replace(b"Length: 2", b"Length: 2\r\nno colon"),
        PLAIN.replace(b"Length: 2", b"Length: 2\r\n: no name"),
        PLAIN.replace(b"Length: 2", b"Length: 2\r\nConnection: close"),
        PLAIN.replace(b"Length: 2", b"Length: 2\r\nConnection: keep-alive, x-other"),
        PLAIN.replace(b"Length: 2", b"Length: 2\r\nTransfer-Encoding: chunked"),
        PLAIN.replace(b"Length: 2", b"Length: 2\r\nTransfer-Encoding: identity"),
        PLAIN.replace(b"Length: 2", b"Length: 2\r\nUpgrade: h2c"),
        b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN,
        b"HTTP/1.1 204 No Content\r\n\r\n",
        PLAIN.replace(b"202", b"204"),
        PLAIN.replace(b"202", b"304"),
        b"HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\n\r\nabcde",  # more than was asked for
    ],
)
def test_everything_else_is_left_alone(seen):
    """What is not whole, not plain, too much or said twice is for whoever knows all of HTTP."""
    assert read_at_sight(seen, 4) is None
