"""
Heartbeats as the collector takes them in: checked by the very table that they were made by.

A heartbeat of a later schema version comes from a newer sender: what this collector does
not know of it is left out and named. One of the present version with an unknown field is
refused: nobody may slip anything in.
"""

from __future__ import annotations

import json
from typing import Any

from ._schema import require_readable
from ._store import SqliteStore, Stored

__all__ = ["add_heartbeat", "read_heartbeats"]

_INSERT = """
INSERT INTO heartbeats (heartbeat_id, app, anonymous_id, version, received_at, document)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (heartbeat_id) DO NOTHING
"""


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
