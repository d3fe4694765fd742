"""
Telling a server that reports its calls itself that `wrap` reports them too, to the same place.

The two are separate processes and know nothing of each other. So the wrapped server finds a
variable in its environment with a checksum of the place, which is no use to anybody who does
not know it already: host and port, or the path of a file; no path, no query, no credentials.
"""

from __future__ import annotations

from zlib import crc32

__all__ = ["place_mark"]


def place_mark(endpoint: str) -> str:
    """Return the mark of the place that *endpoint* leads to."""
    scheme, _, rest = endpoint.strip().partition("://")
    place = rest if scheme.lower() == "file" else rest.rpartition("@")[2].split("/")[0].split("?")[0].split("#")[0]
    return f"{crc32(f'{scheme}://{place}'.lower().encode('utf-8', 'replace')):08x}"
