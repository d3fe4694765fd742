"""
The heartbeat as a value, and as the bytes that leave.

One field stands on one line: what `show-payload` prints is what is sent, byte for byte,
and a person can read it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ..vocabulary import OTHER
from ._fields import FIELD_SHAPES, FIELDS, OPEN_MAP_ENTRIES_MAX

__all__ = ["HeartbeatPayload", "cap_counts", "cap_entries"]


class HeartbeatPayload:
    """
    One heartbeat: a keyword argument, and afterwards an attribute, for each row of `FIELDS`.

    A field that was not given is None, and so are fields that are omitted when empty and are
    empty. A name that is not in the table is a `TypeError`. Immutable, equal by value. What
    the values must look like is checked by `check()`, before anything is sent.
    """

    __slots__ = ("_values",)
    _values: dict[str, Any]

    def __init__(self, **values: Any) -> None:
        unknown = next((name for name in values if name not in FIELD_SHAPES), None)
        if unknown is not None:
            msg = f"{unknown} is not in the table of fields; a key that is not in it cannot leave"
            raise TypeError(msg)
        kept = {
            field.name: values.get(field.name)
            for field in FIELDS
            if not (field.is_omitted_when_empty and _is_empty(values.get(field.name)))
        }
        object.__setattr__(self, "_values", kept)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever the table says
        if name not in FIELD_SHAPES:
            msg = f"HeartbeatPayload has no field {name!r}"
            raise AttributeError(msg)
        return self._values.get(name)

    def __setattr__(self, name: str, value: object) -> None:
        msg = f"HeartbeatPayload is immutable; {name} cannot be set"
        raise AttributeError(msg)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HeartbeatPayload) and other._values == self._values

    def __hash__(self) -> int:
        return hash(self.encode())

    def __repr__(self) -> str:
        return f"HeartbeatPayload({', '.join(f'{name}={value!r}' for name, value in self._values.items())})"

    def to_dict(self) -> dict[str, Any]:
        """Return the document in the table's order, without empty fields that are omitted; a copy."""
        copied: dict[str, Any] = json.loads(self.encode())
        return copied

    def encode(self) -> bytes:
        """Return the body: JSON in ASCII, one field a line, with a line end behind it."""
        lines = (f"{json.dumps(name)}: {json.dumps(value)}" for name, value in self._values.items())
        return ("{\n" + ",\n".join(lines) + "\n}\n").encode("ascii")


def cap_counts(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the 50 largest of *counts* by name and, when there are more, the others' sum as `other`."""
    return cap_entries(counts, size_of=lambda count: count, add=lambda one, another: one + another)


def cap_entries(entries: Mapping[str, Any], *, size_of: Callable[[Any], int], add: Callable[[Any, Any], Any]) -> dict[str, Any]:
    """
    Return the 50 largest of *entries*, sorted by name, the others put together as `other`.

    *size_of* says how large an entry is, *add* puts two of them together.
    """
    named = [name for name in entries if name != OTHER]
    by_size = sorted(named, key=lambda name: (-size_of(entries[name]), name))
    kept = {name: entries[name] for name in sorted(by_size[:OPEN_MAP_ENTRIES_MAX])}
    rest = [entries[name] for name in (*by_size[OPEN_MAP_ENTRIES_MAX:], *(OTHER,) * (OTHER in entries))]
    for entry in rest:
        kept[OTHER] = add(kept[OTHER], entry) if OTHER in kept else entry
    return kept


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, (str, dict, list)) and not value)
