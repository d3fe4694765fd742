"""
The documents that left, kept word for word, so that a person can read each of them.

Heartbeats with their failed tries, feedback, and of the author's events the last batch. What
goes to an operator is only added up (`_deliveries`): its texts are the operator's affair.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import sqlite3

__all__ = [
    "FATE_MIGRATION",
    "SENT_MAX",
    "SENT_TABLES",
    "FateWord",
    "SentDocument",
    "SentStreamWord",
    "erase_sent",
    "keep_sent",
    "read_sent",
]

SENT_MAX = 50
"""How many documents are kept."""
_FAILED_MAX = 10  # of them: an endpoint that is away for a day must not push out all that came before

SentStreamWord = Literal["heartbeat", "feedback", "author_events", "operator_events"]
"""Which stream a document left by."""
FateWord = Literal["delivered", "later", "rejected"]
"""What the attempt came to; `later`: not accepted, and sent again."""

SENT_TABLES: tuple[str, ...] = (
    """CREATE TABLE sent_documents (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, sent_at REAL NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL
    )""",
)
"""What the table is made with."""

FATE_MIGRATION: tuple[str, ...] = (
    "ALTER TABLE sent_documents ADD COLUMN stream TEXT NOT NULL DEFAULT 'heartbeat'",
    "ALTER TABLE sent_documents ADD COLUMN endpoint TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE sent_documents ADD COLUMN fate TEXT NOT NULL DEFAULT ''",
)
"""What a later release added: which stream, where to, and what it came to."""

_SINGLE: frozenset[SentStreamWord] = frozenset({"author_events"})  # of these the last one only
_FATES: dict[str, FateWord] = {"delivered": "delivered", "later": "later", "rejected": "rejected"}
_STREAMS: dict[str, SentStreamWord] = {
    "heartbeat": "heartbeat",
    "feedback": "feedback",
    "author_events": "author_events",
    "operator_events": "operator_events",
}


class SentDocument(NamedTuple):
    """
    One document: *sent_at* in Unix seconds, the HTTP *status*, the *body* as it left.

    *status* is 0 when nothing was answered: then nobody knows how much of it arrived. *stream*
    is whose it was, *endpoint* where it went (``""``: not known, for an earlier release kept it), *fate* what the attempt came to.
    """

    sent_at: float
    status: int
    body: str
    stream: SentStreamWord = "heartbeat"
    endpoint: str = ""
    fate: FateWord = "delivered"


def keep_sent(connection: sqlite3.Connection, document: SentDocument) -> None:
    """Keep *document* and forget the oldest beyond `SENT_MAX`; inside the caller's transaction."""
    if document.stream in _SINGLE:
        connection.execute("DELETE FROM sent_documents WHERE stream = ?", (document.stream,))
    connection.execute(
        "INSERT INTO sent_documents (sent_at, status, body, stream, endpoint, fate) VALUES (?, ?, ?, ?, ?, ?)",
        document,
    )
    for those, most in (("fate = 'later'", _FAILED_MAX), ("1", SENT_MAX)):
        connection.execute(
            f"DELETE FROM sent_documents WHERE {those} AND seq NOT IN"  # noqa: S608  the words above
            f" (SELECT seq FROM sent_documents WHERE {those} ORDER BY seq DESC LIMIT ?)",
            (most,),
        )


def read_sent(connection: sqlite3.Connection) -> list[SentDocument]:
    """Return what is kept, oldest first, without what is damaged; inside the caller's transaction."""
    names = {row[1] for row in connection.execute("PRAGMA table_info(sent_documents)")}
    # Looking changes nothing, so a file of an earlier release is read as it stands.
    more = "stream, endpoint, fate" if "fate" in names else "'heartbeat', '', ''"
    rows = connection.execute(f"SELECT sent_at, status, body, {more} FROM sent_documents ORDER BY seq").fetchall()  # noqa: S608
    return [
        SentDocument(float(sent_at), status, body, _STREAMS[stream], endpoint, _fate(fate, status))
        for sent_at, status, body, stream, endpoint, fate in rows
        if isinstance(sent_at, (int, float))
        and isinstance(status, int)
        and isinstance(body, str)
        and isinstance(endpoint, str)
        and stream in _STREAMS
    ]


def erase_sent(connection: sqlite3.Connection) -> None:
    """Forget every document; inside the caller's transaction."""
    connection.execute("DELETE FROM sent_documents")


def _fate(word: object, status: int) -> FateWord:
    known = _FATES.get(word) if isinstance(word, str) else None
    return known or ("delivered" if 200 <= status < 300 else "rejected")
