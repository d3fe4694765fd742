"""
The wrapped session on POSIX: one loop over two pipes, the signals and the child's end.

One thread, and so it stays: the parent-death signal of the child is bound to the thread that
forked it, and what is forked off a process with one thread may do anything.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic

from ._exchange import Direction, Exchange
from ._frames import CLIENT_SAID, SERVER_SAID
from ._observer import Observer
from ._signals import SignalRelay
from ._sinks import clients_sink, own_sink
from ._start import start_child
from ._watch import Recording

__all__ = ["run_child"]

_SILENCE_SECS = 0.5
_QUIET_MS = 20.0  # after so long a silence the observer is told what passed
_END_SECS = 1.5  # what is recorded has that long to leave after the child's end; a client kills after two
_LEAVING = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})


def run_child(
    command: Sequence[str],
    environment: dict[str, str],
    client: tuple[int, int],
    signals: SignalRelay,
    open_recording: Callable[[], Recording | None],
    say: Callable[[str], object],
) -> int:
    """Run *command* between the two descriptors of the *client*; see `run_wrapped`."""
    observer = Observer(open_recording, say)
    child_input, to_child = os.pipe()
    from_child, child_output = os.pipe()
    signals.hold()
    try:
        pid, early = start_child(
            command,
            environment,
            stdin=child_input,
            stdout=child_output,
            restore_signals=signals.restore,
            before_it_runs=observer.start,
        )
    except BaseException:
        for descriptor in (to_child, from_child):
            os.close(descriptor)
        observer.finish(_END_SECS)
        raise
    finally:
        os.close(child_input)
        os.close(child_output)
        signals.release()

    def see_request(piece: bytes, at: float) -> None:
        observer.see(CLIENT_SAID, piece, at)
        if not piece:
            observer.hurry()

    exchange = Exchange(
        Direction(client[0], own_sink(to_child), see_request),
        Direction(from_child, clients_sink(client[1]), partial(observer.see, SERVER_SAID)),
        signals.arrivals,
    )
    child = _Child(pid, set(early), observer)
    try:
        return _carry(exchange, child, signals, observer)
    finally:
        exchange.close()
        observer.finish(_END_SECS)


class _Child:
    """The child as the loop knows it; *early* are the signals that reached it before it ran."""

    def __init__(self, pid: int, early: set[int], observer: Observer) -> None:
        self._pid = pid
        self._early = early
        self._observer = observer
        self.exit_status: int | None = None

    def look(self) -> None:
        """See whether it has ended."""
        if self.exit_status is None:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                code = os.waitstatus_to_exitcode(status)
                self.exit_status = 128 - code if code < 0 else code

    def pass_on(self, number: int, count: int) -> None:
        """Send it signal *number*, which came *count* times, as often as that was not to the whole group."""
        seen = self._observer.count_seen(number, count) + (number in self._early)
        self._early.discard(number)
        with contextlib.suppress(OSError):  # it has just ended
            if os.getpgid(self._pid) != os.getpgrp():
                seen = 0
            for _ in range(count - seen):
                os.kill(self._pid, number)


def _carry(exchange: Exchange, child: _Child, signals: SignalRelay, observer: Observer) -> int:
    """Carry until the child has ended, and what it wrote has been passed on; return its exit status."""
    answers = exchange.answers
    heard_at, pieces_read = monotonic(), 0
    is_unheard = False
    look_ms = None if signals.is_entered else _QUIET_MS  # without signals nothing tells of the child's end
    while True:
        has_ended = child.exit_status is not None
        is_busy, has_news = exchange.turn(_QUIET_MS if observer.has_news or has_ended else look_ms)
        if not is_busy:
            observer.send()
        if has_news:
            for number, count in signals.take().items():
                if number in _LEAVING:
                    observer.hurry()
                if has_ended:
                    is_unheard = True
                else:
                    child.pass_on(number, count)
        elif is_busy and not has_ended:
            continue
        child.look()
        if child.exit_status is None:
            continue
        if not answers.is_open or is_unheard:
            return child.exit_status
        if not has_ended or answers.pieces_read != pieces_read or answers.rest:
            heard_at, pieces_read = monotonic(), answers.pieces_read
        elif monotonic() - heard_at >= _SILENCE_SECS:
            return child.exit_status
