"""
Numbers for what is kept once in PostgreSQL: looked up, and given where there is none.

New rows go in ordered by their key, in every transaction: two writers that add the same ones wait
for each other, and never each for the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar, cast

from ._heartbeat_facts import Profile
from ._postgres_server import Session, columns_of

__all__ = ["APPS", "FOREIGN_IDS", "INSTALLATIONS", "LABELS", "PROCESSES", "PROFILES", "SHAPES", "Numbered", "find_numbers"]


class Numbered(NamedTuple):
    """A table that gives its rows numbers: the columns of its key, the others, and the types of all."""

    table: str
    key: dict[str, str]
    others: dict[str, str]
    has_newest_day: bool = False


_TEXT = "text"
_SHAPE_NAMES = ("tool", "routing_decision", "routing_detail", "upstream", "status", "error_type", "client")

APPS = Numbered("apps", {"app": _TEXT}, {})
SHAPES = Numbered(
    "shapes", {"digest": "bytea"}, {**dict.fromkeys((*_SHAPE_NAMES, "version", "app"), _TEXT), "was_fallback": "boolean"}
)
PROCESSES = Numbered("processes", {"process": "bytea", "app": "integer"}, {"newest_day": "bigint"}, has_newest_day=True)
FOREIGN_IDS = Numbered("foreign_ids", {"id": _TEXT, "app": "integer"}, {"newest_day": "bigint"}, has_newest_day=True)
PROFILES = Numbered("profiles", {"digest": "bytea"}, {**dict.fromkeys(Profile._fields, _TEXT), "first_at": "bigint"})
INSTALLATIONS = Numbered(
    "installations",
    {"anonymous_id": _TEXT, "app": _TEXT},
    {"first_at": "bigint", "first_profile": "integer", "last_at": "bigint"},
)
LABELS = Numbered("labels", {"kind": _TEXT, "name": _TEXT}, {})

_Key = TypeVar("_Key", bound=tuple[Any, ...])


def find_numbers(session: Session, numbered: Numbered, wanted: Mapping[_Key, tuple[Any, ...]]) -> dict[_Key, int]:
    """Return the number of each key of *wanted*, whose values stand in the other columns of a new row."""
    if not wanted:
        return {}
    found = _look_up(session, numbered, wanted)
    known = {key: row[-1] for key, row in found.items()}
    missing = {key: values for key, values in wanted.items() if key not in known}
    if numbered.has_newest_day:
        added = {key: values for key, values in wanted.items() if key in missing or values[0] > found[key][-2]}
    else:
        added = missing
    if added:
        _add(session, numbered, added)
    if missing:
        known.update({key: row[-1] for key, row in _look_up(session, numbered, missing).items()})
    return known


def _look_up(session: Session, numbered: Numbered, wanted: Mapping[_Key, Any]) -> dict[_Key, tuple[Any, ...]]:
    keys = ", ".join(numbered.key)
    day = "newest_day, " if numbered.has_newest_day else ""
    rows = session.rows(
        f"SELECT {keys}, {day}number FROM {numbered.table} JOIN {_unnest(numbered.key)} AS wanted ({keys}) USING ({keys})",
        columns_of(wanted),
    )
    return {cast(_Key, row[: len(numbered.key)]): row for row in rows}


def _add(session: Session, numbered: Numbered, rows: Mapping[_Key, tuple[Any, ...]]) -> None:
    columns = {**numbered.key, **numbered.others}
    names, keys = ", ".join(columns), ", ".join(numbered.key)
    conflict = "NOTHING"
    if numbered.has_newest_day:
        conflict = f"UPDATE SET newest_day = greatest({numbered.table}.newest_day, excluded.newest_day)"
    session.run(
        f"INSERT INTO {numbered.table} ({names}) SELECT {names} FROM {_unnest(columns)} AS new ({names}) "
        f"ORDER BY {keys} ON CONFLICT ({keys}) DO {conflict}",
        columns_of([(*key, *values) for key, values in rows.items()]),
    )


def _unnest(columns: Mapping[str, str]) -> str:
    return f"unnest({', '.join(f'%s::{kind}[]' for kind in columns.values())})"

