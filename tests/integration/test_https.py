"""Over TLS: whose certificates are trusted, and that deadlines and kept connections hold there too."""

from __future__ import annotations

import datetime
import ipaddress
import ssl

import pytest

from mcptelemetry.system import HttpTransport, NetworkSettings, NoAnswer, Request
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
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
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


def test_unknown_certificate_is_no_answer(certificate):
    """A certificate that nobody vouches for is refused, and nothing is sent."""
    transport = HttpTransport(environ={})
    with tls_server(certificate, answer_all) as server:
        with pytest.raises(NoAnswer, match="(?i)ssl|certificate"):
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
            transport.post(request_to(server, 0.5))
        transport.close()
        assert len(server.requests) == 1
