"""
The heartbeat's way out: built from what is remembered, sent once a day, shown at any time.

A preview and a send take the same steps up to the gate, so what is seen is what would
leave. Whether a heartbeat is due, whose turn it is and what becomes of its counters is
decided in the database, by transactions; here it is only carried.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple, Union

from ..privacy import AnonymityViolation, BlockedValue, FirstRunNotice, Gate, Outcome, Verdict, scan_for_pii
from ..state import Memory, SentDocument, format_moment, keep_sent, write_value
from ..system import Bell, Clock, Transport, Trouble, Worker, around_fork, as_clock
from ..vocabulary import LaunchSource
from ..wire import FIELD_SHAPES, HEARTBEAT_BYTES_MAX, ZERO_ID, HeartbeatPayload, check
from ._activation import ActivationState, ActivationStore, clear_installer_pending
from ._payload import Program, Remembered, Surroundings, build_payload
from ._snapshot import RegistrySnapshot
from ._stats import StatsReader
from ._window import FrozenWindow, Windows

if TYPE_CHECKING:
    import sqlite3

__all__ = ["HeartbeatService", "Preview"]

_logger = logging.getLogger(__name__)

_TIMEOUT_SECS = 10.0
_DAY_SECS = 86_400.0
# How often to look again, at least and at most: the clock may be set, a mode may change, and
# another process may have died over a heartbeat.
_LOOK_MIN_SECS = 1.0
_LOOK_MAX_SECS = 300.0
_HEADERS = {"Content-Type": "application/json"}


class Preview(NamedTuple):
    """The heartbeat that would be sent now, and *notes* for a person on what it cannot show."""

    payload: HeartbeatPayload
    notes: tuple[str, ...]


class HeartbeatService:
    """
    Sends one heartbeat a day for the whole installation to ``<endpoint>/heartbeat``.

    *program* is what runs here; *memory*, *windows* and *activation* are what the machine
    remembers; *stats* is what the application says about itself, *surroundings* what kind of
    place this is. *refusal* says why nothing may leave now, or None; *first_at* when, in Unix
    seconds, the first heartbeat may leave, None as long as no notice was shown. *flush* is
    called before each look and brings counts to the disk, *on_violation* for each document
    that held what must not leave, which *blocked_values* names anew each time. *notice* is
    what `first_run_notice()` returns. Without an *endpoint* (None) nothing is ever sent.

    Safe from any thread and across forks; nothing is raised for what the disk, the network
    or the application do.
    """

    def __init__(
        self,
        *,
        endpoint: str | None,
        program: Program,
        memory: Memory,
        windows: Windows,
        activation: ActivationStore,
        transport: Transport,
        refusal: Callable[[], str | None],
        first_at: Callable[[], float | None],
        stats: StatsReader | None = None,
        surroundings: Callable[[], Surroundings] = Surroundings,
        blocked_values: Callable[[], Iterable[BlockedValue]] = tuple,
        flush: Callable[[], object] = lambda: None,
        on_violation: Callable[[], object] = lambda: None,
        notice: Callable[[], FirstRunNotice | None] = lambda: None,
        clock: Union[Clock, Callable[[], float], None] = None,  # noqa: UP007  3.9
    ) -> None:
        self._endpoint = endpoint
        self._url = None if endpoint is None else f"{endpoint.rstrip('/')}/heartbeat"
        self._program = program
        self._memory = memory
        self._windows = windows
        self._activation = activation
        self._refusal = refusal
        self._first_at = first_at
        self._stats = stats or StatsReader()
        self._surroundings = surroundings
        self._blocked_values = blocked_values
        self._flush = flush
        self._on_violation = on_violation
        self._notice = notice
        self._clock = as_clock(clock)
        self._began_at = self._clock.monotonic()
        self._gate = Gate(transport, refusal=refusal, clock=self._clock, scan=self._search)
        self._worker = Worker(self._turn_and_wait, name="mcptelemetry-heartbeat", on_end=lambda: None)
        self._begin()
        around_fork(in_child=self._renew, place="loop")

    def _begin(self) -> None:
        """Set what a process has for itself; a forked child begins here too."""
        self._bell = Bell()
        self._sending = threading.Lock()  # one thread at a time is at the gate
        self._is_stopped = False
        self._has_told_trouble = False
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

    def first_run_notice(self) -> FirstRunNotice | None:
        """Return what has to be said before anything leaves: for `maybe_print_first_run_notice`."""
        return self._notice()

    # -- the life of it ---------------------------------------------------------------

    def start(self) -> None:
        """Begin to look, from a thread, whether a heartbeat is due; does nothing without an endpoint."""
        if self._url is not None:
            self._is_stopped = False
            self._worker.ensure_running()

    def stop(self, timeout: float = 1.0) -> None:
        """End the thread, in at most *timeout* seconds; nothing is sent for it. May be called again."""
        self._is_stopped = True
        self._bell.ring()
        if self._worker.is_running:
            self._worker.join(timeout)

    def send_now(self) -> bool:
        """
        Send the heartbeat if one is due; return whether it was accepted.

        One is due when nothing refuses it, the notice's delay has passed, the last one is 24
        hours old and no other process is at it. Waits for the answer, at most some 10 seconds
        a step.
        """
        accepted_before = self._accepted_count
        if not self._sending.acquire(timeout=_TIMEOUT_SECS):
            return False
        try:
            if self._accepted_count != accepted_before:
                return True  # by the worker, while this thread waited for it
            self._flush()
            self._prepare()
            return self._wait_secs() <= 0 and self._send_window()
        finally:
            self._sending.release()

    def turn(self) -> float:
        """Send what is due, unless this was stopped; return the seconds after which to look again."""
        if self._is_stopped:
            return _LOOK_MAX_SECS
        self.send_now()
        return min(max(self._wait_secs(), _LOOK_MIN_SECS), _LOOK_MAX_SECS)

    # -- looking ----------------------------------------------------------------------

    def build_payload(self) -> HeartbeatPayload:
        """Return the heartbeat that would be sent now; changes nothing, however often it is asked."""
        return self.preview().payload

    def preview(self) -> Preview:
        """Return the same, and what a person should know about it."""
        state = self._windows.state()
        picture = self._memory.look()
        notes = []
        if picture.trouble is not None:
            notes.append(f"what this installation remembers cannot be read ({picture.trouble.text})")
        elif picture.identity is None:
            notes.append("its ids are zeros: this installation has not run yet, and none was drawn")
        elif not state.heartbeat_id:
            notes.append("heartbeat_id is zeros: none has been drawn since the mode was last changed")
        # Without an id, what is stored was counted before the mode was last changed: it never leaves.
        is_present = bool(state.heartbeat_id)
        remembered = self._remembered(state.heartbeat_id or ZERO_ID)
        if not is_present:
            remembered = remembered._replace(is_installer_pending=False)
        return Preview(self._build(remembered, state.snapshot, is_present=is_present), tuple(notes))

    # -- sending ----------------------------------------------------------------------

    def _wait_secs(self) -> float:
        """Return in how many seconds a heartbeat may be due, 0 when one is."""
        if self._url is None or self._is_refused():
            return _DAY_SECS
        first_at = self._first_at()
        if first_at is None:
            return _DAY_SECS
        until_first = first_at - self._clock.time()
        # A moment farther ahead than a delay can be was set by a clock that was wrong.
        if 0 < until_first <= _DAY_SECS:
            return until_first
        if until_first > _DAY_SECS:
            return _DAY_SECS
        return self._windows.state().due_in_secs

    def _prepare(self) -> None:
        """Draw the ids well before they leave, so that previews show them while the notice's delay passes."""
        if not self._is_prepared and self._url is not None and not self._is_refused():
            has_identity = not isinstance(self._memory.ensure_identity(), Trouble)
            self._is_prepared = has_identity and self._windows.prepare()

    def _is_refused(self) -> bool:
        try:
            return self._refusal() is not None
        except Exception:  # noqa: BLE001  in doubt nothing is sent
            return True

    def _send_window(self) -> bool:
        window = self._windows.begin()
        if window is None or self._url is None:
            return False
        if isinstance(self._memory.ensure_identity(), Trouble):
            self._windows.postpone(window)
            return False
        payload = self._build(self._remembered(window.heartbeat_id), window.snapshot)
        body = payload.encode()
        outcome = self._gate.post(self._url, body, _HEADERS, _TIMEOUT_SECS)
        self._settle(window, payload, body, outcome)
        return outcome.verdict is Verdict.DELIVERED

    def _settle(self, window: FrozenWindow, payload: HeartbeatPayload, body: bytes, outcome: Outcome) -> None:
        if outcome.verdict is Verdict.DELIVERED:
            self._has_told_trouble = False
            self._accepted_count += 1
            self._windows.settle(window, also=lambda connection: self._note_accepted(connection, payload, body, outcome))
        elif outcome.verdict.is_retryable:
            self._windows.postpone(window, retry_after_secs=outcome.retry_after_secs)
            self._tell(logging.INFO, f"the heartbeat is kept and sent later: {outcome.message}")
            self._memory.note_error(outcome.message)
        elif outcome.verdict is Verdict.UNCLEAN:
            # Not for ever: what stood in it may be gone tomorrow, or another process may not have it.
            self._windows.postpone(window, retry_after_secs=_DAY_SECS)
            self._memory.note_error(outcome.message)
            self._on_violation()
            _logger.error("the heartbeat was not sent: %s", outcome.message)
        elif outcome.verdict is Verdict.REFUSED:
            _logger.debug("the heartbeat was not sent: %s", outcome.message)  # its lease will run out
        else:
            self._windows.give_up(window, also=lambda connection: self._note_sent(connection, body, outcome))
            self._memory.note_error(outcome.message)
            self._tell(logging.WARNING, f"a heartbeat was rejected and given up: {outcome.message}")

    def _note_accepted(
        self, connection: sqlite3.Connection, payload: HeartbeatPayload, body: bytes, outcome: Outcome
    ) -> None:
        write_value(connection, "last_reported_version", payload.version)
        write_value(connection, "last_success_at", format_moment(self._clock.time()))
        if payload.launch_source == LaunchSource.INSTALLER:
            clear_installer_pending(connection)
        self._note_sent(connection, body, outcome)

    def _note_sent(self, connection: sqlite3.Connection, body: bytes, outcome: Outcome) -> None:
        keep_sent(connection, SentDocument(self._clock.time(), outcome.status or 0, body.decode("ascii")))

    def _tell(self, level: int, text: str) -> None:
        # Once an outage: a daily document that cannot be sent must not fill a host's log.
        if not self._has_told_trouble:
            self._has_told_trouble = True
            _logger.log(level, "%s", text)

    # -- building ---------------------------------------------------------------------

    def _build(
        self, remembered: Remembered, counts: RegistrySnapshot, *, is_present: bool = True
    ) -> HeartbeatPayload:
        activation = self._activation.load()
        if not is_present:
            activation = ActivationState()
        return build_payload(
            self._program,
            remembered,
            counts=counts,
            surroundings=self._surroundings(),
            stats=self._stats.read(),
            activation=None if self._activation.trouble is not None else activation.to_dict(),
            now=self._clock.time(),
            uptime_secs=self._clock.monotonic() - self._began_at,
        )

    def _remembered(self, heartbeat_id: str) -> Remembered:
        picture = self._memory.look()
        identity = picture.identity
        return Remembered(
            anonymous_id=ZERO_ID if identity is None else identity.anonymous_id,
            anonymous_id_created_at=None if identity is None else identity.created_at,
            heartbeat_id=heartbeat_id,
            previous_version=picture.last_reported_version or "",
            last_startup_outcome=picture.last_startup_outcome,
            is_installer_pending=self._activation.is_installer_pending(),
        )

    def _search(self, body: bytes) -> str | None:
        """Return why *body* must not leave: the gate's question about every document."""
        if len(body) > HEARTBEAT_BYTES_MAX:
            return f"it is larger than {HEARTBEAT_BYTES_MAX} bytes"
        try:
            check(json.loads(body))
            scan_for_pii(body, self._blocked_values(), fields=FIELD_SHAPES)
        except (ValueError, AnonymityViolation) as problem:
            return str(problem)
        return None

    # -- the life of a process --------------------------------------------------------

    def _turn_and_wait(self) -> bool:
        if not self._is_stopped:
            self._bell.wait(self.turn())
        if self._is_stopped:
            self._gate.close()
            return False
        return True

    def _renew(self) -> None:
        self._worker.renew()
        self._gate.renew()
        self._begin()
