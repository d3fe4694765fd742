"""
What became of what was sent, added up by stream and endpoint: numbers, moments, one line of error.

Every process of an installation adds to the same sums, so that a command in another process
can say what was delivered, lost and rejected, and when.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Optional

from ..vocabulary import COUNT_MAX
from ._sent import SentDocument, SentStreamWord, erase_sent, keep_sent
from ._values import format_moment, is_in_calendar, read_value, write_value

if TYPE_CHECKING:
    import sqlite3

__all__ = ["DELIVERY_TABLES", "DeliveryNews", "DeliveryTotals", "add_delivery", "forget_deliveries", "read_deliveries"]

_ENDPOINTS_MAX = 20  # an endpoint may be another one each day; the longest silent are forgotten
_ERROR_MAX_CHARACTERS = 500
_FORGOTTEN_AT = "forgotten_at"

DELIVERY_TABLES: tuple[str, ...] = (
    """CREATE TABLE deliveries (
        stream TEXT NOT NULL, endpoint TEXT NOT NULL, since REAL NOT NULL, touched_at REAL NOT NULL,
        delivered INTEGER NOT NULL DEFAULT 0, lost INTEGER NOT NULL DEFAULT 0, rejected INTEGER NOT NULL DEFAULT 0,
        last_success_at REAL, last_error TEXT, last_error_at REAL,
        PRIMARY KEY (stream, endpoint)
    ) WITHOUT ROWID""",
)
"""What the table is made with."""


class DeliveryNews(NamedTuple):
    """
    What became of documents of *stream* (of events: of events) for *endpoint*, to be added to the sums.

    *began_at* is when the first of it happened, and *at* the last, in Unix seconds: what began before
    a person had everything forgotten is not added. *succeeded_at* and *error* are None when there was no success, or no failure.
    """

    stream: SentStreamWord
    endpoint: str
    began_at: float
    at: float
    delivered: int = 0
    lost: int = 0
    rejected: int = 0
    succeeded_at: Optional[float] = None
    error: Optional[str] = None
    document: Optional[SentDocument] = None


class DeliveryTotals(NamedTuple):
    """The sums of *stream* for *endpoint* since *since*; moments are Unix seconds, None: never."""

    stream: str
    endpoint: str
    since: float
    delivered: int = 0
    lost: int = 0
    rejected: int = 0
    last_success_at: Optional[float] = None
    last_error: Optional[str] = None
    last_error_at: Optional[float] = None


def add_delivery(connection: sqlite3.Connection, news: DeliveryNews, now: float) -> None:
    """Add *news* to the sums *now* (Unix seconds), and keep its document; inside the caller's transaction."""
    forgotten_at = _moment(read_value(connection, _FORGOTTEN_AT))
    if forgotten_at is not None and news.began_at < forgotten_at <= now:
        return
    key = (news.stream, news.endpoint)
    connection.execute(
        "INSERT OR IGNORE INTO deliveries (stream, endpoint, since, touched_at) VALUES (?, ?, ?, ?)",
        (*key, news.began_at, news.at),
    )
    connection.execute(
        "UPDATE deliveries SET touched_at = :at, delivered = min(delivered + :delivered, :most),"
        " lost = min(lost + :lost, :most), rejected = min(rejected + :rejected, :most)"
        " WHERE stream = :stream AND endpoint = :endpoint",
        {**news._asdict(), "most": COUNT_MAX},
    )
    if news.succeeded_at is not None:
        connection.execute(
            "UPDATE deliveries SET last_success_at = ? WHERE stream = ? AND endpoint = ?", (news.succeeded_at, *key)
        )
        write_value(connection, "last_success_at", format_moment(news.succeeded_at))
    if news.error is not None:
        line = " ".join(news.error.split())[:_ERROR_MAX_CHARACTERS]
        connection.execute(
            "UPDATE deliveries SET last_error = ?, last_error_at = ? WHERE stream = ? AND endpoint = ?",
            (line, news.at, *key),
        )
        write_value(connection, "last_error", line)
        write_value(connection, "last_error_at", format_moment(news.at))
    connection.execute(
        "DELETE FROM deliveries WHERE stream || ' ' || endpoint NOT IN"
        " (SELECT stream || ' ' || endpoint FROM deliveries ORDER BY touched_at DESC LIMIT ?)",
        (_ENDPOINTS_MAX,),
    )
    if news.document is not None:
        keep_sent(connection, news.document)


def read_deliveries(connection: sqlite3.Connection) -> list[DeliveryTotals]:
    """Return the sums, the endpoint that was last used last; inside the caller's transaction."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'deliveries'").fetchone() is None:
        return []  # of an earlier release, and looking changes nothing
    rows = connection.execute(
        "SELECT stream, endpoint, since, delivered, lost, rejected, last_success_at, last_error, last_error_at"
        " FROM deliveries ORDER BY touched_at, stream, endpoint"
    ).fetchall()
    return [
        DeliveryTotals(
            stream,
            endpoint,
            _moment(since) or 0.0,
            _count(delivered),
            _count(lost),
            _count(rejected),
            _moment(success_at),
            error if isinstance(error, str) else None,
            _moment(error_at),
        )
        for stream, endpoint, since, delivered, lost, rejected, success_at, error, error_at in rows
        if isinstance(stream, str) and isinstance(endpoint, str)
    ]


def forget_deliveries(connection: sqlite3.Connection, now: float) -> None:
    """
    Erase the sums and the documents; inside the caller's transaction.

    What a process holds that happened before *now* (Unix seconds) is not added later either.
    """
    connection.execute("DELETE FROM deliveries")
    erase_sent(connection)
    write_value(connection, _FORGOTTEN_AT, repr(float(now)))


def _count(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value <= COUNT_MAX else 0


def _moment(value: object) -> float | None:
    try:
        secs = float(value)  # type: ignore[arg-type]  # what is no number is no moment
    except (TypeError, ValueError):
        return None
    return secs if is_in_calendar(secs) else None
