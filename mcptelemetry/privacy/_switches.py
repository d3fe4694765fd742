"""
The switches of one application on this machine: gather what is said, then ask the table.

Nothing is remembered between two looks but files that are provably the same, so a no that
was said a moment ago already counts. Looking creates and changes nothing.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Union

from ..application import Application, is_released_version
from ..config import (
    CONFIG_FILE,
    PERSON_FILE,
    STATE_FILE,
    Mode,
    ModeWord,
    WatchedFile,
    load_config,
    person_directory,
    prepare_reader,
    read_mode,
)
from ..vocabulary import EnvDisabledReason
from ._rows import Decision, Stream, SwitchFacts, decide

__all__ = [
    "Decision",
    "StandingSwitches",
    "Stream",
    "Switches",
    "is_disabled_by_env",
    "is_test_runner",
    "is_under_test_runner",
    "standing_refusal",
]

_TEST_RUNNERS = frozenset({"pytest", "unittest", "nose2"})
_TEST_COMMANDS = frozenset({"pytest", "pytest.exe", "py.test", "py.test.exe", "nose2", "nose2.exe"})
# What stands on the stack while a test runs. Not all of `unittest`: its mocks are used elsewhere too.
_RUNNER_PACKAGES = frozenset({"pytest", "_pytest", "nose2"})
_RUNNER_MODULES = frozenset(
    {
        "unittest.async_case",
        "unittest.case",
        "unittest.loader",
        "unittest.main",
        "unittest.runner",
        "unittest.suite",
        "django.core.management.commands.test",
        "django.test.runner",
        "twisted.trial.runner",
    }
)
_REASON_OF_ROW = {1: EnvDisabledReason.DO_NOT_TRACK, 2: EnvDisabledReason.CI, 3: EnvDisabledReason.APP}


def is_disabled_by_env(
    environ: Mapping[str, str], *, app: Union[str, Application]
) -> tuple[bool, EnvDisabledReason]:
    """
    Return whether the environment switches *app* off, and which row of it does (rows 1 to 3).

    Raises `ValueError` or `TypeError` when *app* is no application name.
    """
    application = app if isinstance(app, Application) else Application(app)
    decision = decide(SwitchFacts(environ, application), Stream.HEARTBEAT)
    reason = _REASON_OF_ROW.get(decision.row, EnvDisabledReason.NONE)
    return reason is not EnvDisabledReason.NONE, reason


def standing_refusal(environ: Mapping[str, str], application: Application | None) -> str | None:
    """
    Return why *environ* forbids every transmission, or None; *application* may be unknown.

    These are the rows for a pipeline or an uploader that was built by hand; who asks often
    keeps a `StandingSwitches`.
    """
    return StandingSwitches(environ, application).refusal()


class StandingSwitches:
    """
    What binds a pipeline or an uploader that was built by hand: no application's files are known.

    Two rows of the environment, and the person's word about events, looked at anew each time.
    Safe from any thread.
    """

    def __init__(self, environ: Mapping[str, str], application: Application | None) -> None:
        prepare_reader()  # here, in the host's thread: the worker's may be forked over
        path = _path(person_directory(environ), PERSON_FILE)
        self._person = WatchedFile(path, read_mode)
        self._said_so_far = SwitchFacts(environ, application, names=(CONFIG_FILE, path, STATE_FILE))

    def look(self) -> SwitchFacts:
        """Gather what is said now."""
        return self._said_so_far._replace(person=self._person.look())

    def refusal(self, facts: SwitchFacts | None = None) -> str | None:
        """Return why nothing may leave by *facts* (None: now), or None: the gate's question."""
        decision = self.decide(facts)
        return None if decision.may_send else decision.reason

    def decide(self, facts: SwitchFacts | None = None) -> Decision:
        """Return whether anything may leave by *facts* (None: now), and why."""
        return decide(self.look() if facts is None else facts, Stream.OPERATOR_EVENTS)


def is_under_test_runner() -> bool:
    """Return whether this process is a test runner's: `__main__` is one, or one called us from the main thread."""
    return is_test_runner() or any(_is_of_test_runner(name) for name in _modules_on_main_stack())


def _modules_on_main_stack() -> Iterator[str]:
    """Yield the names of the modules whose functions the main thread is in now."""
    frame = _main_frame()
    while frame is not None:
        yield str(frame.f_globals.get("__name__", ""))
        frame = frame.f_back


def _main_frame() -> FrameType | None:
    """Return the innermost frame of the main thread; None where the interpreter does not tell."""
    main_ident = threading.main_thread().ident or 0
    if threading.get_ident() == main_ident:
        return sys._getframe(1)
    if not hasattr(sys, "_current_frames"):
        return None  # then `__main__` and the environment have to do
    # A collection of garbage in the middle of it would stop the process for ever (up to 3.11.7).
    collects = gc.isenabled()
    gc.disable()
    try:
        return sys._current_frames().get(main_ident)
    finally:
        if collects:
            gc.enable()


def _is_of_test_runner(module: str) -> bool:
    return module.split(".", maxsplit=1)[0] in _RUNNER_PACKAGES or module in _RUNNER_MODULES


def is_test_runner(main: object = None) -> bool:
    """
    Return whether *main*, by default this process's `__main__`, is a test runner.

    It is recognised by the module it was started as (``python -m pytest``) or by the name
    of its file (the command ``pytest``).
    """
    module = sys.modules.get("__main__") if main is None else main
    name = getattr(getattr(module, "__spec__", None), "name", None) or ""
    file = str(getattr(module, "__file__", None) or "").replace("\\", "/")
    parent, _, command = file.removesuffix("/__main__.py").rpartition("/")
    by_folder = file.endswith("/__main__.py") and command in _TEST_RUNNERS and bool(parent)
    return name.split(".")[0] in _TEST_RUNNERS or by_folder or command in _TEST_COMMANDS


class Switches:
    """
    The table, for one application on this machine.

    Without an *application* (None) it is what holds for all of them: the environment and the
    person-wide mode.

    *environ* is looked at anew each time, and so are the files in *data_dir* and
    *person_dir* (None: derived from *environ*; ``""``: there is none). *version* tells a
    development build from a release. *default* is the author's. *is_under_test* None means
    to look for a test runner, once: in `__main__` and on the main thread's stack.
    *clock* gives Unix seconds. Raises `ValueError` for a *default* that is no mode.

    Safe from any thread.
    """

    def __init__(
        self,
        application: Application | None,
        *,
        environ: Mapping[str, str] | None = None,
        version: str = "",
        default: Mode | ModeWord = Mode.ON,
        data_dir: str | None = None,
        person_dir: str | None = None,
        is_under_test: bool | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if default not in tuple(Mode):
            msg = f'default={default!r} is not a mode; say "on", "local" or "off"'
            raise ValueError(msg)
        prepare_reader()  # here, in the host's thread: the worker's may be forked over
        environ = os.environ if environ is None else environ
        # The password file may know a home that the environment does not: refusals are
        # looked for there, but nothing is recorded where a shell would not look for it.
        has_place = data_dir is not None or application is None or _names_a_place(environ, application)
        if data_dir is None:
            data_dir = application.data_directory(environ) if application is not None else ""
        person = person_directory(environ) if person_dir is None else person_dir
        self.config_path: str = _path(data_dir, CONFIG_FILE)
        self.state_path: str = _path(data_dir, STATE_FILE)
        self.person_path: str = _path(person, PERSON_FILE)
        self._config = WatchedFile(self.config_path, load_config, clock=clock)
        self._person = WatchedFile(self.person_path, read_mode, clock=clock)
        self._state = WatchedFile(self.state_path, read_mode, clock=clock)
        self._said_so_far = SwitchFacts(
            environ,
            application,
            has_home=bool(has_place and person and (data_dir or application is None)),
            is_released=is_released_version(version),
            is_under_test=is_under_test_runner() if is_under_test is None else is_under_test,
            default=Mode(default),
            names=(self.config_path, self.person_path, self.state_path),
        )

    def look(self) -> SwitchFacts:
        """Gather what is said now; `decide(facts, stream)` and `facts.generation` then agree."""
        return self._said_so_far._replace(
            config=self._config.look(), person=self._person.look(), state=self._state.look()
        )

    def decide(self, stream: Stream) -> Decision:
        """Return whether *stream* may leave now, and why."""
        return decide(self.look(), stream)

    def refusal(self, stream: Stream) -> str | None:
        """Return why *stream* may not leave now, or None when it may: the gate's question."""
        decision = self.decide(stream)
        return None if decision.may_send else decision.reason

    def may_remember(self) -> bool:
        """
        Return whether it may be stored what became of what was sent.

        After a no nothing is, whoever said it. A build without a version of its own is no word
        of anybody's: an operator who wraps somebody else's program wants to know, too.
        """
        facts = self.look()._replace(is_released=True)
        return decide(facts, Stream.HEARTBEAT).mode is not Mode.OFF

    def generation(self) -> str | None:
        """
        Return the generation under which something is counted now.

        It is another one after each change of the person-wide or the application's mode.
        None when a mode file cannot be read: then nothing may be recorded under any
        generation, and nothing that is stored may be taken for old either.
        """
        return self.look().generation

    def events_generation(self) -> str | None:
        """
        Return the generation of an operator's events now: another one after each word about events.

        None while it cannot be read.
        """
        return self.look().events_generation


def _names_a_place(environ: Mapping[str, str], application: Application) -> bool:
    """Return whether *environ* says where the files of *application* are."""
    variables = (f"{application.env_prefix}_HOME", "HOME", "USERPROFILE")
    return any(environ.get(variable, "").strip() for variable in variables)


def _path(directory: str, name: str) -> str:
    # Absolute: a host that changes its directory must not lose sight of a refusal.
    return os.path.join(os.path.abspath(directory), name) if directory else ""
