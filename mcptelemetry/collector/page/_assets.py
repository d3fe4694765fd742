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

# What is served under a name: its media type, and the files that it is put together from.
_FILES = {
    "page.css": ("text/css; charset=utf-8", ("page.css", "charts.css")),
    "page.js": ("text/javascript; charset=utf-8", ("page.js",)),
    "icon.svg": ("image/svg+xml", ("icon.svg",)),
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
            self._read[name] = _read(*_FILES[name])
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_FILES)

    def __len__(self) -> int:
        return len(_FILES)


def _read(kind: str, files: tuple[str, ...]) -> Asset:
    body = b"".join(pkgutil.get_data(__package__, f"static/{file}") or b"" for file in files)
    return Asset(kind, body, hashlib.sha256(body).hexdigest()[:20])


ASSETS: Mapping[str, Asset] = _Assets()
"""What `/static/NAME` serves, by name."""
