"""The order of passing and looking, seen from inside, with real pipes."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable, Iterator

import pytest

from mcptelemetry.wrap import CAN_POLL, Pump

DEADLINE_SECS = 30.0

pytestmark = pytest.mark.skipif(not CAN_POLL, reason="the order is promised where pumps can wait")


class Direction:
    """A pump between two pipes, with our own ends of both."""

    def __init__(
        self, look: Callable[[bytes], None], *, look_first: bool, turn: threading.RLock, stop: int
    ) -> None:
        source, self.feed = os.pipe()
        self.output, sink = os.pipe()
        self.pump = Pump(source, sink, look, look_first=look_first, turn=turn, stop=stop, name="pump")
        self.pump.start()

    def close(self) -> None:
        for descriptor in (self.feed, self.output):
            os.close(descriptor)
        assert self.pump.join(DEADLINE_SECS)


@pytest.fixture
def stop() -> Iterator[tuple[int, int]]:
    """Give the two ends of the pipe that stops pumps."""
    ends = os.pipe()
    yield ends
    for descriptor in ends:
        os.close(descriptor)


def test_request_is_looked_at_before_any_of_it_is_passed_on(stop: tuple[int, int]) -> None:
    """At the time of looking the server cannot have read a byte."""
    seen: list[tuple[bytes, bool]] = []

    def look(piece: bytes) -> None:
        if piece:
            passed_on = bool(select.select([requests.output], [], [], 0)[0])
            seen.append((piece, passed_on))

    requests = Direction(look, look_first=True, turn=threading.RLock(), stop=stop[0])
    os.write(requests.feed, b"request\n")
    assert os.read(requests.output, 100) == b"request\n"
    assert seen == [(b"request\n", False)]
    requests.close()


def test_answer_is_looked_at_before_the_reaction_to_it(stop: tuple[int, int]) -> None:
    """A client that reacts while its answer is being looked at is looked at afterwards."""
    order: list[bytes] = []
    request_seen = threading.Event()
    turn = threading.RLock()

    def look_at_request(piece: bytes) -> None:
        order.append(piece)
        request_seen.set()

    def look_at_answer(piece: bytes) -> None:
        if piece:
            # The answer has passed: the client reads it and reacts while we are still here.
            assert os.read(answers.output, 100) == b"answer"
            os.write(requests.feed, b"reaction")
            request_seen.wait(0.2)
            order.append(piece)

    requests = Direction(look_at_request, look_first=True, turn=turn, stop=stop[0])
    answers = Direction(look_at_answer, look_first=False, turn=turn, stop=stop[0])
    os.write(answers.feed, b"answer")
    assert os.read(requests.output, 100) == b"reaction"
    assert order == [b"answer", b"reaction"]
    answers.close()
    requests.close()


def test_pump_stops_when_told(stop: tuple[int, int]) -> None:
    """Neither a silent source nor a sink that nobody reads keeps a pump from stopping."""
    turn = threading.RLock()
    silent = Direction(lambda _piece: None, look_first=True, turn=turn, stop=stop[0])
    stuck = Direction(lambda _piece: None, look_first=False, turn=turn, stop=stop[0])
    while select.select([], [stuck.feed], [], 0.2)[1]:
        os.write(stuck.feed, b"x" * 4096)
    os.write(stop[1], b".")
    assert silent.pump.join(DEADLINE_SECS)
    assert stuck.pump.join(DEADLINE_SECS)
    silent.close()
    stuck.close()


def test_pump_tells_the_looker_of_the_end(stop: tuple[int, int]) -> None:
    """The end of the source is looked at too, because a last line may lack its line end."""
    pieces: list[bytes] = []
    pump = Direction(pieces.append, look_first=False, turn=threading.RLock(), stop=stop[0])
    os.write(pump.feed, b"last")
    assert os.read(pump.output, 100) == b"last"
    os.close(pump.feed)
    assert os.read(pump.output, 100) == b""
    assert pump.pump.join(DEADLINE_SECS)
    assert pieces == [b"last", b""]
    os.close(pump.output)
