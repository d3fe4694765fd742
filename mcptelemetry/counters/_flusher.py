"""
From the counters of a process to those of the installation.

What was counted is added in one transaction, and subtracted here only when that transaction
has reached the disk: whatever happens between, a count is in one of the two places. What
was counted under a mode that no longer holds is dropped, here and there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..installation import AsOf
from ..state import Memory, generations_begun, write_value
from ..system import StorageFailure, Turns, around_fork
from ._activation import add_news
from ._activation_values import ActivationNews
from ._keys import CounterKey, Counts, Kind
from ._ledger import add_counts
from ._notes import ActivationNotes
from ._registry import CounterRegistry
from ._stored_window import enter_generation
from ._window import Windows

if TYPE_CHECKING:
    import sqlite3

__all__ = ["CounterFlusher"]

_DISK_SECS_MIN = 0.05  # when an endpoint has used up all the time there was
# A call of this tool is a milestone of activation too; whoever records the call need not say it
# twice. The gauge beside it is the application's own count: it moves by its method only.
_RETRIEVE_TOOLS = CounterKey(Kind.BUILTIN, "retrieve_tools")


class CounterFlusher:
    """
    Adds what *registry* and *notes* hold to the database of *memory*.

    *clock* gives Unix seconds. *permission* gives what the mode files say while something may be
    stored, None when nothing may be. *windows* is told then to let go of what a person has
    refused since; None: nobody is. Safe from any thread and across forks.
    """

    def __init__(
        self,
        registry: CounterRegistry,
        notes: ActivationNotes,
        memory: Memory,
        *,
        clock: Callable[[], float],
        permission: Callable[[], str | None],
        windows: Windows | None = None,
    ) -> None:
        self._registry = registry
        self._notes = notes
        self._memory = memory
        self._database = memory.database
        self._clock = clock
        self._as_of = AsOf(permission)
        self._windows = windows
        self.failure: StorageFailure | None = None
        """Why what was counted could not be stored, None when nothing is left."""
        self._turns = Turns(fork_wait_secs=0)  # a fork waits for the transaction in it, and that is enough
        around_fork(in_child=self._turns.after_fork)

    def flush(self, timeout: float = 1.0) -> bool:
        """
        Store what has been counted; return whether nothing is left to store.

        Waits at most *timeout* seconds for another thread's flush, and as long for another
        process. What could not be stored is kept for the next time.
        """
        turn = self._turns.take(max(0.0, timeout))
        if turn is None:
            return False  # another thread's, or the very one that a signal handler interrupted
        try:
            return self._flush(timeout)
        finally:
            self._turns.give_back(turn)

    def _flush(self, timeout: float) -> bool:
        begun = self._memory.generations_begun()
        said = self._as_of.enter(begun)
        if said is None:
            self._registry.reset()
            self._notes.take()
            if self._windows is not None and not self._as_of.may_hold:
                self._windows.let_go()
            self.failure = None
            return True
        counts = self._registry.counts()
        noted = self._notes.take()
        if not counts and noted is None:
            self.failure = None
            return True

        def store(connection: sqlite3.Connection) -> bool:
            if begun is not None and generations_begun(connection) != begun:
                return False  # begun a moment ago: the next flush lets go of what is held
            enter_generation(connection, said)
            add_counts(connection, counts)
            add_news(connection, _news_in(counts), self._clock())
            if noted is not None:
                news, outcome = noted
                add_news(connection, news, self._clock())
                if outcome is not None:
                    write_value(connection, "last_startup_outcome", outcome.value)
            return True

        is_stored = False
        try:
            found = self._database.change(store, busy_secs=max(_DISK_SECS_MIN, timeout))
            is_stored = found is True
            self.failure = found if isinstance(found, StorageFailure) else None
        finally:
            if is_stored:
                self._registry.settle_counts(counts)
            elif noted is not None:
                self._notes.requeue(noted)
        return is_stored


def _news_in(counts: Counts) -> ActivationNews:
    return ActivationNews(first_retrieve_tools_call=counts.get(_RETRIEVE_TOOLS, 0) > 0)
