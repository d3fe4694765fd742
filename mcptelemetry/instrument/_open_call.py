"""
The call that is open here, so that one call is one event however many hooks see it.

A context variable holds the innermost call that a hook opened; a hook that sees the same tool
joins it and records nothing. Whether the tool's own code runs already is remembered: what that
code calls is another call, even of the same tool.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Optional

from ..vocabulary import ErrorType, ErrorTypeWord
from ._failure import failure_of_tool, is_timeout
from ._invocation import Invocation, RecordCall
from ._server_tools import ServerTools, is_made_of

__all__ = ["JoinedCall", "OpenCall", "innermost_call", "open_calls"]


class OpenCall(Invocation):
    """
    An invocation that a hook opened; hooks that see the same call join it. It is recorded once.

    *tools* are those of the server whose hook opened it, None when a decorated function did.
    """

    __slots__ = (
        "_away_count",
        "_away_since_at",
        "_failure_of",
        "_hooks",
        "_is_ended",
        "_is_held",
        "_is_inside",
        "_name_there",
        "_saw_timeout",
        "_token",
        "_tools",
        "outer",
        "owner",
        "seen_name",
    )

    def __init__(
        self,
        record: RecordCall,
        tool: str,
        *,
        monotonic: Callable[[], float],
        on_invalid: Callable[[], None],
        owner: object,
        hook: object = None,
        tools: ServerTools | None = None,
        routing_decision: str = "local_only",
    ) -> None:
        super().__init__(record, tool, monotonic, on_invalid, routing_decision)
        self.owner: object = owner
        """The application whose hooks may join: two in one process record each its own."""
        self.seen_name: str = tool
        """The tool's name as it was called, which is recorded only when it may be."""
        self.outer: OpenCall | None = None
        """The call in which this one was opened."""
        self._failure_of: Callable[[BaseException], ErrorType] = failure_of_tool
        self._hooks: tuple[object, ...] = (hook,)
        # Where the call has come to: the server's tools, None within a function, and the tool's name there.
        self._tools = tools
        self._name_there = tool
        self._is_inside = tools is None
        self._is_held = False
        self._is_ended = False
        self._saw_timeout = False
        self._away_count = 0
        self._away_since_at = 0.0
        self._token: Token[OpenCall | None] | None = None

    # -- who joins ----------------------------------------------------------------------

    def admit_function(self, tool: str, hook: object) -> bool:
        """Return whether a decorated function sees this very call, which it thereby joins."""
        # One that is entered a second time was called by the tool itself.
        if self._is_ended or hook in self._hooks:
            return False
        if tool not in (self.seen_name, self._name_there) and not self._is_function_of(hook):
            return False
        self._hooks += (hook,)
        self._is_inside = True
        return True

    def _is_function_of(self, hook: object) -> bool:
        """Return whether *hook* is the tool's function, which may have another name than the tool."""
        if self._tools is None:
            return False
        return is_made_of(self._tools.function(self._name_there), hook)

    def admit_server(self, tool: str, tools: ServerTools) -> bool:
        """Return whether the server of *tools* sees this very call, which it thereby joins."""
        if self._is_ended:
            return False
        if self._tools is None:
            return self._is_handed_to(tool, tools)
        if self._is_inside:
            return False
        if tools.server is self._tools.server or tools.server is None:
            return tool == self._name_there
        if self._tools.server is None and tool == self._name_there:
            self._tools = tools
            return True
        if self._tools.is_code(self._name_there) or not self._tools.hands_on(self._name_there, tool, tools.server):
            return False
        # Handed on to a mounted server, which may know the tool by a name of its own.
        self._tools, self._name_there = tools, tool
        return True

    def _is_handed_to(self, tool: str, tools: ServerTools) -> bool:
        """Return whether a decorated function, which opened the call, hands it on to the server of *tools*."""
        # Unless that is the server whose tool the function is: there it asks for another call.
        function = tools.function(tool)
        if tool != self.seen_name or any(is_made_of(function, hook) for hook in self._hooks):
            return False
        self._tools, self._is_inside = tools, False
        return True

    def fail(self, error: BaseException) -> None:
        """Say that *error* ends the call, which no exception does here."""
        self.error(self._failure_of(error))

    def enter_tool(self, tool: object) -> bool:
        """Return whether this is the call of *tool*, whose own code runs from now on."""
        if self._is_inside or tool != self._name_there:
            return False
        self._is_inside = True
        self.saw(None)
        return True

    # -- what hooks tell ------------------------------------------------------------------

    def ends_by(self, failure_of: Callable[[BaseException], ErrorType]) -> None:
        """Say what an exception that ends this call means where it was opened."""
        self._failure_of = failure_of

    def saw(self, error: BaseException | None) -> None:
        """Note what left the tool: a time-out that the framework answers in its own words; None: it is tried anew."""
        # What comes after it is what others made of it, such as a proxy that was told of it in words.
        self._saw_timeout = error is not None and (self._saw_timeout or is_timeout(error))

    def step_out(self) -> None:
        """Say that a person is asked something: their time is not the tool's."""
        self._away_count += 1
        if self._away_count == 1:
            self._away_since_at = self._monotonic()

    def step_in(self) -> None:
        """Say that the person has answered."""
        self._away_count -= 1
        if self._away_count == 0:
            self._began_at += self._monotonic() - self._away_since_at

    # -- its life -----------------------------------------------------------------------

    @property
    def client(self) -> str | None:
        """What the client calls itself, None when that is not known."""
        return self._client

    @property
    def is_ended(self) -> bool:
        """Whether it was recorded: what it left behind is on its own."""
        return self._is_ended

    def hold(self) -> None:
        """Leave the block without an end: what the tool returned is still to be awaited, inside another block."""
        self._is_held = True

    def end(self) -> None:
        """Record the call before its block is left: with the next step the client has its answer."""
        if not self._is_ended:
            self._end()

    def __enter__(self) -> OpenCall:
        if self._token is None:
            self._began_at = self._monotonic()
            self.outer = _innermost.get()
        self._token = _innermost.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:  # noqa: SIM105  by a context manager it would cost a third of a record
            _innermost.reset(self._token)  # type: ignore[arg-type]  # entered, it has one
        except (TypeError, ValueError, RuntimeError):
            pass  # closed in another context than it was begun in, such as by the collection of garbage
        if self._is_ended:
            return
        if error is not None:
            super().__exit__(kind, error, traceback)
        elif self._is_held:
            self._is_held = False
        elif self._error_type is None:
            # What most calls come to, in as few steps as there are.
            self._is_ended = True
            Invocation._end(self)
        else:
            self._end()

    def _fail(self, error: BaseException) -> None:
        self._is_ended = True
        super()._fail(error)

    def _type_of(self, error: BaseException) -> ErrorType:
        return self._failure_of(error)

    def _end(self, latency_ms: int | None = None) -> None:
        self._is_ended = True
        if self._saw_timeout and self._error_type not in (None, ErrorType.CANCELLED):
            self._error_type = ErrorType.TIMEOUT
        super()._end(latency_ms)


class JoinedCall:
    """Stands where a hook would have opened a call that is open already: it tells that one what leaves the tool."""

    __slots__ = ("_call",)

    def __init__(self, call: OpenCall) -> None:
        self._call = call

    def error(self, error_type: ErrorType | ErrorTypeWord = ErrorType.TOOL_ERROR) -> None:
        """Leave it to the hook that opened the call, which sees what becomes of the result."""

    def fail(self, error: BaseException) -> None:
        """Tell the hook that opened the call of *error*, which no exception brings here."""
        self._call.saw(error)

    def hold(self) -> None:
        """Leave it to the hook that opened the call: it awaits what the tool returned."""

    def __enter__(self) -> JoinedCall:
        self._call.saw(None)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if error is not None:
            self._call.saw(error)


# The variable only: its values live and end with their contexts.
_innermost: ContextVar[Optional[OpenCall]] = ContextVar("mcptelemetry_open_call", default=None)

def innermost_call(owner: object) -> OpenCall | None:
    """Return the innermost call here that a hook of *owner* opened, None when there is none."""
    call = _innermost.get()
    while call is not None and call.owner is not owner:
        call = call.outer
    return call


def open_calls() -> Iterator[OpenCall]:
    """Yield the calls in which this code runs, the innermost first."""
    call = _innermost.get()
    while call is not None:
        if not call.is_ended:
            yield call
        call = call.outer
