"""The page's routes: what they answer, how they are sent, what they need, and what is open to everybody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mcptelemetry.collector import DEMO_APP, SqliteStore, StoreError, create_app, demo_documents, store_documents
from mcptelemetry.collector.page import ASSETS

BROWSER = {"Accept": "text/html,*/*;q=0.8"}
READER = {"Authorization": "Bearer r3ader"}
PERIOD = "since=2025-11-01&until=2025-11-28"
PAGES = ("/", "/tool", "/inbox")


class Time:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 1_764_000_000.0

    def time(self) -> float:
        """Return Unix seconds."""
        return self.seconds

    monotonic = time


def begin(app: Any, path: str, headers: dict[str, str] = READER, query: str = PERIOD) -> tuple[str, dict[str, str], Any]:
    """Ask *app* for *path*; return the status, the headers and the body still unread."""
    said: list[Any] = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": query, "HTTP_HOST": "127.0.0.1:80", "wsgi.url_scheme": "http"}
    environ.update({"HTTP_" + name.upper().replace("-", "_"): value for name, value in headers.items()})
    body = app(environ, lambda status, fields, *_: said.extend((status, dict(fields))))
    return said[0], said[1], body


class Faulty:
    """A store whose questions raise from the *number*-th on."""

    def __init__(self, store: SqliteStore, error: Exception, number: int) -> None:
        self._store = store
        self._error = error
        self._left = number

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise self._error


def _counted(name: str) -> Any:
    def ask(self: Any, *args: Any, **kwargs: Any) -> Any:
        self._count()
        return getattr(self._store, name)(*args, **kwargs)

    return ask


for _name in dir(SqliteStore):
    if not _name.startswith("_") and _name != "look" and callable(getattr(SqliteStore, _name)):  # a look's questions would be the store's own
        setattr(Faulty, _name, _counted(_name))


@pytest.mark.parametrize("path", PAGES)
def test_page_is_sent_while_it_is_made(full: SqliteStore, path: str) -> None:
    """A page comes in pieces and says of no length; the first is there before the last question is asked."""
    counted = Faulty(full, AssertionError("asked"), 10_000)
    app = create_app(counted, report_token="r3ader")  # type: ignore[arg-type]  # it has a store's methods
    status, headers, body = begin(app, path, query=PERIOD + "&tool=get_issues")
    assert (status, headers["Content-Type"], "Content-Length" in headers) == ("200 OK", "text/html; charset=utf-8", False)
    pieces = [next(body)]
    left = counted._left
    pieces += body
    body.close()
    assert counted._left < left
    assert len(pieces) > 2
    assert all(pieces)
    whole = b"".join(pieces).decode()
    assert whole.startswith("<!doctype html>")
    assert whole.rstrip().endswith("</html>")


def test_reader_who_leaves_leaves_nothing_behind(full: SqliteStore, call: Any) -> None:
    """However many readers leave in the middle of a page, the next one is served, and the store is asked no more."""
    faulty = Faulty(full, AssertionError("asked"), 10_000)
    app = create_app(faulty, public=True, clock=Time())  # type: ignore[arg-type]  # it has a store's methods
    for _ in range(8):
        _, _, body = begin(app, "/", BROWSER)
        next(body)
        body.close()
        asked = faulty._left
        assert list(body) == []
        assert faulty._left == asked
    assert "</html>" in call(app, "GET", "/", headers=BROWSER, QUERY_STRING=PERIOD).text


@pytest.mark.parametrize("path", PAGES)
def test_head_of_a_page_asks_the_store_nothing(full: SqliteStore, call: Any, path: str) -> None:
    """Who wants no page has none made, and is told of it what a reader would be."""
    app = create_app(Faulty(full, AssertionError("asked"), 0), report_token="r3ader")  # type: ignore[arg-type]  # as above
    answer = call(app, "HEAD", path, headers=READER, QUERY_STRING="tool=get_issues")
    assert (answer.status, answer.headers["Content-Type"], answer.text) == (200, "text/html; charset=utf-8", "")
    assert call(app, "HEAD", path).status == 401


def test_outage_in_the_middle_is_a_part_that_says_so(full: SqliteStore, call: Any, caplog: pytest.LogCaptureFixture) -> None:
    """When the store fails while a page is made, the page goes on to its end, and the log has one line with the reason."""
    app = create_app(Faulty(full, StoreError("gone: /secret/c.db"), 8), report_token="r3ader")  # type: ignore[arg-type]  # as above
    answer = call(app, "GET", "/", headers=READER, QUERY_STRING=PERIOD)
    assert (answer.status, "</html>" in answer.text, "/secret" in answer.text) == (200, True, False)
    assert [record.getMessage() for record in caplog.records] == ["the collector's store cannot be used: gone: /secret/c.db"]


def test_failure_in_the_middle_is_said_at_its_place(full: SqliteStore, call: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A mistake of ours in the middle of a page ends it with a sentence; the log has the traceback, and the server none."""
    app = create_app(Faulty(full, ZeroDivisionError("secret"), 8), report_token="r3ader")  # type: ignore[arg-type]  # as above
    answer = call(app, "GET", "/", headers=READER, QUERY_STRING=PERIOD)
    assert (answer.status, "could not be made" in answer.text, "secret" in answer.text) == (200, True, False)
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("path", ["/tables/clients.csv", "/tables/clients.json", "/first-document", "/api/report"])
def test_outage_is_a_page_for_people(full: SqliteStore, call: Any, path: str) -> None:
    """A store that cannot be used is 503 with Retry-After, as a page for a person and as JSON for a program."""
    Path(full.path).write_bytes(b"x" * 4096)
    app = create_app(full, report_token="r3ader")
    answer = call(app, "GET", path, headers=READER)
    assert (answer.status, set(answer.document)) == (503, {"error"})
    cookie = call(app, "GET", "/", QUERY_STRING="token=r3ader").headers["Set-Cookie"].partition(";")[0]
    answer = call(app, "GET", path, headers={**BROWSER, "Cookie": cookie})
    assert (answer.status, "cannot be used at present" in answer.text, full.path in answer.text) == (503, True, False)
    assert int(answer.headers["Retry-After"]) > 0


def test_tables_are_had_as_csv_and_json(full: SqliteStore, call: Any) -> None:
    """Each table is a file of its own, of the period that is asked for; a table that there is not is 404, whoever asks."""
    app = create_app(full, report_token="r3ader")
    answer = call(app, "GET", "/tables/clients.csv", headers=READER, QUERY_STRING=PERIOD)
    assert (answer.headers["Content-Type"], answer.text.count("\n") > 1) == ("text/csv; charset=utf-8", True)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="clients.csv"'
    document = call(app, "GET", "/tables/clients.json", headers=READER, QUERY_STRING=PERIOD).document
    report = call(app, "GET", "/api/report", headers=READER, QUERY_STRING=PERIOD).document
    assert document["answer"] == report["clients"]
    for name in ("nothing.csv", "clients", "clients.xml", "clients.csv/", "", ".csv", "../c.csv", 'a".csv', "a\r\nb.csv"):
        assert call(app, "GET", "/tables/" + name, headers=READER).status == 404, name
        assert call(app, "GET", "/tables/" + name).status == 401, name


@pytest.mark.parametrize("query", ["since=yesterday", "period=forever", "env_kind=robots", "since=2025-02-01&until=2025-01-01"])
def test_what_cannot_be_asked_is_said(full: SqliteStore, call: Any, query: str) -> None:
    """A slip in an address is 400 with what can be given."""
    for path in (*PAGES, "/tables/clients.csv"):
        answer = call(create_app(full, report_token="r3ader"), "GET", path, headers=READER, QUERY_STRING=query + "&tool=a")
        assert (answer.status, set(answer.document)) == (400, {"error"})


def test_tool_has_to_be_named(full: SqliteStore, call: Any) -> None:
    """A tool's own page needs the tool."""
    answer = call(create_app(full, report_token="r3ader"), "GET", "/tool", headers=READER)
    assert (answer.status, "tool=NAME" in answer.document["error"]) == (400, True)


@pytest.mark.parametrize("name", sorted(ASSETS))
def test_files_of_the_page_need_no_token(full: SqliteStore, call: Any, name: str) -> None:
    """Style, script and sign are shown to everybody, kept for a year under the address with their version, and asked for again otherwise."""
    app = create_app(full, report_token="r3ader")
    asset = ASSETS[name]
    answer = call(app, "GET", f"/static/{name}", QUERY_STRING=f"v={asset.etag}")
    assert (answer.status, answer.text, answer.headers["Content-Type"]) == (200, asset.body.decode(), asset.kind)
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    for query in ("", "v=other"):
        assert call(app, "GET", f"/static/{name}", QUERY_STRING=query).headers["Cache-Control"] == "no-cache"
    for known in (f'"{asset.etag}"', f'W/"{asset.etag}"', f'"a", "{asset.etag}"', "*"):
        answer = call(app, "GET", f"/static/{name}", headers={"If-None-Match": known})
        assert (answer.status, answer.text, answer.headers["ETag"]) == (304, "", f'"{asset.etag}"')
    assert call(app, "GET", f"/static/{name}", headers={"If-None-Match": '"other"'}).status == 200
    assert call(app, "HEAD", f"/static/{name}").text == ""


@pytest.mark.parametrize("name", ["", "page.html", "../_app.py", "page.css/", "PAGE.CSS"])
def test_there_are_no_other_files(full: SqliteStore, call: Any, name: str) -> None:
    """Nothing else of the package, or of the machine, is there."""
    assert call(create_app(full, report_token="r3ader"), "GET", f"/static/{name}").status == 404


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("GET", "/events", 405), ("POST", "/", 405), ("DELETE", "/inbox", 405), ("GET", "/inbox/read", 405), ("GET", "/sign-out", 405)],
)
def test_errors_are_pages_for_people(full: SqliteStore, call: Any, method: str, path: str, status: int) -> None:
    """A person who asks for what there is not gets a page with the same status as a program, which gets JSON."""
    app = create_app(full, report_token="r3ader")
    answer = call(app, method, path, headers=BROWSER)
    assert (answer.status, "</html>" in answer.text) == (status, method == "GET")
    assert set(call(app, method, path).document) == {"error"}


def test_pages_run_and_load_nothing_of_others(full: SqliteStore, call: Any) -> None:
    """Every page says what a browser may do with it: run and load our own files, show it nowhere else, keep nothing, tell nobody."""
    app = create_app(full, report_token="r3ader")
    for path, headers in (("/", READER), ("/", BROWSER), ("/nothing", BROWSER), ("/sign-in", BROWSER), ("/inbox", READER), ("/tables/clients.csv", READER)):
        said = call(app, "GET", path, headers=headers, QUERY_STRING=PERIOD).headers
        policy = dict(part.strip().partition(" ")[::2] for part in said["Content-Security-Policy"].split(";"))
        assert {name: value for name, value in policy.items() if value != "'self'"} == {
            "default-src": "'none'", "base-uri": "'none'", "frame-ancestors": "'none'",
        }  # fmt: skip
        assert {name for name, value in policy.items() if value == "'self'"} == {"style-src", "script-src", "img-src", "connect-src", "form-action"}
        assert (said["Cache-Control"], said["Referrer-Policy"], said["X-Frame-Options"]) == ("no-store", "same-origin", "DENY")
        assert (said["Cross-Origin-Opener-Policy"], said["Cross-Origin-Resource-Policy"]) == ("same-origin", "same-origin")
        assert said["X-Content-Type-Options"] == "nosniff"


def test_empty_page_notices_the_first_document(store: SqliteStore, call: Any) -> None:
    """Before anything has come the page says where to send to, and is told as soon as something has."""
    app = create_app(store, report_token="r3ader")
    answer = call(app, "GET", "/", headers=READER, HTTP_HOST="t.acme.dev", HTTP_X_FORWARDED_PROTO="https")
    assert "https://t.acme.dev" in answer.text
    assert call(app, "GET", "/first-document", headers=READER).document == {"has_documents": False}
    store_documents(store, demo_documents(3, 3))
    assert call(app, "GET", "/first-document", headers=READER).document == {"has_documents": True}


def test_public_page_is_open_and_the_rest_is_not(full: SqliteStore, call: Any) -> None:
    """With `public` anybody sees the page; the report, the metrics and what people wrote stay where they are."""
    for app in (create_app(full, public=True), create_app(full, public=True, report_token="r3ader")):
        for path in ("/", "/tool", "/tables/clients.csv", "/tables/clients.json", "/first-document"):
            answer = call(app, "GET", path, headers=BROWSER, QUERY_STRING=PERIOD + "&tool=get_issues")
            assert (answer.status, "Set-Cookie" in answer.headers) == (200, False), path
        assert DEMO_APP in call(app, "GET", "/", headers=BROWSER, QUERY_STRING=PERIOD).text
        for path in ("/inbox", "/inbox/read", "/tables/feedback.json", "/tables/feedback.csv"):
            assert call(app, "GET", path, headers={**BROWSER, **READER}).status == 404, path
        assert call(app, "POST", "/inbox/read", b"number=1", READER, CONTENT_TYPE="application/x-www-form-urlencoded").status == 404
        assert {call(app, "GET", path, headers=BROWSER).status for path in ("/api/report", "/metrics")} in ({401}, {403})
    assert call(app, "GET", "/api/report", headers=READER).status == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example", "t.acme.dev"])
def test_public_page_is_no_prey_of_rebinding(full: SqliteStore, call: Any, host: str) -> None:
    """What is open to everybody is shown under an address, localhost and the operator's names: no other name that leads here reads it."""
    clock = Time()
    app = create_app(full, public=True, clock=clock)
    for path in ("/", "/tool", "/tables/clients.json", "/first-document"):
        clock.seconds += 1
        answer = call(app, "GET", path, HTTP_HOST=host, QUERY_STRING="tool=get_issues")
        assert (answer.status, "--allow-host" in answer.document["error"]) == (403, True)
        for known in ("127.0.0.1:80", "[::1]", "192.0.2.7:8080", "localhost:1"):
            assert call(app, "HEAD", path, HTTP_HOST=known, QUERY_STRING="tool=get_issues").status == 200
    assert call(create_app(full, public=True, hosts=[host]), "HEAD", "/", HTTP_HOST=host).status == 200


def test_crowd_leaves_room_for_senders(full: SqliteStore, call: Any) -> None:
    """Of strangers a few read at once and so many a second: the others are asked to come again, and nobody who sends is."""
    clock = Time()
    app = create_app(full, public=True, report_token="r3ader", clock=clock)
    reading = [begin(app, "/", BROWSER)[2] for _ in range(4)]
    answer = call(app, "GET", "/", headers=BROWSER, QUERY_STRING=PERIOD)
    assert (answer.status, answer.headers["Retry-After"], "</html>" in answer.text) == (503, "5", True)
    assert call(app, "POST", "/events", b'{"events": []}').status == 202
    for body in reading:
        body.close()
    statuses = [call(app, "GET", "/first-document").status for _ in range(12)]
    assert statuses == [200] * 6 + [429] * 6
    assert call(app, "GET", "/api/report", headers=READER).status == 200
    clock.seconds += 1
    assert call(app, "GET", "/first-document").status == 200


def test_page_without_its_package_says_which(full: SqliteStore, call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Jinja2 is not installed the page is 501 with the command that installs it, and everything else works."""
    import sys

    monkeypatch.setitem(sys.modules, "jinja2", None)
    app = create_app(full, report_token="r3ader")
    for path in ("/", "/tool", "/tables/clients.csv", "/sign-in"):
        answer = call(app, "GET", path, headers={**READER, "Accept": "text/html"}, QUERY_STRING="tool=a")
        assert (answer.status, "install" in answer.document["error"]) == (501, True)
    assert call(app, "GET", "/", headers=BROWSER).document == {"error": "the report token is required"}
    assert call(app, "GET", "/api/report", headers=READER).status == 200


