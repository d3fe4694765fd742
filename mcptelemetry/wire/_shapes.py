"""
The forms that a value of a document can have, each with all that is known about it.

A form checks a value, says in words what it expects, and says the same as JSON Schema; so
the check before sending, the collector's check and the contract file cannot disagree. Its
other attributes tell the scanner how much of a place a stranger could have filled.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..vocabulary import COUNT_MAX

__all__ = [
    "CLOSED",
    "DECLARED",
    "OPEN",
    "OWN",
    "VERSION",
    "Count",
    "Flag",
    "ListOf",
    "MapOf",
    "Object",
    "Shape",
    "Text",
    "Words",
]

CLOSED = "closed"
"""Closed words, booleans and numbers: nothing of a person's can stand there."""
OWN = "own"
"""Made by the program and checked by a pattern: ids, moments."""
DECLARED = "declared"
"""What the application says in its code: its tools, routes, categories, flags, milestones."""
VERSION = "version"
"""A version of the application: dotted numbers are no addresses there."""
OPEN = "open"
"""Whatever fits the pattern, from wherever it came."""


class Shape:
    """
    What may stand in one place of a document.

    *kind* says how freely: `CLOSED`, `OWN`, `DECLARED`, `VERSION` or `OPEN`; for a map it is
    said of the keys. *words* are the closed words of a value or the known keys of a map.
    *members* are the fields of an object, those in *required* always there; *values* is the
    shape of what is in a map or list. *expects* completes the sentence "it must be …".
    """

    kind: str = CLOSED
    words: frozenset[str] = frozenset()
    members: Mapping[str, Shape] | None = None
    required: tuple[str, ...] = ()
    values: Shape | None = None
    expects: str = ""

    def accepts(self, value: object) -> bool:
        """Return whether *value* itself, not what is in it, fits."""
        raise NotImplementedError

    def accepts_key(self, key: str) -> bool:
        """Return whether *key* may be a key of this map."""
        return key in self.words

    def kind_of(self, text: str) -> str:
        """Return how freely *text*, a value or a key that is accepted here, stands here."""
        return CLOSED if text in self.words else self.kind

    def to_json_schema(self) -> dict[str, Any]:
        """Return the same as JSON Schema 2020-12."""
        raise NotImplementedError


class Count(Shape):
    """A whole number from *least* to `COUNT_MAX`."""

    def __init__(self, least: int = 0, most: int = COUNT_MAX) -> None:
        self._least, self._most = least, most
        self.expects: str = f"the number {least}" if least == most else f"a whole number from {least}"

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
        self.expects: str = "true, false or null" if or_null else "true or false"

    def accepts(self, value: object) -> bool:
        return isinstance(value, bool) or (self._or_null and value is None)

    def to_json_schema(self) -> dict[str, Any]:
        return {"type": ["boolean", "null"]} if self._or_null else {"type": "boolean"}


class Words(Shape):
    """One of the closed *words*."""

    def __init__(self, words: Iterable[str]) -> None:
        self._listed = [str(word) for word in words]
        self.words: frozenset[str] = frozenset(self._listed)
        self.expects: str = f"one of {', '.join(word or '(empty)' for word in self._listed)}"

    def accepts(self, value: object) -> bool:
        return isinstance(value, str) and value in self.words

    def to_json_schema(self) -> dict[str, Any]:
        return {"enum": self._listed}


class Text(Shape):
    """
    Text that *pattern* matches from end to end, at most *most* characters.

    The pattern is written in what Python and ECMAScript have in common. *example* shows one.
    *words* are closed words among what it matches.
    """

    def __init__(self, kind: str, pattern: str, most: int, example: str, *, words: Iterable[str] = ()) -> None:
        self.kind: str = kind
        self.words: frozenset[str] = frozenset(words)
        self._form = re.compile(pattern, re.ASCII)
        self._pattern, self._most = pattern, most
        self.expects: str = f"text such as {example}, at most {most} characters"

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
        self.values: Shape = values
        self._listed = [str(word) for word in words]
        self.words: frozenset[str] = frozenset(self._listed)
        self._keys, self._most = keys, most
        self.kind: str = CLOSED if keys is None else keys.kind
        held = " or ".join(filter(None, (", ".join(self._listed), None if keys is None else keys.expects)))
        self.expects: str = f"an object; its keys are {held}; each value is {values.expects}"
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

    def __init__(self, values: Shape, most: int) -> None:
        self.values: Shape = values
        self._most = most
        self.expects: str = f"a list of at most {most}, each {values.expects}"

    def accepts(self, value: object) -> bool:
        return isinstance(value, list) and len(value) <= self._most

    def to_json_schema(self) -> dict[str, Any]:
        assert self.values is not None
        return {"type": "array", "maxItems": self._most, "items": self.values.to_json_schema()}
