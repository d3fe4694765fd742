"""
What the application says about itself, asked for with every precaution.

The application's code runs here, on our account: it may raise, hang or lack a method, and
then that one field is not known. Each question is asked on a thread of its own and waited
for no longer than a second; one that hangs is not asked again while it hangs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any, Protocol, Union

from ..system import Worker, around_fork
from ..vocabulary import COUNT_MAX, OTHER
from ..wire import OPEN_MAP_ENTRIES_MAX, PROTOCOLS, ROUTING_MODES
from ._features import FeatureFlagSnapshot

__all__ = ["Flags", "RuntimeStats", "StatsReader", "StatsReading"]

_ANSWER_SECS = 1.0
_SERVERS_MAX = 100_000


class RuntimeStats(Protocol):
    """
    What an application may tell about itself; every method takes no argument.

    Three more are optional: ``feature_flags() -> FeatureFlagSnapshot``,
    ``server_protocols() -> Iterable[str]`` (one word a server) and
    ``configured_ide_count() -> int``. A method that is missing, raises, or takes longer than
    a second costs its own field only.
    """

    def server_count(self) -> int:
        """Return how many upstream servers are configured."""
        ...

    def connected_server_count(self) -> int:
        """Return how many of them are connected."""
        ...

    def tool_count(self) -> int:
        """Return how many tools can be called."""
        ...

    def docker_isolated_server_count(self) -> int:
        """Return how many upstream servers run in a container of their own."""
        ...

    def routing_mode(self) -> str:
        """Return the mode of routing; a word that is not known is reported as `other`."""
        ...

    def is_quarantine_enabled(self) -> bool:
        """Return whether the quarantine is on."""
        ...

    def is_docker_available(self) -> bool:
        """Return whether a Docker daemon can be reached; keep the answer, it is asked daily."""
        ...


Flags = Union[Mapping[str, bool], Callable[[], Mapping[str, bool]], None]
"""The author's own booleans: a mapping of names, a function that returns one, or nothing."""

StatsReading = Mapping[str, Any]
"""What was answered, by the name of the method; a method without a usable answer is absent."""


class StatsReader:
    """
    Asks a `RuntimeStats`, and the author's flags, for everything at once.

    *stats* may be None. *flags* is a mapping of names to booleans, a function that returns
    one, or None. Safe from any thread.
    """

    def __init__(
        self,
        stats: RuntimeStats | None = None,
        flags: Flags = None,
        *,
        answer_secs: float = _ANSWER_SECS,
    ) -> None:
        self._stats = stats
        self._flags = flags
        self._answer_secs = answer_secs
        self.after_fork()
        around_fork(in_child=self.after_fork)

    def after_fork(self) -> None:
        """Forget what hangs: in a forked child nothing does."""
        self._lock = threading.Lock()
        self._hanging: set[str] = set()  # guarded by _lock

    def read(self) -> dict[str, Any]:
        """Return what is answered within a second, checked and in plain values; never raises."""
        questions: list[_Question] = []
        if self._stats is not None:
            questions += [
                # Even looking for the method may run the application's code.
                _Question(name, lambda name=name: getattr(self._stats, name)(), accept)  # type: ignore[misc]
                for name, accept in _ACCEPT_OF_METHOD.items()
            ]
        if self._flags is not None:
            flags = self._flags
            questions.append(_Question("flags", lambda: flags() if callable(flags) else flags, _as_flags))
        return self._answers_to(questions)

    def _answers_to(self, questions: list[_Question]) -> dict[str, Any]:
        asked = []
        with self._lock:
            for question in questions:
                if question.name not in self._hanging:
                    self._hanging.add(question.name)
                    asked.append(question)
        if not asked:
            return {}
        # One thread asks them in turn; behind one that hangs, another goes on.
        waiting = list(asked)
        answers: dict[str, Any] = {}
        while waiting:
            round_ = _Round(waiting, self._let_go)
            round_.wait(self._answer_secs)
            for question in round_.answered:
                if question.is_answered:
                    answers[question.name] = question.answer
            waiting = waiting[len(round_.answered) + 1 :]
        return answers

    def _let_go(self, name: str) -> None:
        with self._lock:
            self._hanging.discard(name)


class _Question:
    """One method, what makes its answer usable, and the answer."""

    def __init__(self, name: str, ask: Callable[[], Any], accept: Callable[[Any], Any]) -> None:
        self.name = name
        self._ask = ask
        self._accept = accept
        self.is_answered = False
        self.answer: Any = None

    def put(self) -> None:
        """Ask; an answer that is none leaves the question open."""
        try:
            self.answer = self._accept(self._ask())
            self.is_answered = self.answer is not None
        except Exception:  # noqa: BLE001  the application's own affair
            self.is_answered = False


class _Round:
    """Questions put one after the other by a thread, until one hangs."""

    def __init__(self, questions: list[_Question], let_go: Callable[[str], None]) -> None:
        self._left = list(questions)
        self._let_go = let_go
        self._changed = threading.Condition()
        self._answered: list[_Question] = []  # guarded by _changed, as is the next
        self._is_given_up = False
        self._worker = Worker(self._turn, name="mcptelemetry-stats", on_end=lambda: None)
        self._is_asking = self._worker.ensure_running()

    @property
    def answered(self) -> list[_Question]:
        """The questions that came back, in order."""
        with self._changed:
            return list(self._answered)

    def wait(self, secs_each: float) -> None:
        """Wait until all came back, or one has taken longer than *secs_each*."""
        with self._changed:
            while self._is_asking and len(self._answered) < len(self._left):
                before = len(self._answered)
                if not self._changed.wait_for(lambda before=before: len(self._answered) > before, secs_each):  # type: ignore[misc]
                    break
            self._is_given_up = True

    def _turn(self) -> bool:
        with self._changed:
            number = len(self._answered)
            if self._is_given_up or number >= len(self._left):
                return False
        question = self._left[number]
        question.put()
        self._let_go(question.name)
        with self._changed:
            if not self._is_given_up:
                self._answered.append(question)
            self._changed.notify_all()
        return True


# -- what is a usable answer: each returns it as a plain value, or None ------------------


def _as_count(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return min(max(0, int(value)), COUNT_MAX)


def _as_flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _as_routing_mode(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    return str(value) if value in ROUTING_MODES else OTHER


def _as_features(value: Any) -> dict[str, object] | None:
    return value.to_dict() if isinstance(value, FeatureFlagSnapshot) else None


def _as_protocol_counts(value: Iterable[Any]) -> dict[str, int] | None:
    if isinstance(value, (str, bytes)):
        return None
    counts = dict.fromkeys(PROTOCOLS, 0)
    for protocol in islice(value, _SERVERS_MAX):
        word = protocol.lower().replace("-", "_") if isinstance(protocol, str) else ""
        counts[word if word in counts else "auto"] += 1
    return counts


def _as_flags(value: Any) -> dict[str, bool] | None:
    if not isinstance(value, Mapping):
        return None
    usable = {name: flag for name, flag in value.items() if isinstance(name, str) and isinstance(flag, bool)}
    return dict(sorted(usable.items())[:OPEN_MAP_ENTRIES_MAX])


_ACCEPT_OF_METHOD: Mapping[str, Callable[[Any], Any]] = {
    "server_count": _as_count,
    "connected_server_count": _as_count,
    "tool_count": _as_count,
    "docker_isolated_server_count": _as_count,
    "routing_mode": _as_routing_mode,
    "is_quarantine_enabled": _as_flag,
    "is_docker_available": _as_flag,
    "feature_flags": _as_features,
    "server_protocols": _as_protocol_counts,
    "configured_ide_count": _as_count,
}
