"""
The switches: one table, read top to bottom, that decides whether something may leave.

Nothing is remembered between two looks but files that are provably the same, so a no that
was said a moment ago already counts. Looking creates and changes nothing. In doubt the
answer is off: what cannot be read may have been a refusal.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from enum import Enum
from typing import NamedTuple, Optional, Union

from ..application import Application, is_released_version
from ..config import (
    CONFIG_FILE,
    PERSON_FILE,
    STATE_FILE,
    Config,
    Mode,
    ModeRecord,
    WatchedFile,
    load_config,
    person_directory,
    read_mode,
)
from ..errors import ConfigError
from ..vocabulary import EnvDisabledReason

__all__ = ["ROWS", "Decision", "Row", "Stream", "Switches", "is_disabled_by_env", "is_test_runner"]

_YES = frozenset({"1", "true", "on", "yes"})
_TEST_RUNNERS = frozenset({"pytest", "unittest"})
_TEST_COMMANDS = frozenset({"pytest", "pytest.exe", "py.test", "py.test.exe"})


class Stream(Enum):
    """What wants to leave, as far as the switches tell it apart."""

    HEARTBEAT = "heartbeat"
    AUTHOR_EVENTS = "the author's events"
    OPERATOR_EVENTS = "the operator's events"


class Decision(NamedTuple):
    """
    The verdict of the table: the *mode*, the *reason* in words, and the *row* that said so.

    *row* is 1 to 8 as in the documentation of the switches, 0 for what the table presumes:
    a home directory, and events that `[proxy.telemetry]` has not switched off.
    """

    mode: Mode
    reason: str
    row: int

    @property
    def may_send(self) -> bool:
        """Whether something may leave."""
        return self.mode is Mode.ON

    @property
    def is_by_environment(self) -> bool:
        """Whether the environment refused: for this process alone, what is stored stays."""
        return self.mode is Mode.OFF and self.row in (1, 2, 3)


class Facts(NamedTuple):
    """
    Everything the rows look at.

    The three files are functions, so that a row which is not reached reads nothing; each
    gives what the file says, or the `ConfigError` that says why nobody knows.
    """

    environ: Mapping[str, str]
    application: Application | None
    config: Callable[[], Config | ConfigError]
    person: Callable[[], ModeRecord | ConfigError | None]
    state: Callable[[], ModeRecord | ConfigError | None]
    has_home: bool = True
    is_released: bool = True
    is_under_test: bool = False
    default: Mode = Mode.ON
    names: tuple[str, str, str] = (CONFIG_FILE, PERSON_FILE, STATE_FILE)


_Verdict = Optional[tuple[Mode, str]]


def _do_not_track(facts: Facts) -> _Verdict:
    said = facts.environ.get("DO_NOT_TRACK", "").strip()
    return (Mode.OFF, "DO_NOT_TRACK") if said not in ("", "0") else None


def _ci(facts: Facts) -> _Verdict:
    said = facts.environ.get("CI", "").strip().lower()
    return (Mode.OFF, "CI") if said in ("true", "1") else None


def _opt_out(facts: Facts) -> _Verdict:
    if facts.application is None:
        return None
    variable = facts.application.switch_variable
    said = facts.environ.get(variable, "").strip().lower()
    return (Mode.OFF, f"{variable}=false") if said and said not in _YES else None


def _damaged_config(facts: Facts) -> _Verdict:
    return _doubt(facts.config())


def _damaged_person(facts: Facts) -> _Verdict:
    return _doubt(facts.person())


def _damaged_state(facts: Facts) -> _Verdict:
    return _doubt(facts.state())


def _doubt(found: object) -> _Verdict:
    return (Mode.OFF, str(found)) if isinstance(found, ConfigError) else None


def _no_events(facts: Facts) -> _Verdict:
    config = facts.config()
    if isinstance(config, Config) and not config.proxy.enabled:
        return Mode.OFF, f"[proxy.telemetry] enabled = false in {facts.names[0]}"
    return None


def _no_home(facts: Facts) -> _Verdict:
    if facts.has_home:
        return None
    return Mode.OFF, "no home directory: nothing can be recorded, so nothing is sent"


def _person_wide(facts: Facts) -> _Verdict:
    found = facts.person()
    if not isinstance(found, ModeRecord) or found.mode is Mode.ON:
        return None  # a person-wide yes lifts no other refusal
    return found.mode, found.doubt or f"{found.mode} for all applications, in {facts.names[1]}"


def _settings(facts: Facts) -> _Verdict:
    config = facts.config()
    if not isinstance(config, Config):
        return None
    if config.telemetry.enabled is False:
        return Mode.OFF, f"[telemetry] enabled = false in {facts.names[0]}"
    if config.telemetry.mode is not None:
        return config.telemetry.mode, f"[telemetry] mode, {config.telemetry.mode} in {facts.names[0]}"
    return None


def _state(facts: Facts) -> _Verdict:
    found = facts.state()
    if not isinstance(found, ModeRecord):
        return None
    return found.mode, found.doubt or f"{found.mode} in {facts.names[2]}"


def _not_for_real(facts: Facts) -> _Verdict:
    if facts.application is not None:
        said = facts.environ.get(facts.application.switch_variable, "").strip().lower()
        if said in _YES:
            return None
    if not facts.is_released:
        return Mode.OFF, "a development build"
    if facts.is_under_test or "PYTEST_VERSION" in facts.environ:
        return Mode.OFF, "run by a test runner"
    return None


def _default(facts: Facts) -> _Verdict:
    return facts.default, f"the author's default, {facts.default}"


class Row(NamedTuple):
    """One row: its *number* in the documentation, whom it binds, and what it says, if anything."""

    number: int
    streams: frozenset[Stream]
    judge: Callable[[Facts], _Verdict]


_ALL = frozenset(Stream)
_OURS = frozenset({Stream.HEARTBEAT, Stream.AUTHOR_EVENTS})
_EVENTS = frozenset({Stream.AUTHOR_EVENTS, Stream.OPERATOR_EVENTS})

ROWS: tuple[Row, ...] = (
    Row(1, _ALL, _do_not_track),
    Row(2, _OURS, _ci),
    Row(3, _ALL, _opt_out),
    # What nobody can read comes before what anybody says: a refusal may stand in it.
    Row(4, _OURS, _damaged_person),
    Row(5, _ALL, _damaged_config),
    Row(6, _OURS, _damaged_state),
    Row(0, _EVENTS, _no_events),
    Row(0, _OURS, _no_home),
    Row(4, _OURS, _person_wide),
    Row(5, _OURS, _settings),
    Row(6, _OURS, _state),
    Row(7, _OURS, _not_for_real),
    Row(8, _ALL, _default),
)


def decide(facts: Facts, stream: Stream) -> Decision:
    """Return what the first row that binds *stream* and has something to say, says."""
    for row in ROWS:
        if stream in row.streams:
            verdict = row.judge(facts)
            if verdict is not None:
                return Decision(verdict[0], verdict[1], row.number)
    return Decision(Mode.OFF, "no row said anything", 0)  # pragma: no cover  the last row always does


def is_disabled_by_env(
    environ: Mapping[str, str], *, app: Union[str, Application]  # noqa: UP007  3.9
) -> tuple[bool, EnvDisabledReason]:
    """
    Return whether the environment switches *app* off, and which row of it does (rows 1 to 3).

    Raises `ValueError` or `TypeError` when *app* is no application name.
    """
    application = app if isinstance(app, Application) else Application(app)
    facts = _environment(environ, application)
    for judge, reason in _REASON_OF_ROW:
        if judge(facts) is not None:
            return True, reason
    return False, EnvDisabledReason.NONE


_REASON_OF_ROW = (
    (_do_not_track, EnvDisabledReason.DO_NOT_TRACK),
    (_ci, EnvDisabledReason.CI),
    (_opt_out, EnvDisabledReason.APP),
)


def _environment(environ: Mapping[str, str], application: Application | None) -> Facts:
    return Facts(environ, application, config=Config, person=lambda: None, state=lambda: None)


def is_test_runner(main: object = None) -> bool:
    """
    Return whether *main*, by default this process's `__main__`, is pytest or unittest.

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

    *environ* is looked at anew each time, and so are the files in *data_dir* and
    *person_dir* (None: derived from *environ*; ``""``: there is none). *version* tells a
    development build from a release. *default* is the author's. *is_under_test* None means
    to look at `__main__`, once. *config_path* and *state_path* override single files.
    *clock* gives Unix seconds. Raises `ValueError` for a *default* that is no mode.

    Safe from any thread.
    """

    def __init__(
        self,
        application: Application,
        *,
        environ: Mapping[str, str] | None = None,
        version: str = "",
        default: Mode | str = Mode.ON,
        data_dir: str | None = None,
        person_dir: str | None = None,
        config_path: str | None = None,
        state_path: str | None = None,
        is_under_test: bool | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if default not in tuple(Mode):
            msg = f'default={default!r} is not a mode; say "on", "local" or "off"'
            raise ValueError(msg)
        environ = os.environ if environ is None else environ
        home = application.data_directory(environ) if data_dir is None else data_dir
        person = person_directory(environ) if person_dir is None else person_dir
        self.config_path = _path(home, CONFIG_FILE) if config_path is None else config_path
        self.state_path = _path(home, STATE_FILE) if state_path is None else state_path
        self.person_path = _path(person, PERSON_FILE)
        self._config = WatchedFile(self.config_path, load_config, clock=clock)
        self._person = WatchedFile(self.person_path, read_mode, clock=clock)
        self._state = WatchedFile(self.state_path, read_mode, clock=clock)
        self._facts = Facts(
            environ,
            application,
            config=self._config.look,
            person=self._person.look,
            state=self._state.look,
            has_home=bool(home and person),
            is_released=is_released_version(version),
            is_under_test=is_test_runner() if is_under_test is None else is_under_test,
            default=Mode(default),
            names=(self.config_path, self.person_path, self.state_path),
        )

    def decide(self, stream: Stream) -> Decision:
        """Return whether *stream* may leave now, and why."""
        return decide(self._facts, stream)

    def refusal(self, stream: Stream) -> str | None:
        """Return why *stream* may not leave now, or None when it may: the gate's question."""
        decision = self.decide(stream)
        return None if decision.may_send else decision.reason

    def generation(self) -> str | None:
        """
        Return the generation under which something is counted now.

        It is another one after each change of the person-wide or the application's mode.
        None when a mode file cannot be read: then nothing may be sent, and nothing that is
        stored may be taken for old either.
        """
        records = (self._person.look(), self._state.look())
        since = [record.since if isinstance(record, ModeRecord) else "" for record in records]
        return None if any(isinstance(record, ConfigError) for record in records) else "|".join(since)


def _path(directory: str, name: str) -> str:
    return os.path.join(directory, name) if directory else ""
