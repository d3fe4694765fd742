"""
What an author says about an application, as one value.

The last start leaves it in the installation's memory, so that a command line, which knows
an application by its name only, sees the same as the application.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Optional, Union

from ..config import Mode, ModeWord
from ..system import url_without_secrets

__all__ = ["Setup"]

# What is left behind. Never the token: it has no business on a disk.
_REMEMBERED = ("version", "default", "edition", "heartbeat_endpoint", "events_endpoint", "command", "milestones")
_ENDPOINTS = frozenset({"heartbeat_endpoint", "events_endpoint"})


class Setup(NamedTuple):
    """
    The author's words; whoever makes one has checked them.

    *version* is normalised, ``""`` when it is not known. *default* is the mode when nobody
    said anything, *command* what a person types to switch telemetry off. *token* belongs to
    *events_endpoint*. *milestones* are the author's own steps of activation.
    """

    version: str = ""
    edition: str = "personal"
    default: Union[Mode, ModeWord] = "on"
    heartbeat_endpoint: Optional[str] = None
    events_endpoint: Optional[str] = None
    token: Optional[str] = None
    command: Optional[str] = None
    milestones: tuple[str, ...] = ()

    def __repr__(self) -> str:
        # Neither the token nor an endpoint, whose query may hold a key.
        return f"Setup({self.remembered()})"

    def remembered(self) -> dict[str, str]:
        """Return what the next command line has to know: endpoints without their query, which may hold a key."""
        values = {name: getattr(self, name) for name in _REMEMBERED}
        values["milestones"] = " ".join(self.milestones) or None  # no identifier holds a space
        return {
            name: url_without_secrets(value) if name in _ENDPOINTS else str(value)
            for name, value in values.items()
            if value is not None
        }

    @staticmethod
    def recalled(profile: Mapping[str, str]) -> dict[str, Any]:
        """Return what `remembered()` left in *profile*, unchecked; what another release left is passed over."""
        known: dict[str, Any] = {name: profile[name] for name in _REMEMBERED if name in profile}
        if "milestones" in known:
            known["milestones"] = tuple(known["milestones"].split())
        return known
