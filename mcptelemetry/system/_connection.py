"""
The last step before the bytes leave: what one request says, and nobody else's word in it.

Tracing libraries add headers that name the host's release by patching `requests`, `urllib3`
and `http.client`. So the head is not taken from what came down through them: it is written
here from the `Letter`, which travels down as the body. Before the first byte, and before
each further block, the letter's question is asked once more. Importing this module imports
`urllib3`'s parts.
"""

from __future__ import annotations

import functools
import io
import re
import socket
import time
from collections.abc import Callable, Iterable
from http.client import HTTPResponse, RemoteDisconnected
from typing import Any

from ._transport import BLOCK_BYTES, Withheld

__all__ = ["Letter", "compose_head", "guard_connection"]

_ILLEGAL = re.compile(r"[\r\n\0]")
_LINE_MAX_BYTES = 65_536
_INTERIM_ANSWERS_MAX = 100
_STATUS_FINAL_FROM = 200


class Letter(bytes):
    """
    All that one request says, its *head* and its *body*, and the question whether it may leave.

    It passes through `urllib3` as bytes, none at all, which nobody copies. *timeout_secs* is for
    writing all of it, and again for reading the answer. Afterwards *is_on_used_connection* says
    whether the connection had served before, and *has_answer_begun* whether anything came back.
    """

    head: bytes
    body: bytes
    may_send: Callable[[], bool]
    timeout_secs: float
    is_on_used_connection: bool
    has_answer_begun: bool

    @classmethod
    def of(cls, head: bytes, body: bytes, may_send: Callable[[], bool], timeout_secs: float) -> Letter:
        """Return the letter; *head* is all that goes before the body."""
        letter = cls()
        letter.head = head
        letter.body = body
        letter.may_send = may_send
        letter.timeout_secs = timeout_secs
        letter.is_on_used_connection = letter.has_answer_begun = False
        return letter

    def __bool__(self) -> bool:
        return True  # what is false is not handed on

    def note_answer(self) -> None:
        """Remember that something came back."""
        self.has_answer_begun = True


def compose_head(target: str, headers: Iterable[tuple[str, str]]) -> bytes:
    """
    Return the request line and the headers as they go over the wire, up to the length of the body.

    What is missing is that number and an empty line. `ValueError` for a header that would be two.
    """
    lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers), "Content-Length: "]
    if any(_ILLEGAL.search(line) for line in lines):
        msg = "a header holds a line break"
        raise ValueError(msg)
    return "\r\n".join(lines).encode("latin-1")


def guard_connection(connection_class: Any) -> Any:  # one of urllib3's connection classes
    """Return *connection_class* with a head, a question and a deadline of ours."""

    class Guarded(connection_class):  # type: ignore[misc]  # urllib3's class is Any to us
        _answers_count = 0
        _is_tunnelling = False

        def connect(self) -> None:
            self._answers_count = 0
            super().connect()

        def _tunnel(self) -> None:
            # What is said to a proxy has no headers but the proxy's own. Its answer is closed here:
            # Python 3.9 leaves that to the garbage collector, and the socket with it.
            answers: list[_DeadlineResponse] = []

            def answer(*args: Any, **options: Any) -> _DeadlineResponse:  # http.client's signature
                answers.append(_DeadlineResponse(*args, timeout_secs=self.timeout, **options))
                return answers[-1]

            self.response_class = answer
            self._is_tunnelling = True
            try:
                super()._tunnel()
            finally:
                self._is_tunnelling = False
                for one in answers:
                    one.close()

        def putheader(self, *_name_and_values: Any) -> None:  # http.client's signature
            # The head as it was composed above us is let go: some of it may be a stranger's.
            pass

        def _send_output(self, message_body: Any = None, encode_chunked: bool = False) -> None:  # http.client's signature
            del self._buffer[:]  # the request line, too
            if message_body is not None:
                self.send(message_body)

        def send(self, data: Any) -> None:  # http.client's signature
            if self._is_tunnelling:
                self.sock.sendall(data)
            elif isinstance(data, Letter):
                self._send_letter(data)
            else:
                msg = "what was to be sent is not what was handed over"
                raise ValueError(msg)

        def _send_letter(self, letter: Letter) -> None:
            letter.is_on_used_connection = self._answers_count > 0
            answer_class: Any = functools.partial(
                _DeadlineResponse, note_answer=letter.note_answer, timeout_secs=letter.timeout_secs
            )
            self.response_class = answer_class
            if self.sock is None:
                self.connect()
            # Not asked for its time-out: pyOpenSSL's connections, which a host may have given to
            # urllib3, do not know it.
            sock: Any = self.sock
            ends_at = time.monotonic() + letter.timeout_secs  # one deadline for all blocks
            view = memoryview(letter.body)
            for start in range(0, max(len(view), 1), BLOCK_BYTES):
                if not letter.may_send():
                    raise Withheld
                block = bytes(view[start : start + BLOCK_BYTES])
                sock.settimeout(_left_until(ends_at))
                sock.sendall(letter.head + block if start == 0 else block)
            sock.settimeout(letter.timeout_secs)

        def getresponse(self, *args: Any, **options: Any) -> Any:  # urllib3's signature
            response = super().getresponse(*args, **options)
            self._answers_count += 1
            return response

    Guarded.__name__ = connection_class.__name__
    return Guarded


def _left_until(ends_at: float) -> float:
    left = ends_at - time.monotonic()
    if left <= 0:
        msg = "the other side took too long"
        raise socket.timeout(msg)
    return left


class _DeadlineReader(io.RawIOBase):
    """Reads a socket's bytes until a moment that all reads share."""

    def __init__(self, sock: Any, secs: float, note_answer: Callable[[], None] | None) -> None:  # plain or TLS socket
        self._sock = sock
        self._ends_at = time.monotonic() + secs
        self._note_answer = note_answer
        # The socket counts its readers and closes itself with the last of them.
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # any writable buffer
        self._sock.settimeout(_left_until(self._ends_at))
        count: int | None = self._raw.readinto(buffer)
        if count and self._note_answer is not None:
            self._note_answer()
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _DeadlineSource:
    """What an answer is read from: of a socket, the one thing that `http.client` asks of it."""

    def __init__(self, sock: Any, timeout_secs: float, note_answer: Callable[[], None] | None) -> None:  # plain or TLS socket
        self._reader = _DeadlineReader(sock, timeout_secs, note_answer)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self._reader)


class _DeadlineResponse(HTTPResponse):
    """An answer whose every read obeys the deadline that began with it, and that begins with a final status."""

    def __init__(
        self,
        sock: Any,
        *args: Any,
        timeout_secs: float,
        note_answer: Callable[[], None] | None = None,
        **options: Any,
    ) -> None:  # http.client's signature, and what we add
        source: Any = _DeadlineSource(sock, timeout_secs, note_answer)
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
