"""
The streams of one application and the life of them: events, counting, heartbeat, feedback.

Everything that can be done with telemetry but recording a call. What is not needed to
record (the heartbeat's service, feedback) is built when it is first asked for.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING

from ..config import Config, load_config
from ..counters import ActivationNotes, CounterRegistry, Counting
from ..errors import UploadError
from ..installation import Installation
from ..privacy import FirstRunNotice, NoticeSink, Switches, maybe_print_first_run_notice
from ..system import StorageFailure, SystemClock, begin_anew, notice_fork, printable
from ..vocabulary import LaunchSource, StartupOutcome, StartupOutcomeWord
from ._events_stream import EventsStream
from ._notices import Notices
from ._spool_delivery import Spooled
from ._status import describe_status, read_sent_documents

if TYPE_CHECKING:
    from ..events import TelemetryPipeline
    from ..feedback import FeedbackRequest, FeedbackResponse, FeedbackService
    from ..heartbeat import Flags, HeartbeatService, RuntimeStats
    from ..state import SentDocument
    from ..status import Status
    from ..system import SignalChain
    from ._check import EndpointCheck

__all__ = ["Streams"]

_logger = logging.getLogger(__name__)
_FLUSH_ON_SIGNAL_SECS = 1.0


class Streams(Spooled):
    """
    What leaves *installation*, and what is counted there by *counting*.

    *sink* shows the first-run notice, None: standard error. *stats* and *flags* are what the
    application says about itself in the heartbeat. Safe from any thread and across forks.
    """

    def __init__(
        self,
        installation: Installation,
        counting: Counting,
        *,
        sink: NoticeSink | None,
        stats: RuntimeStats | None,
        flags: Flags,
    ) -> None:
        self.environ: Mapping[str, str] = installation.environ
        """The environment that is looked at, anew each time."""
        self._installation = installation
        self._counting = counting
        self._stats = stats
        self._flags = flags
        self._events = EventsStream(installation)
        self._notices = Notices(installation, self._events, sink)
        self._heartbeat: HeartbeatService | None = None
        self._feedback: FeedbackService | None = None
        self._signals: SignalChain | None = None

    def _keep_counts(self) -> bool:
        """Have counts stored when a heartbeat may report them one day; return whether one may."""
        installation = self._installation
        is_told = installation.heartbeat_endpoint is not None and installation.problem is None
        if is_told and installation.counting_generation() is not None:
            self._counting.keep(installation)
        return self._counting.is_kept or (is_told and installation.is_printing)

    # -- the life of it ---------------------------------------------------------------

    def start(self) -> None:
        """
        Begin to deliver; the worker thread itself starts with the first record.

        Shows the first-run notice when it is due. Off, it does nothing at all.
        """
        self._events.try_again()  # before the notice, which names where events go
        heartbeat: HeartbeatService | None = None
        notice = self.first_run_notice()
        if notice is not None and self._remember_setup():
            maybe_print_first_run_notice(notice)
            if notice.heartbeat_endpoint is not None:
                with contextlib.suppress(OSError):  # not one descriptor is free: the next start finds one
                    heartbeat = self.heartbeat_service()
        elif self._installation.is_printing:
            heartbeat = self.heartbeat_service()
        with contextlib.suppress(OSError):
            self._note_installer()
        self._counting.start()  # before events: who started last is ended first, and what that loses is counted
        self._events.start()
        if heartbeat is not None:
            heartbeat.start()  # last: what is imported must not be forked over

    def _note_installer(self) -> None:
        from ..environment import detect_launch_source

        if detect_launch_source(self.environ, None, None, None, app=self._installation.application) is LaunchSource.INSTALLER:
            self._counting.activation.set_installer_pending(True)

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
            self._heartbeat.stop(0)
        ends_at = SystemClock.monotonic() + timeout
        self._counting.stop_soon(timeout)
        if self.pipeline is not None:
            self.pipeline.shutdown(timeout)
        self._counting.shutdown(ends_at - SystemClock.monotonic())

    def after_fork(self) -> None:
        """
        Begin anew, as a forked child does: nothing waits, ids are this process's own, threads start again.

        Forks are noticed without it. It is for a process that goes on from a snapshot, which
        keeps its id: each copy calls this once. Holds for all clients of the process.
        """
        begin_anew()

    def install_signal_handlers(self) -> None:
        """
        Flush within a second when SIGTERM or SIGINT comes, then pass the signal on.

        Nothing touches a signal unless this is called; call it from the main thread. Does
        nothing when nothing may be sent.
        """
        if (self.pipeline is not None or self._counting.is_kept) and self._signals is None:
            from ..system import SignalChain

            self._signals = SignalChain(self._flush_on_signal)
            self._signals.install()

    def _flush_on_signal(self) -> None:
        try:
            self.flush(_FLUSH_ON_SIGNAL_SECS)
        except UploadError as error:
            _logger.debug("the flush before the signal was not complete: %s", printable(str(error)))

    def first_run_notice(self) -> FirstRunNotice | None:
        """
        Return what a person has to be told before anything leaves for the maintainer or the author.

        None when nothing of theirs would be sent: no endpoint, or switched off. It is shown by
        `maybe_print_first_run_notice`, which `start()` calls.
        """
        return self._notices.first_run_notice()

    def _remember_setup(self) -> bool:
        """Leave what the author said for the command line; return whether it could be done: if not, the host has waited long enough."""
        installation = self._installation
        memory = installation.open_memory()
        if installation.heartbeat_endpoint is not None and isinstance(memory.ensure_identity(), StorageFailure):
            return False
        return memory.note_profile(installation.setup.remembered())

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.shutdown()

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

    def record_startup_outcome(self, outcome: StartupOutcome | StartupOutcomeWord) -> None:
        """Note how the application's start ended; a word that is not known is `OTHER_ERROR`."""
        self._counting.record_startup_outcome(outcome)

    def record_milestone(self, name: str) -> None:
        """Note that the author's milestone *name* was reached, for ever; one that was not declared is dropped."""
        self._counting.activation.record_milestone(name)

    # -- the heartbeat and feedback ---------------------------------------------------

    @property
    def heartbeat(self) -> HeartbeatService | None:
        """The service that sends the daily document and previews it; None without an endpoint."""
        return None if self._installation.heartbeat_endpoint is None else self.heartbeat_service()

    def heartbeat_service(self) -> HeartbeatService:
        """Return the same service, also when there is no endpoint: then it only previews."""
        if self._heartbeat is None:
            from ..heartbeat import StatsReader, build_heartbeat_service  # only who has one pays for it

            stats = StatsReader(self._stats, self._flags)
            self._heartbeat = build_heartbeat_service(self._installation, self._counting, stats, self._notices)
        return self._heartbeat

    def sent_documents(self) -> list[SentDocument]:
        """
        Return the last documents that were sent, oldest first, word for word.

        Heartbeats, failed tries of them too, feedback, and the last batch of the author's events.
        Empty when there are none. Raises `StorageError` when they cannot be read.
        """
        return read_sent_documents(self._installation)

    def forget(self) -> None:
        """
        Draw a new anonymous id, erase counts, milestones and sent documents; the mode stays.

        Running processes drop what they hold. Raises `StorageError` when it cannot be done.
        """
        from ._forgetting import forget_installation

        forget_installation(self._installation)

    def submit_feedback(self, request: FeedbackRequest) -> FeedbackResponse:
        """
        Send what a person typed to the maintainer; no switch is asked, typing it is the consent.

        Raises `ValueError` for what cannot be sent and `FeedbackError` when it was not accepted, when
        five were sent within the hour, or when there is no endpoint.
        """
        from ..feedback import check_request

        check_request(request)  # before the endpoint: what was typed is nearer to whoever typed it
        return self.feedback_service().submit(request)

    def feedback_service(self) -> FeedbackService:
        """Return the service behind `submit_feedback()`; `FeedbackError` without an endpoint."""
        if self._feedback is None:
            from ..feedback import build_feedback_service

            self._feedback = build_feedback_service(self._installation, self.heartbeat_service)
        return self._feedback

    # -- looking ----------------------------------------------------------------------

    @property
    def app(self) -> str:
        """The application's name."""
        return self._installation.application.name

    @property
    def switch_variable(self) -> str:
        """The environment variable by which a person switches it off."""
        return self._installation.application.switch_variable

    @property
    def switches(self) -> Switches:
        """The switch table for this application on this machine."""
        return self._installation.switches

    @property
    def pipeline(self) -> TelemetryPipeline | None:
        """The events pipeline, None without an endpoint or when nothing may be sent."""
        return self._events.pipeline

    def settings(self) -> Config:
        """
        Return what the person's `telemetry.toml` says now; a missing file is all defaults.

        Raises `ConfigError` when it cannot be used.
        """
        return load_config(self.switches.config_path)

    def check_endpoints(self) -> list[EndpointCheck]:
        """Ask each configured endpoint, where the switches allow it, with a batch of no events; return the answers."""
        from ._check import check_endpoints

        return check_endpoints(self._installation, self._events, self.heartbeat)

    def status(self) -> Status:
        """Return what is on and why, as a mapping that is also JSON, with the keys of `Status`; changes nothing."""
        notice_fork()
        return describe_status(self._installation, self._events, self._counting, self._heartbeat)
