"""
Where events go, checked before anything is sent there.

An endpoint that could never work, or would carry events in the clear over a network, is
refused when it is given and not when it is first used.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from ..system import is_loopback_host

__all__ = ["FORMATS_OF_SCHEME", "check_endpoint"]

# Which formats each kind of endpoint can take.
FORMATS_OF_SCHEME = {"https": ("json",), "http": ("json",), "file": ("jsonl",)}


def check_endpoint(endpoint: object, *, allow_insecure: bool = False, argument: str = "endpoint") -> str:
    """
    Return *endpoint* when events can be sent there; `ValueError` or `TypeError` otherwise.

    Allowed are ``https://``, ``http://`` to this machine itself (anywhere with
    *allow_insecure*), and ``file:///path``. The message never repeats credentials.
    """
    if not isinstance(endpoint, str):
        msg = f"{argument} must be a str such as 'https://t.acme.dev/events', not {type(endpoint).__name__}"
        raise TypeError(msg)
    problem = _problem_of(endpoint, allow_insecure=allow_insecure)
    if problem is not None:
        msg = f"{argument}={_without_credentials(endpoint)!r} is not usable: {problem}"
        raise ValueError(msg)
    return endpoint


def _problem_of(endpoint: str, *, allow_insecure: bool) -> str | None:
    if "%00" in endpoint or any(
        character.isspace() or not character.isprintable() for character in endpoint
    ):
        return "it must not hold spaces or control characters"
    try:
        parts = urlsplit(endpoint)
        host = parts.hostname or ""
        parts.port  # noqa: B018  raises when the port is no number from 0 to 65535
    except ValueError as error:
        return f"it is not a URL ({error})"
    if parts.scheme == "file":
        return None if parts.path.startswith("/") and not host else "a file is file:///absolute/path"
    if parts.scheme not in FORMATS_OF_SCHEME:
        return "it must begin with https://, http:// (this machine only) or file:///"
    if not host:
        return "it names no host"
    if parts.username is not None or parts.password is not None:
        return "credentials do not belong into a URL; give a bearer token instead"
    if parts.scheme == "http" and not allow_insecure and not is_loopback_host(host):
        return "http:// would send events in the clear; use https://, or say allow_insecure=True"
    return None


def _without_credentials(endpoint: str) -> str:
    scheme, separator, rest = endpoint.partition("://")
    authority, slash, path = rest.partition("/")
    return scheme + separator + authority.rpartition("@")[2] + slash + path
