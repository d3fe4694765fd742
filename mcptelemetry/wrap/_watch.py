"""
Looking at the conversation, later and in a thread of its own.

Whoever carries the bytes hands over what it read, in the order of cause, and goes on. Here it
is looked at a moment later, many pieces at a time, so that a quick exchange of short messages
is not slowed by it; what has to be loaded to record calls is loaded here too, while the
conversation runs already. Memory is bounded: who carries waits for a watcher that works, and
goes past one that is stuck, and then the lines in between are lost to us and to nobody else.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Optional, Protocol

from ._lines import Block, LineCutter

if TYPE_CHECKING:
    from ._conversation import Conversation

__all__ = ["Recording", "Watch"]

_GATHER_SECS = 0.02
_WAITING_LIMIT_BYTES = 8 * 1024 * 1024
_PAUSE_SECS = 0.001
_PATIENCE_PAUSES = 500

# `Optional`, because an alias is evaluated when the module is loaded (Python 3.9).
_Handed = tuple[Optional[Block], bool, float]
"""Lines, whether the client said them, and when; no lines: the client is about to leave, or (True) has left."""


class Recording(Protocol):
    """What a session is recorded with. All of it is called by the watching thread."""

    def record(self, tool: str, **fields: object) -> object:
        """Take one finished call; see `Telemetry.record`."""

    def deliver(self) -> object:
        """Send what waits, now: the client is about to leave."""

    def close(self) -> object:
        """Send what waits and end."""


class Watch:
    """
    The watching thread of one session, and what is handed to it.

    *open_recording* is called in that thread; when it returns None, or raises, nobody looks and
    nothing is kept. *say* takes a line for a person when something of this cannot be had. All
    methods but `turn` are for the one thread that carries.
    """

    def __init__(
        self,
        open_recording: Callable[[], Recording | None],
        *,
        say: Callable[[str], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open_recording = open_recording
        self._say = say
        self._clock = clock
        self._recording: Recording | None = None
        self._conversation: Conversation | None = None
        self._cutters = {True: LineCutter(), False: LineCutter()}  # by whether the client said it
        self._waiting: deque[_Handed] = deque()
        self._handed_bytes = 0  # of all time; written by who carries, alone
        self._seen_bytes = 0  # likewise, by who watches
        self._is_blind = False
        self._is_passing = False  # whether pieces go past a watcher that is stuck
        self._is_leaving = False
        self._is_idle = False
        self._bell = threading.Lock()
        self._bell.acquire()
        self._thread = threading.Thread(target=self._run, name="mcptelemetry-wrap-watch", daemon=True)

    # -- for the thread that carries ----------------------------------------------------------

    def start(self) -> None:
        """Begin to look, if there is a thread to be had."""
        try:
            self._thread.start()
        except RuntimeError as error:
            self._is_blind = True
            self._say(f"mcptelemetry: this session is not recorded: {error}; the server runs all the same")

    def see(self, piece: bytes, *, is_client: bool) -> None:
        """Take the next *piece* of one side, ``b""`` at its end; it may wait, for a moment, when very much does."""
        if self._is_blind:
            return
        cutter = self._cutters[is_client]
        if piece and not self._has_room():
            cutter.lose()
            return
        block = cutter.feed(piece) if piece else cutter.rest()
        if block is not None:
            self._handed_bytes += block.size_bytes
            self._waiting.append((block, is_client, self._clock()))
            if self._is_idle:
                self._ring()

    def hurry(self) -> None:
        """Have everything looked at and delivered now, and all that comes later at once: the client is leaving."""
        self._mark(is_end=False)

    def finish(self, timeout: float) -> bool:
        """End the session, and wait at most *timeout* seconds until it has been looked at and delivered; return whether it has."""
        self._mark(is_end=True)
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _mark(self, *, is_end: bool) -> None:
        if not self._is_blind:
            self._waiting.append((None, is_end, self._clock()))
            self._ring()

    def _has_room(self) -> bool:
        """Return whether another piece may wait, having waited for who watches if there is hope."""
        if self._handed_bytes - self._seen_bytes < _WAITING_LIMIT_BYTES:
            self._is_passing = False
            return True
        self._ring()
        last_seen, patience = self._seen_bytes, 0 if self._is_passing else _PATIENCE_PAUSES
        while patience > 0 and self._handed_bytes - self._seen_bytes >= _WAITING_LIMIT_BYTES:
            time.sleep(_PAUSE_SECS)
            patience = patience - 1 if self._seen_bytes == last_seen else _PATIENCE_PAUSES
            last_seen = self._seen_bytes
        self._is_passing = patience <= 0
        return not self._is_passing

    def _ring(self) -> None:
        with contextlib.suppress(RuntimeError):  # it rings already
            self._bell.release()

    # -- for the thread that watches ----------------------------------------------------------

    def _run(self) -> None:
        try:
            self._recording = self._open_recording()
        except Exception as error:  # noqa: BLE001  whatever is wrong with telemetry, the server runs
            self._say(f"mcptelemetry: this session is not recorded: {type(error).__name__}: {error}")
        if self._recording is None:
            self._is_blind = True
            self._waiting.clear()
            return
        with contextlib.suppress(Exception):
            while self.turn():
                pass
        self._is_blind = True
        with contextlib.suppress(Exception):
            self._recording.close()

    def turn(self) -> bool:
        """Wait until something was handed over, and look at it; return whether there can be more."""
        from ._conversation import Conversation  # who carries does not wait for what reading needs

        recording = self._recording
        if recording is None:
            return False
        if self._conversation is None:
            self._conversation = Conversation(recording.record)
        self._wait()
        while self._waiting:
            block, is_client_or_end, at = self._waiting.popleft()
            if block is not None:
                self._look(self._conversation, block, at, is_client=is_client_or_end)
                self._seen_bytes += block.size_bytes
                continue
            if is_client_or_end:
                self._conversation.finish(at)
                return False
            self._is_leaving = True
        if self._is_leaving:
            with contextlib.suppress(Exception):
                recording.deliver()
        return True

    def _wait(self) -> None:
        self._is_idle = True
        if not self._waiting:
            self._bell.acquire()
        self._is_idle = False
        if not self._is_leaving:
            self._bell.acquire(timeout=_GATHER_SECS)

    def _look(self, conversation: Conversation, block: Block, at: float, *, is_client: bool) -> None:
        look = conversation.client_line if is_client else conversation.server_line
        # Out of memory, a defect of ours: whatever it is, the next line is looked at.
        with contextlib.suppress(Exception):
            for line in block.lines():
                look(line, at)
