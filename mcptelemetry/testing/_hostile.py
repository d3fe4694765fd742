"""
Servers that break every promise a server makes: one function a way of doing it.

A client that comes to an end with each of them, in bounded time and memory, with its
account in order, will get on with the network. They are small and real: sockets, bytes.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator

from ..vocabulary import EVENTS_PATH
from ._sockets import Connection, SocketServer

__all__ = ["HOSTILE_BEHAVIOURS", "HostileServer", "refusing_url"]

_DRIP_SECS = 0.05
_ELSEWHERE = "http://elsewhere.invalid/stolen"


def _silent(connection: Connection) -> None:
    """Takes the request and never says a word."""
    connection.read_request()
    connection.hold()


def _deaf(connection: Connection) -> None:
    """Accepts the connection and never reads from it."""
    while connection.pause(1.0):
        pass


def _closes_at_once(connection: Connection) -> None:
    """Hangs up before it has read anything."""
    connection.sock.shutdown(socket.SHUT_WR)


def _closes_after_request(connection: Connection) -> None:
    """Takes the request and hangs up: was it stored or not?"""
    connection.read_request()


def _resets(connection: Connection) -> None:
    """Takes the request and resets the connection."""
    connection.read_request()
    connection.reset()


def _drips_headers(connection: Connection) -> None:
    """Sends its headers a byte at a time, for ever: no wait between two packets is ever long."""
    connection.read_request()
    connection.send(b"HTTP/1.1 202 Accepted\r\nX-Drip: ")
    while connection.pause(_DRIP_SECS):
        connection.send(b"z")


def _drips_body(connection: Connection) -> None:
    """Accepts, and sends a body of a million bytes one at a time."""
    connection.read_request()
    connection.send(b"HTTP/1.1 202 Accepted\r\nContent-Length: 1000000\r\n\r\n")
    while connection.pause(_DRIP_SECS):
        connection.send(b"z")


def _resets_in_body(connection: Connection) -> None:
    """Accepts, and resets the connection in the middle of the body."""
    connection.read_request()
    connection.send(b"HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\n" + b"z" * 50)
    connection.reset()


def _half_status_line(connection: Connection) -> None:
    """Ends in the middle of the status line."""
    connection.read_request()
    connection.send(b"HTTP/1.1 20")


def _half_headers(connection: Connection) -> None:
    """Ends in the middle of the headers, the status being said."""
    connection.read_request()
    connection.send(b"HTTP/1.1 503 Unavailable\r\nContent-Le")


def _endless_headers(connection: Connection) -> None:
    """Sends headers without end, as fast as they are taken."""
    connection.read_request()
    connection.send(b"HTTP/1.1 202 Accepted\r\n")
    while connection.pause(0):
        connection.send(b"X-More: and more\r\n" * 100)


def _endless_header_line(connection: Connection) -> None:
    """Sends one header without end, as fast as it is taken."""
    connection.read_request()
    connection.send(b"HTTP/1.1 202 Accepted\r\nX-Long: ")
    while connection.pause(0):
        connection.send(b"z" * 10_000)


def _endless_continue(connection: Connection) -> None:
    """Says ``100 Continue`` for ever."""
    connection.read_request()
    while connection.pause(0):
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 10)


def _endless_body(connection: Connection) -> None:
    """Accepts, and sends a body without length and without end."""
    connection.read_request()
    connection.send(b"HTTP/1.1 202 Accepted\r\n\r\n")
    while connection.pause(0):
        connection.send(b"z" * 65_536)


def _endless_chunks(connection: Connection) -> None:
    """Accepts, and sends chunks without end."""
    connection.read_request()
    connection.send(b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n")
    while connection.pause(0):
        connection.send(b"1000\r\n" + b"z" * 4096 + b"\r\n")


def _endless_redirect(connection: Connection) -> None:
    """Redirects to another host, and tells about it without end."""
    connection.read_request()
    connection.send(f"HTTP/1.1 302 Found\r\nLocation: {_ELSEWHERE}\r\n\r\n".encode())
    while connection.pause(0):
        connection.send(b"z" * 65_536)


def _length_too_long(connection: Connection) -> None:
    """Promises more of the body than it sends, and hangs up."""
    connection.read_request()
    connection.send(b"HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\nshort")


def _length_too_short(connection: Connection) -> None:
    """Sends more than it promised: on a kept connection the rest reads like another answer."""
    while connection.read_request() is not None:
        connection.send(
            b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n"
        )


def _length_negative(connection: Connection) -> None:
    """Promises a body of less than nothing."""
    connection.read_request()
    connection.send(b"HTTP/1.1 202 Accepted\r\nContent-Length: -1\r\n\r\nok")


def _length_no_number(connection: Connection) -> None:
    """Promises a body of as many bytes as a word says."""
    connection.read_request()
    connection.send(b"HTTP/1.1 202 Accepted\r\nContent-Length: several\r\n\r\nok")


def _two_lengths(connection: Connection) -> None:
    """Promises two bodies of different lengths."""
    connection.read_request()
    connection.send(b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok")


def _broken_chunks(connection: Connection) -> None:
    """Sends a chunk whose length is no number."""
    connection.read_request()
    connection.send(b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n")


def _false_gzip(connection: Connection) -> None:
    """Says that its body is gzip, which it is not."""
    connection.read_request()
    connection.answer(202, b"not gzip at all", {"Content-Encoding": "gzip"})


def _redirects(connection: Connection) -> None:
    """Redirects to another host."""
    while connection.read_request() is not None:
        connection.answer(302, b"", {"Location": _ELSEWHERE})


def _redirects_to_itself(connection: Connection) -> None:
    """Redirects back to where the request came in."""
    while (request := connection.read_request()) is not None:
        connection.answer(307, b"", {"Location": request.path})


def _redirects_nowhere(connection: Connection) -> None:
    """Redirects to what is no address."""
    while connection.read_request() is not None:
        connection.answer(302, b"", {"Location": "http://[not-an-address/\xff"})


def _garbage(connection: Connection) -> None:
    """Answers with bytes that are not HTTP."""
    connection.read_request()
    connection.send(bytes(range(256)) * 4)


def _ssh(connection: Connection) -> None:
    """Is quite another server: it greets first, in its own words."""
    connection.send(b"SSH-2.0-OpenSSH_9.6\r\n")
    connection.hold()


def _tls_alert(connection: Connection) -> None:
    """Speaks TLS, where plain HTTP was expected."""
    connection.read_request()
    connection.send(b"\x15\x03\x03\x00\x02\x02\x0a")


def _status_no_number(connection: Connection) -> None:
    """Answers with a status that is no number."""
    connection.read_request()
    connection.send(b"HTTP/1.1 OKAY Accepted\r\nContent-Length: 0\r\n\r\n")


def _status_out_of_range(connection: Connection) -> None:
    """Answers with a status that does not exist."""
    connection.read_request()
    connection.send(b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n")


HOSTILE_BEHAVIOURS: dict[str, Callable[[Connection], None]] = {
    behaviour.__name__.lstrip("_"): behaviour
    for behaviour in (
        _silent,
        _deaf,
        _closes_at_once,
        _closes_after_request,
        _resets,
        _drips_headers,
        _drips_body,
        _resets_in_body,
        _half_status_line,
        _half_headers,
        _endless_headers,
        _endless_header_line,
        _endless_continue,
        _endless_body,
        _endless_chunks,
        _endless_redirect,
        _length_too_long,
        _length_too_short,
        _length_negative,
        _length_no_number,
        _two_lengths,
        _broken_chunks,
        _false_gzip,
        _redirects,
        _redirects_to_itself,
        _redirects_nowhere,
        _garbage,
        _ssh,
        _tls_alert,
        _status_no_number,
        _status_out_of_range,
    )
}
"""Every way of misbehaving by its name; the docstring of each says what it does."""


class HostileServer(SocketServer):
    """
    A server that behaves as *behaviour* says, a name in `HOSTILE_BEHAVIOURS`.

    For example ``with HostileServer("silent") as server:`` and send to `server.events_url`.
    `ValueError` for an unknown name.
    """

    def __init__(self, behaviour: str) -> None:
        if behaviour not in HOSTILE_BEHAVIOURS:
            msg = f"behaviour={behaviour!r} is not known; there are {', '.join(sorted(HOSTILE_BEHAVIOURS))}"
            raise ValueError(msg)
        self.behaviour = behaviour
        super().__init__(HOSTILE_BEHAVIOURS[behaviour])


@contextlib.contextmanager
def refusing_url() -> Iterator[str]:
    """
    Give an endpoint on this machine at which every connection is refused.

    The port is taken while the context lasts, so that nobody else can begin to listen there.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.bind(("127.0.0.1", 0))  # bound, and never listening
        yield f"http://127.0.0.1:{sock.getsockname()[1]}{EVENTS_PATH}"
