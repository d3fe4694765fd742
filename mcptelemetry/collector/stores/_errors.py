"""The one error of every store."""

from __future__ import annotations

from ...errors import TelemetryError

__all__ = ["StoreError"]


class StoreError(TelemetryError):
    """
    The collector's database cannot be opened, read or written.

    Raised at construction for a place that cannot hold a database, later when it is locked,
    damaged, read-only, gone or its disk full. The message names the place and the mend, and
    never a password.
    """
