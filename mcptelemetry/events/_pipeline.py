"""
Buffer, uploader and one worker put together: what waits is sent, in batches, in time.

One thread sends at any time, and every decision about sending is made in `turn()`: a
flush, a full batch, an elapsed interval, a back-off or the end are only different answers
to *is it time*. What an attempt came to is settled in the buffer's account, so that the
numbers add up whatever happens.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import NamedTuple, Union
from urllib.parse import urlsplit

from ..application import Application
from ..errors import UploadError
from ..privacy import Outcome, Verdict
from ..system import (
    Bell,
    Clock,
    ExitHook,
    NetworkSettings,
    SystemClock,
    Tally,
    Transport,
    Worker,
    around_fork,
    as_clock,
    is_loopback_host,
)
from ..wire import EventEncoder, EventRow
from ._backoff import Backoff
from ._buffer import TelemetryBuffer
from ._config import PipelineConfig
from ._formats import BODY_OF_FORMAT
from ._outage import OutageLog
from ._uploader import TelemetryAuth, TelemetryUploader, upload_error

__all__ = ["PipelineStats", "TelemetryPipeline"]

_CAPACITY_MIN = 16
_EXIT_SECS = 1.0
_LOOK_AGAIN_SECS = 0.5  # a flush whose worker was killed notices after this


class PipelineStats(NamedTuple):
    """
    One consistent picture of every event recorded in this process.

    Always recorded = delivered + dropped + rejected + spooled + buffered + in_flight.
    *requeued* counts how often events went back, *invalid* the records that made no event;
    *last_error* is one line or None, *last_success_at* Unix seconds or None.
    """

    recorded: int
    delivered: int
    dropped: int
    rejected: int
    spooled: int
    buffered: int
    in_flight: int
    requeued: int
    invalid: int
    last_error: str | None
    last_success_at: float | None


class _Flush:
    """Somebody waiting in `flush()`; *error* is why not everything went."""

    def __init__(self) -> None:
        self.bell = Bell()
        self.is_done = False
        self.error: UploadError | None = None


class TelemetryPipeline:
    """
    Records events and delivers them to `config.endpoint`.

    Safe from any thread and across forks. *app* and *version* go with every batch; with
    *app* its opt-out variable is obeyed too. *environ*, *clock*, *transport*, *network*,
    *uniform* (as `random.uniform`) and *refusal* default to the real ones. A bad argument is
    a `ValueError` or `TypeError`.
    """

    def __init__(
        self,
        config: PipelineConfig | None = None,
        *,
        app: str | None = None,
        version: str | None = None,
        environ: Mapping[str, str] | None = None,
        clock: Union[Clock, Callable[[], float], None] = None,  # noqa: UP007  3.9
        transport: Transport | None = None,
        network: NetworkSettings | None = None,
        uniform: Callable[[float, float], float] = random.uniform,
        refusal: Callable[[], str | None] | None = None,
    ) -> None:
        if app is not None:
            Application(app)
        if version is not None and not isinstance(version, str):
            msg = f"version must be a str or None, not {type(version).__name__}"
            raise TypeError(msg)
        config = PipelineConfig() if config is None else config
        if not isinstance(config, PipelineConfig):
            msg = f"config must be a PipelineConfig, not {type(config).__name__}"
            raise TypeError(msg)
        self.config = config
        self.buffer = TelemetryBuffer(max(config.offline_queue_max, _CAPACITY_MIN))
        self._clock = as_clock(clock)
        self._uniform = uniform
        self._body_of = BODY_OF_FORMAT[config.format]
        self._app = app
        self._version = version
        self._build_uploader = partial(
            TelemetryUploader,
            app=app,
            environ=environ,
            clock=self._clock,
            transport=transport,
            network=network,
            refusal=refusal,
            compression=config.compression,
        )
        self._uploader: TelemetryUploader | None = None
        self._worker = Worker(self._turn_and_wait, name="mcptelemetry-events", on_end=self.buffer.leave)
        self._exit_hook: ExitHook | None = None
        self._is_closed = False
        self._begin()
        # Here and not in start(): a server may build it, fork its workers, and start it there.
        around_fork(in_child=self._renew)

    def _begin(self) -> None:
        """Set everything that a process has for itself; a forked child begins here too."""
        # Re-entrant: a signal handler may flush while this thread is in here. A plain lock,
        # which is taken in one step: an interruption in a Python method of its own, as a
        # condition has it, could leave it held for ever.
        self._lock = threading.RLock()
        self._flushes: list[_Flush] = []  # guarded by _lock
        self._delivered = Tally()  # guarded by _lock, as is all that stats() shows
        self._rejected = Tally()
        self._requeued = 0
        self._last_error: str | None = None
        self._last_success_at: float | None = None
        self._encoder = EventEncoder()
        self._outages = OutageLog(logging.getLogger(__name__))
        self._backoff = Backoff(self._uniform)
        now = self._clock.monotonic()
        self._attempted_at = now
        self._backs_off_until = now
        self._left_alone_until = now  # by the endpoint's own word
        self._stops_at: float | None = None

    def start(self, auth: TelemetryAuth | None = None) -> None:
        """
        Begin to deliver what is recorded; the thread itself starts with the first record.

        Does nothing when the configuration is disabled, when it has no endpoint (events wait
        and are never sent), or when it was started before.
        """
        if not self.config.enabled or self.config.endpoint is None or self._uploader or self._is_closed:
            return
        self._uploader = self._build_uploader(self.config.endpoint, auth)
        self.buffer.set_flush_threshold(self.config.batch_size)
        self._exit_hook = ExitHook(self._finish_at_exit)
        self.buffer.attend(self._summon)
        if not self.buffer.is_empty():
            self._summon()

    def flush(self, timeout: float | None = None) -> int:
        """
        Have everything that waits sent now; return how many events were delivered.

        Waits at most *timeout* seconds (None: as long as it takes), an attempt in flight
        included. Raises `UploadError` when the endpoint could not be reached or wants to be
        left alone, or when time runs out; what was not delivered is kept, in order. A
        rejected batch is counted, not raised. Returns 0 when there is nothing to send with.
        """
        if self._uploader is None or self._is_closed or self._worker.is_current():
            return 0
        flush = _Flush()
        delivered_before = self._delivered.value
        try:
            with self._lock:
                self._flushes.append(flush)
            has_worker = self._await(flush, timeout)
        finally:
            self._forget((flush,))
        if not flush.is_done:
            reason = f"was not over after {timeout} s" if has_worker else "could not start a thread"
            msg = f"the flush {reason}; what waits is kept, and an attempt is made later"
            raise UploadError(msg, retryable=True)
        if flush.error is not None:
            raise flush.error
        return self._delivered.value - delivered_before

    def shutdown(self, timeout: float = 1.0) -> None:
        """
        Stop, after one last attempt, in at most *timeout* seconds; may be called again.

        What could not be delivered counts as dropped, and so does what is recorded later.
        """
        if not self._is_closed:
            self._end(timeout, may_start_thread=True)

    def stats(self) -> PipelineStats:
        """Return one consistent picture."""
        with self._lock:
            counts = self.buffer.counts()
            delivered, rejected = self._delivered.value, self._rejected.value
            return PipelineStats(
                recorded=counts.recorded,
                delivered=delivered,
                dropped=counts.recorded - delivered - rejected - counts.waiting - counts.lent,
                rejected=rejected,
                spooled=0,
                buffered=counts.waiting,
                in_flight=counts.lent,
                requeued=self._requeued,
                invalid=self.buffer.invalid,
                last_error=self._last_error,
                last_success_at=self._last_success_at,
            )

    def turn(self) -> float | None:
        """
        Send what is due now; return the seconds until something is due again.

        None means that this was the last turn. Called by the worker only, or by a test that
        starts none.
        """
        # What the host's own hooks and log handlers record about our doings would come
        # round for ever.
        self.buffer.mute(threading.get_ident())
        try:
            return self._take_turn()
        except Exception as error:
            # Not a storm of turns that all fail, one a record.
            self._backs_off_until = self._clock.monotonic() + self._backoff.next_delay_secs()
            self._outages.tell("failed", f"events are kept: sending them failed with {type(error).__name__}")
            raise
        finally:
            self.buffer.mute(0)

    def _take_turn(self) -> float | None:
        with self._lock:
            # They stay on the list until they are answered: this thread may be killed.
            flushes = list(self._flushes)
            is_last = self._stops_at is not None
        if self.buffer.put_back():
            self._count_requeue()  # the worker before this one was killed while it was sending
        due_in = self._due_in_secs(is_asked=bool(flushes) or is_last)
        outcome = None
        if due_in <= 0:
            outcome = self._send_waiting()
            due_in = self._due_in_secs(is_asked=False)
        self._answer(flushes, outcome)
        return None if is_last else due_in

    # -- deciding ---------------------------------------------------------------------

    def _due_in_secs(self, *, is_asked: bool) -> float:
        now = self._clock.monotonic()
        held_until = self._left_alone_until if is_asked else max(self._left_alone_until, self._backs_off_until)
        if now < held_until:
            return held_until - now
        if is_asked or len(self.buffer) >= self.config.batch_size:
            return 0.0
        interval = float(self.config.batch_interval_secs)
        elapsed = now - self._attempted_at
        if elapsed >= interval and self.buffer.is_empty():
            self._attempted_at = now
            return interval
        return max(0.0, interval - elapsed)

    def _wait(self, secs: float) -> None:
        now = self._clock.monotonic()
        if now < max(self._left_alone_until, self._backs_off_until):
            # A full buffer does not override the back-off, and must not make us spin.
            self.buffer.wait_for_ring(secs)
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

    # -- sending ----------------------------------------------------------------------

    def _send_waiting(self) -> Outcome | None:
        """Send as many events as wait now, batch by batch; return what ended it early, or None."""
        self._attempted_at = self._clock.monotonic()
        left = len(self.buffer)
        while left > 0:
            rows = self.buffer.lend(min(self.config.batch_size, left))
            if not rows:
                return None
            left -= len(rows)
            outcome = self._send_lent(rows)
            if outcome is not None:
                return outcome
        return None

    def _send_lent(self, rows: list[EventRow]) -> Outcome | None:
        """Send lent *rows*, in smaller parts when they are too large; as `_send_waiting()`."""
        size = len(rows)
        while rows:
            part = rows[:size]
            outcome = self._send(part)
            verdict = outcome.verdict
            if verdict is Verdict.TOO_LARGE and len(part) > 1:
                size = (len(part) + 1) // 2
                continue
            if verdict.is_retryable:
                self._postpone(outcome)
                return outcome
            if verdict is Verdict.REFUSED:
                self._refuse(outcome)
                return outcome
            if verdict is Verdict.UNCLEAN and len(part) > 1:
                clean = self._count_clean(part)
                if 0 < clean < len(part):
                    ended_by = self._send_lent(part[:clean])
                    if ended_by is not None:
                        return ended_by
                    del rows[:clean]
                    continue
                # The first is guilty; or all are, together and none of them alone.
                part = part[: clean or 1]
            self._settle(len(part), outcome)
            del rows[: len(part)]
        return None

    def _count_clean(self, rows: list[EventRow]) -> int:
        """Return how many of *rows*, from the first on, may leave when each is searched alone."""
        assert self._uploader is not None  # noqa: S101  as in _send()
        for number, text in enumerate(self._encoder.encode(rows, self.buffer.process)):
            if self._uploader.find_guilt(text.encode("ascii")) is not None:
                return number
        return len(rows)

    def _send(self, rows: list[EventRow]) -> Outcome:
        assert self._uploader is not None  # noqa: S101  turns begin with start()
        timeout_secs = None
        if self._stops_at is not None:
            timeout_secs = self._stops_at - self._clock.monotonic()
            if timeout_secs <= 0:
                return Outcome(Verdict.LATER, None, None, "no time was left before the end")
        body = self._body_of(self._encoder.encode(rows, self.buffer.process), self._app, self._version)
        return self._uploader.send(body, timeout_secs=timeout_secs)

    # -- settling ---------------------------------------------------------------------

    def _settle(self, count: int, outcome: Outcome) -> None:
        is_delivered = outcome.verdict is Verdict.DELIVERED
        with self._lock:
            self.buffer.settle(count, self._delivered if is_delivered else self._rejected)
            if is_delivered:
                self._last_success_at = self._clock.time()
            else:
                self._last_error = outcome.message
        self._backoff.reset()
        self._backs_off_until = self._left_alone_until = self._clock.monotonic()
        if is_delivered:
            self._outages.end()
        else:
            self._outages.tell("rejected", f"{count} events were rejected and given up: {outcome.message}")

    def _postpone(self, outcome: Outcome) -> None:
        with self._lock:
            self.buffer.put_back()
            self._requeued += 1
            self._last_error = outcome.message
        now = self._clock.monotonic()
        self._backs_off_until = now + self._backoff.next_delay_secs(outcome.retry_after_secs)
        self._left_alone_until = now + (outcome.retry_after_secs or 0.0)
        fate = "kept and sent later" if self._stops_at is None else "lost, because this is the end"
        self._outages.tell(outcome.verdict.value, f"events are {fate}: {outcome.message}")

    def _refuse(self, outcome: Outcome) -> None:
        with self._lock:
            self.buffer.put_back()
            # Saying yes again must not send what was recorded before.
            self.buffer.discard()
            self._last_error = outcome.message
        self._outages.tell("refused", f"what was recorded is dropped, {outcome.message}")

    def _count_requeue(self) -> None:
        with self._lock:
            self._requeued += 1

    def _answer(self, flushes: list[_Flush], outcome: Outcome | None) -> None:
        error = upload_error(outcome) if outcome is not None and outcome.verdict.is_retryable else None
        left_alone = self._left_alone_until - self._clock.monotonic()
        if error is None and left_alone > 0 and not self.buffer.is_empty():
            msg = f"the endpoint asked to be left alone for another {left_alone:.0f} s"
            error = UploadError(msg, retryable=True, retry_after=left_alone)
        for flush in flushes:
            flush.error = error
            flush.is_done = True
            flush.bell.ring()
        self._forget(flushes)

    def _await(self, flush: _Flush, timeout: float | None) -> bool:
        """Wait for *flush*; return False when there is nobody to wait for."""
        # Somebody waits here, so it is the machine's time, whatever clock was given.
        read_time = SystemClock.monotonic
        ends_at = None if timeout is None else read_time() + timeout
        while not flush.is_done:
            if not self._worker.ensure_running():
                return False
            self.buffer.ring()
            left = _LOOK_AGAIN_SECS if ends_at is None else min(_LOOK_AGAIN_SECS, ends_at - read_time())
            if left <= 0:
                break
            flush.bell.wait(left)
        return True

    def _forget(self, flushes: Iterable[_Flush]) -> None:
        with self._lock:
            self._flushes = [flush for flush in self._flushes if flush not in flushes]

    # -- the life of a process --------------------------------------------------------

    def _summon(self) -> None:
        if self._exit_hook is not None:
            self._exit_hook.renew()
        self._worker.ensure_running()

    def _finish_at_exit(self) -> None:
        if not self._is_closed:
            self._end(_EXIT_SECS, may_start_thread=False)

    def _end(self, timeout: float, *, may_start_thread: bool) -> None:
        if self._uploader is not None:
            with self._lock:
                self._stops_at = self._clock.monotonic() + timeout
            if self._worker.is_running or (
                not self.buffer.is_empty() and may_start_thread and self._worker.ensure_running()
            ):
                self.buffer.ring()
                self._worker.join(timeout)
            elif not self.buffer.is_empty() and self._is_quick_to_try:
                self._worker.run_here()
        self._is_closed = True
        self.buffer.close()
        if self._exit_hook is not None:
            self._exit_hook.cancel()
        for flush in tuple(self._flushes):
            flush.is_done = True
            flush.bell.ring()

    @property
    def _is_quick_to_try(self) -> bool:
        """Whether an attempt in the host's own thread is bounded: the look-up of a name is not."""
        parts = urlsplit(self.config.endpoint or "")
        return parts.scheme in ("http", "https") and is_loopback_host(parts.hostname or "")

    def _renew(self) -> None:
        """Begin anew in a forked child, as the buffer has by now: what was recorded is the parent's."""
        self._worker.renew()
        if self._uploader is not None:
            self._uploader.renew()
        self._begin()
        if self._is_closed:
            self.buffer.close()
