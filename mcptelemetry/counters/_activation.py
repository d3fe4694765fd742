"""
How far an installation has come: first-ever milestones and two gauges of the last 24 hours.

A milestone is only ever reached, never taken back. A gauge is a number and the moment it
began; it rolls when a day has passed since then, and whoever reads it sees that already.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

from ..errors import StorageError
from ..state import Memory
from ..system import Clock, Database, StorageFailure, as_clock
from ..vocabulary import COUNT_MAX, DAY_SECS, MAX_MCP_CLIENTS_SEEN, TOKEN_BUCKETS
from ..wire import sanitize_client_name
from ._activation_values import ActivationNews, ActivationState
from ._buckets import bucket_tokens
from ._names import IDENTIFIER
from ._value_table import ValueTable

if TYPE_CHECKING:
    import sqlite3

__all__ = ["ACTIVATION", "MAX_MCP_CLIENTS_SEEN", "ActivationStore", "add_news"]

ACTIVATION = ValueTable("usage_activation")
_CLOCK_MAY_STEP_SECS = 300.0  # a clock that was put right a little has not begun another day

# The names of the values.
_CONNECTED_SERVER = "first_connected_server_ever"
_MCP_CLIENT = "first_mcp_client_ever"
_RETRIEVE_TOOLS = "first_retrieve_tools_call_ever"
_CLIENTS = "mcp_clients_seen_ever"
_RETRIEVE_CALLS = "retrieve_tools_calls_24h"
_TOKENS_SAVED = "estimated_tokens_saved_24h"
_IDE_COUNT = "configured_ide_count"
_INSTALLER_PENDING = "installer_heartbeat_pending"
_LISTED_TOOLS = "listed_tool_count"
_MILESTONE = "milestone:"
_BEGAN_AT = "_began_at"

_Result = TypeVar("_Result")


class ActivationStore:
    """
    The activation of the installation whose database is at *path*.

    Each method is one transaction and touches the disk: on a host's own thread use
    `Telemetry.activation`. Safe from any thread and process. Never raises for what the disk
    does; the attribute *failure* says then why nothing was read or written.

    Args:
        path: the file ``telemetry.db`` in the application's data directory; made by the first write.
        clock: a `Clock`, or a function that returns Unix seconds.
    """

    def __init__(self, path: str | os.PathLike[str], clock: Clock | Callable[[], float] = time.time) -> None:
        self._use(Memory(os.fspath(path)).database, as_clock(clock))

    @classmethod
    def on(cls, database: Database, clock: Clock) -> ActivationStore:
        """Return the store in *database*, which somebody else has opened already."""
        store = cls.__new__(cls)
        store._use(database, clock)
        return store

    def _use(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock.time
        self.failure: StorageError | None = None

    def load(self) -> ActivationState:
        """Return what is stored; what is missing or damaged reads as zero."""
        return self._read(lambda connection: read_state(connection, self._clock()), ActivationState())

    def save(self, state: ActivationState) -> None:
        """
        Store *state*; a milestone that was reached stays reached, and clients are added.

        Of the saved tokens only the bucket is known, and stands for its upper edge.
        """
        self._change(lambda connection: _write_state(connection, state, self._clock()))

    def mark_first_connected_server(self) -> None:
        """Remember that a server was connected."""
        self._add(ActivationNews(first_connected_server=True))

    def mark_first_mcp_client(self) -> None:
        """Remember that an MCP client came."""
        self._add(ActivationNews(first_mcp_client=True))

    def mark_first_retrieve_tools_call(self) -> None:
        """Remember that tools were looked for."""
        self._add(ActivationNews(first_retrieve_tools_call=True))

    def record_mcp_client(self, name: str) -> None:
        """Remember the client *name*, sanitised, once; at most `MAX_MCP_CLIENTS_SEEN` are kept."""
        self._add(ActivationNews(clients=(_kept(sanitize_client_name(name)),)))

    def increment_retrieve_tools_call(self) -> None:
        """Count one call of `retrieve_tools` in the last 24 hours."""
        self._add(ActivationNews(retrieve_tools_calls=1))

    def add_tokens_saved(self, n: int) -> None:
        """Add *n* tokens to those saved in the last 24 hours; less than 1 is ignored."""
        if type(n) is int and n > 0:
            self._add(ActivationNews(tokens_saved=n))

    def set_installer_pending(self, value: bool) -> None:  # noqa: FBT001  the contract's signature
        """Remember whether the next heartbeat is to say that the installer started it."""
        self._add(ActivationNews(installer_pending=bool(value)))

    def is_installer_pending(self) -> bool:
        """Return what `set_installer_pending()` said last."""
        return self._read(is_installer_pending, missing=False)

    def record_milestone(self, name: str) -> None:
        """Remember that the author's milestone *name* was reached; what is no lower-case identifier is dropped."""
        if isinstance(name, str) and IDENTIFIER.holds(name):
            self._add(ActivationNews(milestones=(str(name),)))

    def listed_tool_count(self) -> int:
        """Return how many tools the server listed when it was last asked, 0 when it never was."""
        return self._read(lambda connection: ACTIVATION.number(connection, _LISTED_TOOLS), missing=0)

    def _add(self, news: ActivationNews) -> None:
        self._change(lambda connection: add_news(connection, news, self._clock()))

    def _change(self, work: Callable[[sqlite3.Connection], None]) -> None:
        found = self._database.change(work)
        self.failure = StorageError(found.text) if isinstance(found, StorageFailure) else None

    def _read(self, work: Callable[[sqlite3.Connection], _Result], missing: _Result) -> _Result:
        found = self._database.read(work)
        self.failure = StorageError(found.text) if isinstance(found, StorageFailure) else None
        return missing if found is None or isinstance(found, StorageFailure) else found


# -- inside a transaction --------------------------------------------------------------


def read_state(connection: sqlite3.Connection, now: float) -> ActivationState:
    """Return what is stored, as it is at *now*."""
    return ActivationState(
        _flag(connection, _CONNECTED_SERVER),
        _flag(connection, _MCP_CLIENT),
        _flag(connection, _RETRIEVE_TOOLS),
        _clients(connection),
        _gauge(connection, _RETRIEVE_CALLS, now),
        bucket_tokens(_gauge(connection, _TOKENS_SAVED, now)),
        ACTIVATION.number(connection, _IDE_COUNT),
        _milestones(connection),
    )


def add_news(connection: sqlite3.Connection, news: ActivationNews, now: float) -> None:
    """Store what happened."""
    reached = (
        (_CONNECTED_SERVER, news.first_connected_server),
        (_MCP_CLIENT, news.first_mcp_client),
        (_RETRIEVE_TOOLS, news.first_retrieve_tools_call),
    )
    for name, is_reached in (*reached, *((_MILESTONE + name, True) for name in news.milestones)):
        if is_reached:
            ACTIVATION.write(connection, name, 1)
    if news.listed_tool_count is not None:
        ACTIVATION.write(connection, _LISTED_TOOLS, news.listed_tool_count)
    if news.clients:
        _add_clients(connection, news.clients)
    for name, count in ((_RETRIEVE_CALLS, news.retrieve_tools_calls), (_TOKENS_SAVED, news.tokens_saved)):
        if count > 0:
            _raise_gauge(connection, name, count, now)
    if news.installer_pending is not None:
        ACTIVATION.write(connection, _INSTALLER_PENDING, int(news.installer_pending))


def is_installer_pending(connection: sqlite3.Connection) -> bool:
    """Return whether the installer's heartbeat is still to come."""
    return _flag(connection, _INSTALLER_PENDING)


def clear_installer_pending(connection: sqlite3.Connection) -> None:
    """Forget the installer: its heartbeat was accepted."""
    ACTIVATION.erase(connection, _INSTALLER_PENDING)


def _write_state(connection: sqlite3.Connection, state: ActivationState, now: float) -> None:
    news = ActivationNews(
        bool(state.first_connected_server_ever),
        bool(state.first_mcp_client_ever),
        bool(state.first_retrieve_tools_call_ever),
        tuple(sanitize_client_name(name) for name in state.mcp_clients_seen_ever),
        milestones=tuple(name for name, is_reached in state.milestones.items() if is_reached and IDENTIFIER.holds(name)),
    )
    add_news(connection, news, now)
    tokens = _gauge(connection, _TOKENS_SAVED, now)
    if bucket_tokens(tokens) != state.estimated_tokens_saved_24h_bucket:
        tokens = _edge_of(state.estimated_tokens_saved_24h_bucket)
    for name, count in ((_RETRIEVE_CALLS, state.retrieve_tools_calls_24h), (_TOKENS_SAVED, tokens)):
        if count != _gauge(connection, name, now):
            _set_gauge(connection, name, count, now)
    ACTIVATION.write(connection, _IDE_COUNT, _bounded(state.configured_ide_count))


def _edge_of(bucket: str) -> int:
    lower = 0
    for edge, name in TOKEN_BUCKETS:
        if name == bucket:
            return lower + 1 if edge is None else edge
        lower = lower if edge is None else edge
    return 0


def _flag(connection: sqlite3.Connection, name: str) -> bool:
    return ACTIVATION.number(connection, name) == 1


def _milestones(connection: sqlite3.Connection) -> dict[str, bool]:
    """Return those that were reached."""
    stored = (name[len(_MILESTONE) :] for name in ACTIVATION.names(connection) if name.startswith(_MILESTONE))
    return {name: True for name in sorted(stored) if IDENTIFIER.holds(name) and _flag(connection, _MILESTONE + name)}


def _clients(connection: sqlite3.Connection) -> tuple[str, ...]:
    import json  # inside a transaction, where what cannot be loaded is failure with storage

    text = ACTIVATION.text(connection, _CLIENTS)
    try:
        names = json.loads(text) if text is not None else []
    except (ValueError, RecursionError):
        return ()
    if not isinstance(names, list):
        return ()
    # Once more through the sieve: a failing disk makes names that no client ever had.
    sound = [name for name in names if isinstance(name, str) and _is_sound(name)]
    return tuple(dict.fromkeys(sound))[:MAX_MCP_CLIENTS_SEEN]


def _is_sound(name: str) -> bool:
    return sanitize_client_name(name) == name and _kept(name) == name


def _add_clients(connection: sqlite3.Connection, names: Iterable[str]) -> None:
    import json

    known = _clients(connection)
    kept = tuple(dict.fromkeys((*known, *names)))[:MAX_MCP_CLIENTS_SEEN]
    if kept != known:
        ACTIVATION.write(connection, _CLIENTS, json.dumps(kept))


def _gauge(connection: sqlite3.Connection, name: str, now: float) -> int:
    began_at = ACTIVATION.moment(connection, name + _BEGAN_AT)
    if began_at is None or not -_CLOCK_MAY_STEP_SECS <= now - began_at < DAY_SECS:
        return 0
    return ACTIVATION.number(connection, name)


def _raise_gauge(connection: sqlite3.Connection, name: str, count: int, now: float) -> None:
    before = _gauge(connection, name, now)
    if before == 0:
        _set_gauge(connection, name, count, now)
    else:
        ACTIVATION.write(connection, name, min(COUNT_MAX, before + min(count, COUNT_MAX)))


def _set_gauge(connection: sqlite3.Connection, name: str, count: int, now: float) -> None:
    ACTIVATION.write(connection, name, _bounded(count))
    ACTIVATION.write(connection, name + _BEGAN_AT, now)


def _bounded(count: object) -> int:
    return min(COUNT_MAX, max(0, count)) if isinstance(count, int) else 0


def _kept(name: str) -> str:
    from ..privacy import keep_client_name  # loaded by `Counting.start()`: not needed to construct

    return keep_client_name(name, ())
