"""
Which installations were heard from in a period, and what each said last: gathered once a look.

What an installation says of itself is what its latest heartbeat said; of two in one second, the one
with the greater id, so that every store takes the same.
"""

from __future__ import annotations

from ._filter import Filter
from ._sqlite_filters import Condition, moment_condition, profile_condition, span_start
from ._sqlite_looks import Look

__all__ = ["gather_latest", "gather_spans", "heard_condition"]


def heard_condition(asked: Filter, *, any_env_kind: bool = False) -> Condition:
    """Return the condition on `heartbeats AS h` and `profiles AS p`."""
    return profile_condition(asked, any_env_kind=any_env_kind) & moment_condition("h.received_at", asked)


def gather_latest(look: Look, asked: Filter, *, any_env_kind: bool = False) -> str:
    """Return the table of the installations heard from in the period, with the profile of the latest heartbeat of each."""

    def gather() -> str:
        table = look.new_table("installation INTEGER PRIMARY KEY, profile INTEGER NOT NULL")
        condition = heard_condition(asked, any_env_kind=any_env_kind)
        # Each installation's heartbeats are looked at by themselves, from the latest one back.
        look.connection.execute(
            f"""
            INSERT INTO {table} SELECT * FROM (
                SELECT i.number, (
                    SELECT h.profile FROM heartbeats AS h INDEXED BY heartbeats_of_installation CROSS JOIN profiles AS p ON p.number = h.profile
                    WHERE h.installation = i.number AND {condition.sql} ORDER BY h.received_at DESC, h.heartbeat_id DESC LIMIT 1
                ) AS profile FROM installations AS i
            ) WHERE profile IS NOT NULL
            """,
            condition.values,
        )
        return table

    env_kinds = None if any_env_kind else asked.env_kinds
    return look.once(("latest", asked.app, asked.version, env_kinds, asked.since, asked.until), gather)


def gather_spans(look: Look, asked: Filter, step_secs: int) -> str:
    """Return the table of the installations heard from in each span (`start`), with the profile of the latest heartbeat in it."""

    def gather() -> str:
        columns = "start INTEGER NOT NULL, installation INTEGER NOT NULL, profile INTEGER NOT NULL, received_at INTEGER NOT NULL, heartbeat INTEGER NOT NULL"
        table = look.new_table(f"{columns}, PRIMARY KEY (start, installation)", is_ordered=True)
        condition = heard_condition(asked)
        # In order of time, so that the last one stays and a span's rows lie beside each other; ids are compared where two came in one second.
        look.connection.execute(
            f"""
            INSERT INTO {table} AS g SELECT {span_start("h.received_at", step_secs)}, h.installation, h.profile, h.received_at, h.number
            FROM heartbeats AS h INDEXED BY heartbeats_by_time CROSS JOIN profiles AS p ON p.number = h.profile
            WHERE {condition.sql} ORDER BY h.received_at
            ON CONFLICT (start, installation) DO UPDATE SET
                profile = excluded.profile, received_at = excluded.received_at, heartbeat = excluded.heartbeat
            WHERE excluded.received_at > g.received_at OR
                (SELECT heartbeat_id FROM heartbeats WHERE number = excluded.heartbeat) > (SELECT heartbeat_id FROM heartbeats WHERE number = g.heartbeat)
            """,
            condition.values,
        )
        return table

    return look.once(("heard", asked.app, asked.version, asked.env_kinds, asked.since, asked.until, step_secs), gather)
