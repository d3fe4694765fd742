"""
The switch table: what each row says, whom it binds, and in which order they are asked.

The rows are pure functions of facts that were gathered in one look, so that no file can
change between two rows. In doubt the answer is off: what cannot be read may have been a
refusal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import NamedTuple, Optional

from ..application import PRINT, YES_WORDS, Application, is_tracking_refused
from ..config import CONFIG_FILE, PERSON_FILE, STATE_FILE, BrokenFile, Config, Mode, ModeRecord
from ..errors import ConfigError

__all__ = ["ROWS", "Decision", "Row", "Stream", "SwitchFacts", "decide"]

_PRINTS = ", documents are written to standard error instead of being sent"
_TEST_VARIABLES = ("PYTEST_VERSION", "PYTEST_CURRENT_TEST", "PYTEST_XDIST_WORKER")


class Stream(Enum):
    """What wants to leave, as far as the switches tell it apart."""

    HEARTBEAT = "heartbeat"
    AUTHOR_EVENTS = "the author's events"
    OPERATOR_EVENTS = "the operator's events"


class Decision(NamedTuple):
    """
    The verdict of the table: the *mode*, the *reason* in words, and the *row* that said so.

    *row* is 1 to 8 as in the documentation of the switches, 0 for what stands beside the
    table: no home directory, and what `[proxy.telemetry]` says about events.
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

    @property
    def is_printed(self) -> bool:
        """Whether what would leave is written to standard error: a no that shows what it keeps back."""
        return self.row == 3 and self.reason.endswith(_PRINTS)


class SwitchFacts(NamedTuple):
    """
    Everything the rows look at, gathered in one look.

    *application* is None when it is not known. Each file is what it says, None when there
    is none, or the `ConfigError` that says why nobody knows. *names* are their paths:
    settings, person-wide, state.
    """

    environ: Mapping[str, str]
    application: Application | None
    config: Config | ConfigError = Config()
    person: ModeRecord | ConfigError | None = None
    state: ModeRecord | ConfigError | None = None
    has_home: bool = True
    is_released: bool = True
    is_under_test: bool = False
    default: Mode = Mode.ON
    names: tuple[str, str, str] = (CONFIG_FILE, PERSON_FILE, STATE_FILE)

    @property
    def generation(self) -> str | None:
        """What names all that a person said, as of now; see `Switches.generation`."""
        if any(isinstance(found, ConfigError) for found in (self.person, self.state, self.config)):
            return None
        records = [
            found.generation if isinstance(found, ModeRecord) else "" for found in (self.person, self.state)
        ]
        settings = _settings(self)
        # Nothing said in the settings is no word of theirs; a yes to something else's default is.
        return "|".join([*records, *([] if settings is None else [str(settings[0])])])

    @property
    def events_generation(self) -> str | None:
        """
        What names all that binds an operator's events, as of now; a mode does not.

        None when it cannot be read: what does not refuse them by that lets them go as before.
        """
        if isinstance(self.person, ConfigError) or isinstance(self.config, ConfigError):
            return None
        is_refused = self.config.events_doubt or not self.config.proxy.enabled
        said = "" if self.person is None else self.person.events_generation
        return f"{said}|off" if is_refused else said


_Said = Optional[tuple[Mode, str]]


def _do_not_track(facts: SwitchFacts) -> _Said:
    return (Mode.OFF, "DO_NOT_TRACK") if is_tracking_refused(facts.environ) else None


def _ci(facts: SwitchFacts) -> _Said:
    said = facts.environ.get("CI", "").strip().lower()
    return (Mode.OFF, "CI") if said in ("true", "1") else None


def _opt_out(facts: SwitchFacts) -> _Said:
    if facts.application is None:
        return None
    variable = facts.application.switch_variable
    said = facts.application.switch_word(facts.environ)
    if not said or said in YES_WORDS:
        return None
    return Mode.OFF, f"{variable}={PRINT}{_PRINTS}" if said == PRINT else f"{variable}=false"


def _damaged_config(facts: SwitchFacts) -> _Said:
    return _doubt(facts.config)


def _damaged_person(facts: SwitchFacts) -> _Said:
    return _doubt(facts.person)


def _damaged_state(facts: SwitchFacts) -> _Said:
    return _doubt(facts.state)


def _doubt(found: object) -> _Said:
    return (Mode.OFF, str(found)) if isinstance(found, ConfigError) else None


def _refused_or_damaged_events(facts: SwitchFacts) -> _Said:
    found = facts.person
    if isinstance(found, BrokenFile) and found.mentions("events"):
        return Mode.OFF, str(found)  # whoever spoke about events there may have refused them all
    if isinstance(found, ModeRecord) and not found.has_events:
        return Mode.OFF, f"events are refused for all applications, in {facts.names[1]}"
    return None


def _no_events(facts: SwitchFacts) -> _Said:
    config = facts.config
    if not isinstance(config, Config):
        return None
    if config.events_doubt:
        return Mode.OFF, config.events_doubt
    if not config.proxy.enabled:
        return Mode.OFF, f"[proxy.telemetry] enabled = false in {facts.names[0]}"
    return None


def _no_home(facts: SwitchFacts) -> _Said:
    if facts.has_home:
        return None
    return Mode.OFF, "no home directory: nothing can be recorded, so nothing is sent"


def _person_wide(facts: SwitchFacts) -> _Said:
    found = facts.person
    if not isinstance(found, ModeRecord) or found.mode is Mode.ON:
        return None  # a person-wide yes lifts no other refusal
    if found.mode is Mode.LOCAL:
        own = _settings(facts) or _state(facts)
        if own is not None and own[0] is Mode.OFF:
            return None  # local wins over a yes; it does not soften an application's no
    return found.mode, found.doubt or f"{found.mode} for all applications, in {facts.names[1]}"


def _settings(facts: SwitchFacts) -> _Said:
    config = facts.config
    if not isinstance(config, Config):
        return None
    if config.telemetry_doubt:
        return Mode.OFF, config.telemetry_doubt
    if config.telemetry.enabled is False:
        return Mode.OFF, f"[telemetry] enabled = false in {facts.names[0]}"
    if config.telemetry.mode is not None:
        return config.telemetry.mode, f"[telemetry] mode, {config.telemetry.mode} in {facts.names[0]}"
    return None


def _state(facts: SwitchFacts) -> _Said:
    found = facts.state
    if not isinstance(found, ModeRecord):
        return None
    return found.mode, found.doubt or f"{found.mode} in {facts.names[2]}"


def _not_for_real(facts: SwitchFacts) -> _Said:
    if facts.application is not None and facts.application.switch_word(facts.environ) in YES_WORDS:
        return None
    if not facts.is_released:
        return Mode.OFF, "a development build"
    if facts.is_under_test or any(name in facts.environ for name in _TEST_VARIABLES):
        return Mode.OFF, "run by a test runner"
    return None


def _default(facts: SwitchFacts) -> _Said:
    return facts.default, f"the author's default, {facts.default}"


def _operator(_facts: SwitchFacts) -> _Said:
    return Mode.ON, "the operator named an endpoint"


class Row(NamedTuple):
    """One row: its *number* in the documentation, whom it binds, and what it says, if anything."""

    number: int
    streams: frozenset[Stream]
    judge: Callable[[SwitchFacts], _Said]


_ALL = frozenset(Stream)
_OURS = frozenset({Stream.HEARTBEAT, Stream.AUTHOR_EVENTS})
_EVENTS = frozenset({Stream.AUTHOR_EVENTS, Stream.OPERATOR_EVENTS})

ROWS: tuple[Row, ...] = (
    Row(1, _ALL, _do_not_track),
    Row(2, _OURS, _ci),
    Row(3, _ALL, _opt_out),
    # What nobody can read comes before what anybody says: a refusal may stand in it.
    Row(4, _OURS, _damaged_person),
    Row(4, _EVENTS, _refused_or_damaged_events),
    Row(5, _ALL, _damaged_config),
    Row(6, _OURS, _damaged_state),
    Row(0, _EVENTS, _no_events),
    Row(0, _OURS, _no_home),
    Row(4, _OURS, _person_wide),
    Row(5, _OURS, _settings),
    Row(6, _OURS, _state),
    Row(7, _OURS, _not_for_real),
    Row(8, _OURS, _default),
    Row(0, frozenset({Stream.OPERATOR_EVENTS}), _operator),
)
# Asked several times for each transmission, so picked out once.
_ROWS_OF_STREAM = {stream: tuple(row for row in ROWS if stream in row.streams) for stream in Stream}


def decide(facts: SwitchFacts, stream: Stream) -> Decision:
    """Return what the first row that binds *stream* and has something to say, says."""
    for row in _ROWS_OF_STREAM[stream]:
        verdict = row.judge(facts)
        if verdict is not None:
            return Decision(verdict[0], verdict[1], row.number)
    return Decision(Mode.OFF, "no row said anything", 0)  # pragma: no cover  the last two rows always do
