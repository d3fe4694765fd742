"""
`Telemetry`: the one place where the rooms are put together.

It builds what the switches allow and nothing else. When no stream may leave, there is no
thread, socket or file behind it: every method is there and does nothing.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, Union, overload

from .application import Application, normalise_version
from .config import Config, load_config
from .errors import ConfigError, UploadError
from .events import EventsTarget, Recorder, TelemetryPipeline, find_target
from .instrument import Invocation, McpMiddleware, RecordCall, instrument_callable, tool_name_of
from .privacy import Decision, Stream, Switches
from .system import Clock, SignalChain, Transport, as_clock
from .vocabulary import TelemetryStatus

if TYPE_CHECKING:
    from .matching import RoutingDecision

__all__ = ["Telemetry"]

_logger = logging.getLogger(__name__)
_Callable = TypeVar("_Callable", bound=Callable[..., Any])
_FLUSH_ON_SIGNAL_SECS = 1.0


class Telemetry:
    """
    An application's telemetry.

    *app* is the application's name (`Application`), *version* its version. *events_endpoint*
    is the author's endpoint for events and *token* its bearer token; an endpoint that an
    operator set on the machine wins and takes neither. *default* is the mode when nobody
    said anything: ``"on"``, ``"local"`` or ``"off"``. *data_dir*, *environ*, *clock* and
    *transport* default to the real ones; everything else comes from `telemetry.toml`.

    A bad argument is a `ValueError` or `TypeError` here. A file or variable on the machine
    that cannot be used is no error of the author's: telemetry is off for this run, with one
    line in the log, and `status()` says why.

    Safe from any thread and across forks; also a context manager (`start()`, `shutdown()`).
    """

    def __init__(
        self,
        app: str,
        version: str,
        *,
        events_endpoint: str | None = None,
        token: str | None = None,
        default: str = "on",
        data_dir: str | None = None,
        environ: Mapping[str, str] | None = None,
        clock: Union[Clock, Callable[[], float], None] = None,  # noqa: UP007  3.9
        transport: Transport | None = None,
    ) -> None:
        if not isinstance(version, str):
            msg = f"version must be a str such as '1.4.0', not {type(version).__name__}"
            raise TypeError(msg)
        self._application = Application(app)
        self._version = normalise_version(version)
        self._environ = os.environ if environ is None else environ
        self._clock = as_clock(clock)
        self._switches = Switches(
            self._application,
            environ=self._environ,
            version=version,
            default=default,
            data_dir=data_dir,
            clock=self._clock.time,
        )
        self._problem: ConfigError | None = None
        self._target = self._find_target(events_endpoint, token)
        self._stream = Stream.OPERATOR_EVENTS if self._target and self._target.is_operators else Stream.AUTHOR_EVENTS
        self._generation = self._switches.generation()
        self._transport = transport
        self._pipeline: TelemetryPipeline | None = None
        self._record: RecordCall = _record_nothing
        if self._target is not None and self._switches.decide(self._stream).may_send:
            self._build_pipeline(self._target)
        self._middleware: McpMiddleware | None = None
        self._signals: SignalChain | None = None

    # -- the life of it ---------------------------------------------------------------

    def start(self) -> None:
        """Begin to deliver; the worker thread itself starts with the first record."""
        if self._pipeline is not None and self._target is not None:
            self._pipeline.start(self._target.auth)

    def flush(self, timeout: float | None = None) -> int:
        """Send what waits and return how many events were delivered; see `TelemetryPipeline.flush`."""
        return 0 if self._pipeline is None else self._pipeline.flush(timeout)

    def shutdown(self, timeout: float = 1.0) -> None:
        """Stop after one last attempt, in at most *timeout* seconds; may be called again."""
        if self._pipeline is not None:
            self._pipeline.shutdown(timeout)

    def __enter__(self) -> Telemetry:
        self.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.shutdown()

    def install_signal_handlers(self) -> None:
        """
        Flush within a second when SIGTERM or SIGINT comes, then pass the signal on.

        Nothing touches a signal unless this is called; call it from the main thread. Does
        nothing when nothing may be sent.
        """
        if self._pipeline is not None and self._signals is None:
            self._signals = SignalChain(self._flush_on_signal)
            self._signals.install()

    # -- recording --------------------------------------------------------------------

    def record(
        self,
        tool: str,
        routing_decision: str = "local_only",
        *,
        upstream: str | None = None,
        routing_detail: str | None = None,
        status: str = TelemetryStatus.SUCCESS,
        error_type: str | None = None,
        latency_ms: int = 0,
        was_fallback: bool = False,
    ) -> None:
        """
        Record one invocation that ends now, after *latency_ms* whole milliseconds.

        Never raises, waits, prints or touches the disk. What makes no event (a wrong type, an
        unknown word) is counted as `invalid` in `status()`.
        """
        self._record(
            tool,
            routing_decision,
            upstream=upstream,
            routing_detail=routing_detail,
            status=status,
            error_type=error_type,
            latency_ms=latency_ms,
            was_fallback=was_fallback,
        )

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

        With a *decision* of the routing engine, tool, label, detail and upstream are taken
        from it, and `fallback()` on the result names its fallback target.
        """
        fallback_upstream = None
        if decision is not None:
            tool = decision.recorded_name if tool is None else tool
            routing_decision = decision.reason
            routing_detail = decision.detail
            upstream = decision.primary.prefix
            fallback_upstream = None if decision.fallback is None else decision.fallback.prefix
        return Invocation(
            self._record,
            tool,  # type: ignore[arg-type]  # a missing name is counted as invalid, not raised
            monotonic=self._clock.monotonic,
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
        self, function: Any = None, /, *, name: str | None = None, routing_decision: str = "local_only"  # noqa: ANN401  overloaded
    ) -> Any:
        """
        Record every call of the decorated function as a tool invocation.

        Serves functions, methods, generators and `async def`; signature, docstring and type
        are kept. *name* defaults to the function's own. A result whose `isError` or
        `is_error` is true counts as a `tool_error`. Raises `TypeError` for what is no function.
        """

        def decorate(function: _Callable) -> _Callable:
            tool = tool_name_of(function, name)
            return instrument_callable(
                function, lambda: self.invocation(tool, routing_decision=routing_decision)
            )

        return decorate if function is None else decorate(function)

    @property
    def middleware(self) -> McpMiddleware:
        """A whole MCP server in one line: ``server.middleware.append(telemetry.middleware)``."""
        if self._middleware is None:
            self._middleware = McpMiddleware(self.invocation)
        return self._middleware

    # -- looking ----------------------------------------------------------------------

    @property
    def pipeline(self) -> TelemetryPipeline | None:
        """The events pipeline, None without an endpoint or when nothing may be sent."""
        return self._pipeline

    def status(self) -> dict[str, Any]:
        """
        Return what is on and why, as a mapping that is also JSON.

        *mode* and *reason* are those of what the author set up; *events* says the same of
        the events stream with its endpoint, whose it is and its account.
        """
        decision = self._switches.decide(Stream.HEARTBEAT)
        return {
            "app": self._application.name,
            "version": self._version,
            "mode": str(decision.mode),
            "reason": decision.reason,
            "files": {
                "settings": self._switches.config_path,
                "mode": self._switches.state_path,
                "person": self._switches.person_path,
            },
            "events": self._events_status(),
        }

    def _events_status(self) -> dict[str, Any]:
        if self._problem is not None:
            return {"mode": "off", "reason": str(self._problem), "endpoint": None, "owner": None, "stats": None}
        if self._target is None:
            reason = "no endpoint is configured"
            return {"mode": "off", "reason": reason, "endpoint": None, "owner": None, "stats": None}
        decision: Decision = self._switches.decide(self._stream)
        stats = None if self._pipeline is None else self._pipeline.stats()._asdict()
        return {
            "mode": str(decision.mode),
            "reason": decision.reason,
            "endpoint": self._target.settings.endpoint,
            "owner": "operator" if self._target.is_operators else "author",
            "stats": stats,
        }

    # -- putting together -------------------------------------------------------------

    def _find_target(self, code_endpoint: str | None, code_token: str | None) -> EventsTarget | None:
        config = Config()
        try:
            config = load_config(self._switches.config_path)
            for warning in config.warnings:
                _logger.warning("%s", warning)
            self._network = config.network
            return find_target(
                self._application,
                environ=self._environ,
                config=config,
                config_path=self._switches.config_path,
                code_endpoint=code_endpoint,
                code_token=code_token,
            )
        except ConfigError as error:
            self._problem = error
            self._network = config.network
            _logger.error("telemetry is off for this run: %s", error)  # noqa: TRY400  one line, no traceback
            return None

    def _build_pipeline(self, target: EventsTarget) -> None:
        self._pipeline = TelemetryPipeline(
            target.settings,
            app=self._application.name,
            version=self._version,
            environ=self._environ,
            clock=self._clock,
            transport=self._transport,
            network=self._network,
            refusal=self._refusal,
        )
        self._record = Recorder(self._pipeline.buffer, self._clock.time).record
        # On this object the recorder itself, not the method that hands eight arguments on to
        # it: that alone would be a fifth of what recording costs.
        self.record = self._record  # type: ignore[method-assign]

    def _refusal(self) -> str | None:
        """Return why events may not leave now, or None: what the gate asks before each send."""
        refusal = self._switches.refusal(self._stream)
        if refusal is not None or self._stream is Stream.OPERATOR_EVENTS:
            return refusal
        generation = self._switches.generation()
        if generation != self._generation:
            self._generation = generation
            return "it was recorded before the mode was last changed"
        return None

    def _flush_on_signal(self) -> None:
        try:
            self.flush(_FLUSH_ON_SIGNAL_SECS)
        except UploadError as error:
            _logger.debug("the flush before the signal was not complete: %s", error)

    def _count_invalid(self) -> None:
        if self._pipeline is not None:
            self._pipeline.buffer.count_invalid()


def _record_nothing(
    tool: str,
    routing_decision: str = "local_only",
    *,
    upstream: str | None = None,
    routing_detail: str | None = None,
    status: str = TelemetryStatus.SUCCESS,
    error_type: str | None = None,
    latency_ms: int = 0,
    was_fallback: bool = False,
) -> None:
    """Take what a silent client is told, and keep nothing of it."""
