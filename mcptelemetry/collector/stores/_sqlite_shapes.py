"""
The step of the database that keeps once what recurs.

An event's row is six small numbers: when, which process and which number in it, which shape,
how long, how late. The table is in order of time, so that a period is one range of it, and its
key is what makes an event itself: (app and process, number, timestamp_secs).
"""

from __future__ import annotations

import json
import sqlite3
from itertools import groupby

from ._answers import Stored
from ._sqlite_events import EventWriter
from ._sqlite_heartbeats import HeartbeatWriter
from ._sqlite_tallies import Tallies

__all__ = ["keep_shapes_once"]

_TABLES = (
    # What is empty did not come; NULLs would never be equal to each other.
    """
    CREATE TABLE shapes (
        number INTEGER PRIMARY KEY,
        app TEXT NOT NULL,
        version TEXT NOT NULL,
        tool TEXT NOT NULL,
        routing_decision TEXT NOT NULL,
        routing_detail TEXT NOT NULL,
        upstream TEXT NOT NULL,
        status TEXT NOT NULL,
        error_type TEXT NOT NULL,
        client TEXT NOT NULL,
        was_fallback INTEGER NOT NULL,
        UNIQUE (tool, routing_decision, routing_detail, upstream, status, error_type, client, was_fallback, version, app)
    )
    """,
    # The last number that was given to a process or to an event without an id; and the token of the shapes.
    "CREATE TABLE numbers (name TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE apps (number INTEGER PRIMARY KEY, app TEXT NOT NULL UNIQUE)",
    # Senders of ours. One tree, because there may be many and only their digits are looked up: number 0
    # stands for events without an id, 1 for ids of another make.
    """
    CREATE TABLE processes (
        process BLOB NOT NULL,
        app INTEGER NOT NULL,
        number INTEGER NOT NULL,
        PRIMARY KEY (process, app)
    ) WITHOUT ROWID
    """,
    "INSERT INTO numbers (name, last) VALUES ('event without id', 0), ('process', 1), ('shapes', 0)",
    """
    CREATE TABLE foreign_ids (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL,
        app INTEGER NOT NULL,
        UNIQUE (id, app)
    )
    """,
    """
    CREATE TABLE events (
        timestamp_secs INTEGER NOT NULL,    -- Unix seconds on the sender's clock
        process INTEGER NOT NULL,
        n INTEGER NOT NULL,                 -- in the process; in foreign_ids; or as it came
        shape INTEGER NOT NULL,
        latency_ms INTEGER NOT NULL,
        delay_secs INTEGER NOT NULL,        -- until it was received
        PRIMARY KEY (timestamp_secs, process, n)
    ) WITHOUT ROWID
    """,
    # The sums of `events`, kept in the transactions that add to it.
    """
    CREATE TABLE calls_by_day (
        day INTEGER NOT NULL,               -- since 1970
        shape INTEGER NOT NULL,
        calls INTEGER NOT NULL,
        PRIMARY KEY (day, shape)
    ) WITHOUT ROWID
    """,
    # What became of documents, by the hour of their receipt.
    """
    CREATE TABLE tallies (
        hour INTEGER NOT NULL,
        app TEXT NOT NULL,
        stream TEXT NOT NULL,
        fate TEXT NOT NULL,                 -- stored, duplicate, or why it was refused
        documents INTEGER NOT NULL,
        last_at INTEGER NOT NULL,
        PRIMARY KEY (hour, app, stream, fate)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE profiles (
        number INTEGER PRIMARY KEY,
        app TEXT NOT NULL,
        version TEXT NOT NULL,
        previous_version TEXT NOT NULL,
        edition TEXT NOT NULL,
        os TEXT NOT NULL,
        arch TEXT NOT NULL,
        python TEXT NOT NULL,
        routing_mode TEXT NOT NULL,
        env_kind TEXT NOT NULL,
        launch_source TEXT NOT NULL,
        first_at INTEGER NOT NULL,
        UNIQUE (app, version, previous_version, edition, os, arch, python, routing_mode, env_kind, launch_source)
    )
    """,
    """
    CREATE TABLE installations (
        number INTEGER PRIMARY KEY,
        anonymous_id TEXT NOT NULL,
        app TEXT NOT NULL,
        first_at INTEGER NOT NULL,
        first_profile INTEGER NOT NULL,
        last_at INTEGER NOT NULL,
        UNIQUE (anonymous_id, app)
    )
    """,
    # Kept longer than heartbeats: in which weeks an installation was heard from.
    """
    CREATE TABLE installation_weeks (
        installation INTEGER NOT NULL,
        week INTEGER NOT NULL,              -- since the Monday before 1970
        PRIMARY KEY (installation, week)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE heartbeats (
        number INTEGER PRIMARY KEY,
        heartbeat_id TEXT NOT NULL UNIQUE,
        installation INTEGER NOT NULL,
        profile INTEGER NOT NULL,
        received_at INTEGER NOT NULL
    )
    """,
    "CREATE INDEX heartbeats_by_time ON heartbeats (received_at)",
    "CREATE TABLE heartbeat_documents (number INTEGER PRIMARY KEY, document TEXT NOT NULL)",
    "CREATE TABLE labels (number INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, UNIQUE (kind, name))",
    """
    CREATE TABLE heartbeat_counts (
        heartbeat INTEGER NOT NULL,
        label INTEGER NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (heartbeat, label)
    ) WITHOUT ROWID
    """,
    "ALTER TABLE feedback ADD COLUMN is_read INTEGER NOT NULL DEFAULT 0",
)

_SELECT_EVENTS = """
SELECT app, version, received_at, id, latency_ms, timestamp_secs,
    tool, routing_decision, routing_detail, upstream, status, error_type, client, was_fallback
FROM old_events WHERE seq > ? AND seq <= ? ORDER BY seq
"""
_SLICE_ROWS = 20_000


def keep_shapes_once(connection: sqlite3.Connection) -> None:
    """Move what was stored in the shape of before, if anything was; tallies begin with what is there."""
    connection.execute("ALTER TABLE events RENAME TO old_events")
    connection.execute("ALTER TABLE heartbeats RENAME TO old_heartbeats")
    connection.execute("DROP INDEX heartbeats_of_installation")
    for statement in _TABLES:
        connection.execute(statement)
    _move_events(connection)
    heartbeats = HeartbeatWriter(connection)
    for document, received_at in connection.execute("SELECT document, received_at FROM old_heartbeats ORDER BY seq"):
        heartbeats.add(json.loads(document), received_at=received_at)
    tallies = Tallies(connection)
    for app, received_at in connection.execute("SELECT coalesce(app, ''), received_at FROM feedback"):
        tallies.add(app, "feedback", Stored(1, 0), received_at)
    tallies.finish()
    connection.execute("DROP TABLE old_events")
    connection.execute("DROP TABLE old_heartbeats")


def _move_events(connection: sqlite3.Connection) -> None:
    events = EventWriter(connection)
    last = connection.execute("SELECT max(seq) FROM old_events").fetchone()[0] or 0
    for start in range(0, last, _SLICE_ROWS):
        rows = connection.execute(_SELECT_EVENTS, (start, start + _SLICE_ROWS)).fetchall()
        for (app, version, received_at), group in groupby(rows, key=lambda row: row[:3]):
            items = [(row[3], row[4], row[5], (*row[6:-1], bool(row[-1]))) for row in group]
            events.add(items, app=app, version=version, received_at=received_at)
    events.finish()
