"""
The parts that are about what came in itself: what people typed, and the health of the data.

A message is shown as it was typed, line ends and all, and never as anything else than text.
"""

from __future__ import annotations

import json

from ..stores import FeedbackEntry
from ._answers import Answers
from ._cells import count
from ._figures import as_count, as_many
from ._moments import as_age, as_moment, as_stamp
from ._shapes import Cell, Column, Grid, Message, Messages, Part, Row

__all__ = ["view_feedback", "view_health", "view_inbox"]

_LATEST = 5
_INBOX_MAX = 200
_LAST = (("last_event_at", "last event"), ("last_heartbeat_at", "last heartbeat"), ("last_feedback_at", "last feedback"))
_COUNTS = ("events", "heartbeats", "feedback")


def view_feedback(answers: Answers) -> Part | None:
    """Return the latest of what people typed, with the way to all of it."""
    whole = answers.whole
    if whole is None or "feedback" not in answers.names:
        return None
    rows = answers.ask("feedback")
    messages, unread = (sum(row[name] for row in rows) for name in ("messages", "unread"))
    if not messages:
        return None
    entries = whole.inbox(answers.query.asked, most=_LATEST)
    kinds = ", ".join(f"{as_count(row['messages'])} {row['category']}" for row in rows if row["messages"])
    return Part(
        "feedback",
        "Feedback",
        Messages([_message(entry, answers.query.now) for entry in entries]),
        f"{as_count(unread)} unread of {as_many(messages, 'message')}: {kinds}",
        answers.define("feedback"),
        links=((answers.query.link("/inbox"), f"All {as_count(messages)} in the inbox"),),
    )


def view_inbox(answers: Answers) -> Part | None:
    """Return all feedback of the period, newest first, or what nobody has read."""
    whole = answers.whole
    if whole is None:
        return None
    is_unread_only = answers.query.value("show") == "unread"
    entries = whole.inbox(answers.query.asked, most=_INBOX_MAX + 1, is_unread_only=is_unread_only)
    rows = answers.ask("feedback")
    messages, unread = (sum(row[name] for row in rows) for name in ("messages", "unread"))
    left_out = f"These are the latest {_INBOX_MAX}; a shorter period shows the others." if len(entries) > _INBOX_MAX else ""
    return Part(
        "feedback",
        "Unread feedback" if is_unread_only else "Feedback",
        Messages([_message(entry, answers.query.now) for entry in entries[:_INBOX_MAX]], left_out, is_inbox=True),
        f"{as_count(unread)} unread of {as_many(messages, 'message')}",
        answers.define("feedback"),
        table="",  # its table has counts, and no message
    )


def _message(entry: FeedbackEntry, now: int) -> Message:
    context = [(str(name), value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)) for name, value in sorted(entry.context.items())]
    return Message(
        number=entry.number,
        app=entry.app or "",
        category=entry.category,
        message=entry.message,
        email=entry.email or "",
        context=context,
        moment=as_moment(entry.received_at),
        stamp=as_stamp(entry.received_at),
        age=as_age(entry.received_at, now),
        is_read=entry.is_read,
    )


def view_health(answers: Answers) -> Part | None:
    """Return how whole the data is."""
    if "health" not in answers.names:
        return None
    answer, before = answers.ask("health"), answers.ask_before("health")
    now = answers.query.now
    rows = [
        Row(name, [Cell(words), Cell(as_age(answer[name], now), figure=name, value=answer[name], note=as_moment(answer[name])), Cell()])
        for name, words in _LAST
        if name in answer and answer[name] is not None
    ]
    came = [name for name, last in zip(_COUNTS, _LAST) if answer.get(last[0]) is not None]
    counted = (
        *((name, name) for name in came),
        ("duplicates", "repeats, counted once"),
        ("given_up", "heartbeats given up"),
    )
    rows += [
        Row(name, [Cell(words), count(name, answer[name]), count(f"{name}_before", before[name]) if before else Cell()])
        for name, words in counted
        if answer.get(name) is not None
    ]
    rows += [
        Row(name, [Cell(f"refused, {name}"), Cell(as_count(number), figure="refused", value=number, tone="worse"), Cell()])
        for name, number in answer["refused"].items()
    ]
    if not answer["refused"]:
        rows.append(Row("refused", [Cell("refused"), count("refused", 0), Cell()]))
    columns = [Column("what", is_words=True), Column("number"), Column("the period before")]
    return Part(
        "health",
        "Health of the data",
        Grid(columns, rows, "wide"),
        "what arrived, what did not",
        answers.define("health"),
    )
