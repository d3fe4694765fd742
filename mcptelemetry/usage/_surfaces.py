"""
Where a request came from, by the header in which our own clients say so.

Whatever is not one of the closed words is `Surface.UNKNOWN`: a header is a stranger's text.
"""

from __future__ import annotations

from ..vocabulary import Surface

__all__ = ["parse_client_surface"]

_SURFACES: dict[str, Surface] = {surface.value: surface for surface in Surface}


def parse_client_surface(header: str | None) -> Surface:
    """Return the surface that *header* names before its ``/``, in any case: ``cli/1.2`` is `Surface.CLI`."""
    if not isinstance(header, str):
        return Surface.UNKNOWN
    return _SURFACES.get(header.partition("/")[0].strip().lower(), Surface.UNKNOWN)
