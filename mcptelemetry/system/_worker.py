"""
The one kind of thread this package starts, and the only file that starts one.

The thread is thin: it calls `turn()` until that says it is done. It is a daemon, since a
host's exit must never wait for it, and it starts at the first record of a process rather
than at construction, so that a pre-forking server's children each get their own.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

__all__ = ["Worker"]

_logger = logging.getLogger(__name__)


class Worker:
    """
    A daemon thread that calls *turn* until it returns False.

    Safe from any thread. A turn that raises ends the thread; the next `ensure_running()`
    starts another. *on_end* is called by the thread as the last thing it does, whatever
    ended it.
    """

    def __init__(self, turn: Callable[[], bool], *, name: str, on_end: Callable[[], None]) -> None:
        self._turn = turn
        self._name = name
        self._on_end = on_end
        self.renew()

    def renew(self) -> None:
        """Forget the thread: in a forked child it does not exist, and its locks may be held."""
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self.is_running = False

    def ensure_running(self) -> bool:
        """
        Start the thread when there is none; return whether one runs now.

        Never raises and never waits for another starter: a machine out of threads, or an
        interpreter that is closing down, only means that nothing is sent.
        """
        if self.is_running:
            return True
        if not self._starting.acquire(blocking=False):
            return True  # somebody else is at it, perhaps this very thread, interrupted
        try:
            if not self.is_running:
                thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self.is_running = True
                try:
                    thread.start()
                except BaseException:
                    self.is_running = False
                    raise
                self._thread = thread
        except RuntimeError as error:
            _logger.debug("the worker thread could not be started: %s", error)
        finally:
            self._starting.release()
        return self.is_running

    def is_current(self) -> bool:
        """Return whether the caller is the worker's own thread."""
        return self._thread is threading.current_thread()

    def join(self, timeout: float) -> bool:
        """Wait at most *timeout* seconds for the thread's end; return whether it has ended."""
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return not self.is_running
        thread.join(max(0.0, timeout))
        return not thread.is_alive()

    def _run(self) -> None:
        try:
            while self._turn():
                pass
        except Exception:
            _logger.warning("the worker thread stopped; the next record starts another", exc_info=True)
        finally:
            self.is_running = False
            self._on_end()
