"""
`Telemetry`: what an application holds, and what its calls are recorded by.

It builds what the switches allow and nothing else. When no stream may leave, there is no
thread, socket or file behind it: every method is there and does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Union

from ..application import SOME_RELEASE, Application, normalise_version
from ..config import Mode, ModeWord, check_endpoint
from ..counters import Counting, check_milestones
from ..events import Recorder
from ..installation import Installation, Setup
from ..privacy import NoticeSink
from ..system import Clock, Transport
from ..vocabulary import ErrorType, ErrorTypeWord, TelemetryStatus, TelemetryStatusWord
from ._checks import check_command, check_edition, check_flags, check_notice, check_version
from ._hooks import Hooks
from ._recalled import recall_setup

if TYPE_CHECKING:
    from ..heartbeat import RuntimeStats
    from ..instrument import Recording

__all__ = ["Telemetry"]


class Telemetry(Hooks):
    """
    An application's telemetry.

    Safe from any thread and across forks; also a context manager (`start()`, `shutdown()`).
    Everything that is not an argument comes from the person's `telemetry.toml`.

    Args:
        app: the application's name: 1 to 63 lower-case letters, digits and hyphens, beginning
            with a letter; every other name is derived from it, see `Application`.
        version: its version; one that is no release (``dev``, ``1.0+local``) sends to an
            operator only.
        edition: a word for the heartbeat: 1 to 32 lower-case letters, digits, ``_`` and ``-``.
        heartbeat_endpoint: the base of where the maintainer's daily document and feedback go, a URL
            (``http://`` to this machine only) without ``/heartbeat``; None: there is none, unless the
            person's file names one.
        events_endpoint: the author's endpoint for events, a URL likewise; the same base will do. One
            that an operator set on the machine wins.
        token: the bearer token of *events_endpoint*; goes nowhere else.
        default: the mode when nobody said anything: ``"on"``, ``"local"`` or ``"off"``.
        tools: the names of the application's own tools, which a heartbeat may count.
        error_categories: words added to `ErrorCategory`, see `CounterRegistry`.
        routes: the templates of the application's HTTP routes, see `CounterRegistry`.
        milestones: the author's own steps of activation, see `record_milestone`: at most 16 lower-case identifiers.
        flags: the author's own booleans for the heartbeat, by lower-case identifier, at most 50;
            a mapping, or a function that returns one and is asked once a heartbeat.
        stats: a `RuntimeStats` that is asked for the rest of the heartbeat.
        notice: shows the first-run notice instead of standard error: takes the text and returns
            True when it was shown.
        command: what a person types to switch telemetry off, for that notice; in a frozen
            application there is no other.
        data_dir: where the application's files are; None: ``$<APP>_HOME``, else ``~/.<app>``.
        environ: the environment, looked at anew each time; None: the process's own.
        clock: a `Clock`, or a function that returns Unix seconds; None: the machine's.
        transport: what sends, for tests; None: HTTP, or a file.

    Raises:
        TypeError, ValueError: for an argument that cannot be used; the message names it. A file
            or variable on the machine that cannot be used is no error of the author's:
            telemetry is off for this run, with one line in the log, and `status()` says why.
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
        default: Mode | ModeWord = "on",
        tools: Iterable[str] = (),
        error_categories: Iterable[str] = (),
        routes: Iterable[str] | None = None,
        milestones: Iterable[str] = (),
        flags: Mapping[str, bool] | Callable[[], Mapping[str, bool]] | None = None,
        stats: RuntimeStats | None = None,
        notice: NoticeSink | None = None,
        command: str | None = None,
        data_dir: str | None = None,
        environ: Mapping[str, str] | None = None,
        clock: Union[Clock, Callable[[], float], None] = None,
        transport: Transport | None = None,
    ) -> None:
        sink = check_notice(notice)
        check_flags(flags)
        if heartbeat_endpoint is not None:
            check_endpoint(heartbeat_endpoint, is_base=True, argument="heartbeat_endpoint")
        if events_endpoint is not None:
            check_endpoint(events_endpoint, argument="events_endpoint")
        setup = Setup(
            version=normalise_version(check_version(version)),
            edition=check_edition(edition),
            default=default,
            heartbeat_endpoint=heartbeat_endpoint,
            events_endpoint=events_endpoint,
            token=token,
            command=check_command(command),
            milestones=check_milestones(milestones),
        )
        super().__init__(
            Installation(
                Application(app), setup, data_dir=data_dir, environ=environ, clock=clock, transport=transport
            ),
            Counting(tools=tools, error_categories=error_categories, routes=routes),
            sink=sink,
            stats=stats,
            flags=flags,
        )
        self._recorder = self._build_recorder()
        if type(self).record is Telemetry.record:
            # On this object the recorder itself, not the method that hands eight arguments on
            # to it: that alone would be a fifth of what recording costs.
            self.record = self._recorder.record  # type: ignore[method-assign]

    @property
    def _recording(self) -> Recording:
        return self

    def _build_recorder(self) -> Recorder:
        """Return what a finished invocation is told to: both streams, one of them, or nobody."""
        is_counted = self._keep_counts() or self.pipeline is not None
        return Recorder(
            None if self.pipeline is None else self.pipeline.buffer,
            self._installation.clock.time,
            self._counting.registry if is_counted else None,
        )

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
        known = recall_setup(Application(app), data_dir, environ)
        version = known.pop("version", None)
        shown = SOME_RELEASE if version is None else version
        try:
            telemetry = cls(app, shown, **known, data_dir=data_dir, environ=environ)
        except (TypeError, ValueError):  # written by another release, or damaged
            telemetry = cls(app, shown, data_dir=data_dir, environ=environ)
        installation = telemetry._installation
        installation.setup = installation.setup._replace(version=version or "")
        return telemetry

    def start(self) -> None:
        """Begin to deliver, having shown the first-run notice when it is due; off, it does nothing at all."""
        super().start()
        if self.pipeline is not None:  # it may have come only now, see `EventsStream`
            self._recorder.attach(self.pipeline.buffer, self._counting.registry)

    def __enter__(self) -> Telemetry:
        self.start()
        return self

    # -- recording --------------------------------------------------------------------

    def record(
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
        """
        Record one invocation that ends now, after *latency_ms* milliseconds.

        Never raises, waits, prints or touches the disk. What makes no event (a wrong type, an
        unknown word) is counted as `invalid` in `status()`, and the first is said once in the
        log, by the argument's name. A subclass that overrides this is used by every hook.

        Args:
            tool: the tool's name without any upstream's prefix; cut at 128 characters.
            routing_decision: a label, see `RoutingReason`.
            upstream: the upstream's prefix when the call went remote, else None.
            routing_detail: the pattern that matched, for an ``override_rule``.
            status: ``"success"`` or ``"error"``.
            error_type: why it failed, an `ErrorType` or its word; only with status ``"error"``.
            client: the MCP client's name; it is sanitised, and beyond 64 names that are not well
                known it is ``other``.
            latency_ms: how long it took, in milliseconds, 0 or more; rounded.
            was_fallback: whether the primary target had failed and this was the second try.
        """
        self._recorder.record(
            tool,
            routing_decision,
            upstream=upstream,
            routing_detail=routing_detail,
            status=status,
            error_type=error_type,
            client=client,
            latency_ms=latency_ms,
            was_fallback=was_fallback,
        )

    def _count_invalid(self) -> None:
        self._recorder.count_invalid("error_type")
