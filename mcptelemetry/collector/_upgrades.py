"""
Which of two versions is the higher one, for versions as senders write them.

SemVer and PEP 440 alike, as far as they agree: numbers first, a pre-release before its release,
a post-release after it. What is neither is not compared, and no upgrade.
"""

from __future__ import annotations

import re

__all__ = ["is_upgrade"]

_VERSION = re.compile(r"v?([0-9]{1,9}(?:\.[0-9]{1,9})*)[-._]?([A-Za-z]*)([0-9A-Za-z.~_-]*)(?:\+.*)?")
_POST = ("post", "rev", "r")
_Key = tuple[tuple[int, ...], int, str, tuple[tuple[int, int, str], ...]]


def is_upgrade(previous: str, version: str) -> bool:
    """Return whether *version* is higher than *previous*; False when either cannot be compared."""
    before, after = _key(previous), _key(version)
    return before is not None and after is not None and before < after


def _key(version: str) -> _Key | None:
    match = _VERSION.fullmatch(version)
    if match is None:
        return None
    numbers = [int(part) for part in match[1].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    word, rest = match[2].lower(), match[3]
    stage = 2 if word in _POST else 1 if not word and not rest else 0
    # Numbers are less than words, as SemVer has it, and 9 is less than 10.
    parts = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.findall(r"[0-9]+|[a-z]+", rest.lower()))
    return tuple(numbers), stage, word, parts
