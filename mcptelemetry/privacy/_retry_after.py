"""
How long an endpoint asks to be left alone.

`Retry-After` is seconds or a date; anything else, and anything absurd, counts as not said
or as a day at most, so that one wrong header cannot silence a process for good.
"""

from __future__ import annotations

__all__ = ["parse_retry_after"]

_MAX_SECS = 86_400.0


def parse_retry_after(text: str | None, *, now: float) -> float | None:
    """
    Return the seconds from *now* (Unix) that a ``Retry-After`` header asks for.

    None when there is no header or it cannot be read; never negative, at most a day.
    """
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), _MAX_SECS)
    from email.utils import parsedate_to_datetime  # noqa: PLC0415  rarely needed, and slow to load

    try:
        moment = parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return min(max(0.0, moment - now), _MAX_SECS)
