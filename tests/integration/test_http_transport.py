"""The way out over HTTP: what it takes along, what it leaves alone, and that it always comes back."""

from __future__ import annotations

import gzip
import importlib.util
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mcptelemetry.events import (
    PipelineConfig,
    TelemetryAuth,
    TelemetryBatch,
    TelemetryEvent,
    TelemetryPipeline,
    TelemetryUploader,
    UploadError,
)
from mcptelemetry.privacy import Gate, Verdict
from mcptelemetry.system import (
    BLOCK_BYTES,
    HttpTransport,
    NetworkSettings,
    NoAnswer,
    Request,
    SystemClock,
    Withheld,
)
from mcptelemetry.testing import (
    HOSTILE_BEHAVIOURS,
    FakeClock,
    HostileServer,
    ScriptedServer,
    SocketServer,
    refusing_url,
)

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_SECS = 0.5
PATIENT_SECS = 10.0  # for what answers, on a machine that is busy with something else


def batch(count=1, tool="t"):
    return TelemetryBatch(
        [TelemetryEvent(f"{tool}_{n}", "local_only", timestamp_secs=1, id=f"p-{n}") for n in range(count)]
    )


@pytest.fixture
def uploader():
    made = []

    def make(*args, **options):
        options.setdefault("environ", {})
        made.append(TelemetryUploader(*args, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


# -- what goes along -------------------------------------------------------------------


def test_kept_alive_connection_is_used_again(uploader):
    """Ten uploads, with answers of every usual form, need one connection."""
    replies = [202, (200, b"x" * 4096), (202, b'{"stored": 1}'), 204, (400, b"no"), (503, b"later")]
    with ScriptedServer(*replies) as server:
        one = uploader(server.events_url)
        for _ in range(10):
            try:
                one.upload(batch())
            except UploadError:
                pass
        assert len(server.requests) == 10
        assert server.connection_count == 1


def test_connection_that_the_server_closed_meanwhile_is_replaced(uploader):
    """A kept connection that ended at rest is noticed, and the upload takes another."""

    def answer_once(connection):
        connection.read_request()
        connection.answer(202)

    with SocketServer(answer_once) as server:
        one = uploader(server.events_url)
        for _ in range(3):
            one.upload(batch())
            assert server.wait_until_idle()
        assert len(server.requests) == 3
        assert server.connection_count == 3


def test_request_carries_little_about_its_sender(uploader):
    """Of the sender a request says the package's name and version, and nothing else."""
    with ScriptedServer() as server:
        uploader(server.events_url).upload(batch())
    (request,) = server.requests
    assert set(request.headers) == {
        "host",
        "user-agent",
        "accept-encoding",
        "content-type",
        "content-length",
    }
    assert request.headers["user-agent"].startswith("mcptelemetry/")
    assert request.headers["accept-encoding"] == "identity"


def test_cookies_are_not_kept(uploader):
    """A cookie that the endpoint sets does not come back to it."""
    cookie = {"Set-Cookie": "id=1; Path=/"}
    with ScriptedServer((202, b"", cookie), otherwise=(202, b"", cookie)) as server:
        one = uploader(server.events_url)
        one.upload(batch())
        one.upload(batch())
        assert all("cookie" not in request.headers for request in server.requests)


def test_netrc_is_not_read(uploader, own_surroundings, monkeypatch):
    """Credentials in the person's `~/.netrc` are none of ours, with or without a token."""
    netrc = own_surroundings / ".netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with ScriptedServer() as server:
        uploader(server.events_url).upload(batch())
        uploader(server.events_url, TelemetryAuth("mine")).upload(batch())
    assert "authorization" not in server.requests[0].headers
    assert server.requests[1].headers["authorization"] == "Bearer mine"


def test_redirect_is_not_followed(uploader):
    """The token does not travel to where a redirect leads."""
    with ScriptedServer() as target:
        with ScriptedServer((307, b"", {"Location": target.events_url})) as server:
            with pytest.raises(UploadError, match="redirect to 127.0.0.1") as caught:
                uploader(server.events_url, TelemetryAuth("mine")).upload(batch())
        assert (caught.value.status, caught.value.retryable) == (307, True)
        assert target.connection_count == 0


def test_trace_headers_are_not_added(uploader):
    """Inside an instrumented host the upload is marked to be left alone."""
    context = pytest.importorskip("opentelemetry.context")
    seen = []

    def look(request):
        seen.append("traceparent" in request.headers)
        return 202

    before = context.get_current()
    with ScriptedServer(look) as server:
        uploader(server.events_url).upload(batch())
    assert seen == [False]
    assert context.get_current() == before


# -- compression -----------------------------------------------------------------------


def test_gzip_compresses_bodies_over_one_kib(uploader):
    """A large body is compressed and says so; what arrives is what was to be sent."""
    with ScriptedServer() as server:
        uploader(server.events_url, compression="gzip").upload(batch(50))
    (request,) = server.requests
    assert request.headers["content-encoding"] == "gzip"
    assert request.headers["content-type"] == "application/json"
    assert gzip.decompress(request.body) == batch(50).to_json()
    assert len(request.body) < len(batch(50).to_json()) / 3


@pytest.mark.parametrize(("compression", "count"), [("gzip", 1), (None, 50)])
def test_small_bodies_and_others_stay_as_they_are(uploader, compression, count):
    """Up to 1 KiB, and without compression at any size, the body is plain JSON."""
    with ScriptedServer() as server:
        uploader(server.events_url, compression=compression).upload(batch(count))
    assert "content-encoding" not in server.requests[0].headers
    assert server.requests[0].body == batch(count).to_json()


def test_gzip_begins_above_one_kib_exactly(uploader):
    """A body of 1,024 bytes goes plain, one of 1,025 compressed."""
    size = len(batch(1).to_json())
    sent = []
    with ScriptedServer() as server:
        one = uploader(server.events_url, compression="gzip")
        for wanted in (1024, 1025):
            padded = TelemetryBatch(batch(1).events, app="a" * (wanted - size - len(',"app":""')))
            assert len(padded.to_json()) == wanted
            one.upload(padded)
        sent = ["content-encoding" in request.headers for request in server.requests]
    assert sent == [False, True]


# -- proxies ---------------------------------------------------------------------------


def connect_proxy():
    """Return a proxy that notes what it is asked for and then refuses."""

    def refuse(connection):
        request = connection.read_request()
        if request is not None:
            connection.answer(502)

    return SocketServer(refuse)


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_https_proxy_is_honoured(uploader, name):
    """An HTTPS endpoint is reached through the proxy that the environment names."""
    with connect_proxy() as proxy:
        one = uploader(
            "https://t.acme.dev/events", TelemetryAuth("mine"), environ={name: proxy.url}, timeout=5
        )
        with pytest.raises(UploadError) as caught:
            one.upload(batch())
        (request,) = proxy.requests
        assert (request.method, request.path) == ("CONNECT", "t.acme.dev:443")
        assert "authorization" not in request.headers  # the token is for the endpoint, inside the tunnel
        assert "mine" not in str(caught.value)
        assert (caught.value.status, caught.value.retryable) == (None, True)


def test_proxy_in_the_network_settings_wins(uploader):
    """The person's `[network] https_proxy` wins over the environment."""
    with connect_proxy() as proxy, connect_proxy() as other:
        one = uploader(
            "https://t.acme.dev/events",
            environ={"HTTPS_PROXY": other.url},
            network=NetworkSettings(https_proxy=proxy.url),
            timeout=5,
        )
        with pytest.raises(UploadError):
            one.upload(batch())
        assert (len(proxy.requests), other.connection_count) == (1, 0)


@pytest.mark.parametrize("word", ["t.acme.dev", ".acme.dev", "acme.dev", "*", "x.org, t.acme.dev"])
def test_no_proxy_is_honoured(word):
    """A host in `NO_PROXY` is reached without the proxy: here, by a look-up that the suite refuses."""
    with connect_proxy() as proxy:
        transport = HttpTransport(environ={"HTTPS_PROXY": proxy.url, "NO_PROXY": word})
        with pytest.raises(NoAnswer):
            transport.post(Request("https://t.acme.dev/events", b"{}", {}, 5.0))
        transport.close()
        assert proxy.connection_count == 0


def test_loopback_endpoint_takes_no_proxy(uploader):
    """What is meant for this machine does not go round by another."""
    with connect_proxy() as proxy, ScriptedServer() as server:
        environ = {"HTTP_PROXY": proxy.url, "ALL_PROXY": proxy.url}
        uploader(server.events_url, environ=environ).upload(batch())
        assert (len(server.requests), proxy.connection_count) == (1, 0)


def test_process_environment_is_not_read_when_another_is_given(uploader, monkeypatch):
    """With an environment of its own, an uploader does not look at the process's."""
    with connect_proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        one = uploader("https://t.acme.dev/events", environ={}, timeout=5)
        with pytest.raises(UploadError):
            one.upload(batch())
        assert proxy.connection_count == 0


@pytest.mark.parametrize("proxy", ["nonsense", "ftp://127.0.0.1:1", "http://[bad", "socks5://127.0.0.1:1", "//"])
def test_unusable_proxy_is_no_answer(proxy):
    """A proxy that cannot be one is a failure like any other, never another kind of error."""
    transport = HttpTransport(environ={"HTTPS_PROXY": proxy})
    with pytest.raises(NoAnswer) as caught:
        transport.post(Request("https://t.acme.dev/events", b"{}", {}, 1.0))
    transport.close()
    assert str(caught.value).isprintable()


def test_missing_ca_bundle_is_no_answer():
    """Certificates that cannot be found are a failure like any other."""
    transport = HttpTransport(environ={}, network=NetworkSettings(ca_bundle="/does/not/exist.pem"))
    with pytest.raises(NoAnswer):
        transport.post(Request("https://127.0.0.1:1/events", b"{}", {}, 1.0))
    transport.close()


@pytest.mark.parametrize(
    ("word", "is_direct"),
    [("192.0.2.0/24", True), ("192.0.2.7", True), ("x.org, 192.0.2.0/24", True), ("192.0.3.0/24", False), ("192.0.2.0/33", False)],
)
def test_no_proxy_takes_networks(word, is_direct):
    """An address in a network of `NO_PROXY` is reached without the proxy, as `requests` reads it."""
    with connect_proxy() as proxy:
        transport = HttpTransport(environ={"HTTPS_PROXY": proxy.url, "NO_PROXY": word})
        with pytest.raises(NoAnswer):
            transport.post(Request("https://192.0.2.7/events", b"{}", {}, 5.0))
        transport.close()
        assert (proxy.connection_count == 0) is is_direct


@pytest.mark.parametrize(("scheme", "name"), [("https", "HTTPS_PROXY"), ("http", "HTTP_PROXY")])
def test_proxy_that_wants_credentials_is_explained(scheme, name):
    """A 407 is the proxy's answer and no verdict of the endpoint's, with or without a tunnel."""

    def refuse(connection):
        if connection.read_request() is not None:
            connection.answer(407)

    with SocketServer(refuse) as proxy:
        transport = HttpTransport(environ={name: proxy.url})
        with pytest.raises(NoAnswer, match=r"the proxy wants credentials \(407\)"):
            transport.post(Request(f"{scheme}://t.acme.dev/events", b"{}", {}, 5.0))
        transport.close()


def test_credentials_for_the_proxy_go_to_the_proxy_alone():
    """They stand in the URL of the proxy, reach it, and are not repeated when it fails."""
    with connect_proxy() as proxy:
        with_credentials = proxy.url.replace("http://", "http://user:hunter2@")
        transport = HttpTransport(environ={"HTTPS_PROXY": with_credentials, "HTTP_PROXY": with_credentials})
        with pytest.raises(NoAnswer) as caught:
            transport.post(Request("https://t.acme.dev/events", b"{}", {}, 5.0))
        answer = transport.post(Request("http://t.acme.dev/events", b"{}", {}, 5.0))
        transport.close()
        assert answer.status == 502
        assert [request.headers["proxy-authorization"] for request in proxy.requests] == ["Basic dXNlcjpodW50ZXIy"] * 2
        assert "hunter2" not in str(caught.value)
        assert proxy.requests[1].path == "http://t.acme.dev/events"
        assert proxy.requests[1].headers["host"] == "t.acme.dev"


def test_missing_part_for_a_socks_proxy_is_named():
    """Without PySocks, the error says to install it."""
    source = """
import sys
sys.modules["socks"] = None  # as if it were not installed
from mcptelemetry.system import HttpTransport, NoAnswer, Request
try:
    HttpTransport(environ={"HTTPS_PROXY": "socks5://127.0.0.1:1"}).post(Request("https://t.acme.dev/events", b"{}", {}, 1.0))
except NoAnswer as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("install PySocks for a socks5 proxy\n", "")


def test_socks_proxy_alone_is_told_its_credentials():
    """Through a SOCKS proxy the endpoint gets our headers only; the proxy gets user and password."""
    if importlib.util.find_spec("socks") is None:
        pytest.skip("PySocks is not installed: it comes with the extra `hosts`")
    said = []

    def be_proxy_and_endpoint(connection):
        sock = connection.sock
        sock.recv(16)  # the methods that are offered
        sock.sendall(b"\x05\x02")
        said.append(sock.recv(64))  # user and password
        sock.sendall(b"\x01\x00")
        said.append(sock.recv(64))  # where to
        sock.sendall(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50")
        while connection.read_request() is not None:
            connection.answer(202)

    with SocketServer(be_proxy_and_endpoint) as proxy:
        environ = {"HTTP_PROXY": proxy.url.replace("http://", "socks5h://user:hunter2@")}
        transport = HttpTransport(environ=environ)
        for _ in range(2):
            assert transport.post(Request("http://t.acme.dev/events", b"{}", {}, 5.0)).status == 202
        transport.close()
        assert said == [b"\x01\x04user\x07hunter2", b"\x05\x01\x00\x03\x0at.acme.dev\x00\x50"]
        assert [request.path for request in proxy.requests] == ["/events"] * 2
        assert all("proxy-authorization" not in request.headers for request in proxy.requests)


# -- connections at rest ---------------------------------------------------------------


def leave_after(count, end):
    """Return a server whose first connection answers *count* requests, reads one more and then ends it so."""

    def serve(connection):
        served = 0
        while True:
            request = connection.read_request()
            if request is None:
                return
            if connection.number == 0 and served == count:
                end(connection)
                return
            connection.answer(202)
            served += 1

    return SocketServer(serve)


ENDS = {"close": lambda connection: None, "reset": lambda connection: connection.reset()}


@pytest.mark.parametrize("end", sorted(ENDS))
def test_body_goes_once_more_when_a_connection_at_rest_was_dead(end):
    """A balancer that let the connection go costs one more connection, not an outage."""
    with leave_after(1, ENDS[end]) as server:
        transport = HttpTransport(environ={})
        for number in range(3):
            assert transport.post(Request(server.events_url, b"%d" % number, {}, 5.0)).status == 202
        transport.close()
        assert server.wait_until_idle(5), "a connection outlives its transport"
        assert [request.body for request in server.requests] == [b"0", b"1", b"1", b"2"]
        assert server.connection_count == 2


@pytest.mark.parametrize("end", sorted(ENDS))
def test_body_that_must_not_be_repeated_goes_once(end):
    """Feedback is never written twice, whatever became of the first time."""
    with leave_after(1, ENDS[end]) as server:
        transport = HttpTransport(environ={})
        transport.post(Request(server.events_url, b"0", {}, 5.0))
        with pytest.raises(NoAnswer):
            transport.post(Request(server.events_url, b"1", {}, 5.0, is_repeatable=False))
        transport.close()
        assert [request.body for request in server.requests] == [b"0", b"1"]


@pytest.mark.parametrize("end", sorted(ENDS))
def test_fresh_connection_that_breaks_is_no_answer(end):
    """Only a connection that had served before is forgiven, and only once."""
    with leave_after(0, ENDS[end]) as server:
        transport = HttpTransport(environ={})
        with pytest.raises(NoAnswer):
            transport.post(Request(server.events_url, b"0", {}, 5.0))
        transport.close()
        assert server.connection_count == 1


def test_answer_that_broke_off_is_not_asked_for_again():
    """A connection that ended within an answer had something to say: the body is not repeated at once."""

    def begin(connection):
        connection.send(b"HTTP/1.1 20")
        connection.reset()

    with leave_after(1, begin) as server:
        transport = HttpTransport(environ={})
        transport.post(Request(server.events_url, b"0", {}, 5.0))
        with pytest.raises(NoAnswer):
            transport.post(Request(server.events_url, b"1", {}, 5.0))
        transport.close()
        assert [request.body for request in server.requests] == [b"0", b"1"]


@pytest.mark.parametrize(("rest_secs", "connections"), [(5.0, 1), (5.01, 2)])
def test_connection_rests_five_seconds_at_most(rest_secs, connections):
    """What may have been dropped without a word is not used to find out."""
    clock = FakeClock()
    with ScriptedServer() as server:
        transport = HttpTransport(environ={}, clock=clock)
        for _ in range(2):
            transport.post(Request(server.events_url, b"{}", {}, 5.0))
            clock.advance(rest_secs)
        transport.close()
        assert server.connection_count == connections


def test_silence_is_waited_out_and_the_next_body_goes_on_another_connection():
    """A connection that says nothing may yet have been heard: the body goes no second time by itself."""
    with leave_after(1, lambda connection: connection.hold()) as server:
        transport = HttpTransport(environ={})
        transport.post(Request(server.events_url, b"0", {}, 5.0))
        with pytest.raises(NoAnswer, match="timed out"):
            transport.post(Request(server.events_url, b"1", {}, 0.2))
        assert transport.post(Request(server.events_url, b"1", {}, 5.0)).status == 202
        transport.close()
        assert server.wait_for_requests(3)  # the one that was given up may be read after the one that was answered
        assert [request.body for request in server.requests] == [b"0", b"1", b"1"]
        assert server.connection_count == 2


# -- what is kept from one request to the next -----------------------------------------


def test_connection_to_a_place_that_is_left_is_closed():
    """Whoever posts elsewhere leaves nothing open behind; another path of the same place is no other place."""
    with ScriptedServer() as one, ScriptedServer() as other:
        transport = HttpTransport(environ={})
        for path in ("/a", "/b", "/a"):
            transport.post(Request(one.url + path, b"{}", {}, 5.0))
        assert one.connection_count == 1
        transport.post(Request(other.events_url, b"{}", {}, 5.0))
        assert one.wait_until_idle(5)
        transport.close()
        assert other.wait_until_idle(5)
        assert [request.path for request in one.requests] == ["/a", "/b", "/a"]


def test_headers_are_those_of_each_request():
    """A head that was put together for one request is not taken for the next, though its mapping be the same."""
    headers = {"X-Team": "a"}
    with ScriptedServer() as server:
        transport = HttpTransport(environ={})
        for team in ("a", "a", "b"):
            headers["X-Team"] = team
            transport.post(Request(server.events_url, team.encode() * 20_000, headers, 5.0))
        transport.post(Request(server.events_url, b"", {}, 5.0))
        transport.close()
        assert [request.headers.get("x-team") for request in server.requests] == ["a", "a", "b", None]
        assert [request.body for request in server.requests] == [b"a" * 20_000] * 2 + [b"b" * 20_000, b""]
        assert server.connection_count == 1


def test_header_that_would_be_two_is_refused_each_time():
    """A line break in a header is no answer, at the second attempt as at the first, and nothing leaves."""
    with ScriptedServer() as server:
        transport = HttpTransport(environ={})
        for _ in range(2):
            with pytest.raises(NoAnswer):
                transport.post(Request(server.events_url, b"{}", {"X-Team": "a\r\nX-Other: b"}, 5.0))
        transport.close()
        assert server.requests == []


def test_proxy_of_the_environment_is_looked_at_for_each_request():
    """A proxy that is named, changed or taken away later counts for the next request, as a CA does."""
    with connect_proxy() as first, connect_proxy() as second:
        environ = {"HTTP_PROXY": first.url}
        transport = HttpTransport(environ=environ)
        request = Request("http://t.acme.dev/events", b"{}", {}, 5.0)
        assert transport.post(request).status == 502
        environ["HTTP_PROXY"] = second.url
        assert transport.post(request).status == 502
        environ["NO_PROXY"] = "acme.dev"
        with pytest.raises(NoAnswer):  # the suite refuses the look-up
            transport.post(request)
        transport.close()
        assert (len(first.requests), len(second.requests)) == (1, 1)


def test_interim_answers_are_read_past():
    """Whatever is said with 1xx before the answer, the answer is the final one, and the connection stays good."""

    def hint(connection):
        while connection.read_request() is not None:
            connection.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
            connection.send(b"HTTP/1.1 102 Processing\r\n\r\n")
            connection.answer(202, b"yes")

    with SocketServer(hint) as server:
        transport = HttpTransport(environ={})
        answers = [transport.post(Request(server.events_url, b"{}", {}, 5.0)) for _ in range(2)]
        transport.close()
        assert [(answer.status, answer.body) for answer in answers] == [(202, b"yes")] * 2
        assert server.connection_count == 1


def test_interim_answers_without_end_are_no_answer():
    """A server that never comes to its answer gives none."""

    def babble(connection):
        connection.read_request()
        while True:
            connection.send(b"HTTP/1.1 102 Processing\r\n\r\n" * 50)

    with SocketServer(babble) as server:
        transport = HttpTransport(environ={})
        with pytest.raises(NoAnswer):
            transport.post(Request(server.events_url, b"{}", {}, 5.0))
        transport.close()


# -- a no on the way -------------------------------------------------------------------


def test_no_during_the_body_stops_it_at_a_block():
    """Once the no is there to be seen no further block is written, and the request never becomes whole."""
    received = []
    done = threading.Event()

    def swallow(connection):
        while True:
            part = connection.sock.recv(65_536)
            if not part:
                break
            received.append(part)
        done.set()

    answers = iter([True] * 5)
    with SocketServer(swallow) as server:
        transport = HttpTransport(environ={})
        with pytest.raises(Withheld):
            transport.post(Request(server.events_url, b"x" * 1_000_000, {}, 5.0, may_send=lambda: next(answers, False)))
        assert done.wait(10), "the connection was not dropped"
        transport.close()
    head, _, body = b"".join(received).partition(b"\r\n\r\n")
    assert b"Content-Length: 1000000" in head
    assert body == b"x" * (5 * BLOCK_BYTES)


def test_gate_refuses_what_was_forbidden_on_the_way():
    """The switch is asked again when the connection stands: then nothing leaves, not even a head."""
    reasons = iter([None, "off", "off"])
    received = []
    done = threading.Event()

    def look(connection):
        received.append(connection.sock.recv(65_536))
        done.set()

    with SocketServer(look) as server:
        gate = Gate(HttpTransport(environ={}), refusal=lambda: next(reasons), clock=SystemClock())
        outcome = gate.post(server.events_url, b"{}", {"Authorization": "Bearer mine"}, 5.0)
        gate.close()
        assert done.wait(10)
    assert (outcome.verdict, outcome.status) == (Verdict.REFUSED, None)
    assert outcome.message == "the sending was stopped: off"
    assert received == [b""]


# -- hostile servers -------------------------------------------------------------------

# What each way of misbehaving comes to, where the status was said before it began.
STATUS_OF_BEHAVIOUR = {
    "drips_body": 202,
    "resets_in_body": 202,
    "endless_body": 202,
    "endless_chunks": 202,
    "endless_redirect": 302,
    "length_too_long": 202,
    "length_too_short": 202,
    "broken_chunks": 202,
    "false_gzip": 202,
    "redirects": 302,
    "redirects_to_itself": 307,
    "redirects_nowhere": 302,
    "status_out_of_range": 999,
}
# With these it is open whether there was a status: what matters is that it ends.
OPEN_BEHAVIOURS = {"length_negative", "length_no_number", "two_lengths", "half_headers", "garbage", "tls_alert"}


@pytest.mark.parametrize("behaviour", sorted(HOSTILE_BEHAVIOURS))
def test_hostile_server_is_survived(behaviour):
    """With every hostile server a post comes back in bounded time: a status, or no answer."""
    result, answer_max_bytes = post_to_hostile(behaviour, TIMEOUT_SECS)
    if behaviour in STATUS_OF_BEHAVIOUR and isinstance(result, NoAnswer):
        result, answer_max_bytes = post_to_hostile(behaviour, PATIENT_SECS)
    if behaviour in OPEN_BEHAVIOURS:
        return
    if behaviour in STATUS_OF_BEHAVIOUR:
        assert result.status == STATUS_OF_BEHAVIOUR[behaviour]
        assert len(result.body) <= answer_max_bytes
    else:
        assert isinstance(result, NoAnswer)
        assert str(result).isprintable()


def post_to_hostile(behaviour, timeout_secs):
    """Return what a post to such a server comes to, and how much of an answer's body is read at most."""
    transport = HttpTransport(environ={})
    with HostileServer(behaviour) as server:
        request = Request(server.events_url, b"{}" * 100, {}, timeout_secs)
        done = []

        def post():
            try:
                done.append(transport.post(request))
            except NoAnswer as error:
                done.append(error)

        thread = threading.Thread(target=post, daemon=True)
        thread.start()
        thread.join(40)
        assert done, "the post did not come back, or not with an answer"
        transport.close()
    return done[0], request.answer_max_bytes


@pytest.mark.parametrize("compression", [None, "gzip"])
@pytest.mark.parametrize("behaviour", sorted(HOSTILE_BEHAVIOURS))
def test_hostile_server_leaves_the_account_in_order(behaviour, compression):
    """After a hostile server a flush and a shutdown end in time, and every event is accounted for."""
    with HostileServer(behaviour) as server:
        pipeline = TelemetryPipeline(
            PipelineConfig(endpoint=server.events_url, compression=compression), environ={}
        )
        pipeline.start()
        for number in range(20):
            pipeline.buffer.record(TelemetryEvent("t" * 100, "local_only", latency_ms=number))
        try:
            assert pipeline.flush(0.2) <= 20
        except UploadError as error:
            assert error.retryable
        pipeline.shutdown(0.3)
        stats = pipeline.stats()
        assert stats.recorded == 20
        assert stats.recorded == (
            stats.delivered
            + stats.dropped
            + stats.rejected
            + stats.spooled
            + stats.buffered
            + stats.in_flight
        )


def test_length_too_short_does_not_spoil_the_next_answer(uploader):
    """What a server sent beyond its promise is not taken for the answer to the next upload."""
    with HostileServer("length_too_short") as server:
        one = uploader(server.events_url, timeout=5)
        for _ in range(3):
            try:
                one.upload(batch())
            except UploadError as error:
                assert error.status != 400  # noqa: PT017


def test_dripped_headers_have_one_deadline(uploader):
    """However small the steps, reading an answer takes no longer than the time-out."""
    with HostileServer("drips_headers") as server:
        with pytest.raises(UploadError) as caught:
            uploader(server.events_url, timeout=TIMEOUT_SECS).upload(batch())
        assert caught.value.status is None


def test_refused_connection_is_described(uploader):
    """A refused connection is said to be one, without addresses of objects or of pools."""
    with refusing_url() as url, pytest.raises(UploadError) as caught:
        uploader(url).upload(batch())
    assert "refused" in str(caught.value)
    assert "0x" not in str(caught.value)
    assert "Pool" not in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_forked_child_opens_a_connection_of_its_own(uploader):
    """Parent and child never share a connection, and the parent's stays usable."""
    with ScriptedServer() as server:
        one = uploader(server.events_url)
        one.upload(batch(tool="before"))
        child = os.fork()
        if child == 0:
            status = 1
            try:
                one.upload(batch(tool="child"))
                status = 0
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        one.upload(batch(tool="after"))
        assert server.connection_count == 2
        tools = [json.loads(request.body)["events"][0]["tool"] for request in server.requests]
        assert tools == ["before_0", "child_0", "after_0"]
