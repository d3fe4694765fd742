"""
The stored window, inside somebody else's transaction: its facts, its ids, its generation.

Every fact stands by itself, and one that cannot be right reads as absent. What is stored
belongs to one generation, and whoever finds another erases it first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..state import Identity, count_generation, generations_begun, name_generation, parse_moment
from ..system import draw_uuid4, is_uuid
from ..vocabulary import DAY_SECS
from . import _ledger as ledger
from ._activation import ACTIVATION
from ._value_table import ValueTable
from ._window_values import FrozenWindow

if TYPE_CHECKING:
    import sqlite3

__all__ = [
    "ANONYMOUS_ID",
    "ANONYMOUS_ID_CREATED_AT",
    "ANOTHER_GENERATION",
    "ATTEMPTS",
    "DUE_AT",
    "FACTS",
    "FROZEN_AT",
    "GIVEN_UP",
    "HELD_BACK_UNTIL",
    "LEASE",
    "LEASED_UNTIL",
    "LEASE_SECS",
    "OF_THE_WINDOW",
    "SETTLED",
    "WAITS",
    "begin_generation",
    "draw_next_id",
    "enter_generation",
    "forget_counts",
    "freeze_identity",
    "frozen_identity",
    "is_frozen",
    "is_of",
    "is_of_another",
    "present_generation",
    "stored_id",
    "wait_secs",
    "why_not",
]

LEASE_SECS = 120.0
"""How long whoever froze a window may take to send it before another process tries."""

FACTS = ValueTable("usage_facts")
GENERATION = "generation"
HEARTBEAT_ID = "heartbeat_id"
FROZEN_AT = "frozen_at"
LEASED_UNTIL = "leased_until"
LEASE = "lease"
DUE_AT = "due_at"
HELD_BACK_UNTIL = "held_back_until"
ATTEMPTS = "attempts"
SETTLED = "settled_count"
GIVEN_UP = "given_up_count"
ANONYMOUS_ID = "anonymous_id"  # both of the frozen window
ANONYMOUS_ID_CREATED_AT = "anonymous_id_created_at"
OF_THE_WINDOW = (FROZEN_AT, LEASED_UNTIL, LEASE, HELD_BACK_UNTIL, ATTEMPTS, ANONYMOUS_ID, ANONYMOUS_ID_CREATED_AT)

# A date beyond what can have been set is one of a clock that was wrong: it does not count.
WAITS = ((DUE_AT, DAY_SECS), (HELD_BACK_UNTIL, DAY_SECS), (LEASED_UNTIL, LEASE_SECS))

ANOTHER_GENERATION = "it was counted before the mode was last changed"


def enter_generation(connection: sqlite3.Connection, said: str) -> None:
    """
    Make the present generation, of which the mode files say *said*, the one under which is stored.

    What was stored under another one, or under nobody knows which, is erased: it was counted
    before a person last changed the mode. When the next heartbeat is due stays as it is.
    """
    present = present_generation(connection, said)
    if is_of(connection, present):
        return
    _erase(connection)
    FACTS.write(connection, GENERATION, present)
    # At once, so that a process which does not live to be due leaves a preview its name.
    draw_next_id(connection, draw_uuid4)


def begin_generation(connection: sqlite3.Connection) -> None:
    """
    Begin a generation, whatever the mode files say, inside a transaction that is under way.

    What was counted is erased, and what any process holds of it, or of an author's events, is let go
    as soon as it looks.
    """
    count_generation(connection)
    _erase(connection)
    FACTS.erase(connection, GENERATION)


def forget_counts(connection: sqlite3.Connection) -> None:
    """The same, and nothing is left of what became of earlier windows."""
    begin_generation(connection)
    FACTS.erase(connection, SETTLED, GIVEN_UP)


def _erase(connection: sqlite3.Connection) -> None:
    ledger.erase_counts(connection)
    FACTS.erase(connection, HEARTBEAT_ID, *OF_THE_WINDOW)
    ACTIVATION.erase_all(connection)


def present_generation(connection: sqlite3.Connection, said: str) -> str:
    """Return the name of the present generation, of which the mode files say *said*."""
    return name_generation(said, generations_begun(connection))


def is_of(connection: sqlite3.Connection, generation: str) -> bool:
    """Return whether what is stored was counted under *generation*."""
    return FACTS.text(connection, GENERATION) == generation


def is_of_another(connection: sqlite3.Connection, said: str) -> bool:
    """Return whether something is stored, and was under another generation than the present one."""
    return FACTS.has(connection, GENERATION) and not is_of(connection, present_generation(connection, said))


def why_not(connection: sqlite3.Connection, said: str, window: FrozenWindow) -> str:
    """Return why *window* may not leave, ``""`` when nothing speaks against it."""
    present = present_generation(connection, said)
    if window.generation != present or not is_of(connection, present):
        return ANOTHER_GENERATION
    if stored_id(connection) != window.heartbeat_id or FACTS.text(connection, LEASE) != window.lease:
        return "another process is at it"
    return ""


def draw_next_id(connection: sqlite3.Connection, draw_id: Callable[[], str]) -> str:
    """Draw the name of the next heartbeat and return it."""
    heartbeat_id = draw_id()
    FACTS.write(connection, HEARTBEAT_ID, heartbeat_id)
    return heartbeat_id


def frozen_identity(connection: sqlite3.Connection) -> Identity | None:
    """Return the anonymous id that was frozen with the window, None when there is none or it is damaged."""
    anonymous_id = FACTS.text(connection, ANONYMOUS_ID)
    created_at = FACTS.text(connection, ANONYMOUS_ID_CREATED_AT)
    return Identity(anonymous_id, created_at or "") if anonymous_id and is_uuid(anonymous_id) else None


def freeze_identity(connection: sqlite3.Connection, identity: Identity, *, since: float | None) -> None:
    """
    Freeze *identity* with the window, which was frozen *since* then (None: now, or nobody knows).

    Of one whose identity was lost it is not known under which it may have arrived. If that can
    have been another one, it gets another name: by its name the two would be joined.
    """
    drawn_at = parse_moment(identity.created_at)
    if since is not None and (drawn_at is None or drawn_at > since):
        FACTS.erase(connection, HEARTBEAT_ID)
    FACTS.write(connection, ANONYMOUS_ID, identity.anonymous_id)
    FACTS.write(connection, ANONYMOUS_ID_CREATED_AT, identity.created_at)


def is_frozen(connection: sqlite3.Connection) -> bool:
    """Return whether a window is on its way out."""
    # Counters too: were only the date damaged, what others add now must not slip in.
    has_date = FACTS.has(connection, FROZEN_AT)
    return has_date or ledger.has_counts(connection, ledger.FROZEN)


def stored_id(connection: sqlite3.Connection) -> str | None:
    """Return the name of the next heartbeat, None when none was drawn or it is damaged."""
    text = FACTS.text(connection, HEARTBEAT_ID)
    return text if is_uuid(text) else None


def wait_secs(connection: sqlite3.Connection, name: str, most_secs: float, now: float) -> float:
    """Return the seconds until the moment *name*, 0 when it is past or farther ahead than *most_secs*."""
    until = FACTS.moment(connection, name)
    if until is None:
        return 0.0
    secs = until - now
    return secs if secs <= most_secs else 0.0
