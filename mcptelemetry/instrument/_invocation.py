"""
One tool invocation under way, timed from its beginning to its end.

A context manager that the host's code runs inside: an exception is an error and passes
through untouched. Everything here is given a `record` callable and knows nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from ..vocabulary import ErrorType, ErrorTypeWord, TelemetryStatus, TelemetryStatusWord
from ..wire import latency_under
from ._failure import failure_of_tool, settle_cancellation

__all__ = ["Invocation", "RecordCall"]


class RecordCall(Protocol):
    """
    The one signature of every `record`: `Telemetry`'s, the recorder's, and an override's.

    What an instrument is handed and calls at the end of an invocation; it never raises.
    """

    def __call__(
        self,
        tool: str,
        routing_decision: str = "local_only",
        *,
        upstream: str | None = None,
        routing_detail: str | None = None,
        status: TelemetryStatus | TelemetryStatusWord = TelemetryStatus.SUCCESS,
        error_type: ErrorType | ErrorTypeWord | None = None,
        client: str | None = None,
        latency_ms: float = 0,
        was_fallback: bool = False,
    ) -> None:
        """Record one finished invocation."""


class Invocation:
    """
    Times a call and records it once, at its end.

    `fallback()` and `error()` may be called from inside. *fallback_upstream* is the prefix
    to which a fallback goes, None when it runs locally. Used by one thread at a time.
    """

    __slots__ = (
        "_began_at",
        "_client",
        "_error_type",
        "_fallback_upstream",
        "_is_abandoned",
        "_monotonic",
        "_on_invalid",
        "_parent",
        "_record",
        "_routing_decision",
        "_routing_detail",
        "_tool",
        "_upstream",
        "_was_fallback",
    )

    def __init__(
        self,
        record: RecordCall,
        tool: str,
        monotonic: Callable[[], float],
        on_invalid: Callable[[], None],
        routing_decision: str = "local_only",
        *,
        upstream: str | None = None,
        routing_detail: str | None = None,
        fallback_upstream: str | None = None,
    ) -> None:
        self._record = record
        self._tool = tool
        self._monotonic = monotonic
        self._on_invalid = on_invalid
        self._routing_decision = routing_decision
        self._upstream = upstream
        self._routing_detail = routing_detail
        self._fallback_upstream = fallback_upstream
        self._error_type: ErrorType | ErrorTypeWord | None = None
        self._client: str | None = None
        self._parent: str | None = None
        self._was_fallback = False
        self._is_abandoned = False
        self._began_at = 0.0

    def fallback(self) -> None:
        """Say that the primary target failed and the other one is tried now."""
        self._was_fallback = True
        self._upstream = self._fallback_upstream

    def error(self, error_type: ErrorType | ErrorTypeWord = ErrorType.TOOL_ERROR) -> None:
        """
        Say that the call failed without an exception.

        *error_type* is an `ErrorType` word; any other counts as invalid and is recorded as
        ``exception``.
        """
        try:
            self._error_type = ErrorType(error_type)
        except ValueError:
            self._on_invalid()
            self._error_type = ErrorType.EXCEPTION

    def rename(self, tool: str) -> None:
        """Say which tool it was, when that is known only now."""
        self._tool = tool

    def came_from(self, client: str | None) -> None:
        """Say which MCP client called, by the name that it gives itself; it is sanitised when recorded."""
        self._client = client

    def belongs_to(self, parent: str | None) -> None:
        """Say which span called, as `parse_traceparent` gives it."""
        self._parent = parent

    def abandon(self) -> None:
        """Say that this was no call of its own; an exception is recorded all the same."""
        self._is_abandoned = True

    def __enter__(self) -> Invocation:
        self._began_at = self._monotonic()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        # A consumer of a generator that has had enough has its good right.
        if error is None or self._error_type is not None or isinstance(error, GeneratorExit):
            self._end()
        else:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """Record the call that *error* ended."""
        self._error_type = self._type_of(error)
        if self._error_type is not ErrorType.CANCELLED:
            self._end()
            return
        latency_ms = self._latency_ms()

        def settle(error_type: ErrorType) -> None:
            self._error_type = error_type
            self._end(latency_ms)

        settle_cancellation(error, settle)

    def _type_of(self, error: BaseException) -> ErrorType:
        return failure_of_tool(error)

    def _end(self, latency_ms: int | None = None) -> None:
        if self._is_abandoned and self._error_type is None:
            return
        self._record(
            self._tool,
            self._routing_decision,
            upstream=self._upstream,
            routing_detail=self._routing_detail,
            status=TelemetryStatus.SUCCESS if self._error_type is None else TelemetryStatus.ERROR,
            error_type=self._error_type,
            client=self._client,
            latency_ms=latency_under(self._parent, self._latency_ms() if latency_ms is None else latency_ms),
            was_fallback=self._was_fallback,
        )

    def _latency_ms(self) -> int:
        return max(0, round((self._monotonic() - self._began_at) * 1000))
