"""
JSON as people write it, each value with the place where it stands.

Comments and a comma after the last entry are taken, for editors write them; nothing else
that JSON is not. Values are spans of the text and not Python's: who changes one of them
leaves every other character of the file as it was.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

__all__ = ["Malformed", "Member", "Value", "read_value"]

_DEPTH_MAX = 100
_BYTE_ORDER_MARK = "\ufeff"
_GAP = re.compile(r"(?:[ \t\r\n]+|//[^\r\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORD = re.compile(r"true|false|null")
_ENDS = {"{": "}", "[": "]"}


class Malformed(ValueError):
    """The text is not JSON, with comments or without; the message says where."""


class Value(NamedTuple):
    """
    One value: what it *is* (object, array, string, number or word), and from where to where it stands.

    *string* is what a string means. *members* are an object's, *items* an array's, in their order.
    """

    is_a: str
    start: int
    end: int
    string: str | None = None
    members: tuple[Member, ...] = ()
    items: tuple[Value, ...] = ()

    def values_of(self, key: str) -> list[Value]:
        """Return what this object says under *key*: more than one value when it says it more than once."""
        return [member.value for member in self.members if member.key == key]


class Member(NamedTuple):
    """A key of an object, and its value."""

    key: str
    value: Value


def read_value(text: str) -> Value:
    """Return the one value that *text* is; raises `Malformed`."""
    reader = _Reader(text)
    value = reader.read(0)
    reader.pass_gap()
    if reader.at < len(text):
        raise reader.malformed("the end")
    return value


class _Reader:
    """A place in a text, going forward."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.at = len(_BYTE_ORDER_MARK) if text.startswith(_BYTE_ORDER_MARK) else 0

    def malformed(self, wanted: str) -> Malformed:
        before = self._text[: self.at]
        line = before.count("\n") + 1
        column = self.at - (before.rfind("\n") + 1) + 1
        return Malformed(f"line {line}, column {column}: {wanted} was expected")

    def pass_gap(self) -> None:
        match = _GAP.match(self._text, self.at)
        self.at = match.end() if match else self.at

    def read(self, depth: int) -> Value:
        self.pass_gap()
        start = self.at
        character = self._text[start : start + 1]
        if character in _ENDS:
            if depth >= _DEPTH_MAX:
                raise self.malformed(f"no more than {_DEPTH_MAX} values inside each other")
            return self._read_object(depth) if character == "{" else self._read_array(depth)
        if character == '"':
            string = self._read_string("a string that ends")
            return Value("string", start, self.at, string)
        for is_a, pattern in (("number", _NUMBER), ("word", _WORD)):
            match = pattern.match(self._text, start)
            if match:
                self.at = match.end()
                return Value(is_a, start, self.at)
        raise self.malformed("a value")

    def _read_object(self, depth: int) -> Value:
        start = self.at
        members: list[Member] = []
        while self._has_another("{", first=not members):
            key = self._read_string("a key in quotation marks")
            self.pass_gap()
            self._take(":")
            members.append(Member(key, self.read(depth + 1)))
        return Value("object", start, self.at, members=tuple(members))

    def _read_array(self, depth: int) -> Value:
        start = self.at
        items: list[Value] = []
        while self._has_another("[", first=not items):
            items.append(self.read(depth + 1))
        return Value("array", start, self.at, items=tuple(items))

    def _has_another(self, beginning: str, *, first: bool) -> bool:
        """Return whether another entry comes; what stands before it, or the end, is passed."""
        end = _ENDS[beginning]
        if first:
            self.at += len(beginning)
        self.pass_gap()
        if not first and self._text[self.at : self.at + 1] != end:
            self._take(",", or_else=end)
            self.pass_gap()
        if self._text[self.at : self.at + 1] != end:
            return True
        self.at += len(end)
        return False

    def _take(self, character: str, or_else: str = "") -> None:
        if self._text[self.at : self.at + 1] != character:
            raise self.malformed(f"{character!r} or {or_else!r}" if or_else else repr(character))
        self.at += len(character)

    def _read_string(self, wanted: str) -> str:
        match = _STRING.match(self._text, self.at)
        if match is None:
            raise self.malformed(wanted)
        self.at = match.end()
        string: str = json.loads(match.group())
        return string
