"""
The wrapped session on POSIX: one loop over two pipes, the signals and the child's end.

The child and the witness are forked first, while this process has one thread: the parent-death
signal is bound to the thread that forked, which is the main thread and lives as long as we do.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Sequence
from time import monotonic

from ._exchange import Direction, Exchange
from ._signals import SignalRelay
from ._sinks import clients_sink, own_sink
from ._start import start_child
from ._watch import Watch
from ._witness import Witness

__all__ = ["run_child"]

_SILENCE_SECS = 0.5
_LOOK_SECS = 0.02  # how often the child is looked after where nothing tells of its end
_LEAVING = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})


def run_child(
    command: Sequence[str], environment: dict[str, str], client: tuple[int, int], watch: Watch, signals: SignalRelay
) -> int:
    """Run *command* between the two descriptors of the *client*; see `run_wrapped`."""
    witness = Witness()
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
            before_it_runs=lambda _pid: witness.start(),
        )
    except BaseException:
        for descriptor in (to_child, from_child):
            os.close(descriptor)
        witness.stop()
        raise
    finally:
        os.close(child_input)
        os.close(child_output)
        signals.release()
    watch.start()

    def see_request(piece: bytes) -> None:
        watch.see(piece, is_client=True)
        if not piece:
            watch.hurry()

    exchange = Exchange(
        Direction(client[0], own_sink(to_child), see_request),
        Direction(from_child, clients_sink(client[1]), lambda piece: watch.see(piece, is_client=False)),
        signals.arrivals,
    )
    child = _Child(pid, set(early), witness)
    try:
        return _carry(exchange, child, signals, watch.hurry)
    finally:
        exchange.close()
        witness.stop()


class _Child:
    """The child as the loop knows it; *early* are the signals that reached it before it ran."""

    def __init__(self, pid: int, early: set[int], witness: Witness) -> None:
        self._pid = pid
        self._early = early
        self._witness = witness
        self.exit_status: int | None = None

    def look(self) -> None:
        """See whether it has ended."""
        if self.exit_status is None:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                code = os.waitstatus_to_exitcode(status)
                self.exit_status = 128 - code if code < 0 else code

    def pass_on(self, number: int) -> None:
        """Send it signal *number*, unless whoever sent it to us sent it to the whole group."""
        has_it = self._witness.has_seen(number) or number in self._early
        self._early.discard(number)
        with contextlib.suppress(OSError):  # it has just ended
            if not (has_it and os.getpgid(self._pid) == os.getpgrp()):
                os.kill(self._pid, number)


def _carry(exchange: Exchange, child: _Child, signals: SignalRelay, hurry: Callable[[], None]) -> int:
    """Carry until the child has ended, and what it wrote has been passed on; return its exit status."""
    answers = exchange.answers
    heard_at, pieces_read = monotonic(), 0
    is_unheard = False
    while True:
        timeout_secs = _SILENCE_SECS if child.exit_status is not None else None if signals.is_entered else _LOOK_SECS
        has_news = exchange.turn(None if timeout_secs is None else timeout_secs * 1000) or timeout_secs is not None
        if not has_news:
            continue
        for number in signals.take():
            if number in _LEAVING:
                hurry()
            if child.exit_status is None:
                child.pass_on(number)
            else:
                is_unheard = True
        had_ended = child.exit_status is not None
        child.look()
        if child.exit_status is None:
            continue
        if not answers.is_open or is_unheard:
            return child.exit_status
        if not had_ended or answers.pieces_read != pieces_read or answers.rest:
            heard_at, pieces_read = monotonic(), answers.pieces_read
        elif monotonic() - heard_at >= _SILENCE_SECS:
            return child.exit_status
