"""
How long an endpoint asks to be left alone.

`Retry-After` is seconds or a date; anything else, and anything absurd, counts as not said
or as a day at most, so that one wrong header cannot silence a process for good.
"""

from __future__ import annotations

from ..vocabulary import DAY_SECS

__all__ = ["parse_retry_after"]


def parse_retry_after(text: str | None, *, now: float) -> float | None:
    """
    Return the seconds from *now* (Unix) that a ``Retry-After`` header asks for.

    None when there is no header or it cannot be read; never negative, at most a day.
    """
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(float(text.lstrip("0")[:9] or 0), DAY_SECS)
    # Rarely needed, and slow to load.
    from datetime import timezone
    from email.utils import parsedate_to_datetime

    try:
        date = parsedate_to_datetime(text)
        if date.tzinfo is None:
            date = date.replace(tzinfo=timezone.utc)  # HTTP knows no local time
        moment = date.timestamp()
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return min(max(0.0, moment - now), DAY_SECS)
