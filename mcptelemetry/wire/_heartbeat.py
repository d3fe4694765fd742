"""
The heartbeat as a value, and as the bytes that leave.

One field stands on one line: what `show-payload` prints is what is sent, byte for byte,
and a person can read it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Optional

from ..vocabulary import OTHER
from ._fields import FIELDS, OPEN_MAP_ENTRIES_MAX

__all__ = ["HeartbeatPayload", "cap_counts", "cap_entries"]


@dataclass(frozen=True, eq=False, repr=False)  # these two, made for so many fields, slow every import
class HeartbeatPayload:
    """
    One heartbeat: a field for each row of `FIELDS`, in its order; give them by keyword.

    The first eighteen are always there. Of the others one that is not known is None, and so is
    one that is empty: it is left out of the document. A name that is not in the table is a
    `TypeError`. Immutable, equal by value; `copy`, `pickle` and `dataclasses.replace` work.
    What the values must look like is checked by `check()`, before anything is sent.
    """

    app: str
    anonymous_id: str
    heartbeat_id: str
    version: str
    edition: str
    os: str
    arch: str
    python_version: str
    server_count: int
    connected_server_count: int
    tool_count: int
    uptime_hours: int
    routing_mode: str
    quarantine_enabled: bool
    timestamp: str
    previous_version: str
    schema_version: int
    autostart_enabled: Optional[bool]
    anonymous_id_created_at: Optional[str] = None
    current_version: Optional[str] = None
    last_startup_outcome: Optional[str] = None
    surface_requests: Optional[Mapping[str, int]] = None
    builtin_tool_calls: Optional[Mapping[str, int]] = None
    builtin_tool_errors: Optional[Mapping[str, int]] = None
    builtin_tool_durations: Optional[Mapping[str, Mapping[str, int]]] = None
    upstream_tool_call_count_bucket: Optional[str] = None
    rest_endpoint_calls: Optional[Mapping[str, Mapping[str, int]]] = None
    feature_flags: Optional[Mapping[str, Any]] = None
    flags: Optional[Mapping[str, bool]] = None
    error_category_counts: Optional[Mapping[str, int]] = None
    doctor_checks: Optional[Mapping[str, Mapping[str, int]]] = None
    server_protocol_counts: Optional[Mapping[str, int]] = None
    server_docker_isolated_count: Optional[int] = None
    env_kind: Optional[str] = None
    env_markers: Optional[Mapping[str, bool]] = None
    activation: Optional[Mapping[str, Any]] = None
    launch_source: Optional[str] = None

    def __post_init__(self) -> None:
        for field in FIELDS:
            if field.is_omitted_when_empty and _is_empty(getattr(self, field.name)):
                object.__setattr__(self, field.name, None)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HeartbeatPayload) and vars(other) == vars(self)

    def __hash__(self) -> int:
        # Maps cannot be hashed; what equal documents share is enough.
        return hash((self.anonymous_id, self.heartbeat_id, self.timestamp))

    def __repr__(self) -> str:
        return f"HeartbeatPayload({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"

    def to_dict(self) -> dict[str, Any]:
        """Return the document in the table's order, without empty fields that are omitted; a copy."""
        copied: dict[str, Any] = json.loads(self.encode())
        return copied

    def encode(self) -> bytes:
        """Return the body: JSON in ASCII, one field a line, with a line end behind it."""
        # By the table, not by the fields above: what is not in it does not leave.
        values = ((field, getattr(self, field.name)) for field in FIELDS)
        lines = (
            f"{json.dumps(field.name)}: {json.dumps(value)}"
            for field, value in values
            if value is not None or not field.is_omitted_when_empty
        )
        return ("{\n" + ",\n".join(lines) + "\n}\n").encode("ascii")


def cap_counts(counts: Mapping[str, int], *, most: int = OPEN_MAP_ENTRIES_MAX) -> dict[str, int]:
    """Return the *most* largest of *counts* by name and, when there are more, the others' sum as `other`."""
    return cap_entries(counts, size_of=lambda count: count, add=lambda one, another: one + another, most=most)


def cap_entries(
    entries: Mapping[str, Any],
    *,
    size_of: Callable[[Any], int],
    add: Callable[[Any, Any], Any],
    most: int = OPEN_MAP_ENTRIES_MAX,
) -> dict[str, Any]:
    """
    Return the *most* largest of *entries*, sorted by name, the others put together as `other`.

    *size_of* says how large an entry is, *add* puts two of them together.
    """
    named = [name for name in entries if name != OTHER]
    by_size = sorted(named, key=lambda name: (-size_of(entries[name]), name))
    kept = {name: entries[name] for name in sorted(by_size[:most])}
    rest = [entries[name] for name in (*by_size[most:], *(OTHER,) * (OTHER in entries))]
    for entry in rest:
        kept[OTHER] = add(kept[OTHER], entry) if OTHER in kept else entry
    return kept


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, (str, dict, list)) and not value)
