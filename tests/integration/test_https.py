"""Over TLS: whose certificates are trusted, and that deadlines and kept connections hold there too."""

from __future__ import annotations

import contextlib
import datetime
import importlib.util
import io
import ipaddress
import os
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mcptelemetry.application import Application
from mcptelemetry.cli import main
from mcptelemetry.cli._command import Console
from mcptelemetry.privacy import Gate, Stream, Switches, Verdict
from mcptelemetry.system import HttpTransport, NetworkSettings, NoAnswer, Request, SystemClock
from mcptelemetry.testing import SocketServer

x509 = pytest.importorskip("cryptography.x509")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Make a certificate for 127.0.0.1 that signs itself; return the file that holds it and its key."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("t.acme.dev")]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return str(path)


def tls_server(certificate, handle):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def shake_hands(connection):
        connection.sock = context.wrap_socket(connection.sock, server_side=True)
        handle(connection)

    return SocketServer(shake_hands)


def answer_all(connection):
    while connection.read_request() is not None:
        connection.answer(202, b"ok")


def drip(connection):
    connection.read_request()
    connection.send(b"HTTP/1.1 202 Accepted\r\nX-Drip: ")
    while connection.pause(0.05):
        connection.send(b"z")


def request_to(server, secs=5.0):
    return Request(server.events_url.replace("http:", "https:"), b"{}", {}, secs)


@pytest.mark.parametrize("name", ["network", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_certificates_of_the_settings_are_trusted(certificate, name):
    """A CA of the person's own is taken from `[network]` or the usual variables; the connection is kept."""
    network = NetworkSettings(ca_bundle=certificate if name == "network" else None)
    transport = HttpTransport(environ={} if name == "network" else {name: certificate}, network=network)
    with tls_server(certificate, answer_all) as server:
        for _ in range(3):
            answer = transport.post(request_to(server))
            assert (answer.status, answer.body) == (202, b"ok")
        transport.close()
        assert (len(server.requests), server.connection_count) == (3, 1)


def test_certificates_are_looked_at_for_each_request(certificate):
    """What the environment trusts is not taken from the request before."""
    environ = {"SSL_CERT_FILE": certificate}
    transport = HttpTransport(environ=environ)
    with tls_server(certificate, answer_all) as server:
        assert transport.post(request_to(server)).status == 202
        del environ["SSL_CERT_FILE"]
        with pytest.raises(NoAnswer, match="the certificate is not trusted"):
            transport.post(request_to(server))
        transport.close()
        assert len(server.requests) == 1


def test_unknown_certificate_is_no_answer(certificate):
    """A certificate that nobody vouches for is refused, and nothing is sent."""
    transport = HttpTransport(environ={})
    with tls_server(certificate, answer_all) as server:
        with pytest.raises(NoAnswer, match="the certificate is not trusted"):
            transport.post(request_to(server))
        transport.close()
        assert server.requests == []


def test_plain_server_is_no_answer_over_tls():
    """A server that does not speak TLS gives no answer."""
    transport = HttpTransport(environ={})
    with SocketServer(answer_all) as server:
        with pytest.raises(NoAnswer):
            transport.post(request_to(server, 0.5))
        transport.close()


def test_deadline_holds_over_tls(certificate):
    """Headers that drip over TLS are given up after the time-out."""
    transport = HttpTransport(environ={"SSL_CERT_FILE": certificate})
    with tls_server(certificate, drip) as server:
        with pytest.raises(NoAnswer):
            transport.post(request_to(server, 2.0))  # time enough for the handshake and the request
        transport.close()
        assert len(server.requests) == 1


@pytest.mark.parametrize("size", [2, 200_000])
def test_no_said_while_a_handshake_stalls_is_heard(certificate, tmp_path, size):
    """A body that waits for a slow TLS handshake does not leave any more once `off` has exited."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    is_off, is_done = threading.Event(), threading.Event()
    said, received = [], []

    def shake_hands_late(connection):
        connection.sock.recv(1, socket.MSG_PEEK)  # the client has begun its handshake
        console = Console(out=io.StringIO(), err=io.StringIO(), environ={"HOME": str(tmp_path)})
        said.append(main(["off"], console))
        is_off.set()
        connection.sock = context.wrap_socket(connection.sock, server_side=True)
        with contextlib.suppress(OSError):
            received.append(connection.sock.recv(65_536))
        is_done.set()

    switches = Switches(
        Application("acme-mcp"), environ={"HOME": str(tmp_path)}, version="1.4.0", is_under_test=False
    )
    with SocketServer(shake_hands_late) as server:
        gate = Gate(
            HttpTransport(environ={}, network=NetworkSettings(ca_bundle=certificate)),
            refusal=lambda: switches.refusal(Stream.HEARTBEAT),
            clock=SystemClock(),
        )
        url = server.events_url.replace("http:", "https:")
        outcome = gate.post(url, b"x" * size, {}, 10.0)
        gate.close()
        assert is_off.is_set()
        assert is_done.wait(10)
    assert said == [0]
    assert outcome.verdict is Verdict.REFUSED
    assert "person.toml" in outcome.message
    assert b"".join(received) == b""


def test_connection_at_rest_that_ended_is_replaced_under_tls_too(certificate):
    """A connection that ends as the next body comes costs a second one, and the body goes once more."""

    def answer_once_then_leave(connection):
        connection.read_request()
        connection.answer(202, b"ok")
        if connection.number == 0:
            connection.read_request()
        else:
            answer_all(connection)

    with tls_server(certificate, answer_once_then_leave) as server:
        transport = HttpTransport(environ={}, network=NetworkSettings(ca_bundle=certificate))
        for _ in range(3):
            assert transport.post(request_to(server)).status == 202
        transport.close()
        assert (len(server.requests), server.connection_count) == (4, 2)


@pytest.mark.parametrize("credentials", ["", "user:hunter2@"])
def test_tunnel_of_a_proxy_carries_each_head_where_it_belongs(certificate, credentials):
    """The proxy hears its own headers only, the endpoint ours only, and the tunnel is used again."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def be_proxy_and_endpoint(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        connection.sock = context.wrap_socket(connection.sock, server_side=True)
        answer_all(connection)

    with SocketServer(be_proxy_and_endpoint) as proxy:
        transport = HttpTransport(
            environ={"HTTPS_PROXY": proxy.url.replace("http://", f"http://{credentials}")},
            network=NetworkSettings(ca_bundle=certificate),
        )
        request = Request("https://t.acme.dev/e?k=1", b"{}", {"Authorization": "Bearer mine"}, 5.0)
        assert [transport.post(request).status for _ in range(2)] == [202, 202]
        transport.close()
        connect, *posts = proxy.requests
        assert proxy.connection_count == 1
    assert (connect.method, connect.path) == ("CONNECT", "t.acme.dev:443")
    assert set(connect.headers) <= {"host", "proxy-authorization"}
    assert ("proxy-authorization" in connect.headers) is bool(credentials)
    assert len(posts) == 2
    for post in posts:
        assert (post.method, post.path, post.headers["host"]) == ("POST", "/e?k=1", "t.acme.dev")
        assert set(post.headers) == {"host", "user-agent", "accept-encoding", "authorization", "content-length"}


# -- pyOpenSSL under urllib3 -----------------------------------------------------------

ROOT = Path(__file__).resolve().parents[2]
INJECT = """
import sys
import urllib3.contrib.pyopenssl
urllib3.contrib.pyopenssl.inject_into_urllib3()
"""
RUN_TESTS = INJECT + "import pytest; sys.exit(pytest.main(sys.argv[1:]))"
DELIVER = INJECT + """
from mcptelemetry import PipelineConfig, TelemetryPipeline, TelemetryEvent
pipeline = TelemetryPipeline(PipelineConfig(endpoint=sys.argv[1]), environ={"SSL_CERT_FILE": sys.argv[2]})
pipeline.start()
for _ in range(3):
    pipeline.buffer.record(TelemetryEvent("tool", "local_only"))
    pipeline.flush(10)
pipeline.shutdown()
stats = pipeline.stats()
assert (stats.delivered, stats.requeued, stats.last_error) == (3, 0, None), stats
"""


def run_with_pyopenssl(source, *arguments, home):
    if importlib.util.find_spec("OpenSSL") is None:
        pytest.skip("pyOpenSSL is not installed: it comes with the extra `hosts`")
    environ = {"HOME": str(home), "PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
    return subprocess.run(
        [sys.executable, "-c", source, *arguments],
        cwd=ROOT, env=environ, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip


@pytest.mark.heavy
def test_all_of_this_holds_over_pyopenssl(tmp_path):
    """In a host that put pyOpenSSL under urllib3 the tests above pass as they do here."""
    arguments = ["-q", "-p", "no:cacheprovider", "-m", "not heavy", "tests/integration/test_https.py"]
    # What an older urllib3 asks of a newer pyOpenSSL is theirs to settle.
    done = run_with_pyopenssl(RUN_TESTS, *arguments, "-W", "ignore:X509:DeprecationWarning", home=tmp_path)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.heavy
def test_batch_is_sent_once_over_pyopenssl(certificate, tmp_path):
    """Three flushes are three requests on one connection: what was answered is not sent again."""
    with tls_server(certificate, answer_all) as server:
        url = server.events_url.replace("http:", "https:")
        done = run_with_pyopenssl(DELIVER, url, certificate, home=tmp_path)
        assert done.returncode == 0, done.stderr
        assert (len(server.requests), server.connection_count) == (3, 1)
