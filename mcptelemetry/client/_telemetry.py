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

from ..application import Application, home_directory, normalise_version
from ..config import Mode
from ..environment import detect_launch_source
from ..errors import UploadError
from ..events import Recorder, TelemetryPipeline, check_endpoint
from ..instrument import (
    Invocation,
    McpMiddleware,
    RecordCall,
    instrument_callable,
    record_nothing,
    tool_name_of,
)
from ..privacy import FirstRunNotice, NoticeSink, Stream, Switches, maybe_print_first_run_notice
from ..state import DATABASE_FILE, Memory, SentDocument
from ..system import Clock, SignalChain, SystemClock, Transport, Trouble, as_clock, outline_of_url
from ..usage import ActivationNotes, CounterRegistry, Counting
from ..vocabulary import LaunchSource, StartupOutcome, TelemetryStatus
from ._checks import check_command, check_edition, check_flags, check_notice, check_version
from ._events_stream import EventsStream
from ._installation import Installation, path_in
from ._status import describe_status

if TYPE_CHECKING:
    from ..feedback import FeedbackRequest, FeedbackResponse, FeedbackService
    from ..matching import RoutingDecision
    from ..usage import HeartbeatService, RuntimeStats

__all__ = ["Telemetry"]

_logger = logging.getLogger(__name__)
_Callable = TypeVar("_Callable", bound=Callable[..., Any])
_FLUSH_ON_SIGNAL_SECS = 1.0
_LOOK_AGAIN_SECS = 300.0  # nothing of the heartbeat was built: its notice could not be shown
# What the last start leaves for the command line to know.
_PROFILE_NAMES = frozenset({"default", "edition", "heartbeat_endpoint", "events_endpoint", "command"})


class Telemetry:
    """
    An application's telemetry.

    *app* is the application's name (`Application`), *version* its version. *heartbeat_endpoint*
    is where the maintainer's daily document goes. *events_endpoint* is the author's endpoint
    for events and *token* its bearer token; an endpoint that an operator set on the machine
    wins and takes neither. *default* is the mode when nobody said anything: ``"on"``,
    ``"local"`` or ``"off"``. *edition* is a word for the heartbeat; *flags* are the author's
    own booleans in it, as a mapping or a function that returns one, and *stats* a
    `RuntimeStats` that is asked for the rest. *tools*, *error_categories* and *routes* are what
    may be counted by name, see `CounterRegistry`. *notice* shows the first-run notice instead
    of standard error: it takes the text and returns True when it was shown. *command* is what
    a person types to switch telemetry off, for that notice. *data_dir*, *environ*, *clock* and *transport*
    default to the real ones; everything else comes from `telemetry.toml`.

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
        edition: str = "personal",
        heartbeat_endpoint: str | None = None,
        events_endpoint: str | None = None,
        token: str | None = None,
        default: str = "on",
        tools: Iterable[str] = (),
        error_categories: Iterable[str] = (),
        routes: Iterable[str] | None = None,
        flags: Mapping[str, bool] | Callable[[], Mapping[str, bool]] | None = None,
        stats: RuntimeStats | None = None,
        notice: NoticeSink | None = None,
        command: str | None = None,
        data_dir: str | None = None,
        environ: Mapping[str, str] | None = None,
        clock: Union[Clock, Callable[[], float], None] = None,  # noqa: UP007  3.9
        transport: Transport | None = None,
    ) -> None:
        self._version = normalise_version(check_version(version))
        self._edition = check_edition(edition)
        self._flags = check_flags(flags)
        self._stats = stats
        self._sink = check_notice(notice)
        self._command = check_command(command)
        self._default = default
        self._transport = transport
        self._events_endpoint = events_endpoint
        if heartbeat_endpoint is not None:
            check_endpoint(heartbeat_endpoint, may_be_file=False, argument="heartbeat_endpoint")
        if events_endpoint is not None:
            check_endpoint(events_endpoint, argument="events_endpoint")
        self._heartbeat_endpoint = heartbeat_endpoint
        self._clock = as_clock(clock)
        self.environ: Mapping[str, str] = os.environ if environ is None else environ
        """The environment that is looked at, anew each time."""
        self._application = Application(app)
        self._installation = Installation(
            self._application,
            version=version,
            default=default,
            data_dir=data_dir,
            environ=self.environ,
            clock=self._clock,
        )
        self._switches = self._installation.switches
        self._events = EventsStream(
            self._installation, endpoint=events_endpoint, token=token, version=self._version, transport=transport
        )
        self._counting = Counting(tools=tools, error_categories=error_categories, routes=routes)
        self._record = self._build_record()
        if type(self).record is Telemetry.record:
            # On this object the recorder itself, not the method that hands eight arguments on
            # to it: that alone would be a fifth of what recording costs.
            self.record = self._record  # type: ignore[method-assign]
        self._heartbeat: HeartbeatService | None = None
        self._feedback: FeedbackService | None = None
        self._middleware: McpMiddleware | None = None
        self._signals: SignalChain | None = None

    def _build_record(self) -> RecordCall:
        """Return what a finished invocation is told to: both streams, one of them, or nobody."""
        record: RecordCall = record_nothing
        is_told = self._heartbeat_url() is not None and self._installation.problem is None
        if is_told and self._counting_generation() is not None:
            memory = self._installation.open_memory()
            self._counting.keep(
                memory,
                clock=self._clock,
                permission=self._counting_generation,
                chores=(self._take_heartbeat_turn,),
            )
            record = self._counting.record_call_only
        if self.pipeline is not None:
            count = self._counting.registry.record_call
            record = Recorder(self.pipeline.buffer, self._clock.time, count).record
        return record

    @classmethod
    def of_installation(
        cls, app: str, *, data_dir: str | None = None, environ: Mapping[str, str] | None = None
    ) -> Telemetry:
        """
        Return the telemetry of *app* as its last start on this machine set it up, not started.

        For whoever knows the application by its name only, such as a command line. What is
        not known is left out, and the version is taken for a release. Raises `ValueError`
        when *app* is no application name.
        """
        application = Application(app)
        home = application.data_directory(os.environ if environ is None else environ)
        database = path_in(home if data_dir is None else data_dir, DATABASE_FILE)
        profile = dict(Memory(database).look().profile) if os.path.lexists(database) else {}
        version = profile.pop("version", None)
        shown = "1" if version is None else version
        known: dict[str, Any] = {name: value for name, value in profile.items() if name in _PROFILE_NAMES}
        try:
            telemetry = cls(app, shown, **known, data_dir=data_dir, environ=environ)
        except (TypeError, ValueError):  # written by another release, or damaged
            telemetry = cls(app, shown, data_dir=data_dir, environ=environ)
        telemetry._version = version or ""
        return telemetry

    # -- the life of it ---------------------------------------------------------------

    def start(self) -> None:
        """
        Begin to deliver; the worker thread itself starts with the first record.

        Shows the first-run notice when it is due. Off, it does nothing at all.
        """
        notice = self.first_run_notice()
        if notice is not None and self._remember_setup(notice.memory):
            maybe_print_first_run_notice(notice)
            if notice.heartbeat_endpoint is not None:
                self.heartbeat_service()  # here, and not in the worker: what is imported must not be forked over
        self._events.start()
        if detect_launch_source(self.environ, None, None, None, app=self._application) is LaunchSource.INSTALLER:
            self._counting.activation.set_installer_pending(True)
        self._counting.start()

    def flush(self, timeout: float | None = None) -> int:
        """
        Store what was counted, send what waits and return how many events were delivered.

        Waits and raises as `TelemetryPipeline.flush` does.
        """
        self._counting.flush(1.0 if timeout is None else min(timeout, 1.0))
        return 0 if self.pipeline is None else self.pipeline.flush(timeout)

    def shutdown(self, timeout: float = 1.0) -> None:
        """Stop after one last attempt, in at most *timeout* seconds; may be called again."""
        if self._heartbeat is not None:
            self._heartbeat.stop(0)  # its turns are the worker's, which is ended below
        ends_at = SystemClock.monotonic() + timeout
        self._counting.stop_soon(timeout)
        if self.pipeline is not None:
            self.pipeline.shutdown(timeout)
        self._counting.shutdown(ends_at - SystemClock.monotonic())

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
        if (self.pipeline is not None or self._counting.is_kept) and self._signals is None:
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
            self._counting.registry.declare_tool(tool)
            return instrument_callable(
                function, lambda: self.invocation(tool, routing_decision=routing_decision)
            )

        return decorate if function is None else decorate(function)

    @property
    def middleware(self) -> McpMiddleware:
        """A whole MCP server in one line: ``server.middleware.append(telemetry.middleware)``."""
        if self._middleware is None:
            counting = self._counting
            told: dict[str, Any] = {"is_declared": counting.registry.is_builtin_tool}
            if counting.is_kept:
                told.update(on_client=counting.meet_client, on_request=counting.record_request)
            self._middleware = McpMiddleware(self.invocation, **told)
        return self._middleware

    # -- the notice -------------------------------------------------------------------

    def first_run_notice(self) -> FirstRunNotice | None:
        """
        Return what a person has to be told before anything leaves for the maintainer or the author.

        None when nothing of theirs would be sent: no endpoint, or switched off. It is shown by
        `maybe_print_first_run_notice`, which `start()` calls.
        """
        heartbeat, events = self._noticed_endpoints()
        if heartbeat is None and events is None:
            return None
        usual = self._application.data_directory({"HOME": home_directory(self.environ)})
        return FirstRunNotice(
            application=self._application,
            memory=self._installation.open_memory(),
            heartbeat_endpoint=heartbeat,
            events_endpoint=events,
            sink=self._sink,
            command=self._command,
            data_dir=None if usual == self._installation.data_dir else self._installation.data_dir,
            may_show=lambda: any(self._noticed_endpoints()),
        )

    def _noticed_endpoints(self) -> tuple[str | None, str | None]:
        """Return where the heartbeat and the author's events would go now, None where they would not."""
        if self._installation.problem is not None:
            return None, None
        heartbeat = self._heartbeat_url() if self._switches.decide(Stream.HEARTBEAT).may_send else None
        return _outline(heartbeat), self._events.endpoint_to_notice()

    def _heartbeat_url(self) -> str | None:
        return self._installation.config.telemetry.endpoint or self._heartbeat_endpoint

    def _remember_setup(self, memory: Memory) -> bool:
        """Return whether it could be done; if not, the host has waited long enough."""
        if self._heartbeat_url() is not None and isinstance(memory.ensure_identity(), Trouble):
            return False
        values = {
            "version": self._version,
            "default": str(self._default),
            "edition": self._edition,
            "heartbeat_endpoint": _outline(self._heartbeat_endpoint),
            "events_endpoint": _outline(self._events_endpoint),
            "command": self._command,
        }
        return memory.note_profile({name: value for name, value in values.items() if value is not None})

    # -- counting ---------------------------------------------------------------------

    @property
    def registry(self) -> CounterRegistry:
        """The counters; always there. They are stored only where a heartbeat may report them."""
        return self._counting.registry

    @property
    def activation(self) -> ActivationNotes:
        """
        Milestones and clients: the methods of `ActivationStore`, which only note here.

        The worker writes; off, or without an endpoint for heartbeats, nothing is kept.
        """
        return self._counting.activation

    def record_startup_outcome(self, outcome: StartupOutcome | str) -> None:
        """Note how the application's start ended; a word that is not known is `OTHER_ERROR`."""
        self._counting.record_startup_outcome(outcome)

    def _counting_generation(self) -> str | None:
        """Return the generation under which counts are stored now, None when none are."""
        generation = self._switches.generation()  # first: a mode that changes now is seen by one of the two
        return None if self._switches.decide(Stream.HEARTBEAT).mode is Mode.OFF else generation

    # -- the heartbeat and feedback ---------------------------------------------------

    @property
    def heartbeat(self) -> HeartbeatService | None:
        """The service that sends the daily document and previews it; None without an endpoint."""
        return None if self._heartbeat_url() is None else self.heartbeat_service()

    def heartbeat_service(self) -> HeartbeatService:
        """Return the same service, also when there is no endpoint: then it only previews."""
        if self._heartbeat is None:
            from ..usage import build_heartbeat_service  # it loads sqlite3

            self._heartbeat = build_heartbeat_service(
                self._application,
                version=self._version,
                edition=self._edition,
                endpoint=None if self._installation.problem is not None else self._heartbeat_url(),
                memory=self._installation.open_memory(),
                switches=self._switches,
                environ=self.environ,
                clock=self._clock,
                transport=self._transport,
                network=self._installation.config.network,
                stats=self._stats,
                flags=self._flags,
                flush=self._counting.flush,
                on_violation=self._counting.registry.record_anonymity_violation,
                notice=self.first_run_notice,
            )
        return self._heartbeat

    def _take_heartbeat_turn(self) -> float:
        """Do what is due of the heartbeat, in the worker of usage; return the seconds until something is again."""
        return _LOOK_AGAIN_SECS if self._heartbeat is None else self._heartbeat.turn()

    def sent_documents(self) -> list[SentDocument] | Trouble:
        """Return the last heartbeats that were sent and answered, oldest first, word for word."""
        return self._installation.open_memory().sent_documents()

    def submit_feedback(self, request: FeedbackRequest) -> FeedbackResponse:
        """
        Send what a person typed to the maintainer; no switch is asked, typing it is the consent.

        Raises `ValueError` for what cannot be sent and `FeedbackError` when it was not
        accepted, when five were sent within the hour, or when there is no endpoint.
        """
        return self.feedback_service().submit(request)

    def feedback_service(self) -> FeedbackService:
        """Return the service behind `submit_feedback()`; `FeedbackError` without an endpoint."""
        if self._feedback is None:
            from ..feedback import build_feedback_service

            self._feedback = build_feedback_service(
                app=self._application.name,
                endpoint=self._heartbeat_url(),
                environ=self.environ,
                clock=self._clock,
                transport=self._transport,
                network=self._installation.config.network,
                describe=lambda: self.heartbeat_service().build_payload(),
            )
        return self._feedback

    # -- looking ----------------------------------------------------------------------

    @property
    def app(self) -> str:
        """The application's name."""
        return self._application.name

    @property
    def switch_variable(self) -> str:
        """The environment variable by which a person switches it off."""
        return self._application.switch_variable

    @property
    def switches(self) -> Switches:
        """The switch table for this application on this machine."""
        return self._switches

    @property
    def pipeline(self) -> TelemetryPipeline | None:
        """The events pipeline, None without an endpoint or when nothing may be sent."""
        return self._events.pipeline

    def status(self) -> dict[str, Any]:
        """
        Return what is on and why, as a mapping that is also JSON.

        *mode*, *reason* and *row* are those of what the author set up; *heartbeat* and *events*
        say the same of their streams with endpoint and owner, *storage* whether this machine
        can remember anything. Changes nothing.
        """
        return describe_status(
            self._installation, self._events, version=self._version, heartbeat_endpoint=self._heartbeat_url()
        )

    def _flush_on_signal(self) -> None:
        try:
            self.flush(_FLUSH_ON_SIGNAL_SECS)
        except UploadError as error:
            _logger.debug("the flush before the signal was not complete: %s", error)

    def _count_invalid(self) -> None:
        if self.pipeline is not None:
            self.pipeline.buffer.count_invalid()


def _outline(endpoint: str | None) -> str | None:
    """Return *endpoint* as it may be shown and kept: a query may hold a key."""
    return None if endpoint is None else outline_of_url(endpoint)
