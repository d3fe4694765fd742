"""
Questions about installations, as PostgreSQL answers them from the facts of heartbeats.

What an installation says of itself is what its latest heartbeat in the period said; of two
in one second, the one with the greater id, so that every store takes the same.
"""

from __future__ import annotations

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
from ._postgres_filters import Condition, moment_condition, profile_condition, span_start
from ._postgres_server import Session
from ._spans import MONDAY_OFFSET_SECS

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
_OF_KIND = "c.label = ANY (ARRAY(SELECT l.number FROM labels AS l WHERE {kinds}))"


def installations(session: Session, asked: Filter) -> Installations:
    """Answer `Questions.installations`."""
    condition, is_new = _heard(asked), moment_condition("i.first_at", asked)
    active, new = session.row(
        f"SELECT count(*), count(*) FILTER (WHERE {is_new.sql}) FROM installations AS i WHERE {_is_active(condition)}",
        (*is_new.values, *condition.values),
    )
    return Installations(active, new, active - new)


def installations_over_time(session: Session, asked: Filter, step_secs: int) -> list[InstallationSpan]:
    """Answer `Questions.installations_over_time`."""
    condition = _heard(asked)
    start, first = span_start("h.received_at", step_secs), span_start("i.first_at", step_secs)
    rows = session.rows(
        f"""
        SELECT {start}, count(DISTINCT h.installation), count(DISTINCT h.installation) FILTER (WHERE {start} = {first})
        FROM {_HEARD} JOIN installations AS i ON i.number = h.installation
        WHERE {condition.sql} GROUP BY 1 ORDER BY 1 DESC LIMIT {SPANS_MAX}
        """,
        condition.values,
    )
    return [InstallationSpan(*row) for row in rows][::-1]


def installations_by(session: Session, facet: Facet, asked: Filter) -> list[Share]:
    """Answer `Questions.installations_by`."""
    condition = _heard(asked, any_env_kind=facet == "env_kind")
    rows = session.rows(
        f"SELECT {facet}, count(*) FROM ({_latest(facet, condition)}) AS latest GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {ROWS_MAX}",
        condition.values,
    )
    return [Share(*row) for row in rows]


def counts(session: Session, counted: Counted, asked: Filter) -> list[NamedCount]:
    """Answer `Questions.counts`."""
    condition = _heard(asked).and_if(_OF_KIND.format(kinds="l.kind = %s"), counted)
    rows = session.rows(
        f"SELECT l.name, count(*), sum(u.count) FROM {_used(condition)} GROUP BY 1 ORDER BY 3 DESC, 1 LIMIT {ROWS_MAX}",
        condition.values,
    )
    return [NamedCount(*row) for row in rows]


def own_tools(session: Session, asked: Filter) -> list[OwnTool]:
    """Answer `Questions.own_tools`."""
    kinds = f"l.kind IN ('{TOOL}', '{TOOL_ERROR}') OR starts_with(l.kind, '{DURATION}')"
    condition = _heard(asked) & Condition(_OF_KIND.format(kinds=kinds))
    rows = session.rows(
        f"""
        WITH used AS (
            SELECT l.name, l.kind, u.installation, u.count FROM {_used(condition)}
        ), steps AS (
            SELECT name, substr(kind, {len(DURATION) + 1}) AS step, sum(count) AS calls FROM used
            WHERE starts_with(kind, '{DURATION}') GROUP BY 1, 2
        )
        SELECT u.name, count(DISTINCT u.installation) AS users,
            coalesce(sum(u.count) FILTER (WHERE u.kind = '{TOOL}'), 0) AS calls,
            coalesce(sum(u.count) FILTER (WHERE u.kind = '{TOOL_ERROR}'), 0),
            (SELECT array_agg(s.step ORDER BY s.step) FROM steps AS s WHERE s.name = u.name),
            (SELECT array_agg(s.calls ORDER BY s.step) FROM steps AS s WHERE s.name = u.name)
        FROM used AS u GROUP BY u.name ORDER BY users DESC, calls DESC, u.name LIMIT {ROWS_MAX}
        """,
        condition.values,
    )
    return [OwnTool(*row[:-1])._replace(durations=dict(zip(row[4] or (), row[5] or ()))) for row in rows]


def versions(session: Session, asked: Filter) -> list[VersionUse]:
    """Answer `Questions.versions`."""
    condition, of_app = _heard(asked), profile_condition(Filter(app=asked.app))
    rows = session.rows(
        f"""
        SELECT version, count(*),
            (SELECT min(p.first_at) FROM profiles AS p WHERE p.version = latest.version AND {of_app.sql})
        FROM ({_latest("version", condition)}) AS latest GROUP BY version ORDER BY 2 DESC, 1 LIMIT {ROWS_MAX}
        """,
        (*of_app.values, *condition.values),
    )
    return [VersionUse(*row) for row in rows]


def versions_over_time(session: Session, asked: Filter, step_secs: int) -> list[VersionSpan]:
    """Answer `Questions.versions_over_time`."""
    condition, start = _heard(asked), span_start("h.received_at", step_secs)
    rows = session.rows(
        f"""
        SELECT start, version, count(*) FROM (
            SELECT DISTINCT ON ({start}, h.installation) {start} AS start, p.version FROM {_HEARD} WHERE {condition.sql}
            ORDER BY {start}, h.installation, h.received_at DESC, h.heartbeat_id DESC
        ) AS latest
        GROUP BY 1, 2 ORDER BY 1 DESC, 2 LIMIT {TRENDS_MAX}
        """,
        condition.values,
    )
    return sorted(VersionSpan(*row) for row in rows)


def version_changes(session: Session, asked: Filter) -> list[VersionChange]:
    """Answer `Questions.version_changes`."""
    condition = _heard(asked)
    rows = session.rows(
        f"""
        SELECT p.previous_version, p.version, count(DISTINCT h.installation) FROM {_HEARD}
        WHERE {condition.sql} AND p.previous_version NOT IN ('', p.version)
        GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT {ROWS_MAX}
        """,
        condition.values,
    )
    return [VersionChange(*row) for row in rows]


def funnel(session: Session, asked: Filter) -> Funnel:
    """Answer `Questions.funnel`."""
    condition = _heard(asked)
    installed, stayed = session.row(
        f"""
        SELECT count(*), count(*) FILTER (WHERE i.last_at - i.first_at >= {FOUR_WEEKS_SECS})
        FROM installations AS i WHERE {_is_active(condition)}
        """,
        condition.values,
    )
    of_steps = condition & Condition(_OF_KIND.format(kinds=f"l.kind IN ('{STEP}', '{MILESTONE}')"))
    reached = session.rows(
        f"SELECT l.kind, l.name, count(*) FROM {_used(of_steps)} GROUP BY 1, 2 ORDER BY 3 DESC, 2 LIMIT {ROWS_MAX}",
        of_steps.values,
    )
    return build_funnel(installed, stayed, reached)


def retention(session: Session, asked: Filter, weeks: int) -> list[Cohort]:
    """Answer `Questions.retention`."""
    # From installations to their weeks, by number: joined on anything else, every week looks for its application.
    week = f"((i.first_at + {MONDAY_OFFSET_SECS}) / {WEEK_SECS})"
    start = f"({week} * {WEEK_SECS} - {MONDAY_OFFSET_SECS})"
    condition = profile_condition(asked) & moment_condition(start, asked)
    rows = session.rows(
        f"""
        SELECT {start}, w.week - {week}, count(*)
        FROM installations AS i JOIN profiles AS p ON p.number = i.first_profile
        JOIN installation_weeks AS w ON w.installation = i.number
        WHERE {condition.sql} AND w.week <= {week} + %s GROUP BY 1, 2 ORDER BY 1, 2
        """,
        (*condition.values, weeks),
    )
    cohorts: dict[int, list[int]] = {}
    for begun, age, count in rows:
        active = cohorts.setdefault(begun, [])
        active.extend([0] * (age - len(active)))
        active.append(count)
    return [Cohort(begun, active) for begun, active in cohorts.items()]


def _heard(asked: Filter, *, any_env_kind: bool = False) -> Condition:
    return profile_condition(asked, any_env_kind=any_env_kind) & moment_condition("h.received_at", asked)


def _is_active(condition: Condition) -> str:
    return f"i.number IN (SELECT h.installation FROM {_HEARD} WHERE {condition.sql})"


def _used(condition: Condition) -> str:
    """Return what was counted of each label by each installation, and the labels: numbers are grouped, before names are."""
    return f"""
    (
        SELECT c.label, h.installation, sum(c.count) AS count FROM {_HEARD} JOIN heartbeat_counts AS c ON c.heartbeat = h.number
        WHERE {condition.sql} GROUP BY 1, 2
    ) AS u JOIN labels AS l ON l.number = u.label
    """


def _latest(column: str, condition: Condition) -> str:
    """Return the query for *column* of each installation's latest heartbeat."""
    return f"""
    SELECT DISTINCT ON (h.installation) p.{column} FROM {_HEARD} WHERE {condition.sql}
    ORDER BY h.installation, h.received_at DESC, h.heartbeat_id DESC
    """
