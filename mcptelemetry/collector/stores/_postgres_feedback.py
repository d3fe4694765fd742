"""Feedback in PostgreSQL, and the health of what was taken in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ._answers import FeedbackCount, FeedbackEntry, Health, Refused, Stored
from ._fates import DUPLICATE, STORED, build_health
from ._filter import HOUR_SECS, UNNAMED, Filter
from ._postgres_filters import feedback_condition, moment_condition
from ._postgres_server import Session
from ._postgres_tallies import Tallies
from ._text import storable

__all__ = ["add_feedback", "add_refusals", "count_feedback", "health", "inbox", "mark_read"]


def add_feedback(session: Session, document: Mapping[str, Any], received_at: int) -> None:
    """Do `Intake.add_feedback`."""
    app = storable(document.get("app"))
    row = (
        app,
        received_at,
        document["category"],
        storable(document["message"]),
        storable(document.get("email")),
        storable(document["context"].get("version")) or "",
        json.dumps(document["context"], separators=(",", ":")),
    )
    session.run(
        "INSERT INTO feedback (app, received_at, category, message, email, version, context) VALUES (%s, %s, %s, %s, %s, %s, %s)", row
    )
    tallies = Tallies(session)
    tallies.add(app or "", "feedback", Stored(1, 0), received_at)
    tallies.finish()


def add_refusals(session: Session, refusals: Mapping[Refused, int], received_at: int) -> None:
    """Do `Intake.add_refusals`."""
    tallies = Tallies(session)
    for refused, count in refusals.items():
        tallies.count("", refused.stream, [(refused.reason, count)], received_at)
    tallies.finish()


def mark_read(session: Session, numbers: Sequence[int]) -> int:
    """Do `Intake.mark_read`."""
    return session.run("UPDATE feedback SET is_read = true WHERE number = ANY(%s::bigint[]) AND NOT is_read", [list(numbers)])


def count_feedback(session: Session, asked: Filter) -> list[FeedbackCount]:
    """Answer `Questions.feedback`."""
    condition = feedback_condition(asked)
    rows = session.rows(
        f"SELECT f.category, count(*), count(*) FILTER (WHERE NOT f.is_read) FROM feedback AS f WHERE {condition.sql} GROUP BY 1 ORDER BY 1",
        condition.values,
    )
    return [FeedbackCount(*row) for row in rows]


def inbox(session: Session, asked: Filter, most: int, is_unread_only: bool) -> list[FeedbackEntry]:  # noqa: FBT001  called by position
    """Answer `Questions.inbox`."""
    condition = feedback_condition(asked).and_if("f.is_read = %s", False if is_unread_only else None)
    rows = session.rows(
        f"""
        SELECT f.number, f.app, f.received_at, f.category, f.message, f.email, f.context, f.is_read FROM feedback AS f
        WHERE {condition.sql} ORDER BY f.received_at DESC, f.number DESC LIMIT %s
        """,
        (*condition.values, most),
    )
    return [FeedbackEntry(*row)._replace(context=json.loads(row[6])) for row in rows]


def health(session: Session, asked: Filter) -> Health:
    """Answer `Questions.health`."""
    condition = moment_condition("hour", asked, HOUR_SECS)
    # What was refused was not read: nobody knows whose it was, and it counts for all.
    owners = None if asked.app is None else [asked.app, "" if asked.app == UNNAMED else asked.app]
    rows = session.rows(
        f"""
        SELECT stream, fate, coalesce(sum(documents) FILTER (WHERE {condition.sql}), 0), max(last_at) FROM tallies
        WHERE %s::text[] IS NULL OR app = ANY(%s::text[]) OR fate NOT IN ('{STORED}', '{DUPLICATE}')
        GROUP BY 1, 2 ORDER BY 1, 2
        """,
        (*condition.values, owners, owners),
    )
    last = {stream: last_at for stream, fate, _, last_at in rows if fate == STORED}
    return build_health(last, (row[:3] for row in rows))
