"""
The sections of the report, as one table: what is asked, and which table the answer is read as.

A section's answer is a JSON value; its rows are made from that value alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..vocabulary import UNKNOWN_TOOL
from ._report_tables import (
    Table,
    columns,
    figures,
    spans,
    spans_by,
    tabulate_calls,
    tabulate_calls_by_version,
    tabulate_funnel,
    tabulate_health,
    tabulate_people,
    tabulate_retention,
    tabulate_tools,
    tabulate_versions,
)
from ._upgrades import is_upgrade
from .stores import AUTOMATION, PEOPLE, CallQuestions, Counted, Facet, Filter, Questions

__all__ = ["CALL_SECTIONS", "SECTIONS", "Section", "ask_calls"]


class Section(NamedTuple):
    """
    A part of the report.

    *ask* gets the answer as a JSON value; *tabulate* makes its table from that and, where it is
    known, from the answer of the period before. *definition* is the sentence's name.
    """

    name: str
    title: str
    definition: str
    ask: Callable[[Any, Filter], Any]
    tabulate: Callable[[Any, Any], Table]


def _rows(answer: Sequence[Any]) -> list[dict[str, Any]]:
    return [row._asdict() for row in answer]


def ask_calls(store: CallQuestions, asked: Filter) -> dict[str, Any]:
    """Return calls by tool and route, and over all, without asking for the applications too."""
    answer = store.calls(asked)
    rows = [{"tool": row.tool, "routing_decision": row.routing_decision, **row.figures._asdict()} for row in answer.rows]
    return {"rows": rows, "totals": answer.totals._asdict(), "left_out": answer.left_out}


def _ask_calls(store: CallQuestions, asked: Filter) -> dict[str, Any]:
    return {"apps": store.apps(asked), **ask_calls(store, asked)}


def _ask_tools(store: CallQuestions, asked: Filter) -> list[dict[str, Any]]:
    return [{"tool": row.tool, **row.figures._asdict()} for row in store.tools(asked)]


def _ask_unknown_tool(store: CallQuestions, asked: Filter) -> dict[str, Any]:
    clients = store.clients(asked.about(UNKNOWN_TOOL))
    return {
        "calls": sum(row.calls for row in clients),
        "errors": sum(row.errors for row in clients),
        "clients": _rows(clients),
    }


def _ask_people(store: Questions, asked: Filter) -> dict[str, Any]:
    kinds = {row.name: row.installations for row in store.installations_by("env_kind", asked)}
    return {
        "people": sum(kinds.get(kind, 0) for kind in PEOPLE),
        "automation": sum(kinds.get(kind, 0) for kind in AUTOMATION),
        "env_kinds": kinds,
    }


def _by(facet: Facet) -> Callable[[Questions, Filter], list[dict[str, Any]]]:
    return lambda store, asked: _rows(store.installations_by(facet, asked))


def _counts(counted: Counted) -> Callable[[Questions, Filter], list[dict[str, Any]]]:
    return lambda store, asked: _rows(store.counts(counted, asked))


def _ask_upgrades(store: Questions, asked: Filter) -> list[dict[str, Any]]:
    return _rows([row for row in store.version_changes(asked) if is_upgrade(row.previous, row.version)])


def _ask_funnel(store: Questions, asked: Filter) -> dict[str, Any]:
    answer = store.funnel(asked)
    steps = [
        {**step._asdict(), "conversion": round(step.installations / answer.installed, 4) if answer.installed else None}
        for step in answer.steps
    ]
    return {"installed": answer.installed, "steps": steps}


def _ask_health(store: Questions, asked: Filter) -> dict[str, Any]:
    return store.health(asked)._asdict()


# For stores of events only, too.
CALL_SECTIONS: tuple[Section, ...] = (
    Section("calls", "Tools", "calls", _ask_calls, tabulate_calls),
    Section(
        "calls_over_time", "Calls over time", "calls_over_time",
        lambda store, asked: _rows(store.calls_over_time(asked)), spans("calls", "errors"),
    ),
    Section("tools", "Tools over all routes", "tools", _ask_tools, tabulate_tools),
    Section(
        "errors_over_time", "Errors over time", "errors_over_time",
        lambda store, asked: _rows(store.errors_over_time(asked)), spans_by("error_type", "errors"),
    ),
    Section(
        UNKNOWN_TOOL, "Tools that do not exist", UNKNOWN_TOOL, _ask_unknown_tool,
        lambda value, before: columns("client", "calls", "errors")(value["clients"], before),
    ),
    Section("clients", "Clients", "clients", lambda store, asked: _rows(store.clients(asked)), columns("client", "calls", "errors")),
    Section(
        "calls_by_version", "Calls by version", "calls_by_version",
        lambda store, asked: _rows(store.calls_by_version(asked)), tabulate_calls_by_version,
    ),
)  # fmt: skip
"""The sections that a store of events only answers, in the order of the report."""

SECTIONS: tuple[Section, ...] = (
    Section(
        "installations", "Installations", "installations",
        lambda store, asked: store.installations(asked)._asdict(), figures("active", "new", "returning"),
    ),
    Section(
        "installations_over_time", "Installations over time", "installations_over_time",
        lambda store, asked: _rows(store.installations_over_time(asked)), spans("active", "new"),
    ),
    Section(
        "own_tools", "The application's own tools", "own_tools", lambda store, asked: _rows(store.own_tools(asked)),
        columns("tool", "installations", "calls", "errors", "durations", left=(0, 4)),
    ),
    Section(
        "sessions", "Sessions", "sessions",
        lambda store, asked: store.sessions(asked)._asdict(), figures("sessions", "calls", "p50_calls", "p95_calls"),
    ),
    Section("funnel", "How far people get", "funnel", _ask_funnel, tabulate_funnel),
    Section("people", "People against automation", "people", _ask_people, tabulate_people),
    Section("clients_seen", "Clients seen", "clients_seen", _counts("client"), columns("name", "installations")),
    Section("launch_sources", "How it is started", "installations_by", _by("launch_source"), columns("name", "installations")),
    Section("surfaces", "Where requests came from", "surfaces", _counts("surface"), columns("name", "installations", "total")),
    Section("versions", "Versions", "versions", lambda store, asked: _rows(store.versions(asked)), tabulate_versions),
    Section(
        "versions_over_time", "Versions over time", "versions_over_time",
        lambda store, asked: _rows(store.versions_over_time(asked)), spans_by("version", "installations"),
    ),
    Section("upgrades", "Upgrades", "upgrades", _ask_upgrades, columns("previous", "version", "installations", left=(0, 1))),
    Section("operating_systems", "Operating systems", "installations_by", _by("os"), columns("name", "installations")),
    Section("architectures", "Processors", "installations_by", _by("arch"), columns("name", "installations")),
    Section("pythons", "Python versions", "installations_by", _by("python"), columns("name", "installations")),
    Section(
        "error_categories", "Errors by category", "error_categories",
        _counts("error_category"), columns("name", "installations", "total"),
    ),
    Section("retention", "Who stays", "retention", lambda store, asked: _rows(store.retention(asked)), tabulate_retention),
    Section(
        "feedback", "Feedback", "feedback",
        lambda store, asked: _rows(store.feedback(asked)), columns("category", "messages", "unread"),
    ),
    Section("health", "Health of the data", "health", _ask_health, tabulate_health),
)  # fmt: skip
"""The sections that only a whole store answers."""
