"""What became of what was sent, in one line a stream and endpoint: for `status` and for `sent`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..status import DeliveryStatus

__all__ = ["describe_delivery", "stream_name"]

_NAMES = {
    "heartbeat": "heartbeats",
    "feedback": "feedback",
    "author_events": "the author's events",
    "operator_events": "the operator's events",
}


def stream_name(stream: str) -> str:
    """Return what a person calls *stream*."""
    return _NAMES.get(stream, stream)


def describe_delivery(totals: DeliveryStatus) -> str:
    """Return *totals* as a line for a person."""
    numbers = f"{totals['delivered']} delivered, {totals['lost']} lost, {totals['rejected']} rejected"
    parts = [f"{numbers} to {totals['endpoint']} since {totals['since']}"]
    if totals["last_success_at"] is not None:
        parts.append(f"last success {totals['last_success_at']}")
    if totals["last_error"] is not None:
        parts.append(f"last error {totals['last_error_at'] or ''}: {totals['last_error']}")
    return "; ".join(parts)
