"""
The mark that the first-run notice was shown, as it stands in the table `memory`.

Read with care: a mark that cannot be understood is none, and the notice is shown once more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Optional

from ._values import parse_moment, read_value

if TYPE_CHECKING:
    import sqlite3

__all__ = ["NoticeMark", "read_notice_mark"]


class NoticeMark(NamedTuple):
    """
    That the notice was shown: *shown_at* (Unix seconds), *how* and what it named.

    *how* is ``"terminal"``, ``"sink"`` or ``"stderr"``; *destinations* are the endpoints.
    *shown_secs_ago* is what the monotonic clock says of it, None in a process that did not show it.
    """

    shown_at: float
    how: str
    destinations: frozenset[str]
    shown_secs_ago: Optional[float] = None


def read_notice_mark(connection: sqlite3.Connection) -> NoticeMark | None:
    """Return the mark, None when there is none or it cannot be read: in doubt it was not shown."""
    import json

    shown_at = parse_moment(read_value(connection, "notice_shown_at"))
    how = read_value(connection, "notice_shown_how")
    try:
        destinations = json.loads(read_value(connection, "notice_destinations") or "")
    except (ValueError, RecursionError):
        return None
    if shown_at is None or how not in ("terminal", "sink", "stderr") or not isinstance(destinations, list):
        return None
    return NoticeMark(shown_at, how, frozenset(word for word in destinations if isinstance(word, str)))
