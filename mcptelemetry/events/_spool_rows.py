"""
The rows of the spool, inside somebody else's transaction: what each is, and how they are picked.

Rows are read with doubt, because a damaged one must cost itself and not the spool.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Optional

if TYPE_CHECKING:
    import sqlite3

__all__ = [
    "MIGRATIONS",
    "ClaimedChunk",
    "Done",
    "SpoolStream",
    "SpooledStream",
    "add_dropped",
    "count_by_stream",
    "delete_chunks",
    "drop_beyond",
    "erase_others",
    "free_chunks",
    "insert_chunks",
    "look_over",
    "overwrite_free",
    "read_account",
    "settle_claims",
    "waiting_events",
]

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE chunks (
            id INTEGER PRIMARY KEY, endpoint TEXT NOT NULL, owner TEXT NOT NULL, generation TEXT NOT NULL,
            version TEXT, put_at REAL NOT NULL, events INTEGER NOT NULL, claim TEXT, claimed_until REAL
        )""",
        "CREATE TABLE bodies (chunk INTEGER PRIMARY KEY, texts TEXT NOT NULL)",
        "CREATE TABLE account (name TEXT PRIMARY KEY, events INTEGER NOT NULL) WITHOUT ROWID",
    ),
)
"""What the tables are made with; the number of those applied stands in the file."""

# Nobody's, or a claim that is over, or that ends farther ahead than one can.
_IS_FREE = "(claim IS NULL OR NOT (claimed_until > :now AND claimed_until <= :now + :lease))"
_IN_STREAM = "endpoint = :endpoint AND owner = :owner"
_DROPPED, _REFUSED = "dropped", "refused"


class SpoolStream(NamedTuple):
    """
    Whose events, and for where: a chunk leaves for nowhere else.

    *endpoint* is without what it may hold of secrets, and with what tells it from others.
    """

    endpoint: str
    owner: str


class ClaimedChunk(NamedTuple):
    """*events* events by their JSON texts, a line each in *body*, of one *generation* and by one *version* of the application."""

    id: int
    generation: str
    version: Optional[str]
    put_at: float
    events: int
    body: str

    @property
    def texts(self) -> list[str]:
        """The JSON texts."""
        return self.body.split("\n") if self.body else []


Done = tuple[str, Mapping[int, Sequence[str]]]
"""What became of a claim: its token, and what is left of those of its chunks that were begun."""


class SpooledStream(NamedTuple):
    """How many events of a stream are *waiting*, how many are *claimed*, and since when (Unix seconds) the oldest is there."""

    stream: SpoolStream
    waiting: int
    claimed: int
    oldest_at: float


def insert_chunks(
    connection: sqlite3.Connection,
    of_all: tuple[str, str, str, Optional[str], float],
    texts: Sequence[str],
    chunk_max: int,
) -> list[ClaimedChunk]:
    """Add *texts* in chunks of at most *chunk_max*; *of_all* are endpoint, owner, generation, version and moment."""
    put = []
    for start in range(0, len(texts), chunk_max):
        part = texts[start : start + chunk_max]
        body = "\n".join(part)
        number = connection.execute(
            "INSERT INTO chunks (endpoint, owner, generation, version, put_at, events) VALUES (?, ?, ?, ?, ?, ?)",
            (*of_all, len(part)),
        ).lastrowid
        connection.execute("INSERT OR REPLACE INTO bodies (chunk, texts) VALUES (?, ?)", (number, body))
        put.append(ClaimedChunk(number or 0, *of_all[2:], len(part), body))
    return put


def free_chunks(
    connection: sqlite3.Connection, stream: SpoolStream, now: float, lease_secs: float, events_max: int | None
) -> list[ClaimedChunk]:
    """Return the oldest free chunks of *stream*: one, and more while they hold *events_max* events; None: all, without texts."""
    found: list[ClaimedChunk] = []
    total = 0
    rows = connection.execute(
        f"SELECT id, generation, version, put_at, events FROM chunks WHERE {_IN_STREAM} AND {_IS_FREE} ORDER BY id",  # noqa: S608  no stranger's text
        {**stream._asdict(), "now": now, "lease": lease_secs},
    ).fetchall()
    for number, generation, version, put_at, events in rows:
        total += _count(events)
        if events_max is not None and found and total > events_max:
            break
        row = None
        if events_max is not None:
            row = connection.execute("SELECT texts FROM bodies WHERE chunk = ?", (number,)).fetchone()
        body = row[0] if row is not None and isinstance(row[0], str) else ""
        found.append(ClaimedChunk(number, generation, version, _moment(put_at), _count(events), body))
    return found


class Overview(NamedTuple):
    """
    The file as whoever writes to it sees it.

    How many events are *free*, how many of those of the stream are *waiting*, and whether its owner *has_others* of another generation.
    """

    free: int
    waiting: int
    has_others: bool


def look_over(connection: sqlite3.Connection, stream: SpoolStream, generation: str, now: float, lease_secs: float) -> Overview:
    """Return what is there, seen from *stream* and the present *generation*."""
    free, waiting, has_others = connection.execute(
        f"SELECT sum(CASE WHEN {_IS_FREE} THEN events END), sum(CASE WHEN {_IN_STREAM} AND {_IS_FREE} THEN events END),"  # noqa: S608  no stranger's text
        " max(owner = :owner AND generation <> :generation) FROM chunks",
        {**stream._asdict(), "generation": generation, "now": now, "lease": lease_secs},
    ).fetchone()
    return Overview(_count(free), _count(waiting), bool(has_others))


def waiting_events(connection: sqlite3.Connection, stream: SpoolStream, now: float, lease_secs: float) -> int:
    """Return how many events of *stream* are free."""
    return sum(one.waiting for one in count_by_stream(connection, now, lease_secs) if one.stream == stream)


def count_by_stream(connection: sqlite3.Connection, now: float, lease_secs: float) -> list[SpooledStream]:
    """Return what is there of each stream."""
    rows = connection.execute(
        f"SELECT endpoint, owner, sum(CASE WHEN {_IS_FREE} THEN events ELSE 0 END), sum(events), min(put_at) FROM chunks"  # noqa: S608  no stranger's text
        " GROUP BY endpoint, owner ORDER BY min(id)",
        {"now": now, "lease": lease_secs},
    ).fetchall()
    return [
        SpooledStream(SpoolStream(endpoint, owner), _count(free), _count(events) - _count(free), _moment(oldest_at))
        for endpoint, owner, free, events, oldest_at in rows
    ]


def drop_beyond(connection: sqlite3.Connection, capacity: int, now: float, lease_secs: float) -> int:
    """Drop the oldest free events until *capacity* are left, count them and return how many that were."""
    times = {"now": now, "lease": lease_secs}
    total = connection.execute(f"SELECT sum(events) FROM chunks WHERE {_IS_FREE}", times).fetchone()[0]  # noqa: S608  no stranger's text
    excess = dropped = max(0, _count(total) - capacity)
    if not excess:
        return 0
    rows = connection.execute(f"SELECT id, events FROM chunks WHERE {_IS_FREE} ORDER BY id", times).fetchall()  # noqa: S608  no stranger's text
    gone = []
    for number, held in rows:
        events = _count(held)
        if events > excess:
            body = connection.execute("SELECT texts FROM bodies WHERE chunk = ?", (number,)).fetchone()
            texts = body[0].split("\n")[excess:] if body is not None and isinstance(body[0], str) else []
            connection.execute("UPDATE bodies SET texts = ? WHERE chunk = ?", ("\n".join(texts), number))
            connection.execute("UPDATE chunks SET events = ? WHERE id = ?", (events - excess, number))
            break
        gone.append(number)
        excess -= events
        if not excess:
            break
    delete_chunks(connection, gone)
    return add_dropped(connection, dropped)


def erase_others(connection: sqlite3.Connection, owner: str | None, generation: str | None) -> int:
    """Erase what *owner* (None: anybody) has of other generations (None: of any), claimed or not; count and return how many events."""
    rows = connection.execute(
        "SELECT id, events FROM chunks WHERE (:owner IS NULL OR owner = :owner) AND (:generation IS NULL OR generation <> :generation)",
        {"owner": owner, "generation": generation},
    ).fetchall()
    delete_chunks(connection, [row[0] for row in rows])
    return _add(connection, _REFUSED, sum(_count(row[1]) for row in rows))


def delete_chunks(connection: sqlite3.Connection, numbers: Iterable[int]) -> None:
    """Delete the chunks with these *numbers*."""
    keys = [(number,) for number in numbers]
    connection.executemany("DELETE FROM bodies WHERE chunk = ?", keys)
    connection.executemany("DELETE FROM chunks WHERE id = ?", keys)


def settle_claims(connection: sqlite3.Connection, done: Iterable[Done]) -> frozenset[int]:
    """Settle what was *done* of claims, see `Spool.settle()`; return which chunks were still theirs."""
    settled: set[int] = set()
    for token, left in done:
        held = {row[0] for row in connection.execute("SELECT id FROM chunks WHERE claim = ?", (token,)).fetchall()}
        ours = [number for number in left if number in held]
        gone = [number for number in ours if not left[number]]
        delete_chunks(connection, gone)
        for number in ours:
            if left[number]:
                connection.execute("UPDATE bodies SET texts = ? WHERE chunk = ?", ("\n".join(left[number]), number))
                connection.execute("UPDATE chunks SET events = ? WHERE id = ?", (len(left[number]), number))
        if len(gone) < len(held):
            connection.execute("UPDATE chunks SET claim = NULL, claimed_until = NULL WHERE claim = ?", (token,))
        settled.update(ours)
    return frozenset(settled)


def overwrite_free(connection: sqlite3.Connection) -> None:
    """Overwrite what was deleted before, where ``secure_delete`` is on: a body takes all the free pages, and is deleted."""
    pages, page_bytes = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("freelist_count", "page_size")
    )
    connection.execute(
        "INSERT OR REPLACE INTO bodies (chunk, texts) VALUES (-1, zeroblob(?))", (pages * page_bytes,)
    )
    connection.execute("DELETE FROM bodies WHERE chunk = -1")


def add_dropped(connection: sqlite3.Connection, events: int) -> int:
    """Count *events* as dropped, and return them."""
    return _add(connection, _DROPPED, events)


def _add(connection: sqlite3.Connection, name: str, events: int) -> int:
    if events:
        connection.execute("INSERT OR IGNORE INTO account (name, events) VALUES (?, 0)", (name,))
        connection.execute("UPDATE account SET events = events + ? WHERE name = ?", (events, name))
    return events


def read_account(connection: sqlite3.Connection) -> tuple[int, int]:
    """Return how many events were dropped, and how many were erased because a person said no."""
    found = dict(connection.execute("SELECT name, events FROM account").fetchall())
    return _count(found.get(_DROPPED)), _count(found.get(_REFUSED))


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _moment(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0
