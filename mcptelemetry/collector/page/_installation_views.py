"""
The parts of a page that are told by heartbeats: the author's view.

Who is there, on what, since which version; who stays, and how far people get.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..stores import AUTOMATION, PEOPLE
from ._answers import Answers
from ._cells import Named, count, error_cell, list_names, ratio_of, share, told, who
from ._figures import NOTHING, as_many, as_share
from ._moments import as_day
from ._shapes import Cell, Column, Grid, Part, Row

__all__ = [
    "view_counts",
    "view_funnel",
    "view_named",
    "view_own_tools",
    "view_people",
    "view_retention",
    "view_upgrades",
    "view_versions",
]

_STEPS = (("le_10ms", "10 ms"), ("le_100ms", "100 ms"), ("le_1s", "1 s"), ("le_10s", "10 s"), ("over_10s", "longer"))
_COHORTS_MAX = 16
"""So many weeks stand on the page, the latest; the table has them all."""
_SIDES = (("people", "People", PEOPLE), ("automation", "Automation", AUTOMATION), ("", "", ()))
"""The two sums, and the kinds of environment within each; what is neither stands after them."""
_FUNNEL = {
    "first_connected_server_ever": "First connected server",
    "first_mcp_client_ever": "First MCP client",
    "first_retrieve_tools_call_ever": "First tool call",
    "four_weeks": "Still active after 4 weeks",
}


def view_own_tools(answers: Answers) -> Part | None:
    """Return the application's own tools, with how long they took in five steps."""
    rows = answers.ask("own_tools")
    if not rows:
        return None
    most = max((row["installations"] for row in rows if isinstance(row["installations"], int)), default=0)
    calls, errors = (sum(row[name] for row in rows) for name in ("calls", "errors"))
    typical = ratio_of(errors, calls)
    table = []
    for row in rows[:_SHOWN_MAX]:
        timed = sum(row["durations"].values())
        cells = [
            who(row["tool"], None, ratio_of(row["installations"], most) or 0.0),
            count("installations", row["installations"]),
            count("calls", row["calls"]),
            error_cell(row["errors"], row["calls"], typical),
            *(share(step, row["durations"].get(step, 0), timed) for step, _ in _STEPS),
        ]
        table.append(Row(row["tool"], cells))
    titles = ["tool", "installations", "calls", "errors", *(f"≤ {text}" if text != "longer" else text for _, text in _STEPS)]
    left = len(rows) - _SHOWN_MAX
    return Part(
        "own_tools",
        "Own tools",
        Grid([Column(title, title == "tool") for title in titles], table, "wide", f"{as_many(left, 'tool')} more in the table" if left > 0 else "", is_sortable=True),
        lead="as installations count them; shares of calls by how long they took",
        definition=answers.define("own_tools"),
    )


_SHOWN_MAX = 50


def view_named(
    name: str, title: str, lead: str, *, heading: str = "name", figure: str = "installations", field: str = "", words: Mapping[str, str] | None = None
) -> Callable[[Answers], Part | None]:
    """Return what makes a list of the section called *name*; with *field*, its names lead to that filter."""

    def view(answers: Answers) -> Part | None:
        rows = answers.ask(name)
        if not rows:
            return None
        lines = [Named(row["name"], row[figure], answers.link(field, row["name"]) if field else None) for row in rows]
        whole = answers.ask("installations")["active"] if figure == "installations" else None
        headings = (heading, figure, "share") if whole is not None else (heading, figure)
        return Part(name, title, list_names(headings, figure, lines, whole=whole, words=words), lead, answers.define(name))

    return view


def view_counts(name: str, title: str, lead: str, *, heading: str) -> Callable[[Answers], Part | None]:
    """Return what makes a list of counted things, each with the installations that counted it."""

    def view(answers: Answers) -> Part | None:
        rows = sorted(answers.ask(name), key=lambda row: -row["total"])
        if not rows:
            return None
        lines = [Named(row["name"], row["total"], beside=count("installations", row["installations"])) for row in rows]
        return Part(name, title, list_names((heading, "times", "installations"), "total", lines), lead, answers.define(name))

    return view


def view_versions(answers: Answers) -> Part | None:
    """Return the versions that are in use."""
    rows = answers.ask("versions")
    if not rows:
        return None
    lines = [
        Named(
            row["version"],
            row["installations"],
            answers.link("version", row["version"]),
            Cell(f"since {as_day(row['first_at'])}", figure="first_at", value=row["first_at"], tone="soft"),
        )
        for row in rows
    ]
    return Part(
        "versions",
        "Versions",
        list_names(("version", "installations", "first heard of"), "installations", lines),
        "installations, and since when",
        answers.define("versions"),
    )


def view_upgrades(answers: Answers) -> Part | None:
    """Return who went from which version to which."""
    rows = answers.ask("upgrades")
    if not rows:
        return None
    most = max((row["installations"] for row in rows if isinstance(row["installations"], int)), default=0)
    table = [
        Row(
            f"{row['previous']} {row['version']}",
            [
                who(row["previous"], answers.link("version", row["previous"]), ratio_of(row["installations"], most) or 0.0),
                who(row["version"], answers.link("version", row["version"])),
                count("installations", row["installations"]),
            ],
        )
        for row in rows[:12]
    ]
    columns = [Column("from", is_words=True), Column("to", is_words=True), Column("installations")]
    return Part("upgrades", "Upgrades", Grid(columns, table, "pairs"), "from a lower version", answers.define("upgrades"))


def view_people(answers: Answers) -> Part | None:
    """Return people against automation."""
    answer = answers.ask("people")
    kinds = answer["env_kinds"]
    if not kinds:
        return None
    lines = []
    for name, label, own in _SIDES:
        if name:
            lines.append(Named(name, answer[name], answers.link("env_kind", name), label=label))
        within = [kind for kind in kinds if (kind in own if name else kind not in (*PEOPLE, *AUTOMATION))]
        lines += [Named(kind, kinds[kind], answers.link("env_kind", kind), is_within=bool(name)) for kind in within]
    return Part(
        "people",
        "People and automation",
        list_names(("who", "installations"), "installations", lines),
        "and where they run",
        answers.define("people"),
    )


def view_funnel(answers: Answers) -> Part | None:
    """Return how far people get."""
    answer = answers.ask("funnel")
    whole = answer["installed"]
    if not whole:
        return None
    lines = [Named("installed", whole, label="Installed")]
    lines += [Named(step["name"], step["installations"], label=_FUNNEL.get(step["name"], "")) for step in answer["steps"]]
    grid = list_names(("step", "installations", "of all"), "installations", lines, whole=whole)
    return Part("funnel", "How far people get", grid, f"of {as_many(whole, 'installation')}" if isinstance(whole, int) else "", answers.define("funnel"))


def view_retention(answers: Answers) -> Part | None:
    """Return who stays: a triangle of weeks."""
    rows = answers.ask("retention")
    if not rows:
        return None
    shown, left = rows[-_COHORTS_MAX:], max(0, len(rows) - _COHORTS_MAX)
    weeks = max(len(row["active"]) for row in shown)
    table = []
    for row in shown:
        first = row["active"][0] if row["active"] else 0
        cells = [Cell(as_day(row["start"])), count("new", first)]
        cells += [_heat(number, first) for number in row["active"]]
        cells += [Cell(tone="blank")] * (weeks - len(row["active"]))
        table.append(Row(str(row["start"]), cells))
    columns = [Column("since", is_words=True), Column("new"), *(Column(str(week)) for week in range(weeks))]
    return Part(
        "retention",
        "Who stays",
        Grid(columns, table, "heat", f"{as_many(left, 'earlier week')} in the table" if left else ""),
        "% of a week's new installations, week by week after it",
        answers.define("retention"),
        links=[] if answers.query.period in (None, "90d", "365d") else [(answers.query.link(answers.path, period="90d"), "More weeks: 90 days")],
    )


def _heat(number: Any, first: Any) -> Cell:
    ratio = ratio_of(number, first)
    if ratio is None:
        return Cell(NOTHING if not isinstance(number, str) else "few", figure="active", value=number, tone="heat-0", note=number if isinstance(number, str) else "")
    return Cell(f"{ratio * 100:.0f}", figure="active", value=number, tone=f"heat-{round(min(1.0, ratio) * 10)}", note=f"{told(number)} installations, {as_share(number, first)}")
