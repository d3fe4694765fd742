"""A connection that stands is written to directly: what comes of it is what would have come of a fresh one."""

from __future__ import annotations

import gzip
import http.client
import socket
import threading

import pytest
import urllib3

from mcptelemetry.system import BLOCK_BYTES, HttpTransport, NoAnswer, Request, Withheld
from mcptelemetry.testing import HOSTILE_BEHAVIOURS, ScriptedServer, SocketServer

LIMIT_SECS = 30.0
# Of those who never answer none does in any of these; the others may need more than the first on a busy machine.
TIMEOUTS_SECS = (0.4, 2.0, 10.0)
ANSWER_MAX_BYTES = 64


def written(*parts, pause_secs=0.0):
    """Return a server's conduct: it answers each request with *parts*, a moment apart."""

    def serve(connection):
        while connection.read_request() is not None:
            for part in parts:
                connection.send(part)
                if not connection.pause(pause_secs):
                    return

    return serve


def ends_with(answer):
    """Return a server's conduct: it gives *answer* to one request, and ends the connection."""

    def serve(connection):
        connection.read_request()
        connection.send(answer)

    return serve


def refuses_early(connection):
    """Answers and resets the connection before it has read the request to its end."""
    connection.sock.recv(100)
    connection.answer(413, b"too much")
    connection.reset()


CHUNKED = b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n"
CONDUCTS = {
    "plain": written(b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\nServer: s\r\n\r\nok"),
    "in_pieces": written(b"HTT", b"P/1.1 202 Accep", b"ted\r\nContent-Length: 2\r\n", b"\r\n", b"ok", pause_secs=0.01),
    "body_apart": written(b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n", b"ok", pause_secs=0.01),
    "no_content": written(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "said_twice": written(b"HTTP/1.1 503 No\r\nX-A: 1\r\nX-A: 2\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"),
    "latin": written("HTTP/1.1 202 Yes\r\nX-A: \xe9\r\nContent-Length: 0\r\n\r\n".encode("latin-1")),
    "chunked": written(CHUNKED + b"2\r\nok\r\n0\r\n\r\n"),
    "chunked_in_pieces": written(CHUNKED, b"2\r\nok", b"\r\n0\r\n", b"\r\n", pause_secs=0.01),
    "chunked_and_much": written(CHUNKED + b"1000\r\n" + b"z" * 4096 + b"\r\n0\r\n\r\n"),
    "much": written(b"HTTP/1.1 400 Bad\r\nContent-Length: 4096\r\n\r\n" + b"z" * 4096),
    "as_much_as_is_read": written(b"HTTP/1.1 400 Bad\r\nContent-Length: 64\r\n\r\n" + b"z" * 64),
    "interim": written(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok"),
    "old": ends_with(b"HTTP/1.0 202 Accepted\r\n\r\nok"),
    "closes": ends_with(b"HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"),
    "to_the_end": ends_with(b"HTTP/1.1 202 Accepted\r\n\r\nok"),
    "compressed": ends_with(
        b"HTTP/1.1 202 Accepted\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n" + gzip.compress(b"ok", mtime=0)
    ),
    "page": written(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 15\r\n\r\n<!doctype html>"),
    "redirect": written(b"HTTP/1.1 307 Go\r\nLocation: /b\r\nSet-Cookie: a=1\r\nContent-Length: 0\r\n\r\n"),
    "refuses_early": refuses_early,
    **HOSTILE_BEHAVIOURS,
}


def outcome_of(transport, url, body, timeout_secs):
    """Return what a post comes to, and why nothing came of it."""
    request = Request(url, body, {}, timeout_secs, ANSWER_MAX_BYTES)
    try:
        return transport.post(request)
    except NoAnswer as error:
        return str(error), error.mend


# One greets before it is asked, which is another matter (below); the other does not notice that we are gone.
@pytest.mark.parametrize("conduct", sorted(CONDUCTS.keys() - {"ssh", "deaf"}))
def test_answer_is_understood_as_on_a_fresh_connection(conduct):
    """Whatever a server does with the second request of a connection comes to what it comes to with the first."""
    for timeout_secs in TIMEOUTS_SECS:
        fresh, standing = outcomes_of(conduct, timeout_secs)
        if standing == fresh:
            break
    assert standing == fresh


def outcomes_of(conduct, timeout_secs):
    """Return what the only request of a connection comes to, and what the second one does."""
    body = b"{}" * (1_000_000 if conduct == "refuses_early" else 10)
    transport = HttpTransport(environ={})
    with SocketServer(CONDUCTS[conduct]) as server:
        fresh = outcome_of(transport, server.events_url, body, timeout_secs)
        transport.close()

    def serve_one_well(connection):
        if connection.number == 0:
            connection.read_request()
            connection.answer(202)
        CONDUCTS[conduct](connection)

    with SocketServer(serve_one_well) as server:
        assert transport.post(Request(server.events_url, b"{}", {}, LIMIT_SECS)).status == 202
        standing = outcome_of(transport, server.events_url, body, timeout_secs)
        transport.close()
        assert server.wait_until_idle(LIMIT_SECS), "a connection outlives its transport"
    return fresh, standing


@pytest.mark.parametrize("conduct", ["plain", "in_pieces", "no_content", "said_twice", "chunked", "chunked_in_pieces", "interim"])
def test_connection_goes_on_standing_after_any_whole_answer(conduct):
    """An answer that was read to its end leaves the connection to the next request."""
    with SocketServer(CONDUCTS[conduct]) as server:
        transport = HttpTransport(environ={})
        for _ in range(4):
            transport.post(Request(server.events_url, b"{}", {}, LIMIT_SECS))
        transport.close()
        assert (len(server.requests), server.connection_count) == (4, 1)


def test_header_over_several_lines_is_one_value():
    """What an old server folds comes as one line, whatever urllib3's release makes of it."""
    with SocketServer(written(b"HTTP/1.1 202 Yes\r\nX-A: 1 \r\n \t2\r\nContent-Length: 0\r\n\r\n")) as server:
        transport = HttpTransport(environ={})
        answers = [transport.post(Request(server.events_url, b"{}", {}, LIMIT_SECS)) for _ in range(2)]
        transport.close()
    assert answers[1].headers["x-a"] == "1 2"


@pytest.mark.parametrize("conduct", ["closes", "old", "to_the_end", "much", "chunked_and_much"])
def test_connection_is_left_after_an_answer_that_ends_it_or_is_not_read_to_its_end(conduct):
    """Whatever comes after such an answer is nobody's, so the next request opens another connection."""

    def serve(connection):
        if connection.number % 2 == 0:
            connection.read_request()
            connection.answer(202)
        CONDUCTS[conduct](connection)

    with SocketServer(serve) as server:
        transport = HttpTransport(environ={})
        for _ in range(4):
            transport.post(Request(server.events_url, b"{}", {}, LIMIT_SECS, ANSWER_MAX_BYTES))
        transport.close()
        assert server.wait_until_idle(LIMIT_SECS)
        assert (len(server.requests), server.connection_count) == (4, 3)


def test_connection_with_something_unasked_for_in_it_is_left():
    """What a server says between two requests is no answer to the second."""
    is_taken, said = threading.Event(), threading.Event()

    def babble(connection):
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # what is said is there at once
        while connection.read_request() is not None:
            connection.answer(202, b"asked")
            is_taken.wait(LIMIT_SECS)  # not to come with the answer
            is_taken.clear()
            connection.answer(500, b"not asked")
            said.set()

    with SocketServer(babble) as server:
        transport = HttpTransport(environ={})
        for _ in range(3):
            assert transport.post(Request(server.events_url, b"{}", {}, LIMIT_SECS)).body == b"asked"
            is_taken.set()
            assert said.wait(LIMIT_SECS)
            said.clear()
        transport.close()
        assert server.connection_count == 3


def test_transport_that_is_closed_meanwhile_leaves_no_connection():
    """The answer under way comes, and the connection ends with it; a later post opens another."""

    def serve(connection):
        while connection.read_request() is not None:
            if len(server.requests) == 2:
                transport.close()
            connection.answer(202)

    with SocketServer(serve) as server:
        transport = HttpTransport(environ={})
        for _ in range(2):
            assert transport.post(Request(server.events_url, b"{}", {}, LIMIT_SECS)).status == 202
        assert server.wait_until_idle(LIMIT_SECS)
        assert transport.post(Request(server.events_url, b"{}", {}, LIMIT_SECS)).status == 202
        transport.close()
        assert server.connection_count == 2


def test_no_is_heard_before_each_block_on_a_standing_connection():
    """It is asked before the first byte and before each block, and after a no the connection is not used again."""
    asked = []

    def say_no_at(number):
        asked.clear()

        def may_send():
            asked.append(None)
            return len(asked) < number

        return may_send

    with SocketServer(CONDUCTS["plain"]) as server:
        transport = HttpTransport(environ={})
        for number in (1, 3):
            transport.post(Request(server.events_url, b"{}", {}, LIMIT_SECS))
            with pytest.raises(Withheld):
                transport.post(Request(server.events_url, b"x" * (4 * BLOCK_BYTES), {}, LIMIT_SECS, may_send=say_no_at(number)))
            assert len(asked) == number
        transport.post(Request(server.events_url, b"{}", {}, LIMIT_SECS))
        transport.close()
        assert [request.body for request in server.requests] == [b"{}"] * 3
        assert server.connection_count == 3


def test_host_that_patches_the_libraries_adds_nothing_on_a_standing_connection(monkeypatch):
    """A header that a host has `urllib3` or `http.client` add is on none of the requests."""

    def add_to(owner, name):
        original = getattr(owner, name)

        def patched(self, *args, **options):
            result = original(self, *args, **options)
            if name == "putrequest":
                self.putheader("baggage", "release=1")
            return result

        monkeypatch.setattr(owner, name, patched)

    add_to(http.client.HTTPConnection, "putrequest")
    add_to(urllib3.connection.HTTPConnection, "putrequest")
    with ScriptedServer() as server:
        transport = HttpTransport(environ={})
        for _ in range(3):
            transport.post(Request(server.events_url, b"{}", {}, LIMIT_SECS))
        transport.close()
        assert [set(request.headers) for request in server.requests] == [
            {"host", "user-agent", "accept-encoding", "content-length"}
        ] * 3
