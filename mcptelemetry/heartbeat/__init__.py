"""The heartbeat: the maintainer's daily document, how it is built, shown and sent."""

from __future__ import annotations

from ._builder import Preview
from ._features import FeatureFlagSnapshot, classify_oauth_provider, sorted_oauth_provider_types
from ._printed import build_heartbeat_service
from ._service import HeartbeatService
from ._stats import Flags, RuntimeStats, StatsReader

__all__ = [
    "FeatureFlagSnapshot",
    "Flags",
    "HeartbeatService",
    "Preview",
    "RuntimeStats",
    "StatsReader",
    "build_heartbeat_service",
    "classify_oauth_provider",
    "sorted_oauth_provider_types",
]
