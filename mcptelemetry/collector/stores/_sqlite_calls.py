"""
Questions about events that sums of days cannot answer, as sqlite answers them.

Percentiles need every latency: these are gathered, packed, and looked at where a percentile lies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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


def calls(look: Look, asked: Filter) -> Calls:
    """Answer `CallQuestions.calls`."""
    rows, totals, routes = _figures_by(look, asked, ("tool", "routing_decision"))
    return Calls([ToolCalls(*row) for row in rows], totals, routes - len(rows))


def tools(look: Look, asked: Filter) -> list[ToolFigures]:
    """Answer `CallQuestions.tools`."""
    rows, _, _ = _figures_by(look, asked, ("tool",))
    return [ToolFigures(*row) for row in rows]


def _figures_by(look: Look, asked: Filter, columns: Sequence[str]) -> tuple[list[tuple[Any, ...]], CallFigures, int]:
    """Return the figures of the most called of what *columns* tell apart, after these; those of all; and how many there are."""
    run, names = look.connection.execute, ", ".join(f"s.{column}" for column in columns)
    with at_once(look.connection):
        wanted = wanted_shapes(look, asked, columns)
        counted = f"{gather_calls(look, asked)} AS c JOIN {wanted} AS w ON w.shape = c.shape"
    latencies = gather_latencies(look, asked)
    with at_once(look.connection):
        shown = run(
            f"""
            SELECT count(*) OVER (), r.route, r.calls, {names}
            FROM (SELECT w.route AS route, sum(c.calls) AS calls FROM {counted} GROUP BY w.route) AS r JOIN shapes AS s ON s.number = r.route
            ORDER BY r.calls DESC, {names} LIMIT {ROWS_MAX}
            """
        ).fetchall()
        error_types = _error_types(look, counted, [row[1] for row in shown])
        (total,) = run(f"SELECT coalesce(sum(c.calls), 0) FROM {counted}").fetchone()
    percentiles, overall = exact_percentiles(
        lambda: run(f"SELECT w.route, l.packed FROM {latencies} AS l JOIN {wanted} AS w ON w.shape = l.route"),
        [row[1] for row in shown],
        _PERCENTS,
    )
    rows = [(*named_by, _figures(count, error_types.get(route, {}), percentiles[route])) for _, route, count, *named_by in shown]
    return rows, _figures(total, error_types[_ALL], overall), shown[0][0] if shown else 0


def sessions(look: Look, asked: Filter) -> Sessions:
    """Answer `Questions.sessions`."""
    sizes = read_session_sizes(look, asked)
    count = sum(sizes.values())
    p50, p95 = nearest_ranks(sorted(sizes.items()), count, (50, 95))
    return Sessions(count, sum(calls * number for calls, number in sizes.items()), p50, p95)


_ALL = -1  # in place of a route


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
