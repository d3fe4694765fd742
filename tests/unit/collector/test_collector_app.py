"""The collector's routes: what they answer, to whom, and what they store."""

from __future__ import annotations

import gzip
import io
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from mcptelemetry.collector import EVENTS_PATH, PEOPLE, Filter, SqliteStore, compile_report, create_app
from mcptelemetry.events._formats import format_of
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


def test_what_can_be_stored_of_a_batch_is(store: SqliteStore, call: Any) -> None:
    """One bad event costs its batch nothing: the answer names it by its place and reason."""
    body = a_body("1", "2").replace(b'"latency_ms":0,"timestamp_secs":1,"id":"2"', b'"latency_ms":"x","timestamp_secs":1')
    answer = call(create_app(store), "POST", EVENTS_PATH, body)
    assert answer.status == 202
    (rejected,) = answer.document.pop("rejected")
    assert (answer.document, rejected["index"]) == ({"stored": 1, "duplicates": 0}, 1)
    assert rejected["reason"].startswith("latency_ms must be")
    assert stored(store) == 1


@pytest.mark.parametrize("count", [100, 5_000])
def test_sender_counts_every_event_that_was_not_taken(store: SqliteStore, call: Any, count: int) -> None:
    """However many events are rejected, the answer is as short as senders read and they count all of them."""
    bad = ",".join(["{" + f'"tool":"t","routing_decision":"local_only","status":"{"x" * 100} !"' + ',"latency_ms":0,"timestamp_secs":1}'] * count)
    body = a_body("1").replace(b'{"events":[', b'{"events":[' + bad.encode() + b",")
    answer = call(create_app(store), "POST", EVENTS_PATH, body)
    text = json.dumps(answer.document).encode()
    assert (answer.status, answer.document["stored"], len(text) <= 64 * 1024) == (202, 1, True)
    assert format_of("json").count_rejected(text) == count


def test_batch_of_which_nothing_can_be_stored_is_refused(store: SqliteStore, call: Any) -> None:
    """Only when no event can be stored is the answer 400, naming the first and its field."""
    answer = call(create_app(store), "POST", EVENTS_PATH, a_body("1", "2").replace(b'"latency_ms":0', b'"latency_ms":"x"'))
    assert answer.status == 400
    assert answer.document["error"].startswith("events[0].latency_ms")
    assert stored(store) == 0


def test_word_new_to_the_collector_is_stored_as_other(store: SqliteStore, call: Any) -> None:
    """A later version's error type and status cost nobody an event."""
    body = a_body("1", "2").replace(b'"status":"success"', b'"status":"error","error_type":"quota_exceeded"', 1)
    body = body.replace(b'"status":"success"', b'"status":"half_done"')
    assert call(create_app(store), "POST", EVENTS_PATH, body).document == {"stored": 2, "duplicates": 0}
    assert sorted((event.document['status'], event.document.get('error_type')) for event in store.events()) == [("error", "other"), ("other", None)]


def test_batch_of_nothing_is_taken(store: SqliteStore, call: Any) -> None:
    """Whoever asks with an empty batch whether events are taken here is told yes."""
    assert call(create_app(store), "POST", EVENTS_PATH, b'{"events": []}').document == {"stored": 0, "duplicates": 0}


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


def test_refused_bodies_use_up_no_rate(store: SqliteStore, call: Any) -> None:
    """However much is refused for itself, an honest sender's post is taken."""
    app = create_app(store, rate_limit=2, clock=Time())
    for _ in range(20):
        assert call(app, "POST", EVENTS_PATH, b"hello").status == 400
    assert [call(app, "POST", EVENTS_PATH, a_body(str(number))).status for number in range(3)] == [202, 202, 429]


def test_each_token_writes_for_its_applications(store: SqliteStore, call: Any) -> None:
    """Of several tokens each opens the door, and one for named applications for no other and for no unnamed one."""
    app = create_app(store, token={"t0-all": None, "t0-acme": ["acme-mcp", "acme-cli"], "t0-other": "other-mcp"})

    def post(token: str, body: bytes) -> int:
        status: int = call(app, "POST", EVENTS_PATH, body, {"Authorization": f"Bearer {token}"}).status
        return status

    assert [post(token, a_body("1")) for token in ("t0-all", "t0-acme", "t0-other", "t0-none")] == [202, 202, 403, 401]
    unnamed = a_body("2").replace(b',"app":"acme-mcp"', b"")
    assert [post(token, unnamed) for token in ("t0-acme", "t0-all")] == [403, 202]
    assert post("t0-other", b'{"events": []}') == 202


def test_health_is_shown(store: SqliteStore, call: Any) -> None:
    """The health check answers ok, also to a HEAD request."""
    app = create_app(store)
    answer = call(app, "GET", "/healthz")
    assert (answer.status, answer.document) == (200, {"status": "ok"})
    answer = call(app, "HEAD", "/healthz")
    assert (answer.status, answer.document) == (200, None)


READERS = ("/api/report", "/metrics", "/")


@pytest.mark.parametrize("path", READERS)
@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "192.0.2.1"])
def test_report_without_a_token_is_closed(store: SqliteStore, call: Any, path: str, peer: str) -> None:
    """An app that was given no report token shows it to nobody, wherever they are, and says how it is opened."""
    answer = call(create_app(store), "GET", path, headers={"Authorization": "Bearer x"}, REMOTE_ADDR=peer, HTTP_HOST="localhost")
    assert answer.status == 403
    assert "report_token" in answer.document["error"]
    assert call(create_app(store), "GET", path, QUERY_STRING="token=x").status == 403


def test_report_is_shown_to_its_token(store: SqliteStore, call: Any) -> None:
    """The report token opens the report from anywhere, and nothing else does."""
    app = create_app(store, token="s3cret", report_token="r3ader")
    call(app, "POST", EVENTS_PATH, a_body("1"), {"Authorization": "Bearer s3cret"})
    for path in READERS:
        assert call(app, "GET", path).status == 401
        assert call(app, "GET", path, headers={"Authorization": "Bearer s3cret"}).status == 401
    headers = {"Authorization": "Bearer r3ader", "X-Forwarded-For": "192.0.2.1"}
    answer = call(app, "GET", "/api/report", headers=headers, REMOTE_ADDR="192.0.2.1", HTTP_HOST="t.example")
    assert answer.document == compile_report(store, Filter(env_kinds=PEOPLE))
    answer = call(app, "GET", "/api/report", headers=headers, QUERY_STRING="app=acme-mcp&env_kind=all&tool=a&until=1970-01-02")
    assert answer.document == compile_report(store, Filter(app="acme-mcp", tool="a", until=86_400))
    refusal = call(app, "GET", "/api/report", headers=headers, QUERY_STRING="since=yesterday")
    assert (refusal.status, "since" in refusal.document["error"]) == (400, True)


@pytest.mark.parametrize("path", READERS[:1])
def test_token_in_an_address_is_swapped_for_a_cookie(store: SqliteStore, call: Any, path: str) -> None:
    """A redirect takes the token out of the address and leaves a cookie that opens the report and is not the token."""
    app = create_app(store, report_token="r3ader")
    answer = call(app, "GET", path, QUERY_STRING="app=acme-mcp&token=r3ader")
    assert (answer.status, answer.headers["Location"]) == (303, f"{path}?app=acme-mcp")
    cookie, *attributes = answer.headers["Set-Cookie"].split("; ")
    assert set(attributes) == {"Path=/", "HttpOnly", "SameSite=Strict"}
    assert "r3ader" not in cookie
    assert call(app, "GET", path, headers={"Cookie": f"other=1; {cookie}"}).status == 200
    assert call(app, "GET", path, headers={"Cookie": cookie[:-1]}).status == 401
    assert call(app, "GET", path, QUERY_STRING="token=wrong").status == 401
    name = cookie.partition("=")[0]
    assert call(create_app(store, report_token="other"), "GET", path, headers={"Cookie": cookie}).status == 401
    assert call(app, "GET", path, headers={"Cookie": f"{name}=r3ader"}).status == 401


def test_cookie_is_for_https_only_where_the_reader_came_so(store: SqliteStore, call: Any) -> None:
    """Behind a proxy that ends the encryption the cookie never travels without it."""
    app = create_app(store, report_token="r3ader")
    answer = call(app, "GET", "/", QUERY_STRING="token=r3ader", HTTP_X_FORWARDED_PROTO="https")
    assert "; Secure" in answer.headers["Set-Cookie"]


@pytest.mark.parametrize("host", ["[::1]evil.example", "a b", "localhost:x", "localhost:80:80", "[::1", "::1", "e/vil", "u@h"])
def test_host_that_is_none_is_refused(store: SqliteStore, call: Any, host: str) -> None:
    """A Host header that names no host opens nothing, whatever token comes with it."""
    app = create_app(store, report_token="r3ader")
    answer = call(app, "GET", "/api/report", headers={"Authorization": "Bearer r3ader"}, HTTP_HOST=host)
    assert answer.status == 400
    assert call(app, "GET", "/", QUERY_STRING="token=r3ader", HTTP_HOST=host).status == 400


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:1", "[::1]:80", "t.acme.dev", None])
def test_host_has_many_names(store: SqliteStore, call: Any, host: str | None) -> None:
    """Any name that this machine may have for itself or a proxy for it is one."""
    app = create_app(store, report_token="r3ader")
    answer = call(app, "GET", "/api/report", headers={"Authorization": "Bearer r3ader"}, HTTP_HOST=host)
    assert answer.status == 200


def test_head_of_the_report_asks_the_store_nothing(call: Any) -> None:
    """Who wants no report has none made."""

    class Unasked:
        def __getattr__(self, name: str) -> Any:
            pytest.fail(f"the store was asked for {name}")

    app = create_app(Unasked(), report_token="r3ader")  # type: ignore[arg-type]  # on purpose
    for path in READERS:
        assert call(app, "HEAD", path, headers={"Authorization": "Bearer r3ader"}).status == 200


@pytest.mark.parametrize("path", ["/nothing", "/healthz/", "/API/report", EVENTS_PATH + "/1"])
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
    app = create_app(store, report_token="r3ader")
    Path(store.path).write_bytes(b"no database at all, not even close to one" * 50)
    with caplog.at_level(logging.DEBUG):
        answers = [
            call(app, "POST", EVENTS_PATH, a_body("1")),
            call(app, "GET", "/api/report", headers={"Authorization": "Bearer r3ader"}),
            call(app, "GET", "/readyz"),
            call(app, "POST", EVENTS_PATH, a_body("1")),
        ]
        assert call(app, "GET", "/healthz").status == 200
        answers.append(call(app, "POST", EVENTS_PATH, a_body("1")))
    assert {answer.status for answer in answers} == {503}
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers)
    assert not any(store.path in json.dumps(answer.document) for answer in answers)
    (record,) = caplog.records
    assert store.path in record.getMessage()
    assert record.levelno == logging.WARNING


def test_end_of_an_outage_is_said(store: SqliteStore, call: Any, caplog: pytest.LogCaptureFixture) -> None:
    """When documents can be stored again that is a line too, and the next outage has its own."""
    app = create_app(store)
    whole = Path(store.path).read_bytes()
    for _ in range(2):
        Path(store.path).write_bytes(b"x" * 4096)
        assert call(app, "POST", EVENTS_PATH, a_body("1")).status == 503
        assert call(app, "POST", EVENTS_PATH, a_body("1")).status == 503
        Path(store.path).write_bytes(whole)
        assert call(app, "GET", "/readyz").document == {"status": "ready"}
        assert call(app, "POST", EVENTS_PATH, a_body("1")).status == 202
    assert ["again" in record.getMessage() for record in caplog.records] == [False, True, False, True]


def test_database_removed_while_in_use_is_noticed(
    store: SqliteStore, call: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """It is not replaced without a word: the answer is 503 until it is there again, and the log says that it is gone."""
    app = create_app(store)
    call(app, "POST", EVENTS_PATH, a_body("1"))
    aside = Path(store.path).rename(Path(store.path).with_name("aside.db"))
    assert call(app, "POST", EVENTS_PATH, a_body("2")).status == 503
    assert call(app, "GET", "/readyz").status == 503
    assert not Path(store.path).exists()
    assert "the collector's store cannot be used" in caplog.text
    aside.rename(store.path)
    assert call(app, "POST", EVENTS_PATH, a_body("2")).status == 202
    assert stored(store) == 2


def test_refusals_are_one_line_a_minute(store: SqliteStore, call: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The first refusal is said at once, those of the next minute together after it, and no line says who."""
    clock = Time()
    app = create_app(store, token="s3cret", clock=clock)
    for _ in range(5):
        call(app, "POST", EVENTS_PATH, a_body("1"), REMOTE_ADDR="192.0.2.1")
    call(app, "GET", "/wp-login.php")
    assert len(caplog.records) == 1
    clock.seconds += 61
    call(app, "GET", "/wp-login.php")
    first, second = (record.getMessage() for record in caplog.records)
    assert first.endswith("by reason: token 1")
    assert second.endswith("by reason: path 2, token 4")
    assert "192.0.2.1" not in caplog.text
    assert store.health(Filter()).refused == {"events: token": 5}
def test_store_that_comes_back_is_used_again(store: SqliteStore, call: Any) -> None:
    """A file that is gone is not replaced without a word; when it has been put back the collector goes on."""
    app = create_app(store)
    assert call(app, "POST", EVENTS_PATH, a_body("1")).status == 202
    whole = Path(store.path).read_bytes()
    Path(store.path).write_bytes(b"x" * 4096)
    assert call(app, "POST", EVENTS_PATH, a_body("2")).status == 503
    Path(store.path).unlink()
    assert call(app, "POST", EVENTS_PATH, a_body("2")).status == 503
    Path(store.path).touch()
    assert call(app, "POST", EVENTS_PATH, a_body("2")).status == 503
    Path(store.path).write_bytes(whole)
    assert call(app, "POST", EVENTS_PATH, a_body("2")).status == 202
    assert stored(store) == 2


def test_failure_of_our_own_is_answered(call: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A mistake in the collector is a 500 in JSON, and its log has the traceback."""

    class Broken:
        def check(self) -> None:
            raise ZeroDivisionError

    answer = call(create_app(Broken()), "GET", "/readyz")  # type: ignore[arg-type]  # on purpose
    assert (answer.status, set(answer.document)) == (500, {"error"})
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"token": ""}, ValueError),
        ({"token": "two words"}, ValueError),
        ({"token": "schlüssel"}, ValueError),
        ({"token": b"s3cret"}, TypeError),
        ({"token": {}}, ValueError),
        ({"token": {"two words": None}}, ValueError),
        ({"token": {"t": []}}, ValueError),
        ({"token": {"t": 7}}, TypeError),
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
