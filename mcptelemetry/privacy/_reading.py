"""
A document as the scanner reads it: its text, and the one JSON object in it.

It is read more strictly than JSON allows: what two readers could read in two ways is not
read at all.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Union

__all__ = ["read_object", "text_of"]

# A longer number is no count, and reading one of a million digits takes quadratic time.
_MOST_DIGITS = 20


def text_of(payload: Union[bytes, str, Mapping[str, Any]]) -> tuple[str, bool]:
    """Return *payload* as JSON text to be searched, and whether it can be read at all."""
    if isinstance(payload, str):
        return payload, True
    if isinstance(payload, Mapping):
        return json.dumps(payload, ensure_ascii=False, allow_nan=False, default=_as_dict), True
    try:
        return bytes(payload).decode("utf-8"), True
    except UnicodeDecodeError:
        return bytes(payload).decode("utf-8", "replace"), False


def _as_dict(value: object) -> dict[Any, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    msg = "not a JSON value"
    raise TypeError(msg)


def read_object(text: str) -> dict[str, Any] | None:
    """Return the one JSON object in *text*, None when there is anything else."""
    try:
        document = json.loads(
            text,
            object_pairs_hook=_once_each,
            parse_constant=_refuse,
            parse_int=_small_int,
            parse_float=_finite_float,
        )
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return *pairs* as an object; of a key that comes twice, one value would go unsearched."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _refuse(_word: str) -> object:
    raise ValueError


def _small_int(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError
    return int(digits)


def _finite_float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError
    return number
