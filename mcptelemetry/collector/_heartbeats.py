"""
Heartbeats as the collector takes them in: checked by the very table that they were made by.

A heartbeat of a later schema version comes from a newer sender: what this collector does
not know of it is left out and named. One of the present version with an unknown field is
refused: nobody may slip anything in.
"""

from __future__ import annotations

import json
from typing import Any

from ..wire import SCHEMA_VERSION, check, strip_unknown
from ._documents import DocumentError, read_object
from ._requests import Refusal
from ._schema import require_readable
from ._store import SqliteStore, Stored

__all__ = ["add_heartbeat", "read_heartbeat", "read_heartbeats"]

# Four times what a sender may send now; a later version may be larger.
_BYTES_MAX = 64 * 1024
_IGNORED_NAMES_MAX = 20

_INSERT = """
INSERT INTO heartbeats (heartbeat_id, app, anonymous_id, version, received_at, document)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (heartbeat_id) DO NOTHING
"""


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


def add_heartbeat(store: SqliteStore, document: dict[str, Any], *, received_at: int) -> Stored:
    """
    Store *document* unless its `heartbeat_id` is known, and return once it is on the disk.

    *received_at* is Unix seconds. Raises `StoreError`, and then nothing was stored.
    """
    row = (
        document["heartbeat_id"],
        document["app"],
        document["anonymous_id"],
        document["version"],
        received_at,
        json.dumps(document, separators=(",", ":")),
    )
    with store.writing() as connection:
        stored = connection.execute(_INSERT, row).rowcount
    return Stored(stored, 1 - stored)


def read_heartbeats(store: SqliteStore) -> list[dict[str, Any]]:
    """Return every stored heartbeat, in the order in which they came; raises `StoreError`."""
    with store.reading() as connection:
        if not require_readable(connection):
            return []
        rows = connection.execute("SELECT document FROM heartbeats ORDER BY seq").fetchall()
    return [json.loads(row[0]) for row in rows]
