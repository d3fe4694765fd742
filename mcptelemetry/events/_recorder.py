"""
From the arguments of a call to a place in the queue: the host's thread takes these steps.

The checked shape of an event is remembered under the very arguments that made it, so that
a tool's second call costs one look-up instead of eight checks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from math import floor, isfinite
from time import time as read_machine_time
from typing import TYPE_CHECKING, Protocol

from ..system import AtomicCounter
from ..vocabulary import (
    COUNT_MAX,
    DURATION_BUCKETS,
    ErrorType,
    ErrorTypeWord,
    TelemetryStatus,
    TelemetryStatusWord,
)
from ..wire import OTHER_CLIENT, EventShape, ParentedLatency, check_shape, is_known_client

if TYPE_CHECKING:
    from ._buffer import TelemetryBuffer

__all__ = ["CallCounter", "Recorder"]

_KEPT_SHAPES_MAX = 1024
_OWN_CLIENTS_MAX = 64

# What is remembered of a call's arguments: the shape, the numbers of its calls, and the counter's
# epoch in which these are good; None before they are learnt.
_Known = tuple[EventShape, Sequence[Iterator[int]], object]
_NO_NUMBERS: Sequence[Iterator[int]] = ()
_DURATION_EDGES = tuple(edge for edge, _ in DURATION_BUCKETS if edge is not None)
_EDGE_0, _EDGE_1, _EDGE_2 = _DURATION_EDGES[:3]


class CallCounter(Protocol):
    """
    What counts calls by tool; `CounterRegistry` is one. Safe wherever recording is.

    A call is counted by taking one of its numbers, and by `wake()` when nobody attends: one
    look-up then serves both streams, where a method that counts would need its own.
    """

    epoch: object
    is_unattended: bool

    def numbers_of_call(
        self, tool: str, upstream: str | None = None, *, is_failed: bool = False
    ) -> Sequence[Iterator[int]]:
        """Return the numbers of such calls of *tool* by `DURATION_BUCKETS`, good as long as *epoch* is the same object."""
        ...

    def wake(self) -> None:
        """Summon whoever attends."""


class Recorder:
    """
    Takes finished invocations: events for *buffer*, calls for *counter*, either or neither.

    *read_time* gives Unix seconds. Safe wherever `TelemetryBuffer.add()` and *counter* are.
    """

    def __init__(
        self,
        buffer: TelemetryBuffer | None,
        read_time: Callable[[], float] = read_machine_time,
        counter: CallCounter | None = None,
    ) -> None:
        self._buffer = buffer
        self._counter = counter
        self._read_time = read_time
        # The present second: from when, until when, and the number that its events share.
        self._second = (0.0, 0.0, 0)
        self._is_off = buffer is None and counter is None
        # By the arguments that made them. Apart by `was_fallback`: 1 is equal to True.
        self._shapes: dict[tuple[object, ...], _Known] = {}
        self._fallback_shapes: dict[tuple[object, ...], _Known] = {}
        self._own_clients: dict[str, None] = {}  # names from outside the closed table, as they came
        self._invalid = AtomicCounter()  # where there is no buffer that counts them

    def attach(self, buffer: TelemetryBuffer, counter: CallCounter) -> None:
        """From now on make events too, for *buffer*: it could not be had before."""
        self._buffer, self._counter = buffer, counter
        self._is_off = False

    @property
    def invalid(self) -> int:
        """How many records had an argument that does not fit."""
        return self._invalid.value if self._buffer is None else self._buffer.invalid

    def record(
        self,
        tool: str = "",  # missing, it is a bad argument like any other
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
        """Record one invocation that ends now; a bad argument is counted as invalid, never raised."""
        if self._is_off:
            return
        given = (tool, routing_decision, routing_detail, upstream, status, error_type, client)
        try:
            try:
                shape, numbers, epoch = (
                    self._shapes if was_fallback is False else self._shapes_of(was_fallback)
                )[given]
            except KeyError:
                shape, numbers, epoch = self._learn(given, was_fallback)
            parent = None
            if type(latency_ms) is not int:
                if type(latency_ms) is ParentedLatency:
                    parent = latency_ms.parent
                latency_ms = _rounded(latency_ms)
            buffer = self._buffer
            if buffer is None:
                if not 0 <= latency_ms < 1000:
                    _second_of_decision(0, latency_ms)  # the same call is bad with events and without
            else:
                now = self._read_time()
                begins_at, ends_at, seconds = self._second
                if not begins_at <= now < ends_at:
                    seconds = self._begin_second(now)
                if not 0 <= latency_ms < 1000:
                    seconds = _second_of_decision(seconds, latency_ms)
                if not buffer.add(shape, latency_ms, seconds, None, parent):
                    return
            counter = self._counter
            if counter is not None:
                if epoch is not counter.epoch:  # a tool was declared meanwhile, or this is a forked child
                    epoch = counter.epoch  # first: numbers that are others a moment later are asked for again
                    numbers = counter.numbers_of_call(tool, upstream, is_failed=shape[4] == TelemetryStatus.ERROR)
                    self._shapes_of(was_fallback)[given] = (shape, numbers, epoch)
                # The usual durations by hand: `bisect` alone is a sixth of what recording costs.
                if latency_ms <= _EDGE_0:
                    next(numbers[0])
                elif latency_ms <= _EDGE_1:
                    next(numbers[1])
                elif latency_ms <= _EDGE_2:
                    next(numbers[2])
                else:
                    next(numbers[bisect_left(_DURATION_EDGES, latency_ms)])
                if counter.is_unattended:
                    counter.wake()
        except Exception:  # recording never hurts the host
            self._complain((*given, was_fallback), latency_ms)

    def count_invalid(self, argument: str | None = None) -> None:
        """Count one bad *argument*, by name, that never came to `record()`."""
        if self._buffer is not None:
            self._buffer.count_invalid(argument)
        else:
            self._invalid.add_one()

    def _begin_second(self, now: float) -> int:
        # A clock that is far off must not make an endpoint reject the whole batch.
        seconds = min(max(0, floor(now)), COUNT_MAX)
        self._second = (float(seconds), float(seconds + 1), seconds)
        return seconds

    def _shapes_of(self, was_fallback: object) -> dict[tuple[object, ...], _Known]:
        if was_fallback is True:
            return self._fallback_shapes
        return self._shapes if was_fallback is False else {}

    def _learn(self, given: tuple[object, ...], was_fallback: object) -> _Known:
        shape = check_shape(*(*given, was_fallback))
        client = shape[6]
        if client is not None and not is_known_client(client) and not self._may_tell(client):
            shape = (*shape[:6], OTHER_CLIENT, shape[7])
        shapes = self._shapes_of(was_fallback)
        if len(shapes) >= _KEPT_SHAPES_MAX:
            # A host that makes up names without end must not make us remember them all.
            shapes.clear()
        known = shapes[given] = (shape, _NO_NUMBERS, None)
        return known

    def _may_tell(self, client: str) -> bool:
        """Return whether *client* is among the first so many that came: strangers' words have an end."""
        if len(self._own_clients) < _OWN_CLIENTS_MAX:
            self._own_clients[client] = None
        # By place: two threads may both have found room for the last one.
        return client in list(self._own_clients)[:_OWN_CLIENTS_MAX]

    def _complain(self, given: tuple[object, ...], latency_ms: object) -> None:
        try:
            argument = _bad_argument(given, latency_ms)
        except Exception:  # it may fail again at whatever failed before
            argument = None
        try:
            self.count_invalid(argument)
        except Exception:  # it may wake somebody, which may fail
            return


def _bad_argument(given: tuple[object, ...], latency_ms: object) -> str | None:
    """Return the name of the argument that does not fit, None when all of them fit."""
    try:
        check_shape(*given)
    except ValueError as error:
        return str(error).split(" ", 1)[0]  # each message begins with it
    try:
        _second_of_decision(0, _rounded(latency_ms))
    except ValueError:
        return "latency_ms"
    return None


def _rounded(latency_ms: object) -> int:
    """Return whole milliseconds; `ValueError` for any other value (a bool is an int, but no latency)."""
    if isinstance(latency_ms, float) and isfinite(latency_ms):
        return round(latency_ms)
    if type(latency_ms) is not int:
        msg = f"latency_ms must be a number, not {type(latency_ms).__name__}"
        raise ValueError(msg)
    return latency_ms


def _second_of_decision(seconds: int, latency_ms: int) -> int:
    """Return when the call began; `ValueError` for a latency that no document holds."""
    if not 0 <= latency_ms <= COUNT_MAX:
        msg = f"latency_ms must be from 0 to {COUNT_MAX}"
        raise ValueError(msg)
    return max(0, seconds - latency_ms // 1000)
