"""
What the address of the page asks for, and the addresses of everything that can be asked next.

All of it stands in the address: a page can be sent to somebody, kept, and gone back to. A
period of days begins at midnight, so that ``report --since DATE`` tells the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from .._asked import parse_filter
from ..stores import DAY_SECS, HOUR_SECS, Filter

__all__ = ["FIELDS", "PERIODS", "PageQuery", "read_query"]

PERIODS: Mapping[str, str] = {"24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days", "365d": "Year"}
"""The periods that stand on the page, by the word in the address."""

_DEFAULTS = {"period": "30d", "env_kind": "people"}
_WORDS = ("app", "version", "client", "tool", "env_kind")
FIELDS: tuple[str, ...] = ("period", "since", "until", *_WORDS, "show")
"""The fields of an address that the page knows."""


@dataclass(frozen=True)
class PageQuery:
    """
    What one look at the page asks for.

    *fields* are those of the address that say something else than usual, in the order of `FIELDS`;
    *period* is one of `PERIODS`, or None for a range; *now* is Unix seconds.
    """

    asked: Filter
    fields: tuple[tuple[str, str], ...]
    period: str | None
    now: int

    def value(self, name: str) -> str:
        """Return what the field *name* says; nothing when it says nothing."""
        return dict(self.fields).get(name, _DEFAULTS.get(name, ""))

    def link(self, path: str = "/", **changes: str | None) -> str:
        """Return the address of *path* with this query, but for *changes*; None takes a field away."""
        fields = {**dict(self.fields), **changes}
        if changes.get("period") is not None:
            fields.update(since=None, until=None)
        known = [(name, fields.get(name)) for name in FIELDS]
        text = urlencode([pair for pair in known if pair[1] and pair[1] != _DEFAULTS.get(pair[0])], errors="replace")
        return f"{path}?{text}" if text else path


def read_query(fields: Sequence[tuple[str, str]], now: float) -> PageQuery:
    """
    Return what *fields* ask for; the first of a name counts, an empty one is none, others are let be.

    Raises `ValueError` saying what can be given.
    """
    said: dict[str, str] = {}
    for name, value in fields:
        if name in FIELDS and value and name not in said:
            said[name] = value
    words = {name: said.get(name) for name in _WORDS}
    since, until = said.get("since"), said.get("until")
    period = None if since or until else said.get("period", _DEFAULTS["period"])
    if period is None:
        asked = parse_filter(now=now, since=since, until=until, **words)
        said.pop("period", None)
    else:
        begin, end = _period(period, now)
        asked = parse_filter(now=now, **words)
        asked = Filter(**{**vars(asked), "since": begin, "until": end})
    kept = [(name, said[name]) for name in FIELDS if name in said and said[name] != _DEFAULTS.get(name)]
    return PageQuery(asked, tuple(kept), period, int(now))


def _period(word: str, now: float) -> tuple[int, int]:
    """Return where the period called *word* begins and ends: at the coming full hour."""
    if word not in PERIODS:
        msg = f"period={word!r} is not known; give one of {', '.join(PERIODS)}, or since and until"
        raise ValueError(msg)
    end = int(-(-now // HOUR_SECS) * HOUR_SECS)
    if word.endswith("h"):
        return end - int(word[:-1]) * HOUR_SECS, end
    today = int(now // DAY_SECS * DAY_SECS)
    return today - (int(word[:-1]) - 1) * DAY_SECS, end
