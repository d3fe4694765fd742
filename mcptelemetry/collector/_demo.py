"""
A believable year of an application, as the documents that its collector would have taken in.

For the demonstration, and for tests that ask a store what plain arithmetic over the same
documents can answer too. Every document passes the collector's own checks; some come twice,
as they do in life, and some hours have refusals.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from random import Random
from typing import Any, Literal, NamedTuple

from ..vocabulary import DAY_SECS, UNKNOWN_TOOL
from ..wire import FEEDBACK_CATEGORIES, TelemetryBatch, TelemetryEvent
from ._demo_population import (
    Installation,
    draw_installations,
    draw_uuid,
    is_active,
    pick,
    version_on,
)
from .stores import Refused, Store

__all__ = ["DEMO_APP", "DEMO_UNTIL", "DemoDocument", "demo_documents", "store_documents"]

DEMO_APP = "acme-mcp"
DEMO_UNTIL = 1_764_288_000
"""28 November 2025, 00:00 UTC: the end of the year that is always the same."""

_DAY = int(DAY_SECS)
_DAYS_AT_ONCE = 7  # a year is written in a minute instead of ten
# Name, weight, failures in a thousand, median latency in milliseconds and how widely it varies.
_TOOLS = (
    (("get_issues", 12, 24.0, 0.9), 40.0),
    (("search_documents", 24, 180.0, 1.0), 27.0),
    (("create_merge_request", 68, 410.0, 0.9), 9.0),
    (("get_merge_requests", 9, 31.0, 0.8), 8.5),
    (("run_pipeline", 114, 1900.0, 0.8), 3.0),
    (("list_contexts", 1, 2.0, 0.6), 2.8),
    ((UNKNOWN_TOOL, 1000, 1.0, 0.3), 0.3),
)
_ROUTES = (("local_only", 60.0), ("strategy_remote", 25.0), ("override_rule", 10.0), ("explicit_prefix", 5.0))
_ERROR_TYPES = (("tool_error", 60.0), ("timeout", 22.0), ("protocol_error", 11.0), ("cancelled", 5.0), ("aborted", 2.0))
_BAD_VERSION, _BAD_FACTOR = "v1.3.0", 3  # the release that had to be mended
_MESSAGES = (
    "It does not start when the laptop wakes from sleep.",
    "Could search show the newest documents first?",
    "Thank you, this saves me an hour every day.",
    "run_pipeline says timeout although the pipeline is green.",
    "Please add a way to leave drafts out of get_merge_requests.",
)
_DURATION_STEPS = ((10, "le_10ms"), (100, "le_100ms"), (1_000, "le_1s"), (10_000, "le_10s"), (math.inf, "over_10s"))


class DemoDocument(NamedTuple):
    """A document as it was received, or (of `refusals`) a count of those that were not taken, by reason."""

    received_at: int
    stream: Literal["events", "heartbeats", "feedback", "refusals"]
    document: dict[str, Any]


def demo_documents(
    installations: int = 2000, days: int = 365, *, seed: int = 1, until: int = DEMO_UNTIL
) -> Iterator[DemoDocument]:
    """
    Yield the documents of *days* days that end at *until*, in the order of their receipt.

    *until* is Unix seconds, a midnight in UTC. The same arguments give the same documents.
    """
    random = Random(seed)  # noqa: S311  a demonstration is no secret
    people = draw_installations(random, installations, days)
    upgraded_from: dict[str, str] = {}
    for day in range(days):
        midnight = until - (days - day) * _DAY
        documents: list[DemoDocument] = []
        for installation in people:
            if installation.first_day <= day <= installation.last_day and is_active(installation, day, midnight, random):
                documents.extend(_documents_of_a_day(installation, day, days, midnight, random, upgraded_from))
        if random.random() < 0.05:
            refused = {"heartbeats: not a heartbeat": 1, "events: too large": 1 + int(random.random() * 3)}
            documents.append(DemoDocument(midnight + 3600 * 5, "refusals", refused))
        documents.sort(key=attrgetter("received_at"))
        yield from documents


def store_documents(store: Store, documents: Iterable[DemoDocument]) -> int:
    """Have *store* take *documents* in, those of a few days in one transaction; return how many there were."""
    count = 0
    for _, days in groupby(documents, key=lambda received: received.received_at // (_DAYS_AT_ONCE * _DAY)):
        received = list(days)
        count += len(received)
        store.add_batches([(_as_batch(one.document), one.received_at) for one in received if one.stream == "events"])
        store.add_heartbeats([(one.document, one.received_at) for one in received if one.stream == "heartbeats"])
        for one in received:
            if one.stream == "feedback":
                store.add_feedback(one.document, received_at=one.received_at)
            elif one.stream == "refusals":
                refusals = {Refused(*name.split(": ", 1)): count for name, count in one.document.items()}
                store.add_refusals(refusals, received_at=one.received_at)
    return count


def _as_batch(document: dict[str, Any]) -> TelemetryBatch:
    events = [TelemetryEvent.from_dict(event) for event in document["events"]]
    return TelemetryBatch(events, app=document["app"], version=document["version"])


def _documents_of_a_day(
    installation: Installation, day: int, days: int, midnight: int, random: Random, upgraded_from: dict[str, str]
) -> Iterator[DemoDocument]:
    version = version_on(installation, day, days)
    began_at = midnight + int((0.3 + 0.4 * random.random()) * _DAY)
    events = list(_draw_events(installation, version, began_at, random))
    batch_at = began_at + 3000 + int(random.random() * 600)
    if events and installation.sends_events:
        batch = DemoDocument(batch_at, "events", {"events": events, "app": DEMO_APP, "version": version})
        yield batch
        if random.random() < 0.01:  # its answer was lost
            yield batch
    heartbeat_at = began_at + int(random.random() * 7200)
    heartbeat = _make_heartbeat(installation, version, day, heartbeat_at, random, events)
    heartbeat["previous_version"] = upgraded_from.get(installation.anonymous_id, "")
    upgraded_from[installation.anonymous_id] = version
    yield DemoDocument(heartbeat_at, "heartbeats", heartbeat)
    if random.random() < 0.01:
        yield DemoDocument(heartbeat_at + 60, "heartbeats", heartbeat)
    if random.random() < 0.0015:
        yield DemoDocument(heartbeat_at + 120, "feedback", _make_feedback(heartbeat, random))


def _draw_events(installation: Installation, version: str, began_at: int, random: Random) -> Iterator[dict[str, Any]]:
    process = f"{int(random.random() * 2**40):010x}{int(random.random() * 2**40):010x}"
    client = pick(random, [(name, 1.0) for name in installation.clients]) if installation.clients else None
    for number in range(int(installation.calls_a_day * (0.4 + 1.2 * random.random()))):
        tool, failures, median_ms, spread = pick(random, _TOOLS)
        route = pick(random, _ROUTES)
        spread *= random.random() + random.random() + random.random() - 1.5
        event: dict[str, Any] = {"tool": tool, "routing_decision": route}
        if route == "override_rule":
            event["routing_detail"] = "get_*"
        if route != "local_only":
            event["upstream"] = "cloud"
        is_error = random.random() * 1000 < failures * (_BAD_FACTOR if version == _BAD_VERSION else 1)
        event["status"] = "error" if is_error else "success"
        if is_error:
            event["error_type"] = pick(random, _ERROR_TYPES)
        if client is not None:
            event["client"] = client
        event["latency_ms"] = int(median_ms * math.exp(2 * spread))
        event["timestamp_secs"] = began_at + int(random.random() * 3000)
        event["id"] = f"{process}-{number}"
        yield event


def _make_heartbeat(
    installation: Installation, version: str, day: int, moment: int, random: Random, events: list[dict[str, Any]]
) -> dict[str, Any]:
    calls: dict[str, int] = {}
    errors: dict[str, int] = {}
    durations: dict[str, dict[str, int]] = {}
    for event in events:
        if event["tool"] != UNKNOWN_TOOL and "upstream" not in event:
            tool = event["tool"]
            calls[tool] = calls.get(tool, 0) + 1
            step = next(word for edge, word in _DURATION_STEPS if event["latency_ms"] <= edge)
            steps = durations.setdefault(tool, {})
            steps[step] = steps.get(step, 0) + 1
            if event["status"] == "error":
                errors[tool] = errors.get(tool, 0) + 1
    age = day - installation.first_day
    document = {
        "app": DEMO_APP,
        "anonymous_id": installation.anonymous_id,
        "heartbeat_id": draw_uuid(random),
        "version": version,
        "edition": "personal",
        "os": installation.os,
        "arch": installation.arch,
        "python_version": installation.python_version,
        "server_count": len(installation.clients),
        "connected_server_count": len(installation.clients),
        "tool_count": 6,
        "uptime_hours": int(random.random() * 30),
        "routing_mode": "local-first",
        "quarantine_enabled": False,
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment)),
        "previous_version": "",
        "schema_version": 3,
        "autostart_enabled": None,
        "surface_requests": {"mcp": len(events), "cli": int(random.random() * 3), "webui": 0, "tray": 0, "unknown": 0},
        "env_kind": installation.env_kind,
        "launch_source": installation.launch_source,
        "activation": {
            "first_connected_server_ever": bool(installation.clients),
            "first_mcp_client_ever": bool(installation.clients),
            "first_retrieve_tools_call_ever": bool(installation.clients) and age > 0,
            "mcp_clients_seen_ever": list(installation.clients),
            "retrieve_tools_calls_24h": 0,
            "estimated_tokens_saved_24h_bucket": "0",
            "configured_ide_count": len(installation.clients),
            "milestones": {
                name: age >= day_reached
                for name, day_reached in zip(("first_search", "first_pipeline"), installation.milestone_days)
            },
        },
    }
    if random.random() < 0.04:
        document["error_category_counts"] = {"upstream_connect_timeout": 1, "oauth_token_expired": int(random.random() * 3)}
    counted = {"builtin_tool_calls": calls, "builtin_tool_errors": errors, "builtin_tool_durations": durations}
    return {**document, **{field: counts for field, counts in counted.items() if counts}}


def _make_feedback(heartbeat: dict[str, Any], random: Random) -> dict[str, Any]:
    context = ("version", "edition", "os", "arch", "server_count", "connected_server_count", "routing_mode")
    return {
        "app": heartbeat["app"],
        "category": pick(random, [(category, 1.0) for category in FEEDBACK_CATEGORIES]),
        "message": pick(random, [(message, 1.0) for message in _MESSAGES]),
        "context": {name: heartbeat[name] for name in context},
    }
