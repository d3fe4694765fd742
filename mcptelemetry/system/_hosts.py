"""
Servers that fork by C code, or whose processes end without the interpreter's exit functions; subinterpreters.

Their own hooks are used when their modules are loaded; none is ever imported here. uWSGI forks
its workers without a word to Python, with whatever lock a thread holds then: in its master no
thread is started. celery's children end at once.
"""

from __future__ import annotations

import _thread
import functools
import os
import sys
from collections.abc import Callable
from typing import Any

from ._exit import the_register as the_exits
from ._fork import the_register as the_forks

__all__ = ["is_subinterpreter", "join_host", "may_start_thread"]

_CELERY_UID = "mcptelemetry"


@functools.cache
def is_subinterpreter() -> bool:
    """Return whether this is not the process's first interpreter, which ends while the process goes on."""
    ask = getattr(_thread, "_is_main_interpreter", None)
    if ask is not None:
        return not ask()
    try:  # 3.11 and earlier have no other way to ask; PyPy has none, and no subinterpreters
        import _xxsubinterpreters as interpreters  # type: ignore[import-not-found]  # it has no stubs
    except (ImportError, OSError):
        return False
    return bool(interpreters.get_current() != interpreters.get_main())


def may_start_thread() -> bool:
    """
    Return False where a thread would do harm.

    In a process that C code will fork: what is needed there starts in its children. In a
    subinterpreter before Python 3.12: it could not be ended, nor could the process without an abort.
    """
    if sys.version_info < (3, 12) and is_subinterpreter():
        return False
    uwsgi = sys.modules.get("uwsgi")
    if uwsgi is None:
        return True
    try:
        # No worker yet, and neither a mule nor a spooler, which have a master that is not they.
        return not (uwsgi.worker_id() == 0 and uwsgi.masterpid() in (0, os.getpid()))
    except Exception:  # noqa: BLE001  something else of that name
        return True


def join_host() -> None:
    """Use the hooks of the servers that are loaded; may be called as often as one likes."""
    is_subinterpreter()  # asked here first, and no record has to
    uwsgi = sys.modules.get("uwsgi")
    if uwsgi is not None and hasattr(uwsgi, "worker_id"):
        _join_uwsgi(uwsgi)
        if not may_start_thread():
            # Once and here: in a worker without `--enable-threads` ours runs in the last second
            # only, and that is too short for an import of requests beside all others.
            from . import _session  # noqa: F401  only to have it, and what it imports, loaded
    signals = sys.modules.get("celery.signals")
    if signals is not None and hasattr(signals, "worker_process_shutdown"):
        _join_celery(signals)


class _PostFork:
    """What uWSGI calls in each worker: whatever was there before, and then ours."""

    def __init__(self, before: Callable[[], object] | None) -> None:
        self._before = before

    def __call__(self) -> None:
        if self._before is not None:
            self._before()
        the_forks.notice_fork()


def _join_uwsgi(uwsgi: Any) -> None:
    before = getattr(uwsgi, "post_fork_hook", None)
    if isinstance(before, _PostFork):
        return
    uwsgi.post_fork_hook = _PostFork(before)


def _join_celery(signals: Any) -> None:
    # It knows a receiver by its uid, and takes each in once.
    for signal, receiver in (
        (signals.worker_process_init, _begin_celery_child),
        (signals.worker_process_shutdown, _end_celery_child),
    ):
        signal.connect(receiver, weak=False, dispatch_uid=_CELERY_UID)


def _begin_celery_child(**_facts: object) -> None:
    the_forks.notice_fork()


def _end_celery_child(**_facts: object) -> None:
    the_exits.run()
