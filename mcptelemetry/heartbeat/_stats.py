"""
What the application says about itself, asked for with every precaution.

The application's code runs here, on our account: it may raise, hang or lack a method, and
then that one field is not known. Each question is asked on a thread of its own and waited
for no longer than a second; one that hangs is not asked again while it hangs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any, Protocol, Union

from ..system import WakeEvent, Worker, around_fork
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
        # What is being asked, or hangs: entered and left by the thread that asks, in single steps.
        self._hanging: dict[str, _Question] = {}

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
        # One thread asks them in turn; behind one that hangs, another goes on.
        waiting = [question for question in questions if question.name not in self._hanging]
        answers: dict[str, Any] = {}
        while waiting:
            answered = _Round(waiting, self._hanging).wait(self._answer_secs)
            answers.update({question.name: question.answer for question in answered if question.is_answered})
            waiting = waiting[len(answered) + 1 :]
        return answers


class _Question:
    """One method, what makes its answer usable, and the answer."""

    def __init__(self, name: str, ask: Callable[[], Any], accept: Callable[[Any], Any]) -> None:
        self.name = name
        self._ask = ask
        self._accept = accept
        self.is_answered = False
        self.answer: Any = None

    def put(self) -> None:
        """Ask; an invalid answer leaves the question open."""
        try:
            self.answer = self._accept(self._ask())
            self.is_answered = self.answer is not None
        except Exception:  # noqa: BLE001  the application's own affair
            self.is_answered = False


class _Round:
    """Questions put one after the other by a thread, until one hangs."""

    def __init__(self, questions: list[_Question], hanging: dict[str, _Question]) -> None:
        self._left = tuple(questions)
        self._hanging = hanging
        self._wake_event = WakeEvent()
        # Each change is one step of the interpreter.
        self._came_back: list[_Question] = []
        self._is_given_up = False
        self._worker = Worker(self._turn, name="mcptelemetry-stats", on_end=lambda: None)
        self._is_asking = self._worker.ensure_running()

    def wait(self, secs_each: float) -> list[_Question]:
        """Wait until all came back, or one has taken longer than *secs_each*; return those that came back."""
        count = -1
        while self._is_asking and count < len(self._came_back) < len(self._left):
            count = len(self._came_back)
            self._wake_event.wait_for(lambda count=count: len(self._came_back) > count, secs_each)  # type: ignore[misc]
        self._is_given_up = True
        return list(self._came_back)

    def _turn(self) -> bool:
        number = len(self._came_back)
        if self._is_given_up or number >= len(self._left):
            return False
        question = self._left[number]
        if self._hanging.setdefault(question.name, question) is question:
            question.put()
            self._hanging.pop(question.name, None)
        self._came_back.append(question)
        self._wake_event.set()
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
