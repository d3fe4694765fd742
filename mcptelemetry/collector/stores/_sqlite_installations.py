"""
Questions about installations, as sqlite answers them from the facts of heartbeats.

What an installation says of itself is what its latest heartbeat in the period said; of two
in one second, the one with the greater id, so that every store takes the same.
"""

from __future__ import annotations

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
from ._sqlite_heard import gather_latest, gather_spans, heard_condition
from ._sqlite_labels import read_names
from ._sqlite_locks import at_once
from ._sqlite_looks import Look

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

def installations(look: Look, asked: Filter) -> Installations:
    """Answer `Questions.installations`."""
    is_new = moment_condition("i.first_at", asked)
    active, new = look.connection.execute(
        f"SELECT count(*), coalesce(sum({is_new.sql}), 0) FROM {gather_latest(look, asked)} AS l JOIN installations AS i ON i.number = l.installation",
        is_new.values,
    ).fetchone()
    return Installations(active, new, active - new)


def installations_over_time(look: Look, asked: Filter, step_secs: int) -> list[InstallationSpan]:
    """Answer `Questions.installations_over_time`."""
    first = span_start("i.first_at", step_secs)
    rows = look.connection.execute(
        f"""
        SELECT h.start, count(*), sum({first} = h.start)
        FROM {gather_spans(look, asked, step_secs)} AS h JOIN installations AS i ON i.number = h.installation
        GROUP BY h.start ORDER BY h.start DESC LIMIT {SPANS_MAX}
        """
    )
    return [InstallationSpan(*row) for row in rows][::-1]


def installations_by(look: Look, facet: Facet, asked: Filter) -> list[Share]:
    """Answer `Questions.installations_by`."""
    latest = gather_latest(look, asked, any_env_kind=facet == "env_kind")
    rows = look.connection.execute(
        f"""
        SELECT p.{facet} AS name, count(*) AS installations FROM {latest} AS l JOIN profiles AS p ON p.number = l.profile
        GROUP BY name ORDER BY installations DESC, name LIMIT {ROWS_MAX}
        """
    )
    return [Share(*row) for row in rows]


def counts(look: Look, counted: Counted, asked: Filter) -> list[NamedCount]:
    """Answer `Questions.counts`."""
    with at_once(look.connection):
        rows = [
            NamedCount(named.name, named.installations, named.totals[counted])
            for named in read_names(look, asked, Condition("l.kind = ?", [counted]))
        ]
    return nsmallest(ROWS_MAX, rows, key=lambda row: (-row.total, row.name))


def own_tools(look: Look, asked: Filter) -> list[OwnTool]:
    """Answer `Questions.own_tools`."""
    kinds = Condition(f"(l.kind IN ('{TOOL}', '{TOOL_ERROR}') OR l.kind GLOB '{DURATION}*')", [])
    with at_once(look.connection):
        return nsmallest(
            ROWS_MAX,
            (
                OwnTool(
                    named.name,
                    named.installations,
                    named.totals.get(TOOL, 0),
                    named.totals.get(TOOL_ERROR, 0),
                    {kind[len(DURATION) :]: count for kind, count in named.totals.items() if kind.startswith(DURATION)},
                )
                for named in read_names(look, asked, kinds)
            ),
            key=lambda row: (-row.installations, -row.calls, row.tool),
        )


def versions(look: Look, asked: Filter) -> list[VersionUse]:
    """Answer `Questions.versions`."""
    of_app = profile_condition(Filter(app=asked.app))
    rows = look.connection.execute(
        f"""
        SELECT used.version, used.installations, min(p.first_at) FROM (
            SELECT p.version AS version, count(*) AS installations
            FROM {gather_latest(look, asked)} AS l JOIN profiles AS p ON p.number = l.profile
            GROUP BY p.version ORDER BY installations DESC, version LIMIT {ROWS_MAX}
        ) AS used JOIN profiles AS p ON p.version = used.version
        WHERE {of_app.sql} GROUP BY used.version ORDER BY used.installations DESC, used.version
        """,
        of_app.values,
    )
    return [VersionUse(*row) for row in rows]


def versions_over_time(look: Look, asked: Filter, step_secs: int) -> list[VersionSpan]:
    """Answer `Questions.versions_over_time`."""
    rows = look.connection.execute(
        f"""
        SELECT h.start, p.version, sum(h.installations) FROM (
            SELECT start, profile, count(*) AS installations FROM {gather_spans(look, asked, step_secs)} GROUP BY start, profile
        ) AS h JOIN profiles AS p ON p.number = h.profile
        GROUP BY h.start, p.version ORDER BY h.start DESC, p.version LIMIT {TRENDS_MAX}
        """
    )
    return sorted(VersionSpan(*row) for row in rows)


def version_changes(look: Look, asked: Filter) -> list[VersionChange]:
    """Answer `Questions.version_changes`."""
    condition = heard_condition(asked)
    rows = look.connection.execute(
        f"""
        SELECT p.previous_version, p.version, count(DISTINCT h.installation) AS installations
        FROM heartbeats AS h CROSS JOIN profiles AS p ON p.number = h.profile
        WHERE {condition.sql} AND p.previous_version NOT IN ('', p.version) GROUP BY p.previous_version, p.version
        ORDER BY installations DESC, p.previous_version, p.version LIMIT {ROWS_MAX}
        """,
        condition.values,
    )
    return [VersionChange(*row) for row in rows]


def funnel(look: Look, asked: Filter) -> Funnel:
    """Answer `Questions.funnel`."""
    with at_once(look.connection):
        installed, stayed = look.connection.execute(
            f"""
            SELECT count(*), coalesce(sum(i.last_at - i.first_at >= {FOUR_WEEKS_SECS}), 0)
            FROM {gather_latest(look, asked)} AS l JOIN installations AS i ON i.number = l.installation
            """
        ).fetchone()
        kinds = Condition(f"l.kind IN ('{STEP}', '{MILESTONE}')", [])
        names = read_names(look, asked, kinds, is_by_kind=True)
        reached = ((kind, named.name, named.installations) for named in names for kind in named.totals)
        most = nsmallest(ROWS_MAX, reached, key=lambda row: (-row[2], row[1]))
    return build_funnel(installed, stayed, most)


def retention(look: Look, asked: Filter, weeks: int) -> list[Cohort]:
    """Answer `Questions.retention`."""
    # From installations to their weeks: the other way round, every week would look for its application.
    week = f"((i.first_at + {MONDAY_OFFSET_SECS}) / {WEEK_SECS})"
    start = f"({week} * {WEEK_SECS} - {MONDAY_OFFSET_SECS})"
    condition = profile_condition(asked) & moment_condition(start, asked)
    rows = look.connection.execute(
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
