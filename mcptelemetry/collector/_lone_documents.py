"""
Heartbeats and feedback, which come one at a time: from the bytes of a body to what is stored.

Both are checked by the very table that they were made by. A heartbeat of a later schema
version comes from a newer sender: what this collector does not know of it is left out and
named. One of the present version with an unknown field is refused: nobody may slip anything
in. A word that is new in a closed field is kept as `other` whatever the version.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from ..wire import SCHEMA_VERSION, check, check_feedback, strip_unknown, with_known_words
from ._documents import DocumentError, read_object

__all__ = ["read_feedback", "read_heartbeat"]

_IGNORED_NAMES_MAX = 20
_MOMENTS = ("timestamp", "anonymous_id_created_at")


def read_heartbeat(body: bytes) -> tuple[dict[str, Any], list[str]]:
    """
    Return the heartbeat that *body* holds, and the names of the fields that were left out.

    Raises `DocumentError` naming the field that does not fit.
    """
    document = read_object(body, "a heartbeat")
    version = document.get("schema_version")
    ignored: list[str] = []
    known = document
    if isinstance(version, int) and not isinstance(version, bool) and version > SCHEMA_VERSION:
        known, ignored = strip_unknown(document)
    checked, kept = with_known_words(known)
    try:
        check(checked)
        for name in _MOMENTS:
            _check_moment(name, kept.get(name))
    except ValueError as error:
        raise DocumentError(str(error)) from None
    # As it came, the version included, but for what nobody here knows.
    return {**kept, "schema_version": int(version or 0)}, sorted(ignored)[:_IGNORED_NAMES_MAX]


def read_feedback(body: bytes) -> dict[str, Any]:
    """Return the feedback that *body* holds; raise `DocumentError` naming the field that does not fit."""
    document = read_object(body, "feedback")
    try:
        check_feedback(document)
    except ValueError as error:
        raise DocumentError(str(error)) from None
    return document


def _check_moment(name: str, text: str | None) -> None:
    """Raise `ValueError` when *text*, which looks like a moment, is none: the 31st of February."""
    if text is None:
        return
    try:
        datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    except ValueError:
        msg = f"{name} is no moment of the calendar"
        raise ValueError(msg) from None
