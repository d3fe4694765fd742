"""
The tables of `telemetry.db`, migration by migration, and whether their number was lost.

What a migration made is there whatever the number says: a restored dump, or a tool that
copies rows, leaves the tables and sets the number back. Nothing is lost by that, but somebody
had a hand in the file, and a person who asks is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._counters import COUNTER_TABLES
from ._deliveries import DELIVERY_TABLES
from ._sent import FATE_MIGRATION, SENT_TABLES

if TYPE_CHECKING:
    import sqlite3

__all__ = ["MIGRATIONS", "find_lost_version"]

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    ("CREATE TABLE memory (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",),
    COUNTER_TABLES,
    SENT_TABLES,
    (*FATE_MIGRATION, *DELIVERY_TABLES),
)
"""What the tables are made with; the number of those applied stands in the file."""


def find_lost_version(connection: sqlite3.Connection) -> int | None:
    """Return the version that the file claims when tables of a later one are there, else None."""
    version: int = max(0, connection.execute("PRAGMA user_version").fetchone()[0])
    names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()}
    statements = (statement.split() for migration in MIGRATIONS[version:] for statement in migration)
    later = {words[2] for words in statements if words[:2] == ["CREATE", "TABLE"]}
    return version if names & later else None
