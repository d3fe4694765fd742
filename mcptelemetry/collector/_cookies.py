"""
The cookie of a reader who has signed in: what only the token's holder can compute, and no token.

Each is another, and a process knows the last few that it has seen to be right. Those it lets pass
however many wrong tokens come in meanwhile: nobody can guess one that was drawn here, whereas one
that has not been seen is a guess at the token like any other.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
from collections import OrderedDict

from ._guesses import Guesses
from ._requests import IncomingRequest

__all__ = ["Cookies"]

_COOKIE = re.compile(r"([0-9a-f]{32})\.([0-9a-f]{64})")
_KNOWN_MAX = 64
# A name that stands several times is a neighbour's doing, or an attacker's.
_LOOKED_AT_MAX = 2


class Cookies:
    """Makes and judges the cookies of *token*. Safe between threads."""

    def __init__(self, token: bytes, guesses: Guesses) -> None:
        self._token = token
        self._guesses = guesses
        self._lock = threading.Lock()
        self._known: OrderedDict[str, None] = OrderedDict()  # guarded by _lock; the oldest first

    def make(self, request: IncomingRequest) -> tuple[str, str]:
        """Return the header that gives a new cookie to the sender of *request*, who holds the token."""
        nonce = secrets.token_hex(16)
        self._remember(nonce)
        return _header(request, f"{nonce}.{self._sign(nonce)}")

    def clear(self, request: IncomingRequest) -> tuple[str, str]:
        """Return the header that takes the cookie away, and know it no longer."""
        for value in _cookies_of(request):
            with self._lock:
                self._known.pop(value.partition(".")[0], None)
        return _header(request, "", "; Max-Age=0")

    def open(self, request: IncomingRequest) -> bool:
        """Return whether *request* has a right cookie; raises `TooManyGuesses` when that is not to be told."""
        signed = [match.groups() for match in map(_COOKIE.fullmatch, _cookies_of(request)) if match is not None]
        right = [nonce for nonce, signature in signed if hmac.compare_digest(signature, self._sign(nonce))]
        with self._lock:
            if any(nonce in self._known for nonce in right):
                return True
        for nonce, _ in signed:
            if self._guesses.judge(nonce in right):
                self._remember(nonce)
                return True
        return False

    def _sign(self, nonce: str) -> str:
        return hmac.new(self._token, b"the cookie of a report: " + nonce.encode("ascii"), hashlib.sha256).hexdigest()

    def _remember(self, nonce: str) -> None:
        with self._lock:
            self._known[nonce] = None
            self._known.move_to_end(nonce)
            while len(self._known) > _KNOWN_MAX:
                self._known.popitem(last=False)


def _cookies_of(request: IncomingRequest) -> list[str]:
    pairs = (part.strip().partition("=") for part in request.header("Cookie").split(";"))
    wanted = _name(request)
    return [value for name, _, value in pairs if name == wanted][:_LOOKED_AT_MAX]


def _name(request: IncomingRequest) -> str:
    # Browsers keep cookies by host and not by port: two collectors of one machine have two.
    port = request.header("Host").rpartition(":")[2]
    return "mcptelemetry_report" + (f"_{port}" if port.isdigit() else "")


def _header(request: IncomingRequest, value: str, more: str = "") -> tuple[str, str]:
    secure = "; Secure" if request.is_https else ""
    return "Set-Cookie", f"{_name(request)}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{more}"
