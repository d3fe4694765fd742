"""
Answers as they come in: every read obeys one deadline, and the plainest are understood at sight.

What `http.client` does to an answer costs more than all the rest of a request, and nearly
every answer is a few headers and a short body that arrive together. Such a one is recognised by
a strict pattern, and anything that does not fit, however slightly, is left to `http.client`. Importing
this module imports `http.client`.
"""

from __future__ import annotations

import io
import re
import socket
import time
from collections.abc import Callable
from http.client import HTTPResponse, RemoteDisconnected
from typing import Any

from ._transport import Answer

__all__ = ["AnswerStream", "DeadlineResponse", "left_until", "read_at_sight"]

_LINE_MAX_BYTES = 65_536
_INTERIM_ANSWERS_MAX = 100
_STATUS_FINAL_FROM = 200
# Printable ASCII, no line that continues another, no space before a colon.
_PLAIN_HEAD = re.compile(
    rb"HTTP/1\.1 ([2-5][0-9]{2})(?: [\t -~]*)?\r\n"
    rb"((?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t -~]*\r\n)*)"
    rb"\r\n"
)
# Without a body, whatever their headers say.
_BODILESS = (b"204", b"304")
# Whoever says one of these may mean more than the bytes that are there.
_NOT_PLAIN = frozenset({"transfer-encoding", "upgrade", "trailer"})


def left_until(ends_at: float) -> float:
    """Return the seconds until *ends_at* (monotonic); `socket.timeout` when there are none."""
    left = ends_at - time.monotonic()
    if left <= 0:
        msg = "the other side took too long"
        raise socket.timeout(msg)
    return left


def read_at_sight(seen: bytes, body_max_bytes: int) -> Answer | None:
    """
    Return the answer that *seen* is, no more and no less, on a connection that goes on; otherwise None.

    None is for whatever is not as plain as can be, or has a body of more than *body_max_bytes*.
    """
    found = _PLAIN_HEAD.match(seen)
    if found is None or found[1] in _BODILESS:
        return None
    lines = found[2].decode("ascii").split("\r\n")[:-1]
    headers = {name.lower(): value.strip(" \t") for name, _, value in (line.partition(":") for line in lines)}
    body = seen[found.end() :]
    is_plain = (
        headers.get("content-length") == str(len(body))
        and len(body) <= body_max_bytes
        and len(headers) == len(lines)  # none twice
        and headers.get("connection", "keep-alive").lower() == "keep-alive"
        and _NOT_PLAIN.isdisjoint(headers)
    )
    return Answer(int(found[1]), headers, body) if is_plain else None


class _DeadlineReader(io.RawIOBase):
    """Reads a socket's bytes until a moment that all reads share."""

    def __init__(self, sock: Any, secs: float, note_answer: Callable[[], None] | None) -> None:  # plain or TLS socket
        self._sock = sock
        self._ends_at = time.monotonic() + secs
        self._note_answer = note_answer
        self._has_ended = False
        # The socket counts its readers and closes itself with the last of them.
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # any writable buffer
        if self._has_ended:
            return 0  # pyOpenSSL makes an error of what comes after the end
        self._sock.settimeout(left_until(self._ends_at))
        count: int | None = self._raw.readinto(buffer)
        if count and self._note_answer is not None:
            self._note_answer()
        self._has_ended = count == 0
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class AnswerStream(io.BufferedReader):
    """
    What an answer is read from, within *secs* from now; of a socket, it is the one thing that `http.client` asks of it.

    *note_answer* is called when something came.
    """

    def __init__(self, sock: Any, secs: float, note_answer: Callable[[], None] | None = None) -> None:  # plain or TLS socket
        super().__init__(_DeadlineReader(sock, secs, note_answer))

    def makefile(self, _mode: str) -> AnswerStream:
        """Return itself."""
        return self


class DeadlineResponse(HTTPResponse):
    """An answer whose every read obeys the deadline of its stream, and that begins with a final status."""

    def __init__(self, stream: AnswerStream, *args: Any, **options: Any) -> None:  # http.client's signature
        source: Any = stream
        super().__init__(source, *args, **options)

    def _read_status(self) -> tuple[str, int, str]:
        """Return the status line of the answer itself, past every 1xx that came before it."""
        for _ in range(_INTERIM_ANSWERS_MAX):
            version, status, reason = super()._read_status()  # type: ignore[misc]  # not in the stubs
            if status >= _STATUS_FINAL_FROM:
                return version, status, reason
            while self.fp.readline(_LINE_MAX_BYTES) not in (b"\r\n", b"\n", b""):
                pass
        msg = "no end of interim answers"
        raise RemoteDisconnected(msg)
