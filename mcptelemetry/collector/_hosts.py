"""
Which names this collector is asked under, and which pages may post to it.

A web page of evil.example whose name is made to lead here (DNS rebinding) sends that name as Host,
and may read what it gets. Where a token or its cookie is asked for, it gets nothing: a browser
keeps cookies by name, and has none of ours for that one. So a proxy may pass on whatever name it
likes, and any is taken there, unless the operator has said which. What is open to everybody has no
such lock, and answers only to an address, which nobody can make lead elsewhere, to localhost and
to the operator's names.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from contextlib import suppress
from urllib.parse import urlsplit

from ._requests import IncomingRequest, Refusal

__all__ = ["Hosts"]

# A host's name or IPv4 address, or an IPv6 address in brackets; then perhaps a port.
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")
_HINT = "name it: mcptelemetry collect --allow-host NAME, or create_app(hosts=[NAME])"


class Hosts:
    """Guards that ask under which name a request came; *names* are the operator's, without or with a port."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(_check_name(name) for name in ([names] if isinstance(names, str) else names))

    def check(self, request: IncomingRequest) -> None:
        """Refuse a Host that names no host and, where the operator gave names, one that is not among them."""
        host, name = _host_of(request)
        if self._names and not self._is_ours(host, name):
            raise Refusal(403, f"this collector does not go by that name; {_HINT}", reason="host")

    def check_open(self, request: IncomingRequest) -> None:
        """Refuse a name that is not known to be this collector's: what is asked for has no other lock."""
        host, name = _host_of(request)
        if not self._is_ours(host, name):
            raise Refusal(403, f"what is open to everybody is shown only under a name that was given; {_HINT}", reason="host")

    def check_origin(self, request: IncomingRequest) -> None:
        """Refuse what another site's page posts, or one of another port of this host."""
        site = request.header("Sec-Fetch-Site").lower()
        if site:  # the browser itself says so, whatever a proxy made of the Host
            if site not in ("same-origin", "none"):
                raise _cross_site()
            return
        if not request.has_header("Origin"):
            return  # no browser: those send one or the other with every post
        origin = urlsplit(request.header("Origin")).netloc.lower()
        # A page of another site can set neither of these headers.
        own = {request.header("Host").lower(), request.header("X-Forwarded-Host").lower()} - {""}
        if origin not in own and self._names.isdisjoint((origin, _name_of(origin))):
            raise _cross_site()

    def _is_ours(self, host: str, name: str) -> bool:
        return not host or is_address(name) or name == "localhost" or not self._names.isdisjoint((host, name))


def is_address(name: str) -> bool:
    """Return whether *name* is an IP address, an IPv6 one in brackets."""
    with suppress(ValueError):
        ipaddress.ip_address(name.strip("[]"))
        return True
    return False


def _host_of(request: IncomingRequest) -> tuple[str, str]:
    """Return the Host header in small letters, with its port and without; raise `Refusal` for none such as ``[::1]evil.example``."""
    host = request.header("Host").lower()
    match = _HOST.fullmatch(host)
    if host and match is None:
        raise Refusal(400, "the Host header names no host", reason="host")
    return host, match[1].rstrip(".") if match is not None else ""


def _name_of(host: str) -> str:
    match = _HOST.fullmatch(host)
    return "" if match is None else match[1]


def _cross_site() -> Refusal:
    message = (
        "this was not sent from this collector's own page; open the page and try again. "
        f"If a proxy passes on another Host than it is asked for, {_HINT}"
    )
    return Refusal(403, message, reason="web page")


def _check_name(value: object) -> str:
    if not isinstance(value, str):
        msg = f"hosts must be names such as 't.acme.dev', not {type(value).__name__}"
        raise TypeError(msg)
    if _HOST.fullmatch(value) is None:
        msg = f"hosts={value!r} is not usable: give names such as 't.acme.dev' or 't.acme.dev:8080'"
        raise ValueError(msg)
    return value.lower()
