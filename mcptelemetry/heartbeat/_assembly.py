"""
A heartbeat service for an application on this machine, put together from what it needs.

Everything real is chosen here: where the environment is looked at, what must never leave,
and which switch is asked. `Telemetry` only says whose heartbeat it is.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from typing import Union

from ..application import Application, home_directory
from ..counters import ActivationStore, Windows
from ..environment import (
    AutostartReader,
    OsFileProber,
    ParentPPIDChecker,
    StdinTTYChecker,
    current_os_name,
    detect_env_kind,
    detect_launch_source,
)
from ..privacy import (
    BlockedValue,
    FirstRunNotice,
    Stream,
    Switches,
    collect_blocked_values,
    first_heartbeat_at,
    has_been_noticed,
)
from ..state import Memory
from ..system import Clock, HttpTransport, NetworkSettings, Transport
from ._payload import Surroundings, current_program
from ._service import HeartbeatService
from ._stats import RuntimeStats, StatsReader

__all__ = ["blocked_values_of", "build_heartbeat_service"]

_AUTOSTART_FILE = "tray-autostart.json"
Flags = Union[Mapping[str, bool], Callable[[], Mapping[str, bool]], None]


def build_heartbeat_service(
    application: Application,
    *,
    version: str,
    edition: str,
    endpoint: str | None,
    memory: Memory,
    switches: Switches,
    environ: Mapping[str, str],
    clock: Clock,
    transport: Transport | None = None,
    network: NetworkSettings | None = None,
    stats: RuntimeStats | None = None,
    flags: Flags = None,
    flush: Callable[[], object] = lambda: None,
    on_violation: Callable[[], object] = lambda: None,
    notice: Callable[[], FirstRunNotice | None] = lambda: None,
) -> HeartbeatService:
    """
    Return the service of *application*; see `HeartbeatService` for what is handed through.

    A process that begins while the switches refuse never sends, whatever is said later.
    """
    data_dir = os.path.dirname(switches.config_path)
    began_refused = switches.refusal(Stream.HEARTBEAT)
    autostart = AutostartReader(os.path.join(data_dir, _AUTOSTART_FILE), clock.time) if data_dir else None

    def refusal() -> str | None:
        return began_refused or switches.refusal(Stream.HEARTBEAT)

    def first_at() -> float | None:
        mark = memory.look().notice
        return first_heartbeat_at(mark) if endpoint and has_been_noticed(mark, (endpoint,)) else None

    kind, markers = detect_env_kind(
        environ,
        OsFileProber(),
        current_os_name(),
        StdinTTYChecker(),
        uid=os.getuid() if hasattr(os, "getuid") else None,
    )
    source = detect_launch_source(environ, None, ParentPPIDChecker(), StdinTTYChecker(), app=application)

    def surroundings() -> Surroundings:
        return Surroundings(kind, markers, source, None if autostart is None else autostart.read())

    return HeartbeatService(
        endpoint=endpoint,
        program=current_program(application.name, version, edition, environ),
        memory=memory,
        windows=Windows(memory.database, clock=clock.time, generation=switches.generation),
        activation=ActivationStore(memory.path, clock),
        transport=transport or HttpTransport(environ=environ, network=network),
        refusal=refusal,
        first_at=first_at,
        stats=StatsReader(stats, flags),
        surroundings=surroundings,
        blocked_values=lambda: blocked_values_of(environ),
        flush=flush,
        on_violation=on_violation,
        notice=notice,
        clock=clock,
    )


def blocked_values_of(environ: Mapping[str, str]) -> tuple[BlockedValue, ...]:
    """Return what must never leave this machine, as it is now."""
    return collect_blocked_values(socket.gethostname(), home_directory(environ), environ)
