"""
Taking signals for the wrapped process, and passing them on.

Here the wrapper is the main program, so it may install handlers; everywhere else this
package leaves signals alone. A handler itself does nothing: whichever thread takes a signal,
its number is written to a descriptor that the main thread waits for beside the pipes, so none
is lost between two steps. What was ignored when we were started stays ignored, for the child
as for us.
"""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType, TracebackType

__all__ = ["SignalRelay", "restore_usual"]

# Not ours to pass on: what tells of a fault in this very process, what nobody can take, what stops and
# continues, and what is news of a child, of a pipe or of a limit. Where a platform has no such name, it needs none.
_OWN = (
    "SIGABRT", "SIGBUS", "SIGCHLD", "SIGCONT", "SIGFPE", "SIGILL", "SIGKILL", "SIGPIPE", "SIGSEGV", "SIGSTOP",
    "SIGSYS", "SIGTRAP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG", "SIGXFSZ",
)  # fmt: skip
# What Python ignores for itself at its start, and a command finds as usual.
_IGNORED_BY_PYTHON = ("SIGPIPE", "SIGXFSZ", "SIGXFZ")
_CAN_BLOCK = hasattr(signal, "pthread_sigmask")


class SignalRelay:
    """
    While entered, the process's signals are collected for the child instead of ending the wrapper.

    With *for_good* that lasts until the process ends: the child has, and its exit status counts.
    *arrivals* is readable when one has come, or a child has ended. Enter it in the main thread:
    in any other it does nothing, because Python takes signals in the main thread alone.
    """

    def __init__(self, *, for_good: bool = False) -> None:
        self._is_for_good = for_good
        self.is_entered: bool = False
        arrivals, self._bell = os.pipe()
        self.arrivals: int = arrivals
        self._before: dict[int, object] = {}
        self._mask: set[int] = set()
        self._wakeup_before = -1

    def __enter__(self) -> SignalRelay:
        if threading.current_thread() is not threading.main_thread():
            return self
        self.is_entered = True
        if _CAN_BLOCK:
            os.set_blocking(self._bell, False)
            os.set_blocking(self.arrivals, False)
            self._wakeup_before = signal.set_wakeup_fd(self._bell, warn_on_full_buffer=False)
        for number in sorted(_passed_on()):
            # None: a handler that Python did not install, and could not put back.
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                self._before[number] = signal.signal(number, self._take)
        if _CAN_BLOCK:
            self._before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, self._take)
            self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._is_for_good:
            for number, handler in self._before.items():
                # None: a handler that Python did not install, and cannot put back.
                signal.signal(number, signal.SIG_DFL if handler is None else handler)  # type: ignore[arg-type]  # what signal.signal gave us
            self._before.clear()
        if self.is_entered and _CAN_BLOCK:
            signal.set_wakeup_fd(self._wakeup_before, warn_on_full_buffer=False)
        self.is_entered = False
        for descriptor in (self.arrivals, self._bell):
            os.close(descriptor)

    def take(self) -> dict[int, int]:
        """Return the numbers of the signals that came since the last time, each with how often."""
        counts: dict[int, int] = {}
        try:
            while numbers := os.read(self.arrivals, 1024):
                for number in numbers:
                    counts[number] = counts.get(number, 0) + 1
        except BlockingIOError:
            pass
        if _CAN_BLOCK:
            counts.pop(signal.SIGCHLD, None)
        return counts

    def hold(self) -> None:
        """Keep signals from this thread until `release`: they wait."""
        if self.is_entered and _CAN_BLOCK:
            signal.pthread_sigmask(signal.SIG_BLOCK, self._before)

    def release(self) -> None:
        """Take what waited since `hold`."""
        if self.is_entered and _CAN_BLOCK:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    def restore(self) -> None:
        """Put dispositions and mask as a command would have found them without us: for what runs in our place."""
        restore_usual()
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_IGN if handler is signal.SIG_IGN else signal.SIG_DFL)
        if self.is_entered and _CAN_BLOCK:
            signal.set_wakeup_fd(-1)
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    def _take(self, number: int, _frame: FrameType | None) -> None:
        """Do nothing: that the signal came has been written down already."""


def restore_usual() -> None:
    """
    Let signals that Python ignores for its own sake do what they usually do.

    Whether they were ignored already when Python started is not to be known: it does not say,
    the system tells of now only, and a parent's own dispositions are not what it gave us.
    """
    for name in _IGNORED_BY_PYTHON:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def _passed_on() -> set[int]:
    own = {getattr(signal, name, None) for name in _OWN}
    return {int(number) for number in signal.valid_signals()} - {int(number) for number in own if number is not None}
