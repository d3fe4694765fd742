"""
What a store is asked with: which documents, of which period.

A period begins and ends at a full hour, which lets a store answer from sums.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Optional

from ...vocabulary import DAY_SECS as DAY

__all__ = [
    "AUTOMATION",
    "DAY_SECS",
    "HOUR_SECS",
    "PEOPLE",
    "ROWS_MAX",
    "SPANS_MAX",
    "TRENDS_MAX",
    "TREND_TOOLS",
    "UNNAMED",
    "WEEK_SECS",
    "Filter",
]

HOUR_SECS = 3600
DAY_SECS = int(DAY)
WEEK_SECS = 7 * DAY_SECS

ROWS_MAX = 1000
"""A list of names ends after so many: a stranger may invent any number of them."""

SPANS_MAX = 10_000
"""Of times, the latest so many are told: a year of hours, and no more for whoever's clock is wild."""

TREND_TOOLS = 50
"""Of the most called tools, so many are followed through time."""

TRENDS_MAX = 20_000
"""Of times by name, the latest so many are told: fifty tools and every day of a year."""

UNNAMED = "unknown"
"""What goes without an application, version, client, error type or env kind counts under this."""

PEOPLE = ("interactive", "cloud_ide")
"""The kinds of environment in which a person sits in front."""
AUTOMATION = ("ci", "container", "headless")
"""Those in which none does; `unknown` is neither."""


@dataclass(frozen=True)
class Filter:
    """
    Which documents a question is about; None lets all pass.

    *app* and *version* go for all streams; *client* and *tool* for events only, *env_kinds* for
    heartbeats only. The period is from *since* up to, not including, *until*: by
    `timestamp_secs` for events, by the moment of receipt for heartbeats and feedback. Raises
    `ValueError` for a period that does not begin and end at a full hour.
    """

    app: Optional[str] = None
    version: Optional[str] = None
    client: Optional[str] = None
    tool: Optional[str] = None
    env_kinds: Optional[tuple[str, ...]] = None
    since: Optional[int] = None
    until: Optional[int] = None

    def __post_init__(self) -> None:
        for name, moment in (("since", self.since), ("until", self.until)):
            if moment is not None and moment % HOUR_SECS:
                msg = f"{name}={moment!r} is no full hour; give a multiple of {HOUR_SECS}"
                raise ValueError(msg)
        if self.since is not None and self.until is not None and self.since >= self.until:
            msg = f"the period ends (until={self.until}) before it has begun (since={self.since})"
            raise ValueError(msg)

    def about(self, tool: str) -> Filter:
        """Return the same for calls of *tool*."""
        return replace(self, tool=tool)

    def before(self) -> Filter | None:
        """Return the same for the period of the same length before; None when the period is open."""
        if self.since is None or self.until is None:
            return None
        return replace(self, since=2 * self.since - self.until, until=self.since)
