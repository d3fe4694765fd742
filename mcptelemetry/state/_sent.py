"""
The documents that were sent, kept word for word, so that a person can read each of them.

Only what was sent and answered is here. The last 50 are kept, with when and with what
status they were answered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import sqlite3

__all__ = ["SENT_MAX", "SENT_TABLES", "SentDocument", "keep_sent", "read_sent"]

SENT_MAX = 50
"""How many documents are kept."""

SENT_TABLES: tuple[str, ...] = (
    """CREATE TABLE sent_documents (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, sent_at REAL NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL
    )""",
)
"""What the table is made with."""


class SentDocument(NamedTuple):
    """One document: *sent_at* in Unix seconds, the HTTP *status*, the *body* as it left."""

    sent_at: float
    status: int
    body: str


def keep_sent(connection: sqlite3.Connection, document: SentDocument) -> None:
    """Keep *document* and forget the oldest beyond `SENT_MAX`; inside the caller's transaction."""
    connection.execute("INSERT INTO sent_documents (sent_at, status, body) VALUES (?, ?, ?)", document)
    connection.execute(
        "DELETE FROM sent_documents WHERE seq NOT IN (SELECT seq FROM sent_documents ORDER BY seq DESC LIMIT ?)",
        (SENT_MAX,),
    )


def read_sent(connection: sqlite3.Connection) -> list[SentDocument]:
    """Return what is kept, oldest first, without what is damaged; inside the caller's transaction."""
    rows = connection.execute("SELECT sent_at, status, body FROM sent_documents ORDER BY seq").fetchall()
    return [
        SentDocument(float(sent_at), status, body)
        for sent_at, status, body in rows
        if isinstance(sent_at, (int, float)) and isinstance(status, int) and isinstance(body, str)
    ]
