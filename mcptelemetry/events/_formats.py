"""
The formats in which events travel: one row each.

That of OpenTelemetry is loaded when somebody uses it.
"""

from __future__ import annotations

import json

from ..vocabulary import FormatWord
from ..wire import EMPTY_BATCH, EventEncoder, wrap_events
from ._format import Format, RowEncoder

__all__ = ["format_of"]


def format_of(word: FormatWord) -> Format:
    """Return the format that *word* names."""
    if word == "otlp":
        from ._otlp_format import OTLP

        return OTLP
    return _JSON if word == "json" else _JSONL


def _build_event_encoder(_network_transport: str | None) -> RowEncoder:
    return EventEncoder()


def _wrap_lines(texts: list[str], *, app: str | None, version: str | None) -> bytes:  # noqa: ARG001  a line is an event
    return ("\n".join(texts) + "\n").encode("ascii")


def _count_rejected(answer: bytes) -> int | None:
    """Return how many events a collector of ours names in its *answer* as not taken."""
    if b'"rejected"' not in answer:  # nearly always
        return None
    try:
        document = json.loads(answer)
        rejected, count = document.get("rejected"), document.get("rejected_count")
    except (ValueError, AttributeError, RecursionError):  # somebody else's answer
        return None
    if not rejected or not isinstance(rejected, list):
        return None
    # Of many only the first are named, and all are counted.
    return max(len(rejected), count) if type(count) is int else len(rejected)


def _count_none(_answer: bytes) -> None:
    return None


_JSON = Format(_build_event_encoder, wrap_events, EMPTY_BATCH, _count_rejected, is_plain=True, stores_once=True)
# A file of lines takes an empty body; a line of its own would stay there.
_JSONL = Format(_build_event_encoder, _wrap_lines, b"", _count_none, is_plain=True)
