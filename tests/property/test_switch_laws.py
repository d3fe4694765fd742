"""Laws of the switches: whatever is written or set, a refusal is never lost and nothing raises."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Union

from hypothesis import given, settings
from hypothesis import strategies as st

from mcptelemetry.application import Application
from mcptelemetry.config import Config, Mode, ModeRecord, ProxySettings, TelemetrySettings, load_config, read_mode, write_mode
from mcptelemetry.errors import ConfigError
from mcptelemetry.privacy._rows import SwitchFacts, Stream, decide
from mcptelemetry.privacy._switches import Switches, is_disabled_by_env, standing_refusal

APP = Application("acme-mcp")
OWN = APP.switch_variable
WORDS = st.sampled_from(["", " ", "0", "1", "true", "TRUE", "false", "on", "off", "yes", "no", "local", " 1 ", "x"]) | st.text(max_size=5)
ENVIRONMENTS = st.dictionaries(st.sampled_from(["DO_NOT_TRACK", "CI", OWN, "PYTEST_VERSION"]), WORDS)
MODES = st.sampled_from(list(Mode))
RECORDS = st.none() | st.builds(ModeRecord, MODES, st.just("s"), doubt=st.just(""), events=st.just("on")) | st.just(ConfigError("damaged"))
EVENTS_WORDS = st.just("on") | WORDS
PERSONS = RECORDS | st.builds(ModeRecord, MODES, st.just("s"), doubt=st.just(""), events=EVENTS_WORDS)
CONFIGS: st.SearchStrategy[Union[Config, ConfigError]] = st.just(ConfigError("damaged")) | st.builds(
    Config,
    telemetry=st.builds(TelemetrySettings, enabled=st.none() | st.booleans(), mode=st.none() | MODES, endpoint=st.none()),
    proxy=st.booleans().map(lambda is_enabled: ProxySettings(enabled=is_enabled)),
    # What the rows do not look at, as a missing file has it: of a named tuple every field would be made up.
    **{name: st.just(getattr(Config(), name)) for name in ("network", "routing", "warnings", "telemetry_doubt", "events_doubt")},
)
FACTS = st.builds(
    SwitchFacts,
    ENVIRONMENTS,
    st.just(APP),
    config=CONFIGS,
    person=PERSONS,
    state=RECORDS,
    has_home=st.booleans(),
    is_released=st.booleans(),
    is_under_test=st.booleans(),
    default=MODES,
)
REFUSALS = {
    "do not track": lambda facts: facts._replace(environ={**facts.environ, "DO_NOT_TRACK": "1"}),
    "own no": lambda facts: facts._replace(environ={**facts.environ, OWN: "off"}),
    "no events": lambda facts: facts._replace(person=ModeRecord(Mode.ON, "s", events="off")),
    "damaged settings": lambda facts: facts._replace(config=ConfigError("damaged")),
    "CI": lambda facts: facts._replace(environ={**facts.environ, "CI": "true"}),
    "person-wide off": lambda facts: facts._replace(person=ModeRecord(Mode.OFF, "")),
    "person-wide local": lambda facts: facts._replace(person=ModeRecord(Mode.LOCAL, "")),
    "damaged person": lambda facts: facts._replace(person=ConfigError("damaged")),
    "damaged state": lambda facts: facts._replace(state=ConfigError("damaged")),
    "settings off": lambda facts: facts._replace(config=Config(telemetry=TelemetrySettings(enabled=False))),
    "no home": lambda facts: facts._replace(has_home=False),
}
FOR_ALL = {"do not track", "own no", "damaged settings"}


@given(FACTS, st.sampled_from(sorted(REFUSALS)))
def test_refusal_is_never_outvoted(facts: SwitchFacts, name: str) -> None:
    """Whatever else is said, each of these refusals keeps the streams it binds from leaving."""
    refused = REFUSALS[name](facts)
    bound = set(Stream) if name in FOR_ALL else {Stream.HEARTBEAT, Stream.AUTHOR_EVENTS}
    bound = {Stream.AUTHOR_EVENTS, Stream.OPERATOR_EVENTS} if name == "no events" else bound
    assert not any(decide(refused, stream).may_send for stream in bound)


@given(FACTS)
def test_operator_events_obey_their_own_rows_only(facts: SwitchFacts) -> None:
    """An operator's events leave exactly when rows 1 and 3, the word about events and [proxy.telemetry] let them."""
    expected = (
        standing_refusal(facts.environ, APP) is None
        and isinstance(facts.config, Config)
        and facts.config.proxy.enabled
        and not (isinstance(facts.person, ModeRecord) and facts.person.events != "on")
    )
    assert decide(facts, Stream.OPERATOR_EVENTS).may_send is expected


@given(FACTS)
def test_author_events_leave_only_with_the_heartbeat(facts: SwitchFacts) -> None:
    """The author's events never leave when the heartbeat may not."""
    if decide(facts, Stream.AUTHOR_EVENTS).may_send:
        assert decide(facts, Stream.HEARTBEAT).may_send


@given(FACTS)
def test_every_decision_has_a_reason_and_a_row(facts: SwitchFacts) -> None:
    """Whatever was said, there is one mode, one row and one reason in words."""
    for stream in Stream:
        decision = decide(facts, stream)
        assert decision.reason
        assert decision.row in range(9)
        if is_disabled_by_env(facts.environ, app=APP)[0] and stream is not Stream.OPERATOR_EVENTS:
            assert decision.is_by_environment


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_in_a_file_give_a_value_or_our_error(content: bytes) -> None:
    """Settings and mode files of any content are read or refused, and the switches never raise."""
    with tempfile.TemporaryDirectory() as name:
        for file in ("telemetry.toml", "telemetry-state.toml", "person.toml"):
            path = Path(name) / file
            path.write_bytes(content)
            for read in (load_config, read_mode):
                try:
                    read(str(path))
                except ConfigError as error:
                    assert str(path) in str(error)
                    assert "\n" not in str(error)
            asked = Switches(APP, environ={}, version="1.0", data_dir=name, person_dir=name, is_under_test=False)
            for stream in Stream:
                asked.decide(stream)
            asked.generation()
            path.unlink()


SAID_NO = [
    "[telemetry]\nenabled = false\n",
    "[telemetry]\nenabled = false",
    '[telemetry]\r\nmode = "off"\r\n',
    '\ufeff[telemetry]\nmode = "local"\n',
    "[ telemetry ] # mine\n\n  enabled=false # no\n",
    "telemetry.enabled = false\n",
    "telemetry = {enabled = false}\n",
]


@settings(deadline=None)
@given(st.sampled_from(SAID_NO))
def test_settings_that_are_cut_off_never_turn_a_no_into_a_yes(text: str) -> None:
    """Cut at every byte, settings that refuse go on refusing."""
    whole = text.encode()
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "telemetry.toml"
        asked = Switches(APP, environ={}, version="1.0", data_dir=name, person_dir=name, is_under_test=False)
        for length in range(len(whole) + 1):
            path.write_bytes(whole[:length])
            assert not asked.decide(Stream.HEARTBEAT).may_send, whole[:length]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(MODES, st.floats(0, 4e9)), max_size=12))
def test_generation_is_never_used_twice(said: list[tuple[Mode, float]]) -> None:
    """Whatever is said at whatever time of an unsteady clock, a mode that differs begins a new generation."""
    with tempfile.TemporaryDirectory() as name:
        asked = Switches(APP, environ={}, version="1.0", data_dir=name, person_dir=name, is_under_test=False)
        seen = [asked.generation()]
        last = None
        for mode, now in said:
            write_mode(asked.state_path, mode, clock=lambda now=now: now)  # type: ignore[misc]  # bound early
            if mode is not last:
                seen.append(asked.generation())
            assert asked.generation() == seen[-1]
            last = mode
        assert len(set(seen)) == len(seen)
