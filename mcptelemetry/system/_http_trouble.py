"""
Why nothing came back, in a few words, and what a person can do about it.

The libraries below wrap each other's errors, and quote addresses of objects, URLs and
credentials. What is said here is taken from the innermost, and names none of these.
"""

from __future__ import annotations

import re

__all__ = ["PROXY_WANTS_CREDENTIALS", "ProxyRefusal", "describe", "errors_in", "mend_of"]

PROXY_WANTS_CREDENTIALS = 407
"""The status of a proxy that nobody has told who we are."""

_NESTED_ERRORS_MAX = 20
_TUNNEL_FAILED = re.compile(r"Tunnel connection failed: ([0-9]{3})")


class ProxyRefusal(OSError):
    """The proxy itself answered, with that status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the proxy answered {status}")
        self.status = status


def errors_in(error: BaseException) -> list[BaseException]:
    """Return *error* and what is wrapped in it: the libraries wrap each other's errors."""
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting and len(seen) < _NESTED_ERRORS_MAX:
        current = waiting.pop(0)
        if isinstance(current, BaseException) and current not in seen:
            seen.append(current)
            waiting += [getattr(current, "reason", None), *current.args, current.__cause__, current.__context__]
    return seen


def mend_of(seen: list[BaseException]) -> str:
    """Return what a person can do about the errors *seen*; ``""`` when their description says it."""
    import socket  # loaded with requests, as is the next
    import ssl

    for current in seen:
        if isinstance(current, ProxyRefusal) or "SOCKS" in str(current) or _TUNNEL_FAILED.match(str(current)):
            return ""
        if type(current).__name__ == "ProxyError":  # requests' or urllib3's
            return "see whether the proxy is there, and takes this way"
        if isinstance(current, ssl.SSLCertVerificationError):
            return "name the certificate's authority in ca_bundle of [network], or the host as the certificate has it"
        if isinstance(current, ssl.SSLError):
            return "see whether TLS is spoken at that port"
        if isinstance(current, socket.gaierror):
            return "correct the host's name, or mend the network"
        if isinstance(current, ConnectionRefusedError):
            return "start the collector there, or correct the address"
    return "see what listens there, and whether it speaks HTTP" if seen else ""


def describe(seen: list[BaseException]) -> str:
    """Return a few words without addresses of objects, URLs or credentials, and the mend where one is known."""
    import socket  # loaded with requests, as is the next
    import ssl

    for current in seen:
        if isinstance(current, ProxyRefusal):
            return _proxy_trouble(current.status)
        tunnel = _TUNNEL_FAILED.match(str(current))
        if tunnel is not None:
            return _proxy_trouble(int(tunnel.group(1)))
        if "SOCKS" in str(current) and "dependencies" in str(current):
            return "install PySocks for a socks5 proxy"
        if isinstance(current, ssl.SSLCertVerificationError):
            return f"the certificate is not trusted: {current.verify_message}".lower().rstrip(".")
        if isinstance(current, (socket.timeout, TimeoutError)):
            return "timed out"
        if isinstance(current, ssl.SSLError) and current.reason:
            return str(current.reason).lower().replace("_", " ")
    # The system's own error, innermost, says it best.
    for current in seen:
        if isinstance(current, OSError) and current.strerror:
            return current.strerror.lower()
    return type(seen[-1]).__name__


def _proxy_trouble(status: int) -> str:
    if status == PROXY_WANTS_CREDENTIALS:
        return f"the proxy wants credentials ({status}); write them into its URL"
    return f"the proxy refused the way ({status})"
