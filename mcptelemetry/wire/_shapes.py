"""
The forms that a value of a document can have, each with all that is known about it.

A form checks a value, says in words what it expects, and says the same as JSON Schema; so
the check before sending, the collector's check and the contract file cannot disagree. Its
other attributes tell the scanner how much of a place a stranger could have filled.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Union

__all__ = [
    "COUNT_MAX",
    "Count",
    "Flag",
    "ListOf",
    "MapOf",
    "Object",
    "Shape",
    "Text",
    "Words",
    "find_problem",
    "without_unknown",
]

COUNT_MAX = 2**53 - 1
"""The largest count: beyond it, not every reader of JSON has whole numbers."""

_SHOWN_MAX_CHARACTERS = 64


class Shape:
    """
    What may stand in one place of a document.

    *kind* says how freely: ``closed``, ``own`` (made by the program, checked by a pattern),
    ``version`` or ``open``; for a map it is said of the keys. *words* are the closed words of
    a value or the known keys of a map. *members* are the fields of an object, *values* the
    shape of what is in a map or list. *expects* completes the sentence "it must be …".
    """

    kind: str = "closed"
    words: frozenset[str] = frozenset()
    members: Mapping[str, Shape] | None = None
    values: Shape | None = None
    expects: str = ""

    def accepts(self, value: object) -> bool:
        """Return whether *value* itself, not what is in it, fits."""
        raise NotImplementedError

    def accepts_key(self, key: str) -> bool:
        """Return whether *key* may be a key of this map."""
        return key in self.words

    def to_json_schema(self) -> dict[str, Any]:
        """Return the same as JSON Schema 2020-12."""
        raise NotImplementedError


class Count(Shape):
    """A whole number from *least* to `COUNT_MAX`."""

    def __init__(self, least: int = 0, most: int = COUNT_MAX) -> None:
        self._least, self._most = least, most
        self.expects = f"the number {least}" if least == most else f"a whole number from {least}"

    def accepts(self, value: object) -> bool:
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # JSON knows one kind of number, and 3.0 is 3
        return isinstance(value, int) and not isinstance(value, bool) and self._least <= value <= self._most

    def to_json_schema(self) -> dict[str, Any]:
        if self._least == self._most:
            return {"const": self._least}
        return {"type": "integer", "minimum": self._least, "maximum": self._most}


class Flag(Shape):
    """True or false; null too when *or_null*, for "not known"."""

    def __init__(self, *, or_null: bool = False) -> None:
        self._or_null = or_null
        self.expects = "true, false or null" if or_null else "true or false"

    def accepts(self, value: object) -> bool:
        return isinstance(value, bool) or (self._or_null and value is None)

    def to_json_schema(self) -> dict[str, Any]:
        return {"type": ["boolean", "null"]} if self._or_null else {"type": "boolean"}


class Words(Shape):
    """One of the closed *words*."""

    def __init__(self, words: Iterable[str]) -> None:
        self._listed = [str(word) for word in words]
        self.words = frozenset(self._listed)
        self.expects = f"one of {', '.join(word or '(empty)' for word in self._listed)}"

    def accepts(self, value: object) -> bool:
        return isinstance(value, str) and value in self.words

    def to_json_schema(self) -> dict[str, Any]:
        return {"enum": self._listed}


class Text(Shape):
    """
    Text that *pattern* matches from end to end, at most *most* characters.

    The pattern is written in what Python and ECMAScript have in common. *example* shows one.
    """

    def __init__(self, kind: str, pattern: str, most: int, example: str) -> None:
        self.kind = kind
        self._form = re.compile(pattern, re.ASCII)
        self._pattern, self._most = pattern, most
        self.expects = f"text such as {example}, at most {most} characters"

    def accepts(self, value: object) -> bool:
        return isinstance(value, str) and len(value) <= self._most and self._form.fullmatch(value) is not None

    def accepts_key(self, key: str) -> bool:
        return self.accepts(key)

    def to_json_schema(self) -> dict[str, Any]:
        # In some languages "$" lets one line end through.
        return {"type": "string", "maxLength": self._most, "pattern": f"^(?:{self._pattern})$(?!\\n)"}


class MapOf(Shape):
    """
    Keys to values of one shape: at most *most* keys that are *words* or fit *keys*.

    Without *keys* the map is closed: the words are all there is.
    """

    def __init__(
        self, values: Shape, *, words: Iterable[str] = (), keys: Text | None = None, most: int | None = None
    ) -> None:
        self.values = values
        self._listed = [str(word) for word in words]
        self.words = frozenset(self._listed)
        self._keys, self._most = keys, most
        self.kind = "closed" if keys is None else keys.kind
        held = " or ".join(filter(None, (", ".join(self._listed), None if keys is None else keys.expects)))
        self.expects = f"an object; its keys are {held}; each value is {values.expects}"
        if most is not None:
            self.expects += f"; at most {most} keys"

    def accepts(self, value: object) -> bool:
        return isinstance(value, dict) and (self._most is None or len(value) <= self._most)

    def accepts_key(self, key: str) -> bool:
        return key in self.words or (self._keys is not None and self._keys.accepts(key))

    def to_json_schema(self) -> dict[str, Any]:
        assert self.values is not None
        values = self.values.to_json_schema()
        schema: dict[str, Any] = {"type": "object"}
        if self._keys is None:
            return {**schema, "properties": dict.fromkeys(self._listed, values), "additionalProperties": False}
        names = self._keys.to_json_schema()
        if self._listed:
            names = {"anyOf": [{"enum": self._listed}, names]}
        schema.update(propertyNames=names, additionalProperties=values)
        if self._most is not None:
            schema["maxProperties"] = self._most
        return schema


class Object(Shape):
    """Named *members*, all of which are there unless they are named in *optional*."""

    def __init__(self, members: Mapping[str, Shape], *, optional: Iterable[str] = ()) -> None:
        self.members: Mapping[str, Shape] = dict(members)
        self.required: tuple[str, ...] = tuple(name for name in self.members if name not in frozenset(optional))
        held = "; ".join(f"{name}: {shape.expects}" for name, shape in self.members.items())
        self.expects: str = f"an object with {held}"

    def accepts(self, value: object) -> bool:
        return isinstance(value, dict)

    def to_json_schema(self) -> dict[str, Any]:
        assert self.members is not None
        return {
            "type": "object",
            "properties": {name: shape.to_json_schema() for name, shape in self.members.items()},
            "required": list(self.required),
            "additionalProperties": False,
        }


class ListOf(Shape):
    """At most *most* values of one shape."""

    kind = "open"  # so says the scanner of what stands in a list

    def __init__(self, values: Shape, most: int) -> None:
        self.values = values
        self._most = most
        self.expects = f"a list of at most {most}, each {values.expects}"

    def accepts(self, value: object) -> bool:
        return isinstance(value, list) and len(value) <= self._most

    def to_json_schema(self) -> dict[str, Any]:
        assert self.values is not None
        return {"type": "array", "maxItems": self._most, "items": self.values.to_json_schema()}


def find_problem(shape: Shape, value: object, path: str = "") -> str | None:
    """
    Return one sentence about the first place in *value* that does not fit, None when all fits.

    The sentence names the place, and an unknown key (cut), but no value.
    """
    if not shape.accepts(value):
        return f"{path or 'the document'} must be {shape.expects if path else 'an object'}"
    if isinstance(shape, Object):
        assert isinstance(value, dict)
        return _problem_in_object(shape, value, path)
    if isinstance(value, dict):
        return _first(
            find_problem(shape.values or shape, item, f"{path}.{key}")
            if shape.accepts_key(key)
            else f"unknown field {_joined(path, key)}"
            for key, item in value.items()
        )
    if isinstance(value, list):
        return _first(find_problem(shape.values or shape, item, f"{path}[{n}]") for n, item in enumerate(value))
    return None


def without_unknown(shape: Shape, value: Any, path: str = "") -> tuple[Any, list[str]]:
    """Return *value* without the keys that *shape* does not know, and the names of those (cut)."""
    if not isinstance(value, dict) or not (shape.members is not None or shape.kind == "closed"):
        return value, []
    kept: dict[str, Any] = {}
    unknown: list[str] = []
    inside: Callable[[str], Union[Shape, None]] = (
        shape.members.get if shape.members is not None else lambda key: shape.values if key in shape.words else None
    )
    for key, item in value.items():
        of_key = inside(key)
        if of_key is None:
            unknown.append(_joined(path, key))
            continue
        kept[key], deeper = without_unknown(of_key, item, _joined(path, key))
        unknown += deeper
    return kept, unknown


def _problem_in_object(shape: Object, value: dict[str, object], path: str) -> str | None:
    assert shape.members is not None
    for key, item in value.items():
        member = shape.members.get(key)
        if member is None:
            return f"unknown field {_joined(path, key)}"
        problem = find_problem(member, item, f"{path}.{key}" if path else key)
        if problem is not None:
            return problem
    missing = next((name for name in shape.required if name not in value), None)
    return None if missing is None else f"{f'{path}.{missing}' if path else missing} is missing"


def _joined(path: str, key: str) -> str:
    shown = "".join(c if c.isprintable() else "\ufffd" for c in key[:_SHOWN_MAX_CHARACTERS])
    return f"{path}.{shown}" if path else shown


def _first(problems: Iterable[str | None]) -> str | None:
    return next((problem for problem in problems if problem is not None), None)
