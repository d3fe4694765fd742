"""Carrying both directions in one thread, seen from inside, with real pipes."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator

import pytest

pytest.importorskip("select").__dict__.get("poll") or pytest.skip("only where descriptors can be waited for", allow_module_level=True)

from mcptelemetry.wrap._exchange import Direction, Exchange
from mcptelemetry.wrap._sinks import clients_sink, own_sink

PIPE_BYTES = 65_536


class Lines:
    """An exchange between four pipes, with our own ends of all, and what was seen, in order."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, bytes]] = []
        request_source, self.client = os.pipe()
        self.server, request_sink = os.pipe()
        answer_source, self.answering = os.pipe()
        self.reading, answer_sink = os.pipe()
        self.arrivals, self.bell = os.pipe()
        self.requests = Direction(request_source, own_sink(request_sink), lambda piece, _at: self.seen.append(("request", piece)))
        self.answers = Direction(answer_source, clients_sink(answer_sink), lambda piece, _at: self.seen.append(("answer", piece)))
        self.exchange = Exchange(self.requests, self.answers, self.arrivals)

    def settle(self) -> None:
        """Let everything be carried that can be."""
        while self.exchange.turn(0)[0]:
            pass

    def close(self, descriptor: int) -> None:
        os.close(descriptor)
        for name in ("client", "server", "answering", "reading", "arrivals", "bell"):
            if getattr(self, name) == descriptor:
                setattr(self, name, -1)


@pytest.fixture
def lines() -> Iterator[Lines]:
    lines = Lines()
    yield lines
    lines.exchange.close()
    for descriptor in (lines.client, lines.server, lines.answering, lines.reading, lines.arrivals, lines.bell):
        if descriptor >= 0:
            os.close(descriptor)


def test_exchange_carries_both_ways_and_shows_the_order_of_cause(lines: Lines) -> None:
    """What each side said arrives, and a request is shown before the answer to it."""
    os.write(lines.client, b"request")
    lines.settle()
    os.write(lines.answering, os.read(lines.server, 100) + b" answered")
    lines.settle()
    assert os.read(lines.reading, 100) == b"request answered"
    assert lines.seen == [("request", b"request"), ("answer", b"request answered")]


def test_exchange_hears_one_side_while_the_other_takes_nothing(lines: Lines) -> None:
    """Answers that wait for the client hold up no request, and arrive whole in the end."""
    os.set_blocking(lines.answering, False)
    sent = 0
    while True:
        try:
            sent += os.write(lines.answering, b"x" * 50_000)
        except BlockingIOError:
            before = sent
            lines.settle()
            if not select.select([], [lines.answering], [], 0)[1]:
                break
            assert before < 1_000_000, "somebody collects answers without end"
    os.write(lines.client, b"still heard")
    lines.settle()
    assert os.read(lines.server, 100) == b"still heard"
    received = 0
    while received < sent:
        received += len(os.read(lines.reading, PIPE_BYTES))
        lines.settle()
    assert received == sent


def test_exchange_tells_each_far_side_of_an_end(lines: Lines) -> None:
    """End of file of the client's reaches the server; the answers go on; that there is an end is shown."""
    lines.close(lines.client)
    lines.settle()
    assert os.read(lines.server, 100) == b""
    assert lines.seen == [("request", b"")]
    os.write(lines.answering, b"last words")
    lines.settle()
    assert os.read(lines.reading, 100) == b"last words"
    lines.close(lines.answering)
    lines.settle()
    assert os.read(lines.reading, 100) == b""


def test_exchange_notices_that_a_reader_went_away(lines: Lines) -> None:
    """Also when nothing is said: the other end of that direction is closed."""
    lines.close(lines.reading)
    lines.settle()
    with pytest.raises(BrokenPipeError):
        os.write(lines.answering, b"x")


def test_exchange_tells_of_what_arrives_beside_the_pipes(lines: Lines) -> None:
    """A signal, say: it wakes the wait, and is left for whoever takes it."""
    assert lines.exchange.turn(0) == (False, False)
    os.write(lines.bell, b"!")
    assert lines.exchange.turn(None) == (True, True)
    assert os.read(lines.arrivals, 10) == b"!"


def test_clients_descriptor_is_not_made_unblocking_for_everybody() -> None:
    """Others may share it: their writes go on waiting as before."""
    reader, writer = os.pipe()
    others = os.dup(writer)
    sink = clients_sink(writer)
    assert os.get_blocking(others)
    assert sink.write(memoryview(b"here")) == 4
    sink.close()
    os.close(others)
    assert os.read(reader, 10) == b"here"
    assert os.read(reader, 10) == b""
    os.close(reader)
