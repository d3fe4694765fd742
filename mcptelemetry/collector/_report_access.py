"""
Who may read: the report, the metrics and the page answer to the report token only.

The token comes as bearer token, from a program, or as a cookie, from a person's browser. An
address with ``?token=`` is swapped for the cookie by a redirect, so that the token stays in no
history, and a collector that was given no token keeps these doors shut, saying so.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable

from ._cookies import Cookies
from ._guards import bearer_token, check_token
from ._guesses import Guesses
from ._hosts import Hosts
from ._requests import IncomingRequest, Refusal, Response

__all__ = ["ReportAccess", "TokenWanted"]

_QUERY_NAME = "token"


class TokenWanted(Refusal):
    """Whoever asks has to show the report token first, or another than they did: *is_wrong*."""

    def __init__(self, *, is_wrong: bool) -> None:
        message = "that is not the report token" if is_wrong else "the report token is required"
        challenge = (("WWW-Authenticate", 'Bearer realm="mcptelemetry report"'),)
        super().__init__(401, message, challenge, reason="report token")
        self.is_wrong = is_wrong


class ReportAccess:
    """A guard that passes whoever holds *token*; None: nobody. Safe between threads."""

    def __init__(self, token: str | None, guesses: Guesses, hosts: Hosts) -> None:
        self._token = None if token is None else check_token("report_token", token).encode("ascii")
        self._guesses = guesses
        self._hosts = hosts
        self._cookies = None if self._token is None else Cookies(self._token, guesses)

    def __call__(self, request: IncomingRequest) -> None:
        """Pass *request*, or refuse it."""
        cookies = self._open_cookies(request)
        offered = bearer_token(request)
        if offered:
            if self.opens(offered):
                return
            # One guess a request: whoever has a cookie sends no token beside it.
            raise TokenWanted(is_wrong=True)
        if not cookies.open(request):
            raise TokenWanted(is_wrong=False)

    def opens(self, offered: bytes) -> bool:
        """Return whether *offered* is the token; raises `TooManyGuesses` when that is not to be told."""
        return self._token is not None and self._guesses.judge(hmac.compare_digest(offered, self._token))

    def sign_in(self, request: IncomingRequest, offered: str, target: str) -> Response:
        """Return the redirect to *target* with the cookie, when *offered* is the token."""
        cookies = self._open_cookies(request)
        if not self.opens(offered.encode("utf-8", "replace")):
            raise TokenWanted(is_wrong=True)
        return Response(303, {"see": target}, (("Location", target), cookies.make(request), ("Referrer-Policy", "no-referrer")))

    def sign_out(self, request: IncomingRequest, target: str) -> Response:
        """Return the redirect to *target* that takes the cookie away."""
        cookies = self._open_cookies(request)
        return Response(303, {"see": target}, (("Location", target), cookies.clear(request)))

    def check_open(self, request: IncomingRequest) -> None:
        """Pass *request* when there is a token that it may be asked for."""
        self._open_cookies(request)

    def admitting(self, show: Callable[[IncomingRequest], Response]) -> Callable[[IncomingRequest], Response]:
        """Return the handler that swaps a token in the query for the cookie, and otherwise asks this guard and *show*."""

        def admit(request: IncomingRequest) -> Response:
            offered = request.query(_QUERY_NAME)
            if offered is None:
                self(request)
                return show(request)
            rest = [field for field in request.query_fields() if field[0] != _QUERY_NAME]
            return self.sign_in(request, offered, request.address(rest))

        return admit

    def _open_cookies(self, request: IncomingRequest) -> Cookies:
        """Return the cookies that open; raise `Refusal` when there are none, or under a name that is not ours."""
        self._hosts.check(request)
        if self._cookies is None:
            message = (
                "this is closed, because the collector was given no report token: "
                "create_app(report_token=...), or mcptelemetry collect --report-token-env NAME"
            )
            raise Refusal(403, message, reason="report token")
        return self._cookies
