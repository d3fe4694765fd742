"""
The sections of the report, as one table: what is asked, and how the answer reads as rows.

A section's answer is a JSON value; its rows are made from that value, so that the text, the CSV
and the JSON cannot tell different stories.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ..vocabulary import UNKNOWN_TOOL
from ._upgrades import is_upgrade
from .stores import AUTOMATION, PEOPLE, CallQuestions, Counted, Facet, Filter, Questions

__all__ = ["CALL_SECTIONS", "SECTIONS", "Section", "Table", "as_date", "ask_calls", "share"]

_COLUMNS_MAX = 8  # beside each other on a terminal


class Table(NamedTuple):
    """Rows under a heading; the columns in *left* are words."""

    heading: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    left: tuple[int, ...] = (0,)


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


def as_date(moment: int | None) -> str:
    """Return *moment* (Unix seconds) as a date and time in UTC, or why there is none."""
    if moment is None:
        return "never"
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.gmtime(moment))
    except (ValueError, OverflowError, OSError):
        return str(moment)  # a stranger's clock


def share(part: object, whole: object) -> str:
    """Return how much *part* is of *whole*, or nothing where there is no whole or either is not told."""
    return f"{part / whole:.1%}" if isinstance(part, int) and isinstance(whole, int) and whole else ""


def _figures(*names: str) -> Callable[[Any, Any], Table]:
    """Return what makes a table of single numbers, beside those of the period before."""

    def tabulate(value: Mapping[str, Any], before: Mapping[str, Any] | None) -> Table:
        if before is None:
            return Table(("", "number"), [(name, value[name]) for name in names])
        return Table(("", "number", "before"), [(name, value[name], before[name]) for name in names])

    return tabulate


def _columns(*names: str, left: tuple[int, ...] = (0,)) -> Callable[[Any, Any], Table]:
    """Return what makes a table of a list of objects."""

    def tabulate(value: Sequence[Mapping[str, Any]], _before: object) -> Table:
        heading = tuple(name.replace("_", " ") for name in names)
        return Table(heading, [tuple(_cell(row[name]) for name in names) for row in value], left)

    return tabulate


def _cell(value: object) -> object:
    return ", ".join(f"{name} {count}" for name, count in value.items()) if isinstance(value, Mapping) else value


def _rows(answer: Sequence[Any]) -> list[dict[str, Any]]:
    return [row._asdict() for row in answer]


def ask_calls(store: CallQuestions, asked: Filter) -> dict[str, Any]:
    """Return calls by tool and route, and over all, without asking for the applications too."""
    answer = store.calls(asked)
    rows = [{"tool": row.tool, "routing_decision": row.routing_decision, **row.figures._asdict()} for row in answer.rows]
    return {"rows": rows, "totals": answer.totals._asdict(), "left_out": answer.left_out}


def _ask_calls(store: CallQuestions, asked: Filter) -> dict[str, Any]:
    return {"apps": store.apps(asked), **ask_calls(store, asked)}


def _tabulate_calls(value: Mapping[str, Any], _before: object) -> Table:
    entries = [*value["rows"], {"tool": "all", "routing_decision": "", **value["totals"]}] if value["rows"] else []
    rows = [(entry["tool"], entry["routing_decision"], *_figure_cells(entry)) for entry in entries]
    return Table(("tool", "routing decision", *_FIGURE_NAMES), rows, (0, 1, 8))


def _ask_tools(store: CallQuestions, asked: Filter) -> list[dict[str, Any]]:
    return [{"tool": row.tool, **row.figures._asdict()} for row in store.tools(asked)]


def _tabulate_tools(value: Sequence[Mapping[str, Any]], _before: object) -> Table:
    return Table(("tool", *_FIGURE_NAMES), [(entry["tool"], *_figure_cells(entry)) for entry in value], (0, 7))


_FIGURE_NAMES = ("calls", "errors", "error rate", "p50 ms", "p95 ms", "p99 ms", "error types")


def _figure_cells(entry: Mapping[str, Any]) -> tuple[object, ...]:
    rate, types = share(entry["errors"], entry["calls"]), _cell(entry["error_types"])
    return entry["calls"], entry["errors"], rate, entry["p50_ms"], entry["p95_ms"], entry["p99_ms"], types


def _ask_unknown_tool(store: CallQuestions, asked: Filter) -> dict[str, Any]:
    clients = store.clients(asked.about(UNKNOWN_TOOL))
    return {
        "calls": sum(row.calls for row in clients),
        "errors": sum(row.errors for row in clients),
        "clients": _rows(clients),
    }


def _spans(*names: str) -> Callable[[Any, Any], Table]:
    def tabulate(value: Sequence[Mapping[str, Any]], _before: object) -> Table:
        return Table(("from", *names), [(as_date(row["start"])[:10], *(row[name] for name in names)) for row in value])

    return tabulate


def _spans_by(name: str, number: str) -> Callable[[Any, Any], Table]:
    """Return what makes a table with a line for each time and a column for each of the names that number most."""

    def tabulate(value: Sequence[Mapping[str, Any]], _before: object) -> Table:
        totals: Counter[str] = Counter()
        lines: dict[int, Counter[str]] = {}
        for row in value:
            totals[row[name]] += row[number]
            lines.setdefault(row["start"], Counter())[row[name]] = row[number]
        names = sorted(totals, key=lambda column: (-totals[column], column))[:_COLUMNS_MAX]
        others = len(totals) > len(names)
        rows = []
        for start, line in lines.items():
            shown = [line[column] for column in names]
            rows.append((as_date(start)[:10], *shown, *([sum(line.values()) - sum(shown)] if others else [])))
        return Table(("from", *names, *(["others"] if others else [])), rows)

    return tabulate


def _ask_people(store: Questions, asked: Filter) -> dict[str, Any]:
    kinds = {row.name: row.installations for row in store.installations_by("env_kind", asked)}
    return {
        "people": sum(kinds.get(kind, 0) for kind in PEOPLE),
        "automation": sum(kinds.get(kind, 0) for kind in AUTOMATION),
        "env_kinds": kinds,
    }


def _tabulate_people(value: Mapping[str, Any], before: Mapping[str, Any] | None) -> Table:
    table = _figures("people", "automation")(value, before)
    kinds = [(f"  {name}", count, *([] if before is None else [before["env_kinds"].get(name, 0)])) for name, count in value["env_kinds"].items()]
    return table._replace(rows=table.rows + kinds)


def _by(facet: Facet) -> Callable[[Questions, Filter], list[dict[str, Any]]]:
    return lambda store, asked: _rows(store.installations_by(facet, asked))


def _counts(counted: Counted) -> Callable[[Questions, Filter], list[dict[str, Any]]]:
    return lambda store, asked: _rows(store.counts(counted, asked))


def _ask_upgrades(store: Questions, asked: Filter) -> list[dict[str, Any]]:
    return _rows([row for row in store.version_changes(asked) if is_upgrade(row.previous, row.version)])


def _tabulate_versions(value: Sequence[Mapping[str, Any]], _before: object) -> Table:
    rows = [(row["version"], row["installations"], as_date(row["first_at"])[:10]) for row in value]
    return Table(("version", "installations", "first heard of"), rows)


def _tabulate_calls_by_version(value: Sequence[Mapping[str, Any]], _before: object) -> Table:
    rows = [(row["version"], row["calls"], row["errors"], as_date(row["first_at"])[:10]) for row in value]
    return Table(("version", "calls", "errors", "first call"), rows)


def _ask_funnel(store: Questions, asked: Filter) -> dict[str, Any]:
    answer = store.funnel(asked)
    steps = [
        {**step._asdict(), "conversion": round(step.installations / answer.installed, 4) if answer.installed else None}
        for step in answer.steps
    ]
    return {"installed": answer.installed, "steps": steps}


def _tabulate_funnel(value: Mapping[str, Any], _before: object) -> Table:
    whole = value["installed"]
    rows = [("installed", whole, share(whole, whole))]
    rows += [(step["name"], step["installations"], share(step["installations"], whole)) for step in value["steps"]]
    return Table(("step", "installations", "of all"), rows if whole else [])


def _tabulate_retention(value: Sequence[Mapping[str, Any]], _before: object) -> Table:
    weeks = max((len(row["active"]) for row in value), default=0)
    rows = []
    for row in value:
        shares = [share(count, row["active"][0]) for count in row["active"][1:]]
        rows.append((as_date(row["start"])[:10], row["active"][0], *shares, *[""] * (weeks - len(row["active"]))))
    return Table(("new in the week of", "new", *(f"week {number}" for number in range(1, weeks))), rows)


def _ask_health(store: Questions, asked: Filter) -> dict[str, Any]:
    return store.health(asked)._asdict()


_LAST = ("last_event_at", "last_heartbeat_at", "last_feedback_at")


def _tabulate_health(value: Mapping[str, Any], before: Mapping[str, Any] | None) -> Table:
    # What is shown to the public lacks some.
    counts = [name for name in ("events", "heartbeats", "feedback", "duplicates", "given_up") if name in value]
    table = _figures(*counts)(value, before)
    blank = () if before is None else ("",)
    last = [(name.replace("_", " "), as_date(value[name]), *blank) for name in _LAST if name in value]
    refused = [(f"refused, {name}", count, *blank) for name, count in value["refused"].items()]
    return table._replace(rows=last + table.rows + refused)


# For stores of events only, too.
CALL_SECTIONS: tuple[Section, ...] = (
    Section("calls", "Tools", "calls", _ask_calls, _tabulate_calls),
    Section(
        "calls_over_time", "Calls over time", "calls_over_time",
        lambda store, asked: _rows(store.calls_over_time(asked)), _spans("calls", "errors"),
    ),
    Section("tools", "Tools over all routes", "tools", _ask_tools, _tabulate_tools),
    Section(
        "errors_over_time", "Errors over time", "errors_over_time",
        lambda store, asked: _rows(store.errors_over_time(asked)), _spans_by("error_type", "errors"),
    ),
    Section(
        UNKNOWN_TOOL, "Tools that do not exist", UNKNOWN_TOOL, _ask_unknown_tool,
        lambda value, before: _columns("client", "calls", "errors")(value["clients"], before),
    ),
    Section("clients", "Clients", "clients", lambda store, asked: _rows(store.clients(asked)), _columns("client", "calls", "errors")),
    Section(
        "calls_by_version", "Calls by version", "calls_by_version",
        lambda store, asked: _rows(store.calls_by_version(asked)), _tabulate_calls_by_version,
    ),
)  # fmt: skip
"""The sections that a store of events only answers, in the order of the report."""

SECTIONS: tuple[Section, ...] = (
    Section(
        "installations", "Installations", "installations",
        lambda store, asked: store.installations(asked)._asdict(), _figures("active", "new", "returning"),
    ),
    Section(
        "installations_over_time", "Installations over time", "installations_over_time",
        lambda store, asked: _rows(store.installations_over_time(asked)), _spans("active", "new"),
    ),
    Section(
        "own_tools", "The application's own tools", "own_tools", lambda store, asked: _rows(store.own_tools(asked)),
        _columns("tool", "installations", "calls", "errors", "durations", left=(0, 4)),
    ),
    Section(
        "sessions", "Sessions", "sessions",
        lambda store, asked: store.sessions(asked)._asdict(), _figures("sessions", "calls", "p50_calls", "p95_calls"),
    ),
    Section("funnel", "How far people get", "funnel", _ask_funnel, _tabulate_funnel),
    Section("people", "People against automation", "people", _ask_people, _tabulate_people),
    Section("clients_seen", "Clients seen", "clients_seen", _counts("client"), _columns("name", "installations")),
    Section("launch_sources", "How it is started", "installations_by", _by("launch_source"), _columns("name", "installations")),
    Section("surfaces", "Where requests came from", "surfaces", _counts("surface"), _columns("name", "installations", "total")),
    Section("versions", "Versions", "versions", lambda store, asked: _rows(store.versions(asked)), _tabulate_versions),
    Section(
        "versions_over_time", "Versions over time", "versions_over_time",
        lambda store, asked: _rows(store.versions_over_time(asked)), _spans_by("version", "installations"),
    ),
    Section("upgrades", "Upgrades", "upgrades", _ask_upgrades, _columns("previous", "version", "installations", left=(0, 1))),
    Section("operating_systems", "Operating systems", "installations_by", _by("os"), _columns("name", "installations")),
    Section("architectures", "Processors", "installations_by", _by("arch"), _columns("name", "installations")),
    Section("pythons", "Python versions", "installations_by", _by("python"), _columns("name", "installations")),
    Section(
        "error_categories", "Errors by category", "error_categories",
        _counts("error_category"), _columns("name", "installations", "total"),
    ),
    Section("retention", "Who stays", "retention", lambda store, asked: _rows(store.retention(asked)), _tabulate_retention),
    Section(
        "feedback", "Feedback", "feedback",
        lambda store, asked: _rows(store.feedback(asked)), _columns("category", "messages", "unread"),
    ),
    Section("health", "Health of the data", "health", _ask_health, _tabulate_health),
)  # fmt: skip
"""The sections that only a whole store answers."""
