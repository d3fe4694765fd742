"""
Whether the application starts at login, as its tray has written it down.

An answer is kept for an hour, but the absence of one never is: the process may have come
up a moment before the tray wrote its file.
"""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Callable

from ._probes import current_os_name

__all__ = ["AutostartReader"]

_KEPT_SECS = 3600.0
_LARGEST_BYTES = 64 * 1024


class AutostartReader:
    """
    Reads the tray's `{"enabled": bool, "updated_at": str}` at *path*.

    *clock* gives Unix seconds. *os_name* is the system's word (default: this system's); on
    Linux there is no tray and the disk is never touched. Safe from any thread.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        clock: Callable[[], float] = time.time,
        os_name: str | None = None,
    ) -> None:
        self._path = os.fspath(path)
        self._clock = clock
        self._os_name = current_os_name() if os_name is None else os_name
        self._kept: tuple[float, bool | None] | None = None  # (read at, answer)

    def read(self) -> bool | None:
        """
        Return True or False as the tray wrote it, None when nothing is known.

        A missing or unreadable file is asked again at the next call; every other answer, a
        malformed file's None included, holds for one hour. Nothing is raised.
        """
        if self._os_name == "linux":
            return None
        now = self._clock()
        kept = self._kept
        # A clock that was set back must not prolong an answer's life.
        if kept is not None and 0 <= now - kept[0] < _KEPT_SECS:
            return kept[1]
        try:
            content = _read_small_file(self._path)
        except (OSError, ValueError):  # ValueError: a path that no file system can hold
            return None
        answer = _parse(content)
        self._kept = (now, answer)
        return answer


def _read_small_file(path: str) -> bytes:
    """Return the content of *path*; `OSError` when there is no regular file to be read."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        # Opening a pipe would wait for somebody to write into it.
        msg = "not a regular file"
        raise OSError(msg)
    with open(path, "rb") as file:
        return file.read(_LARGEST_BYTES + 1)


def _parse(content: bytes) -> bool | None:
    """Return the answer in *content*, None when it is malformed."""
    if len(content) > _LARGEST_BYTES:
        return None
    try:
        document = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    enabled = document.get("enabled") if isinstance(document, dict) else None
    return enabled if isinstance(enabled, bool) else None
