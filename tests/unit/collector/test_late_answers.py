"""Answers that wait for a commit: begun one after the other, settled together, and at once for whoever asks at once."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from mcptelemetry.collector import SqliteStore, create_app
from mcptelemetry.collector._app import answering_late
from mcptelemetry.collector.stores import Stored, StoreError
from mcptelemetry.wire import TelemetryBatch, TelemetryEvent


class WatchedStore(SqliteStore):
    """A store that notes how many batches each transaction has, and fails when told to."""

    def __init__(self, path: Any) -> None:
        super().__init__(path)
        self.transactions: list[int] = []
        self.is_down = False

    def add_batches(self, received: Sequence[tuple[TelemetryBatch, int]]) -> list[Stored]:
        if self.is_down:
            msg = "the disk is full"
            raise StoreError(msg)
        self.transactions.append(len(received))
        return super().add_batches(received)


class Post:
    """A post of one event, and what the app has said of it so far."""

    def __init__(self, name: str, **environ: str) -> None:
        event = TelemetryEvent("a", "local_only", timestamp_secs=1, id=name)
        self.body = environ.pop("body", "").encode() or TelemetryBatch([event], app="acme-mcp", version="v1").to_json()
        self._environ = environ
        self.status: str | None = None

    def begin(self, app: Any) -> Iterable[bytes]:
        """Call *app*; the body is not asked for."""
        environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/events", "CONTENT_LENGTH": str(len(self.body)), "wsgi.input": io.BytesIO(self.body)}
        return app({**environ, **self._environ}, self._start_response)

    def _start_response(self, status: str, _headers: object, _error: object = None) -> Any:
        self.status = status
        return lambda _data: None


@pytest.fixture
def store(tmp_path: Any) -> WatchedStore:
    """Return a fresh store."""
    return WatchedStore(tmp_path / "collector.db")


def stored(store: SqliteStore) -> int:
    """Return how many events *store* holds."""
    return sum(store.count_outcomes().values())


def test_who_calls_the_app_is_answered_after_the_commit(store: WatchedStore) -> None:
    """An ordinary server knows the status when the app returns, and the event is stored then."""
    post = Post("1")
    body = post.begin(create_app(store))
    assert (post.status, store.transactions) == ("202 Accepted", [1])
    assert b"".join(body) == b'{"stored": 1, "duplicates": 0}\n'


def test_posts_that_were_begun_together_share_a_transaction(store: WatchedStore) -> None:
    """Nothing is said before the body is asked for; then one commit answers all, each once."""
    late = answering_late(create_app(store))
    posts = [Post(str(number)) for number in range(5)]
    bodies = [post.begin(late) for post in posts]
    assert [post.status for post in posts] == [None] * 5
    assert store.transactions == []
    assert [b"".join(body) for body in bodies] == [b'{"stored": 1, "duplicates": 0}\n'] * 5
    assert [post.status for post in posts] == ["202 Accepted"] * 5
    assert (store.transactions, stored(store)) == ([5], 5)


def test_what_needs_no_commit_is_answered_at_once(store: WatchedStore) -> None:
    """A refusal, another route, a batch of nothing: there is nothing to wait for."""
    late = answering_late(create_app(store, token="secret"))
    asked = {
        "401 Unauthorized": Post("1"),
        "400 Bad Request": Post("1", body="{", HTTP_AUTHORIZATION="Bearer secret"),
        "404 Not Found": Post("1", PATH_INFO="/elsewhere"),
        "202 Accepted": Post("1", body='{"events": []}', HTTP_AUTHORIZATION="Bearer secret"),
    }
    for status, post in asked.items():
        post.begin(late)
        assert post.status == status
    assert store.transactions == []


def test_a_store_that_is_down_is_said_when_the_body_is_asked_for(store: WatchedStore) -> None:
    """503 to each, the outage is noted once it is known, and the next post ends it."""
    late = answering_late(create_app(store))
    store.is_down = True
    posts = [Post(str(number)) for number in range(3)]
    bodies = [post.begin(late) for post in posts]
    assert all(b"cannot be used" in b"".join(body) for body in bodies)
    assert [post.status for post in posts] == ["503 Service Unavailable"] * 3
    store.is_down = False
    again = Post("0")
    assert b"".join(again.begin(late)) == b'{"stored": 1, "duplicates": 0}\n'


def test_a_body_that_is_never_asked_for_is_withdrawn_with_its_close(store: WatchedStore) -> None:
    """The sender has gone before its turn: nothing of it is stored, and nobody else waits for it."""
    late = answering_late(create_app(store))
    gone, kept = Post("1"), Post("2")
    bodies = [gone.begin(late), kept.begin(late)]
    bodies[0].close()  # type: ignore[attr-defined]
    assert b"".join(bodies[1]) == b'{"stored": 1, "duplicates": 0}\n'
    bodies[1].close()  # type: ignore[attr-defined]
    assert (gone.status, store.transactions, stored(store)) == (None, [1], 1)


def test_a_large_body_is_stored_while_it_is_held(store: WatchedStore) -> None:
    """What may not be held by many at once is not left waiting for who asks."""
    events = [TelemetryEvent("a", "local_only", timestamp_secs=1, id=f"{number}") for number in range(500)]
    large = Post("0", body=TelemetryBatch(events, app="acme-mcp", version="v1").to_json().decode())
    assert len(large.body) > 16 * 1024
    large.begin(answering_late(create_app(store)))
    assert (large.status, store.transactions) == ("202 Accepted", [1])


def test_an_app_with_middleware_around_it_answers_when_it_is_called(store: WatchedStore) -> None:
    """Who wraps an app may look for the status as soon as it returns."""
    app = create_app(store)
    assert answering_late(lambda environ, start_response: app(environ, start_response)) is None
