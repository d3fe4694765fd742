"""Feedback in the sqlite file, and the health of what was taken in."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from ._answers import FeedbackCount, FeedbackEntry, Health, Stored
from ._fates import DUPLICATE, STORED, build_health
from ._filter import HOUR_SECS, UNNAMED, Filter
from ._sqlite_filters import feedback_condition, moment_condition
from ._sqlite_tallies import Tallies
from ._text import storable

__all__ = ["add_feedback", "count_feedback", "health", "inbox", "mark_read"]


def add_feedback(connection: sqlite3.Connection, document: Mapping[str, Any], received_at: int) -> None:
    """Do `Intake.add_feedback`."""
    row = (
        storable(document.get("app")),
        received_at,
        document["category"],
        storable(document["message"]),
        storable(document.get("email")),
        json.dumps(document["context"], separators=(",", ":")),
    )
    connection.execute("INSERT INTO feedback (app, received_at, category, message, email, context) VALUES (?, ?, ?, ?, ?, ?)", row)
    tallies = Tallies(connection)
    tallies.add(row[0] or "", "feedback", Stored(1, 0), received_at)
    tallies.finish()


def mark_read(connection: sqlite3.Connection, numbers: Sequence[int]) -> int:
    """Do `Intake.mark_read`."""
    statement = "UPDATE feedback SET is_read = 1 WHERE seq = ? AND is_read = 0"
    return sum(connection.execute(statement, (number,)).rowcount for number in numbers)


def count_feedback(connection: sqlite3.Connection, asked: Filter) -> list[FeedbackCount]:
    """Answer `Questions.feedback`."""
    condition = feedback_condition(asked)
    rows = connection.execute(
        f"SELECT f.category, count(*), sum(f.is_read = 0) FROM feedback AS f WHERE {condition.sql} GROUP BY 1 ORDER BY 1",
        condition.values,
    )
    return [FeedbackCount(*row) for row in rows]


def inbox(connection: sqlite3.Connection, asked: Filter, most: int, *, is_unread_only: bool) -> list[FeedbackEntry]:
    """Answer `Questions.inbox`."""
    condition = feedback_condition(asked)
    rows = connection.execute(
        f"""
        SELECT f.seq, f.app, f.received_at, f.category, f.message, f.email, f.context, f.is_read FROM feedback AS f
        WHERE {condition.sql} AND f.is_read <= ? ORDER BY f.received_at DESC, f.seq DESC LIMIT ?
        """,
        [*condition.values, int(not is_unread_only), most],
    )
    return [FeedbackEntry(*row)._replace(context=json.loads(row[6]), is_read=bool(row[7])) for row in rows]


def health(connection: sqlite3.Connection, asked: Filter) -> Health:
    """Answer `Questions.health`."""
    # What was refused was not read: nobody knows whose it was, and it counts for all.
    app, owner = "", []
    if asked.app is not None:
        app = f"AND (app IN (?, ?) OR fate NOT IN ('{STORED}', '{DUPLICATE}'))"
        owner = [asked.app, "" if asked.app == UNNAMED else asked.app]
    last = dict(
        connection.execute(f"SELECT stream, max(last_at) FROM tallies WHERE fate = '{STORED}' {app} GROUP BY stream", owner)
    )
    condition = moment_condition("hour", asked, HOUR_SECS)
    rows = connection.execute(
        f"SELECT stream, fate, sum(documents) FROM tallies WHERE {condition.sql} {app} GROUP BY stream, fate ORDER BY stream, fate",
        [*condition.values, *owner],
    ).fetchall()
    return build_health(last, rows)
