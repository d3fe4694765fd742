"""
The heartbeat of a process that shows what it would send: on standard error, at its end or when asked.

Nothing is stored and nothing leaves. The counts are those of this process, and so are the ids zeros
where the installation has none.
"""

from __future__ import annotations

from ..counters import Counting, FrozenWindow
from ..installation import Installation
from ..privacy import Gate, HasNotice, Stream
from ..system import ExitHook
from ..vocabulary import DAY_SECS
from ..wire import ZERO_ID
from ._service import _HEADERS, _TIMEOUT_SECS, HeartbeatService
from ._stats import StatsReader

__all__ = ["PrintedHeartbeats", "build_heartbeat_service"]


class PrintedHeartbeats(HeartbeatService):
    """A `HeartbeatService` that writes to standard error; *installation*, *counting* and *stats* are that one's."""

    def __init__(self, *, installation: Installation, counting: Counting, stats: StatsReader | None = None) -> None:
        super().__init__(installation=installation, counting=counting, stats=stats)
        self._gate = Gate(
            installation.open_printing_transport(),
            refusal=self._why_not_shown,
            clock=self._clock,
            scan=self._search,
        )
        self._exit_hook: ExitHook | None = None

    def start(self) -> None:
        """Have the heartbeat shown when the process ends; no thread is started."""
        if self._url is not None and self._exit_hook is None:
            self._exit_hook = ExitHook(self._show)

    def stop(self, timeout: float = 1.0) -> None:  # noqa: ARG002  the service's signature
        """Show the heartbeat, unless this was stopped or never started."""
        if self._exit_hook is not None:
            self._exit_hook.cancel()
            self._exit_hook = None
            self._show()

    def send_now(self) -> bool:
        """Show the heartbeat that would be sent now; return False, for nothing is."""
        self._show()
        return False

    def turn(self) -> float:
        """Do nothing: it is shown at the end."""
        return DAY_SECS

    def _show(self) -> None:
        if self._url is None:
            return
        registry = self._counting.registry
        counts = registry.counts()
        window = FrozenWindow(ZERO_ID, counts, self._clock.time(), lease="", attempts=0)
        self._gate.post(self._url, self._builder.build(window).encode(), _HEADERS, _TIMEOUT_SECS)
        registry.settle_counts(counts)  # as after a heartbeat that was accepted

    def _why_not_shown(self) -> str | None:
        decision = self._installation.switches.decide(Stream.HEARTBEAT)
        return None if decision.is_printed or decision.may_send else decision.reason


def build_heartbeat_service(
    installation: Installation, counting: Counting, stats: StatsReader, notices: HasNotice
) -> HeartbeatService:
    """Return the service of *installation*, which shows its documents instead of sending them where that was asked for."""
    if installation.is_printing:
        return PrintedHeartbeats(installation=installation, counting=counting, stats=stats)
    return HeartbeatService(installation=installation, counting=counting, stats=stats, notices=notices)
