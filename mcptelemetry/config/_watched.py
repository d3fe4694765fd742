"""
A file that is asked about often and seldom changes.

The switches look before every transmission. What was read is kept for as long as the file
is provably the same one, never for a span of time: a no that was written a moment ago
must already count.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

from ..errors import ConfigError
from ..system import FileStamp, stamp_of
from ._document import BrokenFile

__all__ = ["WatchedFile"]

_Value = TypeVar("_Value")

# Time stamps are coarse: two seconds on some file systems, a clock tick on all. A file that
# changed this recently may change again without looking any different.
_FRESH_SECS = 3.0


class WatchedFile(Generic[_Value]):
    """
    What *read* makes of the file at *path*, read again whenever the file is another one.

    Safe from any thread: what is kept is one tuple, replaced in one step, and two threads
    at once at worst read the same file twice.
    """

    def __init__(
        self, path: str, read: Callable[[str], _Value], *, clock: Callable[[], float] = time.time
    ) -> None:
        self.path = path
        self._read = read
        self._clock = clock
        self._kept: tuple[FileStamp | None, _Value | ConfigError] | None = None

    def look(self) -> _Value | ConfigError:
        """Return what the file says now, or the error that says why that cannot be known."""
        try:
            stamp = stamp_of(self.path) if self.path else None
        except (OSError, ValueError):
            return self._judge()  # which says what is wrong, in words
        kept = self._kept
        if kept is not None and kept[0] == stamp:
            return kept[1]
        # The stamp was taken before the reading: a change in between shows the next time.
        value = self._judge()
        is_fresh = stamp is not None and abs(self._clock() - stamp[0] / 1e9) <= _FRESH_SECS
        # What stands in the file itself is as lasting as the file, and a broken one is not parsed
        # again before it changes, however young: if that goes unseen, it stays a no. Running out
        # of descriptors, say, passes without a trace in the file.
        if isinstance(value, BrokenFile) or not (is_fresh or isinstance(value, ConfigError)):
            self._kept = (stamp, value)
        return value

    def _judge(self) -> _Value | ConfigError:
        try:
            return self._read(self.path)
        except ConfigError as error:
            # A value from here on; its traceback would keep these frames alive.
            return error.with_traceback(None)
