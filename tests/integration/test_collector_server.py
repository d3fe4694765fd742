"""The embedded server over real sockets: what a client meets, and how it ends."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from mcptelemetry import FeedbackRequest, Telemetry
from mcptelemetry.collector import EVENTS_PATH, HEARTBEAT_PATH, Filter, Server, SqliteStore, serve
from mcptelemetry.errors import TelemetryError
from mcptelemetry.wire import TelemetryBatch, TelemetryEvent

MIB = 1024 * 1024


def a_body(*ids: str | None) -> bytes:
    """Return a batch with one event an id."""
    events = [TelemetryEvent("a", "local_only", timestamp_secs=1, id=name) for name in ids]
    return TelemetryBatch(events, app="acme-mcp", version="v1").to_json()


def stored(store: SqliteStore) -> int:
    """Return how many events *store* holds."""
    return sum(store.count_outcomes().values())


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    """Return a fresh store."""
    return SqliteStore(tmp_path / "collector.db")


@pytest.fixture
def server(store: SqliteStore) -> Iterator[Server]:
    """Return a running server on *store*."""
    with serve(store) as running:
        yield running


@pytest.fixture
def session() -> Iterator[requests.Session]:
    """Return an HTTP client that no proxy of the environment comes between."""
    with requests.Session() as client:
        client.trust_env = False
        yield client


def test_a_clean_stop_stores_the_refusals_of_the_last_minute(store: SqliteStore, session: requests.Session) -> None:
    """Each refusal is in the store once the server has stopped, also those that were not said yet."""
    with serve(store, wrap=lambda app: lambda environ, start: app(environ, start)) as running:
        for _ in range(3):
            assert session.post(running.url + HEARTBEAT_PATH, data=b"[]", timeout=10).status_code == 400
    running.stop()
    health = store.health(Filter())
    assert (health.refused, health.given_up) == ({"heartbeats: document": 3}, 3)


def say(server: Server, data: bytes) -> bytes:
    """Send raw bytes and return all that comes back until the server closes."""
    with socket.create_connection((server.host, server.port), timeout=10) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # refused in the middle; the answer is there all the same
        answer = b""
        while True:
            try:
                part = connection.recv(65_536)
            except ConnectionResetError:  # a server that has refused does not read the rest
                part = b""
            if not part:
                return answer
            answer += part


def test_events_are_stored_over_http(server: Server, store: SqliteStore, session: requests.Session) -> None:
    """A batch posted to the server is in the store when the answer is there."""
    answer = session.post(server.url + EVENTS_PATH, data=a_body("1", "2"), timeout=10)
    assert (answer.status_code, answer.json()) == (202, {"stored": 2, "duplicates": 0})
    assert stored(store) == 2
    assert session.get(server.url + "/healthz", timeout=10).json() == {"status": "ok"}
    assert session.get(server.url + "/readyz", timeout=10).json() == {"status": "ready"}


def test_report_is_read_in_a_browser(store: SqliteStore, session: requests.Session) -> None:
    """The address with the token leads to the report without it, by a redirect and a cookie."""
    with serve(store, report_token="r3ader") as server:
        session.post(server.url + EVENTS_PATH, data=a_body("1", "2"), timeout=10)
        answer = session.get(server.url + "/api/report?app=acme-mcp&token=r3ader", timeout=10)
        assert answer.url == server.url + "/api/report?app=acme-mcp"
        assert answer.json()["totals"]["calls"] == 2
        assert session.get(server.url + "/api/report", timeout=10).status_code == 200
        session.cookies.clear()
        assert session.get(server.url + "/api/report", timeout=10).status_code == 401


def test_two_hundred_guesses_whoever_makes_them(store: SqliteStore) -> None:
    """Of wrong tokens that come from several addresses at once, in several ways, exactly two hundred are looked at."""
    statuses: list[int] = []

    def guess(number: int) -> None:
        connection = http.client.HTTPConnection(server.host, server.port, timeout=20, source_address=(f"127.0.0.{number + 1}", 0))
        headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Forwarded-For": f"192.0.2.{number}"}
        try:
            for turn in range(20):
                method, path, body, more = (
                    ("POST", "/sign-in", f"token={number}-{turn}", {}),
                    ("GET", f"/?token={number}-{turn}", None, {}),
                    ("GET", "/metrics", None, {"Authorization": f"Bearer {number}-{turn}"}),
                )[turn % 3]
                connection.request(method, path, body, {**headers, **more})
                answer = connection.getresponse()
                answer.read()
                statuses.append(answer.status)
        finally:
            connection.close()

    with serve(store, report_token="r3ader") as server, requests.Session() as reader:
        reader.trust_env = False
        assert reader.get(server.url + "/?token=r3ader", timeout=10).status_code == 200
        guessers = [threading.Thread(target=guess, args=(number,)) for number in range(12)]
        for guesser in guessers:
            guesser.start()
        for guesser in guessers:
            guesser.join(60)
        assert (statuses.count(401), statuses.count(429)) == (200, 40)
        assert reader.get(server.url + "/", timeout=10).status_code == 200


def test_connection_is_kept(server: Server) -> None:
    """One connection carries request after request, also after an error."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=10)
    try:
        connection.connect()
        first = connection.sock
        for body, status in ((a_body("1"), 202), (b"hello", 400), (a_body("2"), 202)):
            connection.request("POST", EVENTS_PATH, body)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == status
            assert connection.sock is first
    finally:
        connection.close()


def test_compressed_and_chunked_bodies_are_taken(
    server: Server, store: SqliteStore, session: requests.Session
) -> None:
    """Gzip and chunks are ways to send a body like any other."""
    url = server.url + EVENTS_PATH
    headers = {"Content-Encoding": "gzip"}
    assert session.post(url, data=gzip.compress(a_body("1")), headers=headers, timeout=10).status_code == 202
    body = a_body("2")
    assert session.post(url, data=iter([body[:9], body[9:]]), timeout=10).status_code == 202
    assert stored(store) == 2


@pytest.mark.parametrize("size", [MIB + 1, 2 * MIB, 20 * MIB])
def test_body_over_the_limit_is_refused(
    server: Server, store: SqliteStore, session: requests.Session, size: int
) -> None:
    """A body over one mebibyte is 413 in JSON, announced or chunked, and the server goes on."""
    url = server.url + EVENTS_PATH
    answer = session.post(url, data=b" " * size, timeout=10)
    assert (answer.status_code, set(answer.json())) == (413, {"error"})
    assert session.post(url, data=a_body("1"), timeout=10).status_code == 202
    assert stored(store) == 1


def test_body_over_the_limit_is_refused_unread(server: Server) -> None:
    """The refusal comes before a byte of the body was sent."""
    head = f"POST {EVENTS_PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {MIB + 1}\r\n\r\n"
    assert say(server, head.encode()).startswith(b"HTTP/1.1 413 ")


def test_body_of_the_limit_is_taken(server: Server, session: requests.Session) -> None:
    """A body of exactly one mebibyte passes."""
    answer = session.post(server.url + EVENTS_PATH, data=a_body("1").ljust(MIB), timeout=10)
    assert answer.status_code == 202


def test_chunked_body_over_the_limit_is_refused(server: Server, store: SqliteStore) -> None:
    """A body of unknown length is cut off at the limit."""
    head = f"POST {EVENTS_PATH} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    chunks = (b"10000\r\n" + b" " * 65_536 + b"\r\n") * 17
    assert say(server, head + chunks).startswith(b"HTTP/1.1 413 ")
    assert stored(store) == 0


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"POST /api/telemetry/tool-invocations HTTP/1.1\r\nHost: x\r\n\r\n", b"411"),
        (b"POST /api/telemetry/tool-invocations HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"400"),
        (b"\x16\x03\x01 hello\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nA: " + b"b" * 300_000 + b"\r\n\r\n", b"431"),
    ],
    ids=["no length", "odd length", "no http", "long header"],
)
def test_broken_requests_are_answered_in_json(server: Server, request_bytes: bytes, status: bytes) -> None:
    """What is hardly HTTP gets an answer in JSON, and the next request its own."""
    head, _, body = say(server, request_bytes).partition(b"\r\n\r\n")
    assert head.split(b" ")[1] == status
    assert set(json.loads(body)) == {"error"}
    assert say(server, b"GET /healthz HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.0 200 ")


def test_client_that_goes_away_does_no_harm(server: Server, store: SqliteStore) -> None:
    """Half a request and then nothing stores nothing and stops nobody."""
    say(server, f"POST {EVENTS_PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{{".encode())
    assert stored(store) == 0
    assert say(server, b"GET /healthz HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.0 200 ")


def test_wrapped_app_is_served(store: SqliteStore, session: requests.Session) -> None:
    """Middleware given as `wrap` stands in front of the collector: here its answer is lost after storing."""

    def lose_first_answer(app: Any) -> Any:
        seen: list[int] = []

        def middleware(environ: Any, start_response: Any) -> Any:
            seen.append(1)
            if len(seen) > 1:
                return app(environ, start_response)
            list(app(environ, lambda _status, _headers: None))
            start_response("500 Lost", [("Content-Length", "0")])
            return []

        return middleware

    with serve(store, wrap=lose_first_answer) as server:
        statuses = [
            session.post(server.url + EVENTS_PATH, data=a_body("1"), timeout=10).status_code for _ in range(2)
        ]
    assert statuses == [500, 202]
    assert stored(store) == 1


def test_many_clients_at_once_store_each_event_once(server: Server, store: SqliteStore) -> None:
    """Sixteen clients that repeat each other leave one of each event."""
    failures: list[object] = []

    def send() -> None:
        with requests.Session() as client:
            client.trust_env = False
            for batch in range(10):
                body = a_body(*(f"{batch}-{number}" for number in range(20)))
                answer = client.post(server.url + EVENTS_PATH, data=body, timeout=30)
                if answer.status_code != 202:
                    failures.append(answer.text)

    threads = [threading.Thread(target=send) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert stored(store) == 200


def test_stop_ends_threads_and_port(store: SqliteStore, session: requests.Session) -> None:
    """After `stop()`, which may be repeated, no thread is left and nobody listens."""
    before = set(threading.enumerate())
    server = serve(store)
    session.get(server.url + "/healthz", timeout=10)  # leaves a connection open
    assert set(threading.enumerate()) - before
    server.stop()
    server.stop()
    assert set(threading.enumerate()) - before == set()
    with pytest.raises(OSError):  # noqa: PT011  refused or reset
        socket.create_connection((server.host, server.port), timeout=1).close()


def test_stop_lets_the_request_under_way_finish(store: SqliteStore, session: requests.Session) -> None:
    """A batch that is being taken when the server stops is stored and answered."""
    entered, released = threading.Event(), threading.Event()

    def hold(app: Any) -> Any:
        def middleware(environ: Any, start_response: Any) -> Any:
            entered.set()
            assert released.wait(10)
            return app(environ, start_response)

        return middleware

    server = serve(store, wrap=hold)
    answers: list[int] = []
    sender = threading.Thread(
        target=lambda: answers.append(
            session.post(server.url + EVENTS_PATH, data=a_body("1"), timeout=10).status_code
        )
    )
    sender.start()
    assert entered.wait(10)
    stopper = threading.Thread(target=server.stop)
    stopper.start()
    released.set()
    stopper.join(10)
    sender.join(10)
    assert answers == [202]
    assert stored(store) == 1


def test_stop_does_not_wait_for_ever(store: SqliteStore) -> None:
    """A request that never ends keeps `stop()` no longer than its timeout."""
    entered, released = threading.Event(), threading.Event()

    def hang(_app: Any) -> Any:
        def middleware(_environ: Any, _start_response: Any) -> Any:
            entered.set()
            released.wait(30)
            return []

        return middleware

    server = serve(store, wrap=hang)
    with socket.create_connection((server.host, server.port), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert entered.wait(10)
        stopper = threading.Thread(target=server.stop, args=(0.2,))
        stopper.start()
        stopper.join(10)
        assert not stopper.is_alive()
    released.set()
    for thread in threading.enumerate():
        if thread.name.startswith("mcptelemetry-collector"):
            thread.join(10)
            assert not thread.is_alive()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_forked_child_does_not_stop_its_parents_server(server: Server, session: requests.Session) -> None:
    """A child that stops what it inherited leaves the parent's server running."""
    child = os.fork()
    if child == 0:
        try:
            server.stop()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert session.get(server.url + "/healthz", timeout=10).status_code == 200


def test_ports_and_hosts_that_cannot_be_had_are_named(store: SqliteStore, server: Server) -> None:
    """An address that is taken, foreign or none is an error that names it."""
    with pytest.raises(TelemetryError, match=f"port {server.port}"):
        serve(store, port=server.port)
    with pytest.raises(TelemetryError, match="cannot listen on 192.0.2.1"):
        serve(store, host="192.0.2.1")
    for port, error in ((-1, ValueError), (65_536, ValueError), ("80", TypeError), (True, TypeError)):
        with pytest.raises(error, match="port"):
            serve(store, port=port)  # type: ignore[arg-type]  # on purpose
    for host, error in (("", ValueError), (None, TypeError)):
        with pytest.raises(error, match="host"):
            serve(store, host=host)  # type: ignore[arg-type]  # on purpose


def test_ipv6_address_is_bracketed(store: SqliteStore, session: requests.Session) -> None:
    """On an IPv6 address the url can be used as it stands."""
    try:
        server = serve(store, host="::1")
    except TelemetryError:
        pytest.skip("no IPv6 on this machine")
    with server:
        assert server.url == f"http://[::1]:{server.port}"
        assert session.get(server.url + "/healthz", timeout=10).status_code == 200


def test_server_prints_nothing(store: SqliteStore) -> None:
    """Serving, refusing and stopping leave stdout and stderr of the process empty."""
    code = (
        "import sys, socket\n"
        "from mcptelemetry.collector import SqliteStore, serve\n"
        "def broken(app):\n"
        "    def middleware(environ, start_response):\n"
        "        raise RuntimeError('a mistake in middleware')\n"
        "    return middleware\n"
        "with serve(SqliteStore(sys.argv[1]), wrap=broken) as server:\n"
        "    for _ in range(20):\n"
        "        with socket.create_connection((server.host, server.port), 10) as connection:\n"
        "            connection.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n')\n"
        "            assert b' 500 ' in connection.recv(9999)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, store.path], capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_missing_waitress_is_said_with_the_mend(store: SqliteStore) -> None:
    """Without the extra, the error says which command installs it."""
    code = (
        "import sys\n"
        "sys.modules['waitress'] = None\n"
        "from mcptelemetry.collector import SqliteStore, create_app, serve\n"
        "from mcptelemetry.errors import TelemetryError\n"
        "store = SqliteStore(sys.argv[1])\n"
        "create_app(store)\n"
        "try:\n"
        "    serve(store)\n"
        "except TelemetryError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, store.path], capture_output=True, text=True, timeout=60, check=False
    )
    assert "pip install waitress" in done.stdout
    assert done.stderr == ""


def test_one_base_serves_events_heartbeat_and_feedback(tmp_path: Path, store: SqliteStore) -> None:
    """The address that a collector prints is all that an application needs to know."""
    with serve(store) as server:
        telemetry = Telemetry(
            "acme-mcp",
            "1.0.0",
            heartbeat_endpoint=server.url,
            environ={"HOME": str(tmp_path), "ACME_MCP_EVENTS_ENDPOINT": server.url},
        )
        telemetry.start()
        telemetry.record("get_issues")
        assert telemetry.flush(10) == 1
        assert telemetry.heartbeat is not None
        assert telemetry.heartbeat.url == f"{server.url}/heartbeat"
        assert telemetry.submit_feedback(FeedbackRequest("bug", "it does not do what it says")).success
        telemetry.shutdown()
    assert stored(store) == 1


def test_collector_takes_events_at_the_short_path_too(session: requests.Session, server: Server) -> None:
    """`/events` is the same route, for who types it."""
    assert session.post(f"{server.url}/events", data=a_body("1"), timeout=10).status_code == 202
    assert session.post(server.url + EVENTS_PATH, data=a_body("1"), timeout=10).json()["duplicates"] == 1
