"""
The parts of a page that are told by events: calls over time, tools, clients, why calls failed.

Each is a function from the answers to a part, or to None where there is nothing to show: a part
of noughts tells less than its absence.
"""

from __future__ import annotations

from typing import Any

from ...vocabulary import UNKNOWN_TOOL
from ._answers import Answers
from ._cells import Named, count, error_cell, latency, list_names, ratio_of, told, who
from ._figures import as_count, as_many
from ._shapes import Cell, Column, Grid, Part, Row
from ._trend_views import draw_sparks

__all__ = ["view_clients", "view_error_types", "view_sessions", "view_tools", "view_unknown_tool", "view_versions_called"]


def view_tools(answers: Answers) -> Part | None:
    """Return the tools that were called, most called first."""
    rows, totals = read_tools(answers)
    if not rows:
        return None
    owners = {row["tool"]: row["installations"] for row in answers.ask("own_tools")} if "own_tools" in answers.names else {}
    most = max(row["calls"] for row in rows)
    typical = ratio_of(totals["errors"], totals["calls"])
    sparks = draw_sparks(answers)
    table = []
    for row in rows[:SHOWN_MAX]:
        cells = [_tool(answers, row["tool"], ratio_of(row["calls"], most) or 0.0), count("calls", row["calls"])]
        if owners:
            cells.append(count("installations", owners.get(row["tool"])))
        cells += [
            error_cell(row["errors"], row["calls"], typical),
            Cell(counted=_types(row["error_types"]), tone="soft"),
            latency("p50_ms", row["p50_ms"]),
            latency("p95_ms", row["p95_ms"]),
            latency("p99_ms", row["p99_ms"]),
        ]
        if sparks:
            cells.append(Cell(svg=sparks.get(row["tool"], ""), tone="spark-cell"))
        table.append(Row(row["tool"], cells))
    titles = ["tool", "calls", *(["installations"] if owners else []), "errors", "why", "p50", "p95", "p99", *(["calls over time"] if sparks else [])]
    left = len(rows) - SHOWN_MAX
    return Part(
        "tools",
        "Tools",
        Grid([Column(title, title in ("tool", "why"), title in ("why", "calls over time")) for title in titles], table, "wide", f"{as_many(left, 'tool')} more in the table" if left > 0 else "", is_sortable=True),
        lead="how often, how well, how fast; a name leads to its own page",
        definition=answers.define("tools") or answers.define("calls"),
    )


SHOWN_MAX = 50
"""So many tools stand on the page; the table has them all."""


def read_tools(answers: Answers) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the figures of each tool over all its routes, and of all together."""
    answer = answers.calls()
    if "tools" in answers.names:
        return answers.ask("tools"), answer["totals"]
    return answer["rows"], answer["totals"]


def _tool(answers: Answers, tool: str, share: float) -> Cell:
    href = answers.link("tool", tool)
    if tool == UNKNOWN_TOOL:
        return Cell("tools that do not exist", href=href, share=share, tone="ours")
    return who(tool, href, share)


def _types(error_types: dict[str, int]) -> list[tuple[str, str]]:
    return [(told(number), name) for name, number in list(error_types.items())[:2]]


def view_unknown_tool(answers: Answers) -> Part | None:
    """Return who called tools that no server has."""
    answer = answers.ask(UNKNOWN_TOOL)
    if not answer["calls"]:
        return None
    lines = [Named(row["client"], row["calls"], answers.link("client", row["client"])) for row in answer["clients"]]
    return Part(
        UNKNOWN_TOOL,
        "Tools that do not exist",
        list_names(("client", "calls"), "calls", lines),
        lead=f"{as_many(answer['calls'], 'call')}, by client",
        definition=answers.define(UNKNOWN_TOOL),
    )


def view_clients(answers: Answers) -> Part | None:
    """Return the clients that made the calls."""
    rows = answers.ask("clients")
    lines = [Named(row["client"], row["calls"], answers.link("client", row["client"])) for row in rows]
    if not lines:
        return None
    return Part(
        "clients",
        "Clients",
        list_names(("client", "calls", "share"), "calls", lines, whole=answers.calls()["totals"]["calls"]),
        lead="calls each made",
        definition=answers.define("clients"),
    )


def view_error_types(answers: Answers) -> Part | None:
    """Return why calls failed."""
    totals = answers.calls()["totals"]
    if not totals["errors"]:
        return None
    lines = [Named(name, number) for name, number in totals["error_types"].items()]
    return Part(
        "error_types",
        "Why calls failed",
        list_names(("error type", "errors", "share"), "errors", lines, whole=totals["errors"]),
        lead=f"{as_count(totals['errors'])} of {as_many(totals['calls'], 'call')}",
        definition=answers.define("calls"),
        table="calls",
    )


def view_versions_called(answers: Answers) -> Part | None:
    """Return the versions whose calls came."""
    rows = answers.ask("calls_by_version")
    if not rows:
        return None
    typical = ratio_of(sum(row["errors"] for row in rows), sum(row["calls"] for row in rows))
    lines = [
        Named(
            row["version"],
            row["calls"],
            answers.link("version", row["version"]),
            error_cell(row["errors"], row["calls"], typical),
        )
        for row in rows
    ]
    return Part(
        "calls_by_version",
        "Calls by version",
        list_names(("version", "calls", "error rate"), "calls", lines),
        lead="calls, and how many failed",
        definition=answers.define("calls_by_version"),
    )


def view_sessions(answers: Answers) -> Part | None:
    """Return how many processes made calls, and how many each."""
    answer = answers.ask("sessions")
    if not answer["sessions"]:
        return None
    rows = [
        Row(name, [Cell(words), count(name, answer[name])])
        for name, words in (("sessions", "sessions"), ("p50_calls", "calls in the middle one"), ("p95_calls", "calls that 19 of 20 do not exceed"))
    ]
    return Part(
        "sessions",
        "Sessions",
        Grid([Column("figure", is_words=True), Column("number")], rows, "bars"),
        lead="processes that made calls",
        definition=answers.define("sessions"),
    )
