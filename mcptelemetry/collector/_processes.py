"""
Several processes that answer on one socket: each is a whole collector, on the one store.

The parent only looks after them: it starts one anew that ended, and ends them all. It has no
thread when it forks, so nothing that a thread held is copied.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

__all__ = ["Processes"]

_PAUSE_SECS = 0.01


class Processes:
    """*count* children that each run *work*, which returns their exit status; used by one thread."""

    def __init__(self, work: Callable[[], int], count: int) -> None:
        self._work = work
        self._count = count
        self._children: set[int] = set()
        self.look()

    def look(self) -> list[int]:
        """Start as many as are missing; return the exit codes of those that had ended."""
        ended = self._reap()
        while len(self._children) < self._count:
            child = os.fork()
            if child == 0:
                self._run()
            self._children.add(child)
        return ended

    def stop(self, timeout: float) -> None:
        """End all; those that need longer than *timeout* seconds are killed."""
        self._tell(signal.SIGTERM)
        deadline = time.monotonic() + timeout
        while self._children and time.monotonic() < deadline:
            self._reap()
            time.sleep(_PAUSE_SECS)
        self._tell(signal.SIGKILL)
        while self._children:
            self._reap()
            time.sleep(_PAUSE_SECS)

    def _run(self) -> NoReturn:
        status = 1
        try:
            status = self._work()
        finally:
            # Not the parent's way to end: its handlers and its files are the parent's.
            os._exit(status)

    def _reap(self) -> list[int]:
        ended = []
        for child in list(self._children):
            found, status = os.waitpid(child, os.WNOHANG)
            if found:
                self._children.discard(child)
                # As a shell says it, in what Python 3.8 and later have alike.
                ended.append(os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status))
        return ended

    def _tell(self, number: int) -> None:
        for child in self._children:
            with suppress(ProcessLookupError):
                os.kill(child, number)
