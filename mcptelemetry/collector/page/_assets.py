"""
The files that the page asks for beside itself: its style, its script, its sign.

They are read from the package when the first of them is asked for, and never again: a
collector that nobody looks at reads none.
"""

from __future__ import annotations

import hashlib
import pkgutil
from collections.abc import Iterator, Mapping
from typing import NamedTuple

__all__ = ["ASSETS", "Asset"]

_KINDS = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


class Asset(NamedTuple):
    """A file as it is served: its media type, its bytes, and the tag that changes with them."""

    kind: str
    body: bytes
    etag: str


class _Assets(Mapping[str, Asset]):
    """Safe between threads: two that ask at once read the same file twice, and that is the worst."""

    def __init__(self) -> None:
        self._read: dict[str, Asset] = {}

    def __getitem__(self, name: str) -> Asset:
        if name not in self._read:
            self._read[name] = _read(name, _KINDS[name])
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_KINDS)

    def __len__(self) -> int:
        return len(_KINDS)


def _read(name: str, kind: str) -> Asset:
    body = pkgutil.get_data(__package__, f"static/{name}")
    if body is None:  # pragma: no cover  a loader that reads no data finds no templates either
        raise KeyError(name)
    return Asset(kind, body, hashlib.sha256(body).hexdigest()[:20])


ASSETS: Mapping[str, Asset] = _Assets()
"""What `/static/NAME` serves, by name."""
