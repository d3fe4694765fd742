"""
The verdicts about this very process, probed once and remembered.

This is the only module state in the package: what kind of place a process runs in and who
started it cannot change while it lives, and a terminal that closes must not change them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Generic, TypeVar

from ..application import Application
from ..system import Turns, around_fork
from ..vocabulary import EnvKind, LaunchSource
from ._env_kind import detect_env_kind
from ._facts import EnvMarkers, HandshakeChecker
from ._launch_source import detect_launch_source
from ._probes import OsFileProber, ParentPPIDChecker, StdinTTYChecker, current_os_name

__all__ = ["Once", "detect_env_kind_once", "detect_launch_source_once"]

_Key = TypeVar("_Key")
_Answer = TypeVar("_Answer")
_FIND_SECS = 5.0


class Once(Generic[_Key, _Answer]):
    """
    Answers that are found once a key, however many threads ask at the same moment.

    The others wait while one finds it, against the rule of the house, because "once" means
    exactly that; what is found this way takes microseconds and cannot block. A signal handler
    that asks while its own thread is being answered finds it for itself.
    """

    def __init__(self) -> None:
        self._turns = Turns(fork_wait_secs=0)
        self._answers: dict[_Key, _Answer] = {}
        around_fork(in_child=self._turns.after_fork)

    def get(self, key: _Key, find: Callable[[], _Answer]) -> _Answer:
        """Return the answer to *key*, from *find* the first time and from memory ever after."""
        if key not in self._answers:
            turn = self._turns.take(_FIND_SECS)
            try:
                if key not in self._answers:
                    self._answers.setdefault(key, find())
            finally:
                if turn is not None:
                    self._turns.give_back(turn)
        return self._answers[key]


_env_kinds: Once[None, tuple[EnvKind, EnvMarkers]] = Once()
_launch_sources: Once[Application, LaunchSource] = Once()


def detect_env_kind_once() -> tuple[EnvKind, EnvMarkers]:
    """Return what kind of place this process runs in, as it was when first asked."""
    return _env_kinds.get(None, _probe_env_kind)


def detect_launch_source_once(
    *, app: str | Application, handshake: HandshakeChecker | None = None
) -> LaunchSource:
    """
    Return who started this process, as it was when first asked for *app*.

    *handshake* is asked that first time only. An *app* that is no application name is a
    `ValueError`.
    """
    application = app if isinstance(app, Application) else Application(app)
    return _launch_sources.get(
        application,
        lambda: detect_launch_source(
            os.environ, handshake, ParentPPIDChecker(), StdinTTYChecker(), app=application
        ),
    )


def _probe_env_kind() -> tuple[EnvKind, EnvMarkers]:
    uid = os.getuid() if hasattr(os, "getuid") else None
    return detect_env_kind(os.environ, OsFileProber(), current_os_name(), StdinTTYChecker(), uid=uid)
