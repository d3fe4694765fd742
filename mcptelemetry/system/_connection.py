"""
The last step before the bytes leave: what one request says, and nobody else's word in it.

Tracing libraries add headers that name the host's release by patching `requests`, `urllib3`
and `http.client`. So the head is not taken from what came down through them: it is written
here from the `Letter`, which travels down as the body. Before the first byte, and before
each further block, the letter's question is asked once more. Importing this module imports
`http.client`.
"""

from __future__ import annotations

import errno
import re
import time
from collections.abc import Callable, Iterable
from typing import Any

from ._answers import AnswerStream, DeadlineResponse, left_until, read_at_sight
from ._transport import BLOCK_BYTES, Answer, Withheld

__all__ = ["Letter", "compose_head", "guard_connection"]

_ILLEGAL = re.compile(r"[\r\n\0]")
# What a write says when the other side has ended the connection; it may have answered before (as `urllib3` has it).
_ENDED = frozenset({errno.EPIPE, errno.ECONNRESET, errno.EPROTOTYPE})


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
            answers: list[DeadlineResponse] = []

            def answer(sock: Any, *args: Any, **options: Any) -> DeadlineResponse:  # http.client's signature
                answers.append(DeadlineResponse(AnswerStream(sock, self.timeout), *args, **options))
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

                def answer(sock: Any, *args: Any, **options: Any) -> DeadlineResponse:  # http.client's signature
                    return DeadlineResponse(AnswerStream(sock, data.timeout_secs, data.note_answer), *args, **options)

                self.response_class = answer
                self._send_letter(data)
            else:
                msg = "what was to be sent is not what was handed over"
                raise ValueError(msg)

        def _send_letter(self, letter: Letter) -> None:
            letter.is_on_used_connection = self._answers_count > 0
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
                sock.settimeout(left_until(ends_at))
                sock.sendall(letter.head + block if start == 0 else block)
            sock.settimeout(letter.timeout_secs)

        def getresponse(self, *args: Any, **options: Any) -> Any:  # urllib3's signature
            response = super().getresponse(*args, **options)
            self._answers_count += 1
            return response

        def exchange(self, letter: Letter, answer_max_bytes: int) -> Answer | DeadlineResponse:
            """
            Send *letter* over this connection, which stands and is at rest; return what came back.

            That is all of it, or what it is read from. Whatever is raised, the connection is of no use then.
            """
            try:
                self._send_letter(letter)
            except OSError as error:
                if error.errno not in _ENDED:
                    raise
            found = self._receive(letter, answer_max_bytes)
            self._answers_count += 1
            return found

        def _receive(self, letter: Letter, answer_max_bytes: int) -> Answer | DeadlineResponse:
            stream = AnswerStream(self.sock, letter.timeout_secs, letter.note_answer)
            left_open: AnswerStream | DeadlineResponse | None = stream
            try:
                answer = read_at_sight(stream.peek(), answer_max_bytes)
                if answer is not None:
                    return answer
                response = left_open = DeadlineResponse(stream, method="POST")
                response.begin()
                left_open = None
            finally:
                if left_open is not None:
                    left_open.close()
            if response.will_close:
                self.close()
            return response

    Guarded.__name__ = connection_class.__name__
    return Guarded
