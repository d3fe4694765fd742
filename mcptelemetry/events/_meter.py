"""
The durations of delivered calls, told in intervals beside the events.

An interval leaves once and is never repeated, because whoever adds deltas up would count a repeat
twice: an interval whose fate is not known is given up, and that is said.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable

from ..privacy import SendResult, Verdict
from ..system import Clock
from ..wire import DurationHistograms, EventRow
from ._format import BodyWriter
from ._otlp_format import count_rejected_points
from ._outage import OutageLog
from ._uploader import TelemetryUploader

__all__ = ["Meter"]

_logger = logging.getLogger(__name__)
# After these nothing has left: the interval goes on.
_KEPT = (Verdict.NOT_YET, Verdict.UNABLE)


class Meter:
    """
    Counts what `Delivery` delivered and sends it every *interval_secs*, for the application of *writer*.

    *secs_left* as for `Delivery`. Used by the one thread that sends.
    """

    def __init__(
        self,
        uploader: TelemetryUploader,
        writer: BodyWriter,
        *,
        clock: Clock,
        interval_secs: float,
        secs_left: Callable[[], float | None],
    ) -> None:
        self._uploader = uploader
        self._writer = writer
        self._clock = clock
        self._interval_secs = float(interval_secs)
        self._secs_left = secs_left
        self._outages = OutageLog(_logger, what="metrics")
        self._histograms = DurationHistograms(writer.network_transport)
        self._began_at = clock.time()
        self._due_at = clock.monotonic() + self._interval_secs

    def add(self, rows: Iterable[EventRow]) -> None:
        """Count the calls of *rows*, which were delivered."""
        self._histograms.add(rows)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to tell."""
        return self._histograms.count == 0

    def take_turn(self, *, is_asked: bool) -> float:
        """Send what is due, or *is_asked* for; return the seconds until something is due, infinite when nothing will be."""
        if self.is_empty:
            return math.inf
        due_in = self._due_at - self._clock.monotonic()
        if due_in > 0 and not is_asked:
            return due_in
        self._due_at = self._clock.monotonic() + self._interval_secs
        self._send()
        return math.inf if self.is_empty else self._interval_secs

    def _send(self) -> None:
        secs_left = self._secs_left()
        ended_at = max(self._began_at, self._clock.time())  # the clock may have been set back
        if secs_left is not None and secs_left <= 0:
            result = SendResult(Verdict.LATER, None, None, "no time was left before the end")
        else:
            body = self._histograms.encode(
                app=self._writer.app, version=self._writer.version, began_at=self._began_at, ended_at=ended_at
            )
            result = self._uploader.send_metrics(body, self._histograms.shapes, timeout_secs=secs_left)
        if result.verdict in _KEPT:
            return
        if result.verdict is not Verdict.REFUSED:  # a person's no is no trouble, and said elsewhere
            self._tell(result)
        self._histograms.clear()
        self._began_at = ended_at

    def _tell(self, result: SendResult) -> None:
        where, count = self._uploader.shown_metrics_url, self._histograms.count
        if result.verdict is not Verdict.DELIVERED:
            why = f"are lost, for a repeat might count twice: {result.advice}"
        elif count_rejected_points(result.body) is not None:
            why = f"were not taken without objection: {result.message}"
        else:
            self._outages.end()
            return
        self._outages.tell(result.verdict.value, f"the durations of {count} calls to {where} {why}")
