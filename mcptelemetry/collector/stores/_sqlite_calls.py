"""
Questions about events that sums of days cannot answer, as sqlite answers them.

Percentiles need every latency: these are gathered, packed, and looked at where a percentile lies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ._answers import CallFigures, Calls, Sessions, ToolCalls, ToolFigures
from ._filter import ROWS_MAX, Filter
from ._packed_latencies import exact_percentiles
from ._ranks import nearest_ranks
from ._sqlite_filters import named
from ._sqlite_locks import at_once
from ._sqlite_looks import Look
from ._sqlite_slices import gather_latencies, read_session_sizes, wanted_shapes
from ._sqlite_sums import gather_calls

__all__ = ["calls", "sessions", "tools"]

_PERCENTS = (50, 95, 99)
_ALL = -1  # in place of a route
_ROUTES, _TOOLS = ("tool", "routing_decision"), ("tool",)
"""What rows are told apart by: both are looked up in one walk, since whoever asks for one will ask for the other."""


class _Shown(NamedTuple):
    """The most called of what is told apart: *rows* of least shape, calls and names; *percentiles* by least shape; how many there are."""

    rows: list[tuple[Any, ...]]
    percentiles: dict[int, list[int | None]]
    number: int


def calls(look: Look, asked: Filter) -> Calls:
    """Answer `CallQuestions.calls`."""
    rows, totals, routes = _figures_by(look, asked, _ROUTES)
    return Calls([ToolCalls(*row) for row in rows], totals, routes - len(rows))


def tools(look: Look, asked: Filter) -> list[ToolFigures]:
    """Answer `CallQuestions.tools`."""
    rows, _, _ = _figures_by(look, asked, _TOOLS)
    return [ToolFigures(*row) for row in rows]


def _figures_by(look: Look, asked: Filter, columns: tuple[str, ...]) -> tuple[list[tuple[Any, ...]], CallFigures, int]:
    """Return the figures of the most called of what *columns* tell apart, after these; those of all; and how many there are."""
    both, overall = look.once(("figures", asked), lambda: _gather_figures(look, asked))
    shown = both[columns]
    with at_once(look.connection):
        counted = _counted(look, asked, columns)
        error_types = _error_types(look, counted, [row[0] for row in shown.rows])
        (total,) = look.connection.execute(f"SELECT coalesce(sum(c.calls), 0) FROM {counted}").fetchone()
    rows = [(*named_by, _figures(count, error_types.get(route, {}), shown.percentiles[route])) for route, count, *named_by in shown.rows]
    return rows, _figures(total, error_types[_ALL], overall), shown.number


def _gather_figures(look: Look, asked: Filter) -> tuple[dict[tuple[str, ...], _Shown], list[int | None]]:
    """Return what is shown by route and by tool, and the percentiles of all calls."""
    run = look.connection.execute
    found = []
    with at_once(look.connection):
        for columns in (_ROUTES, _TOOLS):
            names = ", ".join(f"s.{column}" for column in columns)
            found.append(
                run(
                    f"""
                    SELECT count(*) OVER (), r.route, r.calls, {names} FROM (
                        SELECT w.route AS route, sum(c.calls) AS calls FROM {_counted(look, asked, columns)} GROUP BY w.route
                    ) AS r JOIN shapes AS s ON s.number = r.route ORDER BY r.calls DESC, {names} LIMIT {ROWS_MAX}
                    """
                ).fetchall()
            )
        tools = wanted_shapes(look, asked, _TOOLS)
    latencies = gather_latencies(look, asked)
    percentiles, overall = exact_percentiles(
        lambda: run(f"SELECT l.route, t.route, l.packed FROM {latencies} AS l JOIN {tools} AS t ON t.shape = l.route"),
        [[row[1] for row in rows] for rows in found],
        _PERCENTS,
    )
    shown = (_Shown([row[1:] for row in rows], of_rows, rows[0][0] if rows else 0) for rows, of_rows in zip(found, percentiles))
    return dict(zip((_ROUTES, _TOOLS), shown)), overall


def _counted(look: Look, asked: Filter, columns: tuple[str, ...]) -> str:
    return f"{gather_calls(look, asked)} AS c JOIN {wanted_shapes(look, asked, columns)} AS w ON w.shape = c.shape"


def sessions(look: Look, asked: Filter) -> Sessions:
    """Answer `Questions.sessions`."""
    sizes = read_session_sizes(look, asked)
    count = sum(sizes.values())
    p50, p95 = nearest_ranks(sorted(sizes.items()), count, (50, 95))
    return Sessions(count, sum(calls * number for calls, number in sizes.items()), p50, p95)


def _error_types(look: Look, counted: str, routes: Sequence[int]) -> dict[int, dict[str, int]]:
    """Return the errors of each of *routes* by type, most first, and those of all."""
    shown = look.new_table("route INTEGER PRIMARY KEY")
    look.connection.executemany(f"INSERT INTO {shown} VALUES (?)", [(route,) for route in routes])
    of_all: dict[str, int] = {}
    found: dict[int, dict[str, int]] = {_ALL: of_all}
    name = f"{named('s.error_type')} AS name, sum(c.calls) AS errors"
    failed = f"FROM {counted} JOIN shapes AS s ON s.number = c.shape WHERE s.status = 'error'"
    of_all.update(look.connection.execute(f"SELECT {name} {failed} GROUP BY name ORDER BY errors DESC, name"))
    rows = look.connection.execute(
        f"SELECT w.route, {name} {failed} AND w.route IN (SELECT route FROM {shown}) GROUP BY w.route, name ORDER BY errors DESC, name"
    )
    for route, error_type, errors in rows:
        found.setdefault(route, {})[error_type] = errors
    return found


def _figures(count: int, error_types: dict[str, int], percentiles: list[int | None]) -> CallFigures:
    return CallFigures(count, sum(error_types.values()), error_types, *percentiles)
