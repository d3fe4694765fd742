"""
OTLP/HTTP JSON as a format of events: spans, and an endpoint that has its own rules.

Most servers' troubles are final to it, and what it did not take of a batch that it answered well
must not be sent again.
"""

from __future__ import annotations

import json
from typing import Any

from ..wire import EMPTY_TRACES, SpanEncoder, wrap_spans
from ._format import Format

__all__ = ["OTLP", "count_rejected_points"]

_RETRIED = (502, 503, 504)  # beside 429, and what somebody has to mend first
_GIVEN_UP = frozenset((408, 425, *range(500, 600))).difference(_RETRIED)


def _count_rejected_spans(answer: bytes) -> int | None:
    return _count_rejected(answer, "rejectedSpans", "rejected_spans")


def count_rejected_points(answer: bytes) -> int | None:
    """Return how many points of metrics the *answer* says were not taken, as `Format.count_rejected` does."""
    return _count_rejected(answer, "rejectedDataPoints", "rejected_data_points")


def _count_rejected(answer: bytes, *keys: str) -> int | None:
    """Return the number under one of *keys*; what is no such answer says nothing."""
    if b"artial" not in answer:  # nearly always
        return None
    try:
        document: Any = json.loads(answer)
        partial = document.get("partialSuccess") or document.get("partial_success")
        if not partial:
            return None
        count = int(next(filter(None, map(partial.get, keys)), 0))
        says = partial.get("errorMessage") or partial.get("error_message")
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return None
    return max(0, count) if count > 0 or says else None


OTLP = Format(SpanEncoder, wrap_spans, EMPTY_TRACES, _count_rejected_spans, compression="gzip", given_up=_GIVEN_UP)
"""The row of the table."""
