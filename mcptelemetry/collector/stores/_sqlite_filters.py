"""
A filter as conditions of sqlite: on shapes, on hours and moments, on profiles.

What came without a name is kept as the empty string and asked for as `unknown`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ._filter import UNNAMED, Filter
from ._spans import span_offset_secs

__all__ = ["Condition", "feedback_condition", "moment_condition", "named", "profile_condition", "shape_condition", "span_start"]


class Condition(NamedTuple):
    """A condition and the values for its question marks."""

    sql: str
    values: list[object]

    def __and__(self, other: Condition) -> Condition:
        return Condition(f"{self.sql} AND {other.sql}", [*self.values, *other.values])


def named(column: str) -> str:
    """Return what *column* is shown as."""
    return f"CASE {column} WHEN '' THEN '{UNNAMED}' ELSE {column} END"


def shape_condition(asked: Filter, *, any_app: bool = False) -> Condition:
    """Return the condition on `shapes AS s`."""
    wanted = (
        ("s.app", None if any_app else asked.app),
        ("s.version", asked.version),
        ("s.client", asked.client),
        ("s.tool", asked.tool),
    )
    return _all(_equals(column, value) for column, value in wanted if value is not None)


def profile_condition(asked: Filter, *, any_env_kind: bool = False) -> Condition:
    """Return the condition on `profiles AS p`."""
    conditions = [
        _equals(column, value) for column, value in (("p.app", asked.app), ("p.version", asked.version)) if value is not None
    ]
    if asked.env_kinds is not None and not any_env_kind:
        marks = ", ".join("?" * len(asked.env_kinds))
        conditions.append(Condition(f"p.env_kind IN ({marks})", list(asked.env_kinds)))
    return _all(conditions)


def feedback_condition(asked: Filter) -> Condition:
    """Return the condition on `feedback AS f`."""
    conditions = [moment_condition("f.received_at", asked)]
    if asked.app is not None:
        conditions.append(_equals("coalesce(f.app, '')", asked.app))
    if asked.version is not None:
        conditions.append(_equals("json_extract(f.context, '$.version')", asked.version))
    return _all(conditions)


def moment_condition(column: str, asked: Filter, unit_secs: int = 1) -> Condition:
    """Return the condition that *column*, in units of so many seconds, lies in the period."""
    conditions = []
    if asked.since is not None:
        conditions.append(Condition(f"{column} >= ?", [asked.since // unit_secs]))
    if asked.until is not None:
        conditions.append(Condition(f"{column} < ?", [asked.until // unit_secs]))
    return _all(conditions)


def span_start(moment: str, step_secs: int) -> str:
    """Return the expression for the beginning of the span in which *moment* lies."""
    offset = span_offset_secs(step_secs)
    return f"({moment} - ({moment} + {offset}) % {int(step_secs)})"


def _equals(column: str, value: str) -> Condition:
    if value == UNNAMED:
        return Condition(f"{column} IN ('', ?)", [value])
    return Condition(f"{column} = ?", [value])


def _all(conditions: Iterable[Condition]) -> Condition:
    whole = Condition("1", [])
    for condition in conditions:
        whole &= condition
    return whole
