"""
What holds a heartbeat against the table, on both sides of the way: sender and collector.

Apart from the table itself, because whoever only constructs and records reads a few shapes of
it and checks no document.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..vocabulary import IDENTIFIER_PATTERN, OTHER
from ._fields import HEARTBEAT, SCHEMA_VERSION
from ._shapes import Shape, Words
from ._walk import find_problem, without_unknown

__all__ = ["check", "strip_unknown", "with_known_words"]


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


def with_known_words(document: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """
    Return *document* twice, without the words that are new in its closed fields.

    Once with a word of the table in their place, to be checked, and once with `other`, to be
    kept: a newer sender's word must not cost it the whole document. A new key is another
    matter, see `strip_unknown`.
    """
    return _adapt(HEARTBEAT, dict(document), is_kept=False), _adapt(HEARTBEAT, dict(document), is_kept=True)


# What is a word at all; other text in a closed field is a fault.
_WORD = re.compile(rf"(?:{IDENTIFIER_PATTERN}|[a-z0-9][a-z0-9_.+-]{{0,63}})", re.ASCII)


def _adapt(shape: Shape | None, value: Any, *, is_kept: bool) -> Any:  # any JSON value
    if isinstance(shape, Words):
        if isinstance(value, str) and value not in shape.words and _WORD.fullmatch(value):
            return OTHER if is_kept or OTHER in shape.words else min(shape.words)
        return value
    if isinstance(value, list) and shape is not None and shape.values is not None:
        return [_adapt(shape.values, item, is_kept=is_kept) for item in value]
    if isinstance(value, dict) and shape is not None:
        members = shape.members or {}
        return {key: _adapt(members.get(key, shape.values), item, is_kept=is_kept) for key, item in value.items()}
    return value
