"""A moment for a person, as far as it can be put into words now."""

from __future__ import annotations

import contextlib

from ..state import format_moment

__all__ = ["moment_text"]


def moment_text(secs: float | None) -> str | None:
    """Return Unix *secs* as RFC 3339, None for None, and where the calendar cannot be loaded."""
    if secs is not None:
        with contextlib.suppress(OSError):  # not one descriptor is free
            return format_moment(secs)
    return None
