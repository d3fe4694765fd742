"""One set of hostile requests, the same answers: the collector behind every server that it is made for."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import re
import runpy
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from mcptelemetry.collector import SqliteStore
from mcptelemetry.wire import TelemetryBatch, TelemetryEvent

pytest.importorskip("gunicorn", reason="gunicorn belongs to the test extra and is not installed")

MIB = 1024 * 1024
free_port = runpy.run_path(str(Path(__file__).parents[1] / "data" / "scripts" / "free_port.py"))["free_port"]
TOKEN, READER = "s3nder", "r3ader"
RECEIVE = f"""
from mcptelemetry.collector import SqliteStore, create_app
app = create_app(SqliteStore("c.db"), token={TOKEN!r}, report_token={READER!r})
"""
SERVERS = {
    "embedded": ["-m", "mcptelemetry", "collect", "--db", "c.db", "--port", "PORT", "--token-env", "TOKEN", "--report-token-env", "READER"],
    "embedded, 2 processes": [
        "-m", "mcptelemetry", "collect", "--db", "c.db", "--port", "PORT", "--token-env", "TOKEN", "--report-token-env", "READER",
        "--workers", "2",
    ],
    "gunicorn sync": ["-m", "gunicorn", "--bind", "127.0.0.1:PORT", "--workers", "2", "receive:app"],
    "gunicorn gthread": ["-m", "gunicorn", "--bind", "127.0.0.1:PORT", "--worker-class", "gthread", "--threads", "4", "receive:app"],
    "waitress": ["-m", "waitress", "--listen=127.0.0.1:PORT", "receive:app"],
}  # fmt: skip


class Running(NamedTuple):
    """A server under test."""

    process: subprocess.Popen[bytes]
    port: int
    folder: Path

    def say(self, data: bytes, *, timeout: float = 20, source: str = "127.0.0.1") -> bytes:
        """Send raw bytes from the address *source* and return all that comes back until the server closes or has answered."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout, source_address=(source, 0)) as connection:
            try:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # refused in the middle; the answer is there all the same
            answer = b""
            while True:
                try:
                    part = connection.recv(65_536)
                except OSError:
                    part = b""
                if not part:
                    return answer
                answer += part

    def stored(self) -> int:
        """Return how many events are stored."""
        return sum(1 for _ in SqliteStore(self.folder / "c.db", read_only=True).events())


@contextmanager
def serving(name: str, folder: Path) -> Iterator[Running]:
    """Run the server called *name*, which keeps its database in *folder*."""
    folder.mkdir(exist_ok=True)
    (folder / "receive.py").write_text(RECEIVE)
    port = free_port()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *(word.replace("PORT", str(port)) if "PORT" in word else word for word in SERVERS[name])],
            cwd=folder,
            # A home of its own: the servers of the whole module are started before any test has one.
            env={**os.environ, "HOME": str(folder), "TOKEN": TOKEN, "READER": READER, "PYTHONPATH": str(Path(__file__).parents[2])},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    running = Running(process, port, folder)
    try:
        ends_at = time.monotonic() + 40
        pause = threading.Event()
        while True:
            try:
                if b" 200 " in running.say(b"GET /healthz HTTP/1.0\r\n\r\n"):
                    break
            except OSError:
                pass
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < ends_at, (folder / "log").read_text()
            pause.wait(0.05)
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        finally:
            process.kill()
            process.wait()


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Give each server in turn."""
    with serving(request.param, tmp_path_factory.mktemp("server")) as running:
        yield running


def request_of(
    target: str, body: bytes | None = b"", *lines: str, method: str = "POST", token: str | None = TOKEN, length: object = None
) -> bytes:
    """Return a whole request that ends the connection."""
    head = [f"{method} {target} HTTP/1.1", "Connection: close", *lines]
    if not any(line.lower().startswith("host:") for line in lines):
        head.append("Host: t.example")
    if token is not None:
        head.append(f"Authorization: Bearer {token}")
    if body is not None:
        head.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join([*head, "", ""]).encode("latin-1") + (body or b"")


def a_batch(*ids: str, app: str = "acme-mcp") -> bytes:
    """Return a batch with one event an id."""
    return TelemetryBatch([TelemetryEvent("a", "local_only", timestamp_secs=1, id=name) for name in ids], app=app).to_json()


GZIP = "Content-Encoding: gzip"
FORM = "Content-Type: application/x-www-form-urlencoded"
COOKIE = f"Cookie: mcptelemetry_report={'0' * 32}.{'0' * 64}"
BROWSER = "Accept: text/html,*/*;q=0.8"
DEEP = b'{"events":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
# What the application itself answers: the status is the same behind every server.
ANSWERED = {
    "no token": (request_of("/events", a_batch("x"), token=None), 401),
    "wrong token": (request_of("/events", a_batch("x"), token="wrong"), 401),
    "token of readers": (request_of("/events", a_batch("x"), token=READER), 401),
    "from a web page": (request_of("/events", a_batch("x"), "Origin: https://evil.example"), 403),
    "nothing there": (request_of("/wp-login.php", b""), 404),
    "path with dots": (request_of("/../../etc/passwd", None, method="GET"), 404),
    "path with a null": (request_of("/events%00", b""), 404),
    "events read": (request_of("/events", None, method="GET"), 405),
    "events deleted": (request_of("/events", None, method="DELETE"), 405),
    "unheard-of method": (request_of("/events", b"", method="BREW"), 405),
    "report posted": (request_of("/api/report", b"", token=READER), 405),
    "empty": (request_of("/events", b""), 400),
    "no JSON": (request_of("/events", b"hello"), 400),
    "no UTF-8": (request_of("/events", b"\xff\xfe"), 400),
    "no object": (request_of("/events", b"[]"), 400),
    "no events": (request_of("/events", b"{}"), 400),
    "events of another kind": (request_of("/events", b'{"events":{}}'), 400),
    "NaN": (request_of("/events", b'{"events":[],"x":NaN}'), 400),
    "a name twice": (request_of("/events", b'{"events":[],"events":[]}'), 400),
    "nested": (request_of("/events", DEEP), 400),
    "nested, open": (request_of("/events", b"[" * 500_000), 400),
    "arrays in arrays": (request_of("/events", b'{"events":[' + b"[[]]," * 100_000 + b"1]}"), 400),
    "a million digits": (request_of("/events", b'{"events":[],"x":' + b"9" * 1_000_000 + b"}"), 202),
    "every event bad": (request_of("/events", a_batch("x").replace(b'"a"', b"7")), 400),
    "too large": (request_of("/events", b" " * (MIB + 1)), 413),
    "heartbeat too large": (request_of("/heartbeat", b" " * (16 * 1024 + 1)), 413),
    "feedback too large": (request_of("/feedback", b" " * (64 * 1024 + 1)), 413),
    "inflates to much": (request_of("/events", gzip.compress(b"[[]]," * MIB), GZIP), 413),
    "feedback inflates to much": (request_of("/feedback", gzip.compress(b"[[]]," * MIB), GZIP), 413),
    "heartbeat inflates to much": (request_of("/heartbeat", gzip.compress(b"[[]]," * MIB), GZIP), 413),
    "no gzip": (request_of("/events", b"hello", GZIP), 400),
    "half a gzip": (request_of("/events", gzip.compress(a_batch("x"))[:-9], GZIP), 400),
    "two gzips": (request_of("/events", gzip.compress(b"") * 2, GZIP), 400),
    "unknown coding": (request_of("/events", b"x", "Content-Encoding: br"), 415),
    "heartbeat of nothing": (request_of("/heartbeat", b"{}"), 400),
    "feedback of nothing": (request_of("/feedback", b"{}"), 400),
    "report without a token": (request_of("/api/report", None, method="GET", token=None), 401),
    "report with the senders' token": (request_of("/api/report", None, method="GET"), 401),
    "report with a wrong address": (request_of("/api/report?token=x", None, method="GET", token=None), 401),
    "report, Host: localhost": (request_of("/api/report", None, "Host: localhost", method="GET", token=None), 401),
    "report, passed on": (request_of("/api/report", None, "X-Forwarded-For: 127.0.0.1", method="GET", token=None), 401),
    "report, a strange host": (request_of("/api/report", None, "Host: [::1]evil.example", method="GET", token=READER), 400),
    "report, a cookie of another": (request_of("/api/report", None, "Cookie: mcptelemetry_report_0=1", method="GET", token=None), 401),
    "metrics without a token": (request_of("/metrics", None, method="GET", token=None), 401),
    "page without a token": (request_of("/", None, method="GET", token=None), 401),
    "page with the senders' token": (request_of("/", None, method="GET"), 401),
    "page with a wrong address": (request_of("/?token=x", None, method="GET", token=None), 401),
    "page, a cookie of another": (request_of("/", None, COOKIE, method="GET", token=None), 401),
    "page, another host and a wrong cookie": (request_of("/", None, COOKIE, "Host: evil.example", method="GET", token=None), 401),
    "page, passed on": (request_of("/", None, "X-Forwarded-For: 127.0.0.1", "X-Forwarded-Host: localhost", method="GET", token=None), 401),
    "tool without a token": (request_of("/tool?tool=a", None, method="GET", token=None), 401),
    "inbox without a token": (request_of("/inbox", None, method="GET", token=None), 401),
    "table without a token": (request_of("/tables/calls.csv", None, method="GET", token=None), 401),
    "first document without a token": (request_of("/first-document", None, method="GET", token=None), 401),
    "no such table": (request_of("/tables/x.csv", None, method="GET", token=READER), 404),
    "no such file": (request_of("/static/..%2f_app.py", None, method="GET", token=None), 404),
    "page posted": (request_of("/", b"", token=READER), 405),
    "sign-in with a wrong token": (request_of("/sign-in", b"token=x", FORM, token=None), 401),
    "sign-in of nothing": (request_of("/sign-in", b"", FORM, token=None), 401),
    "sign-in from another site": (request_of("/sign-in", b"token=" + READER.encode(), FORM, "Origin: https://evil.example", token=None), 403),
    "sign-in from a neighbour": (request_of("/sign-in", b"token=" + READER.encode(), FORM, "Sec-Fetch-Site: same-site", token=None), 403),
    "sign-in that is no form": (request_of("/sign-in", b"{}", "Content-Type: application/json", token=None), 415),
    "sign-in too large": (request_of("/sign-in", b"token=" + b"x" * 17_000, FORM, token=None), 413),
    "marked as read without a token": (request_of("/inbox/read", b"number=1", FORM, token=None), 401),
    "marked as read from another site": (request_of("/inbox/read", b"number=1", FORM, "Origin: null", token=READER), 403),
    "signed out from another site": (request_of("/sign-out", b"", FORM, "Origin: https://evil.example", token=None), 403),
    "many fields": (request_of("/api/report?" + "&".join(f"a{n}=1" for n in range(200)), None, method="GET", token=READER), 400),
}
# What a server may refuse by itself, each in its own way: never is anything stored.
REFUSED = {
    "no HTTP": b"\x16\x03\x01\x02\x00 hello\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "no length": b"POST /events HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer s3nder\r\n\r\n",
    "length of words": request_of("/events", a_batch("x"), length="many"),
    "length below zero": request_of("/events", a_batch("x"), length=-1),
    "two lengths": request_of("/events", a_batch("x"), "Content-Length: 3"),
    "length and chunks": request_of("/events", b"5\r\n{}{}{\r\n0\r\n\r\n", "Transfer-Encoding: chunked"),
    "length too long": request_of("/events", a_batch("x"), length=9_999),
    "broken chunks": request_of("/events", None, "Transfer-Encoding: chunked") + b"zz\r\n{}\r\n0\r\n\r\n",
    "chunks that do not end": request_of("/events", None, "Transfer-Encoding: chunked") + b"5\r\nhello\r\n",
    "chunks of unknown coding": request_of("/events", None, "Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n",
    "a long line": b"GET /" + b"a" * 300_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a long header": request_of("/events", b"", "A: " + "b" * 300_000),
    "many headers": request_of("/events", b"{}", *(f"A{n}: b" for n in range(2_000))),
    "folded header": request_of("/events", b"{}", "A: b\r\n c"),
    "header without a name": request_of("/events", b"{}", ": b"),
    "null in a header": request_of("/events", b"{}", "A: b\0c"),
}  # fmt: skip


def status_of(answer: bytes) -> int | None:
    """Return the status of an answer, past an interim one; None when there was none."""
    statuses = [int(found) for found in re.findall(rb"^HTTP/1\.[01] ([0-9]{3})", answer, flags=re.MULTILINE)]
    return next((status for status in statuses if status != 100), None)


def test_hostile_requests_are_answered_alike(server: Running) -> None:
    """Each hostile request has its one status behind every server, says why in JSON, and stores nothing."""
    found = {}
    for name, (data, _) in ANSWERED.items():
        answer = server.say(data)
        found[name] = status_of(answer)
        body = answer.partition(b"\r\n\r\n")[2]
        assert body.startswith(b"{"), (name, answer[:300])
        assert ("error" in json.loads(body)) is (found[name] != 202), name
    assert found == {name: status for name, (_, status) in ANSWERED.items()}
    assert server.stored() == 0


def test_requests_that_are_no_http_store_nothing(server: Running) -> None:
    """What is hardly a request is refused or dropped, and the next one is answered."""
    for name, data in REFUSED.items():
        status = status_of(server.say(data))
        assert status is None or status >= 400, name
        assert b" 200 " in server.say(b"GET /healthz HTTP/1.0\r\n\r\n"), name
    assert server.stored() == 0


def test_honest_requests_are_served(server: Running) -> None:
    """Behind each server the collector stores events once and shows them to the report token."""
    try:
        assert [status_of(server.say(request_of("/events", a_batch("1", "2")))) for _ in range(2)] == [202, 202]
        assert server.stored() == 2
        assert status_of(server.say(request_of("/readyz", None, method="GET", token=None))) == 200
        answer = server.say(request_of("/api/report", None, method="GET", token=READER))
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["totals"]["calls"] == 2
    finally:
        SqliteStore(server.folder / "c.db").prune(3600)


def body_of(answer: bytes) -> bytes:
    """Return the body of an answer, put together again where it came in chunks."""
    head, _, body = answer.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" not in head.lower():
        return body
    whole = b""
    while True:
        size, _, rest = body.partition(b"\r\n")
        if int(size, 16) == 0:
            return whole
        whole, body = whole + rest[: int(size, 16)], rest[int(size, 16) + 2 :]


@pytest.mark.parametrize("line", ["X-A: b", COOKIE, "Host: evil.example", "Host: localhost", "X-Forwarded-For: 127.0.0.1"])
def test_strangers_see_the_form_and_nothing_else(server: Running, line: str) -> None:
    """A person who is not let in gets the form behind every server, from another address, under another name or with a wrong cookie."""
    for target in ("/", "/?token=wrong", "/tool?tool=get_issues", "/inbox", "/api/report", "/metrics", "/tables/calls.csv"):
        answer = server.say(request_of(target, None, BROWSER, line, method="GET", token=None), source="127.0.0.2")
        assert (status_of(answer), b'action="/sign-in"' in body_of(answer)) == (401, True)
        assert b"set-cookie" not in answer.lower()
    answer = server.say(request_of("/sign-in", b"token=wrong", FORM, BROWSER, line, token=None), source="127.0.0.2")
    assert (status_of(answer), b"not the report token" in body_of(answer)) == (401, True)
    answer = server.say(request_of("/sign-in", b"token=r3ader", FORM, BROWSER, line, "Origin: https://other.example", token=None))
    assert (status_of(answer), b"set-cookie" in answer.lower()) == (403, False)


def test_page_is_streamed_to_who_is_let_in(server: Running) -> None:
    """Behind each server the form's cookie opens the page, which comes piece by piece and whole; HEAD brings nothing of it."""
    asked = b"token=r3ader&target=%2F%3Fperiod%3D7d"
    answer = server.say(request_of("/sign-in", asked, FORM, BROWSER, "Origin: http://t.example", token=None))
    assert (status_of(answer), b"\r\nlocation: /?period=7d\r\n" in answer.lower()) == (303, True)
    found = re.search(rb"(?i)\r\nset-cookie: ([^;]+)(;[^\r]*)", answer)
    assert found is not None
    assert found[2] == b"; Path=/; HttpOnly; SameSite=Strict"
    cookie = "Cookie: " + found[1].decode()
    answer = server.say(request_of("/?period=7d", None, BROWSER, cookie, method="GET", token=None))
    head = answer.partition(b"\r\n\r\n")[0].lower()
    assert (status_of(answer), b"content-length" in head, b"content-security-policy" in head) == (200, False, True)
    assert body_of(answer).rstrip().endswith(b"</html>")
    for line in ("", "Connection: keep-alive"):  # and what follows on the connection is not taken for a body
        answer = server.say(b"HEAD / HTTP/1.1\r\nHost: t.example\r\n" + f"{cookie}\r\n{line or 'A: b'}\r\n\r\n".encode())
        assert (status_of(answer), answer.partition(b"\r\n\r\n")[2]) == (200, b"")
    answer = server.say(b"GET / HTTP/1.0\r\nHost: t.example\r\n" + f"{cookie}\r\n\r\n".encode())
    assert answer.rstrip().endswith(b"</html>")
    for name in ("page.css", "page.js", "icon.svg"):
        answer = server.say(request_of(f"/static/{name}", None, method="GET", token=None))
        etag = re.search(rb'(?i)\r\netag: ("[^"]+")', answer)
        assert (status_of(answer), etag is not None) == (200, True)
        answer = server.say(request_of(f"/static/{name}", None, f"If-None-Match: {etag[1].decode()}", method="GET", token=None))
        assert (status_of(answer), answer.partition(b"\r\n\r\n")[2]) == (304, b"")


def test_readers_who_leave_hold_no_server(server: Running) -> None:
    """However many readers go away in the middle of the page, the next one and the senders are served."""
    for _ in range(24):
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
            # Whoever leaves so is not waited for: what is still to come finds nobody.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.sendall(request_of("/", None, method="GET", token=READER))
            connection.recv(100)
    answer = server.say(request_of("/", None, method="GET", token=READER))
    assert body_of(answer).rstrip().endswith(b"</html>")
    assert status_of(server.say(request_of("/events", b'{"events": []}'))) == 202


@pytest.mark.heavy
def test_half_bodies_do_not_hold_a_server(tmp_path: Path) -> None:
    """Senders that stop in the middle of a body, or drip, hold a thread or worker for the deadline of a body and no longer."""
    with serving("gunicorn gthread", tmp_path / "gthread") as threads, serving("gunicorn sync", tmp_path / "sync") as workers:
        # As many as there are threads, and workers.
        held = [(server, socket.create_connection(("127.0.0.1", server.port), timeout=30)) for server in [threads] * 4 + [workers] * 2]
        is_over = threading.Event()

        def drip() -> None:
            while not is_over.wait(1.0):
                for _, connection in held[::2]:
                    with contextlib.suppress(OSError):
                        connection.send(b" ")

        answers: dict[int, bytes] = {}

        def wait_for(server: Running) -> None:
            # As soon as the others are shut, whoever waits is served.
            answers[server.port] = server.say(request_of("/events", a_batch("1")), timeout=60)

        try:
            for _, connection in held:
                connection.sendall(request_of("/events", b'{"eve', length=500))
            waiting = [threading.Thread(target=work) for work in (drip, lambda: wait_for(threads), lambda: wait_for(workers))]
            for thread in waiting:
                thread.start()
            for thread in waiting[1:]:
                thread.join(70)
        finally:
            is_over.set()
            for _, connection in held:
                connection.close()
            waiting[0].join(10)
        assert [status_of(answer) for answer in answers.values()] == [202, 202]
        assert [server.stored() for server in (threads, workers)] == [1, 1]
