"""
What a worker's thread says of its own doings, told from what the host does in that thread.

The host's hooks and log handlers see our requests and lines too; recording those would come
round for ever. But a destructor may run in any thread, ours too, and what it records is the
host's and counts.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

__all__ = ["OwnTraffic"]


class OwnTraffic:
    """Knows which thread is at our own traffic, if any; set by that thread, asked by every other."""

    def __init__(self) -> None:
        self._thread_ident = 0
        self._is_collecting = False
        # PyPy tells of no collection; a destructor is known there by its name alone.
        self._callbacks: list[Callable[[str, dict[str, int]], Any]] = getattr(gc, "callbacks", [])

    def suppress(self, thread_ident: int) -> None:
        """Take what the thread *thread_ident* records from now on for ours; 0 ends it."""
        self._thread_ident = thread_ident
        self._is_collecting = False
        is_noticed = self._notice_collection in self._callbacks
        if thread_ident and not is_noticed:
            self._callbacks.append(self._notice_collection)
        elif is_noticed and not thread_ident:
            self._callbacks.remove(self._notice_collection)

    def is_it(self) -> bool:
        """Return whether whoever asks is our thread at its own traffic, and no destructor in it."""
        if threading.get_ident() != self._thread_ident or self._is_collecting:
            return False
        frame: FrameType | None = sys._getframe(1)  # the only way to see who is calling
        while frame is not None:
            if frame.f_code.co_name == "__del__":
                return False
            frame = frame.f_back
        return True

    def _notice_collection(self, phase: str, _details: dict[str, int]) -> None:
        if self._thread_ident == threading.get_ident():
            self._is_collecting = phase == "start"
