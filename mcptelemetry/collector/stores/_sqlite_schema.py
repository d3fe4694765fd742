"""
The shape of the collector's database, as the list of steps that lead to it.

A database remembers in `user_version` how many steps it has taken, so a new issue of this
package adds a step and never edits one. `application_id` marks the file as a collector's:
a slip of the hand must not write our tables into somebody else's database.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from ._errors import StoreError
from ._sqlite_shapes import keep_shapes_once

__all__ = ["SCHEMA_VERSION", "has_schema", "migrate"]

_APPLICATION_ID = 0x6D637074  # "mcpt"

_Step = Callable[[sqlite3.Connection], None]


def _statements(*statements: str) -> _Step:
    def take(connection: sqlite3.Connection) -> None:
        for statement in statements:
            connection.execute(statement)

    return take


# One entry a version. Only ever appended to.
_MIGRATIONS: tuple[_Step, ...] = (
    _statements(
        """
        CREATE TABLE events (
            seq INTEGER PRIMARY KEY,
            id TEXT UNIQUE,                 -- NULL (which is never equal) when it came without
            app TEXT,
            version TEXT,
            received_at INTEGER NOT NULL,   -- Unix seconds on the collector's clock
            tool TEXT NOT NULL,
            routing_decision TEXT NOT NULL,
            routing_detail TEXT,
            upstream TEXT,
            status TEXT NOT NULL,
            error_type TEXT,
            latency_ms INTEGER NOT NULL,
            timestamp_secs INTEGER NOT NULL, -- Unix seconds on the sender's clock
            was_fallback INTEGER NOT NULL
        )
        """,
    ),
    _statements(
        # Neither table has a place for where a document came from.
        """
        CREATE TABLE heartbeats (
            seq INTEGER PRIMARY KEY,
            heartbeat_id TEXT NOT NULL UNIQUE,
            app TEXT NOT NULL,
            anonymous_id TEXT NOT NULL,
            version TEXT NOT NULL,
            received_at INTEGER NOT NULL,   -- Unix seconds on the collector's clock
            document TEXT NOT NULL          -- JSON, with the fields of the table only
        )
        """,
        "CREATE INDEX heartbeats_of_installation ON heartbeats (app, anonymous_id, received_at)",
        """
        CREATE TABLE feedback (
            seq INTEGER PRIMARY KEY,
            app TEXT,
            received_at INTEGER NOT NULL,
            category TEXT NOT NULL,
            message TEXT NOT NULL,
            email TEXT,
            context TEXT NOT NULL           -- JSON
        )
        """,
    ),
    # The MCP client's sanitised name; NULL in events of senders that do not tell it.
    _statements("ALTER TABLE events ADD COLUMN client TEXT"),
    # What recurs is kept once, and what questions ask of a heartbeat stands in tables.
    keep_shapes_once,
    # Sums of blocks of days, made when somebody looks (`_blocks.py`); `calls` is of how many events. What a kind of sums does
    # not tell apart stands under the least shape of all that are alike. What is packed of sessions stands among the latencies, as
    # kinds of its own; `session_sums` has what was kept of them before, a row a process, and is emptied block by block.
    _statements(
        "CREATE TABLE call_blocks (kind INTEGER NOT NULL, block INTEGER NOT NULL, calls INTEGER NOT NULL, PRIMARY KEY (kind, block)) WITHOUT ROWID",
        "CREATE TABLE latency_sums (kind INTEGER NOT NULL, block INTEGER NOT NULL, shape INTEGER NOT NULL, packed BLOB NOT NULL)",
        "CREATE INDEX latency_sums_of_block ON latency_sums (block, kind)",
        """
        CREATE TABLE session_sums (
            block INTEGER NOT NULL,
            process INTEGER NOT NULL,
            shape INTEGER NOT NULL,
            calls INTEGER NOT NULL,
            PRIMARY KEY (block, process, shape)
        ) WITHOUT ROWID
        """,
        # The same of heartbeats: what they counted under a label, and which installations, four bytes each.
        "CREATE TABLE beat_blocks (block INTEGER PRIMARY KEY, heartbeats INTEGER NOT NULL)",
        """
        CREATE TABLE label_sums (
            label INTEGER NOT NULL,
            block INTEGER NOT NULL,
            profile INTEGER NOT NULL,           -- the least of those of one app, version and env kind
            total INTEGER NOT NULL,
            installations BLOB NOT NULL,
            PRIMARY KEY (label, block, profile)
        )
        """,
        "CREATE INDEX heartbeats_of_installation ON heartbeats (installation, received_at)",
        "INSERT INTO numbers (name, last) VALUES ('prune', 0)",
    ),
)

SCHEMA_VERSION = len(_MIGRATIONS)


def migrate(connection: sqlite3.Connection) -> None:
    """
    Take the steps that the database lacks.

    *connection* is inside a `BEGIN IMMEDIATE` transaction, which makes all of it or nothing.
    Raises `StoreError` when the file belongs to something else or to a newer version.
    """
    version = _read_version(connection)
    if version == SCHEMA_VERSION:
        return
    for step in _MIGRATIONS[version:]:
        step(connection)
    connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def has_schema(connection: sqlite3.Connection) -> bool:
    """
    Return whether the database has tables to read; False when nothing was ever stored.

    Raises `StoreError` when the file belongs to something else, or to another version.
    """
    version = _read_version(connection)
    if 0 < version < SCHEMA_VERSION:
        msg = "was written by an older mcptelemetry; start 'mcptelemetry collect' on it once"
        raise StoreError(msg)
    return version == SCHEMA_VERSION


def _read_version(connection: sqlite3.Connection) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    owner = int(connection.execute("PRAGMA application_id").fetchone()[0])
    if owner != _APPLICATION_ID and (version or owner or _has_tables(connection)):
        msg = "is the database of something else; give the collector a file of its own"
        raise StoreError(msg)
    if version > SCHEMA_VERSION:
        msg = f"has schema version {version}, this mcptelemetry knows {SCHEMA_VERSION}; upgrade mcptelemetry"
        raise StoreError(msg)
    return version


def _has_tables(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None
