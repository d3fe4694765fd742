"""
What the scanner knows of each place in a heartbeat: closed words, our own stamps, or open.

Only an open place can hold something of a person's by accident, so only there a person
called `linux` or `cli` could be mistaken for a word of ours. What is not in the table is
open, and unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from ..vocabulary import EnvKind, ErrorCategory, LaunchSource, StartupOutcome, Surface
from ..wire import COUNT_MAX, ROUTING_MODES

__all__ = ["HEARTBEAT_RULES", "FieldRule"]


class FieldRule(Protocol):
    """
    What may stand in one place of a document.

    *kind* says how freely: ``closed`` (words, booleans and numbers: nothing is searched),
    ``own`` (made or declared by the program, checked by a pattern: credentials are
    searched), ``version`` (dotted numbers are no addresses here) or ``open`` (everything is
    searched). *words* are never searched: closed words, or the known keys of a map.
    *members* are the fields of an object; *values* is the rule of every value of a map or
    list, whose keys *kind* describes; both are None for a single value.
    """

    @property
    def kind(self) -> str:
        """`closed`, `own`, `version` or `open`; any other word reads as `open`."""
        ...

    @property
    def words(self) -> frozenset[str]:
        """The closed words of a value, or the known keys of a map."""
        ...

    @property
    def members(self) -> Mapping[str, FieldRule] | None:
        """The fields of an object."""
        ...

    @property
    def values(self) -> FieldRule | None:
        """The rule of every value of a map or list."""
        ...

    def accepts(self, value: object) -> bool:
        """Return whether *value* itself (not what is in it) has the type and form of this place."""
        ...

    def accepts_key(self, key: str) -> bool:
        """Return whether *key*, which is none of *words*, may be a key of this map."""
        ...


@dataclass(frozen=True)
class _Rule:
    kind: str
    check: Callable[[object], bool]
    words: frozenset[str] = frozenset()
    members: Mapping[str, FieldRule] | None = None
    values: FieldRule | None = None

    def accepts(self, value: object) -> bool:
        return self.check(value)

    def accepts_key(self, key: str) -> bool:
        return self.kind != "closed" or key in self.words


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _is_count(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return 0 <= value <= COUNT_MAX and value == int(value)


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _own(pattern: str) -> _Rule:
    form = re.compile(pattern, re.ASCII)
    return _Rule("own", lambda value: isinstance(value, str) and form.fullmatch(value) is not None)


def _words(*words: str) -> _Rule:
    closed = frozenset(map(str, words))
    return _Rule("closed", lambda value: isinstance(value, str) and value in closed, closed)


def _map_of(values: FieldRule, *keys: str, closed: bool = False) -> _Rule:
    return _Rule("closed" if closed else "open", _is_object, frozenset(map(str, keys)), values=values)


def _object(**members: FieldRule) -> _Rule:
    return _Rule("closed", _is_object, members=members)


def _list_of(values: FieldRule) -> _Rule:
    return _Rule("open", lambda value: isinstance(value, list), values=values)


_COUNT = _Rule("closed", _is_count)
_FLAG = _Rule("closed", _is_flag)
_FLAG_OR_NULL = _Rule("closed", lambda value: value is None or _is_flag(value))
_OPEN = _Rule("open", _is_text)
_VERSION = _Rule("version", _is_text)
_MOMENT = _own(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z|")
_ID = _own(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{20,64}|0?")

HEARTBEAT_RULES: Mapping[str, FieldRule] = {
    "app": _own(r"[a-z][a-z0-9-]{0,62}"),
    "anonymous_id": _ID,
    "anonymous_id_created_at": _MOMENT,
    "heartbeat_id": _ID,
    "version": _VERSION,
    "current_version": _VERSION,
    "previous_version": _VERSION,
    "edition": _own(r"[a-z][a-z0-9_-]{0,31}"),
    "os": _words("linux", "darwin", "windows", "freebsd", "openbsd", "netbsd", "aix", "other", "unknown"),
    "arch": _words("amd64", "arm64", "386", "arm", "ppc64le", "s390x", "riscv64", "other", "unknown"),
    "python_version": _own(r"[0-9]{1,2}(\.[0-9]{1,3}){1,2}((a|b|rc)[0-9]{1,3})?\+?"),
    "server_count": _COUNT,
    "connected_server_count": _COUNT,
    "tool_count": _COUNT,
    "uptime_hours": _COUNT,
    # Open for a host that has other words than ours; ours are never taken for a name.
    "routing_mode": _Rule("open", _is_text, frozenset(ROUTING_MODES)),
    "quarantine_enabled": _FLAG,
    "timestamp": _MOMENT,
    "schema_version": _COUNT,
    "autostart_enabled": _FLAG_OR_NULL,
    "last_startup_outcome": _words(*StartupOutcome),
    "surface_requests": _map_of(_COUNT, *Surface, closed=True),
    "builtin_tool_calls": _map_of(_COUNT, "other"),
    "upstream_tool_call_count_bucket": _words("0", "1-10", "11-100", "101-1000", "1000+"),
    "rest_endpoint_calls": _map_of(
        _map_of(_COUNT, "1xx", "2xx", "3xx", "4xx", "5xx", "other", closed=True), "UNMATCHED", "other"
    ),
    "feature_flags": _object(
        enable_socket=_FLAG,
        enable_web_ui=_FLAG,
        enable_prompts=_FLAG,
        require_mcp_auth=_FLAG,
        enable_code_execution=_FLAG,
        quarantine_enabled=_FLAG,
        sensitive_data_detection_enabled=_FLAG,
        oauth_provider_types=_list_of(_words("google", "github", "microsoft", "generic")),
        docker_available=_FLAG,
    ),
    "flags": _map_of(_FLAG),
    "error_category_counts": _map_of(_COUNT, *ErrorCategory, "other"),
    "doctor_checks": _map_of(_object(**{"pass": _COUNT, "fail": _COUNT}), "other"),
    "server_protocol_counts": _map_of(
        _COUNT, "stdio", "http", "sse", "streamable_http", "auto", closed=True
    ),
    "server_docker_isolated_count": _COUNT,
    "env_kind": _words(*EnvKind),
    "env_markers": _object(
        has_ci_env=_FLAG, has_cloud_ide_env=_FLAG, is_container=_FLAG, has_tty=_FLAG, has_display=_FLAG
    ),
    "launch_source": _words(*LaunchSource),
    "activation": _object(
        first_connected_server_ever=_FLAG,
        first_mcp_client_ever=_FLAG,
        first_retrieve_tools_call_ever=_FLAG,
        mcp_clients_seen_ever=_list_of(_OPEN),
        retrieve_tools_calls_24h=_COUNT,
        estimated_tokens_saved_24h_bucket=_words("0", "1_100", "100_1k", "1k_10k", "10k_100k", "100k_plus"),
        configured_ide_count=_COUNT,
    ),
}
"""The heartbeat's fields as the scanner sees them: name to rule."""
