"""
Taking old documents out of the sqlite file.

In slices, a transaction each, so that nobody who sends waits for longer than one takes. What is
left over when all documents that used it are gone (shapes, processes, profiles) goes last.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager

from ._answers import Pruned
from ._blocks import BLOCK_DAYS
from ._filter import DAY_SECS, HOUR_SECS
from ._spans import WEEKS_KEPT, week_of

__all__ = ["prune"]

Writing = Callable[[], AbstractContextManager[sqlite3.Connection]]

_SLICE_ROWS = 20_000

_DELETE_EVENTS = """
DELETE FROM events WHERE (timestamp_secs, process, n) IN (
    SELECT timestamp_secs, process, n FROM events WHERE timestamp_secs < ? ORDER BY timestamp_secs LIMIT ?
)
"""
_OLD_HEARTBEATS = "SELECT number FROM heartbeats WHERE received_at < ? ORDER BY received_at, number LIMIT ?"
_DELETE_HEARTBEATS = (
    f"DELETE FROM heartbeat_counts WHERE heartbeat IN ({_OLD_HEARTBEATS})",
    f"DELETE FROM heartbeat_documents WHERE number IN ({_OLD_HEARTBEATS})",
    f"DELETE FROM heartbeats WHERE number IN ({_OLD_HEARTBEATS})",
)
# The day in whose middle the limit lies keeps its later part.
_RESUM_DAY = (
    "DELETE FROM calls_by_day WHERE day <= :day",
    f"""
    INSERT INTO calls_by_day (day, shape, calls)
    SELECT :day, shape, count(*) FROM events
    WHERE timestamp_secs >= :day * {DAY_SECS} AND timestamp_secs < (:day + 1) * {DAY_SECS} GROUP BY shape
    """,
)
_SUMS = ("call_blocks", "latency_sums", "session_sums", "beat_blocks", "label_sums")
# Who sums a block up meanwhile, or has gathered something, sees that the number is another one.
_COUNT_PRUNE = "UPDATE numbers SET last = last + 1 WHERE name = 'prune'"
_DELETE_BLOCKS = (*(f"DELETE FROM {table} WHERE block <= :day / {BLOCK_DAYS}" for table in _SUMS), _COUNT_PRUNE)
# Those of a row in one transaction.
_DELETE_LEFTOVERS = (
    ("DELETE FROM installations WHERE number NOT IN (SELECT installation FROM installation_weeks)",),
    (
        """
        DELETE FROM profiles WHERE number NOT IN (SELECT profile FROM heartbeats)
            AND number NOT IN (SELECT first_profile FROM installations)
        """,
    ),
    ("DELETE FROM labels WHERE number NOT IN (SELECT label FROM heartbeat_counts)",),
    (
        "DELETE FROM shapes WHERE number NOT IN (SELECT shape FROM events)",
        "UPDATE numbers SET last = abs(random() / 4) WHERE name = 'shapes'",  # what writers know of shapes is void
    ),
    ("DELETE FROM processes WHERE number NOT IN (SELECT process FROM events)",),
    ("DELETE FROM foreign_ids WHERE number NOT IN (SELECT n FROM events WHERE process = 1)",),
)


def prune(writing: Writing, before: int) -> Pruned:
    """Do `Intake.prune`."""
    events = _in_slices(writing, (_DELETE_EVENTS,), before)
    heartbeats = _in_slices(writing, _DELETE_HEARTBEATS, before)
    week = week_of(before) - WEEKS_KEPT
    with writing() as connection:
        feedback = connection.execute("DELETE FROM feedback WHERE received_at < ?", (before,)).rowcount
        for statement in (*_RESUM_DAY, *_DELETE_BLOCKS):
            connection.execute(statement, {"day": before // DAY_SECS})
        connection.execute("DELETE FROM tallies WHERE hour < ?", (before // HOUR_SECS,))
        connection.execute("DELETE FROM installation_weeks WHERE week < ?", (week,))
    for statements in _DELETE_LEFTOVERS:
        with writing() as connection:
            for statement in (*statements, _COUNT_PRUNE):
                connection.execute(statement)
    return Pruned(events, heartbeats, feedback)


def _in_slices(writing: Writing, statements: tuple[str, ...], before: int) -> int:
    deleted = 0
    while True:
        with writing() as connection:
            for statement in statements:
                count = connection.execute(statement, (before, _SLICE_ROWS)).rowcount
        deleted += count
        if not count:
            return deleted
