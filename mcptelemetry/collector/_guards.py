"""
Who may do what: each guard is asked before a route's handler and refuses by raising.

The report is for whoever sits at this machine or holds its token. "At this machine" is
believed only when nothing speaks against it: a reverse proxy's requests come from loopback
too, and so do those of a web page whose name was rebound to 127.0.0.1.
"""

from __future__ import annotations

import hmac
import math
import threading
from collections.abc import Callable

from ..system import Clock, is_loopback_host
from ._requests import IncomingRequest, Refusal

__all__ = ["Guard", "RateLimit", "refuse_browsers", "require_loopback", "require_token"]

Guard = Callable[[IncomingRequest], None]

# A request that carries one of these was passed on by somebody; the list cannot be whole,
# so behind a proxy the report's token is the way.
_PROXY_HEADERS = (
    "Forwarded",
    "Via",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Real-IP",
)


def require_token(token: str) -> Guard:
    """Return a guard that passes only requests with ``Authorization: Bearer <token>``."""
    expected = token.encode("ascii")

    def guard(request: IncomingRequest) -> None:
        scheme, _, given = request.header("Authorization").partition(" ")
        # WSGI hands headers over as Latin-1; compare_digest takes as long for any wrong token.
        offered = given.strip().encode("latin-1", "replace")
        if scheme.lower() != "bearer" or not hmac.compare_digest(offered, expected):
            challenge = (("WWW-Authenticate", 'Bearer realm="mcptelemetry"'),)
            raise Refusal(401, "a valid bearer token is required", challenge)

    return guard


def require_loopback(request: IncomingRequest) -> None:
    """Pass only requests made on this machine, to a name of this machine."""
    peer = request.peer[7:] if request.peer.lower().startswith("::ffff:") else request.peer
    is_near = is_loopback_host(peer) and not any(request.has_header(name) for name in _PROXY_HEADERS)
    host = _host_name(request.header("Host"))
    if not is_near or (host and not is_loopback_host(host)):
        raise Refusal(403, "this is shown on the collector's own machine only, or with a report token")


def refuse_browsers(request: IncomingRequest) -> None:
    """Refuse what a web page sends: its events are not an application's, whatever they say."""
    if request.has_header("Origin"):
        raise Refusal(403, "events are not taken from web pages; send them without an Origin header")


class RateLimit:
    """
    A guard that lets *per_second* requests through a second, and as many at once.

    One bucket for all senders: to tell them apart one would have to remember who they are.
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
            raise Refusal(429, "too many requests; try again later", wait)

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


def _host_name(host: str) -> str:
    """Return the name in a Host header, without port and brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0] if host.count(":") <= 1 else host
