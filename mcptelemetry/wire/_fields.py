"""
`FIELDS`: everything that may leave in a heartbeat, as one table.

A key that is not in it cannot leave. From it come the check before sending, the collector's
validation, what the scanner searches for where, the `fields` command,
the contract file, `docs/TELEMETRY.md` and the paragraph that an author can paste.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ..vocabulary import (
    APP_NAME_PATTERN,
    CLIENT_NAME_PATTERN,
    DURATION_BUCKETS,
    IDENTIFIER_PATTERN,
    MAX_MCP_CLIENTS_SEEN,
    MILESTONES_MAX,
    OTHER,
    ROUTE_PATTERN,
    STATUS_CLASSES,
    TOKEN_BUCKETS,
    TOOL_NAME_PATTERN,
    UNMATCHED,
    UPSTREAM_BUCKETS,
    UUID_PATTERN,
    EnvKind,
    ErrorCategory,
    LaunchSource,
    StartupOutcome,
    Surface,
)
from ._clients import CLIENT_SPELLINGS, UNKNOWN_CLIENT
from ._shapes import (
    DECLARED,
    OPEN,
    OWN,
    VERSION,
    Count,
    Flag,
    ListOf,
    MapOf,
    Object,
    Shape,
    Text,
    Words,
)

__all__ = [
    "ARCH_WORDS",
    "FEATURE_FLAGS",
    "FIELDS",
    "FIELD_SHAPES",
    "HEARTBEAT",
    "HEARTBEAT_BYTES_MAX",
    "OAUTH_PROVIDERS",
    "OPEN_MAP_ENTRIES_MAX",
    "OS_WORDS",
    "PROTOCOLS",
    "ROUTING_MODES",
    "SCHEMA_VERSION",
    "ZERO_ID",
    "Field",
]

SCHEMA_VERSION = 3
"""The version of the heartbeat that this package sends."""

HEARTBEAT_BYTES_MAX = 16 * 1024
"""A larger heartbeat is not sent."""

OPEN_MAP_ENTRIES_MAX = 50
"""So many entries of an open map leave by name; the others are summed as `other`."""

ZERO_ID = "00000000-0000-0000-0000-000000000000"
"""What a preview shows for ids that were not drawn yet."""



class Field(NamedTuple):
    """
    One row: a key of the document and what is to be said about it.

    *is_omitted_when_empty* means that the key is left out when nothing is known. *since* is
    the schema version that brought it, *purpose* one sentence on what it is for.
    """

    name: str
    shape: Shape
    is_omitted_when_empty: bool
    since: int
    purpose: str


def _words(buckets: tuple[tuple[int | None, str], ...]) -> Words:
    return Words(name for _, name in buckets)


_COUNT = Count()
_FLAG = Flag()
_APP = Text(DECLARED, APP_NAME_PATTERN, 63, "acme-mcp")
_EDITION = Text(DECLARED, r"[a-z][a-z0-9_-]*", 32, "personal")
_ID = Text(OWN, UUID_PATTERN, 36, ZERO_ID)
_MOMENT = Text(
    OWN,
    r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z",
    20,
    "2026-11-21T09:30:00Z",
)
_PYTHON_VERSION = Text(OWN, r"[0-9]{1,2}(?:\.[0-9]{1,3}){1,2}(?:(?:a|b|rc)[0-9]{1,3})?\+?", 20, "3.12.1")
_VERSION = Text(VERSION, r"[0-9A-Za-z][0-9A-Za-z.+_!~-]*", 64, "v1.4.0")
_VERSION_OR_EMPTY = Text(VERSION, r"(?:[0-9A-Za-z][0-9A-Za-z.+_!~-]*)?", 64, "v1.3.2 or nothing")
_DECLARED_WORD = Text(DECLARED, IDENTIFIER_PATTERN, 64, "config_reload_failed")
_CHECK_NAME = Text(OPEN, IDENTIFIER_PATTERN, 64, "config_reload_failed")
_TOOL_NAME = Text(DECLARED, TOOL_NAME_PATTERN, 64, "get_issues")
_CLIENT_NAME = Text(
    OPEN, CLIENT_NAME_PATTERN, 64, "claude-desktop", words=(*CLIENT_SPELLINGS, UNKNOWN_CLIENT)
)
_ROUTE = Text(DECLARED, ROUTE_PATTERN, 210, '"GET /api/v1/servers"')
_ENTRIES_MAX = OPEN_MAP_ENTRIES_MAX + 1  # and `other`

ROUTING_MODES = (
    "remote", "local", "local-first", "remote-first", "retrieve_tools", "direct", "code_execution",
    OTHER, "unknown",
)  # fmt: skip
OS_WORDS = ("linux", "darwin", "windows", "freebsd", "openbsd", "netbsd", OTHER)
ARCH_WORDS = ("amd64", "arm64", "386", "arm", "ppc64le", "s390x", "riscv64", OTHER)
PROTOCOLS = ("stdio", "http", "sse", "streamable_http", "auto")
OAUTH_PROVIDERS = ("google", "github", "microsoft", "generic")
FEATURE_FLAGS = (
    "enable_socket", "enable_web_ui", "enable_prompts", "require_mcp_auth", "enable_code_execution",
    "quarantine_enabled", "sensitive_data_detection_enabled", "oauth_provider_types", "docker_available",
)  # fmt: skip
_MARKERS = ("has_ci_env", "has_cloud_ide_env", "is_container", "has_tty", "has_display")

_FEATURE_SHAPES: dict[str, Shape] = {
    name: ListOf(Words(OAUTH_PROVIDERS), len(OAUTH_PROVIDERS)) if name == "oauth_provider_types" else _FLAG
    for name in FEATURE_FLAGS
}
_ACTIVATION = Object(
    {
        "first_connected_server_ever": _FLAG,
        "first_mcp_client_ever": _FLAG,
        "first_retrieve_tools_call_ever": _FLAG,
        "mcp_clients_seen_ever": ListOf(_CLIENT_NAME, MAX_MCP_CLIENTS_SEEN),
        "retrieve_tools_calls_24h": _COUNT,
        "estimated_tokens_saved_24h_bucket": _words(TOKEN_BUCKETS),
        "configured_ide_count": _COUNT,
        "milestones": MapOf(_FLAG, keys=_DECLARED_WORD, most=MILESTONES_MAX),
    },
    optional=("milestones",),
)

_ALWAYS, _WHEN_KNOWN = False, True

FIELDS: tuple[Field, ...] = (
    Field("app", _APP, _ALWAYS, 3, "Tells applications apart that report to one address."),
    Field("anonymous_id", _ID, _ALWAYS, 1, "Counts installations; drawn at random, from nothing of the machine's or a person's; replaced every 365 days."),
    Field("heartbeat_id", _ID, _ALWAYS, 3, "Lets a heartbeat that had to be sent twice be counted once; drawn at random each time."),
    Field("version", _VERSION, _ALWAYS, 1, "Shows which versions are in use."),
    Field("edition", _EDITION, _ALWAYS, 1, "Shows which edition is in use."),
    Field("os", Words(OS_WORDS), _ALWAYS, 1, "Shows which systems to support and test on."),
    Field("arch", Words(ARCH_WORDS), _ALWAYS, 1, "Shows which processors to build for."),
    Field("python_version", _PYTHON_VERSION, _ALWAYS, 3, "Shows which Python versions must still be supported."),
    Field("server_count", _COUNT, _ALWAYS, 1, "Shows how many upstream servers people configure."),
    Field("connected_server_count", _COUNT, _ALWAYS, 1, "Shows how many of those servers can be reached."),
    Field("tool_count", _COUNT, _ALWAYS, 1, "Shows how many tools people have to choose from."),
    Field("uptime_hours", _COUNT, _ALWAYS, 1, "Shows whether it runs for minutes or for weeks."),
    Field("routing_mode", Words(ROUTING_MODES), _ALWAYS, 1, "Shows which way of routing is used."),
    Field("quarantine_enabled", _FLAG, _ALWAYS, 1, "Shows whether the quarantine is in use."),
    Field("timestamp", _MOMENT, _ALWAYS, 1, "Says when the document was made, to the second, in UTC."),
    Field("previous_version", _VERSION_OR_EMPTY, _ALWAYS, 2, "Shows from which version people upgrade."),
    Field("schema_version", Count(SCHEMA_VERSION, SCHEMA_VERSION), _ALWAYS, 2, "Says by which table this document is to be read."),
    Field("autostart_enabled", Flag(or_null=True), _ALWAYS, 3, "Shows whether it starts at login; null when that is not known."),
    Field("anonymous_id_created_at", _MOMENT, _WHEN_KNOWN, 2, "Shows how long installations stay."),
    Field("current_version", _VERSION, _WHEN_KNOWN, 2, "Stands beside previous_version to show an upgrade."),
    Field("last_startup_outcome", Words(StartupOutcome), _WHEN_KNOWN, 2, "Shows why starting fails, as one closed word."),
    Field("surface_requests", MapOf(_COUNT, words=Surface), _WHEN_KNOWN, 2, "Counts requests by where they came from."),
    Field("builtin_tool_calls", MapOf(_COUNT, words=(OTHER,), keys=_TOOL_NAME, most=_ENTRIES_MAX), _WHEN_KNOWN, 2, "Counts calls of the tools that the application itself declares."),
    Field("builtin_tool_errors", MapOf(_COUNT, words=(OTHER,), keys=_TOOL_NAME, most=_ENTRIES_MAX), _WHEN_KNOWN, 3, "Counts how many of those calls failed; never why in words."),
    Field("builtin_tool_durations", MapOf(MapOf(_COUNT, words=(name for _, name in DURATION_BUCKETS)), words=(OTHER,), keys=_TOOL_NAME, most=_ENTRIES_MAX), _WHEN_KNOWN, 3, "Shows roughly how long those calls took, in five steps."),
    Field("upstream_tool_call_count_bucket", _words(UPSTREAM_BUCKETS), _WHEN_KNOWN, 2, "Shows roughly how many calls went to other servers; never which."),
    Field("rest_endpoint_calls", MapOf(MapOf(_COUNT, words=(*STATUS_CLASSES, OTHER)), words=(UNMATCHED, OTHER), keys=_ROUTE, most=_ENTRIES_MAX), _WHEN_KNOWN, 2, "Counts requests by the application's own route templates and class of status; never by the path that was asked for."),
    Field("feature_flags", Object(_FEATURE_SHAPES), _WHEN_KNOWN, 2, "Shows which features are switched on."),
    Field("flags", MapOf(_FLAG, keys=_DECLARED_WORD, most=OPEN_MAP_ENTRIES_MAX), _WHEN_KNOWN, 3, "Shows which of the application's own switches are on."),
    Field("error_category_counts", MapOf(_COUNT, words=(*ErrorCategory, OTHER), keys=_DECLARED_WORD, most=_ENTRIES_MAX), _WHEN_KNOWN, 2, "Counts errors by closed category; never their text."),
    Field("doctor_checks", MapOf(Object({"pass": _COUNT, "fail": _COUNT}), words=(OTHER,), keys=_CHECK_NAME, most=_ENTRIES_MAX), _WHEN_KNOWN, 2, "Counts how often each self-check passed and failed."),
    Field("server_protocol_counts", MapOf(_COUNT, words=PROTOCOLS), _WHEN_KNOWN, 3, "Shows which protocols upstream servers speak; never their names or addresses."),
    Field("server_docker_isolated_count", _COUNT, _WHEN_KNOWN, 3, "Shows how many upstream servers run in a container of their own."),
    Field("env_kind", Words(EnvKind), _WHEN_KNOWN, 3, "Tells people from automation."),
    Field("env_markers", Object(dict.fromkeys(_MARKERS, _FLAG)), _WHEN_KNOWN, 3, "Shows on what env_kind rests, as booleans only."),
    Field("activation", _ACTIVATION, _WHEN_KNOWN, 3, "Shows how far people get when they begin, and where they give up."),
    Field("launch_source", Words(LaunchSource), _WHEN_KNOWN, 3, "Shows how the application is started."),
)  # fmt: skip
"""The table, in the order of the document."""

FIELD_SHAPES: Mapping[str, Shape] = {field.name: field.shape for field in FIELDS}
"""The table as the scanner takes it: name to shape."""

HEARTBEAT = Object(FIELD_SHAPES, optional=[field.name for field in FIELDS if field.is_omitted_when_empty])
"""The whole document as one shape."""
