"""
How an application's calls become records: by hand, by decorator, by middleware, a server at once.

Each hook ends in `record()`, whichever a subclass has. Those that see one call together have
one `Calls` and one `Observer` in common, built when the first of them is asked for.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, overload

from ..instrument import Calls, Invocation, Recording, instrument_callable, tool_name_of
from ._streams import Streams

if TYPE_CHECKING:
    from ..instrument import McpMiddleware, Observer
    from ..matching import RoutingDecision

__all__ = ["Hooks"]

_Callable = TypeVar("_Callable", bound=Callable[..., Any])
_Server = TypeVar("_Server")


class Hooks(Streams):
    """What a host puts round its calls; safe from any thread, task and across forks."""

    # Of each object, once it is asked for.
    _calls: Calls | None = None
    _observer: Observer | None = None
    _middleware: McpMiddleware | None = None

    def invocation(
        self,
        tool: str | None = None,
        *,
        decision: RoutingDecision | None = None,
        routing_decision: str = "local_only",
        upstream: str | None = None,
        routing_detail: str | None = None,
    ) -> Invocation:
        """
        Return a context manager that times a call and records it at its end.

        Args:
            tool: the tool's name; None: that of the *decision*.
            decision: one of the routing engine, from which label, detail and upstream are taken;
                `fallback()` on the result then names its fallback target.
            routing_decision: the label when there is no *decision*.
            upstream: the upstream's prefix when there is no *decision* and the call goes remote.
            routing_detail: the pattern that matched, for an ``override_rule``.
        """
        fallback_upstream = None
        if decision is not None:
            tool = decision.recorded_name if tool is None else tool
            routing_decision = decision.reason
            routing_detail = decision.detail
            upstream = decision.primary.prefix
            fallback_upstream = None if decision.fallback is None else decision.fallback.prefix
        return Invocation(
            self._recording.record,
            tool,  # type: ignore[arg-type]  # a missing name is counted as invalid, not raised
            monotonic=self._installation.clock.monotonic,
            on_invalid=self._count_invalid,
            routing_decision=routing_decision,
            upstream=upstream,
            routing_detail=routing_detail,
            fallback_upstream=fallback_upstream,
        )

    @overload
    def tool(self, function: _Callable, /) -> _Callable: ...
    @overload
    def tool(
        self, function: None = None, /, *, name: str | None = None, routing_decision: str = "local_only"
    ) -> Callable[[_Callable], _Callable]: ...
    def tool(
        self, function: Any = None, /, *, name: str | None = None, routing_decision: str = "local_only"
    ) -> Any:
        """
        Record every call of the decorated function as a tool invocation.

        Serves functions, methods, generators, `async def` and what returns an awaitable; signature,
        docstring and type are kept. *name* defaults to the function's own. A result whose `isError`
        or `is_error` is true counts as a `tool_error`. Goes below a framework's own decorator, next
        to the function. Raises `TypeError` for what is no function.
        """

        def decorate(function: _Callable) -> _Callable:
            tool = tool_name_of(function, name)
            self._counting.registry.declare_tool(tool)
            return instrument_callable(function, self._hooked_calls(), tool, routing_decision)

        return decorate if function is None else decorate(function)

    def instrument(self, server: _Server) -> _Server:
        """
        Record every call of the tools of *server*, an MCP server, and return it: a whole server in one line.

        Takes the servers of mcp 1.x (`FastMCP`, low-level `Server`), of mcp 2.x and of fastmcp,
        over stdio or HTTP; the second time it does nothing. The tools that are registered as code on
        it, now or later, are declared as the application's own. Raises `TypeError` for anything else.
        """
        from ..instrument import instrument_server

        instrument_server(server, self._observe())
        return server

    @property
    def middleware(self) -> McpMiddleware:
        """The same for a server with a list of middleware: ``server.middleware.append(telemetry.middleware)``."""
        if self._middleware is None:
            from ..instrument import ObservingMiddleware

            self._middleware = ObservingMiddleware(self._observe())
        return self._middleware

    def _hooked_calls(self) -> Calls:
        if self._calls is None:
            self._calls = Calls(self._recording, monotonic=self._installation.clock.monotonic, on_invalid=self._count_invalid)
        return self._calls

    def _observe(self) -> Observer:
        """Return what all hooks on servers have in common."""
        if self._observer is None:
            from ..instrument import Observer

            counting = self._counting
            told: dict[str, Any] = {}
            if counting.is_kept or self._installation.is_printing:
                told.update(on_client=counting.meet_client, on_request=counting.record_request)
                told.update(on_listed=counting.activation.note_listed_tools)
            self._observer = Observer(self._hooked_calls(), counting.registry, **told)
        return self._observer

    @property
    @abstractmethod
    def _recording(self) -> Recording:
        """Tell what records, which is this very object: an attribute `record` here would bind the overrides of subclasses."""

    @abstractmethod
    def _count_invalid(self) -> None:
        """Count an unknown word that an invocation was given."""
