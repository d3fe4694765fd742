"""
Counting, put together for one application: counters, notes, and who stores them.

The counters are always there. Stored is only what a heartbeat may report one day: without
an endpoint for one, or with telemetry off, no file is touched and no thread started. What
stores is loaded with this module: a host without a free descriptor can still count.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..vocabulary import StartupOutcome, StartupOutcomeWord, Surface
from ._activation import ActivationStore
from ._flusher import CounterFlusher
from ._notes import ActivationNotes
from ._registry import CounterRegistry
from ._window import Windows
from ._worker import CountingWorker, Task

if TYPE_CHECKING:
    from ..installation import Installation
    from ..system import StorageFailure

__all__ = ["Counting"]


class Counting:
    """
    What an application counts: *registry* and *activation*.

    *tools*, *error_categories* and *routes* are those of `CounterRegistry`. Nothing is stored
    before `keep()`. Safe from any thread and across forks.
    """

    def __init__(
        self,
        *,
        tools: Iterable[str] = (),
        error_categories: Iterable[str] = (),
        routes: Iterable[str] | None = None,
    ) -> None:
        self.registry: CounterRegistry = CounterRegistry(tools, error_categories, routes)
        self.activation: ActivationNotes = ActivationNotes()
        self.is_kept: bool = False
        """Whether what is counted is stored."""
        self._worker: CountingWorker | None = None
        self._flusher: CounterFlusher | None = None

    def keep(self, installation: Installation) -> None:
        """Store what is counted in the memory of *installation* from `start()` on."""
        memory, clock = installation.open_memory(), installation.clock
        store = ActivationStore.on(memory.database, clock)
        self.activation = ActivationNotes(store, installation.blocked_values, installation.setup.milestones)
        self._flusher = CounterFlusher(
            self.registry,
            self.activation,
            memory,
            clock=clock.time,
            permission=installation.counting_generation,
            windows=Windows.of(installation),
        )
        self._worker = CountingWorker(self.registry, self.activation, self._flusher, monotonic=clock.monotonic)
        self.is_kept = True

    def start(self) -> None:
        """Begin to store; the thread itself starts with the first count."""
        if self._worker is not None and self.is_kept:
            # Here, and not in the worker: what is imported must not be forked over. Without a
            # free descriptor the worker will.
            with contextlib.suppress(OSError):
                from ..privacy import keep_client_name  # noqa: F401  the worker's, later
            self._worker.start()

    def add(self, task: Task) -> None:
        """Give *task* its turns in the thread that stores, which starts at once; also where nothing is stored."""
        if self._worker is None:
            self._worker = CountingWorker(self.registry, self.activation, None)
        self._worker.add(task)
        self._worker.summon()

    def remove(self, task: Task, timeout: float) -> bool:
        """Give *task* no more turns; return whether none is under way, having waited at most *timeout* seconds."""
        return self._worker is None or self._worker.remove(task, timeout)

    def flush(self, timeout: float = 1.0) -> bool:
        """Store what has been counted now; return whether nothing is left."""
        return self._worker is None or self._worker.flush(timeout)

    @property
    def failure(self) -> StorageFailure | None:
        """Why what was counted could not be stored, None when nothing is left."""
        return None if self._flusher is None else self._flusher.failure

    def stop_soon(self, timeout: float) -> None:
        """Have the thread store what was counted and end; returns at once."""
        if self._worker is not None:
            self._worker.stop_soon(timeout)

    def shutdown(self, timeout: float = 1.0) -> None:
        """Store what has been counted and end, within *timeout* seconds; may be called again."""
        if self._worker is not None:
            self._worker.shutdown(timeout)

    def record_request(self) -> None:
        """Count one request that came by MCP."""
        self.registry.record_surface(Surface.MCP)

    def meet_client(self, name: str) -> None:
        """Note that the MCP client *name* came."""
        self.activation.mark_first_mcp_client()
        self.activation.record_mcp_client(name)

    def record_startup_outcome(self, outcome: StartupOutcome | StartupOutcomeWord) -> None:
        """Note how the application's start ended; a word that is not known is `OTHER_ERROR`."""
        try:
            known = StartupOutcome(outcome)
        except ValueError:
            known = StartupOutcome.OTHER_ERROR
        self.activation.note_startup_outcome(known)
