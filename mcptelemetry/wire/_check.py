"""
What holds a heartbeat against the table, on both sides of the way: sender and collector.

Apart from the table itself, because whoever only constructs and records reads a few shapes of
it and checks no document.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._fields import HEARTBEAT, SCHEMA_VERSION
from ._walk import find_problem, without_unknown

__all__ = ["check", "strip_unknown"]


def check(document: object) -> None:
    """
    Return when *document* is a heartbeat of this schema version, in every place.

    Raises `ValueError` naming the first field that is unknown, missing or does not hold what
    the table allows; never its value.
    """
    problem = find_problem(HEARTBEAT, document)
    if problem is not None:
        raise ValueError(problem)


def strip_unknown(document: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return a later version's *document* as one of this version, and the names that were left out."""
    stripped, unknown = without_unknown(HEARTBEAT, dict(document))
    return {**stripped, "schema_version": SCHEMA_VERSION}, unknown
