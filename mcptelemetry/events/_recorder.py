"""
From the arguments of a call to a place in the queue: the host's thread takes these steps.

The checked shape of an event is remembered under the very arguments that made it, so that
a tool's second call costs one look-up instead of seven checks.
"""

from __future__ import annotations

from collections.abc import Callable

from ..vocabulary import COUNT_MAX, TelemetryStatus
from ..wire import EventShape, check_shape
from ._buffer import TelemetryBuffer

__all__ = ["Recorder"]

_KEPT_SHAPES_MAX = 1024


class Recorder:
    """
    Puts finished invocations into *buffer*, stamped with *read_time* (Unix seconds).

    *count* is told the tool and the upstream of each. Safe wherever
    `TelemetryBuffer.record()` and *count* are.
    """

    def __init__(
        self,
        buffer: TelemetryBuffer,
        read_time: Callable[[], float],
        count: Callable[[str, str | None], object] | None = None,
    ) -> None:
        self._buffer = buffer
        self._count = count
        self._read_time = read_time
        self._shapes: dict[tuple[object, ...], EventShape] = {}

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
        """Record one invocation that ends now; what makes no event is counted as invalid."""
        buffer = self._buffer
        try:
            given = (tool, routing_decision, routing_detail, upstream, status, error_type, was_fallback)
            shape = self._shapes.get(given) or self._learn(given)
            # A bool is an int too, and False would pass for no latency at all; and 1 is equal
            # to True, so that it finds the shape that was learnt from that.
            if (
                type(latency_ms) is not int
                or not 0 <= latency_ms <= COUNT_MAX
                or shape[6] is not was_fallback
            ):
                buffer.count_invalid()
                return
            seconds = int(self._read_time())
            if latency_ms >= 1000 or not 0 <= seconds <= COUNT_MAX:
                # The decision was made when the call began. A clock that is far off must not
                # make an endpoint reject the whole batch.
                seconds = min(max(0, seconds - latency_ms // 1000), COUNT_MAX)
            # From here on what `TelemetryBuffer.record()` does, step by step and in place: a
            # call of it would cost as much again as one of its steps.
            if buffer._muted_thread and buffer._is_muted():
                return
            buffer._extend(zip((shape,), (latency_ms,), (seconds,), (None,), buffer._numbers))
            if self._count is not None:
                self._count(tool, upstream)
            if buffer._is_unattended and len(buffer._waiting) >= buffer._wakes_at:
                buffer._wake()
        except Exception:  # noqa: BLE001  recording never hurts the host
            buffer.count_invalid()

    def _learn(self, given: tuple[object, ...]) -> EventShape:
        shape = check_shape(*given)
        if len(self._shapes) >= _KEPT_SHAPES_MAX:
            # A host that makes up names without end must not make us remember them all.
            self._shapes.clear()
        self._shapes[given] = shape
        return shape
