"""
Who may read: the report, the metrics and the page answer to the report token only.

The token comes as bearer token, from a program, or as a cookie, from a person's browser. The
cookie holds not the token but what only the token's holder can compute. An address with
``?token=`` is swapped for the cookie by a redirect, so that the token stays in no history,
and a collector that was given no token keeps these doors shut, saying so.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from urllib.parse import quote, urlencode

from ._guards import bearer_token, check_token
from ._requests import IncomingRequest, Refusal, Response

__all__ = ["ReportAccess", "check_host"]

_QUERY_NAME = "token"
# A host's name or IPv4 address, or an IPv6 address in brackets; then perhaps a port.
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")


class ReportAccess:
    """A guard that passes whoever holds *token*; None: nobody. Safe between threads."""

    def __init__(self, token: str | None) -> None:
        self._token = None if token is None else check_token("report_token", token).encode("ascii")
        if self._token is not None:
            key = hashlib.sha256(self._token).hexdigest()
            # Browsers keep cookies by host and not by port: two collectors of one machine have two.
            self.cookie_name: str = f"mcptelemetry_report_{key[:8]}"
            self._cookie = hmac.new(self._token, b"the cookie of a report", hashlib.sha256).hexdigest()

    def __call__(self, request: IncomingRequest) -> None:
        """Pass *request*, or refuse it."""
        check_host(request)
        if self._token is None:
            message = (
                "this is closed, because the collector was given no report token: "
                "create_app(report_token=...), or mcptelemetry collect --report-token-env NAME"
            )
            raise Refusal(403, message, reason="report token")
        offered = bearer_token(request)
        if offered and self.opens(offered):
            return
        if any(hmac.compare_digest(value.encode(), self._cookie.encode()) for value in self._cookies(request)):
            return
        challenge = (("WWW-Authenticate", 'Bearer realm="mcptelemetry report"'),)
        raise Refusal(401, "the report token is required", challenge, reason="report token")

    def opens(self, offered: bytes) -> bool:
        """Return whether *offered* is the token."""
        return self._token is not None and hmac.compare_digest(offered, self._token)

    def set_cookie(self, request: IncomingRequest) -> tuple[str, str]:
        """Return the header that gives the sender of *request*, who holds the token, the cookie."""
        secure = "; Secure" if request.is_https else ""
        return "Set-Cookie", f"{self.cookie_name}={self._cookie}; Path=/; HttpOnly; SameSite=Strict{secure}"

    def admitting(self, show: Callable[[IncomingRequest], Response]) -> Callable[[IncomingRequest], Response]:
        """Return the handler that swaps a token in the query for the cookie, and otherwise asks this guard and *show*."""

        def admit(request: IncomingRequest) -> Response:
            offered = request.query(_QUERY_NAME)
            if offered is None or self._token is None:
                self(request)
                return show(request)
            check_host(request)
            if not self.opens(offered.encode("utf-8", "replace")):
                raise Refusal(401, "the token in the address is not the report token", reason="report token")
            rest = urlencode([field for field in request.query_fields() if field[0] != _QUERY_NAME])
            target = quote(request.path) + (f"?{rest}" if rest else "")
            headers = (("Location", target), self.set_cookie(request), ("Referrer-Policy", "no-referrer"))
            return Response(303, {"see": target}, headers)

        return admit

    def _cookies(self, request: IncomingRequest) -> list[str]:
        pairs = (part.strip().partition("=") for part in request.header("Cookie").split(";"))
        return [value for name, _, value in pairs if name == self.cookie_name]


def check_host(request: IncomingRequest) -> None:
    """Refuse a Host header that names no host, such as ``[::1]evil.example``."""
    host = request.header("Host")
    if host and _HOST.fullmatch(host) is None:
        raise Refusal(400, "the Host header names no host", reason="host")
