"""
What the collected events say, as one JSON document.

A report is a table of sections; each adds its own keys to the document and says how they
read on a terminal. Percentiles are exact (nearest rank), from how often each latency
occurred: whole milliseconds repeat, so a million events make a short list.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ._store import CallOutcome, SqliteStore
from ._table import render_table

__all__ = ["compile_report", "render_report"]

# What an error without a type, or an event of an unnamed application, goes under.
_UNNAMED = "unknown"


def compile_report(store: SqliteStore, *, app: str | None = None) -> dict[str, Any]:
    """
    Return the report on everything in *store*, or on the application called *app*.

    Keys: ``app`` (as given), ``apps`` (calls of each application), ``rows`` (one for each tool
    and routing decision, most called first: ``tool``, ``routing_decision``, ``calls``,
    ``errors``, ``error_types`` and the latencies ``p50_ms``, ``p95_ms``, ``p99_ms``) and
    ``totals`` (the same over all rows). Events that named no application count as those of
    ``unknown``. Raises `StoreError`.
    """
    counts = store.count_outcomes()
    document: dict[str, Any] = {"app": app}
    for section in _SECTIONS:
        document.update(section.compile(counts, app))
    return document


def render_report(document: Mapping[str, Any]) -> str:
    """Return *document*, from `compile_report`, as text for a terminal, without a final line end."""
    return "\n\n".join(section.render(document) for section in _SECTIONS)


@dataclass(frozen=True)
class _Section:
    """A part of the report: what it adds to the document, and how that reads."""

    compile: Callable[[Mapping[CallOutcome, int], str | None], Mapping[str, Any]]
    render: Callable[[Mapping[str, Any]], str]


class _CallTotals:
    """Calls, errors by type, and how often each latency occurred."""

    def __init__(self) -> None:
        self.calls = 0
        self.error_types: Counter[str] = Counter()
        self.latencies: Counter[int] = Counter()

    def add(self, outcome: CallOutcome, count: int) -> None:
        self.calls += count
        self.latencies[outcome.latency_ms] += count
        if outcome.status == "error":
            self.error_types[outcome.error_type or _UNNAMED] += count

    def to_dict(self) -> dict[str, Any]:
        p50, p95, p99 = _percentiles(self.latencies, (50, 95, 99))
        return {
            "calls": self.calls,
            "errors": sum(self.error_types.values()),
            "error_types": dict(sorted(self.error_types.items(), key=_most_first)),
            "p50_ms": p50,
            "p95_ms": p95,
            "p99_ms": p99,
        }


def _compile_calls(counts: Mapping[CallOutcome, int], app: str | None) -> Mapping[str, Any]:
    apps: Counter[str] = Counter()
    totals = _CallTotals()
    totals_of: dict[tuple[str, str], _CallTotals] = {}
    for outcome, count in counts.items():
        name = outcome.app or _UNNAMED
        apps[name] += count
        if app is not None and name != app:
            continue
        totals.add(outcome, count)
        totals_of.setdefault((outcome.tool, outcome.routing_decision), _CallTotals()).add(outcome, count)
    rows = [
        {"tool": tool, "routing_decision": decision, **sums.to_dict()}
        for (tool, decision), sums in sorted(
            totals_of.items(), key=lambda entry: (-entry[1].calls, entry[0])
        )
    ]
    return {
        "apps": dict(sorted(apps.items(), key=_most_first)),
        "rows": rows,
        "totals": totals.to_dict(),
    }


def _percentiles(counts: Mapping[int, int], percents: tuple[int, ...]) -> list[int | None]:
    """Return the nearest-rank percentiles of the values that occur *counts* times, None without any."""
    total = sum(counts.values())
    if not total:
        return [None] * len(percents)
    # The smallest value that at least p percent of all values do not exceed; in whole
    # numbers, because 0.95 * 20 is not 19 in floating point.
    ranks = [-(-percent * total // 100) for percent in percents]
    found: list[int | None] = []
    seen = 0
    for value, count in sorted(counts.items()):
        seen += count
        while len(found) < len(ranks) and ranks[len(found)] <= seen:
            found.append(value)
    return found


_CALLS_HEADING = (
    "tool",
    "routing decision",
    "calls",
    "errors",
    "error rate",
    "p50 ms",
    "p95 ms",
    "p99 ms",
    "error types",
)


def _render_calls(document: Mapping[str, Any]) -> str:
    app, apps, rows = document["app"], document["apps"], document["rows"]
    if not rows:
        if not apps:
            return "Nothing has been collected yet."
        return f"Nothing has been collected for {app}; there are events of {', '.join(apps)}."
    entries = [*rows, {"tool": "all", "routing_decision": "", **document["totals"]}]
    table = render_table(
        _CALLS_HEADING,
        [
            (
                entry["tool"],
                entry["routing_decision"],
                entry["calls"],
                entry["errors"],
                f"{entry['errors'] / entry['calls']:.1%}",
                entry["p50_ms"],
                entry["p95_ms"],
                entry["p99_ms"],
                ", ".join(f"{name} {count}" for name, count in entry["error_types"].items()),
            )
            for entry in entries
        ],
        left=(0, 1, 8),
    )
    if app is not None:
        return table
    return f"{table}\n\nfrom {', '.join(f'{name} ({count})' for name, count in apps.items())}"


def _most_first(entry: tuple[str, int]) -> tuple[int, str]:
    return -entry[1], entry[0]


_SECTIONS = (_Section(_compile_calls, _render_calls),)
