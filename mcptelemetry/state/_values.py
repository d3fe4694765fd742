"""
Single values and moments, as they stand in the table `memory`.

Each value is text on its own line, so that one that was damaged costs only itself. The
calendar is loaded when a moment is first put into words: constructing needs none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..vocabulary import TIMESTAMP_SECS_MAX

if TYPE_CHECKING:
    import sqlite3

__all__ = ["format_moment", "is_in_calendar", "parse_moment", "read_value", "write_value"]


def read_value(connection: sqlite3.Connection, name: str) -> str | None:
    """Return the value of *name* in the table `memory`, None when there is none or it is no text."""
    row = connection.execute("SELECT value FROM memory WHERE name = ?", (name,)).fetchone()
    return row[0] if row is not None and isinstance(row[0], str) else None


def write_value(connection: sqlite3.Connection, name: str, value: str | None) -> None:
    """Let *name* have *value* in the table `memory`; None takes it away."""
    if value is None:
        connection.execute("DELETE FROM memory WHERE name = ?", (name,))
    else:
        connection.execute("INSERT OR REPLACE INTO memory (name, value) VALUES (?, ?)", (name, value))


def is_in_calendar(secs: float) -> bool:
    """Return whether Unix *secs* can be a present time: a clock may stand anywhere."""
    return 0 <= secs <= TIMESTAMP_SECS_MAX


def format_moment(secs: float) -> str:
    """Return Unix *secs* as RFC 3339 in UTC, to the second: ``2026-01-31T12:00:00Z``; the nearest there is."""
    from datetime import datetime, timedelta, timezone

    epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
    return (epoch + timedelta(seconds=int(min(max(0, secs), TIMESTAMP_SECS_MAX)))).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_moment(text: str | None) -> float | None:
    """Return the Unix seconds that *text* (RFC 3339; UTC when it does not say) names, None if it names none."""
    if text is None:
        return None
    from datetime import datetime, timezone

    try:
        moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)
        return (moment - datetime(1970, 1, 1, tzinfo=timezone.utc)).total_seconds()
    except (ValueError, OverflowError, IndexError):  # PyPy counts on ten characters
        return None
