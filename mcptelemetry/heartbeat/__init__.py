"""The heartbeat: the maintainer's daily document, how it is built, shown and sent."""

from __future__ import annotations

from ._assembly import blocked_values_of, build_heartbeat_service
from ._features import FeatureFlagSnapshot, classify_oauth_provider, sorted_oauth_provider_types
from ._service import HeartbeatService, Preview
from ._stats import RuntimeStats

__all__ = [
    "FeatureFlagSnapshot",
    "HeartbeatService",
    "Preview",
    "RuntimeStats",
    "blocked_values_of",
    "build_heartbeat_service",
    "classify_oauth_provider",
    "sorted_oauth_provider_types",
]
