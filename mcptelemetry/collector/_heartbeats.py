"""
Heartbeats as the collector takes them in: checked by the very table that they were made by.

A heartbeat of a later schema version comes from a newer sender: what this collector does
not know of it is left out and named. One of the present version with an unknown field is
refused: nobody may slip anything in.
"""

from __future__ import annotations

from typing import Any

from ..wire import SCHEMA_VERSION, check, strip_unknown
from ._documents import DocumentError, read_object
from ._requests import Refusal

__all__ = ["read_heartbeat"]

# Four times what a sender may send now; a later version may be larger.
_BYTES_MAX = 64 * 1024
_IGNORED_NAMES_MAX = 20


def read_heartbeat(body: bytes) -> tuple[dict[str, Any], list[str]]:
    """
    Return the heartbeat that *body* holds, and the names of the fields that were left out.

    Raises `DocumentError` naming the field that does not fit, `Refusal` when it is too large.
    """
    if len(body) > _BYTES_MAX:
        raise Refusal(413, f"the heartbeat is larger than {_BYTES_MAX} bytes")
    document = read_object(body, "a heartbeat")
    version = document.get("schema_version")
    ignored: list[str] = []
    later = document
    if isinstance(version, int) and not isinstance(version, bool) and version > SCHEMA_VERSION:
        later, ignored = strip_unknown(document)
    try:
        check(later)
    except ValueError as error:
        raise DocumentError(str(error)) from None
    # As it came, the version included, but for what nobody here knows.
    return {**later, "schema_version": int(version or 0)}, sorted(ignored)[:_IGNORED_NAMES_MAX]
