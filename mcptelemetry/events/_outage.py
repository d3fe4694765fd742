"""
The log lines about events: one an outage, and one about calls that made none.

A dead endpoint must not fill a host's log, however often it is tried.
"""

from __future__ import annotations

import logging

from ..system import printable

__all__ = ["OutageLog"]


class OutageLog:
    """Tells each kind of trouble with *what* once, until `end()`; nothing above WARNING."""

    def __init__(self, logger: logging.Logger, *, what: str = "events") -> None:
        self._logger = logger
        self._what = what
        self._told: set[str] = set()

    def tell(self, kind: str, message: str) -> None:
        """Log *message* unless trouble of this *kind* was told since the last `end()`."""
        if kind not in self._told:
            self._told.add(kind)
            self._logger.warning("mcptelemetry: %s", printable(message))

    def tell_of_complaint(self, argument: str | None) -> None:
        """Log that *argument* of `record()` was invalid, None: nothing was; the buffer complains once."""
        if argument is not None:
            self._logger.warning(
                "mcptelemetry: a call of record() was not recorded, because %s is invalid;"
                " such calls are counted as invalid, and this is said once",
                argument,
            )

    def end(self) -> None:
        """Say that delivery works again, if it did not."""
        if self._told:
            self._told.clear()
            self._logger.info("mcptelemetry: %s are delivered again", self._what)
