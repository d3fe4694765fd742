"""
Heartbeats on their way into the sqlite file: the document, and its facts in tables beside it.

No question reads a document again; it is kept because a later one may ask what this one did not.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from ._answers import Stored
from ._heartbeat_facts import Profile, counts_of, profile_of
from ._spans import week_of
from ._sqlite_tallies import Tallies

__all__ = ["HeartbeatWriter"]

_PROFILE = ", ".join(Profile._fields)
_ADD_PROFILE = f"""
INSERT INTO profiles ({_PROFILE}, first_at) VALUES ({", ".join("?" * len(Profile._fields))}, ?)
ON CONFLICT ({_PROFILE}) DO UPDATE SET first_at = min(first_at, excluded.first_at)
"""
_FIND_PROFILE = f"SELECT number FROM profiles WHERE ({_PROFILE}) = ({', '.join('?' * len(Profile._fields))})"
# Only a clock that was set back brings an earlier first time, and then the profile goes with it.
_ADD_INSTALLATION = """
INSERT INTO installations (anonymous_id, app, first_at, first_profile, last_at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (anonymous_id, app) DO UPDATE SET
    first_profile = CASE WHEN excluded.first_at < first_at THEN excluded.first_profile ELSE first_profile END,
    first_at = min(first_at, excluded.first_at),
    last_at = max(last_at, excluded.last_at)
"""


class HeartbeatWriter:
    """Adds heartbeats inside a transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._labels: dict[tuple[str, str], int] = {}

    def add(self, document: Mapping[str, Any], *, received_at: int) -> Stored:
        """Add *document* unless its id is known."""
        run = self._connection.execute
        tallies = Tallies(self._connection)
        known = run("SELECT 1 FROM heartbeats WHERE heartbeat_id = ?", (document["heartbeat_id"],)).fetchone()
        stored = Stored(0, 1) if known else Stored(1, 0)
        tallies.add(document["app"], "heartbeats", stored, received_at)
        tallies.finish()
        if known:
            return stored
        profile = profile_of(document)
        run(_ADD_PROFILE, (*profile, received_at))
        profile_number = run(_FIND_PROFILE, profile).fetchone()[0]
        owner = (document["anonymous_id"], document["app"])
        run(_ADD_INSTALLATION, (*owner, received_at, profile_number, received_at))
        installation = run("SELECT number FROM installations WHERE anonymous_id = ? AND app = ?", owner).fetchone()[0]
        week = week_of(received_at)
        run("INSERT INTO installation_weeks (installation, week) VALUES (?, ?) ON CONFLICT DO NOTHING", (installation, week))
        number = run(
            "INSERT INTO heartbeats (heartbeat_id, installation, profile, received_at) VALUES (?, ?, ?, ?)",
            (document["heartbeat_id"], installation, profile_number, received_at),
        ).lastrowid
        text = json.dumps(document, separators=(",", ":"))
        run("INSERT INTO heartbeat_documents (number, document) VALUES (?, ?)", (number, text))
        self._connection.executemany(
            "INSERT INTO heartbeat_counts (heartbeat, label, count) VALUES (?, ?, ?)",
            [(number, self._label(counted.kind, counted.name), counted.times) for counted in counts_of(document)],
        )
        return stored

    def _label(self, kind: str, name: str) -> int:
        key = (kind, name)
        number = self._labels.get(key)
        if number is None:
            run = self._connection.execute
            row = run("SELECT number FROM labels WHERE kind = ? AND name = ?", key).fetchone()
            number = int(row[0]) if row else run("INSERT INTO labels (kind, name) VALUES (?, ?)", key).lastrowid or 0
            self._labels[key] = number
        return number
