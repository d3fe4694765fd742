"""Telemetry: where the rooms are put together."""

from __future__ import annotations

from ._status_shape import (
    ActivationStatus,
    EnvMarkersStatus,
    EventsAccount,
    EventsStatus,
    FilesStatus,
    HeartbeatStatus,
    IdentityStatus,
    NoticeStatus,
    NoticeWord,
    Status,
    StorageStatus,
)
from ._telemetry import Telemetry

__all__ = [
    "ActivationStatus",
    "EnvMarkersStatus",
    "EventsAccount",
    "EventsStatus",
    "FilesStatus",
    "HeartbeatStatus",
    "IdentityStatus",
    "NoticeStatus",
    "NoticeWord",
    "Status",
    "StorageStatus",
    "Telemetry",
]
