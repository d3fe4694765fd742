"""
What reaches a person or a machine: e-mail and IP addresses, URLs, tokens.

Each expression begins at a mark that every such thing has and is bounded from there, so
that no text is read twice.
"""

from __future__ import annotations

import re

from ..wire import find_token_shape

__all__ = ["find_address", "find_address_in_version"]

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_GROUPS = r"[0-9a-f]{1,4}(?::[0-9a-f]{1,4})"

_EMAIL = re.compile(r"[\w.+'-]@(?:[^\W\d_]|[0-9][\w-]{0,62}\.[\w-])")
_URL = re.compile(r"://(?<=[a-z0-9]://)|mailto:", re.IGNORECASE)
_IPV4 = re.compile(rf"(?<![0-9.]){_OCTET}(?:\.{_OCTET}){{3}}(?![0-9]|\.[0-9])")
_IPV6 = re.compile(
    rf"(?<![\w:])(?:{_GROUPS}{{7}}|(?:{_GROUPS}{{0,6}})?::(?:{_GROUPS}{{0,6}})?)(?![\w:])", re.IGNORECASE
)


def find_address(text: str) -> str | None:
    """Return what kind of address or token stands in *text*, None when there is none."""
    return _find_sender_or_url(text) or _find_ip_address(text) or find_token_shape(text)


def find_address_in_version(text: str) -> str | None:
    """Return the same of a version: there, dotted numbers are no addresses (`2026.11.21.1` is a release)."""
    return _find_sender_or_url(text) or find_token_shape(text)


def _find_sender_or_url(text: str) -> str | None:
    if "@" in text and _EMAIL.search(text):
        return "e-mail address"
    return "URL" if ":" in text and _URL.search(text) else None


def _find_ip_address(text: str) -> str | None:
    is_found = (":" in text and _IPV6.search(text)) or ("." in text and _IPV4.search(text))
    return "IP address" if is_found else None
