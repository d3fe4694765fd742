"""
What questions ask of a heartbeat, taken out of the document once, when it comes in.

Every store keeps these facts in tables of its own, so that no question reads documents. The
profile recurs and is worth keeping once; the counts are one row a name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ._answers import Funnel, Share
from ._filter import DAY_SECS, UNNAMED

__all__ = [
    "CLIENT",
    "DURATION",
    "FOUR_WEEKS_SECS",
    "MILESTONE",
    "STEP",
    "TOOL",
    "TOOL_ERROR",
    "Counted",
    "Profile",
    "build_funnel",
    "counts_of",
    "profile_of",
]

CLIENT = "client"
DURATION = "duration:"  # and the step
MILESTONE = "milestone"
STEP = "step"
TOOL = "tool"
TOOL_ERROR = "tool_error"

_STEPS = ("first_connected_server_ever", "first_mcp_client_ever", "first_retrieve_tools_call_ever")
"""The steps of the funnel that every application has, in their order."""
_FOUR_WEEKS = "four_weeks"
FOUR_WEEKS_SECS = 28 * DAY_SECS
"""Who is heard from so long after the first time has come to the funnel's last step."""

# Kind to the field whose names and counts it has; kinds are words of the port's `Counted` where it has one.
_MAPS = (
    (TOOL, "builtin_tool_calls"),
    (TOOL_ERROR, "builtin_tool_errors"),
    ("surface", "surface_requests"),
    ("error_category", "error_category_counts"),
)


# More than anybody does in a day, and few enough that no engine's sum of them overflows.
_COUNT_MAX = 1_000_000_000


class Profile(NamedTuple):
    """What an installation says of itself; the same in heartbeat after heartbeat."""

    app: str
    version: str
    previous_version: str
    edition: str
    os: str
    arch: str
    python: str
    routing_mode: str
    env_kind: str
    launch_source: str


class Counted(NamedTuple):
    """So many of *name*, of a kind."""

    kind: str
    name: str
    times: int


def profile_of(document: Mapping[str, Any]) -> Profile:
    """Return the profile that *document*, a checked heartbeat, shows."""
    return Profile(
        app=document["app"],
        version=document["version"],
        previous_version=document["previous_version"],
        edition=document["edition"],
        os=document["os"],
        arch=document["arch"],
        python=".".join(document["python_version"].rstrip("+").split(".")[:2]),
        routing_mode=document["routing_mode"],
        env_kind=document.get("env_kind") or UNNAMED,
        launch_source=document.get("launch_source") or UNNAMED,
    )


def counts_of(document: Mapping[str, Any]) -> Iterator[Counted]:
    """Yield what *document*, a checked heartbeat, counts, without zeros; a flag that is set and a client count one."""
    for kind, field in _MAPS:
        for name, count in (document.get(field) or {}).items():
            if count:
                yield Counted(kind, name, min(count, _COUNT_MAX))
    for name, durations in (document.get("builtin_tool_durations") or {}).items():
        for step, count in durations.items():
            if count:
                yield Counted(DURATION + step, name, min(count, _COUNT_MAX))
    activation = document.get("activation") or {}
    for name in _STEPS:
        if activation.get(name):
            yield Counted(STEP, name, 1)
    for name, is_reached in (activation.get("milestones") or {}).items():
        if is_reached:
            yield Counted(MILESTONE, name, 1)
    for name in dict.fromkeys(activation.get("mcp_clients_seen_ever") or ()):
        yield Counted(CLIENT, name, 1)


def build_funnel(installed: int, stayed: int, reached: Sequence[Sequence[Any]]) -> Funnel:
    """Return the funnel of *installed*, of whom *stayed* four weeks; *reached* has kind, name and count of each step, most first."""
    first = {name: count for kind, name, count in reached if kind == STEP}
    milestones = [Share(name, count) for kind, name, count in reached if kind == MILESTONE]
    return Funnel(installed, [*(Share(name, first.get(name, 0)) for name in _STEPS), *milestones, Share(_FOUR_WEEKS, stayed)])
