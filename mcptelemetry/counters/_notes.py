"""
What happened to activation, noted on the host's thread and written by the worker.

The notes have the methods of the store, so that whoever calls them need not know which of
the two is there; but a note is a step of the interpreter, and a store a transaction.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

from ..system import AtomicCounter, around_fork
from ..vocabulary import COUNT_MAX, MAX_MCP_CLIENTS_SEEN, StartupOutcome
from ..wire import sanitize_client_name

if TYPE_CHECKING:
    from ..privacy import BlockedValue
    from ._activation import ActivationStore
    from ._activation_values import ActivationNews, ActivationState

__all__ = ["ActivationNotes"]

_TOKEN_NOTES_MAX = 1_000

_Value = TypeVar("_Value")


class ActivationNotes:
    """
    Takes down what is new about activation until the worker has stored it.

    *store* is read by `load()` and `is_installer_pending()`, which touch the disk; without
    one (None) nothing is kept and everything reads as zero. *blocked_values* gives what no
    client may be called after; it is asked when the notes are taken. *milestones* are those that the
    author declared. Every other method is safe in
    any thread, signal handler or destructor, never raises and never waits. A forked child
    begins without notes.
    """

    def __init__(
        self,
        store: ActivationStore | None = None,
        blocked_values: Callable[[], Iterable[BlockedValue]] = tuple,
        milestones: Iterable[str] = (),
    ) -> None:
        self._store = store
        self._declared = dict.fromkeys(milestones)
        self._blocked_values = blocked_values
        self._summon: Callable[[], object] | None = None
        self.after_fork()
        around_fork(in_child=self.after_fork)

    def after_fork(self) -> None:
        """Begin anew without notes: this is a forked child, or the notes are to be dropped."""
        # None of these is ever replaced while notes are taken: a note made meanwhile would be lost.
        self._flags: dict[str, bool] = {}
        self._milestones: dict[str, None] = {}
        self._clients: dict[str, None] = {}
        self._listed_tool_counts: deque[int] = deque(maxlen=1)
        self._startup_outcomes: deque[StartupOutcome] = deque(maxlen=1)
        self._calls = AtomicCounter()
        self._calls_stored = 0
        self._tokens: deque[int] = deque()

    def attend(self, summon: Callable[[], object] | None) -> None:
        """Have *summon* called whenever something is noted."""
        self._summon = summon

    # -- noting -----------------------------------------------------------------------

    def mark_first_connected_server(self) -> None:
        """Note that a server was connected."""
        self._flag("first_connected_server", value=True)

    def mark_first_mcp_client(self) -> None:
        """Note that an MCP client came."""
        self._flag("first_mcp_client", value=True)

    def mark_first_retrieve_tools_call(self) -> None:
        """Note that tools were looked for."""
        self._flag("first_retrieve_tools_call", value=True)

    def record_milestone(self, name: str) -> None:
        """Note that the author's milestone *name* was reached; one that was not declared is dropped."""
        try:
            is_declared = name in self._declared
        except Exception:  # noqa: BLE001  noting never hurts the host
            return
        if is_declared and self._store is not None:
            self._milestones[name] = None
            self._wake()

    def note_listed_tools(self, count: int) -> None:
        """Note that the server listed so many tools."""
        if self._store is not None:
            self._listed_tool_counts.append(count)
            self._wake()

    def record_mcp_client(self, name: str) -> None:
        """Note the client *name*, sanitised, once; at most `MAX_MCP_CLIENTS_SEEN` are kept."""
        if self._store is not None:
            known = sanitize_client_name(name)
            if known not in self._clients and len(self._clients) < MAX_MCP_CLIENTS_SEEN:
                self._clients[known] = None
            self._wake()

    def increment_retrieve_tools_call(self) -> None:
        """Count one call of `retrieve_tools`."""
        if self._store is not None:
            self._calls.add_one()
            self._wake()

    def add_tokens_saved(self, n: int) -> None:
        """Add *n* saved tokens; less than 1 is ignored."""
        if self._store is not None and type(n) is int and n > 0:
            # Not a sum: an addition in place is three steps, and an interruption may fall between.
            self._tokens.append(min(n, COUNT_MAX))
            if len(self._tokens) > _TOKEN_NOTES_MAX:
                self._tokens.append(min(COUNT_MAX, sum(self._taken_tokens())))
            self._wake()

    def set_installer_pending(self, value: bool) -> None:  # noqa: FBT001  the store's signature
        """Note whether the next heartbeat is to say that the installer started it."""
        self._flag("installer_pending", value=bool(value))

    def note_startup_outcome(self, outcome: StartupOutcome) -> None:
        """Note how the application's start ended."""
        if self._store is not None:
            self._startup_outcomes.append(outcome)
            self._wake()

    # -- looking ----------------------------------------------------------------------

    def load(self) -> ActivationState:
        """Return what is stored, and every declared milestone; what was noted a moment ago is not yet in it. Touches the disk."""
        from ._activation_values import ActivationState

        return (ActivationState() if self._store is None else self._store.load()).of_declared(self._declared)

    def is_installer_pending(self) -> bool:
        """Return what is stored about the installer. Touches the disk."""
        return False if self._store is None else self._store.is_installer_pending()

    # -- the worker's side ------------------------------------------------------------

    def take(self) -> tuple[ActivationNews, StartupOutcome | None] | None:
        """Return everything noted since it was last taken, None when there is nothing."""
        flags, clients, milestones = _taken(self._flags), _taken(self._clients), _taken(self._milestones)
        listed, outcome = _last(self._listed_tool_counts), _last(self._startup_outcomes)
        counted = self._calls.value
        calls, self._calls_stored = counted - self._calls_stored, counted
        tokens = min(COUNT_MAX, sum(self._taken_tokens()))
        if not (flags or clients or calls or tokens or outcome or milestones) and listed is None:
            return None
        from ._activation_values import ActivationNews  # whoever stores has loaded it

        news = ActivationNews(
            flags.get("first_connected_server", False),
            flags.get("first_mcp_client", False),
            flags.get("first_retrieve_tools_call", False),
            self._kept(clients),
            calls,
            tokens,
            flags.get("installer_pending"),
            tuple(milestones),
            listed,
        )
        return news, outcome

    def requeue(self, taken: tuple[ActivationNews, StartupOutcome | None]) -> None:
        """Note once more what could not be stored; what was said since stays the last word."""
        news, outcome = taken
        said = {
            "first_connected_server": news.first_connected_server,
            "first_mcp_client": news.first_mcp_client,
            "first_retrieve_tools_call": news.first_retrieve_tools_call,
            "installer_pending": news.installer_pending,
        }
        for name, value in said.items():
            if value or (value is False and name == "installer_pending"):
                self._flags.setdefault(name, value)
        for client in news.clients:
            self._clients.setdefault(client, None)
        for milestone in news.milestones:
            self._milestones.setdefault(milestone, None)
        if news.listed_tool_count is not None and not self._listed_tool_counts:
            self._listed_tool_counts.append(news.listed_tool_count)
        self._calls_stored -= news.retrieve_tools_calls
        if news.tokens_saved:
            self._tokens.append(news.tokens_saved)
        if outcome is not None and not self._startup_outcomes:
            self._startup_outcomes.append(outcome)

    def _kept(self, clients: Iterable[str]) -> tuple[str, ...]:
        """Return the names under which *clients* are stored, each once."""
        # Here and not when they are noted: the names of this machine may have to be looked up.
        from ..privacy import keep_client_name  # loaded by `Counting.start()`

        names = tuple(clients)
        blocked: tuple[BlockedValue, ...] | None = ()
        try:
            if names:
                blocked = tuple(self._blocked_values())
        except Exception:  # noqa: BLE001  what was taken must not be lost over it
            blocked = None
        return tuple(dict.fromkeys(keep_client_name(name, blocked) for name in names))

    def _flag(self, name: str, *, value: bool) -> None:
        if self._store is not None:
            self._flags[name] = value
            self._wake()

    def _taken_tokens(self) -> list[int]:
        taken = []
        try:
            while True:
                taken.append(self._tokens.popleft())
        except IndexError:
            return taken

    def _wake(self) -> None:
        try:
            if self._summon is not None:
                self._summon()
        except Exception:  # noqa: BLE001  noting never hurts the host
            return


def _taken(notes: dict[str, _Value]) -> dict[str, _Value]:
    """Return what is in *notes* and take it out, each in one step."""
    return {name: notes.pop(name) for name in list(notes)}


def _last(said: deque[_Value]) -> _Value | None:
    """Return what was *said* last and take it out, in one step."""
    try:
        return said.pop()
    except IndexError:
        return None
