"""
Questions about installations, as sqlite answers them from the facts of heartbeats.

What an installation says of itself is what its latest heartbeat in the period said; of two
in one second, the one with the greater id, so that every store takes the same.
"""

from __future__ import annotations

import sqlite3
from heapq import nsmallest

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
from ._sqlite_labels import read_names

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


def installations(connection: sqlite3.Connection, asked: Filter) -> Installations:
    """Answer `Questions.installations`."""
    heard, is_new = _heard_of(asked), moment_condition("i.first_at", asked)
    active, new = connection.execute(
        f"SELECT count(*), coalesce(sum({is_new.sql}), 0) FROM installations AS i WHERE EXISTS ({heard.sql})",
        [*is_new.values, *heard.values],
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
    latest = _latest(asked, any_env_kind=facet == "env_kind")
    rows = connection.execute(
        f"""
        SELECT p.{facet} AS name, count(*) AS installations FROM ({latest.sql}) AS l JOIN profiles AS p ON p.number = l.profile
        GROUP BY name ORDER BY installations DESC, name LIMIT {ROWS_MAX}
        """,
        latest.values,
    )
    return [Share(*row) for row in rows]


def counts(connection: sqlite3.Connection, counted: Counted, asked: Filter) -> list[NamedCount]:
    """Answer `Questions.counts`."""
    rows = (
        NamedCount(named.name, named.installations, named.totals[counted])
        for named in read_names(connection, asked, Condition("l.kind = ?", [counted]))
    )
    return nsmallest(ROWS_MAX, rows, key=lambda row: (-row.total, row.name))


def own_tools(connection: sqlite3.Connection, asked: Filter) -> list[OwnTool]:
    """Answer `Questions.own_tools`."""
    kinds = Condition(f"(l.kind IN ('{TOOL}', '{TOOL_ERROR}') OR l.kind GLOB '{DURATION}*')", [])
    rows = (
        OwnTool(
            named.name,
            named.installations,
            named.totals.get(TOOL, 0),
            named.totals.get(TOOL_ERROR, 0),
            {kind[len(DURATION) :]: count for kind, count in named.totals.items() if kind.startswith(DURATION)},
        )
        for named in read_names(connection, asked, kinds)
    )
    return nsmallest(ROWS_MAX, rows, key=lambda row: (-row.installations, -row.calls, row.tool))


def versions(connection: sqlite3.Connection, asked: Filter) -> list[VersionUse]:
    """Answer `Questions.versions`."""
    latest, of_app = _latest(asked), profile_condition(Filter(app=asked.app))
    rows = connection.execute(
        f"""
        SELECT version, installations, (SELECT min(p.first_at) FROM profiles AS p WHERE p.version = used.version AND {of_app.sql})
        FROM (
            SELECT p.version AS version, count(*) AS installations FROM ({latest.sql}) AS l JOIN profiles AS p ON p.number = l.profile
            GROUP BY p.version ORDER BY installations DESC, version LIMIT {ROWS_MAX}
        ) AS used
        ORDER BY installations DESC, version
        """,
        [*of_app.values, *latest.values],
    )
    return [VersionUse(*row) for row in rows]


def versions_over_time(connection: sqlite3.Connection, asked: Filter, step_secs: int) -> list[VersionSpan]:
    """Answer `Questions.versions_over_time`."""
    condition, start = _heard(asked), span_start("h.received_at", step_secs)
    rows = connection.execute(
        f"""
        SELECT start, version, count(*) FROM (
            SELECT {start} AS start, p.version AS version, row_number() OVER (
                PARTITION BY {start}, h.installation ORDER BY h.received_at DESC, h.heartbeat_id DESC
            ) AS place
            FROM {_HEARD} WHERE {condition.sql}
        )
        WHERE place = 1 GROUP BY start, version ORDER BY start DESC, version LIMIT {TRENDS_MAX}
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
    heard = _heard_of(asked)
    installed, stayed = connection.execute(
        f"""
        SELECT count(*), coalesce(sum(i.last_at - i.first_at >= {FOUR_WEEKS_SECS}), 0) FROM installations AS i
        WHERE EXISTS ({heard.sql})
        """,
        heard.values,
    ).fetchone()
    kinds = Condition(f"l.kind IN ('{STEP}', '{MILESTONE}')", [])
    names = read_names(connection, asked, kinds, is_by_kind=True)
    reached = ((kind, named.name, named.installations) for named in names for kind in named.totals)
    most = nsmallest(ROWS_MAX, reached, key=lambda row: (-row[2], row[1]))
    return build_funnel(installed, stayed, most)


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


def _heard_of(asked: Filter, *, any_env_kind: bool = False) -> Condition:
    """Return the query for heartbeats of `installations AS i`, which looks at each installation's by itself."""
    condition = _heard(asked, any_env_kind=any_env_kind)
    return Condition(
        "SELECT h.profile FROM heartbeats AS h INDEXED BY heartbeats_of_installation CROSS JOIN profiles AS p ON p.number = h.profile "
        f"WHERE h.installation = i.number AND {condition.sql}",
        condition.values,
    )


def _latest(asked: Filter, *, any_env_kind: bool = False) -> Condition:
    """Return the query for the profile of each installation's latest heartbeat."""
    heard = _heard_of(asked, any_env_kind=any_env_kind)
    latest = f"({heard.sql} ORDER BY h.received_at DESC, h.heartbeat_id DESC LIMIT 1)"
    return Condition(f"SELECT profile FROM (SELECT {latest} AS profile FROM installations AS i) WHERE profile IS NOT NULL", heard.values)
