"""
Large bodies take turns: what is parsed is ten times as large in memory as on the wire.

Python parses one body at a time whatever the number of threads, so nothing is lost when others
wait before their memory is taken and not in the middle. The largest are few at any time: each
beyond is asked to come again, which leaves threads for those who send little.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from ._limits import SMALL_BYTES_MAX
from ._requests import Refusal

__all__ = ["LargeBodies"]

_Read = TypeVar("_Read")

# A thousand events and more; who sends so much at once has a spare second.
_HUGE_BYTES_MIN = 256 * 1024
_HUGE_AT_ONCE_MAX = 2
_RETRY_AFTER_SECS = 1


class LargeBodies:
    """Who may hold and parse a large body now; safe between threads, and after a fork: the child begins anew."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._reading = threading.Lock()
        self._lock = threading.Lock()
        self._huge_count = 0  # guarded by _lock

    def one_at_a_time(self, body: bytes, read: Callable[[bytes], _Read]) -> _Read:
        """Return what *read* makes of *body*."""
        if len(body) <= SMALL_BYTES_MAX:
            return read(body)
        with self._reading:
            return read(body)

    @contextmanager
    def holding(self, length: int) -> Iterator[None]:
        """Hold a body of *length* bytes from before it is read to the answer; raise `Refusal` when there are too many."""
        if length < _HUGE_BYTES_MIN:
            yield
            return
        if self._process != os.getpid():
            self._begin()
        with self._lock:
            is_admitted = self._huge_count < _HUGE_AT_ONCE_MAX
            self._huge_count += is_admitted
        if not is_admitted:
            wait = (("Retry-After", str(_RETRY_AFTER_SECS)),)
            raise Refusal(503, "too many large bodies at once; try again later, or send less at once", wait, reason="busy")
        try:
            yield
        finally:
            with self._lock:
                self._huge_count -= 1
