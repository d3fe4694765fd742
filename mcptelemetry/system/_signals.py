"""
Signals, only for a host that asks for it.

A handler flushes within its bound and then does what would have happened without it: the
handler that was there before runs, or the signal's default takes its course.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

__all__ = ["SignalChain"]


class SignalChain:
    """
    Calls *on_signal* when SIGTERM or SIGINT comes, then whoever held the signal before.

    Install from the main thread only; elsewhere the interpreter raises `ValueError`. A
    signal that was ignored stays ignored, and one that is held by a handler which is not
    Python's, and so could not be called, is left to it.
    """

    def __init__(self, on_signal: Callable[[], None]) -> None:
        self._on_signal = on_signal
        self._before: dict[int, Any] = {}

    def install(self) -> None:
        """Put the handlers in place, once."""
        for number in (signal.SIGTERM, signal.SIGINT):
            held = signal.getsignal(number)
            if number not in self._before and held not in (signal.SIG_IGN, None):
                self._before[number] = held
                signal.signal(number, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._on_signal()
        before = self._before.get(number)
        if callable(before):
            before(number, frame)
            return
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
