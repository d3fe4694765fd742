"""Who gets the page: the form and the cookie, addresses with a token, guesses, hosts and other sites' pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from mcptelemetry.collector import DEMO_APP, SqliteStore, create_app, demo_documents, store_documents

BROWSER = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}
PAGES = ("/", "/tool", "/inbox", "/api/report", "/metrics", "/tables/clients.csv", "/tables/clients.json", "/first-document")
FORM = "application/x-www-form-urlencoded"
TOKEN = "r3ader"
NOTE = "It does not start when the laptop wakes"


class Time:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 1_764_000_000.0

    def time(self) -> float:
        """Return Unix seconds."""
        return self.seconds

    monotonic = time


@pytest.fixture
def full(store: SqliteStore) -> SqliteStore:
    """Return a store that holds some days of an invented application, and a message."""
    store_documents(store, demo_documents(6, 12))
    context = {
        "version": "v1.4.0", "edition": "personal", "os": "linux", "arch": "amd64", "server_count": 1,
        "connected_server_count": 1, "routing_mode": "local",
    }  # fmt: skip
    store.add_feedback({"app": DEMO_APP, "category": "bug", "message": NOTE, "context": context}, received_at=1_763_900_000)
    return store


@pytest.fixture
def post(call: Any) -> Callable[..., Any]:
    """Return the function that posts a form as a browser does."""

    def post_form(app: Any, path: str, fields: Any, headers: dict[str, str] | None = None, **environ: Any) -> Any:
        own = {**BROWSER, "Origin": "http://127.0.0.1:80", **(headers or {})}
        return call(app, "POST", path, urlencode(fields).encode(), own, **{"CONTENT_TYPE": FORM, **environ})

    return post_form


def cookie_of(answer: Any) -> str:
    """Return what a browser sends back."""
    return str(answer.headers["Set-Cookie"].partition(";")[0])


def signed_in(app: Any, post: Callable[..., Any]) -> dict[str, str]:
    """Return the headers of a browser that has signed in to *app*."""
    return {**BROWSER, "Cookie": cookie_of(post(app, "/sign-in", {"token": TOKEN}))}


def is_form(answer: Any) -> bool:
    """Return whether *answer* is the form and shows nothing of what the store holds."""
    assert not re.search(f"{DEMO_APP}|get_issues|vscode|{NOTE}", answer.text)
    return 'action="/sign-in"' in answer.text and 'name="token"' in answer.text


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    "sent", [{}, {"Cookie": "mcptelemetry_report_80=" + "0" * 32 + "." + "0" * 64}, {"Cookie": f"mcptelemetry_report_80={TOKEN}"}]
)
def test_browser_without_the_cookie_gets_the_form(full: SqliteStore, call: Any, path: str, sent: dict[str, str]) -> None:
    """A person who is not signed in gets the form with 401, whatever they asked for, and nothing of the data; a program gets JSON."""
    app = create_app(full, report_token=TOKEN)
    answer = call(app, "GET", path, headers={**BROWSER, **sent}, REMOTE_ADDR="192.0.2.1")
    assert (answer.status, answer.headers["Content-Type"], is_form(answer)) == (401, "text/html; charset=utf-8", True)
    assert "Set-Cookie" not in answer.headers
    for headers in (sent, {**BROWSER, "Authorization": "Bearer wrong"}, {"Accept": "application/json", **sent}):
        answer = call(app, "GET", path, headers=headers)
        assert (answer.status, set(answer.document)) == (401, {"error"})


@pytest.mark.parametrize("path", PAGES)
def test_without_a_report_token_all_is_closed(full: SqliteStore, call: Any, post: Any, path: str) -> None:
    """A collector that was given no token says to a person too that it is closed, and shows no form that nothing could open."""
    app = create_app(full)
    for answer in (call(app, "GET", path, headers=BROWSER), call(app, "GET", "/sign-in", headers=BROWSER), post(app, "/sign-in", {"token": ""})):
        assert (answer.status, "create_app(report_token=...)" in answer.text, is_form(answer)) == (403, True, False)


def test_form_swaps_the_token_for_a_cookie(full: SqliteStore, call: Any, post: Any) -> None:
    """The right token typed into the form leads to the page that was asked for, with a cookie that opens it and is not the token."""
    app = create_app(full, report_token=TOKEN, clock=Time())
    shown = call(app, "GET", "/tool", headers=BROWSER, QUERY_STRING="tool=get_issues&period=7d")
    assert 'value="/tool?tool=get_issues&amp;period=7d"' in shown.text
    answer = post(app, "/sign-in", {"token": f" {TOKEN}\n", "target": "/tool?tool=get_issues&period=7d"})
    assert (answer.status, answer.headers["Location"]) == (303, "/tool?tool=get_issues&period=7d")
    cookie, *attributes = answer.headers["Set-Cookie"].split("; ")
    assert (set(attributes), TOKEN in cookie) == ({"Path=/", "HttpOnly", "SameSite=Strict"}, False)
    for path in ("/", "/inbox", "/api/report", "/metrics", "/tables/clients.csv", "/tables/clients.json", "/first-document"):
        assert call(app, "GET", path, headers={**BROWSER, "Cookie": f"a=b; {cookie}"}).status == 200, path
    assert NOTE in call(app, "GET", "/inbox", headers={"Cookie": cookie}).text
    # Another process, or this one after a new start.
    assert call(create_app(full, report_token=TOKEN), "GET", "/", headers={"Cookie": cookie}).status == 200
    assert call(create_app(full, report_token="other"), "GET", "/", headers={"Cookie": cookie}).status == 401


def test_wrong_token_shows_the_form_again(full: SqliteStore, post: Any) -> None:
    """Who mistypes sees the form again, which says so and still knows where they wanted to go."""
    app = create_app(full, report_token=TOKEN)
    for token in ("wrong", "", TOKEN + "x", "schlüssel", "\ud800", TOKEN[:-1]):
        answer = post(app, "/sign-in", [("token", token.encode("utf-8", "surrogatepass")), ("target", "/inbox")])
        assert (answer.status, is_form(answer), "not the report token" in answer.text) == (401, True, True)
        assert 'value="/inbox"' in answer.text
        assert "Set-Cookie" not in answer.headers


def test_form_is_shown_to_whoever_asks_for_it(full: SqliteStore, call: Any) -> None:
    """The form has an address of its own."""
    answer = call(create_app(full, report_token=TOKEN), "GET", "/sign-in", headers=BROWSER, QUERY_STRING="target=/inbox")
    assert (answer.status, is_form(answer), 'value="/inbox"' in answer.text) == (200, True, True)


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example", "///evil.example/", "https://evil.example/", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)",
        "/\t/evil.example", "/%2f/evil.example", "http:evil.example", "/tool//evil.example", "evil.example", "", "/sign-out", "/events",
        "/?a=b\r\nSet-Cookie: x=y", "/\r\nSet-Cookie: x=y", "/\0", "/" + "a" * 9000, "//evil.example/?x=/inbox", "/@evil.example", "/../..//evil.example",
        " //evil.example", "//[", "/?" + "&a=1" * 2000,
    ],
)  # fmt: skip
def test_form_leads_to_our_own_pages_only(full: SqliteStore, call: Any, post: Any, target: str) -> None:
    """Whatever stands in the form, a browser is sent to a page of this collector's, and no header is added."""
    app = create_app(full, report_token=TOKEN)
    answer = post(app, "/sign-in", {"token": TOKEN, "target": target})
    assert answer.status == 303
    location = answer.headers["Location"]
    assert re.fullmatch(r"/(\?[!-~]*)?", location)
    assert set(answer.headers) == {
        "Content-Type", "Content-Length", "Cache-Control", "X-Content-Type-Options", "Location", "Set-Cookie", "Referrer-Policy",
    }  # fmt: skip
    assert "x=y" not in answer.headers["Set-Cookie"]
    if "evil" in target:
        assert "evil" not in location or location.startswith("/?")
    shown = call(app, "GET", "/sign-in", headers=BROWSER, QUERY_STRING=urlencode({"target": target}))
    assert re.search(r'name="target"[^>]*value="/["?]', shown.text)


@pytest.mark.parametrize(
    "target",
    ["/tool?tool=a%0d%0ab&app=%22%3E", "/?since=2025-11-01&until=2025-11-28", "/inbox?show=unread", "/api/report?app=acme-mcp"],
)
def test_target_keeps_what_was_asked(full: SqliteStore, post: Any, target: str) -> None:
    """A page with its query is a page of ours; what could end a header stays written as it came."""
    location = post(create_app(full, report_token=TOKEN), "/sign-in", {"token": TOKEN, "target": target}).headers["Location"]
    assert location.lower() == target.lower()


def test_token_in_an_address_leads_to_the_page(full: SqliteStore, call: Any) -> None:
    """`/?token=…` is swapped for the cookie as the form does it; a wrong one shows the form and is in no link of it."""
    app = create_app(full, report_token=TOKEN)
    answer = call(app, "GET", "/", headers=BROWSER, QUERY_STRING=f"period=7d&token={TOKEN}")
    assert (answer.status, answer.headers["Location"]) == (303, "/?period=7d")
    assert call(app, "GET", "/", headers={"Cookie": cookie_of(answer)}).status == 200
    answer = call(app, "GET", "/", headers=BROWSER, QUERY_STRING="period=7d&token=wr0ng")
    assert (answer.status, is_form(answer), "wr0ng" in answer.text) == (401, True, False)
    assert 'value="/?period=7d"' in answer.text


def test_link_from_elsewhere_leads_to_who_has_signed_in(full: SqliteStore, call: Any, post: Any) -> None:
    """A browser that follows a link from a chat keeps the cookie to itself: it is told to ask once more, from here, and only once."""
    app = create_app(full, report_token=TOKEN)
    followed = {**BROWSER, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "cross-site"}
    answer = call(app, "GET", "/", headers=followed, QUERY_STRING="period=7d")
    assert (answer.status, is_form(answer), answer.headers["Refresh"]) == (401, True, "0; url=/?period=7d")
    again = {**followed, "Sec-Fetch-Site": "same-origin"}
    assert "Refresh" not in call(app, "GET", "/", headers=again).headers
    assert call(app, "GET", "/", headers={**again, **signed_in(app, post)}).status == 200
    for other in ({"Sec-Fetch-Dest": "iframe"}, {"Sec-Fetch-Mode": "cors"}, {"Sec-Fetch-Mode": "no-cors"}):
        assert "Refresh" not in call(app, "GET", "/", headers={**followed, **other}).headers
    assert "Refresh" not in call(app, "GET", "/", headers=followed, QUERY_STRING="token=wrong").headers


def test_cookies_of_https_stay_there(full: SqliteStore, call: Any, post: Any) -> None:
    """Where the reader came by https, also to a proxy, neither cookie travels without it."""
    app = create_app(full, report_token=TOKEN)
    for environ in ({"HTTP_X_FORWARDED_PROTO": "https"}, {"wsgi.url_scheme": "https"}):
        assert post(app, "/sign-in", {"token": TOKEN}, **environ).headers["Set-Cookie"].endswith("; HttpOnly; SameSite=Strict; Secure")
        assert "; Secure" in call(app, "GET", "/", QUERY_STRING=f"token={TOKEN}", **environ).headers["Set-Cookie"]


def test_two_collectors_of_one_host_have_two_cookies(full: SqliteStore, call: Any, post: Any) -> None:
    """Browsers keep cookies by host and not by port, so that the port is in the name; what another set is no guess."""
    names = {
        cookie_of(post(create_app(full, report_token=TOKEN), "/sign-in", {"token": TOKEN}, {"Origin": f"http://{host}"}, HTTP_HOST=host)).partition("=")[0]
        for host in ("localhost:8001", "localhost:8002", "localhost")
    }
    assert len(names) == 3
    app = create_app(full, report_token=TOKEN, guess_limit=1)
    for _ in range(3):
        assert call(app, "GET", "/", headers={"Cookie": "mcptelemetry_report_8001=" + "0" * 32 + "." + "0" * 64}).status == 401
    assert call(app, "GET", "/", headers={"Authorization": f"Bearer {TOKEN}"}).status == 200


def test_signing_out_takes_the_cookie_away(full: SqliteStore, post: Any) -> None:
    """After signing out the browser has no cookie, and is shown the form."""
    app = create_app(full, report_token=TOKEN)
    answer = post(app, "/sign-out", {}, signed_in(app, post))
    assert (answer.status, answer.headers["Location"]) == (303, "/sign-in")
    cookie, *attributes = answer.headers["Set-Cookie"].split("; ")
    assert (cookie.endswith("="), "Max-Age=0" in attributes, "Path=/" in attributes) == (True, True, True)


OFFERS = {
    "the form": lambda call, post, app, token: post(app, "/sign-in", {"token": token}),
    "an address": lambda call, post, app, token: call(app, "GET", "/", headers=BROWSER, QUERY_STRING=f"token={token}"),
    "a program": lambda call, post, app, token: call(app, "GET", "/metrics", headers={"Authorization": f"Bearer {token}"}),
    "a cookie": lambda call, post, app, token: call(
        app, "GET", "/", headers={**BROWSER, "Cookie": cookie_of(post(create_app(app.store, report_token=token), "/sign-in", {"token": token}))}
    ),
}


@pytest.mark.parametrize("last", OFFERS)
def test_two_hundred_guesses_a_minute(full: SqliteStore, call: Any, post: Any, last: str) -> None:
    """However wrong tokens come, from whomever, 200 a minute are looked at; then none is, nor the right one, and all are told when."""

    class Remembering:
        """The app, and the store to make the cookies of other tokens with."""

        def __init__(self, app: Any, store: SqliteStore) -> None:
            self.app, self.store = app, store

        def __call__(self, *args: Any) -> Any:
            return self.app(*args)

    clock = Time()
    app = Remembering(create_app(full, report_token=TOKEN, clock=clock), full)
    mine = signed_in(app, post)
    for number in range(200):
        offer = list(OFFERS.values())[number % 4]
        assert offer(call, post, app, f"wrong-{number}").status == 401
        clock.seconds += 0.25
    for token in ("wrong", TOKEN):
        answer = OFFERS[last](call, post, app, token)
        assert (answer.status, answer.headers["Retry-After"]) == (429, "10")
        assert "Set-Cookie" not in answer.headers
        assert "oo many wrong tokens" in (answer.text if answer.document is None else answer.document["error"])
    # Whoever is signed in notices nothing, and who offers nothing is asked as ever.
    assert call(app, "GET", "/", headers=mine).status == 200
    assert is_form(call(app, "GET", "/", headers=BROWSER))
    clock.seconds += 10
    assert OFFERS[last](call, post, app, "wrong").status == 401
    assert OFFERS[last](call, post, app, TOKEN).status == 429
    clock.seconds += 60
    assert OFFERS[last](call, post, app, TOKEN).status in (200, 303)


def test_right_tokens_are_no_guesses(full: SqliteStore, call: Any) -> None:
    """A program that reads the metrics with the right token may do so as often as it likes."""
    app = create_app(full, report_token=TOKEN, clock=Time(), guess_limit=3)
    for _ in range(10):
        assert call(app, "HEAD", "/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status == 200


OTHERS = (
    {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"},
    {"Origin": "http://127.0.0.1:81"}, {"Origin": "http://localhost"}, {"Origin": ""}, {"Origin": "http://127.0.0.1:80.evil.example"},
)  # fmt: skip


@pytest.mark.parametrize("sent", OTHERS, ids=str)
def test_pages_of_other_sites_can_post_nothing(full: SqliteStore, post: Any, sent: dict[str, str]) -> None:
    """A form on another site, or at another port of this host, signs nobody in or out, and marks nothing as read."""
    app = create_app(full, report_token=TOKEN)
    mine = signed_in(app, post)
    for path, fields in (("/sign-in", {"token": TOKEN}), ("/sign-out", {}), ("/inbox/read", {"number": "1"})):
        answer = post(app, path, fields, {**mine, **sent})
        assert (answer.status, "Set-Cookie" in answer.headers, "own page" in answer.text) == (403, False, True)
    assert unread(full) == full_count(full)


@pytest.mark.parametrize(
    "sent",
    [
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://t.acme.dev"},  # a proxy that passes on a Host of its own
        {"Origin": "https://t.acme.dev", "X-Forwarded-Host": "t.acme.dev"},
        {"Sec-Fetch-Site": "none"},
    ],
    ids=str,
)
def test_own_pages_post_through_any_proxy(full: SqliteStore, post: Any, sent: dict[str, str]) -> None:
    """What the browser itself calls our own is; where it does not say, the proxy's word for the name that was asked counts."""
    assert post(create_app(full, report_token=TOKEN), "/sign-in", {"token": TOKEN}, sent).status == 303


def test_operator_may_say_which_names_are_ours(full: SqliteStore, call: Any, post: Any) -> None:
    """With `hosts` given, the page answers under those, an address or localhost, and under no other name whatever comes with it."""
    app = create_app(full, report_token=TOKEN, hosts=["T.acme.dev"])
    for host, status in (
        ("t.acme.dev", 200), ("t.acme.dev:8443", 200), ("127.0.0.1:80", 200), ("[::1]:80", 200), ("localhost:80", 200), (None, 200),
        ("evil.example", 403), ("t.acme.dev.evil.example", 403), ("127.0.0.1.evil.example", 403), ("localhost.evil.example", 403),
    ):  # fmt: skip
        answer = call(app, "GET", "/api/report", headers={"Authorization": f"Bearer {TOKEN}"}, HTTP_HOST=host)
        assert answer.status == status, host
    assert call(app, "GET", "/", headers=BROWSER, QUERY_STRING=f"token={TOKEN}", HTTP_HOST="evil.example").status == 403
    assert post(app, "/sign-in", {"token": TOKEN}, {"Origin": "https://t.acme.dev"}).status == 303
    assert post(app, "/sign-in", {"token": TOKEN}, {"Origin": "https://t.acme.dev.evil.example"}).status == 403


def unread(store: SqliteStore) -> int:
    """Return how many messages are not read."""
    from mcptelemetry.collector import Filter

    return sum(1 for entry in store.inbox(Filter()) if not entry.is_read)


def full_count(store: SqliteStore) -> int:
    """Return how many messages there are."""
    from mcptelemetry.collector import Filter

    return len(store.inbox(Filter()))


def test_messages_are_marked_as_read(full: SqliteStore, post: Any, call: Any) -> None:
    """The numbers that the inbox posts are read from then on, and the reader is back in the inbox; without the cookie nothing is."""
    app = create_app(full, report_token=TOKEN)
    mine = signed_in(app, post)
    assert is_form(post(app, "/inbox/read", {"number": "1"}))
    assert unread(full) == full_count(full) > 0
    for fields in ({"number": "one"}, {"number": "-1"}, {"number": "²"}, {"number": "9" * 30}):
        assert post(app, "/inbox/read", fields, mine).status == 400
    answer = post(app, "/inbox/read", [("number", "1"), ("number", "777777"), ("target", "/inbox?show=unread")], mine)
    assert (answer.status, answer.headers["Location"]) == (303, "/inbox?show=unread")
    assert unread(full) == full_count(full) - 1
    assert post(app, "/inbox/read", {}, mine).headers["Location"] == "/inbox"


def test_forms_are_bounded(full: SqliteStore, post: Any, call: Any) -> None:
    """A form that is too large, has too many fields or is none is refused, whoever sends it."""
    app = create_app(full, report_token=TOKEN)
    assert post(app, "/sign-in", {"token": "x" * 20_000}).status == 413
    assert post(app, "/sign-in", [("a", "1")] * 1_100).status == 400
    assert post(app, "/sign-in", {"token": TOKEN}, CONTENT_TYPE="application/json").status == 415
    assert post(app, "/sign-in", {"token": TOKEN}, CONTENT_TYPE=None).status == 415
    assert post(app, "/sign-in", {"token": TOKEN}, CONTENT_TYPE=f"{FORM}; charset=UTF-8").status == 303


@pytest.mark.parametrize("option", [{"hosts": ["a b"]}, {"hosts": ["http://t.acme.dev"]}, {"hosts": [""]}, {"guess_limit": 0}])
def test_options_that_cannot_be_used_are_named(store: SqliteStore, option: dict[str, Any]) -> None:
    """A name that is none and a limit that lets nobody in are errors at construction."""
    with pytest.raises(ValueError, match=next(iter(option))):
        create_app(store, **option)


@pytest.mark.parametrize("option", [{"hosts": [7]}, {"guess_limit": "many"}, {"guess_limit": True}])
def test_options_of_another_type_are_named(store: SqliteStore, option: dict[str, Any]) -> None:
    """What is no name and no number is an error at construction."""
    with pytest.raises(TypeError, match=next(iter(option))):
        create_app(store, **option)
