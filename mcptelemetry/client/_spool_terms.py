"""
Under which terms the events of one installation are kept on the disk, and may leave it.

Whose events they are decides what binds them: an operator's ask the word about events, the
author's every row, the notice and what has been forgotten.
"""

from __future__ import annotations

from collections.abc import Callable

from ..installation import Installation, why_not_yet
from ..privacy import NotYet, Refusal, Stream
from ..state import name_generation

__all__ = ["InstallationTerms"]


class InstallationTerms:
    """
    The terms of the events of *stream* that *installation* sends to *endpoint*, as a person is told of it.

    *held_refusal* is the question about what a process holds in memory.
    """

    def __init__(
        self, installation: Installation, stream: Stream, endpoint: str, held_refusal: Callable[[], Refusal]
    ) -> None:
        self.owner = "operator" if stream is Stream.OPERATOR_EVENTS else "author"
        self._installation = installation
        self._stream = stream
        self._endpoint = endpoint
        self._held_refusal = held_refusal

    def generation(self) -> str | None:
        """Return the present generation's name, None while nobody can know it."""
        switches = self._installation.switches
        if self._stream is Stream.OPERATOR_EVENTS:
            return switches.events_generation()
        said, begun = switches.generation(), self._installation.open_memory().generations_begun()
        return None if said is None or begun is None else name_generation(said, begun)

    def is_left_alone(self) -> bool:
        """Return whether the environment refuses: for this process alone."""
        return self._installation.switches.decide(self._stream).is_by_environment

    def refusal(self) -> Refusal:
        """Return why nothing of the present generation may leave now, or None."""
        refusal = self._installation.switches.refusal(self._stream)
        if refusal is not None or self._stream is Stream.OPERATOR_EVENTS:
            return refusal
        picture = self._installation.open_memory().look()
        if picture.failure is not None:
            return NotYet("what this installation remembers cannot be read now", 0.0)
        wait_secs = self._installation.notice_wait_secs(self._endpoint, picture)
        why = why_not_yet(wait_secs)
        return NotYet(why, wait_secs) if why is not None and wait_secs is not None else why

    def held_refusal(self) -> Refusal:
        """Return why what this process holds in memory may not leave, or None."""
        return self._held_refusal()
