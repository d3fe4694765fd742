"""
Readers take turns: the store answers one question of theirs at a time.

A question takes the machine's time from the senders, who cannot ask again as easily as a person
can. A report is asked in one turn; a page in one turn a question, so that several are on their way
at once and no reader who is slow, or gone, keeps a turn from another.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, cast

from ._requests import Refusal
from .stores import CallQuestions, Questions, Store, StoreError, look_at

__all__ = ["NoTurn", "Turns", "too_busy"]

_AT_ONCE_MAX = 1
_WAIT_SECS = 10.0
_RETRY_AFTER_SECS = 5


class NoTurn(StoreError):
    """The store was not asked, since others are asking it."""


class Turns:
    """Who may ask the store now; nobody waits longer than *wait_secs*. Safe between threads."""

    def __init__(self, wait_secs: float = _WAIT_SECS) -> None:
        self._wait_secs = wait_secs
        self._asking = threading.BoundedSemaphore(_AT_ONCE_MAX)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Have the turn for as long as the block takes; raise `Refusal` when it does not come in time."""
        if not self._asking.acquire(timeout=self._wait_secs):
            raise too_busy()
        try:
            yield
        finally:
            self._asking.release()

    def asked_in_turn(self, store: Store, note_outage: Callable[[StoreError], None]) -> Questions:
        """Return the questions of *store*, each asked in a turn of its own; an outage is noted and raised, a turn that does not come is `NoTurn`."""
        return cast("Questions", _InTurn(self, store, note_outage))


class _InTurn:
    """The questions of a store, whichever there are."""

    def __init__(self, turns: Turns, store: CallQuestions, note_outage: Callable[[StoreError], None]) -> None:
        self._turns = turns
        self._store = store
        self._note_outage = note_outage
        # Whoever asks what a store can answer is to find the same methods here.
        for name in dir(Questions):
            if not name.startswith("_") and hasattr(type(store), name):
                setattr(self, name, self._in_turn(getattr(store, name)))

    @contextmanager
    def look(self) -> Iterator[Questions]:
        """Have the questions of one look, each asked in a turn of its own all the same."""
        with look_at(self._store) as questions:
            yield cast("Questions", _InTurn(self._turns, questions, self._note_outage))

    def _in_turn(self, question: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(question)
        def ask(*args: Any, **kwargs: Any) -> Any:
            try:
                with self._turns.turn():
                    return question(*args, **kwargs)
            except Refusal as refusal:
                raise NoTurn(str(refusal)) from None
            except StoreError as error:
                self._note_outage(error)
                raise

        return ask


def too_busy() -> Refusal:
    """Return the refusal of a reader for whom there is no turn."""
    wait = (("Retry-After", str(_RETRY_AFTER_SECS)),)
    return Refusal(503, "others are reading now; try again in a few seconds", wait, reason="busy")
