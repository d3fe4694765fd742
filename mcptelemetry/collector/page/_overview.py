"""
The page that answers how it is going, as one table of groups from top to bottom.

What comes first follows what came: where no events came, the author's installations and own
tools lead, and the parts that events would tell are not there at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, Optional

from ..stores import StoreError
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
from ._public import FEWEST
from ._record_views import view_feedback, view_health
from ._shapes import Note, Part
from ._tiles import view_tiles
from ._trend_views import view_calls_over_time, view_installations_over_time, view_versions_over_time

__all__ = ["Group", "View", "has_calls_of", "overview_groups", "view_nothing"]

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
_VERSION_USE = (view_versions, view_upgrades)
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
        view_sessions,
    ),
    "three",
)
_RECORDS = Group("Reading feedback", (view_feedback, view_health), "two")
_HEALTH = Group("Looking at the health of the data", (view_health,))


def overview_groups(answers: Answers) -> Iterator[Group]:
    """Yield the groups in the order that suits what came in the period."""
    whole = answers.whole is not None
    has_calls = has_calls_of(answers)
    has_heartbeats = whole and _has_heartbeats(answers)
    yield Group("Counting", (lambda given: view_tiles(given, has_calls=has_calls, has_heartbeats=has_heartbeats),))
    if not has_calls and not has_heartbeats:
        yield Group("Looking", (view_nothing,))
    if has_calls:
        yield from _CALLS
    if has_heartbeats:
        yield from _INSTALLATIONS
        yield Group("Drawing versions over time", (view_versions_over_time,))
        views = (*_VERSION_USE, view_versions_called) if has_calls else _VERSION_USE
        yield Group("Counting versions", views, "three" if has_calls else "two")
        yield _STAY
        yield _WHERE
    elif has_calls:
        yield Group("Counting calls by version", (view_versions_called, view_sessions) if whole else (view_versions_called,), "two")
    if whole:
        yield _HEALTH if answers.is_public else _RECORDS


def has_calls_of(answers: Answers) -> bool:
    """Return whether any call fits what is asked for; to the public, whether enough do."""
    try:
        calls: int = answers.calls()["totals"]["calls"]
    except StoreError:
        return True  # each part says by itself that it could not be had
    return calls >= (FEWEST if answers.is_public else 1)


def _has_heartbeats(answers: Answers) -> bool:
    try:
        return bool(answers.ask("installations")["active"])
    except StoreError:
        return True


def view_nothing(answers: Answers) -> Part:
    """Return what is said where numbers would stand."""
    query = answers.query
    ways = [(query.link(answers.path, period="365d"), "The last year")] if query.period != "365d" else []
    if len(query.fields) > (1 if query.period not in (None, "30d") else 0):
        bare = {name: None for name, _ in query.fields if not (name == "tool" and answers.path == "/tool")}
        ways.append((query.link(answers.path, **bare), "Without filters"))
    line = "Nothing that was collected fits the period and the filters"
    line += ", or too little to show it to everybody." if answers.is_public else "."
    return Part("nothing", "Nothing to show", Note([line]), table="", links=ways)
