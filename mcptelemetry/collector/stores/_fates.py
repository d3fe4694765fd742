"""What becomes of documents, in the words of every store's tallies, and the health that follows from their counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ._answers import Health
from ._definitions import count_given_up

__all__ = ["DUPLICATE", "STORED", "build_health"]

STORED, DUPLICATE = "stored", "duplicate"


def build_health(last: Mapping[str, int], counts: Iterable[tuple[str, str, int]]) -> Health:
    """Return the health of streams that *last* received so, from *counts* of a stream and a fate in the period."""
    stored: dict[str, int] = {}
    refused: dict[str, int] = {}
    duplicates = 0
    for stream, fate, count in counts:
        if fate == STORED:
            stored[stream] = count
        elif fate == DUPLICATE:
            duplicates += count
        elif count:
            refused[f"{stream}: {fate}"] = count
    return Health(
        last.get("events"),
        last.get("heartbeats"),
        last.get("feedback"),
        stored.get("events", 0),
        stored.get("heartbeats", 0),
        stored.get("feedback", 0),
        duplicates,
        refused,
        count_given_up(refused),
    )
