"""
The heartbeat, put together from frozen facts: pure, so that a preview is what would be sent.

Nothing is asked and nothing is changed here. What does not fit the table of fields is made
to fit (an unknown word becomes the closed word for it) or left out; it never goes through.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, NamedTuple, Union

from ..counters import RegistrySnapshot
from ..installation import Surroundings
from ..privacy import find_blocked_prefix
from ..vocabulary import (
    COUNT_MAX,
    OS_WORD_OF_PLATFORM,
    OTHER,
    TIMESTAMP_SECS_MAX,
    UNMATCHED,
    LaunchSource,
    StartupOutcome,
)
from ..wire import (
    ARCH_WORDS,
    FIELD_SHAPES,
    HEARTBEAT_BYTES_MAX,
    OPEN_MAP_ENTRIES_MAX,
    OS_WORDS,
    SCHEMA_VERSION,
    ZERO_ID,
    HeartbeatPayload,
    cap_counts,
    cap_entries,
)

__all__ = ["Program", "Remembered", "build_payload", "current_program"]

_UNKNOWN_VERSION = "unknown"
_SECS_PER_HOUR = 3600

_ARCH_OF_MACHINE = {
    "x86_64": "amd64",
    "x64": "amd64",
    "aarch64": "arm64",
    "x86": "386",
    "i386": "386",
    "i486": "386",
    "i586": "386",
    "i686": "386",
}


class Program(NamedTuple):
    """What runs here, and on what: *os* and *arch* in the words of the table."""

    app: str
    version: str
    edition: str
    os: str
    arch: str
    python_version: str


class Remembered(NamedTuple):
    """
    What the machine remembers of this installation; ids are `ZERO_ID` when none was drawn.

    *listed_tool_count* is how many tools the server listed when it was last asked.
    """

    anonymous_id: str = ZERO_ID
    anonymous_id_created_at: Union[str, None] = None
    heartbeat_id: str = ZERO_ID
    previous_version: str = ""
    last_startup_outcome: Union[StartupOutcome, str, None] = None
    is_installer_pending: bool = False
    listed_tool_count: int = 0


def current_program(app: str, version: str, edition: str, environ: Mapping[str, str]) -> Program:
    """Return what runs here; no process is started to find out."""
    uname = getattr(os, "uname", None)
    machine = uname().machine if uname is not None else environ.get("PROCESSOR_ARCHITECTURE", "")
    return Program(
        app, version, edition, _os_word(sys.platform), _arch_word(machine), ".".join(map(str, sys.version_info[:3]))
    )


def build_payload(
    program: Program,
    remembered: Remembered,
    *,
    counts: RegistrySnapshot | None,
    surroundings: Surroundings,
    stats: Mapping[str, Any],
    activation: Mapping[str, Any] | None,
    now: float,
    uptime_secs: float,
) -> HeartbeatPayload:
    """
    Return the heartbeat that these facts make.

    *counts* are those of the window, None when they cannot be read; *stats* is what
    `StatsReader.read()` returned; *activation* None omits the object. *now* is Unix seconds.
    """
    version = _fitting("version", program.version, _UNKNOWN_VERSION)
    values: dict[str, Any] = {
        "app": program.app,
        "anonymous_id": _fitting("anonymous_id", remembered.anonymous_id, ZERO_ID),
        "heartbeat_id": _fitting("heartbeat_id", remembered.heartbeat_id, ZERO_ID),
        "version": version,
        "edition": program.edition,
        "os": program.os,
        "arch": program.arch,
        "python_version": program.python_version,
        "server_count": stats.get("server_count", 0),
        "connected_server_count": stats.get("connected_server_count", 0),
        "tool_count": stats.get("tool_count", remembered.listed_tool_count),
        "uptime_hours": max(0, int(uptime_secs // _SECS_PER_HOUR)),
        "routing_mode": stats.get("routing_mode", "unknown"),
        "quarantine_enabled": stats.get("is_quarantine_enabled", False),
        "timestamp": _moment(now),
        "previous_version": _fitting("previous_version", remembered.previous_version, ""),
        "schema_version": SCHEMA_VERSION,
        "autostart_enabled": surroundings.autostart_enabled,
        "anonymous_id_created_at": _fitting("anonymous_id_created_at", remembered.anonymous_id_created_at, None),
        "current_version": version,
        "last_startup_outcome": _fitting("last_startup_outcome", remembered.last_startup_outcome, None),
        "feature_flags": _features(stats),
        "flags": {
            name: flag
            for name, flag in (stats.get("flags") or {}).items()
            if FIELD_SHAPES["flags"].accepts_key(name)
        },
        "server_protocol_counts": stats.get("server_protocols"),
        "server_docker_isolated_count": stats.get("docker_isolated_server_count"),
        "env_kind": surroundings.env_kind,
        "env_markers": None if surroundings.env_markers is None else asdict(surroundings.env_markers),
        "activation": _activation(activation, stats),
        "launch_source": LaunchSource.INSTALLER if remembered.is_installer_pending else surroundings.launch_source,
    }
    return HeartbeatPayload(**values) if counts is None else _counted(HeartbeatPayload(**values), counts)


def _counted(payload: HeartbeatPayload, counts: RegistrySnapshot) -> HeartbeatPayload:
    """Return *payload* with *counts*; failures and durations by as many names as there is room for."""
    checks = {name: found.to_dict() for name, found in counts.doctor_checks.items()}
    counted = replace(
        payload,
        surface_requests=dict(counts.surface_requests),
        builtin_tool_calls=_capped("builtin_tool_calls", counts.builtin_tool_calls),
        upstream_tool_call_count_bucket=counts.upstream_tool_call_count_bucket,
        rest_endpoint_calls=_capped_maps("rest_endpoint_calls", _known_routes(counts.rest_endpoint_calls)),
        error_category_counts=_capped("error_category_counts", counts.error_category_counts),
        doctor_checks=_capped_maps("doctor_checks", checks),
    )
    most = OPEN_MAP_ENTRIES_MAX
    while True:
        found = replace(
            counted,
            builtin_tool_errors=_capped("builtin_tool_errors", counts.builtin_tool_errors, most),
            builtin_tool_durations=_capped_maps("builtin_tool_durations", counts.builtin_tool_durations, most),
        )
        # They repeat the names of the calls: however long these are, that must not be what makes
        # the document too large to be sent.
        if most == 0 or len(found.encode()) <= HEARTBEAT_BYTES_MAX:
            return found
        most //= 2


def _capped(field: str, counts: Mapping[str, int], most: int = OPEN_MAP_ENTRIES_MAX) -> dict[str, int]:
    """Return what is counted and may be a key of *field*, at most so many; a zero says nothing."""
    shape = FIELD_SHAPES[field]
    fitting = {name: count for name, count in counts.items() if count > 0 and shape.accepts_key(name)}
    return {name: min(count, COUNT_MAX) for name, count in cap_counts(fitting, most=most).items()}


def _capped_maps(
    field: str, entries: Mapping[str, Mapping[str, int]], most: int = OPEN_MAP_ENTRIES_MAX
) -> dict[str, Any]:
    """Return the same of a *field* that holds a map of counts for each key."""
    shape = FIELD_SHAPES[field]
    fitting = {name: _added({}, entry) for name, entry in entries.items() if shape.accepts_key(name)}
    return cap_entries(fitting, size_of=lambda entry: sum(entry.values()), add=_added, most=most)


def _known_routes(routes: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    """Return *routes*, a template that looks like somebody's directory counted as `UNMATCHED`."""
    shape = FIELD_SHAPES["rest_endpoint_calls"]
    known: dict[str, dict[str, int]] = {}
    for route, by_status in routes.items():
        name = route if shape.accepts_key(route) and find_blocked_prefix(route) is None else UNMATCHED
        known[name] = _added(known.get(name, {}), by_status)
    return known


def _added(one: Mapping[str, int], another: Mapping[str, int]) -> dict[str, int]:
    return {name: min(one.get(name, 0) + another.get(name, 0), COUNT_MAX) for name in sorted({*one, *another})}


def _features(stats: Mapping[str, Any]) -> dict[str, Any] | None:
    features = stats.get("feature_flags")
    if features is None:
        return None
    # The probe of the moment knows better than a picture of the settings.
    return {**features, "docker_available": stats.get("is_docker_available", features["docker_available"])}


def _activation(activation: Mapping[str, Any] | None, stats: Mapping[str, Any]) -> dict[str, Any] | None:
    if activation is None:
        return None
    found = {**activation, "mcp_clients_seen_ever": list(activation["mcp_clients_seen_ever"])}
    if not found.get("milestones"):
        found.pop("milestones", None)
    found["configured_ide_count"] = stats.get("configured_ide_count", found.get("configured_ide_count", 0))
    return found


def _fitting(field: str, value: Any, otherwise: Any) -> Any:
    return value if value is not None and FIELD_SHAPES[field].accepts(value) else otherwise


def _moment(now: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(min(max(0.0, now), TIMESTAMP_SECS_MAX)))


def _os_word(platform: str) -> str:
    word = OS_WORD_OF_PLATFORM.get(platform, platform.rstrip("0123456789"))
    return word if word in OS_WORDS else OTHER


def _arch_word(machine: str) -> str:
    word = _ARCH_OF_MACHINE.get(machine.lower(), machine.lower())
    if word.startswith("arm") and word != "arm64":
        word = "arm"
    return word if word in ARCH_WORDS else OTHER
