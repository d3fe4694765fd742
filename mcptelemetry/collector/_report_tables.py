"""
How an answer of the report reads as rows: tables made from JSON values.

From the value and from nothing else, so that the text, the CSV and the JSON cannot tell different stories.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

__all__ = [
    "Table",
    "as_date",
    "columns",
    "figures",
    "share",
    "spans",
    "spans_by",
    "tabulate_calls",
    "tabulate_calls_by_version",
    "tabulate_funnel",
    "tabulate_health",
    "tabulate_people",
    "tabulate_retention",
    "tabulate_tools",
    "tabulate_versions",
]

_COLUMNS_MAX = 8  # beside each other on a terminal
_LAST = ("last_event_at", "last_heartbeat_at", "last_feedback_at")


class Table(NamedTuple):
    """Rows under a heading; the columns in *left* are words."""

    heading: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    left: tuple[int, ...] = (0,)


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


def figures(*names: str) -> Callable[[Any, Any], Table]:
    """Return what makes a table of single numbers, beside those of the period before."""

    def tabulate(value: Mapping[str, Any], before: Mapping[str, Any] | None) -> Table:
        if before is None:
            return Table(("", "number"), [(name, value[name]) for name in names])
        return Table(("", "number", "before"), [(name, value[name], before[name]) for name in names])

    return tabulate


def columns(*names: str, left: tuple[int, ...] = (0,)) -> Callable[[Any, Any], Table]:
    """Return what makes a table of a list of objects."""

    def tabulate(value: Sequence[Mapping[str, Any]], _before: object) -> Table:
        heading = tuple(name.replace("_", " ") for name in names)
        return Table(heading, [tuple(_cell(row[name]) for name in names) for row in value], left)

    return tabulate


def _cell(value: object) -> object:
    return ", ".join(f"{name} {count}" for name, count in value.items()) if isinstance(value, Mapping) else value


def spans(*names: str) -> Callable[[Any, Any], Table]:
    def tabulate(value: Sequence[Mapping[str, Any]], _before: object) -> Table:
        return Table(("from", *names), [(as_date(row["start"])[:10], *(row[name] for name in names)) for row in value])

    return tabulate


def spans_by(name: str, number: str) -> Callable[[Any, Any], Table]:
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


def tabulate_calls(value: Mapping[str, Any], _before: object) -> Table:
    entries = [*value["rows"], {"tool": "all", "routing_decision": "", **value["totals"]}] if value["rows"] else []
    rows = [(entry["tool"], entry["routing_decision"], *_figure_cells(entry)) for entry in entries]
    return Table(("tool", "routing decision", *_FIGURE_NAMES), rows, (0, 1, 8))


def tabulate_tools(value: Sequence[Mapping[str, Any]], _before: object) -> Table:
    return Table(("tool", *_FIGURE_NAMES), [(entry["tool"], *_figure_cells(entry)) for entry in value], (0, 7))


_FIGURE_NAMES = ("calls", "errors", "error rate", "p50 ms", "p95 ms", "p99 ms", "error types")


def _figure_cells(entry: Mapping[str, Any]) -> tuple[object, ...]:
    rate, types = share(entry["errors"], entry["calls"]), _cell(entry["error_types"])
    return entry["calls"], entry["errors"], rate, entry["p50_ms"], entry["p95_ms"], entry["p99_ms"], types


def tabulate_people(value: Mapping[str, Any], before: Mapping[str, Any] | None) -> Table:
    table = figures("people", "automation")(value, before)
    kinds = [(f"  {name}", count, *([] if before is None else [before["env_kinds"].get(name, 0)])) for name, count in value["env_kinds"].items()]
    return table._replace(rows=table.rows + kinds)


def tabulate_versions(value: Sequence[Mapping[str, Any]], _before: object) -> Table:
    rows = [(row["version"], row["installations"], as_date(row["first_at"])[:10]) for row in value]
    return Table(("version", "installations", "first heard of"), rows)


def tabulate_calls_by_version(value: Sequence[Mapping[str, Any]], _before: object) -> Table:
    rows = [(row["version"], row["calls"], row["errors"], as_date(row["first_at"])[:10]) for row in value]
    return Table(("version", "calls", "errors", "first call"), rows)


def tabulate_funnel(value: Mapping[str, Any], _before: object) -> Table:
    whole = value["installed"]
    rows = [("installed", whole, share(whole, whole))]
    rows += [(step["name"], step["installations"], share(step["installations"], whole)) for step in value["steps"]]
    return Table(("step", "installations", "of all"), rows if whole else [])


def tabulate_retention(value: Sequence[Mapping[str, Any]], _before: object) -> Table:
    weeks = max((len(row["active"]) for row in value), default=0)
    rows = []
    for row in value:
        shares = [share(count, row["active"][0]) for count in row["active"][1:]]
        rows.append((as_date(row["start"])[:10], row["active"][0], *shares, *[""] * (weeks - len(row["active"]))))
    return Table(("new in the week of", "new", *(f"week {number}" for number in range(1, weeks))), rows)


def tabulate_health(value: Mapping[str, Any], before: Mapping[str, Any] | None) -> Table:
    # What is shown to the public lacks some.
    counts = [name for name in ("events", "heartbeats", "feedback", "duplicates", "given_up") if name in value]
    table = figures(*counts)(value, before)
    blank = () if before is None else ("",)
    last = [(name.replace("_", " "), as_date(value[name]), *blank) for name in _LAST if name in value]
    refused = [(f"refused, {name}", count, *blank) for name, count in value["refused"].items()]
    return table._replace(rows=last + table.rows + refused)
