"""
Who waits in `flush()`: how the worker is asked, and how it answers.

No lock: each change of the list is one step of the interpreter. Whoever asks stays on it
until there is an answer, for the worker may be killed in the middle of its turn.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import UploadError
from ..system import SystemClock, WakeEvent, Worker
from ._buffer import TelemetryBuffer

__all__ = ["Flush", "Flushes"]

_LOOK_AGAIN_SECS = 0.5  # a flush whose worker was killed notices after this


class Flush:
    """Somebody waiting in `flush()`; *error* is why not everything went."""

    def __init__(self) -> None:
        self.wake_event = WakeEvent()
        self.is_done = False
        self.error: UploadError | None = None

    def end(self, error: UploadError | None = None) -> None:
        """Let whoever waits go on."""
        self.error = error
        self.is_done = True
        self.wake_event.set()


class Flushes:
    """Those who wait, in order, for the *worker* that *buffer* wakes. Of one process; safe from any thread."""

    def __init__(self, buffer: TelemetryBuffer, worker: Worker) -> None:
        self._buffer = buffer
        self._worker = worker
        self._waiting: dict[Flush, None] = {}

    def ask(self, timeout: float | None) -> None:
        """Have everything sent, and wait; raise `UploadError` when that was not done within *timeout* seconds."""
        flush = Flush()
        try:
            self._waiting[flush] = None
            has_worker = self._await(flush, timeout)
        finally:
            self._forget((flush,))
        if not flush.is_done:
            reason = f"was not over after {timeout} s" if has_worker else "could not start a thread"
            msg = f"the flush {reason}; what waits is kept, and an attempt is made later"
            raise UploadError(msg, retryable=True)
        if flush.error is not None:
            raise flush.error

    def waiting(self) -> list[Flush]:
        """Return those who wait now; they go on doing so until they are answered."""
        return list(self._waiting)

    def answer(self, flushes: list[Flush], error: UploadError | None) -> None:
        """Let *flushes* go on: everything went, or *error* says why not."""
        for flush in flushes:
            flush.end(error)
        self._forget(flushes)

    def end(self) -> None:
        """Let everybody go on: nothing more will be sent."""
        for flush in self.waiting():
            flush.end(flush.error)

    def _await(self, flush: Flush, timeout: float | None) -> bool:
        """Wait for *flush*; return False when there is nobody to wait for."""
        # Somebody waits here, so it is the machine's time, whatever clock was given.
        read_time = SystemClock.monotonic
        ends_at = None if timeout is None else read_time() + timeout
        while not flush.is_done:
            if not self._worker.ensure_running():
                return False
            self._buffer.wake()
            left = _LOOK_AGAIN_SECS if ends_at is None else min(_LOOK_AGAIN_SECS, ends_at - read_time())
            if left <= 0:
                break
            flush.wake_event.wait(left)
        return True

    def _forget(self, flushes: Iterable[Flush]) -> None:
        for flush in flushes:
            self._waiting.pop(flush, None)
