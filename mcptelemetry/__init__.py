"""
Telemetry for MCP servers and proxies that authors can rely on and users can trust.

`Telemetry` is all that most applications need. Every other public name lives in its room
(`mcptelemetry.events`, `mcptelemetry.matching`, …) and can be imported from here too; each
room is loaded when a name of it is first asked for, so importing the package costs next to
nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._names import ROOM_OF_NAME as _ROOM_OF_NAME
from ._version import VERSION as __version__  # noqa: N811  the usual name

# Packagers follow this half too, as they cannot follow `__getattr__` below: so every room is in
# a frozen application.
if TYPE_CHECKING:  # made by tools/generate from the table in _names
    from .application import Application as Application
    from .cli import add_telemetry_commands as add_telemetry_commands
    from .client import EndpointCheck as EndpointCheck
    from .client import Telemetry as Telemetry
    from .config import Config as Config
    from .config import Mode as Mode
    from .config import ModeRecord as ModeRecord
    from .config import ModeWord as ModeWord
    from .config import ProxySettings as ProxySettings
    from .config import TelemetrySettings as TelemetrySettings
    from .counters import MAX_MCP_CLIENTS_SEEN as MAX_MCP_CLIENTS_SEEN
    from .counters import MCPPROXY_TOOLS as MCPPROXY_TOOLS
    from .counters import ActivationNews as ActivationNews
    from .counters import ActivationNotes as ActivationNotes
    from .counters import ActivationState as ActivationState
    from .counters import ActivationStore as ActivationStore
    from .counters import Also as Also
    from .counters import CounterKey as CounterKey
    from .counters import CounterRegistry as CounterRegistry
    from .counters import Counting as Counting
    from .counters import Counts as Counts
    from .counters import DoctorCounts as DoctorCounts
    from .counters import FrozenWindow as FrozenWindow
    from .counters import RegistrySnapshot as RegistrySnapshot
    from .counters import Task as Task
    from .counters import Windows as Windows
    from .counters import WindowState as WindowState
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
    from .errors import StorageError as StorageError
    from .errors import TelemetryError as TelemetryError
    from .errors import UploadError as UploadError
    from .events import AnsweredBatch as AnsweredBatch
    from .events import BufferCounts as BufferCounts
    from .events import Outcomes as Outcomes
    from .events import PipelineConfig as PipelineConfig
    from .events import PipelineStats as PipelineStats
    from .events import SpoolDelivery as SpoolDelivery
    from .events import SpoolPlace as SpoolPlace
    from .events import SpoolTerms as SpoolTerms
    from .events import TelemetryAuth as TelemetryAuth
    from .events import TelemetryBuffer as TelemetryBuffer
    from .events import TelemetryPipeline as TelemetryPipeline
    from .events import TelemetryUploader as TelemetryUploader
    from .feedback import FeedbackContext as FeedbackContext
    from .feedback import FeedbackRequest as FeedbackRequest
    from .feedback import FeedbackResponse as FeedbackResponse
    from .feedback import FeedbackService as FeedbackService
    from .feedback import RateLimiter as RateLimiter
    from .feedback import validate_category as validate_category
    from .feedback import validate_message as validate_message
    from .heartbeat import FeatureFlagSnapshot as FeatureFlagSnapshot
    from .heartbeat import Flags as Flags
    from .heartbeat import HeartbeatService as HeartbeatService
    from .heartbeat import Preview as Preview
    from .heartbeat import RuntimeStats as RuntimeStats
    from .heartbeat import StatsReader as StatsReader
    from .heartbeat import classify_oauth_provider as classify_oauth_provider
    from .heartbeat import sorted_oauth_provider_types as sorted_oauth_provider_types
    from .installation import Installation as Installation
    from .installation import Journal as Journal
    from .installation import OperatorsEndpoint as OperatorsEndpoint
    from .installation import Setup as Setup
    from .installation import Surroundings as Surroundings
    from .instrument import Invocation as Invocation
    from .instrument import McpMiddleware as McpMiddleware
    from .instrument import RecordCall as RecordCall
    from .instrument import RequestRegistry as RequestRegistry
    from .instrument import SurfaceHost as SurfaceHost
    from .instrument import SurfaceMiddleware as SurfaceMiddleware
    from .instrument import surface_headers as surface_headers
    from .matching import HasRouting as HasRouting
    from .matching import HasSettings as HasSettings
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
    from .privacy import Decision as Decision
    from .privacy import FirstRunNotice as FirstRunNotice
    from .privacy import HasNotice as HasNotice
    from .privacy import NoticeSink as NoticeSink
    from .privacy import NotYet as NotYet
    from .privacy import Refusal as Refusal
    from .privacy import SendResult as SendResult
    from .privacy import Stream as Stream
    from .privacy import Switches as Switches
    from .privacy import SwitchFacts as SwitchFacts
    from .privacy import Verdict as Verdict
    from .privacy import collect_blocked_values as collect_blocked_values
    from .privacy import is_disabled_by_env as is_disabled_by_env
    from .privacy import maybe_print_first_run_notice as maybe_print_first_run_notice
    from .privacy import scan_for_pii as scan_for_pii
    from .state import DeliveryNews as DeliveryNews
    from .state import FateWord as FateWord
    from .state import Identity as Identity
    from .state import Memory as Memory
    from .state import NoticeMark as NoticeMark
    from .state import Picture as Picture
    from .state import SentDocument as SentDocument
    from .state import SentStreamWord as SentStreamWord
    from .status import ActivationStatus as ActivationStatus
    from .status import DeliveryStatus as DeliveryStatus
    from .status import EnvMarkersStatus as EnvMarkersStatus
    from .status import EventsAccount as EventsAccount
    from .status import EventsStatus as EventsStatus
    from .status import FilesStatus as FilesStatus
    from .status import HeartbeatStatus as HeartbeatStatus
    from .status import IdentityStatus as IdentityStatus
    from .status import NoticeStatus as NoticeStatus
    from .status import NoticeWord as NoticeWord
    from .status import SpoolStatus as SpoolStatus
    from .status import Status as Status
    from .status import StorageStatus as StorageStatus
    from .status import TroubleStatus as TroubleStatus
    from .system import Answer as Answer
    from .system import AtomicCounter as AtomicCounter
    from .system import Clock as Clock
    from .system import Database as Database
    from .system import NetworkSettings as NetworkSettings
    from .system import Request as Request
    from .system import StorageFailure as StorageFailure
    from .system import Transport as Transport
    from .vocabulary import CompressionWord as CompressionWord
    from .vocabulary import EnvDisabledReason as EnvDisabledReason
    from .vocabulary import EnvKind as EnvKind
    from .vocabulary import EnvKindWord as EnvKindWord
    from .vocabulary import ErrorCategory as ErrorCategory
    from .vocabulary import ErrorType as ErrorType
    from .vocabulary import ErrorTypeWord as ErrorTypeWord
    from .vocabulary import FeedbackCategoryWord as FeedbackCategoryWord
    from .vocabulary import FormatWord as FormatWord
    from .vocabulary import LaunchSource as LaunchSource
    from .vocabulary import LaunchSourceWord as LaunchSourceWord
    from .vocabulary import RoutingReason as RoutingReason
    from .vocabulary import RoutingStrategy as RoutingStrategy
    from .vocabulary import RoutingStrategyWord as RoutingStrategyWord
    from .vocabulary import StartupOutcome as StartupOutcome
    from .vocabulary import StartupOutcomeWord as StartupOutcomeWord
    from .vocabulary import Surface as Surface
    from .vocabulary import SurfaceWord as SurfaceWord
    from .vocabulary import TargetKindWord as TargetKindWord
    from .vocabulary import TelemetryStatus as TelemetryStatus
    from .vocabulary import TelemetryStatusWord as TelemetryStatusWord
    from .wire import FIELDS as FIELDS
    from .wire import EventRow as EventRow
    from .wire import EventShape as EventShape
    from .wire import Field as Field
    from .wire import HeartbeatPayload as HeartbeatPayload
    from .wire import Shape as Shape
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


if not TYPE_CHECKING:  # or a type checker would take every name, a mistyped one too, for there

    def __getattr__(name: str) -> object:
        room = _ROOM_OF_NAME.get(name)
        if room is None:
            msg = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(msg)
        from importlib import import_module  # nothing is loaded before it is asked for

        value = getattr(import_module(f".{room}", __name__), name)
        globals()[name] = value  # the next look finds it without coming here
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOM_OF_NAME})
