"""
One truthful window a day for a whole installation, whoever counts and whoever sends.

The moment at which the open sum becomes the frozen one, the name under which it leaves and
the lease of whoever sends it are one transaction; so are its end, the next name and the
next date. What happens between is only sending, and may happen twice: the name is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from ..installation import Installation
from ..state import Memory
from ..system import Database, StorageFailure, draw_backoff_secs, draw_uniform, draw_uuid4
from ..vocabulary import DAY_SECS
from . import _ledger as ledger
from . import _stored_window as stored
from ._window_values import FrozenWindow, WindowState

if TYPE_CHECKING:
    import sqlite3

__all__ = ["GIVE_UP_AFTER_SECS", "Also", "Windows"]

GIVE_UP_AFTER_SECS = 21 * DAY_SECS
"""After how long a window that nobody accepts is given up."""

Also = Callable[["sqlite3.Connection"], None]
"""What else is to be done inside a transaction that is under way."""

_Result = TypeVar("_Result")


class Windows:
    """
    The windows of one installation, shared by all its processes through its *memory*.

    *clock* gives Unix seconds, *generation* what the mode files say of the present generation
    (None: nothing may be stored or sent), *uniform* is as `draw_uniform`, *draw_id* makes a UUID. Safe from any
    thread; never raises for what the disk does: then nothing has changed, and *failure* says
    why.
    """

    def __init__(
        self,
        memory: Memory,
        *,
        clock: Callable[[], float],
        generation: Callable[[], str | None],
        uniform: Callable[[float, float], float] = draw_uniform,
        draw_id: Callable[[], str] = draw_uuid4,
    ) -> None:
        self._memory = memory
        self._database: Database = memory.database
        self._change_failure: StorageFailure | None = None
        self._look_failure: StorageFailure | None = None
        self._clock = clock
        self._generation = generation
        self._uniform = uniform
        self._draw_id = draw_id

    @classmethod
    def of(cls, installation: Installation) -> Windows:
        """Return the windows of *installation*."""
        memory, switches = installation.open_memory(), installation.switches
        return cls(memory, clock=installation.clock.time, generation=switches.generation)

    @property
    def failure(self) -> StorageFailure | None:
        """Why the last change, or look, could not be made; None when both could."""
        return self._change_failure or self._look_failure

    def state(self) -> WindowState:
        """Return how the windows stand; changes nothing."""
        generation = self._generation()
        now = self._clock()
        found = self._database.read(lambda connection: self._state(connection, generation, now))
        self._look_failure = found if isinstance(found, StorageFailure) else None
        return WindowState() if found is None or isinstance(found, StorageFailure) else found

    def prepare(self) -> bool:
        """Draw the name of the next heartbeat if there is none, so that a preview can show it; return whether there is one."""
        generation = self._generation()
        if generation is None:
            return False
        if self.state().heartbeat_id:
            return True  # the usual case writes nothing

        def draw(connection: sqlite3.Connection) -> bool:
            stored.enter_generation(connection, generation)
            return bool(stored.stored_id(connection) or stored.draw_next_id(connection, self._draw_id))

        return self._change(draw, failed=False)

    def begin(self) -> FrozenWindow | None:
        """
        Take the lease of the window that is due, or return None when none is.

        A window that failed before comes again, with the same counts under the same name;
        otherwise what has been counted until now is frozen. One of 21 days ago is given up.
        """
        generation = self._generation()
        if generation is None or self.state().due_in_secs > 0:
            return None
        return self._change(lambda connection: self._begin(connection, generation), None)

    def settle(self, window: FrozenWindow, *, also: Also | None = None) -> bool:
        """
        Close *window*, which was accepted; the next one is due in 24 hours.

        *also* writes, in the same transaction, what an accepted heartbeat changes elsewhere.
        Returns False when another process had closed it already (*also* is called all the
        same), and when the disk fails: then the window is sent once more under its name.
        """
        return self._change(lambda connection: self._close(connection, window, stored.SETTLED, also), False)

    def give_up(self, window: FrozenWindow, *, also: Also | None = None) -> bool:
        """Close *window*, which nobody will ever accept; otherwise as `settle()`."""
        return self._change(lambda connection: self._close(connection, window, stored.GIVEN_UP, also), False)

    def refusal(self, window: FrozenWindow) -> str | None:
        """
        Return why *window* may not leave now, or None: what the gate asks about its document.

        It must be the one that is stored, of the present generation, and nobody else's to send,
        however long it took to build or to find its way.
        """
        said = self._generation()
        if said is None:
            return "the mode files cannot be read"
        found = self._database.read(lambda connection: stored.why_not(connection, said, window))
        if isinstance(found, StorageFailure):
            self._look_failure = found
            return f"what this installation remembers cannot be read ({found.text})"
        return stored.ANOTHER_GENERATION if found is None else found or None

    def let_go(self) -> None:
        """
        Erase what is stored if a person has said something else since it was counted.

        For whoever finds that nothing may be counted now. Saying by hand what the files said
        before then brings nothing back.
        """
        said = self._generation()
        if said is None or self._database.read(lambda connection: stored.is_of_another(connection, said)) is not True:
            return  # the usual case writes nothing

        def leave(connection: sqlite3.Connection) -> bool:
            if stored.is_of_another(connection, said):
                stored.begin_generation(connection)
                stored.enter_generation(connection, said)
            return True

        self._change(leave, failed=False)

    def postpone(self, window: FrozenWindow, *, retry_after_secs: float | None = None) -> float:
        """
        Hold *window* back for a while and give up its lease; return the seconds.

        They are drawn between 1 and 2, 4, 8, … 300 as attempts fail, but are at least
        *retry_after_secs* and at most a day.
        """
        return self._change(lambda connection: self._postpone(connection, window, retry_after_secs), 0.0)

    def _change(self, work: Callable[[sqlite3.Connection], _Result], failed: _Result) -> _Result:
        found = self._database.change(work)
        self._change_failure = found if isinstance(found, StorageFailure) else None
        return failed if isinstance(found, StorageFailure) else found

    # -- inside a transaction ---------------------------------------------------------

    def _state(self, connection: sqlite3.Connection, generation: str | None, now: float) -> WindowState:
        due_in = max(0.0, *(stored.wait_secs(connection, name, most, now) for name, most in stored.WAITS))
        settled = stored.FACTS.number(connection, stored.SETTLED)
        given_up = stored.FACTS.number(connection, stored.GIVEN_UP)
        if generation is None or not stored.is_of(connection, stored.present_generation(connection, generation)):
            # What is stored belongs to another generation and will never leave.
            return WindowState(due_in, settled_count=settled, given_up_count=given_up)
        is_frozen = stored.is_frozen(connection)
        return WindowState(
            due_in,
            stored.stored_id(connection) or "",
            ledger.read_counts(connection, ledger.FROZEN if is_frozen else ledger.OPEN),
            is_frozen,
            stored.FACTS.number(connection, stored.ATTEMPTS),
            settled,
            given_up,
            is_present=True,
            identity=stored.frozen_identity(connection) if is_frozen else None,
        )

    def _begin(self, connection: sqlite3.Connection, generation: str) -> FrozenWindow | None:
        stored.enter_generation(connection, generation)
        now = self._clock()
        if any(stored.wait_secs(connection, name, most, now) > 0 for name, most in stored.WAITS):
            return None  # somebody was faster
        frozen_at = stored.FACTS.moment(connection, stored.FROZEN_AT)
        identity = stored.frozen_identity(connection)
        if not stored.is_frozen(connection):
            ledger.freeze_counts(connection)
            frozen_at = identity = None
        elif frozen_at is not None and now - frozen_at >= GIVE_UP_AFTER_SECS:
            self._end(connection, now, stored.GIVEN_UP)
            return None
        if identity is None:
            identity = self._memory.ensure_identity_in(connection)
            stored.freeze_identity(connection, identity, since=frozen_at)
        if frozen_at is None or frozen_at > now:  # new, damaged, or frozen by a clock that was ahead
            frozen_at = now
            stored.FACTS.write(connection, stored.FROZEN_AT, now)
        heartbeat_id = stored.stored_id(connection) or stored.draw_next_id(connection, self._draw_id)
        lease = self._draw_id()
        stored.FACTS.write(connection, stored.LEASED_UNTIL, now + stored.LEASE_SECS)
        stored.FACTS.write(connection, stored.LEASE, lease)
        counts = ledger.read_counts(connection, ledger.FROZEN)
        attempts, present = stored.FACTS.number(connection, stored.ATTEMPTS), stored.present_generation(connection, generation)
        return FrozenWindow(heartbeat_id, counts, frozen_at, lease, attempts, identity, present)

    def _close(
        self, connection: sqlite3.Connection, window: FrozenWindow, outcome: str, also: Also | None
    ) -> bool:
        is_present = stored.is_frozen(connection) and stored.stored_id(connection) == window.heartbeat_id
        if is_present:
            self._end(connection, self._clock(), outcome)
        if also is not None:
            also(connection)
        return is_present

    def _end(self, connection: sqlite3.Connection, now: float, outcome: str) -> None:
        ledger.settle_counts(connection)
        stored.FACTS.erase(connection, *stored.OF_THE_WINDOW)
        stored.FACTS.write(connection, stored.DUE_AT, now + DAY_SECS)
        stored.FACTS.write(connection, outcome, stored.FACTS.number(connection, outcome) + 1)
        stored.draw_next_id(connection, self._draw_id)

    def _postpone(
        self, connection: sqlite3.Connection, window: FrozenWindow, retry_after_secs: float | None
    ) -> float:
        if stored.FACTS.text(connection, stored.LEASE) != window.lease:
            return 0.0  # it took too long, and another process is at it
        attempts = stored.FACTS.number(connection, stored.ATTEMPTS) + 1
        secs = min(draw_backoff_secs(attempts, self._uniform, retry_after_secs), DAY_SECS)
        stored.FACTS.write(connection, stored.ATTEMPTS, attempts)
        stored.FACTS.write(connection, stored.HELD_BACK_UNTIL, self._clock() + secs)
        stored.FACTS.erase(connection, stored.LEASED_UNTIL, stored.LEASE)
        return secs
