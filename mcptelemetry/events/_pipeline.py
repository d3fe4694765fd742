"""
Buffer, uploader and one worker put together: what waits is sent, in batches, in time.

One thread sends at any time, and every decision to send is made in `turn()`: a flush, a
full batch, an elapsed interval, a back-off or the end are only different answers to *is it
time* (`_schedule`). What a pass does is in `_delivery`, what became of it in `_account`, who
waits for it in `_flushes`.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Union

from ..application import Application
from ..errors import UploadError
from ..privacy import Refusal, SendResult
from ..system import (
    Clock,
    ExitHook,
    NetworkSettings,
    Transport,
    Worker,
    around_fork,
    as_clock,
    draw_uniform,
    join_host,
)
from ._account import Account, PipelineStats
from ._buffer import TelemetryBuffer
from ._config import PipelineConfig
from ._delivery import Delivery
from ._flushes import Flushes
from ._formats import BODY_OF_FORMAT
from ._outage import OutageLog
from ._outcomes import Outcomes
from ._schedule import Schedule
from ._standing import StandingRefusal
from ._uploader import TelemetryAuth, TelemetryUploader, is_quick_to_try, upload_error

__all__ = ["TelemetryPipeline"]

_logger = logging.getLogger(__name__)
_CAPACITY_MIN = 16


class TelemetryPipeline:
    """
    Records events and delivers them to `config.endpoint`. Safe from any thread and across forks.

    Args:
        config: the settings; None: all defaults, and no endpoint.
        app: the application's name, which goes with every batch and whose opt-out variable is
            obeyed; None: ``DO_NOT_TRACK`` alone is.
        version: the application's version, which goes with every batch.
        environ: the environment, looked at before each send; None: the process's own.
        clock: a `Clock`, or a function that returns Unix seconds; None: the machine's.
        transport: what sends, for tests; None: HTTP, or a file.
        network: proxy and certificates; None: as the environment says.
        uniform: draws the length of a back-off between two numbers of seconds.
        refusal: asked before each send; returns why not (perhaps a `NotYet`), or None. None: see *app*.
        is_authors: as for `TelemetryUploader`.
        outcomes: brings what became of the events to the machine's memory; None: nothing does.

    Raises:
        TypeError, ValueError: for an argument that cannot be used.
    """

    def __init__(
        self,
        config: PipelineConfig | None = None,
        *,
        app: str | None = None,
        version: str | None = None,
        environ: Mapping[str, str] | None = None,
        clock: Union[Clock, Callable[[], float], None] = None,
        transport: Transport | None = None,
        network: NetworkSettings | None = None,
        uniform: Callable[[float, float], float] = draw_uniform,
        refusal: Callable[[], Refusal] | None = None,
        is_authors: bool = False,
        outcomes: Outcomes | None = None,
    ) -> None:
        application = None if app is None else Application(app)
        if version is not None and not isinstance(version, str):
            msg = f"version must be a str or None, not {type(version).__name__}"
            raise TypeError(msg)
        config = PipelineConfig() if config is None else config
        if not isinstance(config, PipelineConfig):
            msg = f"config must be a PipelineConfig, not {type(config).__name__}"
            raise TypeError(msg)
        self.config: PipelineConfig = config
        self.buffer: TelemetryBuffer = TelemetryBuffer(max(config.offline_queue_max, _CAPACITY_MIN))
        self._clock = as_clock(clock)
        self._uniform = uniform
        self._body_of = partial(BODY_OF_FORMAT[config.format], app=app, version=version)
        self._build_uploader = partial(
            TelemetryUploader,
            app=app,
            environ=environ,
            clock=self._clock,
            transport=transport,
            network=network,
            refusal=refusal or StandingRefusal(os.environ if environ is None else environ, application).refusal,
            is_authors=is_authors,
            compression=config.compression,
            allow_insecure=config.allow_insecure,
            token_variable=config.token_key,
        )
        self._outcomes = outcomes
        self._uploader: TelemetryUploader | None = None
        self._worker = Worker(self._turn_and_wait, name="mcptelemetry-events", on_end=self.buffer.leave)
        self._exit_hook: ExitHook | None = None
        self._is_closed = False
        self._begin()
        # Here and not in start(): a server may build it, fork its workers, and start it there.
        around_fork(in_child=self._after_fork, place="loop")

    def _begin(self) -> None:
        """Set everything that a process has for itself; a forked child begins here too."""
        self._flushes = Flushes(self.buffer, self._worker)
        self._stops_at: float | None = None
        self._outages = OutageLog(_logger)
        self._account = Account(self.buffer)
        if self._outcomes is not None:
            self._outcomes.begin()
        self._schedule = Schedule(
            self._clock,
            self._uniform,
            batch_size=self.config.batch_size,
            interval_secs=self.config.batch_interval_secs,
        )
        self._delivery = None if self._uploader is None else self._build_delivery(self._uploader)

    def _build_delivery(self, uploader: TelemetryUploader) -> Delivery:
        return Delivery(
            self.buffer,
            uploader=uploader,
            account=self._account,
            schedule=self._schedule,
            outages=self._outages,
            body_of=self._body_of,
            clock=self._clock,
            secs_left=self._secs_left,
        )

    def start(self, auth: TelemetryAuth | None = None) -> None:
        """
        Begin to deliver what is recorded; the thread itself starts with the first record.

        Does nothing when disabled, without an endpoint (events wait and are never sent), or the second time.
        """
        if not self.config.enabled or self.config.endpoint is None or self._uploader or self._is_closed:
            return
        join_host()
        self._uploader = self._build_uploader(self.config.endpoint, auth)
        self._delivery = self._build_delivery(self._uploader)
        self.buffer.set_flush_threshold(self.config.batch_size)
        self._exit_hook = ExitHook(self._finish_at_exit, wake=self._wake_at_exit)
        self.buffer.attend(self._summon)
        if not self.buffer.is_empty():
            self._summon()

    def flush(self, timeout: float | None = None) -> int:
        """
        Have everything that waits sent now; return how many events were delivered.

        Waits at most *timeout* seconds (None: as long as it takes), an attempt in flight included. Raises
        `UploadError` when the endpoint could not be reached or wants to be left alone, or when time runs out; what was
        not delivered is kept, in order. A rejected batch is counted, not raised. 0 when there is nothing to send with.
        """
        if self._uploader is None or self._is_closed or self._worker.is_current():
            return 0
        delivered_before = self._account.delivered
        self._flushes.ask(timeout)
        return self._account.delivered - delivered_before

    def shutdown(self, timeout: float = 1.0) -> None:
        """
        Stop, after one last attempt, in at most *timeout* seconds; may be called again.

        What could not be delivered counts as dropped, and so does what is recorded later.
        """
        if not self._is_closed:
            self._end(timeout, may_start_thread=True)

    def stats(self) -> PipelineStats:
        """Return one consistent picture."""
        return self._account.stats()

    def turn(self) -> float | None:
        """
        Send what is due now; return the seconds until something is due again, None after the last turn.

        Called by the worker only, or by a test that starts none.
        """
        # What the host's hooks and log handlers record about our doings would come round for ever.
        self.buffer.suppress(threading.get_ident())
        try:
            return self._take_turn()
        except Exception as error:
            # Not a storm of turns that all fail, one a record.
            self._schedule.postpone()
            self._outages.tell("failed", f"events are kept: sending them failed with {type(error).__name__}")
            raise
        finally:
            self.buffer.suppress(0)

    def _take_turn(self) -> float | None:
        flushes = self._flushes.waiting()
        is_last = self._stops_at is not None
        self._outages.tell_of_complaint(self.buffer.take_complaint())  # here: recording itself never logs
        self._account.requeue()  # a worker before this one may have been killed while it was sending
        due_in = self._schedule.due_in_secs(len(self.buffer), is_asked=bool(flushes) or is_last)
        outcome = None
        if due_in <= 0 and self._delivery is not None:
            outcome = self._delivery.send_waiting()
            due_in = self._schedule.due_in_secs(len(self.buffer), is_asked=False)
        self._flushes.answer(flushes, self._why_not_all(outcome))
        answered = None if self._delivery is None else self._delivery.take_answered()
        if self._outcomes is not None:
            due_in = min(due_in, self._outcomes.note(self.stats(), outcome, answered, is_last=is_last))
        return None if is_last else due_in

    def _wait(self, secs: float) -> None:
        if self._schedule.is_held:
            # A full buffer does not override the back-off, and must not make us spin.
            self.buffer.wait_for_wake(secs)
        else:
            self.buffer.wait(secs)

    def _turn_and_wait(self) -> bool:
        self.buffer.arrive()
        due_in = self.turn()
        if due_in is None:
            if self._uploader is not None:
                self._uploader.close()
            return False
        if due_in > 0:
            self._wait(due_in)
        return True

    def _secs_left(self) -> float | None:
        return None if self._stops_at is None else self._stops_at - self._clock.monotonic()

    def _why_not_all(self, outcome: SendResult | None) -> UploadError | None:
        """Return what a flush raises when the turn ended with *outcome* (None: nothing was tried)."""
        if outcome is not None and outcome.verdict.is_retryable:
            return upload_error(outcome)
        left_alone = self._schedule.left_alone_secs
        if left_alone <= 0 or self.buffer.is_empty():
            return None
        msg = f"nothing may be sent for another {left_alone:.0f} s"
        return UploadError(msg, retryable=True, retry_after=left_alone)

    # -- the life of a process --------------------------------------------------------

    def _summon(self) -> None:
        if self._exit_hook is not None:
            self._exit_hook.register_in_child()
        self._worker.ensure_running()

    def _wake_at_exit(self) -> None:
        if not self._is_closed and self._exit_hook is not None:
            self._stops_at = self._clock.monotonic() + self._exit_hook.secs_left()
            self.buffer.wake()

    def _finish_at_exit(self) -> None:
        if not self._is_closed and self._exit_hook is not None:
            self._end(self._exit_hook.secs_left(), may_start_thread=False)

    def _end(self, timeout: float, *, may_start_thread: bool) -> None:
        if self._uploader is not None:
            self._stops_at = self._clock.monotonic() + timeout
            if self._worker.is_running or (
                not self.buffer.is_empty() and may_start_thread and self._worker.ensure_running()
            ):
                self.buffer.wake()
                self._worker.join(timeout)
            elif not self.buffer.is_empty() and is_quick_to_try(self.config.endpoint or ""):
                self._worker.run_here()
        self._is_closed = True
        self.buffer.close()
        if self._outcomes is not None and self._uploader is not None:
            self._outcomes.finish(self.stats(), self._secs_left() or 0.0)
        if self._exit_hook is not None:
            self._exit_hook.cancel()
        self._flushes.end()

    def _after_fork(self) -> None:
        """Begin anew in a forked child, as the buffer has by now: what was recorded is the parent's."""
        self._worker.after_fork()
        if self._uploader is not None:
            self._uploader.after_fork()
        self._begin()
        if self._is_closed:
            self.buffer.close()
