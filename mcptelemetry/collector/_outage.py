"""Whether the store can be used, as far as the last request knew: said in one line when that ends, and in one when it begins anew."""

from __future__ import annotations

import logging

from ..system import printable
from .stores import StoreError

__all__ = ["Outage"]

_log = logging.getLogger(__name__)


class Outage:
    """
    Tells the log of an outage, once.

    Safe between threads without a lock: two that see an outage begin may both report it, and
    that is the worst.
    """

    def __init__(self) -> None:
        self._is_known = False

    def note(self, error: StoreError) -> None:
        """Note that the store could not be used."""
        if not self._is_known:
            self._is_known = True
            _log.warning("the collector's store cannot be used: %s", printable(str(error)))

    def end(self) -> None:
        """Note that a document was stored."""
        if self._is_known:
            self._is_known = False
            _log.warning("the collector's store can be used again")
