"""The collector takes heartbeats and feedback: each once, checked by the table, and no more than is said."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import sqlite3
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from mcptelemetry.collector import EVENTS_PATH, FEEDBACK_PATH, HEARTBEAT_PATH, Filter, SqliteStore, StoreError, serve
from mcptelemetry.testing import FakeClock, InProcessCollector
from mcptelemetry.wire import TelemetryBatch, TelemetryEvent

FULL = json.loads((Path(__file__).parents[1] / "data" / "heartbeat" / "full.json").read_text())
FEEDBACK = {
    "app": "acme-mcp",
    "category": "bug",
    "message": "It does not start on Tuesdays.",
    "email": "tim@acme.dev",
    "context": {name: FULL[name] for name in ("version", "edition", "os", "arch", "server_count", "connected_server_count", "routing_mode")},
}


def post(url, path, document, headers=()):
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    try:
        # Refused unread: the answer is there all the same.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.request("POST", path, body, {"Content-Type": "application/json", **dict(headers)})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read()), answer.headers
    finally:
        connection.close()


@pytest.fixture
def collector():
    with InProcessCollector() as running:
        yield running


def test_collector_stores_a_heartbeat_once(collector):
    """The same heartbeat_id again is acknowledged and not stored again."""
    assert post(collector.url, HEARTBEAT_PATH, FULL)[:2] == (202, {"stored": 1, "duplicates": 0})
    assert post(collector.url, HEARTBEAT_PATH, FULL)[:2] == (202, {"stored": 0, "duplicates": 1})
    assert collector.heartbeats() == [FULL]


def test_collector_stores_a_later_version_without_its_new_fields_and_names_them(collector):
    """A heartbeat of schema_version 4 is stored without what is new in it, and the answer names that."""
    later = {**FULL, "schema_version": 4, "moon_phase": "full", "env_markers": {**FULL["env_markers"], "is_vm": True}}
    status, answer, _ = post(collector.url, HEARTBEAT_PATH, later)
    assert (status, answer) == (202, {"stored": 1, "duplicates": 0, "ignored_fields": ["env_markers.is_vm", "moon_phase"]})
    assert collector.heartbeats() == [{**FULL, "schema_version": 4}]


def test_collector_refuses_an_unknown_field_of_the_present_version_naming_it(collector):
    """A heartbeat of version 3 with a field that is not in the table is refused by the field's name."""
    status, answer, _ = post(collector.url, HEARTBEAT_PATH, {**FULL, "hostname": "tims-laptop"})
    assert (status, answer) == (400, {"error": "unknown field hostname"})
    assert collector.heartbeats() == []


def test_collector_refuses_a_later_version_with_wrong_types(collector):
    """A later version may have new fields, but the fields that are known must hold what they should."""
    status, answer, _ = post(collector.url, HEARTBEAT_PATH, {**FULL, "schema_version": 4, "server_count": "many"})
    assert status == 400
    assert "server_count" in answer["error"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "an array"),
        (b"\xff", "not UTF-8"),
        (json.dumps(FULL).encode()[:-1] + b', "app": "twice"}', "'app' stands twice"),
        (json.dumps(FULL).replace("81", "NaN").encode(), "NaN"),
        (json.dumps(FULL).replace("81", "9" * 5000).encode(), "tool_count"),
        (b"[" * 10_000, "nested too deeply"),
    ],
)
@pytest.mark.parametrize("path", [HEARTBEAT_PATH, FEEDBACK_PATH])
def test_collector_refuses_what_is_no_document(collector, path, body, named):
    """Bytes that are no document are refused with a sentence, whatever they are."""
    status, answer, _ = post(collector.url, path, body)
    assert status == 400
    if path == HEARTBEAT_PATH:
        assert named in answer["error"]


@pytest.mark.parametrize(("path", "limit"), [(HEARTBEAT_PATH, 16 * 1024), (FEEDBACK_PATH, 64 * 1024), (EVENTS_PATH, 1024 * 1024)])
def test_collector_refuses_what_is_too_large_for_its_route(collector, path, limit):
    """Each route has its limit, on the wire and inflated; what is as large as that is looked at."""
    for body, headers in ((b" " * (limit + 1), {}), (gzip.compress(b" " * (limit + 1)), {"Content-Encoding": "gzip"})):
        status, answer, _ = post(collector.url, path, body, headers)
        assert status == 413
        assert f"{limit} bytes" in answer["error"]
    assert post(collector.url, path, b" " * limit)[0] == 400


def test_collector_keeps_a_new_word_as_other(collector):
    """A word that is new in a closed field costs nobody the heartbeat: it is kept as `other`, whatever the version."""
    for version, number in ((3, "1"), (4, "2")):
        new = {"schema_version": version, "os": "plan9", "env_kind": "spaceship", "heartbeat_id": number * 8 + FULL["heartbeat_id"][8:]}
        assert post(collector.url, HEARTBEAT_PATH, {**FULL, **new})[1]["stored"] == 1
        assert collector.heartbeats()[-1] == {**FULL, **new, "os": "other", "env_kind": "other"}


@pytest.mark.parametrize("os", ["Plan 9!", "", 9, None, ["linux"]])
def test_collector_refuses_what_is_no_word_at_all(collector, os):
    """Text that no version would send in a closed field is refused, and never stored."""
    status, answer, _ = post(collector.url, HEARTBEAT_PATH, {**FULL, "os": os})
    assert (status, "os must be" in answer["error"]) == (400, True)


@pytest.mark.parametrize("field", ["timestamp", "anonymous_id_created_at"])
@pytest.mark.parametrize("moment", ["2026-02-31T10:00:00Z", "2025-02-29T10:00:00Z", "0000-01-01T00:00:00Z", "123456789-01-01T00:00:00Z"])
def test_collector_refuses_a_moment_that_no_calendar_has(collector, field, moment):
    """The 31st of February, and a year of nine digits, are refused by their field."""
    status, answer, _ = post(collector.url, HEARTBEAT_PATH, {**FULL, field: moment})
    assert status == 400
    assert answer["error"].startswith(field)


def test_collector_stores_no_address(collector):
    """Neither the table of heartbeats nor that of feedback has a place for where from."""
    post(collector.url, HEARTBEAT_PATH, FULL, {"X-Forwarded-For": "203.0.113.7", "User-Agent": "canary-agent"})
    post(collector.url, FEEDBACK_PATH, FEEDBACK, {"X-Forwarded-For": "203.0.113.7", "User-Agent": "canary-agent"})
    content = Path(collector.store.path).read_bytes()
    assert b"203.0.113.7" not in content
    assert b"127.0.0.1" not in content
    assert b"canary-agent" not in content


def test_collector_stores_feedback(collector):
    """What a person typed is stored with its context; an email only when one was given."""
    anonymous = {name: value for name, value in FEEDBACK.items() if name not in ("email", "app")}
    assert post(collector.url, FEEDBACK_PATH, FEEDBACK)[:2] == (202, {"success": True})
    assert post(collector.url, FEEDBACK_PATH, {**anonymous, "message": "half a \ud83d character, ten more"})[0] == 202
    first, second = collector.feedback()
    assert {name: first[name] for name in FEEDBACK} == FEEDBACK
    assert (second["app"], second["email"]) == (None, None)
    assert second["message"] == "half a \ufffd character, ten more"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"category": "praise"}, "category"),
        ({"message": "short"}, "message"),
        ({"message": "x" * 5001}, "message"),
        ({"email": "nobody"}, "email"),
        ({"context": {}}, "context.version"),
        ({"context": {**FEEDBACK["context"], "hostname": "x"}}, "context.hostname"),
        ({"phone": "1"}, "phone"),
    ],
)
def test_collector_refuses_feedback_that_does_not_fit_naming_the_field(collector, change, named):
    """What is unknown, missing or wrong in feedback is named."""
    status, answer, _ = post(collector.url, FEEDBACK_PATH, {**FEEDBACK, **change})
    assert status == 400
    assert named in answer["error"]
    assert collector.feedback() == []


def test_collector_token_is_for_events_only(tmp_path):
    """A collector that asks senders of events for a token takes heartbeats and feedback without."""
    with InProcessCollector(token="s3cret") as collector:
        assert post(collector.url, HEARTBEAT_PATH, FULL)[0] == 202
        assert post(collector.url, FEEDBACK_PATH, FEEDBACK)[0] == 202
        assert post(collector.url, "/api/telemetry/tool-invocations", {"events": []})[0] == 401


def test_collector_refuses_heartbeats_of_web_pages(collector):
    """What a web page sends is no application's heartbeat."""
    assert post(collector.url, HEARTBEAT_PATH, FULL, {"Origin": "https://evil.example"})[0] == 403


def test_collector_rate_of_heartbeats_is_bounded_and_does_not_hold_up_events(tmp_path):
    """Over its rate a heartbeat is told to come later, and events have a rate of their own."""
    with serve(SqliteStore(tmp_path / "c.db"), rate_limit=2, clock=FakeClock()) as server:
        statuses = [post(server.url, HEARTBEAT_PATH, FULL)[0] for _ in range(2)]
        status, _, headers = post(server.url, HEARTBEAT_PATH, FULL)
        assert (statuses, status) == ([202, 202], 429)
        assert int(headers["Retry-After"]) >= 1
        assert post(server.url, "/api/telemetry/tool-invocations", {"events": []})[0] == 202


OLDER = Path(__file__).parents[1] / "data" / "collector" / "schema-3.db"
BEGAN_AT = 1_750_000_000
OWN = "0123456789abcdef0123"


@pytest.fixture
def older(tmp_path):
    """Return the path of a database that an older collector wrote, with everything it could hold."""
    path = tmp_path / "c.db"
    path.write_bytes(OLDER.read_bytes())
    return path


def test_collector_database_of_an_older_version_keeps_its_events(older):
    """A database of before is brought up to date with every event whole, whatever make its id is of."""
    received = list(SqliteStore(older).events())
    assert [(one.app, one.received_at - BEGAN_AT, one.document["timestamp_secs"] - BEGAN_AT, one.document.get("id")) for one in received] == [
        ("acme-mcp", 5, 0, f"{OWN}-0"),
        ("acme-mcp", 5, 1, f"{OWN}-1"),
        ("acme-mcp", 5, 1, f"{OWN}-10"),
        (None, 70, 60, None),
        (None, 70, 60, None),
        (None, 70, 61, "my-own.id/7"),
        (None, 70, 62, f"{OWN}-007"),
        ("other-mcp", 7000, 7200, f"{'f' * 20}-3"),
    ]
    assert received[2].document == {
        "tool": "get_issues", "routing_decision": "strategy_remote", "upstream": "cloud", "status": "success",
        "latency_ms": 7, "timestamp_secs": BEGAN_AT + 1, "was_fallback": True, "id": f"{OWN}-10",
    }  # fmt: skip
    assert received[5].document["routing_detail"] == "s*"


def test_collector_database_of_an_older_version_knows_what_it_stored(older):
    """What a database of before holds is a duplicate when it comes again, and new events go beside it."""
    store = SqliteStore(older)
    events = [TelemetryEvent.from_dict(one.document) for one in store.events() if one.app == "acme-mcp"]
    again = TelemetryBatch([*events, TelemetryEvent("new", "local_only", id=f"{OWN}-11")], app="acme-mcp", version="v1.0.0")
    assert store.add_events(again, received_at=BEGAN_AT + 9) == (1, 3)
    assert store.add_heartbeat(FULL, received_at=BEGAN_AT + 9) == (0, 1)


def test_collector_database_of_an_older_version_answers(older):
    """Heartbeats and feedback of before are there whole, and questions about them are answered."""
    store = SqliteStore(older)
    first, second = store.heartbeats()
    assert (first, second["version"]) == (FULL, "v1.5.0")
    assert store.installations(Filter()) == (1, 1, 0)
    assert [use.version for use in store.versions(Filter())] == ["v1.5.0"]
    assert store.calls(Filter()).totals.calls == 8
    (entry,) = store.inbox(Filter())
    assert (entry.message, entry.is_read) == (FEEDBACK["message"], False)
    assert store.health(Filter())[3:7] == (8, 2, 1, 0)


def test_collector_database_of_an_older_version_is_read_by_no_reader(older):
    """Who only reads says that the database is an older one, with the mend, and leaves it as it is."""
    with pytest.raises(StoreError, match="older mcptelemetry; start 'mcptelemetry collect'"):
        SqliteStore(older, read_only=True)
    assert older.read_bytes() == OLDER.read_bytes()


def test_collector_database_of_the_first_version_takes_heartbeats(tmp_path):
    """A database from before there were heartbeats is brought up to date."""
    path = tmp_path / "c.db"
    connection = sqlite3.connect(path)
    connection.execute(
        "CREATE TABLE events (seq INTEGER PRIMARY KEY, id TEXT UNIQUE, app TEXT, version TEXT, received_at INTEGER NOT NULL,"
        " tool TEXT NOT NULL, routing_decision TEXT NOT NULL, routing_detail TEXT, upstream TEXT, status TEXT NOT NULL,"
        " error_type TEXT, latency_ms INTEGER NOT NULL, timestamp_secs INTEGER NOT NULL, was_fallback INTEGER NOT NULL)"
    )
    connection.execute(f"PRAGMA application_id = {0x6D637074}")
    connection.execute("PRAGMA user_version = 1")
    connection.close()
    with InProcessCollector(path) as collector:
        assert post(collector.url, HEARTBEAT_PATH, FULL)[0] == 202
    assert list(SqliteStore(path, read_only=True).heartbeats()) == [FULL]
