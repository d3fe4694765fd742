"""
Answers that are known after a commit: begun one after the other, and settled together.

WSGI lets an application say nothing until its body is asked for. So a server with several small
posts at hand may hand all of them over before it asks for the first body, and what they bring
shares a transaction. Whoever asks at once is answered at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ._group_commit import PendingBatch
from ._requests import Response
from .stores import Stored

__all__ = ["LateAnswer", "LateBody"]


class LateAnswer:
    """What *answer* makes of what became of *pending*."""

    def __init__(self, pending: PendingBatch, answer: Callable[[Stored], Response]) -> None:
        self._pending = pending
        self._answer = answer

    def settle(self) -> Response:
        """Wait for the commit and return the answer; raises what the store raised."""
        return self._answer(self._pending.settle())

    def withdraw(self) -> None:
        """Have nothing stored that is not under way: nobody waits for the answer."""
        self._pending.withdraw()


class LateBody:
    """The body of a *late* answer as WSGI has it: *respond* settles it and starts the response."""

    def __init__(self, late: LateAnswer, respond: Callable[[], Iterable[bytes]]) -> None:
        self._late = late
        self._respond = respond
        self._is_asked_for = False

    def __iter__(self) -> Iterator[bytes]:
        self._is_asked_for = True
        return iter(self._respond())

    def close(self) -> None:
        """Called by the server in the end, also when it has not asked for anything."""
        if not self._is_asked_for:
            self._late.withdraw()
