"""
What stands round the parts of a page: its name, the period, the filters that are on and how to turn them off.

The choosers are one ordinary form: they work without a script, and everything that they choose
stands in the address.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from ..stores import UNNAMED, StoreError
from ._answers import Answers
from ._assets import ASSETS
from ._figures import as_many
from ._moments import as_age, as_moment, as_period
from ._query import PERIODS, PageQuery

__all__ = ["Chip", "Chooser", "Head", "Option", "view_foot", "view_head"]

_OPTIONS_MAX = 100
_WHO = {
    "people": "people",
    "automation": "automation",
    "all": "everyone",
    "interactive": "interactive only",
    "cloud_ide": "cloud IDEs only",
    "ci": "CI only",
    "container": "containers only",
    "headless": "headless only",
    "unknown": "unknown kind only",
}


class Option(NamedTuple):
    """One of the answers that a chooser offers."""

    value: str
    label: str
    is_chosen: bool


class Chooser(NamedTuple):
    """A field of the form, with what can be chosen."""

    field: str
    label: str
    options: Sequence[Option]


class Chip(NamedTuple):
    """A filter that is on: its field, a stranger's name, and the address without it."""

    label: str
    name: str
    href: str


class Way(NamedTuple):
    """A link to the same page otherwise."""

    label: str
    href: str
    is_here: bool


@dataclass(frozen=True)
class Head:
    """Head and foot of a page; a plain one has a title only."""

    title: str
    name: str | None = None
    subtitle: str = ""
    path: str = "/"
    home: str = "/"
    periods: Sequence[Way] = ()
    choosers: Sequence[Chooser] = ()
    chips: Sequence[Chip] = ()
    hidden: Sequence[tuple[str, str]] = ()
    since: str = ""
    until: str = ""
    ways: Sequence[Way] = ()
    is_public: bool = False
    is_plain: bool = True
    here: str = "/"
    assets: Mapping[str, str] = field(default_factory=lambda: {name: f"/static/{name}?v={asset.etag}" for name, asset in ASSETS.items()})


def view_head(answers: Answers) -> Head:
    """Return the head of a page."""
    query, path = answers.query, answers.path
    asked = query.asked
    choosers = _choosers(answers)
    name = asked.tool if path == "/tool" else asked.app or _only_app(answers)
    if path == "/inbox":
        name = None
    return Head(
        title={"/tool": "Tool", "/inbox": "Inbox"}.get(path, "All applications"),
        name=name,
        subtitle=_subtitle(answers),
        path=path,
        home=query.link("/", tool=None, show=None),
        periods=[Way(label, query.link(path, period=word), query.period == word) for word, label in PERIODS.items()],
        choosers=choosers,
        chips=list(_chips(query, path)),
        hidden=list(_hidden(query, choosers)),
        since=query.value("since"),
        until=query.value("until"),
        ways=_ways(query, path),
        is_public=answers.is_public,
        is_plain=False,
        here=query.link(path),
    )


def _only_app(answers: Answers) -> str | None:
    """Return the application that all calls are of, when it is one."""
    names = _names(answers, "app")
    return names[0] if len(names) == 1 and names[0] != UNNAMED else None


def _tells_people(answers: Answers) -> bool:
    """Return whether people and automation are told apart on this page: no event and no feedback does it."""
    if answers.path != "/":
        return False
    try:
        health = answers.health()
    except StoreError:
        return False
    return health is not None and health.last_heartbeat_at is not None


def _hidden(query: PageQuery, choosers: Sequence[Chooser]) -> Iterable[tuple[str, str]]:
    """Yield the fields that the form keeps as they are: those that it does not offer."""
    offered = {"since", "until", *(chooser.field for chooser in choosers)}
    return (pair for pair in query.fields if pair[0] not in offered)


def _subtitle(answers: Answers) -> str:
    query, asked = answers.query, answers.query.asked
    if asked.since is not None and asked.until is not None:
        when = as_period(asked.since, min(asked.until, query.now) if query.now > asked.since else asked.until)
    elif asked.until is not None:
        when = f"up to {as_moment(asked.until)}"
    else:
        when = "from the beginning"
    # Neither events nor feedback tell who sits in front.
    return f"{when}, {_WHO[query.value('env_kind')]}" if _tells_people(answers) else when


def _ways(query: PageQuery, path: str) -> list[Way]:
    if path != "/inbox":
        return []
    return [
        Way("All", query.link(path, show=None), query.value("show") != "unread"),
        Way("Unread", query.link(path, show="unread"), query.value("show") == "unread"),
    ]


def _chips(query: PageQuery, path: str) -> Iterable[Chip]:
    if query.period is None:
        yield Chip("range", query.value("since") + " to " + (query.value("until") or "now"), query.link(path, since=None, until=None))
    for field_name in ("app", "version", "client", "tool"):
        if query.value(field_name) and not (field_name == "tool" and path == "/tool"):
            yield Chip(field_name, query.value(field_name), query.link(path, **{field_name: None}))
    if query.value("env_kind") != "people" and path == "/":
        yield Chip("who", _WHO[query.value("env_kind")], query.link(path, env_kind=None))


def _choosers(answers: Answers) -> list[Chooser]:
    query = answers.query
    choosers = [
        _chooser(query, "app", "Application", "all applications", _names(answers, "app")),
        _chooser(query, "version", "Version", "all versions", _names(answers, "version")),
    ]
    if answers.path != "/inbox":
        choosers.append(_chooser(query, "client", "Client", "all clients", _names(answers, "client")))
    if _tells_people(answers):
        choosers.append(Chooser("env_kind", "Who", [Option(word, label, query.value("env_kind") == word) for word, label in _WHO.items()]))
    # One name is no choice, unless it was made.
    return [chooser for chooser in choosers if len(chooser.options) > 2 or query.value(chooser.field)]


def _names(answers: Answers, field_name: str) -> list[str]:
    """Return what can be chosen, most first; nothing while the store cannot say."""
    try:
        if field_name == "app":
            return answers.app_names()
        if field_name == "client":
            return [row["client"] for row in answers.ask("clients")]
        rows = answers.ask("calls_by_version")
        rows = [*rows, *(answers.ask("versions") if "versions" in answers.names else ())]
        return list(dict.fromkeys(row["version"] for row in rows))
    except StoreError:
        return []


def _chooser(query: PageQuery, field_name: str, label: str, everything: str, names: Sequence[str]) -> Chooser:
    chosen = query.value(field_name)
    known = list(names[:_OPTIONS_MAX])
    if chosen and chosen not in known:
        known.append(chosen)
    options = [Option(name, "without a name" if name == UNNAMED else name, name == chosen) for name in known]
    return Chooser(field_name, label, [Option("", everything, not chosen), *options] if options else [])


def view_foot(answers: Answers) -> list[str]:
    """Return what is said at the end of a page: how fresh and how whole it is, and what filters go for."""
    lines, path = [], answers.path
    if path == "/" and "health" in answers.names:
        with suppress(StoreError):  # the part above says so
            lines.append(_freshness(answers))
    if path != "/inbox":
        streams = "heartbeats" if answers.is_public else "heartbeats and feedback"
        lines.append(
            "People and automation are told apart by heartbeats only, client and tool by events only. Events stand at the "
            f"time they carry, {streams} at the time they came; all times are UTC."
        )
    return lines


def _freshness(answers: Answers) -> str:
    health = answers.ask("health")
    streams = [("event", health["last_event_at"]), ("heartbeat", health["last_heartbeat_at"])]
    last = [f"last {name} {as_age(moment, answers.query.now)}" for name, moment in streams if moment is not None]
    refused = sum(health["refused"].values())
    said = [*last, f"{as_many(refused, 'document')} refused and {as_many(health['duplicates'], 'repeat')} counted once in this period"]
    text = ", ".join(said)
    return f"{text[0].upper()}{text[1:]}."
