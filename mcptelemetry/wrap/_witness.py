"""
Telling a signal to this process from one to its whole group.

The child is in our process group, as it would be in the client's without us: a signal to the
group reaches it without our help, and passing it on would be a second one, in the middle of
what it cleans up. No system tells a process whether it was meant alone. So a third process,
which does nothing else, stands in the group with every signal blocked: what is pending there
was meant for all. (A group of the child's own would save it, and would lose Ctrl-C, job
control and a SIGKILL to the group for everything below the child.)
"""

from __future__ import annotations

import contextlib
import os
import select
import signal

__all__ = ["Witness"]

_ANSWER_MS = 1_000
# A supervisor that signals each process of its list by itself takes a moment from one to the next.
_SECOND_LOOK_SECS = 0.005
_YES = b"y"


class Witness:
    """
    A process that is asked whether a signal reached it too.

    Start it in a process with one thread; it ends with us. When it cannot be started, or has
    been killed, it saw nothing.
    """

    def __init__(self) -> None:
        self._pid = 0
        self._questions = self._answers = -1

    def start(self) -> None:
        """Begin to see signals, all of them blocked now in this thread."""
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        try:
            pid = os.fork()
        except OSError:
            for descriptor in (theirs_in, ours_out, ours_in, theirs_out):
                os.close(descriptor)
            return
        if pid == 0:
            try:
                signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
                _close_all_but({theirs_in, theirs_out})
                _answer(theirs_in, theirs_out)
            finally:
                os._exit(0)
        os.close(theirs_in)
        os.close(theirs_out)
        self._pid, self._questions, self._answers = pid, ours_out, ours_in

    def has_seen(self, number: int) -> bool:
        """Return whether signal *number* was sent to all of the group; it is forgotten then."""
        if not self._pid:
            return False
        if self._ask(number):
            return True
        select.select([], [], [], _SECOND_LOOK_SECS)
        return self._ask(number)

    def _ask(self, number: int) -> bool:
        try:
            os.write(self._questions, bytes([number]))
            poll = select.poll()
            poll.register(self._answers, select.POLLIN)
            return bool(poll.poll(_ANSWER_MS)) and os.read(self._answers, 1) == _YES
        except OSError:  # killed
            return False

    def stop(self) -> None:
        """Let the process go; nothing of it is left."""
        if self._pid:
            os.close(self._questions)
            os.close(self._answers)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self._pid, 0)
            self._pid = 0


def _answer(questions: int, answers: int) -> None:
    """Say of each signal that is asked for whether it is pending, and take it off, until nobody asks any more."""
    while question := os.read(questions, 1):
        number = question[0]
        is_seen = number in signal.sigpending()
        if is_seen:
            signal.sigwait({number})
        os.write(answers, _YES if is_seen else b"n")


def _close_all_but(kept: set[int]) -> None:
    """Let go of every descriptor that a far side would wait for the end of."""
    try:
        held = {int(name) for name in os.listdir("/dev/fd")}
    except OSError:
        held = set(range(256))
    for descriptor in held - kept:
        with contextlib.suppress(OSError):
            os.close(descriptor)
