"""
A filter as conditions of PostgreSQL: on shapes, on hours and moments, on profiles.

What came without a name is kept as the empty string and asked for as `unknown`.
"""

from __future__ import annotations

from typing import NamedTuple

from ._filter import UNNAMED, Filter
from ._spans import span_offset_secs
from ._text import storable

__all__ = ["Condition", "feedback_condition", "moment_condition", "named", "profile_condition", "shape_condition", "span_start"]


class Condition(NamedTuple):
    """A condition and the values for its places."""

    sql: str = "true"
    values: tuple[object, ...] = ()

    def and_if(self, sql: str, value: object) -> Condition:
        """Return this and *sql*, unless *value* is None."""
        return self if value is None else self & Condition(sql, (value,))

    def __and__(self, other: Condition) -> Condition:
        return Condition(f"{self.sql} AND {other.sql}", (*self.values, *other.values))


def named(column: str) -> str:
    """Return what *column* is shown as."""
    return f"CASE {column} WHEN '' THEN '{UNNAMED}' ELSE {column} END"


def shape_condition(asked: Filter, *, any_app: bool = False) -> Condition:
    """Return the condition on `shapes AS s`."""
    return (
        Condition()
        .and_if("s.app = ANY(%s::text[])", None if any_app else _spellings(asked.app))
        .and_if("s.version = ANY(%s::text[])", _spellings(asked.version))
        .and_if("s.client = ANY(%s::text[])", _spellings(asked.client))
        .and_if("s.tool = ANY(%s::text[])", _spellings(asked.tool))
    )


def profile_condition(asked: Filter, *, any_env_kind: bool = False) -> Condition:
    """Return the condition on `profiles AS p`."""
    kinds = None if asked.env_kinds is None or any_env_kind else [storable(kind) for kind in asked.env_kinds]
    return (
        Condition()
        .and_if("p.app = ANY(%s::text[])", _spellings(asked.app))
        .and_if("p.version = ANY(%s::text[])", _spellings(asked.version))
        .and_if("p.env_kind = ANY(%s::text[])", kinds)
    )


def feedback_condition(asked: Filter) -> Condition:
    """Return the condition on `feedback AS f`."""
    return (
        moment_condition("f.received_at", asked)
        .and_if("coalesce(f.app, '') = ANY(%s::text[])", _spellings(asked.app))
        .and_if("f.version = ANY(%s::text[])", _spellings(asked.version))
    )


def moment_condition(column: str, asked: Filter, unit_secs: int = 1) -> Condition:
    """Return the condition that *column*, in units of so many seconds, lies in the period."""
    return (
        Condition()
        .and_if(f"{column} >= %s::bigint", None if asked.since is None else asked.since // unit_secs)
        .and_if(f"{column} < %s::bigint", None if asked.until is None else asked.until // unit_secs)
    )


def span_start(moment: str, step_secs: int) -> str:
    """Return the expression for the beginning of the span in which *moment* lies."""
    offset = span_offset_secs(step_secs)
    return f"({moment} - mod({moment} + {offset}, {int(step_secs)}))"


def _spellings(name: str | None) -> list[str] | None:
    if name is None:
        return None
    return [name, ""] if name == UNNAMED else [storable(name)]
