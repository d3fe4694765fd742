"""
The match report: every tool of a proxy and its upstreams, under its unprefixed name.

A report is a value: it answers questions about one moment's catalogues and is built anew
when an upstream comes or goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

__all__ = ["SEPARATOR", "MatchReport", "ToolMatch"]

SEPARATOR = "__"
"""What stands between an upstream's prefix and a tool's name."""


@dataclass(frozen=True)
class ToolMatch:
    """
    Where one tool exists, and whether its two sides fit.

    *tool_name* is unprefixed. *schema_compatible* is None unless the tool exists on both
    sides. *upstream_prefix* names the first upstream that advertises it, None without one.
    *schema_mismatch* says why the schemas do not fit; on a compatible pair it is a remark.
    """

    tool_name: str
    local_present: bool = False
    remote_present: bool = False
    schema_compatible: bool | None = None
    upstream_prefix: str | None = None
    schema_mismatch: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.tool_name, str):
            msg = f"tool_name must be a str, not {type(self.tool_name).__name__}"
            raise TypeError(msg)
        if not self.tool_name:
            msg = "tool_name is empty: give the unprefixed name of a tool"
            raise ValueError(msg)

    def is_matched(self) -> bool:
        """Return whether the tool exists both locally and at an upstream."""
        return self.local_present and self.remote_present

    def is_routable_local(self) -> bool:
        """Return whether a call meant for the upstream may run locally instead."""
        return self.is_matched() and self.schema_compatible is True

    def prefixed_remote_name(self) -> str | None:
        """Return the name by which the upstream's tool is asked for, None without an upstream."""
        if self.upstream_prefix is None:
            return None
        return f"{self.upstream_prefix}{SEPARATOR}{self.tool_name}"


@dataclass(frozen=True)
class MatchReport:
    """
    Every tool by its name: local ones in their order, then those only upstreams have, in theirs.

    *problems* holds one line for each definition, or part of one, that could not be used; it
    names the tool, or its position when it has no name. *prefixes* are the upstreams' prefixes
    in the order given. Not to be changed after it is made, so safe from any thread.
    """

    matches: Mapping[str, ToolMatch]
    problems: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.matches, Mapping):
            msg = f"matches must map tool names to ToolMatch, not be {type(self.matches).__name__}"
            raise TypeError(msg)
        for argument in ("problems", "prefixes"):
            value = getattr(self, argument)
            if isinstance(value, str) or not isinstance(value, Iterable):
                msg = f"{argument} must be an iterable of str, not {type(value).__name__}"
                raise TypeError(msg)
            object.__setattr__(self, argument, tuple(value))

    def __len__(self) -> int:
        return len(self.matches)

    def is_empty(self) -> bool:
        """Return whether no usable tool was given at all."""
        return not self.matches

    def get(self, tool_name: str) -> ToolMatch | None:
        """Return the match of the unprefixed *tool_name*, None when nobody has such a tool."""
        return self.matches.get(tool_name)

    def routable_locally(self) -> list[ToolMatch]:
        """Return the tools on both sides whose schemas fit."""
        return [match for match in self.matches.values() if match.is_routable_local()]

    def remote_only(self) -> list[ToolMatch]:
        """Return the tools that only upstreams have."""
        return [match for match in self.matches.values() if match.remote_present and not match.local_present]

    def local_only(self) -> list[ToolMatch]:
        """Return the tools that only exist locally."""
        return [match for match in self.matches.values() if match.local_present and not match.remote_present]

    def incompatible_pairs(self) -> list[ToolMatch]:
        """Return the tools on both sides whose schemas do not fit."""
        both = (match for match in self.matches.values() if match.is_matched())
        return [match for match in both if not match.schema_compatible]
