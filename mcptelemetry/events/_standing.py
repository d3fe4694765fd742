"""
What binds the events of a pipeline that was built by hand, beside what its user decides.

The environment and a person's word about events are asked before each send; and what was
recorded before a person refused all events stays when they are allowed again.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..application import Application
from ..installation import HELD_FROM_BEFORE, AsOf
from ..privacy import StandingSwitches

__all__ = ["StandingRefusal"]


class StandingRefusal:
    """The gate's question for a pipeline of *application* (None: not known) under *environ*; asked by one thread at a time."""

    def __init__(self, environ: Mapping[str, str], application: Application | None) -> None:
        self._switches = StandingSwitches(environ, application)
        self._as_of = AsOf(self._switches.events_generation)

    def refusal(self) -> str | None:
        """Return why nothing that is held may leave now, or None."""
        return self._switches.refusal() or (HELD_FROM_BEFORE if self._as_of.has_ended() else None)
