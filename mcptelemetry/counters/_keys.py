"""
What one counter counts, and the flat form of many: what is added up, stored and settled.

The picture for people and documents is made from it (`_snapshot`), so that nothing can be in
the one and not in the other.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["FAILED", "PASSED", "UPSTREAM_KEY", "CounterKey", "Counts", "Kind"]


class CounterKey(NamedTuple):
    """What one counter counts: its *kind* (`Kind`), a *name*, and a *detail* or ``""``."""

    kind: str
    name: str
    detail: str = ""


Counts = dict[CounterKey, int]
"""Counters that are not zero."""


class Kind:
    """The kinds of counters, as they are stored."""

    SURFACE = "surface"
    BUILTIN = "builtin"
    BUILTIN_ERROR = "builtin_error"
    BUILTIN_DURATION = "builtin_duration"
    UPSTREAM = "upstream"
    REST = "rest"
    ERROR = "error"
    DOCTOR = "doctor"


UPSTREAM_KEY = CounterKey(Kind.UPSTREAM, "calls")
PASSED, FAILED = "pass", "fail"
