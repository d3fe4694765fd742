"""
The closed words.

Each enumeration is of ``str`` and its values are the wire words, so a member can be
compared, hashed and encoded as the word itself, and ``Surface("cli") is Surface.CLI``. Beside
each stands its ``...Word``, the same words as a `Literal`: what an author may write instead of
the member, and what a type checker holds against a slip that would be silent at run time.
"""

from __future__ import annotations

from enum import Enum
from typing import Literal

__all__ = [
    "CompressionWord", "EnvDisabledReason", "EnvDisabledReasonWord", "EnvKind", "EnvKindWord", "ErrorCategory",
    "ErrorCategoryWord", "ErrorType", "ErrorTypeWord", "FeedbackCategoryWord", "FormatWord", "LaunchSource",
    "LaunchSourceWord", "RoutingReason", "RoutingReasonWord", "RoutingStrategy", "RoutingStrategyWord",
    "StartupOutcome", "StartupOutcomeWord", "Surface", "SurfaceWord", "TargetKindWord", "TelemetryStatus",
    "TelemetryStatusWord", "Word", "parse_client_surface",
]  # fmt: skip


class Word(str, Enum):
    """A closed set of wire words; printing a member prints its word."""

    # Python 3.12 changed how a mixed-in enumeration formats itself; say it once here.
    __str__ = str.__str__
    __format__ = str.__format__  # type: ignore[assignment]  # Enum declares another signature


class TelemetryStatus(Word):
    """How a tool invocation ended."""

    SUCCESS = "success"
    ERROR = "error"

TelemetryStatusWord = Literal["success", "error"]
"""The words of `TelemetryStatus`."""


class ErrorType(Word):
    """Why an invocation with `TelemetryStatus.ERROR` failed; never the error's text."""

    TOOL_ERROR = "tool_error"
    PROTOCOL_ERROR = "protocol_error"
    CANCELLED = "cancelled"
    TIMEOUT = "timeout"
    ABORTED = "aborted"
    EXCEPTION = "exception"

ErrorTypeWord = Literal[
    "tool_error",
    "protocol_error",
    "cancelled",
    "timeout",
    "aborted",
    "exception",
]
"""The words of `ErrorType`."""


class RoutingReason(Word):
    """Why a call was routed as it was: the label of every routing decision."""

    EXPLICIT_PREFIX = "explicit_prefix"
    LOCAL_ONLY = "local_only"
    REMOTE_ONLY = "remote_only"
    STRATEGY_REMOTE = "strategy_remote"
    STRATEGY_LOCAL = "strategy_local"
    STRATEGY_LOCAL_FIRST = "strategy_local_first"
    STRATEGY_REMOTE_FIRST = "strategy_remote_first"
    OVERRIDE_RULE = "override_rule"
    SCHEMA_INCOMPATIBLE = "schema_incompatible"
    UNKNOWN = "unknown"

RoutingReasonWord = Literal[
    "explicit_prefix",
    "local_only",
    "remote_only",
    "strategy_remote",
    "strategy_local",
    "strategy_local_first",
    "strategy_remote_first",
    "override_rule",
    "schema_incompatible",
    "unknown",
]
"""The words of `RoutingReason`."""


class RoutingStrategy(Word):
    """Where a tool that exists on both sides runs; the values are the words of the TOML file."""

    REMOTE = "remote"
    LOCAL = "local"
    LOCAL_FIRST = "local-first"
    REMOTE_FIRST = "remote-first"

RoutingStrategyWord = Literal["remote", "local", "local-first", "remote-first"]
"""The words of `RoutingStrategy`."""


class Surface(Word):
    """Where a request came from."""

    MCP = "mcp"
    CLI = "cli"
    WEBUI = "webui"
    TRAY = "tray"
    UNKNOWN = "unknown"

SurfaceWord = Literal["mcp", "cli", "webui", "tray", "unknown"]
"""The words of `Surface`."""


_SURFACE_OF_WORD: dict[str, Surface] = {surface.value: surface for surface in Surface}


def parse_client_surface(header: str | None) -> Surface:
    """
    Return the surface that *header* names before its ``/``, in any case: ``cli/1.2`` is `Surface.CLI`.

    Whatever is not one of the closed words is `Surface.UNKNOWN`: a header is a stranger's text.
    """
    if not isinstance(header, str):
        return Surface.UNKNOWN
    return _SURFACE_OF_WORD.get(header.partition("/")[0].strip().lower(), Surface.UNKNOWN)


class ErrorCategory(Word):
    """The error categories a heartbeat may count; an application may add its own words."""

    OAUTH_REFRESH_FAILED = "oauth_refresh_failed"
    OAUTH_TOKEN_EXPIRED = "oauth_token_expired"  # noqa: S105  a wire word, not a password
    UPSTREAM_CONNECT_TIMEOUT = "upstream_connect_timeout"
    UPSTREAM_CONNECT_REFUSED = "upstream_connect_refused"
    UPSTREAM_HANDSHAKE_FAILED = "upstream_handshake_failed"
    TOOL_QUARANTINE_BLOCKED = "tool_quarantine_blocked"
    DOCKER_PULL_FAILED = "docker_pull_failed"
    DOCKER_RUN_FAILED = "docker_run_failed"
    INDEX_REBUILD_FAILED = "index_rebuild_failed"
    CONFIG_RELOAD_FAILED = "config_reload_failed"
    SOCKET_BIND_FAILED = "socket_bind_failed"

ErrorCategoryWord = Literal[
    "oauth_refresh_failed",
    "oauth_token_expired",
    "upstream_connect_timeout",
    "upstream_connect_refused",
    "upstream_handshake_failed",
    "tool_quarantine_blocked",
    "docker_pull_failed",
    "docker_run_failed",
    "index_rebuild_failed",
    "config_reload_failed",
    "socket_bind_failed",
]
"""The words of `ErrorCategory`."""


class StartupOutcome(Word):
    """How the last start of the application ended."""

    SUCCESS = "success"
    PORT_CONFLICT = "port_conflict"
    DB_LOCKED = "db_locked"
    CONFIG_ERROR = "config_error"
    PERMISSION_ERROR = "permission_error"
    OTHER_ERROR = "other_error"

    @classmethod
    def from_exit_code(cls, code: int) -> StartupOutcome:
        """Return the outcome that *code* stands for: 0, 2, 3, 4, 5; any other is `OTHER_ERROR`."""
        return _OUTCOME_OF_EXIT_CODE.get(code, cls.OTHER_ERROR)

StartupOutcomeWord = Literal[
    "success",
    "port_conflict",
    "db_locked",
    "config_error",
    "permission_error",
    "other_error",
]
"""The words of `StartupOutcome`."""


_OUTCOME_OF_EXIT_CODE = {
    0: StartupOutcome.SUCCESS,
    2: StartupOutcome.PORT_CONFLICT,
    3: StartupOutcome.DB_LOCKED,
    4: StartupOutcome.CONFIG_ERROR,
    5: StartupOutcome.PERMISSION_ERROR,
}


class EnvKind(Word):
    """What kind of place a process runs in."""

    INTERACTIVE = "interactive"
    CI = "ci"
    CLOUD_IDE = "cloud_ide"
    CONTAINER = "container"
    HEADLESS = "headless"
    UNKNOWN = "unknown"

EnvKindWord = Literal["interactive", "ci", "cloud_ide", "container", "headless", "unknown"]
"""The words of `EnvKind`."""


class LaunchSource(Word):
    """Who started a process."""

    INSTALLER = "installer"
    TRAY = "tray"
    LOGIN_ITEM = "login_item"
    CLI = "cli"
    UNKNOWN = "unknown"

LaunchSourceWord = Literal["installer", "tray", "login_item", "cli", "unknown"]
"""The words of `LaunchSource`."""


class EnvDisabledReason(Word):
    """Which of the environment's rows switched telemetry off; `NONE` when none did."""

    NONE = ""
    DO_NOT_TRACK = "DO_NOT_TRACK"
    CI = "CI"
    APP = "APP"

EnvDisabledReasonWord = Literal["", "DO_NOT_TRACK", "CI", "APP"]
"""The words of `EnvDisabledReason`."""

FormatWord = Literal["json", "jsonl", "otlp"]
"""How events are written; which of them an endpoint takes depends on its scheme."""

CompressionWord = Literal["gzip", "none"]
"""How a body may be compressed; what happens when nobody says depends on the format."""

TargetKindWord = Literal["local", "remote", "reject"]
"""Where a call may go: to the proxy's own tool, to an upstream's, nowhere."""

FeedbackCategoryWord = Literal["bug", "feature", "other"]
"""What feedback may be about."""
