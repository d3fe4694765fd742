"""Why nothing came back, and the mend: taken from the innermost error, and naming no secret."""

from __future__ import annotations

import socket
import ssl

import pytest
from requests import ConnectionError as RequestsConnectionError
from requests.exceptions import ProxyError

from mcptelemetry.system._http_trouble import ProxyRefusal, describe, errors_in, mend_of


def certificate_error():
    error = ssl.SSLCertVerificationError("certificate verify failed")
    error.verify_message = "Hostname mismatch, certificate is not valid for 't.acme.dev'."
    return error


def tls_error():
    error = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)")
    error.reason = "WRONG_VERSION_NUMBER"
    return error


@pytest.mark.parametrize(
    ("error", "cause", "mend"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "connection refused", "start the collector there"),
        (socket.gaierror(-2, "Name or service not known"), "name or service not known", "correct the host's name"),
        (socket.timeout("timed out"), "timed out", "see what listens there"),
        (certificate_error(), "the certificate is not trusted: hostname mismatch", "ca_bundle of [network]"),
        (tls_error(), "wrong version number", "see whether TLS is spoken at that port"),
        (ProxyError(ConnectionRefusedError(111, "Connection refused")), "connection refused", "see whether the proxy is there"),
        (ProxyRefusal(407), "the proxy wants credentials (407); write them into its URL", ""),
        (OSError("Tunnel connection failed: 403 Forbidden"), "the proxy refused the way (403)", ""),
        (ValueError("https://me:hunter2@t.acme.dev"), "ValueError", "see what listens there"),
    ],
)
def test_trouble_is_named_with_its_mend(error, cause, mend):
    """Wrapped as the libraries wrap it, or bare, each error is the same few words and what can be done."""
    for seen in (errors_in(error), errors_in(RequestsConnectionError(error))):
        assert describe(seen).startswith(cause) or type(error) is ValueError
        assert mend_of(seen).find(mend) >= 0
        assert (mend == "") is (mend_of(seen) == "")
        assert "hunter2" not in describe(seen) + mend_of(seen)
