"""
What is on and why, as one mapping that is also JSON.

Looking changes nothing: no file is made, and every answer is that of this moment. What cannot
be loaded now, for want of a free descriptor, is left out: `storage` says why.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, cast

from ..counters import ActivationStore, Windows
from ..installation import Installation
from ..privacy import Decision, Stream, first_heartbeat_at
from ..state import Memory, Picture, format_moment
from ..system import CORRUPT_SUFFIX, url_without_secrets
from ._events_stream import EventsStream

if TYPE_CHECKING:
    from ..status import (
        ActivationStatus,
        EnvMarkersStatus,
        HeartbeatStatus,
        MemoryStatus,
        NoticeStatus,
        NoticeWord,
        Status,
        StorageStatus,
        SurroundingsStatus,
        WindowsStatus,
    )

__all__ = ["describe_status"]


def describe_status(installation: Installation, events: EventsStream) -> Status:
    """Return the mapping of `Telemetry.status()`."""
    switches = installation.switches
    decision = switches.decide(Stream.HEARTBEAT)
    memory = installation.open_memory()
    picture = memory.look()
    return {
        "app": installation.application.name,
        "version": installation.setup.version or None,
        "mode": decision.mode.value,
        "reason": decision.reason,
        "row": decision.row,
        "files": {
            "settings": switches.config_path,
            "mode": switches.state_path,
            "person": switches.person_path,
            "memory": memory.path,
            "autostart": installation.autostart_path,
        },
        "heartbeat": _heartbeat(installation, decision, picture),
        "events": events.describe(),
        "storage": _storage(memory),
        **_memory(picture),
        **_surroundings(installation),
        "activation": _activation(installation),
    }


def _heartbeat(installation: Installation, decision: Decision, picture: Picture) -> HeartbeatStatus:
    endpoint = installation.heartbeat_endpoint
    is_built = endpoint is not None and installation.problem is None
    return {
        "mode": decision.mode.value if is_built else "off",
        "reason": decision.reason if is_built else str(installation.problem or "no endpoint is configured"),
        "endpoint": None if endpoint is None else url_without_secrets(endpoint),
        "owner": None if endpoint is None else "person" if installation.config.telemetry.endpoint else "author",
        "not_before": _moment(first_heartbeat_at(picture.notice)),
        **_windows(installation),
    }


def _windows(installation: Installation) -> WindowsStatus:
    """Return when the next heartbeat is due, and what became of those before."""
    state = Windows.of(installation).state()
    return {
        "due_at": _moment(installation.clock.time() + state.due_in_secs),
        "failed_attempts": state.attempts,
        "accepted_count": state.settled_count,
        "given_up_count": state.given_up_count,
    }


def _activation(installation: Installation) -> ActivationStatus | None:
    """Return how far the installation has come, None when that cannot be read."""
    store = ActivationStore.on(installation.open_memory().database, installation.clock)
    state = store.load().of_declared(installation.setup.milestones)
    return None if store.failure is not None else cast("ActivationStatus", state.to_dict())


def _storage(memory: Memory) -> StorageStatus:
    failure = memory.storage_failure()
    aside = memory.path + CORRUPT_SUFFIX
    return {
        "degraded": failure is not None,
        "failure": None if failure is None else failure.text,
        "set_aside": aside if memory.path and os.path.lexists(aside) else None,
    }


def _memory(picture: Picture) -> MemoryStatus:
    identity, mark, outcome = picture.identity, picture.notice, picture.last_startup_outcome
    notice: NoticeStatus | None = None
    if mark is not None:
        notice = {
            "shown_at": format_moment(mark.shown_at),
            "how": cast("NoticeWord", mark.how),
            "endpoints": sorted(mark.destinations),
        }
    return {
        "identity": None
        if identity is None
        else {"anonymous_id": identity.anonymous_id, "created_at": identity.created_at},
        "notice": notice,
        "last_reported_version": picture.last_reported_version,
        "last_startup_outcome": None if outcome is None else outcome.value,
        "last_success_at": _moment(picture.last_success_at),
        "last_error": picture.last_error,
    }


def _surroundings(installation: Installation) -> SurroundingsStatus:
    try:
        from ..installation import SurroundingsReader
    except OSError:  # not one descriptor is free: nothing can be found out now
        return {"env_kind": None, "env_markers": None, "launch_source": None, "autostart_enabled": None}
    kind, markers, source, autostart = SurroundingsReader(installation).read()
    return {
        "env_kind": None if kind is None else kind.value,
        "env_markers": None if markers is None else cast("EnvMarkersStatus", markers.to_dict()),
        "launch_source": None if source is None else source.value,
        "autostart_enabled": autostart,
    }


def _moment(secs: float | None) -> str | None:
    if secs is not None:
        with contextlib.suppress(OSError):  # not one descriptor is free, and the calendar is not loaded
            return format_moment(secs)
    return None
