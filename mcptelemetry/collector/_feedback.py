"""
Feedback as the collector takes it in: what a person typed, and nothing about where from.

It has no id, so a repeat is stored twice: who sends it waits for the answer and is told
when none came.
"""

from __future__ import annotations

import json
from typing import Any

from ._schema import require_readable
from ._store import SqliteStore

__all__ = ["add_feedback", "read_feedbacks"]

_INSERT = "INSERT INTO feedback (app, received_at, category, message, email, context) VALUES (?, ?, ?, ?, ?, ?)"


def add_feedback(store: SqliteStore, document: dict[str, Any], *, received_at: int) -> None:
    """Store *document*, received at *received_at* (Unix seconds); raises `StoreError`."""
    row = (
        document.get("app"),
        received_at,
        document["category"],
        _storable(document["message"]),
        None if document.get("email") is None else _storable(document["email"]),
        json.dumps(document["context"], separators=(",", ":")),
    )
    with store.writing() as connection:
        connection.execute(_INSERT, row)


def read_feedbacks(store: SqliteStore) -> list[dict[str, Any]]:
    """Return every stored feedback, in the order in which they came; raises `StoreError`."""
    columns = ("app", "received_at", "category", "message", "email", "context")
    with store.reading() as connection:
        if not require_readable(connection):
            return []
        rows = connection.execute(f"SELECT {', '.join(columns)} FROM feedback ORDER BY seq").fetchall()  # noqa: S608  our own words
    return [{**dict(zip(columns, row)), "context": json.loads(row[-1])} for row in rows]


def _storable(text: str) -> str:
    """Return *text* without half characters, which JSON can spell and sqlite cannot hold."""
    return text.encode("utf-8", "replace").decode("utf-8")
