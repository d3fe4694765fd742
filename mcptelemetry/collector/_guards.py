"""
Who may send what: each guard is asked before a route's handler and refuses by raising.

Nobody is believed for the address a request comes from: behind a reverse proxy every
stranger's is this machine's own. What opens a door is a token, and no address is kept.
"""

from __future__ import annotations

import hmac
import math
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Optional, Union

from ..application import Application
from ..system import Clock
from ._requests import IncomingRequest, Refusal

__all__ = ["Guard", "RateLimit", "SenderTokens", "Tokens", "bearer_token", "check_token", "refuse_browsers"]

Guard = Callable[[IncomingRequest], None]

Tokens = Union[str, Mapping[str, Optional[Iterable[str]]], None]
"""One token for all applications, or each token with those it may write for (None: all); None: none is asked for."""


def bearer_token(request: IncomingRequest) -> bytes:
    """Return the token in ``Authorization: Bearer <token>``, ``b""`` when there is none."""
    scheme, _, given = request.header("Authorization").partition(" ")
    # WSGI hands headers over as Latin-1.
    return given.strip().encode("latin-1", "replace") if scheme.lower() == "bearer" else b""


class SenderTokens:
    """A guard that passes requests with one of *tokens*, and notes for which applications it may write."""

    def __init__(self, tokens: Tokens) -> None:
        given = {tokens: None} if isinstance(tokens, str) else tokens
        if not isinstance(given, Mapping):
            msg = f"token must be a str, a mapping of tokens to applications, or None, not {type(tokens).__name__}"
            raise TypeError(msg)
        if not given:
            msg = "token={} is not usable: nobody could send events; give a token, or None to ask for none"
            raise ValueError(msg)
        self._apps_of_token = [(check_token("token", token).encode("ascii"), _check_apps(apps)) for token, apps in given.items()]

    def __call__(self, request: IncomingRequest) -> None:
        """Pass *request*, or refuse it with a challenge."""
        offered = bearer_token(request)
        # All are compared, each in the time that any wrong one takes.
        found = [apps for token, apps in self._apps_of_token if hmac.compare_digest(offered, token)]
        if not found:
            challenge = (("WWW-Authenticate", 'Bearer realm="mcptelemetry"'),)
            raise Refusal(401, "a valid bearer token is required", challenge, reason="token")
        request.allowed_apps = found[0]


def refuse_browsers(request: IncomingRequest) -> None:
    """Refuse what a web page sends: its events are not an application's, whatever they say."""
    if request.has_header("Origin"):
        message = "events are not taken from web pages; send them without an Origin header"
        raise Refusal(403, message, reason="web page")


class RateLimit:
    """
    A guard that lets *per_second* requests through a second, and as many at once.

    One bucket for all senders: to tell them apart one would have to remember who they are.
    What is refused for itself is given back, so that it takes no honest sender's place.
    Safe between threads.
    """

    def __init__(self, per_second: float, clock: Clock) -> None:
        self._per_second = per_second
        self._capacity = max(1.0, per_second)
        self._clock = clock
        self._lock = threading.Lock()
        self._left = self._capacity  # guarded by _lock
        self._counted_at = clock.monotonic()  # guarded by _lock

    def __call__(self, _request: IncomingRequest) -> None:
        """Count the request, or refuse it with the seconds to wait."""
        wait_secs = self._take()
        if wait_secs > 0:
            wait = (("Retry-After", str(math.ceil(wait_secs))),)
            raise Refusal(429, "too many requests; try again later", wait, reason="rate")

    def give_back(self) -> None:
        """Take back that a request was counted."""
        with self._lock:
            self._left = min(self._capacity, self._left + 1)

    def _take(self) -> float:
        """Take one from the bucket; return 0, or in how many seconds there will be one."""
        now = self._clock.monotonic()
        with self._lock:
            elapsed = max(0.0, now - self._counted_at)
            self._counted_at = max(now, self._counted_at)
            self._left = min(self._capacity, self._left + elapsed * self._per_second)
            if self._left >= 1:
                self._left -= 1
                return 0.0
            return (1 - self._left) / self._per_second


def check_token(name: str, value: object) -> str:
    """Return *value* when it can stand in a header; the message never holds it."""
    if not isinstance(value, str):
        msg = f"{name} must be a str or None, not {type(value).__name__}"
        raise TypeError(msg)
    if not value or not all("!" <= character <= "~" for character in value):
        msg = f"{name} must be one or more printable ASCII characters without a space; or leave it out"
        raise ValueError(msg)
    return value


def _check_apps(apps: object) -> Collection[str] | None:
    if apps is None:
        return None
    names = [apps] if isinstance(apps, str) else apps
    if not isinstance(names, Iterable):
        msg = f"token must name the applications of each token, or None for all, not {type(apps).__name__}"
        raise TypeError(msg)
    found = frozenset(Application(name).name for name in names)
    if not found:
        msg = "token names no application for one of the tokens: name some, or None for all"
        raise ValueError(msg)
    return found
