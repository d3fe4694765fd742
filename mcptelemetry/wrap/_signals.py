"""
Passing signals on to the wrapped process.

Here the wrapper is the main program, so it may install handlers; everywhere else this
package leaves signals alone. What was ignored when we were started stays ignored, for the
child as for us.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from types import FrameType, TracebackType

__all__ = ["SignalRelay"]

_PASSED_ON = ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2")
_FROM_TERMINAL = ("SIGINT", "SIGQUIT")


class SignalRelay:
    """
    While entered, the process's signals go to the child instead of ending the wrapper.

    A signal that comes before the child exists is kept for it; one that comes after its
    end sets *unheard*, which tells the wrapper to leave. Enter it in the main thread: in
    any other it does nothing, because Python takes signals in the main thread alone.
    """

    def __init__(self) -> None:
        self.unheard: bool = False
        self._child: subprocess.Popen[bytes] | None = None
        self._kept: list[int] = []  # signals that came before the child
        self._before: dict[int, object] = {}

    def __enter__(self) -> SignalRelay:
        if threading.current_thread() is threading.main_thread():
            for name in _PASSED_ON:
                number = getattr(signal, name, None)
                # None: a handler that Python did not install, and could not put back.
                if number is not None and signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._pass_on)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal.signal gave us
        self._before.clear()

    def serve(self, child: subprocess.Popen[bytes]) -> None:
        """Send what was kept, and from now on everything, to *child*."""
        self._child = child
        while self._kept:
            self._send(self._kept.pop(0))

    def _pass_on(self, number: int, _frame: FrameType | None) -> None:
        if self._child is None:
            self._kept.append(number)
        elif self._child.returncode is not None:
            self.unheard = True
        elif not _terminal_sent_it(number):
            self._send(number)

    def _send(self, number: int) -> None:
        child = self._child
        try:
            if child is not None:
                child.send_signal(number)
        except (OSError, ValueError):
            # It has just ended, or the platform has no such signal for other processes.
            self.unheard = True


def _terminal_sent_it(number: int) -> bool:
    """
    Return whether a terminal sent the signal, and so sent it to the child as well.

    A handler cannot see a signal's sender. A terminal's own signals go to every process of
    its foreground group, and the child is in our group, so passing them on would make two.
    """
    if signal.Signals(number).name not in _FROM_TERMINAL or not hasattr(os, "tcgetpgrp"):
        return False
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
