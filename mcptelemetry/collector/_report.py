"""
What the collected events say, as one JSON document.

A report is a table of sections; each adds its own keys to the document and says how they
read on a terminal. Percentiles are exact (nearest rank), from how often each latency
occurred: whole milliseconds repeat, so a million events make a short list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..system import printable
from ._table import render_table
from .stores import CallQuestions, Filter

__all__ = ["compile_report", "render_report"]


def compile_report(store: CallQuestions, *, app: str | None = None) -> dict[str, Any]:
    """
    Return the report on everything in *store*, or on the application called *app*.

    Keys: ``app`` (as given), ``apps`` (calls of each application), ``rows`` (one for each tool
    and routing decision, most called first: ``tool``, ``routing_decision``, ``calls``,
    ``errors``, ``error_types`` and the latencies ``p50_ms``, ``p95_ms``, ``p99_ms``) and
    ``totals`` (the same over all rows). Events that named no application count as those of
    ``unknown``. Raises `StoreError`.
    """
    asked = Filter(app=app)
    document: dict[str, Any] = {"app": app}
    for section in _SECTIONS:
        document.update(section.compile(store, asked))
    return document


def render_report(document: Mapping[str, Any]) -> str:
    """Return *document*, from `compile_report`, as text for a terminal, without a final line end."""
    return "\n\n".join(section.render(document) for section in _SECTIONS)


@dataclass(frozen=True)
class _Section:
    """A part of the report: what it adds to the document, and how that reads."""

    compile: Callable[[CallQuestions, Filter], Mapping[str, Any]]
    render: Callable[[Mapping[str, Any]], str]


def _compile_calls(store: CallQuestions, asked: Filter) -> Mapping[str, Any]:
    answer = store.calls(asked)
    return {
        "apps": store.apps(asked),
        "rows": [
            {"tool": row.tool, "routing_decision": row.routing_decision, **row.figures._asdict()} for row in answer.rows
        ],
        "totals": answer.totals._asdict(),
    }


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
        return printable(f"Nothing has been collected for {app}; there are events of {', '.join(apps)}.")
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
    return f"{table}\n\nfrom {printable(', '.join(f'{name} ({count})' for name, count in apps.items()))}"


_SECTIONS = (_Section(_compile_calls, _render_calls),)
