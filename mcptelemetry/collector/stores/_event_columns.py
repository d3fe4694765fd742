"""
A batch as a reader of bodies hands it over: in columns, one list a field.

Senders of ours write a thousand events that differ in four numbers. As columns they go from the
body to the database without an object made for each; whoever wants the events gets them still.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ...wire import EventShape, TelemetryBatch, TelemetryEvent, checked_event
from ._event_ids import join_id

__all__ = ["ColumnBatch", "EventColumns"]


class EventColumns(NamedTuple):
    """Of each event: which of *shapes* it has, and the rest; its id is a process's digits and a number in it."""

    shapes: Sequence[EventShape]
    places: Sequence[int]
    latencies_ms: Sequence[int]
    moments: Sequence[int]
    processes: Sequence[str]
    numbers: Sequence[int]


class ColumnBatch(TelemetryBatch):
    """A batch of *columns*; its events are made when they are asked for."""

    __slots__ = ("columns",)

    columns: EventColumns

    def __init__(self, columns: EventColumns, app: str | None, version: str | None) -> None:
        self.columns = columns
        self.app = app
        self.version = version

    def __len__(self) -> int:
        return len(self.columns.places)

    @property
    def events(self) -> tuple[TelemetryEvent, ...]:  # type: ignore[override]  # made late
        """The events themselves."""
        shapes, *columns = self.columns
        return tuple(
            checked_event(shapes[place], latency_ms, moment, join_id(process, number))
            for place, latency_ms, moment, process, number in zip(*columns)
        )
