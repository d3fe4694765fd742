"""
Looking at the conversation of one session, and what it is recorded with.

It happens beside the carrying, a moment later, and whatever goes wrong here harms nobody. What
reads messages is loaded here, while the conversation runs already.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Protocol

from ._lines import Block

__all__ = ["Recording", "Watch"]


class Recording(Protocol):
    """What a session is recorded with."""

    @property
    def record(self) -> Callable[..., object]:
        """What takes one finished call; see `Telemetry.record`."""

    def deliver(self) -> object:
        """Send what waits, now: the client is about to leave."""

    def close(self) -> object:
        """Send what waits and end."""


class Watch:
    """
    Who looks at a session, with the recording that *open_recording* gives; None, or an error, and nobody looks.

    *say* takes the line for a person about such an error. For one thread.
    """

    def __init__(self, open_recording: Callable[[], Recording | None], say: Callable[[str], object]) -> None:
        from ._conversation import Conversation  # who carries does not wait for what reading needs

        self._recording: Recording | None = None
        self._is_leaving = False
        try:
            self._recording = open_recording()
        except Exception as error:  # noqa: BLE001  whatever is wrong with telemetry, the server runs
            say(f"mcptelemetry: this session is not recorded: {type(error).__name__}: {error}")
        if self._recording is not None:
            self._conversation = Conversation(self._recording.record)

    def look(self, block: Block, at: float, *, is_client: bool) -> None:
        """Look at the lines of *block*, which passed *at* that moment."""
        if self._recording is None:
            return
        look = self._conversation.client_line if is_client else self._conversation.server_line
        # Out of memory, a defect of ours: whatever it is, the next line is looked at.
        with contextlib.suppress(Exception):
            for line in block.lines():
                look(line, at)

    def hurry(self) -> None:
        """From now on have everything delivered at once: the client is leaving."""
        self._is_leaving = True

    def rest(self) -> None:
        """Nothing more is to be looked at for now."""
        if self._is_leaving and self._recording is not None:
            with contextlib.suppress(Exception):
                self._recording.deliver()

    def finish(self, at: float) -> None:
        """End the session: what is open is recorded as aborted, and everything delivered."""
        if self._recording is not None:
            with contextlib.suppress(Exception):
                self._conversation.finish(at)
            with contextlib.suppress(Exception):
                self._recording.close()
