"""
The names under which an author may have something counted: tools, and words of their own.

They are checked when they are declared, because nothing that is counted under one is
searched afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from ..privacy import refuse_token
from ..vocabulary import IDENTIFIER_PATTERN, MILESTONES_MAX, TOOL_NAME_PATTERN

__all__ = ["IDENTIFIER", "MCPPROXY_TOOLS", "TOOL_NAME", "check_milestones", "check_names"]

MCPPROXY_TOOLS = frozenset(
    {
        "call_tool_destructive",
        "call_tool_read",
        "call_tool_write",
        "code_execution",
        "quarantine_security",
        "retrieve_tools",
        "upstream_servers",
    }
)
"""The built-in tools of mcpproxy: ``CounterRegistry(MCPPROXY_TOOLS)``."""


class NameShape(NamedTuple):
    """What a name looks like, and how to say that."""

    pattern: re.Pattern[str]
    allowed: str

    def holds(self, name: str) -> bool:
        """Return whether *name* looks like that."""
        return self.pattern.fullmatch(name) is not None


IDENTIFIER = NameShape(re.compile(IDENTIFIER_PATTERN), "lower-case identifiers of 1 to 64 characters")
TOOL_NAME = NameShape(re.compile(TOOL_NAME_PATTERN), "1 to 64 letters, digits, '_', '-' and '.'")


def check_names(names: Iterable[str], argument: str, shape: NameShape) -> tuple[str, ...]:
    """Return *names*; `TypeError` or `ValueError`, naming *argument*, for one that is not of *shape*."""
    if isinstance(names, (str, bytes)):
        msg = f"{argument}={names!r} is one string; give a list of names"
        raise TypeError(msg)
    found = tuple(names)
    for name in found:
        if not isinstance(name, str):
            msg = f"{argument} must hold str, not {type(name).__name__}"
            raise TypeError(msg)
        refuse_token(argument, name)
        if not shape.holds(name):
            msg = f"{argument} holds {name!r}, which is not usable: use {shape.allowed}"
            raise ValueError(msg)
    return tuple(str(name) for name in found)


def check_milestones(names: Iterable[str]) -> tuple[str, ...]:
    """Return the milestones *names*, each once; `TypeError` or `ValueError` for one that is no identifier, or too many."""
    milestones = tuple(dict.fromkeys(check_names(names, "milestones", IDENTIFIER)))
    if len(milestones) > MILESTONES_MAX:
        msg = f"milestones holds {len(milestones)} names; at most {MILESTONES_MAX} can be declared"
        raise ValueError(msg)
    return milestones
