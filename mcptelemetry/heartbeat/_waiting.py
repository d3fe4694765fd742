"""
What the next heartbeat waits for: a switch, the notice, the notice's delay, the next day.

One look answers both questions, in how many seconds and why, so that what a person is told
is what the worker goes by.
"""

from __future__ import annotations

from typing import NamedTuple, Optional

from ..counters import Windows
from ..installation import Installation
from ..privacy import Stream
from ..state import format_moment
from ..system import url_without_secrets
from ..vocabulary import DAY_SECS

__all__ = ["Waiting"]


class _Wait(NamedTuple):
    """What is waited for, and until when (Unix seconds), None: nobody knows."""

    reason: str
    until: Optional[float] = None


class Waiting:
    """
    What the heartbeats of *installation*, counted in *windows*, wait for; safe from any thread.

    A process that begins while the switches refuse never sends one, whatever is said later.
    """

    def __init__(self, installation: Installation, windows: Windows) -> None:
        self._installation = installation
        self._windows = windows
        self._clock = installation.clock
        self._began_refused = installation.switches.refusal(Stream.HEARTBEAT)

    def refusal(self) -> str | None:
        """Return why nothing may leave now, or None: the gate's question before each send."""
        return self._began_refused or self._installation.switches.refusal(Stream.HEARTBEAT)

    def is_refused(self) -> bool:
        """Return whether nothing may leave now."""
        return self._refusal_in_words() is not None

    def secs(self) -> float:
        """Return in how many seconds a heartbeat may be due, 0 when one is."""
        wait = self._look()
        if wait is None:
            return 0
        # A moment farther ahead than a delay can be was set by a clock that was wrong.
        return DAY_SECS if wait.until is None else min(wait.until - self._clock.time(), DAY_SECS)

    def why_not(self) -> str | None:
        """Return what the next heartbeat waits for, in words, None when one is due."""
        wait = self._look()
        if wait is None or wait.until is None:
            return None if wait is None else wait.reason
        return f"{wait.reason} {format_moment(wait.until)}"

    def _look(self) -> _Wait | None:
        refusal = self._refusal_in_words()
        if refusal is not None:
            return _Wait(refusal)
        wait_secs = self._installation.notice_wait_secs(self._installation.heartbeat_endpoint or "")
        if wait_secs is None:
            shown = url_without_secrets(self._installation.heartbeat_endpoint or "")
            return _Wait(f"the first-run notice that names {shown} has not been shown")
        now = self._clock.time()
        if wait_secs > 0:
            return _Wait("the notice was shown, and the first heartbeat may leave at", now + wait_secs)
        due_in = self._windows.state().due_in_secs
        return _Wait("the next heartbeat is due at", now + due_in) if due_in > 0 else None

    def _refusal_in_words(self) -> str | None:
        problem = self._installation.problem
        if problem is not None:
            return f"telemetry is off for this run: {problem}"
        if self._installation.heartbeat_endpoint is None:
            return "no endpoint is configured"
        try:
            decision = self._installation.switches.decide(Stream.HEARTBEAT)
        except Exception as error:  # noqa: BLE001  in doubt nothing is sent
            return f"the switches could not be read ({type(error).__name__})"
        if not decision.may_send:
            row = f", row {decision.row} of the switches" if decision.row else ""
            return f"it is {decision.mode.value} ({decision.reason}{row})"
        if self._began_refused is not None:
            return f"it was off when this process began ({self._began_refused}), and stays so until it is restarted"
        return None
