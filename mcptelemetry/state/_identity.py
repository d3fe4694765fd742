"""
The anonymous id of an installation: when it is kept, dated and drawn anew.

A pure function of what is stored and the time. A wrong date never costs an id, and a clock
that runs ahead or behind never links two ids or splits one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from ..vocabulary import DAY_SECS
from ._values import format_moment, parse_moment

__all__ = ["Identity", "renew_identity"]

_ROTATED_AFTER_SECS = 365 * DAY_SECS
_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


class Identity(NamedTuple):
    """An installation's *anonymous_id* (a UUID4) and since when it has it (RFC 3339)."""

    anonymous_id: str
    created_at: str


def renew_identity(
    stored_id: str | None, stored_date: str | None, *, now: float, draw: Callable[[], str]
) -> Identity:
    """
    Return the identity that holds at *now* (Unix seconds), given what is stored.

    A missing or damaged id is drawn, and so is the successor of one that is 365 days old. An
    id without a date, or with one that cannot be read, is dated now; one that is dated in
    the future is left as it is.
    """
    if stored_id is None or _UUID4.fullmatch(stored_id) is None:
        return Identity(draw(), format_moment(now))
    since = parse_moment(stored_date)
    if since is None or stored_date is None:
        return Identity(stored_id, format_moment(now))
    if now - since >= _ROTATED_AFTER_SECS:
        return Identity(draw(), format_moment(now))
    return Identity(stored_id, stored_date)
