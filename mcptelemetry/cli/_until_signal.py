"""
A process's own main thread, waiting until it is told to end.

A socket is waited on and not an event: a signal's handler may not take a lock that the code
it interrupts holds.
"""

from __future__ import annotations

import signal
import socket
from contextlib import suppress
from types import TracebackType

__all__ = ["UntilSignal"]

# A closed terminal says SIGHUP, which is an end like the others.
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class UntilSignal:
    """Catches the signals that end a process, from the moment it is entered; used by the main thread."""

    def __enter__(self) -> UntilSignal:
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        # What whoever started this had ignored stays so: `nohup` means it.
        caught = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        self._previous = {number: signal.signal(number, self._note) for number in caught}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._reader.close()
        self._writer.close()

    def wait(self, timeout_secs: float | None) -> bool:
        """Return whether a signal has come, now or before, within *timeout_secs* (None: however long it takes)."""
        self._reader.settimeout(None if timeout_secs is None else max(0.001, timeout_secs))
        try:
            return bool(self._reader.recv(1))
        except socket.timeout:  # TimeoutError itself from Python 3.10 on
            return False

    def _note(self, _number: int, _frame: object) -> None:
        with suppress(OSError):  # full: it has been told often enough
            self._writer.send(b"x")
