"""
The days of events, a partition each, which `prune` drops in one go.

A day gets its partition when an event of it comes soon after; clocks that are far off fill one that
is for all other days, so that no sender can make partitions at will. Where one cannot be made now,
because a long question looks at all of them, the event goes there too and is found there all the same.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from ...wire import TelemetryBatch
from ._errors import StoreError
from ._filter import DAY_SECS
from ._postgres_schema import MIGRATING
from ._postgres_server import PostgresServer, Session, is_locked

__all__ = ["Days", "drop_days"]

_LATE_DAYS_MAX = 62
_EARLY_DAYS_MAX = 1
_COLUMNS = "timestamp_secs, n, latency_ms, delay_secs, process, shape"


class Days:
    """
    The days that are known to have a partition.

    Safe between threads: what two of them want at once, the server makes once.
    """

    def __init__(self) -> None:
        self._known: frozenset[int] = frozenset()

    def prepare(self, server: PostgresServer, received: Iterable[tuple[TelemetryBatch, int]]) -> None:
        """See that the days of these events have partitions, and that tomorrow has one, which nobody waits for then."""
        wanted: set[int] = set()
        for batch, moment in received:
            today = moment // DAY_SECS
            days = {event.timestamp_secs // DAY_SECS for event in batch.events}
            wanted.update(day for day in days if today - _LATE_DAYS_MAX <= day <= today + _EARLY_DAYS_MAX)
            wanted.update((today, today + _EARLY_DAYS_MAX))
        wanted -= self._known
        for day in sorted(wanted):
            try:
                server.write(_make_day, day)
            except StoreError as error:
                if not is_locked(error):
                    raise
            # Tried is enough: the day after gets another try.
            self._known |= {day}


def _make_day(session: Session, day: int) -> None:
    session.run("SET LOCAL lock_timeout TO '2s'")
    session.run("SELECT pg_advisory_xact_lock(%s, %s)", MIGRATING)
    if not session.run("INSERT INTO event_days (day) VALUES (%s) ON CONFLICT DO NOTHING", (day,)):
        return
    table, start, end = _table_of(day), day * DAY_SECS, (day + 1) * DAY_SECS
    period = f"timestamp_secs >= {start} AND timestamp_secs < {end}"
    session.run(f"CREATE TABLE {table} (LIKE events INCLUDING ALL, CONSTRAINT of_its_day CHECK ({period}))")
    # The parent first, as everybody takes them.
    session.run("LOCK TABLE ONLY events IN SHARE UPDATE EXCLUSIVE MODE")
    session.run("LOCK TABLE events_of_other_days IN ACCESS EXCLUSIVE MODE")
    session.run(
        f"WITH moved AS (DELETE FROM events_of_other_days WHERE {period} RETURNING {_COLUMNS}) "
        f"INSERT INTO {table} ({_COLUMNS}) SELECT {_COLUMNS} FROM moved"
    )
    session.run(f"ALTER TABLE events ATTACH PARTITION {table} FOR VALUES FROM ({start}) TO ({end})")


def drop_days(session: Session, before_day: int) -> None:
    """Drop the partitions of all days before *before_day*."""
    for (day,) in session.rows("DELETE FROM event_days WHERE day < %s RETURNING day", (before_day,)):
        session.run(f"DROP TABLE {_table_of(day)}")


def _table_of(day: int) -> str:
    date = dt.date(1970, 1, 1) + dt.timedelta(days=day)
    return f"events_of_{date:%Y_%m_%d}"
