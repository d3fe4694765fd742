"""
The heartbeat from what is known here: gathered, then built, for a preview and for a send.

Both take the same steps, so what is seen is what would leave. Only what the windows froze
differs: a preview shows what would be frozen now.
"""

from __future__ import annotations

from typing import NamedTuple

from ..counters import ActivationState, ActivationStore, FrozenWindow, RegistrySnapshot, Windows
from ..installation import Installation, SurroundingsReader
from ..state import Identity, renew_identity
from ..wire import ZERO_ID, HeartbeatPayload
from ._payload import Remembered, build_payload, current_program
from ._stats import StatsReader

__all__ = ["HeartbeatBuilder", "Preview"]


class Preview(NamedTuple):
    """The heartbeat that would be sent now, and *notes* for a person on what it cannot show."""

    payload: HeartbeatPayload
    notes: tuple[str, ...]


class HeartbeatBuilder:
    """
    Builds the heartbeat of *installation*; its uptime is counted from when this is made.

    *windows* are those of the installation, *stats* what the application says about itself.
    Reads, and changes nothing. Safe from any thread.
    """

    def __init__(self, installation: Installation, windows: Windows, stats: StatsReader) -> None:
        self._clock = installation.clock
        self._memory = installation.open_memory()
        self._windows = windows
        self._stats = stats
        self._activation = ActivationStore.on(self._memory.database, self._clock)
        self._milestones = installation.setup.milestones
        self._surroundings = SurroundingsReader(installation)
        self._program = current_program(
            installation.application.name,
            installation.setup.version,
            installation.setup.edition,
            installation.environ,
        )
        self._began_at = self._clock.monotonic()

    def build(self, window: FrozenWindow) -> HeartbeatPayload:
        """Return the heartbeat that carries *window*."""
        return self._build(self._remembered(window.heartbeat_id, window.identity), window.snapshot)

    def preview(self) -> Preview:
        """Return the heartbeat that would be sent now, and what a person should know about it."""
        state = self._windows.state()
        picture = self._memory.look()
        notes = []
        if picture.failure is not None:
            notes.append(f"what this installation remembers cannot be read ({picture.failure.text})")
        elif picture.identity is None:
            notes.append("its ids are zeros: this installation has not run yet, and none was drawn")
        elif not state.heartbeat_id:
            notes.append("heartbeat_id is zeros: none has been drawn since the mode was last changed")
        elif state.identity is None and self._is_about_to_rotate(picture.identity):
            notes.append("anonymous_id is a year old: the heartbeat that is sent now carries a new one")
        remembered = self._remembered(state.heartbeat_id or ZERO_ID, state.identity)
        if not state.is_present:
            # What is stored was counted before the mode was last changed: it never leaves.
            remembered = remembered._replace(is_installer_pending=False, listed_tool_count=0)
        return Preview(self._build(remembered, state.snapshot, is_present=state.is_present), tuple(notes))

    def _build(
        self, remembered: Remembered, counts: RegistrySnapshot, *, is_present: bool = True
    ) -> HeartbeatPayload:
        activation = self._activation.load()
        is_unread = self._activation.failure is not None
        if not is_present:
            activation = ActivationState()
        return build_payload(
            self._program,
            remembered,
            counts=counts,
            surroundings=self._surroundings.read(),
            stats=self._stats.read(),
            activation=None if is_unread else activation.of_declared(self._milestones).to_dict(),
            now=self._clock.time(),
            uptime_secs=self._clock.monotonic() - self._began_at,
        )

    def _is_about_to_rotate(self, identity: Identity) -> bool:
        now = self._clock.time()
        return renew_identity(*identity, now=now, draw=lambda: ZERO_ID).anonymous_id != identity.anonymous_id

    def _remembered(self, heartbeat_id: str, frozen: Identity | None) -> Remembered:
        picture = self._memory.look()
        identity = frozen or picture.identity
        return Remembered(
            anonymous_id=ZERO_ID if identity is None else identity.anonymous_id,
            anonymous_id_created_at=None if identity is None else identity.created_at,
            heartbeat_id=heartbeat_id,
            previous_version=picture.last_reported_version or "",
            last_startup_outcome=picture.last_startup_outcome,
            is_installer_pending=self._activation.is_installer_pending(),
            listed_tool_count=self._activation.listed_tool_count(),
        )
