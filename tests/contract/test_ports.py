"""A double obeys the contract of what it stands for: the same tests for all who fill a port."""

from __future__ import annotations

import contextlib
import io

import pytest

from mcptelemetry.system import (
    BLOCK_BYTES,
    Answer,
    AppendTransport,
    HttpTransport,
    NoAnswer,
    PrintingTransport,
    Request,
    SystemClock,
    Withheld,
)
from mcptelemetry.testing import FakeClock, ScriptedServer, ScriptedTransport, refusing_url

BODY = b"x" * 100


@contextlib.contextmanager
def answering(kind, folder):
    """Give a transport of that *kind* and a URL at which it gets an answer with a body of 100 bytes."""
    reply = Answer(202, {"X-Word": "Said"}, BODY)
    if kind == "scripted":
        yield ScriptedTransport(otherwise=reply), "https://t.acme.dev/e"
    elif kind == "http":
        with ScriptedServer(otherwise=(202, BODY, {"X-Word": "Said"})) as server:
            yield HttpTransport(environ={}), server.events_url
    elif kind == "printing":
        yield PrintingTransport(io.StringIO()), "https://t.acme.dev/e"
    else:
        yield AppendTransport(), (folder / "events.jsonl").as_uri()


@contextlib.contextmanager
def failing(kind, folder):
    """Give a transport of that *kind* and a URL at which it gets no answer."""
    if kind == "scripted":
        yield ScriptedTransport(otherwise=NoAnswer("refused")), "https://t.acme.dev/e"
    elif kind == "http":
        with refusing_url() as url:
            yield HttpTransport(environ={}), url
    else:
        yield AppendTransport(), (folder / "missing" / "events.jsonl").as_uri()


KINDS = pytest.mark.parametrize("kind", ["scripted", "http", "append", "printing"])
CAN_FAIL = pytest.mark.parametrize("kind", ["scripted", "http", "append"])


@KINDS
@pytest.mark.parametrize("count", [0, 10, 4096])
def test_transport_answers_with_no_more_than_was_asked_for(kind, tmp_path, count):
    """An answer has a status, headers in lower case, and at most as much of the body as was asked for."""
    with answering(kind, tmp_path) as (transport, url):
        answer = transport.post(Request(url, b"{}\n", {"Content-Type": "application/json"}, 5.0, count))
        transport.close()
    assert 200 <= answer.status < 300
    assert len(answer.body) <= count
    assert all(name == name.lower() for name in answer.headers)
    if kind in ("scripted", "http"):
        assert answer.headers["x-word"] == "Said"
        assert answer.body == BODY[:count]


@CAN_FAIL
def test_transport_without_an_answer_raises_its_one_error(kind, tmp_path):
    """When no status came back the error is `NoAnswer`, with one line that says why."""
    with failing(kind, tmp_path) as (transport, url):
        with pytest.raises(NoAnswer) as caught:
            transport.post(Request(url, b"{}\n", {}, 5.0))
        transport.close()
    assert str(caught.value).isprintable()
    assert str(caught.value)


@KINDS
def test_transport_goes_on_after_renewal_and_closing(kind, tmp_path):
    """After `after_fork()` and `close()`, in any order and twice, the next post is answered."""
    with answering(kind, tmp_path) as (transport, url):
        for step in (transport.close, transport.after_fork, transport.close, transport.close):
            step()
            assert transport.post(Request(url, b"{}\n", {}, 5.0)).status in (200, 202)
        transport.close()


@KINDS
@pytest.mark.parametrize(("size", "questions"), [(0, 1), (1, 1), (BLOCK_BYTES, 1), (BLOCK_BYTES + 1, 2), (40_000, 3)])
def test_transport_asks_before_each_block(kind, size, questions, tmp_path):
    """Whether the body may leave is asked before its first byte, and again before each further block."""
    asked = []
    with answering(kind, tmp_path) as (transport, url):
        transport.post(Request(url, b"x" * size, {}, 5.0, may_send=lambda: not asked.append(None)))
        transport.close()
    assert len(asked) == questions


@KINDS
@pytest.mark.parametrize("allowed", [0, 1, 2])
def test_transport_writes_nothing_after_a_no(kind, allowed, tmp_path):
    """When it may not be sent that is an error of its own, and the next post is answered again."""
    left = iter([True] * allowed)
    with answering(kind, tmp_path) as (transport, url):
        with pytest.raises(Withheld):
            transport.post(Request(url, b"x" * 40_000, {}, 5.0, may_send=lambda: next(left, False)))
        if kind == "append":
            assert (tmp_path / "events.jsonl").read_bytes() == b""
        elif kind == "scripted":
            assert transport.requests == []
        assert transport.post(Request(url, b"{}\n", {}, 5.0)).status in (200, 202)
        transport.close()


@KINDS
def test_transport_lets_an_error_of_the_question_through(kind, tmp_path):
    """A question that fails is no yes: nothing is sent, and the error is not taken for the network's."""

    def fail():
        raise LookupError

    with answering(kind, tmp_path) as (transport, url):
        with pytest.raises(LookupError):
            transport.post(Request(url, b"{}\n", {}, 5.0, may_send=fail))
        transport.close()
    assert not (tmp_path / "events.jsonl").exists() or (tmp_path / "events.jsonl").read_bytes() == b""


@pytest.mark.parametrize("clock", [SystemClock(), FakeClock()])
def test_clock_gives_seconds(clock):
    """A clock gives Unix seconds, and seconds that never go back."""
    assert clock.time() > 1_600_000_000
    assert clock.monotonic() <= clock.monotonic()
