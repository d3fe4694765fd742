"""
Every pattern, bound, bucket and single word that two rooms would otherwise keep.

Each stands here once, so that what is counted, checked, sent and stored agrees.
"""

from __future__ import annotations

__all__ = [
    "APP_NAME_PATTERN", "AUTOSTART_FILE", "CLIENT_INFO_KEY", "CLIENT_NAME_PATTERN", "COUNT_MAX", "DAY_SECS",
    "DURATION_BUCKETS", "EVENTS_PATH", "FEEDBACK_PATH", "HEARTBEAT_PATH", "HTTP_METHODS", "IDENTIFIER_PATTERN",
    "MAX_MCP_CLIENTS_SEEN", "METRICS_PATH", "MILESTONES_MAX", "NAME_CHARACTERS_MAX", "OS_WORD_OF_PLATFORM", "OTHER",
    "OTHER_METHOD", "PORT_MAX", "ROUTE_PATTERN", "SHORT_EVENTS_PATH", "SPOOL_FILE", "STATUS_CLASSES", "TEMPLATE_PATTERN",
    "TIMESTAMP_SECS_MAX", "TOKEN_BUCKETS", "TOOL_NAME_PATTERN", "TRACEPARENT_KEY", "TRACES_PATH", "UNKNOWN_TOOL", "UNMATCHED",
    "UPSTREAM_BUCKETS", "UUID_PATTERN",
    "WRAPPED_VARIABLE",
]  # fmt: skip

UNKNOWN_TOOL = "unknown_tool"
"""What is recorded instead of a tool's name that no server declared: a stranger's text."""
OTHER = "other"
"""What stands for all that has no word of its own, and for the sum of the smaller entries of a map."""
UNMATCHED = "UNMATCHED"
"""What stands for every path of a request that is no known template."""
HTTP_METHODS = ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE")
OTHER_METHOD = "OTHER"
"""What stands for a method that is not among `HTTP_METHODS`."""
STATUS_CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")

UPSTREAM_BUCKETS = ((0, "0"), (10, "1-10"), (100, "11-100"), (1_000, "101-1000"), (None, "1000+"))
"""Upper edges, inclusive, and the names of the buckets of upstream calls, lowest first."""
TOKEN_BUCKETS = (
    (0, "0"),
    (100, "1_100"),
    (1_000, "100_1k"),
    (10_000, "1k_10k"),
    (100_000, "10k_100k"),
    (None, "100k_plus"),
)
"""Upper edges, inclusive, and the names of the buckets of saved tokens, lowest first."""
DURATION_BUCKETS = ((10, "le_10ms"), (100, "le_100ms"), (1_000, "le_1s"), (10_000, "le_10s"), (None, "over_10s"))
"""Upper edges in milliseconds, inclusive, and the names of the buckets of durations, lowest first."""

# Patterns match from end to end, and are written in what Python and ECMAScript have in common.
APP_NAME_PATTERN = "[a-z][a-z0-9-]{0,62}"
IDENTIFIER_PATTERN = "[a-z][a-z0-9_]{0,63}"
"""Categories, flags, checks, milestones: a word of the application's own."""
TOOL_NAME_PATTERN = "[A-Za-z0-9_.-]{1,64}"
CLIENT_NAME_PATTERN = "[a-z0-9][a-z0-9._-]{0,63}"
TEMPLATE_PATTERN = r"/[!-\"$->@-~]{0,199}"
"""A route's template: no query, fragment, blank or control character."""
ROUTE_PATTERN = rf"[A-Z]{{3,7}} (?:{UNMATCHED}|{TEMPLATE_PATTERN})"
"""A method and a template, as requests are counted."""
UUID_PATTERN = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

COUNT_MAX = 2**53 - 1
"""The largest count: beyond it, not every reader of JSON has whole numbers."""
TIMESTAMP_SECS_MAX = 253_402_300_799
"""The last second of the year 9999: a later moment is nobody's, and no calendar has it."""
NAME_CHARACTERS_MAX = 128
"""A longer name in an event is cut."""
MAX_MCP_CLIENTS_SEEN = 16
"""So many names of MCP clients are kept and reported."""
MILESTONES_MAX = 16
"""So many milestones an application may declare."""
DAY_SECS = 86_400.0
PORT_MAX = 65_535

EVENTS_PATH = "/api/telemetry/tool-invocations"
"""Where a collector takes events in, below its base address."""
SHORT_EVENTS_PATH = "/events"
"""The same, for who types it."""
HEARTBEAT_PATH = "/heartbeat"
"""Where a collector takes heartbeats in, below its base address."""
FEEDBACK_PATH = "/feedback"
"""Where a collector takes feedback in, below its base address."""
TRACES_PATH = "/v1/traces"
"""Where an OpenTelemetry Collector takes spans in, below its base address."""
METRICS_PATH = "/v1/metrics"
"""Where an OpenTelemetry Collector takes metrics in, below its base address."""
CLIENT_INFO_KEY = "io.modelcontextprotocol/clientInfo"
"""Under which key of a request's `_meta` an MCP client introduces itself."""
TRACEPARENT_KEY = "traceparent"
"""Under which key of a request's `_meta` the caller names the span that it belongs to."""
AUTOSTART_FILE = "tray-autostart.json"
WRAPPED_VARIABLE = "MCPTELEMETRY_WRAPPED"
"""The environment variable by which a server learns that `wrap` records its calls, and, as a checksum, for which place."""
"""In which file of the data directory a tray says whether it starts at login."""
SPOOL_FILE = "telemetry-spool.db"
"""In which file of the data directory events wait that are not delivered yet."""
OS_WORD_OF_PLATFORM = {"win32": "windows", "cygwin": "windows"}
"""The seeds' words for `sys.platform`, where it has another."""
