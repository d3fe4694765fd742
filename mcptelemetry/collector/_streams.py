"""
An answer on its way: whole, or piece by piece while it is made.

Once the first piece is sent the status cannot be taken back. What goes wrong after it is said
where the page has come to, and in the log.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

__all__ = ["Stream"]

_log = logging.getLogger(__name__)
_CUT_SHORT = '<p class="trouble" role="alert">The rest of this page could not be made; the log of the collector says why.</p>'


class Stream:
    """
    The bytes of *pieces*, for the server that sends them and, when the reader has gone, closes them.

    The first piece is made at once; what goes wrong in it is raised.
    """

    def __init__(self, pieces: Iterator[str]) -> None:
        self._pieces = pieces
        self._first = next(pieces, "")

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        first, self._first = self._first, ""
        try:
            piece = first or next(self._pieces)
            while not piece:  # to some servers a piece of nothing is the end
                piece = next(self._pieces)
            return piece.encode()
        except StopIteration:
            raise
        except Exception:  # noqa: BLE001  half a page that says so is better than one that seems whole
            _log.exception("a page of the collector failed in the middle")
            self.close()
            return _CUT_SHORT.encode()

    def close(self) -> None:
        """Make no more of it."""
        close = getattr(self._pieces, "close", None)
        if close is not None:
            close()
