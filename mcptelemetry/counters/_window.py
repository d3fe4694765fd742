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
from ..system import Database, StorageFailure, draw_backoff_secs, draw_uniform, draw_uuid4, is_uuid
from ..vocabulary import DAY_SECS
from . import _ledger as ledger
from ._activation import ACTIVATION
from ._value_table import ValueTable
from ._window_values import FrozenWindow, WindowState

if TYPE_CHECKING:
    import sqlite3

__all__ = ["GIVE_UP_AFTER_SECS", "LEASE_SECS", "Also", "Windows", "enter_generation"]

LEASE_SECS = 120.0
"""How long whoever froze a window may take to send it before another process tries."""
GIVE_UP_AFTER_SECS = 21 * DAY_SECS
"""After how long a window that nobody accepts is given up."""

_FACTS = ValueTable("usage_facts")
_GENERATION = "generation"
_HEARTBEAT_ID = "heartbeat_id"
_FROZEN_AT = "frozen_at"
_LEASED_UNTIL = "leased_until"
_LEASE = "lease"
_DUE_AT = "due_at"
_HELD_BACK_UNTIL = "held_back_until"
_ATTEMPTS = "attempts"
_SETTLED = "settled_count"
_GIVEN_UP = "given_up_count"

# A date beyond what can have been set is one of a clock that was wrong: it does not count.
_WAITS = ((_DUE_AT, DAY_SECS), (_HELD_BACK_UNTIL, DAY_SECS), (_LEASED_UNTIL, LEASE_SECS))

Also = Callable[["sqlite3.Connection"], None]
"""What else is to be done inside a transaction that is under way."""

_Result = TypeVar("_Result")


class Windows:
    """
    The windows of one installation, shared by all its processes through *database*.

    *clock* gives Unix seconds, *generation* the present generation (None: nothing may be
    stored or sent), *uniform* is as `draw_uniform`, *draw_id* makes a UUID. Safe from any
    thread; never raises for what the disk does: then nothing has changed, and *failure* says
    why.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], float],
        generation: Callable[[], str | None],
        uniform: Callable[[float, float], float] = draw_uniform,
        draw_id: Callable[[], str] = draw_uuid4,
    ) -> None:
        self._database = database
        self.failure: StorageFailure | None = None
        self._clock = clock
        self._generation = generation
        self._uniform = uniform
        self._draw_id = draw_id

    @classmethod
    def of(cls, installation: Installation) -> Windows:
        """Return the windows of *installation*."""
        database, switches = installation.open_memory().database, installation.switches
        return cls(database, clock=installation.clock.time, generation=switches.generation)

    def state(self) -> WindowState:
        """Return how the windows stand; changes nothing."""
        generation = self._generation()
        now = self._clock()
        found = self._database.read(lambda connection: self._state(connection, generation, now))
        return WindowState() if found is None else self._without_failure(found, WindowState())

    def prepare(self) -> bool:
        """Draw the name of the next heartbeat if there is none, so that a preview can show it; return whether there is one."""
        generation = self._generation()
        if generation is None:
            return False
        if self.state().heartbeat_id:
            return True  # the usual case writes nothing

        def draw(connection: sqlite3.Connection) -> bool:
            enter_generation(connection, generation)
            return bool(_stored_id(connection) or self._draw_next_id(connection))

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
        return self._change(lambda connection: self._close(connection, window, _SETTLED, also), False)

    def give_up(self, window: FrozenWindow, *, also: Also | None = None) -> bool:
        """Close *window*, which nobody will ever accept; otherwise as `settle()`."""
        return self._change(lambda connection: self._close(connection, window, _GIVEN_UP, also), False)

    def postpone(self, window: FrozenWindow, *, retry_after_secs: float | None = None) -> float:
        """
        Hold *window* back for a while and give up its lease; return the seconds.

        They are drawn between 1 and 2, 4, 8, … 300 as attempts fail, but are at least
        *retry_after_secs* and at most a day.
        """
        return self._change(lambda connection: self._postpone(connection, window, retry_after_secs), 0.0)

    def _change(self, work: Callable[[sqlite3.Connection], _Result], failed: _Result) -> _Result:
        return self._without_failure(self._database.change(work), failed)

    def _without_failure(self, found: _Result | StorageFailure, failed: _Result) -> _Result:
        if isinstance(found, StorageFailure):
            self.failure = found
            return failed
        self.failure = None
        return found

    # -- inside a transaction ---------------------------------------------------------

    def _state(self, connection: sqlite3.Connection, generation: str | None, now: float) -> WindowState:
        due_in = max(0.0, *(_wait_secs(connection, name, most, now) for name, most in _WAITS))
        settled = _FACTS.number(connection, _SETTLED)
        given_up = _FACTS.number(connection, _GIVEN_UP)
        if generation is None or not _is_of(connection, generation):
            # What is stored belongs to another generation and will never leave.
            return WindowState(due_in, settled_count=settled, given_up_count=given_up)
        is_frozen = _is_frozen(connection)
        return WindowState(
            due_in,
            _stored_id(connection) or "",
            ledger.read_counts(connection, ledger.FROZEN if is_frozen else ledger.OPEN),
            is_frozen,
            _FACTS.number(connection, _ATTEMPTS),
            settled,
            given_up,
            is_present=True,
        )

    def _begin(self, connection: sqlite3.Connection, generation: str) -> FrozenWindow | None:
        enter_generation(connection, generation)
        now = self._clock()
        if any(_wait_secs(connection, name, most, now) > 0 for name, most in _WAITS):
            return None  # somebody was faster
        frozen_at = _FACTS.moment(connection, _FROZEN_AT)
        if not _is_frozen(connection):
            ledger.freeze_counts(connection)
            frozen_at = None
        elif frozen_at is not None and now - frozen_at >= GIVE_UP_AFTER_SECS:
            self._end(connection, now, _GIVEN_UP)
            return None
        if frozen_at is None or frozen_at > now:  # new, damaged, or frozen by a clock that was ahead
            frozen_at = now
            _FACTS.write(connection, _FROZEN_AT, now)
        heartbeat_id = _stored_id(connection) or self._draw_next_id(connection)
        lease = self._draw_id()
        _FACTS.write(connection, _LEASED_UNTIL, now + LEASE_SECS)
        _FACTS.write(connection, _LEASE, lease)
        counts = ledger.read_counts(connection, ledger.FROZEN)
        return FrozenWindow(heartbeat_id, counts, frozen_at, lease, _FACTS.number(connection, _ATTEMPTS))

    def _close(
        self, connection: sqlite3.Connection, window: FrozenWindow, outcome: str, also: Also | None
    ) -> bool:
        is_present = _is_frozen(connection) and _stored_id(connection) == window.heartbeat_id
        if is_present:
            self._end(connection, self._clock(), outcome)
        if also is not None:
            also(connection)
        return is_present

    def _end(self, connection: sqlite3.Connection, now: float, outcome: str) -> None:
        ledger.settle_counts(connection)
        _FACTS.erase(connection, _FROZEN_AT, _LEASED_UNTIL, _LEASE, _HELD_BACK_UNTIL, _ATTEMPTS)
        _FACTS.write(connection, _DUE_AT, now + DAY_SECS)
        _FACTS.write(connection, outcome, _FACTS.number(connection, outcome) + 1)
        self._draw_next_id(connection)

    def _postpone(
        self, connection: sqlite3.Connection, window: FrozenWindow, retry_after_secs: float | None
    ) -> float:
        if _FACTS.text(connection, _LEASE) != window.lease:
            return 0.0  # it took too long, and another process is at it
        attempts = _FACTS.number(connection, _ATTEMPTS) + 1
        secs = min(draw_backoff_secs(attempts, self._uniform, retry_after_secs), DAY_SECS)
        _FACTS.write(connection, _ATTEMPTS, attempts)
        _FACTS.write(connection, _HELD_BACK_UNTIL, self._clock() + secs)
        _FACTS.erase(connection, _LEASED_UNTIL, _LEASE)
        return secs

    def _draw_next_id(self, connection: sqlite3.Connection) -> str:
        heartbeat_id = self._draw_id()
        _FACTS.write(connection, _HEARTBEAT_ID, heartbeat_id)
        return heartbeat_id


def enter_generation(connection: sqlite3.Connection, generation: str) -> None:
    """
    Make *generation* the one under which counts and activation are stored.

    What was stored under another one, or under nobody knows which, is erased: it was counted
    before a person last changed the mode. When the next heartbeat is due stays as it is.
    """
    if _is_of(connection, generation):
        return
    ledger.erase_counts(connection)
    _FACTS.erase(
        connection, _FROZEN_AT, _HEARTBEAT_ID, _LEASED_UNTIL, _LEASE, _HELD_BACK_UNTIL, _ATTEMPTS
    )
    ACTIVATION.erase_all(connection)
    _FACTS.write(connection, _GENERATION, generation)


def _is_of(connection: sqlite3.Connection, generation: str) -> bool:
    """Return whether what is stored was counted under *generation*."""
    return _FACTS.text(connection, _GENERATION) == generation


def _is_frozen(connection: sqlite3.Connection) -> bool:
    # Counters too: were only the date damaged, what others add now must not slip in.
    has_date = _FACTS.has(connection, _FROZEN_AT)
    return has_date or ledger.has_counts(connection, ledger.FROZEN)


def _stored_id(connection: sqlite3.Connection) -> str | None:
    text = _FACTS.text(connection, _HEARTBEAT_ID)
    return text if is_uuid(text) else None


def _wait_secs(connection: sqlite3.Connection, name: str, most_secs: float, now: float) -> float:
    until = _FACTS.moment(connection, name)
    if until is None:
        return 0.0
    secs = until - now
    return secs if secs <= most_secs else 0.0
