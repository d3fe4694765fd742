"""
The forms under which a blocked word can hide in a text.

Each search is done on the text as it stands and on what is left when its escapes are taken
away, layer by layer; and in every layer each character may still be written as itself, as
a JSON escape or percent-encoded. So neither a mix of forms nor what stands before a word
can hide it. Every repetition is bounded: no text makes a search more than linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ..system import utf16_units
from ._blocked_values import BlockedValue

__all__ = ["ANONYMITY_BLOCKED_PREFIXES", "Layers", "TooManyLayersError"]

ANONYMITY_BLOCKED_PREFIXES: tuple[str, ...] = ("/Users/", "/home/", "/root/", "/var/folders/", "C:\\Users\\")
"""How a path into a person's own directories begins; no document that leaves may hold one."""

_MOST_ROUNDS = 4

# Of a longer value, so many of its first characters are searched for where each may be
# escaped: an expression for a key of three thousand takes a second to make, and whoever sends
# so much of a key has sent it.
_TELLING_CHARACTERS = 64

# Of several backslashes before an escape, all but one may be text, or all may be part of it
# (JSON within JSON). Nothing tells which, so a text is unwrapped in both ways.
_JSON_ESCAPES = (re.compile(r"\\u([0-9A-Fa-f]{4})"), re.compile(r"\\{1,8}u([0-9A-Fa-f]{4})"))
_PERCENT_ESCAPE = re.compile(rb"%(?:25){0,8}([0-9A-Fa-f]{2})")
_BYTE_OF_HEX = {b"%02x" % byte: bytes((byte,)) for byte in range(256)}


class TooManyLayersError(ValueError):
    """The text is escaped more often than any honest document; it cannot be searched to the end."""


class Layers:
    """
    One text, its escapes taken away layer by layer.

    A search that finds nothing proves nothing until `check_end` has passed.
    """

    def __init__(self, text: str) -> None:
        self._texts: dict[str, None] = {text: None}  # an ordered set
        ends = [self._unwrap(text, json_escape) for json_escape in _JSON_ESCAPES]
        self._ends = all(ends)

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def check_end(self) -> None:
        """Raise `TooManyLayersError` when there are layers that were not taken away."""
        if not self._ends:
            raise TooManyLayersError

    def find_prefix(self) -> str | None:
        """Return the blocked prefix that stands in the text in any form, None when there is none."""
        for text in self._texts:
            match = _PREFIXES.search(text)
            if match is not None and match.lastindex is not None:
                return _PREFIX_ORDER[match.lastindex - 1]
        return None

    def find_value(self, blocked: Iterable[BlockedValue]) -> BlockedValue | None:
        """Return the first of *blocked* that stands in the text in any form, None when none does."""
        prepared = [(text, text.casefold(), "\\" in text or "%" in text) for text in self._texts]
        return next(
            (
                value
                for value in blocked
                if any(_is_in(value, text, folded, has_escapes=has_escapes) for text, folded, has_escapes in prepared)
            ),
            None,
        )

    def _unwrap(self, text: str, json_escape: re.Pattern[str]) -> bool:
        """Keep every layer of *text*; return whether the innermost was reached."""
        for _ in range(_MOST_ROUNDS):
            before = text
            if "\\" in text:
                text = json_escape.sub(_char_of, text)
                self._texts[text] = None
            text = _without_percent_escapes(text)
            self._texts[text] = None
            if text == before:
                return True
        return False


def _char_of(match: re.Match[str]) -> str:
    return chr(int(match.group(1), 16))


def _without_percent_escapes(text: str) -> str:
    if "%" not in text:
        return text
    octets = _PERCENT_ESCAPE.sub(
        lambda match: _BYTE_OF_HEX[match.group(1).lower()], text.encode("utf-8", "surrogatepass")
    )
    return octets.decode("utf-8", "replace")


def _is_in(value: BlockedValue, text: str, folded: str, *, has_escapes: bool) -> bool:
    if not has_escapes and value.value.casefold() not in folded:
        return False
    if not has_escapes and not value.is_whole_word:
        return True
    needles = tuple(spelling[:_TELLING_CHARACTERS] for spelling in value.spellings)
    if has_escapes and not any(_may_stand_in(needle, text, folded) for needle in needles):
        return False
    return _pattern_of(needles, has_escapes=has_escapes, is_whole_word=value.is_whole_word).search(text) is not None


def _may_stand_in(needle: str, text: str, folded: str) -> bool:
    """
    Return False only when *needle* stands in *text* in no form.

    Each character that is escaped needs an escape: of one piece more than there are escapes,
    one stands as it is. That tells nearly all texts without an expression, which is dear to make.
    """
    if not (text.isascii() and needle.isascii()):
        return True  # what is the same in another case is a science of its own
    pieces = text.count("%") + text.count("\\") + needle.count("\\") + 1
    length = len(needle) // pieces
    if length == 0:
        return True
    needle = needle.casefold()
    return any(needle[at * length : (at + 1) * length] in folded for at in range(pieces))


def _pattern_of(needles: Iterable[str], *, has_escapes: bool, is_whole_word: bool) -> re.Pattern[str]:
    """Return the expression for *needles*, in any form where the text has escapes at all."""
    spelt = _any_form if has_escapes else re.escape
    pattern = "|".join("".join(spelt(char) for char in needle) for needle in needles)
    if is_whole_word:
        pattern = rf"(?<!\w)(?:{pattern})(?!\w)"
    return re.compile(pattern, re.IGNORECASE)


def _any_form(char: str) -> str:
    """Return an expression for *char* as itself, as a JSON escape or percent-encoded, in any case."""
    if char == "\\":
        # One backslash and no more: a run of them must not match in more ways than one.
        return r"(?:\\|\\u005c|%(?:25){0,8}5c)"
    cases = [case for case in dict.fromkeys((char, char.lower(), char.upper())) if len(case) == 1]
    forms = [re.escape(char)]
    for case in cases:
        octets = case.encode("utf-8", "surrogatepass")
        forms.append("".join(rf"\\{{1,8}}u{unit:04x}" for unit in utf16_units(case)))
        forms.append("".join(rf"%(?:25){{0,8}}{octet:02x}" for octet in octets))
    return f"(?:{'|'.join(forms)})"


_SEPARATOR = rf"(?:{_any_form('/')}|{_any_form(chr(92))})"
# The drive first: what stands behind "C:" is "/Users/" with its slashes swapped.
_PREFIX_ORDER = tuple(sorted(ANONYMITY_BLOCKED_PREFIXES, key=lambda prefix: not prefix.startswith("C:")))


def _prefix_pattern(prefix: str) -> str:
    """Return an expression for *prefix* in any form; its inner separators may be doubled."""
    parts = [
        "".join(_any_form(char) for char in part) for part in re.split(r"[/\\]", prefix.strip("/\\"))
    ]
    begins = "" if prefix.startswith("C:") else _SEPARATOR
    return begins + f"{_SEPARATOR}{{1,16}}".join(parts) + _SEPARATOR


_PREFIXES = re.compile("|".join(f"({_prefix_pattern(prefix)})" for prefix in _PREFIX_ORDER), re.IGNORECASE)
