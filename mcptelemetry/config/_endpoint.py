"""
Where something is sent, checked where it is said.

An endpoint that could never work, or would carry what is sent in the clear over a network,
is refused when it is given or read and not when it is first used. One without a path is a
base: each stream adds its own, so that the same address serves all of them.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

from ..system import is_loopback_host, url_without_secrets
from ..vocabulary import (
    EVENTS_PATH,
    FEEDBACK_PATH,
    HEARTBEAT_PATH,
    METRICS_PATH,
    SHORT_EVENTS_PATH,
    TRACES_PATH,
    FormatWord,
)

__all__ = ["FORMATS_OF_SCHEME", "check_endpoint", "events_url", "metrics_url"]

# What two parsers cannot read in two ways: brackets round a whole address or nowhere.
_AUTHORITY = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\[\]\\:]+)(?::[0-9]*)?")

# Which formats each kind of endpoint can take.
FORMATS_OF_SCHEME: dict[str, tuple[FormatWord, ...]] = {"https": ("json", "otlp"), "http": ("json", "otlp"), "file": ("jsonl",)}


# What stands behind a base, and whose it is. Only the path of one's own stream may be written out.
_EVENTS_PATHS = (EVENTS_PATH, SHORT_EVENTS_PATH)
_OTHER_PATHS = (HEARTBEAT_PATH, FEEDBACK_PATH)


def events_url(endpoint: str, format: FormatWord = "json") -> str:
    """Return where events go in *format* when *endpoint*, which was checked, is where they are sent: a base gets a path."""
    if format == "otlp":
        return _otlp_url(endpoint, TRACES_PATH)
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or parts.path not in ("", "/"):
        return endpoint
    return urlunsplit(parts._replace(path=EVENTS_PATH))


def metrics_url(endpoint: str) -> str:
    """Return where metrics go when events go to *endpoint* as spans."""
    return _otlp_url(endpoint, METRICS_PATH)


def _otlp_url(endpoint: str, path: str) -> str:
    # As OpenTelemetry's own exporters do: a base may have a path of its own, as vendors' bases have.
    parts = urlsplit(endpoint)
    base = parts.path.rstrip("/")
    base = base.removesuffix(TRACES_PATH)
    return urlunsplit(parts._replace(path=base + path))


def check_endpoint(
    endpoint: object,
    *,
    allow_insecure: bool = False,
    insecure_choice: str = "",
    is_base: bool = False,
    argument: str = "endpoint",
) -> str:
    """
    Return *endpoint* when something can be sent there; `ValueError` or `TypeError` otherwise.

    Allowed are ``https://``, ``http://`` to this machine itself (anywhere with
    *allow_insecure*; *insecure_choice* is how the caller offers that, ``""``: it does not), and
    ``file:///path``, which only events can. Where heartbeats and feedback go is a base
    (*is_base*): their paths are put behind it, so it has none of ours, no query, and is no file.
    *argument* is what the caller calls it. The message never repeats credentials.
    """
    if not isinstance(endpoint, str):
        msg = f"{argument} must be a str such as 'https://t.acme.dev', not {type(endpoint).__name__}"
        raise TypeError(msg)
    problem = _problem_of(endpoint, allow_insecure=allow_insecure, choice=insecure_choice, may_be_file=not is_base)
    problem = problem or _path_problem_of(endpoint, is_base=is_base)
    if problem is not None:
        msg = f"{argument}={url_without_secrets(endpoint)!r} is not usable: {problem}"
        raise ValueError(msg)
    return endpoint


def _path_problem_of(endpoint: str, *, is_base: bool) -> str | None:
    parts = urlsplit(endpoint)
    if parts.scheme == "file":
        return None
    path = parts.path.rstrip("/")
    refused = (*_EVENTS_PATHS, *_OTHER_PATHS) if is_base else _OTHER_PATHS
    ending = next((ending for ending in refused if path.endswith(ending)), None)
    if ending is not None:
        before = path[: -len(ending)]
        right = before if is_base or not before else before + EVENTS_PATH
        written = urlunsplit((parts.scheme, parts.netloc, right, "", ""))
        return f"{ending} is put behind a base by itself; write {written}"
    if is_base and (parts.query or parts.fragment or endpoint.endswith(("?", "#"))):
        base = urlunsplit((parts.scheme, parts.netloc, path, "", ""))
        return f"{HEARTBEAT_PATH} and {FEEDBACK_PATH} are put behind it, and nothing can follow a query; write {base}"
    return None


def _problem_of(endpoint: str, *, allow_insecure: bool, choice: str, may_be_file: bool) -> str | None:
    if "%00" in endpoint or any(
        character.isspace() or not character.isprintable() for character in endpoint
    ):
        return "it must not hold spaces or control characters"
    if "@" in endpoint:
        # Anywhere: a password with a slash in it ends, for a parser, what it calls the host.
        return "credentials do not belong into a URL; give a bearer token instead (any other @ is written %40)"
    # What the parser itself says is not repeated: it quotes a part of the URL.
    try:
        parts = urlsplit(endpoint)
        host = parts.hostname or ""
    except ValueError:
        return "it is not a URL"
    try:
        parts.port  # noqa: B018  raises when the port is no number from 0 to 65535
    except ValueError:
        return "Port must be a number from 0 to 65535"
    if parts.scheme == "file" and may_be_file:
        return None if parts.path.startswith("/") and not host else "a file is file:///absolute/path"
    if parts.scheme not in FORMATS_OF_SCHEME or parts.scheme == "file":
        others = ", http:// (this machine only) or file:///" if may_be_file else " or http:// (this machine only)"
        return f"it must begin with https://{others}"
    if not host:
        return "it names no host"
    if "%" in host or not _AUTHORITY.fullmatch(parts.netloc):
        return "its host is not written plainly; write the name or the address itself"
    if parts.scheme == "http" and not allow_insecure and not is_loopback_host(host):
        return "http:// would send everything in the clear; use https://" + (choice and f", or say {choice}")
    return None
