"""
The parts of a page that go along time: a chart each, and the same as a table beneath it.

The steps are those that can be told apart at the width of a page: hours of a day, days of a
month, weeks of a year.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..stores import DAY_SECS, HOUR_SECS, WEEK_SECS
from ._answers import Answers
from ._cells import count
from ._charts import Shares, Trend, draw_shares, draw_spark, draw_trend, share_rows, step_of, trend_rows
from ._shapes import Cell, Column, Drawing, Grid, Part, Row
from ._timeline import Timeline

__all__ = ["draw_sparks", "view_calls_over_time", "view_errors_over_time", "view_installations_over_time", "view_versions_over_time"]

_DAILY_UNTIL_SECS = 14 * DAY_SECS
_SHORT_SECS = 2 * DAY_SECS
_MARKS_MAX = 12
_STEPS = {HOUR_SECS: "an hour", DAY_SECS: "a day", WEEK_SECS: "a week"}


def view_calls_over_time(answers: Answers) -> Part | None:
    """Return calls and errors over time, with the versions that came out and the period before."""
    asked = answers.query.asked
    step_secs, since, until = _frame(answers)
    spans = answers.spans("calls_over_time", asked, step_secs)
    if not spans:
        return None
    earlier = asked.before()
    trend = Trend(
        since=min(since, spans[0].start) if asked.since is None else since,
        until=until,
        step_secs=step_secs,
        spans=spans,
        before=() if earlier is None else answers.spans("calls_over_time", earlier, step_secs),
        marks=_marks(answers, since, until),
        now=answers.query.now,
    )
    return Part(
        "calls_over_time",
        f"Calls {_STEPS.get(step_secs, 'over time')}",
        Drawing(draw_trend(trend), _trend_grid(trend)),
        "and errors, with the versions that came out" if trend.marks else "and errors",
        answers.define("calls_over_time"),
    )


def _trend_grid(trend: Trend) -> Grid:
    rows = [
        Row(
            str(row.start),
            [
                Cell(row.label),
                count("calls", row.calls),
                count("errors", row.errors),
                *([count("calls_before", row.before)] if trend.before else []),
                Cell(name=", ".join(row.versions)) if row.versions else Cell(),
            ],
        )
        for row in trend_rows(trend)
    ]
    columns = [Column("from", is_words=True), Column("calls"), Column("errors")]
    columns += [Column("calls before")] if trend.before else []
    return Grid([*columns, Column("came out", is_words=True)], rows)


def _frame(answers: Answers) -> tuple[int, int, int]:
    """Return the length of a step, and where the period begins and ends."""
    asked, now = answers.query.asked, answers.query.now
    until = asked.until if asked.until is not None else -(-now // HOUR_SECS) * HOUR_SECS
    since = asked.since if asked.since is not None else until - 365 * DAY_SECS
    return step_of(since, until), since, until


def _marks(answers: Answers, since: int, until: int) -> list[tuple[str, int]]:
    """Return the versions that came out in the period: first heard of in it, or else called in it and not in the one before."""
    if answers.query.asked.version is not None:
        return []
    if "versions" in answers.names and answers.ask("versions"):
        seen = [(row["version"], row["first_at"]) for row in answers.ask("versions")]
    else:
        earlier = answers.ask_before("calls_by_version")
        known = None if earlier is None else {row["version"] for row in earlier}
        rows = answers.ask("calls_by_version") if known else []
        seen = [(row["version"], row["first_at"]) for row in rows if known and row["version"] not in known]
    marks = [(version, moment) for version, moment in seen if since <= moment < until and not answers.is_rest(version)]
    # Of many, those that most are on: a stranger may invent any number of versions.
    return sorted(marks[:_MARKS_MAX], key=lambda mark: mark[1])


def view_errors_over_time(answers: Answers) -> Part | None:
    """Return errors by type over time."""
    step_secs, _, _ = _frame(answers)
    spans = answers.spans("errors_over_time", answers.query.asked, step_secs)
    parts = [(span.start, span.error_type, span.errors) for span in spans]
    return _shares(answers, parts, step_secs, "errors_over_time", "Errors by type", "why calls failed, and when", noun="error")


def view_installations_over_time(answers: Answers) -> Part | None:
    """Return installations over time, new ones told apart."""
    step_secs = _weekly(answers)
    spans = answers.spans("installations_over_time", answers.query.asked, step_secs)
    parts = [part for span in spans for part in _new_and_known(span)]
    title = f"Installations {_STEPS[step_secs]}"
    return _shares(answers, parts, step_secs, "installations_over_time", title, "that sent a heartbeat", noun="installation")


def _new_and_known(span: Any) -> Iterable[tuple[int, str, Any]]:
    if isinstance(span.active, int) and isinstance(span.new, int):
        yield span.start, "seen before", span.active - span.new
        yield span.start, "new", span.new
    elif isinstance(span.active, int):
        yield span.start, "active", span.active


def view_versions_over_time(answers: Answers) -> Part | None:
    """Return which version installations were on, over time."""
    step_secs = _weekly(answers)
    spans = answers.spans("versions_over_time", answers.query.asked, step_secs)
    parts = [(span.start, span.version, span.installations) for span in spans]
    title = f"Versions {_STEPS[step_secs]}"
    return _shares(answers, parts, step_secs, "versions_over_time", title, "how fast a new one is taken up", noun="installation")


def _weekly(answers: Answers) -> int:
    _, since, until = _frame(answers)
    return DAY_SECS if until - since <= _DAILY_UNTIL_SECS else WEEK_SECS


def _shares(
    answers: Answers, parts: Sequence[tuple[int, str, Any]], step_secs: int, name: str, title: str, lead: str, *, noun: str
) -> Part | None:
    _, since, until = _frame(answers)
    if step_secs == DAY_SECS and until - since <= _SHORT_SECS and noun == "installation":
        return None  # a column or two tell nothing that the tile does not
    told_parts = [part for part in parts if isinstance(part[2], int) and part[2]]
    if not told_parts:
        return None
    shares = Shares(since, until, step_secs, told_parts, noun=noun, now=answers.query.now, is_additive=noun != "installation")
    names, lines = share_rows(shares)
    rows = [Row(str(line.start), [Cell(line.label), *(count(f"{noun}s", number) for number in line.counts)]) for line in lines]
    grid = Grid([Column("from", is_words=True), *(Column(text, is_name=True) for text in names)], rows)
    return Part(name, title, Drawing(draw_shares(shares), grid), lead, answers.define(name), table=name if name in answers.names else "")


def draw_sparks(answers: Answers) -> dict[str, str]:
    """Return a small chart for each of the tools that were called most."""
    step_secs, since, until = _frame(answers)
    line = Timeline(since, until, step_secs)
    values: dict[str, list[int]] = {}
    for span in answers.spans("tool_trends", answers.query.asked, step_secs):
        place = line.index_of(span.start)
        if place is not None:
            values.setdefault(span.tool, [0] * len(line))[place] += span.calls
    return {tool: draw_spark(numbers) for tool, numbers in values.items()}
