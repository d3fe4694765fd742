"""
What strangers may be shown: no small count, and nothing from which one could be had.

A count of installations under five is told as "fewer than 5". Where such counts are parts of a
whole that is known, they are put together under one name until that is no small count either: a
subtraction would tell them. Names that few calls bear go under the same name, and of feedback
there is nothing at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...vocabulary import UNKNOWN_TOOL

__all__ = ["FEW", "FEWEST", "OTHER", "WITHHELD", "fold", "fold_calls_of"]

FEWEST = 5
FEW = f"fewer than {FEWEST}"
"""Stands where a count of installations would."""
WITHHELD = "not shown"
"""Stands where a number would give a small count away."""
OTHER = "other"
"""What is put together stands under this name."""

_Row = Mapping[str, Any]


def fold(name: str, answer: Any) -> Any:
    """Return the *answer* of the section or question called *name* as strangers may have it."""
    rule = _RULES.get(name)
    return answer if rule is None else rule(answer)


def fold_calls_of(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the calls of each name, without the names that few calls bear."""
    return {name: number for name, number in counts.items() if number >= FEWEST}


def _few(number: int) -> Any:
    return FEW if number < FEWEST else number


def _by_calls(key: str, **lost: Any) -> Callable[[Sequence[_Row]], list[dict[str, Any]]]:
    """Return what puts the rows with few calls together; *lost* is what the sum of them cannot tell."""

    def rule(rows: Sequence[_Row]) -> list[dict[str, Any]]:
        kept, small = _part(rows, "calls")
        if small:
            kept.append({**small[0], key: OTHER, **_sums(small, ("calls", "errors")), **lost})
        return kept

    return rule


def _part(rows: Sequence[_Row], figure: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows that may be shown, and those that are too few."""
    copies = [dict(row) for row in rows]
    return [row for row in copies if row[figure] >= FEWEST], [row for row in copies if row[figure] < FEWEST]


def _sums(rows: Sequence[_Row], figures: Sequence[str]) -> dict[str, int]:
    return {figure: sum(row[figure] for row in rows) for figure in figures}


def _fold_figures(row: _Row) -> dict[str, Any]:
    """Return the figures of calls without those that so few tell apart."""
    if row["calls"] >= FEWEST:
        return dict(row)
    return {**row, "error_types": {}, "p50_ms": None, "p95_ms": None, "p99_ms": None}


_UNTOLD: dict[str, Any] = {"error_types": {}, "p50_ms": None, "p95_ms": None, "p99_ms": None}
_fold_tools = _by_calls("tool", **_UNTOLD)


def _fold_calls(answer: _Row) -> dict[str, Any]:
    rows = _by_calls("tool", routing_decision=OTHER, **_UNTOLD)(answer["rows"])
    return {**answer, "apps": fold_calls_of(answer["apps"]), "rows": rows, "totals": _fold_figures(answer["totals"])}


def _fold_unknown_tool(answer: _Row) -> dict[str, Any]:
    return {**answer, "clients": _by_calls("client")(answer["clients"])}


def _fold_installations(answer: _Row) -> dict[str, Any]:
    if not answer["active"]:
        return dict(answer)
    if answer["active"] < FEWEST:
        return {**answer, "active": FEW, "new": FEW, "returning": FEW}
    if answer["new"] < FEWEST:
        return {**answer, "new": FEW, "returning": WITHHELD}
    if answer["returning"] < FEWEST:
        return {**answer, "new": WITHHELD, "returning": FEW}
    return dict(answer)


def _fold_spans(spans: Sequence[Any]) -> list[Any]:
    """Return installations over time, as rows of a report or as a store's own answer."""
    folded = []
    for span in spans:
        active, new = (span["active"], span["new"]) if isinstance(span, Mapping) else (span.active, span.new)
        is_rest_few = FEWEST <= active < new + FEWEST and new >= FEWEST
        told = {"active": _few(active), "new": WITHHELD if is_rest_few else _few(new)}
        folded.append({**span, **told} if isinstance(span, Mapping) else span._replace(**told))
    return folded


def _partition(key: str, *, first: str = "") -> Callable[[Sequence[_Row]], list[dict[str, Any]]]:
    """Return what folds installations that are parts of a known whole; *first* is a moment of which the earliest stays."""

    def rule(rows: Sequence[_Row]) -> list[dict[str, Any]]:
        kept, small = _part(rows, "installations")
        if not small:
            return kept
        while kept and sum(row["installations"] for row in small) < FEWEST:
            small.append(kept.pop())
        number = sum(row["installations"] for row in small)
        other = {**small[0], key: OTHER, "installations": _few(number)}
        if first:
            other[first] = min(row[first] for row in small)
        return [*kept, other]

    return rule


def _overlapping(key: str, *figures: str) -> Callable[[Sequence[_Row]], list[dict[str, Any]]]:
    """Return what folds rows of which an installation may be in several: how many are in the rest is not known."""

    def rule(rows: Sequence[_Row]) -> list[dict[str, Any]]:
        kept, small = _part(rows, "installations")
        if not small:
            return kept
        other: dict[str, Any] = {**small[0], key: OTHER, "installations": WITHHELD, **_sums(small, figures)}
        if "durations" in other:
            steps = [step for row in small for step in row["durations"]]
            other["durations"] = {step: sum(row["durations"].get(step, 0) for row in small) for step in sorted(set(steps))}
        return [*kept, other]

    return rule


def _fold_upgrades(rows: Sequence[_Row]) -> list[dict[str, Any]]:
    return _part(rows, "installations")[0]


def _fold_versions_over_time(spans: Sequence[Any]) -> list[Any]:
    """Return versions over time without those that few installations were on."""
    is_report = bool(spans) and isinstance(spans[0], Mapping)
    rows = list(spans) if is_report else [span._asdict() for span in spans]
    kept: list[dict[str, Any]] = []
    for start in dict.fromkeys(row["start"] for row in rows):
        there = sorted((row for row in rows if row["start"] == start), key=lambda row: (-row["installations"], row["version"]))
        kept += [row for row in _partition("version")(there) if row["installations"] != FEW]
    return kept if is_report else [type(spans[0])(**row) for row in kept]


def _fold_sessions(answer: _Row) -> dict[str, Any]:
    if answer["sessions"] >= FEWEST or not answer["sessions"]:
        return dict(answer)
    return {**answer, "sessions": FEW, "p50_calls": None, "p95_calls": None}


def _fold_funnel(answer: _Row) -> dict[str, Any]:
    installed = answer["installed"]
    if not installed:
        return dict(answer)
    steps = [
        {**step, "installations": FEW, "conversion": None} if step["installations"] < FEWEST else dict(step)
        for step in answer["steps"]
    ]
    return {"installed": _few(installed), "steps": steps}


def _fold_people(answer: _Row) -> dict[str, Any]:
    kinds = answer["env_kinds"]
    # The two sums are known, and so each kind would be, were but one of them left out.
    is_told = all(number >= FEWEST for number in kinds.values())
    sums = {name: _few(answer[name]) for name in ("people", "automation")} if kinds else {}
    return {**answer, **sums, "env_kinds": dict(kinds) if is_told else {}}


def _fold_retention(rows: Sequence[_Row]) -> list[dict[str, Any]]:
    return [
        {**row, "active": [_few(number) if row["active"][0] >= FEWEST else FEW for number in row["active"]]} for row in rows
    ]


def _fold_health(answer: _Row) -> dict[str, Any]:
    kept = {name: value for name, value in answer.items() if name not in ("feedback", "last_feedback_at")}
    refused = {name: number for name, number in answer["refused"].items() if not name.startswith("feedback")}
    return {**kept, "refused": refused}


_share = _partition("name")
_count = _overlapping("name", "total")

_RULES: Mapping[str, Callable[[Any], Any]] = {
    "calls": _fold_calls,
    "tools": _fold_tools,
    UNKNOWN_TOOL: _fold_unknown_tool,
    "clients": _by_calls("client"),
    "calls_by_version": _by_calls("version"),
    "installations": _fold_installations,
    "installations_over_time": _fold_spans,
    "own_tools": _overlapping("tool", "calls", "errors"),
    "sessions": _fold_sessions,
    "funnel": _fold_funnel,
    "people": _fold_people,
    "clients_seen": _count,
    "launch_sources": _share,
    "surfaces": _count,
    "versions": _partition("version", first="first_at"),
    "versions_over_time": _fold_versions_over_time,
    "upgrades": _fold_upgrades,
    "operating_systems": _share,
    "architectures": _share,
    "pythons": _share,
    "error_categories": _count,
    "retention": _fold_retention,
    "health": _fold_health,
}
