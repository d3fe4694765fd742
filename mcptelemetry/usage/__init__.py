"""What is used: counters, activation, and the windows in which they are reported."""

from __future__ import annotations

from ..vocabulary import parse_client_surface
from ._activation import (
    MAX_MCP_CLIENTS_SEEN,
    ActivationNews,
    ActivationState,
    ActivationStore,
    clear_installer_pending,
    is_installer_pending,
    read_state,
)
from ._assembly import blocked_values_of, build_heartbeat_service
from ._buckets import bucket_tokens, bucket_upstream_calls
from ._clients import sanitize_client_name
from ._counting import Counting
from ._features import FeatureFlagSnapshot, classify_oauth_provider, sorted_oauth_provider_types
from ._flusher import CounterFlusher
from ._heartbeat import HeartbeatService, Preview
from ._notes import ActivationNotes
from ._payload import Program, Surroundings
from ._registry import MCPPROXY_TOOLS, CounterRegistry
from ._snapshot import CounterKey, Counts, DoctorCounts, RegistrySnapshot
from ._stats import RuntimeStats, StatsReader
from ._window import Also, FrozenWindow, Windows, WindowState
from ._worker import UsageWorker

__all__ = [
    "MAX_MCP_CLIENTS_SEEN",
    "MCPPROXY_TOOLS",
    "ActivationNews",
    "ActivationNotes",
    "ActivationState",
    "ActivationStore",
    "Also",
    "CounterFlusher",
    "CounterKey",
    "CounterRegistry",
    "Counting",
    "Counts",
    "DoctorCounts",
    "FeatureFlagSnapshot",
    "FrozenWindow",
    "HeartbeatService",
    "Preview",
    "Program",
    "RegistrySnapshot",
    "RuntimeStats",
    "StatsReader",
    "Surroundings",
    "UsageWorker",
    "WindowState",
    "Windows",
    "blocked_values_of",
    "bucket_tokens",
    "bucket_upstream_calls",
    "build_heartbeat_service",
    "classify_oauth_provider",
    "clear_installer_pending",
    "is_installer_pending",
    "parse_client_surface",
    "read_state",
    "sanitize_client_name",
    "sorted_oauth_provider_types",
]
