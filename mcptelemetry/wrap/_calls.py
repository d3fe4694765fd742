"""
The tool calls that have begun and not yet ended.

One logical call may wait in several places one after the other: for the answer to a
request, for the client's further input, for a task. A *seat* names such a place; a call
sits in exactly one, and whoever sat down first at a seat is served first.
"""

from __future__ import annotations

from collections import deque
from typing import Optional, Union

__all__ = ["OpenCall", "OpenCalls", "Seat"]

# `Union`, because an alias is evaluated when the module is loaded (Python 3.9).
Seat = tuple[Optional[Union[str, int, float]], ...]
"""What a call waits for: the kind of place, then what tells one such place from another."""


class OpenCall:
    """A call under way: its tool's name, when it began on the monotonic clock (seconds), and the span it belongs to."""

    __slots__ = ("began_at", "parent", "seat", "tool")

    def __init__(self, tool: str, began_at: float, seat: Seat, parent: str | None) -> None:
        self.tool = tool
        self.began_at = began_at
        self.seat = seat
        self.parent = parent


class OpenCalls:
    """
    The open calls, found by seat or by age.

    Bounded by its user, who ends the `oldest` when there are too many. Not safe for use by
    two threads at once.
    """

    def __init__(self) -> None:
        self._by_age: dict[int, OpenCall] = {}  # by identity, in the order in which they began
        self._by_seat: dict[Seat, deque[OpenCall]] = {}

    def __len__(self) -> int:
        return len(self._by_age)

    def begin(self, seat: Seat, tool: str, now: float, parent: str | None = None) -> OpenCall:
        """Add a call of *tool* that begins *now* and waits at *seat*; *parent* is as `parse_traceparent` gives it."""
        call = OpenCall(tool, now, seat, parent)
        self._by_age[id(call)] = call
        self._by_seat.setdefault(seat, deque()).append(call)
        return call

    def at(self, seat: Seat) -> OpenCall | None:
        """Return the call that has waited longest at *seat*, or None."""
        waiting = self._by_seat.get(seat)
        return waiting[0] if waiting else None

    def oldest(self) -> OpenCall | None:
        """Return the call that began first, or None."""
        return next(iter(self._by_age.values()), None)

    def move(self, call: OpenCall, seat: Seat) -> None:
        """Let *call* wait at *seat* from now on; it keeps its beginning."""
        self._leave_seat(call)
        call.seat = seat
        self._by_seat.setdefault(seat, deque()).append(call)

    def end(self, call: OpenCall) -> None:
        """Take *call* out for good."""
        self._leave_seat(call)
        del self._by_age[id(call)]

    def _leave_seat(self, call: OpenCall) -> None:
        waiting = self._by_seat[call.seat]
        waiting.remove(call)
        if not waiting:
            del self._by_seat[call.seat]
