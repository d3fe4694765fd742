"""Small posts that the embedded server has at hand together: few threads, one commit, and nobody else waits for them."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from mcptelemetry.collector import Server, SqliteStore, serve
from mcptelemetry.collector.stores import Stored
from mcptelemetry.wire import TelemetryBatch, TelemetryEvent

LIMIT_SECS = 30
MORE_THAN_WORKERS = 40


class StandingStore(SqliteStore):
    """A store whose transactions stand still until `go_on` is set."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.transactions: list[int] = []
        self.go_on = threading.Event()

    def add_batches(self, received: Sequence[tuple[TelemetryBatch, int]]) -> list[Stored]:
        assert self.go_on.wait(LIMIT_SECS)
        self.transactions.append(len(received))
        return super().add_batches(received)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StandingStore]:
    """Return a fresh store that stands still."""
    standing = StandingStore(tmp_path / "collector.db")
    yield standing
    standing.go_on.set()


@pytest.fixture
def server(store: StandingStore) -> Iterator[Server]:
    """Return a running server on *store*."""
    with serve(store) as running:
        yield running
        store.go_on.set()


def a_post(name: str, path: str = "/events") -> bytes:
    """Return a whole request with one event."""
    body = TelemetryBatch([TelemetryEvent("a", "local_only", timestamp_secs=1, id=name)], app="acme-mcp", version="v1").to_json()
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def wait_until(condition: Callable[[], bool]) -> None:
    """Return as soon as *condition* holds."""
    for _ in range(LIMIT_SECS * 100):
        if condition():
            return
        threading.Event().wait(0.01)
    pytest.fail("it did not come to that")


def at_work(server: Server) -> int:
    """Return how many whole requests of *server* wait for their answers."""
    channels: list[Any] = list(server._server._server.active_channels.values())
    return sum(channel.is_at_work for channel in channels)


def connect(stack: ExitStack, server: Server) -> socket.socket:
    """Open a connection that lasts as long as *stack*."""
    return stack.enter_context(socket.create_connection((server.host, server.port), LIMIT_SECS))


def read_answer(connection: socket.socket) -> bytes:
    """Return the next answer on *connection*, which is one with a body of one line."""
    answer = b""
    while not answer.endswith(b"}\n"):
        part = connection.recv(65_536)
        assert part, answer
        answer += part
    return answer


def test_a_store_that_stands_still_keeps_few_threads(server: Server, store: StandingStore) -> None:
    """More posts than there are threads wait for one commit, and somebody else is answered meanwhile; then each is, once."""
    with ExitStack() as stack:
        senders = [connect(stack, server) for _ in range(MORE_THAN_WORKERS)]
        for number, sender in enumerate(senders):
            sender.sendall(a_post(str(number)))
            wait_until(lambda number=number: at_work(server) == number + 1)  # type: ignore[misc]  # each in a turn of its own
        health = http.client.HTTPConnection(server.host, server.port, timeout=LIMIT_SECS)
        health.request("GET", "/healthz")
        assert health.getresponse().status == 200
        health.close()
        store.go_on.set()
        for sender in senders:
            assert read_answer(sender).endswith(b'{"stored": 1, "duplicates": 0}\n')
    assert sum(store.transactions) == MORE_THAN_WORKERS
    assert len(store.transactions) < 10
    assert sum(store.count_outcomes().values()) == MORE_THAN_WORKERS


def test_requests_behind_each_other_on_one_connection_are_answered_in_order(server: Server, store: StandingStore) -> None:
    """A sender that does not wait for its answers gets all of them, small posts and others mixed."""
    store.go_on.set()
    paths = ["/events", "/api/telemetry/tool-invocations", "/elsewhere", "/events", "/events"]
    with ExitStack() as stack:
        sender = connect(stack, server)
        sender.sendall(b"".join(a_post(str(number), path) for number, path in enumerate(paths)))
        answers = b""
        while answers.count(b"}\n") < len(paths):
            part = sender.recv(65_536)
            assert part, answers
            answers += part
    statuses = [line.split()[1] for line in answers.split(b"\n") if line.startswith(b"HTTP/1.1")]
    assert statuses == [b"202", b"202", b"404", b"202", b"202"]
    assert sum(store.count_outcomes().values()) == 4


def test_a_sender_that_has_gone_costs_the_others_nothing(server: Server, store: StandingStore) -> None:
    """Its connection breaks while its post waits beside others; each of those is answered."""
    with ExitStack() as stack:
        first, others = connect(stack, server), [connect(stack, server) for _ in range(6)]
        first.sendall(a_post("first"))
        wait_until(lambda: at_work(server) == 1)
        for number, other in enumerate(others):
            other.sendall(a_post(str(number)))
        wait_until(lambda: at_work(server) == 7)
        for gone in others[::2]:
            gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # reset, not ended
            gone.close()
        store.go_on.set()
        for kept in (first, *others[1::2]):
            assert b" 202 " in read_answer(kept)
        again = connect(stack, server)
        again.sendall(a_post("again"))
        assert b" 202 " in read_answer(again)


def test_a_server_that_is_stopped_leaves_undone_what_nobody_has_begun(store: StandingStore) -> None:
    """It ends in its time although a commit stands still, and says nothing to those that wait for one."""
    with ExitStack() as stack:
        server = serve(store)
        senders = [connect(stack, server) for _ in range(12)]
        for number, sender in enumerate(senders):
            sender.sendall(a_post(str(number)))
            wait_until(lambda number=number: at_work(server) == number + 1)  # type: ignore[misc]
        server.stop(timeout=0.5)
        for sender in senders:
            assert sender.recv(65_536) == b""
        store.go_on.set()
        wait_until(lambda: not any(handle.is_alive() for handle in server._server._workers.handles))


def test_an_app_with_middleware_around_it_is_called_a_thread_each(store: StandingStore) -> None:
    """Middleware that holds one post up holds up no other."""
    is_held, go_on = threading.Event(), threading.Event()
    store.go_on.set()

    def holding(app: Any) -> Any:
        def wrapped(environ: dict[str, Any], start_response: Any) -> Any:
            if not is_held.is_set():
                is_held.set()
                assert go_on.wait(LIMIT_SECS)
            return app(environ, start_response)

        return wrapped

    with serve(store, wrap=holding) as server, ExitStack() as stack:
        held, other = connect(stack, server), connect(stack, server)
        held.sendall(a_post("held"))
        assert is_held.wait(LIMIT_SECS)
        other.sendall(a_post("other"))
        assert b" 202 " in read_answer(other)
        go_on.set()
        assert b" 202 " in read_answer(held)
