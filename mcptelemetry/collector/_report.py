"""
What was collected says, as one JSON document, as text, or as one table in CSV.

A report asks a store every question of the table of sections, for the period and for the one
before it, and puts the definition beside each answer.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Mapping
from typing import Any

from ..system import printable
from ._report_sections import CALL_SECTIONS, SECTIONS, Section
from ._report_tables import as_date, share
from ._table import render_table
from .stores import DEFINITIONS, CallQuestions, Filter, Questions, look_at

__all__ = [
    "REPORT_TABLES",
    "compile_report",
    "compile_section",
    "describe_filter",
    "render_csv",
    "render_report",
    "render_section",
    "sections_of",
]

_EVERYTHING = Filter()
_BY_NAME = {section.name: section for section in (*CALL_SECTIONS, *SECTIONS)}

REPORT_TABLES: tuple[str, ...] = tuple(_BY_NAME)
"""The names of the report's sections, each of which is a table in CSV."""

_NOTES = (
    "env kind selects heartbeats only; client and tool select events only",
    "events go by their own timestamp, heartbeats and feedback by when they were received",
)


def compile_report(store: CallQuestions, asked: Filter = _EVERYTHING) -> dict[str, Any]:
    """
    Return the report on what is *asked* for; by a store of events only, on calls only.

    Keys: ``app`` (as asked), ``asked`` (the whole filter), ``apps`` (calls of each application),
    ``rows`` (one for each tool and routing decision, most called first: ``tool``,
    ``routing_decision``, ``calls``, ``errors``, ``error_types`` and the latencies ``p50_ms``,
    ``p95_ms``, ``p99_ms``), ``totals`` (the same over all rows), ``left_out`` (how many rows more
    there are); then a key for each further section, ``before`` (all of these for the period
    before, or None), ``definitions`` and ``notes``. Raises `StoreError`.
    """
    earlier = asked.before()
    with look_at(store) as questions:
        document = {
            "app": asked.app,
            "asked": describe_filter(asked),
            **_answer(questions, asked),
            "before": None if earlier is None else {"asked": describe_filter(earlier), **_answer(questions, earlier)},
        }
    document["definitions"] = {section.name: DEFINITIONS[section.definition] for section in sections_of(store)}
    document["notes"] = list(_NOTES)
    return document


def compile_section(store: CallQuestions, asked: Filter, name: str) -> tuple[Any, Any]:
    """
    Return the answer of the section called *name*, and that of the period before or None.

    Each is what `compile_report` has under that name; of ``calls``, the keys ``apps``, ``rows``, ``totals`` and
    ``left_out``. Raises `ValueError` when a report on *store* has no such section, `StoreError`.
    """
    section = _find_section(name, [known.name for known in sections_of(store)])
    earlier = asked.before()
    return section.ask(store, asked), None if earlier is None else section.ask(store, earlier)


def render_report(document: Mapping[str, Any]) -> str:
    """Return *document*, from `compile_report`, as text for a terminal, without a final line end."""
    if not _has_anything(document):
        return printable(_render_nothing(document))
    parts = [_render_head(document), _render_summary(document)]
    for name, definition in document["definitions"].items():
        section = _BY_NAME[name]
        table = section.tabulate(_value(document, name), _value(document["before"], name))
        if table.rows:
            text = render_table(table.heading, table.rows, left=table.left)
            parts.append(f"{section.title}\n{definition}\n\n{text}{_left_out(document, name)}")
    parts.append("\n".join(document["notes"]))
    return "\n\n\n".join(parts)


def render_csv(document: Mapping[str, Any], table_name: str) -> str:
    """
    Return one section of *document* as CSV with a heading, lines ended by CR LF.

    Raises `ValueError` when the report has no such section.
    """
    _find_section(table_name, document["definitions"])
    return render_section(table_name, _value(document, table_name), _value(document["before"], table_name))


def render_section(name: str, value: Any, before: Any) -> str:
    """Return the answer of one section, from `compile_section`, as CSV with a heading, lines ended by CR LF."""
    table = _find_section(name, _BY_NAME).tabulate(value, before)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(table.heading)
    writer.writerows([_inert(cell) for cell in row] for row in table.rows)
    return text.getvalue()


def _find_section(name: str, known: Collection[str]) -> Section:
    if name not in known:
        msg = f"{name!r} is no table of this report; give one of {', '.join(known)}"
        raise ValueError(msg)
    return _BY_NAME[name]


def sections_of(store: CallQuestions) -> tuple[Section, ...]:
    return (*CALL_SECTIONS, *SECTIONS) if isinstance(store, Questions) else CALL_SECTIONS


def _answer(store: CallQuestions, asked: Filter) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for section in sections_of(store):
        answer = section.ask(store, asked)
        # The rows of tools have always stood at the top.
        answers.update(answer if section.name == "calls" else {section.name: answer})
    return answers


def _value(document: Mapping[str, Any] | None, name: str) -> Any:
    """Return the answer of the section called *name*; None when there is no such period."""
    if document is None:
        return None
    return document if name == "calls" else document[name]


def describe_filter(asked: Filter) -> dict[str, Any]:
    return {
        "app": asked.app,
        "version": asked.version,
        "client": asked.client,
        "tool": asked.tool,
        "env_kinds": None if asked.env_kinds is None else list(asked.env_kinds),
        "since": asked.since,
        "until": asked.until,
    }


def _has_anything(document: Mapping[str, Any]) -> bool:
    health = document.get("health")
    return bool(document["rows"]) or (health is not None and any(health[name] for name in ("heartbeats", "feedback", "events")))


def _render_nothing(document: Mapping[str, Any]) -> str:
    app, apps, health = document["app"], document["apps"], document.get("health")
    if app is not None and apps:
        return f"Nothing has been collected for {app}; there are events of {', '.join(apps)}."
    last = max((health[f"last_{stream}_at"] or 0 for stream in ("event", "heartbeat", "feedback")), default=0) if health else 0
    if last:
        return f"Nothing that was collected fits what is asked for; the last document came at {as_date(last)} UTC."
    return "Nothing has been collected yet."


def _render_summary(document: Mapping[str, Any]) -> str:
    """Return the few numbers that say how it is going, each beside that of the period before."""
    periods = [document] if document["before"] is None else [document, document["before"]]
    rows: list[tuple[object, ...]] = []
    if "installations" in document:
        rows.append(("active installations", *(period["installations"]["active"] for period in periods)))
    totals = [period["totals"] for period in periods]
    rows.append(("calls", *(total["calls"] for total in totals)))
    rows.append(("error rate", *(share(total["errors"], total["calls"]) for total in totals)))
    rows.append(("p95 latency, ms", *("" if total["p95_ms"] is None else total["p95_ms"] for total in totals)))
    if "feedback" in document:
        rows.append(("feedback", *(sum(row["messages"] for row in period["feedback"]) for period in periods)))
    return render_table(("", "number", "before")[: len(periods) + 1], rows, left=(0,))


def _render_head(document: Mapping[str, Any]) -> str:
    asked = document["asked"]
    words = [asked["app"] or f"all applications ({', '.join(f'{name} {count}' for name, count in document['apps'].items())})"]
    words += [f"{name} {asked[name]}" for name in ("version", "client", "tool") if asked[name] is not None]
    if asked["env_kinds"] is not None:
        words.append(f"env kinds {', '.join(asked['env_kinds'])}")
    if asked["since"] is not None or asked["until"] is not None:
        begin = "the beginning" if asked["since"] is None else as_date(asked["since"])
        end = "now" if asked["until"] is None else as_date(asked["until"])
        words.append(f"from {begin} to {end} UTC")
    return printable("; ".join(words))


def _left_out(document: Mapping[str, Any], name: str) -> str:
    count = document["left_out"] if name == "calls" else 0
    return f"\n{count} more rows are left out" if count else ""


def _inert(cell: object) -> object:
    """Return *cell* so that no spreadsheet takes a stranger's name for a formula."""
    if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{cell}"
    return "" if cell is None else cell
