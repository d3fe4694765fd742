"""
Telemetry for MCP servers and proxies that authors can rely on and users can trust.

`Telemetry` is all that most applications need. Every other public name lives in its room
(`mcptelemetry.events`, `mcptelemetry.matching`, …) and can be imported from here too; each
room is loaded when a name of it is first asked for, so importing the package costs next to
nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._version import VERSION as __version__  # noqa: N811  the usual name

if TYPE_CHECKING:
    from .cli import add_telemetry_commands as add_telemetry_commands
    from .client import Telemetry as Telemetry
    from .config import Mode as Mode
    from .counters import MAX_MCP_CLIENTS_SEEN as MAX_MCP_CLIENTS_SEEN
    from .counters import MCPPROXY_TOOLS as MCPPROXY_TOOLS
    from .counters import ActivationState as ActivationState
    from .counters import ActivationStore as ActivationStore
    from .counters import CounterRegistry as CounterRegistry
    from .counters import DoctorCounts as DoctorCounts
    from .counters import RegistrySnapshot as RegistrySnapshot
    from .counters import bucket_tokens as bucket_tokens
    from .counters import bucket_upstream_calls as bucket_upstream_calls
    from .counters import parse_client_surface as parse_client_surface
    from .counters import sanitize_client_name as sanitize_client_name
    from .environment import AutostartReader as AutostartReader
    from .environment import EnvMarkers as EnvMarkers
    from .environment import FileProber as FileProber
    from .environment import HandshakeChecker as HandshakeChecker
    from .environment import PPIDChecker as PPIDChecker
    from .environment import TTYChecker as TTYChecker
    from .environment import detect_env_kind as detect_env_kind
    from .environment import detect_env_kind_once as detect_env_kind_once
    from .environment import detect_launch_source as detect_launch_source
    from .environment import detect_launch_source_once as detect_launch_source_once
    from .errors import ConfigError as ConfigError
    from .errors import FeedbackError as FeedbackError
    from .errors import TelemetryError as TelemetryError
    from .errors import UploadError as UploadError
    from .events import PipelineConfig as PipelineConfig
    from .events import PipelineStats as PipelineStats
    from .events import TelemetryAuth as TelemetryAuth
    from .events import TelemetryBuffer as TelemetryBuffer
    from .events import TelemetryPipeline as TelemetryPipeline
    from .events import TelemetryUploader as TelemetryUploader
    from .feedback import FeedbackContext as FeedbackContext
    from .feedback import FeedbackRequest as FeedbackRequest
    from .feedback import FeedbackResponse as FeedbackResponse
    from .feedback import RateLimiter as RateLimiter
    from .feedback import validate_category as validate_category
    from .feedback import validate_message as validate_message
    from .heartbeat import FeatureFlagSnapshot as FeatureFlagSnapshot
    from .heartbeat import HeartbeatService as HeartbeatService
    from .heartbeat import RuntimeStats as RuntimeStats
    from .heartbeat import classify_oauth_provider as classify_oauth_provider
    from .heartbeat import sorted_oauth_provider_types as sorted_oauth_provider_types
    from .instrument import SurfaceMiddleware as SurfaceMiddleware
    from .instrument import surface_headers as surface_headers
    from .matching import MatchReport as MatchReport
    from .matching import RoutingConfig as RoutingConfig
    from .matching import RoutingDecision as RoutingDecision
    from .matching import RoutingEngine as RoutingEngine
    from .matching import RoutingRule as RoutingRule
    from .matching import RoutingTarget as RoutingTarget
    from .matching import ToolMatch as ToolMatch
    from .matching import build_report as build_report
    from .privacy import ANONYMITY_BLOCKED_PREFIXES as ANONYMITY_BLOCKED_PREFIXES
    from .privacy import AnonymityViolation as AnonymityViolation
    from .privacy import BlockedValue as BlockedValue
    from .privacy import collect_blocked_values as collect_blocked_values
    from .privacy import is_disabled_by_env as is_disabled_by_env
    from .privacy import maybe_print_first_run_notice as maybe_print_first_run_notice
    from .privacy import scan_for_pii as scan_for_pii
    from .vocabulary import EnvDisabledReason as EnvDisabledReason
    from .vocabulary import EnvKind as EnvKind
    from .vocabulary import ErrorCategory as ErrorCategory
    from .vocabulary import ErrorType as ErrorType
    from .vocabulary import LaunchSource as LaunchSource
    from .vocabulary import RoutingReason as RoutingReason
    from .vocabulary import RoutingStrategy as RoutingStrategy
    from .vocabulary import StartupOutcome as StartupOutcome
    from .vocabulary import Surface as Surface
    from .vocabulary import TelemetryStatus as TelemetryStatus
    from .wire import FIELDS as FIELDS
    from .wire import HeartbeatPayload as HeartbeatPayload
    from .wire import TelemetryBatch as TelemetryBatch
    from .wire import TelemetryEvent as TelemetryEvent

__all__ = [  # what a newcomer needs to know; the rest is documented in its room
    "ConfigError",
    "ErrorCategory",
    "StartupOutcome",
    "Surface",
    "Telemetry",
    "TelemetryError",
    "TelemetryEvent",
    "TelemetryStatus",
    "__version__",
]

_ROOM_OF_NAME = {
    name: room
    for room, names in {
        "cli": ("add_telemetry_commands",),
        "client": ("Telemetry",),
        "config": ("Mode",),
        "counters": (
            "MAX_MCP_CLIENTS_SEEN",
            "MCPPROXY_TOOLS",
            "ActivationState",
            "ActivationStore",
            "CounterRegistry",
            "DoctorCounts",
            "RegistrySnapshot",
            "bucket_tokens",
            "bucket_upstream_calls",
            "parse_client_surface",
            "sanitize_client_name",
        ),
        "environment": (
            "AutostartReader",
            "EnvMarkers",
            "FileProber",
            "HandshakeChecker",
            "PPIDChecker",
            "TTYChecker",
            "detect_env_kind",
            "detect_env_kind_once",
            "detect_launch_source",
            "detect_launch_source_once",
        ),
        "errors": ("ConfigError", "FeedbackError", "TelemetryError", "UploadError"),
        "events": (
            "PipelineConfig",
            "PipelineStats",
            "TelemetryAuth",
            "TelemetryBuffer",
            "TelemetryPipeline",
            "TelemetryUploader",
        ),
        "feedback": (
            "FeedbackContext",
            "FeedbackRequest",
            "FeedbackResponse",
            "RateLimiter",
            "validate_category",
            "validate_message",
        ),
        "heartbeat": (
            "FeatureFlagSnapshot",
            "HeartbeatService",
            "RuntimeStats",
            "classify_oauth_provider",
            "sorted_oauth_provider_types",
        ),
        "instrument": ("SurfaceMiddleware", "surface_headers"),
        "matching": (
            "MatchReport",
            "RoutingConfig",
            "RoutingDecision",
            "RoutingEngine",
            "RoutingRule",
            "RoutingTarget",
            "ToolMatch",
            "build_report",
        ),
        "privacy": (
            "ANONYMITY_BLOCKED_PREFIXES",
            "AnonymityViolation",
            "BlockedValue",
            "collect_blocked_values",
            "is_disabled_by_env",
            "maybe_print_first_run_notice",
            "scan_for_pii",
        ),
        "vocabulary": (
            "EnvDisabledReason",
            "EnvKind",
            "ErrorCategory",
            "ErrorType",
            "LaunchSource",
            "RoutingReason",
            "RoutingStrategy",
            "StartupOutcome",
            "Surface",
            "TelemetryStatus",
        ),
        "wire": ("FIELDS", "HeartbeatPayload", "TelemetryBatch", "TelemetryEvent"),
    }.items()
    for name in names
}


def __getattr__(name: str) -> object:
    room = _ROOM_OF_NAME.get(name)
    if room is None:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    from importlib import import_module  # noqa: PLC0415  nothing is loaded before it is asked for

    value = getattr(import_module(f".{room}", __name__), name)
    globals()[name] = value  # the next look finds it without coming here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOM_OF_NAME})
