"""
Taking old documents out of PostgreSQL: whole days of events are dropped, the rest is deleted.

What seems to be used no more (shapes, processes, profiles) is judged while nobody adds: a writer
that has just looked its number up would else add to what goes.
"""

from __future__ import annotations

from ._answers import Pruned
from ._blocks import BLOCK_DAYS
from ._errors import StoreError
from ._filter import DAY_SECS, HOUR_SECS
from ._postgres_days import drop_days
from ._postgres_schema import MIGRATING, WRITING
from ._postgres_server import PostgresServer, Session, is_locked
from ._spans import WEEKS_KEPT, week_of

__all__ = ["prune"]

_ATTEMPTS = 3

_RESUM_DAY = """
INSERT INTO calls_by_day (day, shape, calls)
SELECT %s, shape, count(*) FROM events WHERE timestamp_secs >= %s AND timestamp_secs < %s GROUP BY shape
"""
_DELETE_LEFTOVERS = (
    "DELETE FROM installations AS i WHERE NOT EXISTS (SELECT FROM installation_weeks AS w WHERE w.installation = i.number)",
    """
    DELETE FROM profiles AS p WHERE NOT EXISTS (SELECT FROM heartbeats AS h WHERE h.profile = p.number)
        AND NOT EXISTS (SELECT FROM installations AS i WHERE i.first_profile = p.number)
    """,
    "DELETE FROM labels AS l WHERE NOT EXISTS (SELECT FROM heartbeat_counts AS c WHERE c.label = l.number)",
    "DELETE FROM shapes AS s WHERE NOT EXISTS (SELECT FROM calls_by_day AS c WHERE c.shape = s.number)",
)


def prune(server: PostgresServer, before: int) -> Pruned:
    """Do `Intake.prune`."""
    events = _delete_events_in_turn(server, before)
    heartbeats = server.write(_delete_heartbeats, before)
    feedback = server.write(_delete_rest, before)
    return Pruned(events, heartbeats, feedback)


def _delete_events_in_turn(server: PostgresServer, before: int) -> int:
    """Drop and delete between long questions; those who send wait behind each attempt, and so it is short."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return server.write(_delete_events, before)
        except StoreError as error:
            if not is_locked(error):
                raise
    return server.write(_delete_events, before)


def _delete_events(session: Session, before: int) -> int:
    session.run("SET LOCAL lock_timeout TO '2s'")
    # In the order of whoever makes a partition, and then adds.
    session.run("SELECT pg_advisory_xact_lock(%s, %s)", MIGRATING)
    session.run("SELECT pg_advisory_xact_lock(%s, %s)", WRITING)
    day = before // DAY_SECS
    (count,) = session.row(
        "WITH gone AS (DELETE FROM calls_by_day WHERE day < %s RETURNING calls) SELECT coalesce(sum(calls), 0) FROM gone", (day,)
    )
    drop_days(session, day)
    session.run("DELETE FROM events WHERE timestamp_secs < %s", (day * DAY_SECS,))  # of those days, among the other days
    # The day in whose middle the limit lies keeps its later part.
    count += session.run("DELETE FROM events WHERE timestamp_secs < %s", (before,))
    session.run("DELETE FROM calls_by_day WHERE day = %s", (day,))
    session.run(_RESUM_DAY, (day, day * DAY_SECS, (day + 1) * DAY_SECS))
    for table in ("call_blocks", "latency_sums", "session_sums"):
        session.run(f"DELETE FROM {table} WHERE block <= %s", (day // BLOCK_DAYS,))
    session.run("UPDATE prunes SET number = number + 1")  # who sums up meanwhile sees that
    for table in ("processes", "foreign_ids"):
        session.run(f"DELETE FROM {table} WHERE newest_day < %s", (day,))
    return int(count)


def _delete_heartbeats(session: Session, before: int) -> int:
    old = "(SELECT number FROM heartbeats WHERE received_at < %s)"
    session.run(f"DELETE FROM heartbeat_counts WHERE heartbeat IN {old}", (before,))
    session.run(f"DELETE FROM heartbeat_documents WHERE number IN {old}", (before,))
    return session.run("DELETE FROM heartbeats WHERE received_at < %s", (before,))


def _delete_rest(session: Session, before: int) -> int:
    session.run("SELECT pg_advisory_xact_lock(%s, %s)", WRITING)
    feedback = session.run("DELETE FROM feedback WHERE received_at < %s", (before,))
    session.run("DELETE FROM tallies WHERE hour < %s", (before // HOUR_SECS,))
    week = week_of(before) - WEEKS_KEPT
    session.run("DELETE FROM installation_weeks WHERE week < %s", (week,))
    for statement in _DELETE_LEFTOVERS:
        session.run(statement)
    return feedback
