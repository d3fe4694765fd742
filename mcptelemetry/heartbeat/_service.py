"""
The heartbeat's way out: sent once a day for an installation, whichever process notices.

Whether a heartbeat is due, whose turn it is and what becomes of its counters is
decided in the database, by transactions; here it is only carried.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ..counters import Counting, FrozenWindow, Windows, clear_installer_pending
from ..installation import Installation, Journal
from ..privacy import (
    AnonymityViolation,
    FirstRunNotice,
    Gate,
    HasNotice,
    SendResult,
    Verdict,
    scan_for_pii,
)
from ..state import DeliveryNews, FateWord, write_value
from ..system import StorageFailure, Turns, around_fork, printable, url_without_secrets
from ..vocabulary import DAY_SECS, HEARTBEAT_PATH, LaunchSource
from ..wire import EMPTY_BATCH, HEARTBEAT_BYTES_MAX, HeartbeatPayload
from ._builder import HeartbeatBuilder, Preview
from ._stats import StatsReader
from ._waiting import Waiting

if TYPE_CHECKING:
    import sqlite3

__all__ = ["HeartbeatService"]

_logger = logging.getLogger(__name__)

_TIMEOUT_SECS = 10.0
# How often to look again, at least and at most: the clock may be set, a mode may change, and
# another process may have died over a heartbeat.
_LOOK_MIN_SECS = 1.0
_LOOK_MAX_SECS = 300.0
_HEADERS = {"Content-Type": "application/json"}


class HeartbeatService:
    """
    Sends one heartbeat a day for the whole *installation* to ``<endpoint>/heartbeat``.

    Built by `Telemetry`. Without an endpoint nothing is ever sent; nor by a process that begins
    while the switches refuse, whatever is said later.

    Args:
        installation: the application on this machine: its endpoint, switches and memory.
        counting: is brought to the disk before each look, and told of each document that held
            what must not leave.
        stats: what the application says about itself; None: nothing.
        notices: knows what `first_run_notice()` returns; None: there is none.
    """

    def __init__(
        self,
        *,
        installation: Installation,
        counting: Counting,
        stats: StatsReader | None = None,
        notices: HasNotice | None = None,
    ) -> None:
        self._installation = installation
        self._counting = counting
        self._notices = notices
        self._endpoint = None if installation.problem is not None else installation.heartbeat_endpoint
        self._url = None if self._endpoint is None else f"{self._endpoint.rstrip('/')}{HEARTBEAT_PATH}"
        self._clock = installation.clock
        self._memory = installation.open_memory()
        self._journal = Journal(installation, "heartbeat", self._url or "")
        self._windows = Windows.of(installation)
        self._waiting = Waiting(installation, self._windows)
        self._builder = HeartbeatBuilder(installation, self._windows, stats or StatsReader())
        self._gate = Gate(
            installation.open_transport(), refusal=self._waiting.refusal, clock=self._clock, scan=self._search
        )
        self._begin()
        around_fork(in_child=self._after_fork, place="loop")

    def _begin(self) -> None:
        """Set what a process has for itself; a forked child begins here too."""
        self._sending = Turns(fork_wait_secs=0)  # one thread at a time is at the gate
        self._is_stopped = False
        self._has_told_failure = False
        self._is_prepared = False
        self._accepted_count = 0  # guarded by _sending

    @property
    def endpoint(self) -> str | None:
        """The base address of the maintainer's side, None without one."""
        return self._endpoint

    @property
    def url(self) -> str | None:
        """Where heartbeats go, None without an endpoint."""
        return self._url

    @property
    def failure(self) -> StorageFailure | None:
        """Why a window could not be frozen, settled or looked at, None when it could."""
        return self._windows.failure

    @property
    def _shown_url(self) -> str:
        return url_without_secrets(self._url or "")

    def first_run_notice(self) -> FirstRunNotice | None:
        """Return what has to be said before anything leaves: for `maybe_print_first_run_notice`."""
        return None if self._notices is None else self._notices.first_run_notice()

    # -- the life of it ---------------------------------------------------------------

    def start(self) -> None:
        """
        Begin to look, from the thread of counting, whether a heartbeat is due.

        Does nothing without an endpoint.
        """
        if self._url is not None:
            self._is_stopped = False
            self._counting.add(self)

    def stop(self, timeout: float = 1.0) -> None:
        """Look no more, in at most *timeout* seconds; nothing is sent for it. May be called again."""
        self._is_stopped = True
        if self._counting.remove(self, timeout):
            self._gate.close()

    def send_now(self) -> bool:
        """
        Send the heartbeat if one is due; return whether it was accepted.

        One is due when nothing refuses it, the notice's delay has passed, the last one is 24
        hours old and no other process is at it. Waits for the answer, at most some 10 seconds
        a step.
        """
        accepted_before = self._accepted_count
        turn = self._sending.take(_TIMEOUT_SECS)
        if turn is None:
            return False
        try:
            if self._accepted_count != accepted_before:
                return True  # by the worker, while this thread waited for it
            self._counting.flush()
            self._prepare()
            return self._waiting.secs() <= 0 and self._send_window()
        finally:
            self._sending.give_back(turn)

    def why_not(self) -> str | None:
        """
        Return what the next heartbeat waits for, None when one is due: then `send_now()` would try.

        It names what decides: the row of the switches, the notice, the end of its delay, or when
        the next one is due. Changes nothing.
        """
        return self._waiting.why_not()

    def ask(self) -> SendResult:
        """Send a batch that holds no event to where heartbeats go, if the switches let it; return what was answered."""
        if self._url is None:
            return SendResult(Verdict.REFUSED, None, None, "nothing was sent: no endpoint is configured")
        # A gate beside the worker's, which may be at it: nothing of a person stands in the body.
        gate = Gate(self._installation.open_transport(), refusal=self._waiting.refusal, clock=self._clock)
        try:
            return gate.post(self._url, EMPTY_BATCH, _HEADERS, _TIMEOUT_SECS)
        finally:
            gate.close()

    def turn(self) -> float:
        """Send what is due, unless this was stopped; return the seconds after which to look again."""
        if not self._is_stopped:
            self.send_now()
        if self._is_stopped:
            self._gate.close()
            return _LOOK_MAX_SECS
        return min(max(self._waiting.secs(), _LOOK_MIN_SECS), _LOOK_MAX_SECS)

    # -- looking ----------------------------------------------------------------------

    def build_payload(self) -> HeartbeatPayload:
        """Return the heartbeat that would be sent now; changes nothing, however often it is asked."""
        return self.preview().payload

    def preview(self) -> Preview:
        """Return the same, and what a person should know about it."""
        return self._builder.preview()

    # -- sending ----------------------------------------------------------------------

    def _prepare(self) -> None:
        """Draw the ids well before they leave, so that previews show them while the notice's delay passes."""
        if not self._is_prepared and self._url is not None and not self._waiting.is_refused():
            has_identity = not isinstance(self._memory.ensure_identity(), StorageFailure)
            self._is_prepared = has_identity and self._windows.prepare()

    def _send_window(self) -> bool:
        if isinstance(self._memory.ensure_identity(), StorageFailure):
            return False
        window = self._windows.begin()
        if window is None or self._url is None:
            return False
        payload = self._builder.build(window)
        body = payload.encode()
        # Building asks the application, and takes as long as that does: the gate asks whether the
        # window is still there to be sent.
        outcome = self._gate.post(
            self._url, body, _HEADERS, _TIMEOUT_SECS, refusal=lambda: self._windows.refusal(window)
        )
        self._settle(window, payload, body, outcome)
        return outcome.verdict is Verdict.DELIVERED

    def _settle(self, window: FrozenWindow, payload: HeartbeatPayload, body: bytes, outcome: SendResult) -> None:
        if outcome.verdict is Verdict.DELIVERED:
            self._has_told_failure = False
            self._accepted_count += 1
            news = self._news(window, body, outcome, "delivered")
            self._windows.settle(window, also=lambda connection: self._note_accepted(connection, payload, news))
            if outcome.is_doubtful:
                self._tell(logging.WARNING, f"a heartbeat to {self._shown_url} seems to be lost: {outcome.advice}")
        elif outcome.verdict in (Verdict.REFUSED, Verdict.NOT_YET):
            # Nothing left, so there is nothing to keep; the window's lease will run out.
            _logger.debug("the heartbeat was not sent: %s", printable(outcome.message))
        elif outcome.verdict.is_retryable:
            self._windows.postpone(window, retry_after_secs=outcome.retry_after_secs)
            # A wrong key or place is somebody's to mend; what passes by itself is worth no warning.
            level = logging.INFO if outcome.verdict is Verdict.LATER else logging.WARNING
            self._tell(level, f"the heartbeat to {self._shown_url} is kept and sent later: {outcome.advice}")
            self._journal.add(self._news(window, body, outcome, "later"))
        elif outcome.verdict is Verdict.UNCLEAN:
            # Not for ever: what stood in it may be gone tomorrow, or another process may not have it.
            self._windows.postpone(window, retry_after_secs=DAY_SECS)
            self._memory.note_error(outcome.message)
            self._counting.registry.record_anonymity_violation()
            _logger.error("mcptelemetry: the heartbeat was not sent: %s", printable(outcome.message))
        else:
            news = self._news(window, body, outcome, "rejected")
            self._windows.give_up(window, also=lambda connection: self._journal.add_in(connection, news))
            self._tell(
                logging.WARNING, f"a heartbeat to {self._shown_url} was rejected and given up: {outcome.advice}"
            )

    def _note_accepted(self, connection: sqlite3.Connection, payload: HeartbeatPayload, news: DeliveryNews) -> None:
        write_value(connection, "last_reported_version", payload.version)
        if payload.launch_source == LaunchSource.INSTALLER:
            clear_installer_pending(connection)
        self._journal.add_in(connection, news)

    def _news(self, window: FrozenWindow, body: bytes, outcome: SendResult, fate: FateWord) -> DeliveryNews:
        now = self._clock.time()
        is_delivered = fate == "delivered"
        return DeliveryNews(
            self._journal.stream,
            self._journal.endpoint,
            began_at=window.frozen_at,
            at=now,
            delivered=int(is_delivered),
            rejected=int(fate == "rejected"),
            succeeded_at=now if is_delivered else None,
            error=None if is_delivered and not outcome.is_doubtful else outcome.advice,
            # What could not even be tried did not leave.
            document=None if outcome.verdict is Verdict.UNABLE else self._journal.document(body, outcome.status, fate),
        )

    def _tell(self, level: int, text: str) -> None:
        # Once an outage: a daily document that cannot be sent must not fill a host's log.
        if not self._has_told_failure:
            self._has_told_failure = True
            _logger.log(level, "mcptelemetry: %s", printable(text))

    def _search(self, body: bytes) -> str | None:
        """Return why *body* must not leave: the gate's question about every document."""
        if len(body) > HEARTBEAT_BYTES_MAX:
            return f"it is larger than {HEARTBEAT_BYTES_MAX} bytes"
        try:
            scan_for_pii(body, self._installation.blocked_values())
        except AnonymityViolation as problem:
            return str(problem)
        return None

    # -- the life of a process --------------------------------------------------------

    def _after_fork(self) -> None:
        self._gate.after_fork()
        self._begin()
