"""
What is on and why, as one mapping that is also JSON.

Looking changes nothing: no file is made, and every answer is that of this moment. What cannot
be loaded now, for want of a free descriptor, is left out: `storage` says why.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

from ..counters import ActivationStore, Counting, Windows, WindowState
from ..errors import StorageError
from ..installation import Installation, read_journal, why_not_yet
from ..privacy import Decision, Stream, first_heartbeat_at
from ..state import DeliveryTotals, Memory, Picture, format_moment
from ..system import CORRUPT_SUFFIX, StorageFailure, url_without_secrets
from ._events_stream import EventsStream
from ._moment import moment_text
from ._spool import describe_spool, spool_trouble

if TYPE_CHECKING:
    from ..heartbeat import HeartbeatService
    from ..state import SentDocument, SentStreamWord
    from ..status import (
        ActivationStatus,
        DeliveryStatus,
        EnvMarkersStatus,
        HeartbeatStatus,
        MemoryStatus,
        NoticeStatus,
        NoticeWord,
        Status,
        StorageStatus,
        SurroundingsStatus,
        TroubleStatus,
        WindowsStatus,
    )

__all__ = ["describe_status", "read_sent_documents"]


def read_sent_documents(installation: Installation) -> list[SentDocument]:
    """Return what `Telemetry.sent_documents()` returns; raise `StorageError` when it cannot be read."""
    found = installation.open_memory().sent_documents()
    if isinstance(found, StorageFailure):
        msg = f"what was sent cannot be read: {found.text}"
        raise StorageError(msg)
    return found


def describe_status(
    installation: Installation, events: EventsStream, counting: Counting, heartbeat: HeartbeatService | None
) -> Status:
    """Return the mapping of `Telemetry.status()`; *heartbeat* is None where none was built."""
    switches = installation.switches
    decision = switches.decide(Stream.HEARTBEAT)
    memory = installation.open_memory()
    picture = memory.look()
    windows = Windows.of(installation)
    storage = _storage(memory)
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
            "spool": installation.spool_path,
            "autostart": installation.autostart_path,
        },
        "heartbeat": _heartbeat(installation, decision, picture, windows),
        "events": events.describe(),
        "deliveries": _deliveries(installation),
        "spool": describe_spool(installation, events),
        "storage": storage,
        "trouble": _trouble(installation, events, counting, heartbeat, windows, storage),
        **_memory(picture),
        **_surroundings(installation),
        "activation": _activation(installation),
    }


def _heartbeat(
    installation: Installation, decision: Decision, picture: Picture, windows: Windows
) -> HeartbeatStatus:
    endpoint = installation.heartbeat_endpoint
    is_built = endpoint is not None and installation.problem is None
    reason = decision.reason if is_built else str(installation.problem or "no endpoint is configured")
    wait_secs = None if endpoint is None else installation.notice_wait_secs(endpoint, picture)
    first_at = installation.clock.time() + wait_secs if wait_secs else first_heartbeat_at(picture.notice)
    state = windows.state()
    return {
        "mode": decision.mode.value if is_built else "off",
        "reason": reason,
        "endpoint": None if endpoint is None else url_without_secrets(endpoint),
        "owner": None if endpoint is None else "person" if installation.config.telemetry.endpoint else "author",
        "not_before": moment_text(first_at),
        "why_not": why_not_yet(wait_secs) or state.why_not_yet if is_built and decision.may_send else reason,
        **_windows(installation, state),
    }


def _windows(installation: Installation, state: WindowState) -> WindowsStatus:
    """Return when the next heartbeat is due, and what became of those before."""
    return {
        "due_at": moment_text(installation.clock.time() + state.due_in_secs),
        "failed_attempts": state.attempts,
        "accepted_count": state.settled_count,
        "given_up_count": state.given_up_count,
    }


def _deliveries(installation: Installation) -> list[DeliveryStatus]:
    """Return what became of what was sent, by all processes; nothing where that cannot be read: `storage` says why."""
    found = read_journal(installation)
    return [] if isinstance(found, StorageFailure) else [_delivery(totals) for totals in found]


def _delivery(totals: DeliveryTotals) -> DeliveryStatus:
    return {
        "stream": cast("SentStreamWord", totals.stream),
        "endpoint": totals.endpoint,
        "since": moment_text(totals.since) or "",
        "delivered": totals.delivered,
        "lost": totals.lost,
        "rejected": totals.rejected,
        "last_success_at": moment_text(totals.last_success_at),
        "last_error": totals.last_error,
        "last_error_at": moment_text(totals.last_error_at),
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


def _trouble(
    installation: Installation,
    events: EventsStream,
    counting: Counting,
    heartbeat: HeartbeatService | None,
    windows: Windows,
    storage: StorageStatus,
) -> TroubleStatus:
    """Return what each stage of this process has to complain of now; *windows* have been looked at."""
    held_up = (None if heartbeat is None else heartbeat.failure) or windows.failure
    return {
        "delivery": events.trouble(),
        "counting": None if counting.failure is None else counting.failure.text,
        "windows": None if held_up is None else held_up.text,
        "spool": spool_trouble(installation, events),
        "storage": storage["failure"],
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
        "last_success_at": moment_text(picture.last_success_at),
        "last_error": picture.last_error,
        "last_error_at": moment_text(picture.last_error_at),
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
