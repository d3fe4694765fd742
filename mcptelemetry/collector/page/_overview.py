"""
The page that answers how it is going, as one table of groups from top to bottom.

What comes first follows what came: where no events came, the author's installations and own
tools lead, and the parts that events would tell are not there at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, Optional

from ._answers import Answers
from ._call_views import (
    view_clients,
    view_error_types,
    view_sessions,
    view_tools,
    view_unknown_tool,
    view_versions_called,
)
from ._installation_views import (
    view_counts,
    view_funnel,
    view_named,
    view_own_tools,
    view_people,
    view_retention,
    view_upgrades,
    view_versions,
)
from ._record_views import view_feedback, view_health
from ._shapes import Part
from ._tiles import view_tiles
from ._trend_views import view_calls_over_time, view_installations_over_time, view_versions_over_time

__all__ = ["Group", "View", "overview_groups"]

View = Callable[[Answers], Optional[Part]]


class Group(NamedTuple):
    """Parts that stand together, and what is said while they are asked for; *layout* is a class of the style."""

    progress: str
    views: tuple[View, ...]
    layout: str = "one"


_CALLS = (
    Group("Drawing calls over time", (view_calls_over_time,)),
    Group("Counting tools", (view_tools,)),
    Group("Counting clients and errors", (view_clients, view_error_types, view_unknown_tool), "three"),
)
_INSTALLATIONS = (
    Group("Drawing installations over time", (view_installations_over_time,)),
    Group("Counting own tools", (view_own_tools,)),
)
_VERSIONS = Group("Counting versions", (view_versions, view_upgrades), "two")
_VERSION_CALLS = Group("Counting calls by version", (view_versions_called, view_sessions), "two")
_STAY = Group("Following who stays", (view_retention, view_funnel), "two")
_WHERE = Group(
    "Counting where it runs",
    (
        view_people,
        view_named("operating_systems", "Operating systems", "installations", heading="system"),
        view_named("pythons", "Pythons", "installations", heading="version"),
        view_named("launch_sources", "How it is started", "installations", heading="launch source"),
        view_counts("surfaces", "Where requests came from", "requests, and installations", heading="surface"),
        view_named("clients_seen", "Clients seen", "installations that ever met one", heading="client"),
        view_counts("error_categories", "Errors by category", "times, and installations", heading="category"),
        view_named("architectures", "Processors", "installations", heading="processor"),
    ),
    "three",
)
_RECORDS = (
    Group("Reading feedback", (view_feedback,)),
    Group("Looking at the health of the data", (view_health,)),
)


def overview_groups(answers: Answers) -> Iterator[Group]:
    """Yield the groups in the order that suits what came in the period."""
    has_calls = has_calls_of(answers)
    has_heartbeats = answers.whole is not None and bool(answers.ask("installations")["active"])
    yield Group("Counting", (lambda given: view_tiles(given, has_calls=has_calls, has_heartbeats=has_heartbeats),))
    if has_calls:
        yield from _CALLS
    if has_heartbeats:
        yield from _INSTALLATIONS
        yield Group("Drawing versions over time", (view_versions_over_time,))
        yield _VERSIONS
    if has_calls:
        yield _VERSION_CALLS if answers.whole is not None else Group(_VERSION_CALLS.progress, (view_versions_called,))
    if has_heartbeats:
        yield _STAY
        yield _WHERE
    if answers.whole is not None:
        yield from _RECORDS


def has_calls_of(answers: Answers) -> bool:
    """Return whether any call fits what is asked for."""
    return bool(answers.ask("calls")["totals"]["calls"])
