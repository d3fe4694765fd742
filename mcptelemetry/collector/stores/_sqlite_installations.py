"""
Questions about installations, as sqlite answers them from the facts of heartbeats.

What an installation says of itself is what its latest heartbeat in the period said; of two
in one second, the one with the greater id, so that every store takes the same.
"""

from __future__ import annotations

import sqlite3

from ._answers import (
    Cohort,
    Funnel,
    Installations,
    InstallationSpan,
    NamedCount,
    OwnTool,
    Share,
    VersionChange,
    VersionSpan,
    VersionUse,
)
from ._filter import ROWS_MAX, SPANS_MAX, TRENDS_MAX, WEEK_SECS, Filter
from ._heartbeat_facts import DURATION, FOUR_WEEKS_SECS, MILESTONE, STEP, TOOL, TOOL_ERROR, build_funnel
from ._port import Counted, Facet
from ._spans import MONDAY_OFFSET_SECS
from ._sqlite_filters import Condition, moment_condition, profile_condition, span_start

__all__ = [
    "counts",
    "funnel",
    "installations",
    "installations_by",
    "installations_over_time",
    "own_tools",
    "retention",
    "version_changes",
    "versions",
    "versions_over_time",
]

_HEARD = "heartbeats AS h JOIN profiles AS p ON p.number = h.profile"
_COUNTED = f"{_HEARD} CROSS JOIN heartbeat_counts AS c ON c.heartbeat = h.number JOIN labels AS l ON l.number = c.label"


def installations(connection: sqlite3.Connection, asked: Filter) -> Installations:
    """Answer `Questions.installations`."""
    condition = _heard(asked)
    is_new = moment_condition("i.first_at", asked)
    active, new = connection.execute(
        f"""
        SELECT count(*), coalesce(sum({is_new.sql}), 0) FROM installations AS i
        WHERE i.number IN (SELECT h.installation FROM {_HEARD} WHERE {condition.sql})
        """,
        [*is_new.values, *condition.values],
    ).fetchone()
    return Installations(active, new, active - new)


def installations_over_time(connection: sqlite3.Connection, asked: Filter, step_secs: int) -> list[InstallationSpan]:
    """Answer `Questions.installations_over_time`."""
    condition = _heard(asked)
    start, first = span_start("h.received_at", step_secs), span_start("i.first_at", step_secs)
    rows = connection.execute(
        f"""
        SELECT {start} AS start, count(DISTINCT h.installation),
            count(DISTINCT CASE {first} WHEN {start} THEN h.installation END)
        FROM {_HEARD} JOIN installations AS i ON i.number = h.installation
        WHERE {condition.sql} GROUP BY start ORDER BY start DESC LIMIT {SPANS_MAX}
        """,
        condition.values,
    )
    return [InstallationSpan(*row) for row in rows][::-1]


def installations_by(connection: sqlite3.Connection, facet: Facet, asked: Filter) -> list[Share]:
    """Answer `Questions.installations_by`."""
    condition = _heard(asked, any_env_kind=facet == "env_kind")
    rows = connection.execute(
        f"SELECT {facet} AS name, count(*) AS installations FROM ({_latest(facet, condition)}) "
        f"GROUP BY name ORDER BY installations DESC, name LIMIT {ROWS_MAX}",
        condition.values,
    )
    return [Share(*row) for row in rows]


def counts(connection: sqlite3.Connection, counted: Counted, asked: Filter) -> list[NamedCount]:
    """Answer `Questions.counts`."""
    condition = _heard(asked)
    rows = connection.execute(
        f"""
        SELECT l.name AS name, count(DISTINCT h.installation), sum(c.count) AS total FROM {_COUNTED}
        WHERE {condition.sql} AND l.kind = ? GROUP BY name ORDER BY total DESC, name LIMIT {ROWS_MAX}
        """,
        [*condition.values, counted],
    )
    return [NamedCount(*row) for row in rows]


def own_tools(connection: sqlite3.Connection, asked: Filter) -> list[OwnTool]:
    """Answer `Questions.own_tools`."""
    condition = _heard(asked)
    rows = connection.execute(
        f"""
        SELECT l.name AS name, count(DISTINCT h.installation) AS users,
            sum(CASE l.kind WHEN '{TOOL}' THEN c.count ELSE 0 END) AS calls,
            sum(CASE l.kind WHEN '{TOOL_ERROR}' THEN c.count ELSE 0 END), NULL
        FROM {_COUNTED} WHERE {condition.sql} AND (l.kind IN ('{TOOL}', '{TOOL_ERROR}') OR l.kind GLOB '{DURATION}*')
        GROUP BY name ORDER BY users DESC, calls DESC, name LIMIT {ROWS_MAX}
        """,
        condition.values,
    ).fetchall()
    tools = {row[0]: OwnTool(*row)._replace(durations={}) for row in rows}
    steps = connection.execute(
        f"""
        SELECT l.name, substr(l.kind, {len(DURATION) + 1}) AS step, sum(c.count) FROM {_COUNTED}
        WHERE {condition.sql} AND l.kind GLOB '{DURATION}*' GROUP BY l.name, step ORDER BY step
        """,
        condition.values,
    )
    for name, step, count in steps:
        if name in tools:
            tools[name].durations[step] = count
    return list(tools.values())


def versions(connection: sqlite3.Connection, asked: Filter) -> list[VersionUse]:
    """Answer `Questions.versions`."""
    condition = _heard(asked)
    of_app = profile_condition(Filter(app=asked.app))
    rows = connection.execute(
        f"""
        SELECT version, count(*) AS installations,
            (SELECT min(p.first_at) FROM profiles AS p WHERE p.version = latest.version AND {of_app.sql})
        FROM ({_latest("version", condition)}) AS latest
        GROUP BY version ORDER BY installations DESC, version LIMIT {ROWS_MAX}
        """,
        [*of_app.values, *condition.values],
    )
    return [VersionUse(*row) for row in rows]


def versions_over_time(connection: sqlite3.Connection, asked: Filter, step_secs: int) -> list[VersionSpan]:
    """Answer `Questions.versions_over_time`."""
    condition = _heard(asked)
    rows = connection.execute(
        f"""
        SELECT start, version, count(*) FROM ({_latest("version", condition, span_start("h.received_at", step_secs))})
        GROUP BY start, version ORDER BY start DESC, version LIMIT {TRENDS_MAX}
        """,
        condition.values,
    )
    return sorted(VersionSpan(*row) for row in rows)


def version_changes(connection: sqlite3.Connection, asked: Filter) -> list[VersionChange]:
    """Answer `Questions.version_changes`."""
    condition = _heard(asked)
    rows = connection.execute(
        f"""
        SELECT p.previous_version, p.version, count(DISTINCT h.installation) AS installations FROM {_HEARD}
        WHERE {condition.sql} AND p.previous_version NOT IN ('', p.version) GROUP BY p.previous_version, p.version
        ORDER BY installations DESC, p.previous_version, p.version LIMIT {ROWS_MAX}
        """,
        condition.values,
    )
    return [VersionChange(*row) for row in rows]


def funnel(connection: sqlite3.Connection, asked: Filter) -> Funnel:
    """Answer `Questions.funnel`."""
    condition = _heard(asked)
    installed, stayed = connection.execute(
        f"""
        SELECT count(*), coalesce(sum(i.last_at - i.first_at >= {FOUR_WEEKS_SECS}), 0) FROM installations AS i
        WHERE i.number IN (SELECT h.installation FROM {_HEARD} WHERE {condition.sql})
        """,
        condition.values,
    ).fetchone()
    reached = connection.execute(
        f"""
        SELECT l.kind, l.name, count(DISTINCT h.installation) AS installations FROM {_COUNTED}
        WHERE {condition.sql} AND l.kind IN ('{STEP}', '{MILESTONE}') GROUP BY l.kind, l.name
        ORDER BY installations DESC, l.name LIMIT {ROWS_MAX}
        """,
        condition.values,
    ).fetchall()
    return build_funnel(installed, stayed, reached)


def retention(connection: sqlite3.Connection, asked: Filter, weeks: int) -> list[Cohort]:
    """Answer `Questions.retention`."""
    # From installations to their weeks: the other way round, every week would look for its application.
    week = f"((i.first_at + {MONDAY_OFFSET_SECS}) / {WEEK_SECS})"
    start = f"({week} * {WEEK_SECS} - {MONDAY_OFFSET_SECS})"
    condition = profile_condition(asked) & moment_condition(start, asked)
    rows = connection.execute(
        f"""
        SELECT {start} AS start, w.week - {week} AS age, count(*)
        FROM installations AS i JOIN profiles AS p ON p.number = i.first_profile
        CROSS JOIN installation_weeks AS w ON w.installation = i.number
        WHERE {condition.sql} AND w.week <= {week} + ? GROUP BY start, age ORDER BY start, age
        """,
        [*condition.values, weeks],
    )
    cohorts: dict[int, list[int]] = {}
    for begun, age, count in rows:
        active = cohorts.setdefault(begun, [])
        active.extend([0] * (age - len(active)))
        active.append(count)
    return [Cohort(begun, active) for begun, active in cohorts.items()]


def _heard(asked: Filter, *, any_env_kind: bool = False) -> Condition:
    return profile_condition(asked, any_env_kind=any_env_kind) & moment_condition("h.received_at", asked)


def _latest(column: str, condition: Condition, start: str = "0") -> str:
    """Return the query for *column* of each installation's latest heartbeat, in each span of time that begins at *start*."""
    return f"""
    SELECT start, {column} FROM (
        SELECT {start} AS start, p.{column} AS {column}, row_number() OVER (
            PARTITION BY {start}, h.installation ORDER BY h.received_at DESC, h.heartbeat_id DESC
        ) AS place
        FROM {_HEARD} WHERE {condition.sql}
    ) WHERE place = 1
    """
