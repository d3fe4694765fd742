"""The collector's routes: what they answer, to whom, and what they store."""

from __future__ import annotations

import gzip
import io
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from mcptelemetry.collector import EVENTS_PATH, SqliteStore, compile_report, create_app
from mcptelemetry.wire import TelemetryBatch, TelemetryEvent

MIB = 1024 * 1024


class Time:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 1_700_000_000.0

    def time(self) -> float:
        """Return Unix seconds."""
        return self.seconds

    def monotonic(self) -> float:
        """Return the same, which only rises here."""
        return self.seconds


def a_body(*ids: str | None) -> bytes:
    """Return a batch with one event an id."""
    events = [TelemetryEvent("a", "local_only", timestamp_secs=1, id=name) for name in ids]
    return TelemetryBatch(events, app="acme-mcp", version="v1").to_json()


def stored(store: SqliteStore) -> int:
    """Return how many events *store* holds."""
    return sum(store.count_outcomes().values())


def test_events_are_stored_and_counted(store: SqliteStore, call: Any) -> None:
    """A batch is answered with 202 and what became of its events."""
    app = create_app(store)
    answer = call(app, "POST", EVENTS_PATH, a_body("1", "2"))
    assert (answer.status, answer.document) == (202, {"stored": 2, "duplicates": 0})
    answer = call(app, "POST", EVENTS_PATH, a_body("2", "3", "3"))
    assert answer.document == {"stored": 1, "duplicates": 2}
    assert stored(store) == 3


def test_unknown_fields_are_named_in_the_answer(store: SqliteStore, call: Any) -> None:
    """An event with a field nobody knows is stored without it, and the answer says so."""
    body = a_body("1").replace(b'"tool"', b'"colour":"red","tool"')
    answer = call(create_app(store), "POST", EVENTS_PATH, body)
    assert answer.status == 202
    assert answer.document == {"stored": 1, "duplicates": 0, "ignored_fields": ["colour"]}


def test_one_bad_event_refuses_its_batch(store: SqliteStore, call: Any) -> None:
    """A batch is stored whole or not at all, and the error names the event and field."""
    body = a_body("1", "2").replace(b'"latency_ms":0,"timestamp_secs":1,"id":"2"', b'"latency_ms":"x"')
    answer = call(create_app(store), "POST", EVENTS_PATH, body)
    assert answer.status == 400
    assert answer.document["error"].startswith("events[1].")
    assert stored(store) == 0


@pytest.mark.parametrize("body", [b"", b"hello", b"[]", b"[" * 200_000, b"\xff", b'{"events":[{"a":NaN}]}'])
def test_no_document_is_refused(store: SqliteStore, call: Any, body: bytes) -> None:
    """What is no batch is answered with 400, and the next batch is taken."""
    app = create_app(store)
    assert call(app, "POST", EVENTS_PATH, body).status == 400
    assert call(app, "POST", EVENTS_PATH, a_body("1")).status == 202


def test_body_over_one_mebibyte_is_refused_unread(store: SqliteStore, call: Any) -> None:
    """A body that says it is too large is answered with 413 before it is read."""

    class Untouched(io.BytesIO):
        def read(self, *_size: Any) -> bytes:
            pytest.fail("the body was read")

    answer = call(
        create_app(store),
        "POST",
        EVENTS_PATH,
        **{"CONTENT_LENGTH": str(MIB + 1), "wsgi.input": Untouched()},
    )
    assert answer.status == 413
    assert str(MIB) in answer.document["error"]


def test_body_of_one_mebibyte_is_taken(store: SqliteStore, call: Any) -> None:
    """The limit itself is allowed."""
    body = a_body("1").ljust(MIB)
    assert call(create_app(store), "POST", EVENTS_PATH, body).status == 202


def test_streamed_body_is_bounded(store: SqliteStore, call: Any) -> None:
    """A body of no announced length is taken up to the limit and refused beyond."""
    app = create_app(store)
    chunked = {"CONTENT_LENGTH": None, "HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
    assert call(app, "POST", EVENTS_PATH, a_body("1"), **chunked).status == 202
    assert call(app, "POST", EVENTS_PATH, a_body("2").ljust(MIB + 1), **chunked).status == 413
    assert stored(store) == 1


@pytest.mark.parametrize(
    ("length", "status"),
    [(None, 411), ("", 411), ("-1", 400), ("1e3", 400), ("²", 400), ("9" * 30, 413), ("9999", 400)],
)
def test_length_that_is_none_is_refused(store: SqliteStore, call: Any, length: str | None, status: int) -> None:
    """A missing, impossible or untrue Content-Length is refused with its own status."""
    answer = call(create_app(store), "POST", EVENTS_PATH, a_body("1"), CONTENT_LENGTH=length)
    assert answer.status == status
    assert stored(store) == 0


def test_gzip_is_inflated(store: SqliteStore, call: Any) -> None:
    """A compressed body is read as what it holds."""
    answer = call(
        create_app(store), "POST", EVENTS_PATH, gzip.compress(a_body("1")), {"Content-Encoding": "gzip"}
    )
    assert answer.status == 202


def test_gzip_bomb_is_refused(store: SqliteStore, call: Any) -> None:
    """A small body that inflates to a huge one is answered with 413."""
    bomb = gzip.compress(b"0" * (256 * MIB), 9)
    assert len(bomb) < MIB
    answer = call(create_app(store), "POST", EVENTS_PATH, bomb, {"Content-Encoding": "gzip"})
    assert answer.status == 413


@pytest.mark.parametrize(
    "damage",
    [lambda body: body[:-1], lambda body: body[:20], lambda _: b"hello", lambda _: b"", lambda body: body * 2],
)
def test_damaged_gzip_is_refused(store: SqliteStore, call: Any, damage: Any) -> None:
    """A body that is not the gzip it says it is is answered with 400."""
    body = damage(gzip.compress(a_body("1")))
    assert call(create_app(store), "POST", EVENTS_PATH, body, {"Content-Encoding": "gzip"}).status == 400


def test_unknown_encoding_is_refused(store: SqliteStore, call: Any) -> None:
    """An encoding that is not known is answered with 415 and the one that is."""
    answer = call(create_app(store), "POST", EVENTS_PATH, b"x", {"Content-Encoding": "br"})
    assert (answer.status, answer.headers["Accept-Encoding"]) == (415, "gzip")


@pytest.mark.parametrize("given", [None, "", "Bearer", "Bearer wrong", "Basic s3cret", "Bearer s3cretx", "Bearer \xfc"])
def test_events_without_the_token_are_refused(store: SqliteStore, call: Any, given: str | None) -> None:
    """With a token set, a missing or wrong one is answered with 401 and a challenge."""
    headers = {} if given is None else {"Authorization": given}
    answer = call(create_app(store, token="s3cret"), "POST", EVENTS_PATH, a_body("1"), headers)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert stored(store) == 0


@pytest.mark.parametrize("given", ["Bearer s3cret", "bearer  s3cret "])
def test_events_with_the_token_are_taken(store: SqliteStore, call: Any, given: str) -> None:
    """The right bearer token opens the door."""
    answer = call(
        create_app(store, token="s3cret"), "POST", EVENTS_PATH, a_body("1"), {"Authorization": given}
    )
    assert answer.status == 202


def test_events_of_web_pages_are_refused(store: SqliteStore, call: Any) -> None:
    """A page in a browser on this machine cannot fill the collector."""
    answer = call(create_app(store), "POST", EVENTS_PATH, a_body("1"), {"Origin": "https://example.com"})
    assert answer.status == 403
    assert stored(store) == 0


def test_rate_is_limited(store: SqliteStore, call: Any) -> None:
    """Over the rate the answer is 429 with the seconds to wait, after which it goes on."""
    clock = Time()
    app = create_app(store, rate_limit=2, clock=clock)
    statuses = [call(app, "POST", EVENTS_PATH, a_body(str(number))).status for number in range(3)]
    assert statuses == [202, 202, 429]
    answer = call(app, "POST", EVENTS_PATH, a_body("x"))
    assert answer.headers["Retry-After"] == "1"
    clock.seconds += 1
    assert call(app, "POST", EVENTS_PATH, a_body("x")).status == 202
    assert call(app, "GET", "/healthz").status == 200


def test_strangers_do_not_use_up_the_rate(store: SqliteStore, call: Any) -> None:
    """Who has no token is refused before being counted."""
    app = create_app(store, token="s3cret", rate_limit=1, clock=Time())
    for _ in range(3):
        assert call(app, "POST", EVENTS_PATH, a_body("1")).status == 401
    assert call(app, "POST", EVENTS_PATH, a_body("1"), {"Authorization": "Bearer s3cret"}).status == 202


def test_health_is_shown(store: SqliteStore, call: Any) -> None:
    """The health check answers ok, also to a HEAD request."""
    app = create_app(store)
    answer = call(app, "GET", "/healthz")
    assert (answer.status, answer.document) == (200, {"status": "ok"})
    answer = call(app, "HEAD", "/healthz")
    assert (answer.status, answer.document) == (200, None)


def test_report_is_shown_to_loopback(store: SqliteStore, call: Any) -> None:
    """Whoever sits at the collector's machine reads the report, of one application if they like."""
    app = create_app(store)
    call(app, "POST", EVENTS_PATH, a_body("1"))
    assert call(app, "GET", "/api/report").document == compile_report(store)
    answer = call(app, "GET", "/api/report", QUERY_STRING="app=acme-mcp")
    assert answer.document == compile_report(store, app="acme-mcp")


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:1", "[::1]:80", None])
def test_loopback_has_many_names(store: SqliteStore, call: Any, peer: str, host: str | None) -> None:
    """Every address and name of this very machine counts as loopback."""
    answer = call(create_app(store), "GET", "/api/report", REMOTE_ADDR=peer, HTTP_HOST=host)
    assert answer.status == 200


@pytest.mark.parametrize(
    "environ",
    [
        {"REMOTE_ADDR": "192.0.2.1"},
        {"REMOTE_ADDR": "::ffff:192.0.2.1"},
        {"REMOTE_ADDR": ""},
        {"REMOTE_ADDR": None},
        {"HTTP_X_FORWARDED_FOR": "192.0.2.1"},
        {"HTTP_X_FORWARDED_FOR": ""},
        {"HTTP_FORWARDED": "for=127.0.0.1"},
        {"HTTP_VIA": "1.1 proxy"},
        {"HTTP_HOST": "evil.example"},
        {"HTTP_HOST": "127.0.0.1.evil.example:80"},
        {"HTTP_HOST": "localhost.evil.example"},
        {"HTTP_HOST": "192.0.2.1"},
    ],
    ids=str,
)
def test_report_is_not_shown_to_others(store: SqliteStore, call: Any, environ: dict[str, str]) -> None:
    """Another machine, a proxy's client and a page with a rebound name are refused."""
    answer = call(create_app(store), "GET", "/api/report", **environ)
    assert (answer.status, set(answer.document)) == (403, {"error"})


def test_report_token_is_asked_of_everybody(store: SqliteStore, call: Any) -> None:
    """With a report token set it opens the report from anywhere, and nothing else does."""
    app = create_app(store, token="s3cret", report_token="r3ader")
    assert call(app, "GET", "/api/report").status == 401
    assert call(app, "GET", "/api/report", headers={"Authorization": "Bearer s3cret"}).status == 401
    headers = {"Authorization": "Bearer r3ader", "X-Forwarded-For": "192.0.2.1"}
    answer = call(app, "GET", "/api/report", headers=headers, REMOTE_ADDR="192.0.2.1", HTTP_HOST="t.example")
    assert answer.status == 200


@pytest.mark.parametrize("path", ["/nothing", "", "/", "/healthz/", "/API/report", EVENTS_PATH + "/1"])
def test_unknown_paths_are_answered(store: SqliteStore, call: Any, path: str) -> None:
    """A path without a route is answered with 404 in JSON."""
    answer = call(create_app(store), "GET", path)
    assert (answer.status, set(answer.document)) == (404, {"error"})


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", EVENTS_PATH, "POST"), ("POST", "/healthz", "GET, HEAD"), ("DELETE", "/api/report", "GET, HEAD")],
)
def test_wrong_method_is_told_the_right_one(
    store: SqliteStore, call: Any, method: str, path: str, allowed: str
) -> None:
    """A method that a route does not have is answered with 405 and those it has."""
    answer = call(create_app(store), method, path)
    assert (answer.status, answer.headers["Allow"]) == (405, allowed)


def test_answers_are_not_kept_or_sniffed(store: SqliteStore, call: Any) -> None:
    """Every answer is JSON that nobody caches or guesses about."""
    for method, path in (("GET", "/healthz"), ("GET", "/x"), ("POST", EVENTS_PATH)):
        headers = call(create_app(store), method, path).headers
        assert headers["Content-Type"] == "application/json"
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_damaged_store_is_answered_with_try_later(
    store: SqliteStore, call: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A store that cannot be used is 503 with Retry-After, one line in the log, and no path in the answer."""
    app = create_app(store)
    Path(store.path).write_bytes(b"no database at all, not even close to one" * 50)
    with caplog.at_level(logging.DEBUG):
        answers = [
            call(app, "POST", EVENTS_PATH, a_body("1")),
            call(app, "GET", "/api/report"),
            call(app, "GET", "/healthz"),
        ]
    assert {answer.status for answer in answers} == {503}
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers)
    assert not any(store.path in json.dumps(answer.document) for answer in answers)
    (record,) = caplog.records
    assert store.path in record.getMessage()
    assert record.levelno == logging.WARNING


def test_store_that_comes_back_is_used_again(store: SqliteStore, call: Any) -> None:
    """When the damaged file has been moved away the collector goes on with a new one."""
    app = create_app(store)
    Path(store.path).write_bytes(b"x" * 4096)
    assert call(app, "POST", EVENTS_PATH, a_body("1")).status == 503
    Path(store.path).unlink()
    assert call(app, "POST", EVENTS_PATH, a_body("1")).status == 202
    assert stored(store) == 1


def test_failure_of_our_own_is_answered(call: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A mistake in the collector is a 500 in JSON, and its log has the traceback."""

    class Broken:
        def check(self) -> None:
            raise ZeroDivisionError

    answer = call(create_app(Broken()), "GET", "/healthz")  # type: ignore[arg-type]  # on purpose
    assert (answer.status, set(answer.document)) == (500, {"error"})
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"token": ""}, ValueError),
        ({"token": "two words"}, ValueError),
        ({"token": "schlüssel"}, ValueError),
        ({"token": b"s3cret"}, TypeError),
        ({"report_token": ""}, ValueError),
        ({"report_token": 7}, TypeError),
        ({"rate_limit": 0}, ValueError),
        ({"rate_limit": -1}, ValueError),
        ({"rate_limit": float("nan")}, ValueError),
        ({"rate_limit": "many"}, TypeError),
        ({"rate_limit": True}, TypeError),
        ({"clock": 7}, TypeError),
    ],
    ids=str,
)
def test_unusable_options_are_named(store: SqliteStore, options: dict[str, Any], error: type[Exception]) -> None:
    """An option that cannot be used is an error at construction that names it, never a token."""
    with pytest.raises(error, match=next(iter(options))) as caught:
        create_app(store, **options)
    assert "two words" not in str(caught.value)


def test_time_of_receipt_is_the_clocks(store: SqliteStore, call: Any) -> None:
    """What is stored beside an event is when it came, and not from where."""
    call(create_app(store, clock=Time()), "POST", EVENTS_PATH, a_body("1"))
    (received,) = store.events()
    assert received[:3] == (1_700_000_000, "acme-mcp", "v1")
    assert b"127.0.0.1" not in Path(store.path).read_bytes()
