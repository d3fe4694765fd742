"""
The switch table, crossed: each spelling and state against the three streams.

The expected column is written by hand from the documentation of the switches, never
computed; the rest of the file holds what a table cannot say.
"""

from __future__ import annotations

import os
import subprocess
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from mcptelemetry.application import Application
from mcptelemetry.config import CONFIG_FILE, STATE_FILE, Mode, write_mode
from mcptelemetry.privacy._rows import ROWS, SwitchFacts, Stream, decide
from mcptelemetry.privacy._switches import StandingSwitches, Switches, is_disabled_by_env, is_test_runner, standing_refusal
from mcptelemetry.vocabulary import EnvDisabledReason

APP = Application("acme-mcp")
OWN = "ACME_MCP_TELEMETRY"
SINCE = 'since = "2026-01-31T12:00:00.000000Z"\n'
DIRECTORY = object()
DANGLING = object()
LOOP = object()
PIPE = object()


class Case(NamedTuple):
    """One state of the machine, and what it means for the heartbeat, the author's and the operator's events."""

    title: str
    expected: str
    environ: Mapping[str, str] = {}
    toml: object = None
    state: object = None
    person: object = None
    default: str = "on"
    version: str = "1.4.0"
    is_under_test: bool = False


OFF, ON, PROXY_OFF = "[telemetry]\nenabled = false\n", "[telemetry]\nenabled = true\n", "[proxy.telemetry]\nenabled = false\n"


def mode(word: str) -> str:
    """Return a mode file that says *word*."""
    return f'mode = "{word}"\n{SINCE}'


def toml_mode(word: str) -> str:
    """Return settings whose mode is *word*."""
    return f'[telemetry]\nmode = "{word}"\n'


# heartbeat / author's events / operator's events, and the row that decides the heartbeat
CASES = (
    Case("nothing said", "on on on 8"),
    # Row 1
    Case("DO_NOT_TRACK=1", "off off off 1", {"DO_NOT_TRACK": "1"}),
    Case("DO_NOT_TRACK=true", "off off off 1", {"DO_NOT_TRACK": "true"}),
    Case("DO_NOT_TRACK=false is a yes to not tracking", "off off off 1", {"DO_NOT_TRACK": "false"}),
    Case("DO_NOT_TRACK=00", "off off off 1", {"DO_NOT_TRACK": "00"}),
    Case("DO_NOT_TRACK=0", "on on on 8", {"DO_NOT_TRACK": "0"}),
    Case("DO_NOT_TRACK=0 with blanks", "on on on 8", {"DO_NOT_TRACK": " 0 "}),
    Case("DO_NOT_TRACK empty", "on on on 8", {"DO_NOT_TRACK": ""}),
    Case("DO_NOT_TRACK blank", "on on on 8", {"DO_NOT_TRACK": "  "}),
    Case("DO_NOT_TRACK before a yes", "off off off 1", {"DO_NOT_TRACK": "1", OWN: "1"}),
    Case("DO_NOT_TRACK before CI", "off off off 1", {"DO_NOT_TRACK": "1", "CI": "1"}),
    Case("DO_NOT_TRACK before damage", "off off off 1", {"DO_NOT_TRACK": "1"}, toml="[[["),
    # Row 2
    Case("CI=true", "off off on 2", {"CI": "true"}),
    Case("CI=TRUE", "off off on 2", {"CI": "TRUE"}),
    Case("CI=1", "off off on 2", {"CI": "1"}),
    Case("CI=false", "on on on 8", {"CI": "false"}),
    Case("CI=0", "on on on 8", {"CI": "0"}),
    Case("CI=yes", "on on on 8", {"CI": "yes"}),
    Case("CI empty", "on on on 8", {"CI": ""}),
    Case("CI with a yes of its own", "off off on 2", {"CI": "true", OWN: "1"}),
    Case("CI and a no of its own", "off off off 2", {"CI": "true", OWN: "0"}),
    Case("CI and a state that says on", "off off on 2", {"CI": "true"}, state=mode("on")),
    # Row 3
    Case("own=false", "off off off 3", {OWN: "false"}),
    Case("own=0", "off off off 3", {OWN: "0"}),
    Case("own=off", "off off off 3", {OWN: "off"}),
    Case("own=no", "off off off 3", {OWN: "no"}),
    Case("own=local", "off off off 3", {OWN: "local"}),
    Case("own=anything", "off off off 3", {OWN: "2"}),
    Case("own=1", "on on on 8", {OWN: "1"}),
    Case("own=True with blanks", "on on on 8", {OWN: " True "}),
    Case("own=ON", "on on on 8", {OWN: "ON"}),
    Case("own=Yes", "on on on 8", {OWN: "Yes"}),
    Case("own blank", "on on on 8", {OWN: "  "}),
    Case("another application's no", "on on on 8", {"ACME_TELEMETRY": "0"}),
    Case("a yes does not lift the person-wide no", "off off on 4", {OWN: "1"}, person=mode("off")),
    Case("a yes does not lift the settings", "off off on 5", {OWN: "1"}, toml=OFF),
    Case("a yes does not lift the state", "off off on 6", {OWN: "1"}, state=mode("off")),
    Case("a yes does not lift the author's default", "off off on 8", {OWN: "1"}, default="off"),
    # Row 4
    Case("person-wide off", "off off on 4", person=mode("off")),
    Case("person-wide local", "local local on 4", person=mode("local")),
    Case("person-wide on", "on on on 8", person=mode("on")),
    Case("person-wide on lifts no default", "off off on 8", person=mode("on"), default="off"),
    Case("person-wide on lifts no settings", "off off on 5", person=mode("on"), toml=OFF),
    Case("person-wide on lifts no state", "local local on 6", person=mode("on"), state=mode("local")),
    Case("person-wide off against a state that says on", "off off on 4", person=mode("off"), state=mode("on")),
    Case("person-wide off against settings that say on", "off off on 4", person=mode("off"), toml=toml_mode("on")),
    Case("person-wide local softens no state that says off", "off off on 6", person=mode("local"), state=mode("off")),
    Case("person-wide local against a state that says on", "local local on 4", person=mode("local"), state=mode("on")),
    Case("person-wide off against a state that says off too", "off off on 4", person=mode("off"), state=mode("off")),
    Case("person-wide off against settings that say off too", "off off on 4", person=mode("off"), toml=OFF),
    Case("person-wide local against a state that says local", "local local on 4", person=mode("local"), state=mode("local")),
    Case("person-wide local against settings that say local", "local local on 4", person=mode("local"), toml=toml_mode("local")),
    Case("person-wide local against settings that say on", "local local on 4", person=mode("local"), toml=toml_mode("on")),
    Case("person-wide local softens no settings that say off", "off off on 5", person=mode("local"), toml=OFF),
    Case("person-wide local against settings that say on before a state that says off", "local local on 4", person=mode("local"), toml=toml_mode("on"), state=mode("off")),
    Case("person-wide unknown mode", "off off on 4", person=mode("paused")),
    Case("person-wide ON in capitals is not known", "off off on 4", person=mode("ON")),
    Case("person-wide mode of another type", "off off on 4", person="mode = 1\n"),
    Case("person-wide without a mode", "off off on 4", person=SINCE),
    Case("person-wide without since", "on on on 8", person='mode = "on"\n'),
    Case("person-wide empty", "off off on 4", person=""),
    Case("person-wide malformed", "off off on 4", person='mode = "on\n'),
    Case("person-wide in latin-1", "off off on 4", person=b'mode = "on" # \xe9\n'),
    Case("person-wide is a directory", "off off on 4", person=DIRECTORY),
    Case("person-wide is a link to nothing", "off off on 4", person=DANGLING),
    Case("all events refused", "off off off 4", person=mode("off") + 'events = "off"\n'),
    Case("all events refused beside a yes", "on off off 8", person=mode("on") + 'events = "off"\n'),
    Case("all events refused beside a yes of the application", "on off off 6", person=mode("on") + 'events = "off"\n', state=mode("on")),
    Case("events on say nothing", "off off on 4", person=mode("off") + 'events = "on"\n'),
    Case("events with an unknown word", "off off off 4", person=mode("off") + 'events = "some"\n'),
    Case("events in capitals are not known", "on off off 8", person=mode("on") + 'events = "ON"\n'),
    Case("events of another type", "on off off 8", person=mode("on") + "events = true\n"),
    Case("events misspelt", "on off off 8", person=mode("on") + 'Event = "on"\n'),
    Case("a misspelt mode", "off off on 4", person='mode = "on"\nMode = "off"\n'),
    Case("a mode file that says disabled", "off off off 4", person='mode = "on"\ndisabled = true\n'),
    Case("damage beside a word about events", "off off off 4", person='mode = "off"\nEvents = "off\n'),
    # Row 5
    Case("settings enabled = false", "off off on 5", toml=OFF),
    Case("settings enabled = true say nothing", "on on on 8", toml=ON),
    Case("settings enabled = true lift no default", "off off on 8", toml=ON, default="off"),
    Case("settings enabled = true lift no state", "off off on 6", toml=ON, state=mode("off")),
    Case("settings mode off", "off off on 5", toml=toml_mode("off")),
    Case("settings mode local", "local local on 5", toml=toml_mode("local")),
    Case("settings mode on", "on on on 5", toml=toml_mode("on")),
    Case("settings mode on before the state", "on on on 5", toml=toml_mode("on"), state=mode("off")),
    Case("settings mode local before a state that says on", "local local on 5", toml=toml_mode("local"), state=mode("on")),
    Case("settings mode unknown", "off off on 5", toml=toml_mode("maybe")),
    Case("settings mode empty", "off off on 5", toml=toml_mode("")),
    Case("settings enabled = false and mode on", "off off on 5", toml=f'{OFF}mode = "on"\n'),
    Case("settings enabled = true and mode off", "off off on 5", toml=f'{ON}mode = "off"\n'),
    Case("settings enabled as text", "off off off 5", toml='[telemetry]\nenabled = "true"\n'),
    Case("settings enabled as a number", "off off off 5", toml="[telemetry]\nenabled = 1\n"),
    Case("settings mode as a bool", "off off off 5", toml="[telemetry]\nmode = true\n"),
    Case("settings with an unknown key", "on on on 8", toml="[telemetry]\ncolour = true\n"),
    Case("settings with a misspelt yes", "off off on 5", toml="[telemetry]\nenable = true\n"),
    Case("settings with a misspelt table of events", "on off off 8", toml="[proxy.telemtry]\nspool = true\n"),
    Case("settings with a misspelt switch of events", "on off off 8", toml="[proxy.telemetry]\nenable = true\n"),
    Case("settings with the switch of events a table too high", "on off off 8", toml="[proxy]\nenabled = false\n"),
    Case("settings with a switch in a table of events", "on off off 8", toml="[events]\nenabled = false\n"),
    Case("settings about something else", "on on on 8", toml='[network]\nca_bundle = "/ca.pem"\n'),
    Case("settings malformed", "off off off 5", toml="[telemetry\n"),
    Case("settings cut after the heading", "off off off 5", toml="[telemetry]\n"),
    Case("settings empty", "off off off 5", toml=""),
    Case("settings of another type elsewhere", "off off off 5", toml='[proxy.telemetry]\nbatch_size = "ten"\n'),
    Case("settings with a byte order mark", "off off on 5", toml=b"\xef\xbb\xbf[telemetry]\nenabled = false\n"),
    Case("settings in UTF-16", "off off off 5", toml=ON.encode("utf-16")),
    Case("settings in latin-1", "off off off 5", toml=b"# \xe9\n[telemetry]\nenabled = true\n"),
    Case("settings with Windows line ends", "off off on 5", toml=OFF.replace("\n", "\r\n").encode()),
    Case("settings are a directory", "off off off 5", toml=DIRECTORY),
    Case("settings are a link to nothing", "off off off 5", toml=DANGLING),
    Case("settings are a link to themselves", "off off off 5", toml=LOOP),
    Case("settings are a pipe", "off off off 5", toml=PIPE),
    Case("settings malformed against a state that says on", "off off off 5", toml="x", state=mode("on")),
    Case("settings malformed against a yes", "off off off 5", {OWN: "1"}, toml="x"),
    # Row 6
    Case("state off", "off off on 6", state=mode("off")),
    Case("state local", "local local on 6", state=mode("local")),
    Case("state on", "on on on 6", state=mode("on")),
    Case("state on lifts the author's off", "on on on 6", state=mode("on"), default="off"),
    Case("state on for a development build", "on on on 6", state=mode("on"), version="dev"),
    Case("state unknown", "off off on 6", state=mode("dormant")),
    Case("state empty", "off off on 6", state=""),
    Case("state malformed", "off off on 6", state='mode = "on"\nsince'),
    Case("state malformed against settings that say on", "off off on 6", state="mode", toml=toml_mode("on")),
    Case("state is a directory", "off off on 6", state=DIRECTORY),
    # Row 7
    Case("version dev", "off off on 7", version="dev"),
    Case("no version", "off off on 7", version=""),
    Case("version 1.0.dev3", "off off on 7", version="1.0.dev3"),
    Case("version 1.0+local", "off off on 7", version="1.0+local"),
    Case("version v2.0.0-rc.1", "on on on 8", version="v2.0.0-rc.1"),
    Case("a development build with a yes", "on on on 8", {OWN: "1"}, version="dev"),
    Case("PYTEST_VERSION", "off off on 7", {"PYTEST_VERSION": "8.3.0"}),
    Case("PYTEST_VERSION with a yes", "on on on 8", {"PYTEST_VERSION": "8.3.0", OWN: "yes"}),
    Case("PYTEST_CURRENT_TEST", "off off on 7", {"PYTEST_CURRENT_TEST": "tests/test_a.py::test_b (call)"}),
    Case("PYTEST_XDIST_WORKER", "off off on 7", {"PYTEST_XDIST_WORKER": "gw0"}),
    Case("PYTEST_XDIST_WORKER with a yes", "on on on 8", {"PYTEST_XDIST_WORKER": "gw0", OWN: "1"}),
    Case("print is a no", "off off off 3", {OWN: "print"}),
    Case("a test runner", "off off on 7", is_under_test=True),
    Case("a test runner with a yes and the author's off", "off off on 8", {OWN: "1"}, is_under_test=True, default="off"),
    # Row 8
    Case("the author says local", "local local on 8", default="local"),
    Case("the author says off", "off off on 8", default="off"),
    # The operator's own switch
    Case("proxy off", "on off off 8", toml=PROXY_OFF),
    Case("proxy off against a state that says on", "on off off 6", toml=PROXY_OFF, state=mode("on")),
    Case("proxy off as text", "off off off 5", toml='[proxy.telemetry]\nenabled = "no"\n'),
    Case("proxy on lifts nothing of the person's", "off off on 4", toml="[proxy.telemetry]\nenabled = true\n", person=mode("off")),
)


def put(path: Path, content: object) -> None:
    """Make *path* what *content* says: text, bytes or one of the odd things a path can be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, str):
        path.write_text(content, encoding="utf-8")
    elif isinstance(content, bytes):
        path.write_bytes(content)
    elif content is DIRECTORY:
        path.mkdir()
    elif content is DANGLING:
        path.symlink_to(path.with_name("gone.toml"))
    elif content is LOOP:
        path.symlink_to(path)
    elif content is PIPE:
        os.mkfifo(path)


def switches(home: Path, environ: Mapping[str, str] | None = None, **arguments: object) -> Switches:
    """Return the switches of a released application whose files lie under *home*."""
    given = {"version": "1.4.0", "is_under_test": False, **arguments}
    return Switches(
        APP,
        environ=environ or {},
        data_dir=str(home / ".acme-mcp"),
        person_dir=str(home / ".mcptelemetry"),
        **given,  # type: ignore[arg-type]  # each test names what it varies
    )


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes are not for everybody there")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_switches_send_exactly_what_the_documentation_names(case: Case, tmp_path: Path) -> None:
    """Each stream has the mode that the first matching row gives it, and the heartbeat names that row."""
    put(tmp_path / ".acme-mcp" / "telemetry.toml", case.toml)
    put(tmp_path / ".acme-mcp" / "telemetry-state.toml", case.state)
    put(tmp_path / ".mcptelemetry" / "person.toml", case.person)
    asked = switches(
        tmp_path, case.environ, version=case.version, default=case.default, is_under_test=case.is_under_test
    )
    streams = (Stream.HEARTBEAT, Stream.AUTHOR_EVENTS, Stream.OPERATOR_EVENTS)
    decisions = [asked.decide(stream) for stream in streams]
    assert " ".join([*(str(decision.mode) for decision in decisions), str(decisions[0].row)]) == case.expected
    assert [asked.refusal(stream) is None for stream in streams] == [d.mode is Mode.ON for d in decisions]
    assert all(decision.reason for decision in decisions)


def test_switches_table_is_crossed_with_enough_states() -> None:
    """At least sixty different states are crossed with the three streams."""
    assert len({case.title for case in CASES}) == len(CASES) >= 60


def test_rows_stand_in_the_order_of_their_numbers() -> None:
    """Apart from what nobody can read, which comes first, the rows are asked in the order of their numbers."""
    named = [(row.number, row.judge.__name__) for row in ROWS]
    spoken = [number for number, name in named if number and "damaged" not in name]
    assert spoken == sorted(spoken) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_facts_that_say_nothing_refuse_nothing() -> None:
    """SwitchFacts of which only the surroundings are given stand for a released application with a home and no file."""
    decision = decide(SwitchFacts({}, APP), Stream.HEARTBEAT)
    assert decision == (Mode.ON, "the author's default, on", 8)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, (False, "")),
        ({"DO_NOT_TRACK": "1", "CI": "1", "MCPPROXY_TELEMETRY": "0"}, (True, "DO_NOT_TRACK")),
        ({"DO_NOT_TRACK": "0", "CI": "1", "MCPPROXY_TELEMETRY": "0"}, (True, "CI")),
        ({"CI": "no", "MCPPROXY_TELEMETRY": "false"}, (True, "APP")),
        ({"MCPPROXY_TELEMETRY": "true", "PYTEST_VERSION": "8"}, (False, "")),
    ],
)
def test_is_disabled_by_env_names_the_first_row_that_refuses(
    environ: dict[str, str], expected: tuple[bool, str]
) -> None:
    """Rows 1 to 3 are asked in their order, and no other row is."""
    assert is_disabled_by_env(environ, app="mcpproxy") == expected
    assert is_disabled_by_env(environ, app=Application("mcpproxy"))[1] is EnvDisabledReason(expected[1])


def test_is_disabled_by_env_refuses_an_impossible_name() -> None:
    """A name that is no application's is a ValueError that shows it."""
    with pytest.raises(ValueError, match="'No Name'"):
        is_disabled_by_env({}, app="No Name")


def test_standing_refusal_knows_do_not_track_and_the_application_only() -> None:
    """What is built by hand obeys row 1, and row 3 when it is told an application."""
    assert standing_refusal({"DO_NOT_TRACK": "yes"}, None) == "DO_NOT_TRACK"
    assert standing_refusal({OWN: "off"}, APP) == "ACME_MCP_TELEMETRY=false"
    assert standing_refusal({OWN: "off"}, None) is None
    assert standing_refusal({"CI": "true", "PYTEST_VERSION": "8"}, APP) is None


def test_refusal_says_where_the_no_stands(tmp_path: Path) -> None:
    """The reason names the variable, or the file in which the refusal is written."""
    asked = switches(tmp_path)
    put(tmp_path / ".acme-mcp" / "telemetry.toml", "[telemetry]\n\nenabled = 7\n")
    reason = asked.refusal(Stream.HEARTBEAT)
    assert reason is not None
    assert f"{asked.config_path}, line 3: [telemetry] enabled must be true or false, not 7" in reason
    put(tmp_path / ".acme-mcp" / "telemetry.toml", OFF)
    assert asked.refusal(Stream.HEARTBEAT) == f"[telemetry] enabled = false in {asked.config_path}"


class Wording(NamedTuple):
    """One state of the machine, and the words for a stream; files are called config, person and state."""

    reason: str
    environ: Mapping[str, str] = {}
    toml: object = None
    state: object = None
    person: object = None
    stream: Stream = Stream.HEARTBEAT
    arguments: Mapping[str, object] = {}


WORDINGS = (
    Wording("the author's default, on"),
    Wording("the author's default, local", arguments={"default": "local"}),
    Wording("the author's default, off", arguments={"default": "off"}),
    Wording("the operator named an endpoint", stream=Stream.OPERATOR_EVENTS),
    Wording("DO_NOT_TRACK", {"DO_NOT_TRACK": "yes"}),
    Wording("CI", {"CI": "true"}),
    Wording("ACME_MCP_TELEMETRY=false", {OWN: "never"}),
    Wording("off for all applications, in {person}", person=mode("off")),
    Wording("local for all applications, in {person}", person=mode("local")),
    Wording("[telemetry] enabled = false in {config}", toml=OFF),
    Wording("[telemetry] mode, local in {config}", toml=toml_mode("local")),
    Wording("[telemetry] mode, on in {config}", toml=toml_mode("on")),
    Wording("off in {state}", state=mode("off")),
    Wording("on in {state}", state=mode("on")),
    Wording("[proxy.telemetry] enabled = false in {config}", toml=PROXY_OFF, stream=Stream.OPERATOR_EVENTS),
    Wording("[proxy.telemetry] enabled = false in {config}", toml=PROXY_OFF, stream=Stream.AUTHOR_EVENTS),
    Wording("a development build", arguments={"version": "dev"}),
    Wording("a development build", {"PYTEST_VERSION": "8"}, arguments={"version": "dev"}),
    Wording("run by a test runner", {"PYTEST_VERSION": "8"}),
    Wording("run by a test runner", arguments={"is_under_test": True}),
    Wording(
        "no home directory: nothing can be recorded, so nothing is sent", arguments={"data_dir": ""}
    ),
)


@pytest.mark.parametrize("wording", WORDINGS, ids=lambda wording: wording.reason)
def test_decision_is_worded_by_the_row_that_made_it(wording: Wording, tmp_path: Path) -> None:
    """The reason says what was said and where, in words that a person can look for; a yes has one too."""
    paths = {"config": tmp_path / CONFIG_FILE, "state": tmp_path / STATE_FILE}
    put(paths["config"], wording.toml)
    put(paths["state"], wording.state)
    put(tmp_path / "person.toml", wording.person)
    given = {
        "version": "1.0",
        "is_under_test": False,
        "data_dir": str(tmp_path),
        **wording.arguments,
    }
    asked = Switches(APP, environ=wording.environ, person_dir=str(tmp_path), **given)  # type: ignore[arg-type]
    words = wording.reason.format(config=paths["config"], state=paths["state"], person=tmp_path / "person.toml")
    decision = asked.decide(wording.stream)
    assert decision.reason == words
    assert asked.refusal(wording.stream) == (None if decision.mode is Mode.ON else words)
    assert decision.may_send is (decision.mode is Mode.ON)


@pytest.mark.parametrize("name", ["person_path", "state_path"])
def test_refusal_says_why_a_mode_file_reads_as_off(name: str, tmp_path: Path) -> None:
    """A mode that nobody knows is shown with its file, not called a no that somebody said."""
    asked = switches(tmp_path)
    put(Path(getattr(asked, name)), mode("paused"))
    reason = asked.refusal(Stream.HEARTBEAT)
    assert reason is not None
    assert getattr(asked, name) in reason
    assert "paused" in reason


@pytest.mark.parametrize(
    ("environ", "files", "is_by_environment"),
    [
        ({"DO_NOT_TRACK": "1"}, {}, True),
        ({"CI": "1"}, {}, True),
        ({OWN: "0"}, {}, True),
        ({}, {"person_path": mode("off")}, False),
        ({}, {"config_path": OFF}, False),
        ({}, {"state_path": mode("off")}, False),
        ({"PYTEST_VERSION": "8"}, {}, False),
        ({}, {}, False),
    ],
)
def test_decision_is_by_the_environment_in_the_first_three_rows(
    environ: dict[str, str], files: dict[str, str], *, is_by_environment: bool, tmp_path: Path
) -> None:
    """DO_NOT_TRACK, CI and the application's variable hold for this process alone; no other row does."""
    asked = switches(tmp_path, environ)
    for name, content in files.items():
        put(Path(getattr(asked, name)), content)
    assert asked.decide(Stream.HEARTBEAT).is_by_environment is is_by_environment


def test_switches_without_an_application_are_what_holds_for_all(tmp_path: Path) -> None:
    """The environment and the person-wide mode bind everybody; no application's variable or file is looked at."""
    environ: dict[str, str] = {"ACME_MCP_HOME": str(tmp_path), OWN: "0"}
    put(tmp_path / "telemetry-state.toml", mode("off"))
    asked = Switches(None, environ=environ, person_dir=str(tmp_path), version="1.0", is_under_test=False)
    assert (asked.config_path, asked.state_path) == ("", "")
    assert asked.decide(Stream.HEARTBEAT)[::2] == (Mode.ON, 8)
    put(Path(asked.person_path), mode("off"))
    assert asked.decide(Stream.HEARTBEAT)[::2] == (Mode.OFF, 4)
    environ["DO_NOT_TRACK"] = "1"
    assert asked.decide(Stream.HEARTBEAT).row == 1
    nowhere = Switches(None, environ={}, person_dir="", version="1.0", is_under_test=False)
    assert nowhere.decide(Stream.HEARTBEAT).reason.startswith("no home directory")


def test_switches_without_an_application_know_a_development_build_and_a_test_run() -> None:
    """Where there is no variable that could say yes, what is not for real sends nothing."""
    for given in ({"version": "dev", "is_under_test": False}, {"version": "1.0", "is_under_test": True}):
        asked = Switches(None, environ={"TELEMETRY": "1"}, person_dir=os.sep, **given)  # type: ignore[arg-type]
        assert asked.decide(Stream.HEARTBEAT).row == 7


def test_switches_look_at_the_surroundings_of_the_process_unless_they_are_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without *environ* it is the process's own, looked at anew each time."""
    asked = Switches(APP, data_dir=str(tmp_path), person_dir=str(tmp_path), version="1.0", is_under_test=False)
    monkeypatch.setenv("DO_NOT_TRACK", "1")
    assert asked.refusal(Stream.OPERATOR_EVENTS) == "DO_NOT_TRACK"
    monkeypatch.delenv("DO_NOT_TRACK")
    assert asked.refusal(Stream.OPERATOR_EVENTS) is None


@pytest.mark.parametrize(
    ("variables", "is_known"), [({"ACME_MCP_HOME": "own"}, False), ({"HOME": "home"}, True), ({}, True)]
)
def test_switches_need_a_home_for_the_person_too(
    variables: dict[str, str], tmp_path: Path, *, is_known: bool
) -> None:
    """A place for the application's files without one for the person's refusal is not enough."""
    environ = {name: str(tmp_path / folder) for name, folder in variables.items()}
    person_dir = None if "HOME" in variables else "" if not is_known else str(tmp_path)
    asked = Switches(
        APP,
        environ=environ,
        data_dir=str(tmp_path),
        person_dir=person_dir,
        version="1.0",
        is_under_test=False,
    )
    assert (asked.decide(Stream.HEARTBEAT).mode is Mode.ON) is is_known


def test_refusal_by_the_environment_is_told_from_a_lasting_one(tmp_path: Path) -> None:
    """A decision says whether it holds for this process alone."""
    assert switches(tmp_path, {"CI": "1"}).decide(Stream.HEARTBEAT).is_by_environment
    write_mode(switches(tmp_path).state_path, "off", clock=lambda: 1.0)
    assert not switches(tmp_path).decide(Stream.HEARTBEAT).is_by_environment


def test_environment_is_looked_at_again_each_time(tmp_path: Path) -> None:
    """A variable that is set while the process runs counts at once, and so does its removal."""
    environ: dict[str, str] = {}
    asked = switches(tmp_path)
    live = Switches(
        APP, environ=environ, data_dir=str(tmp_path), person_dir=str(tmp_path), version="1.0", is_under_test=False
    )
    assert live.refusal(Stream.HEARTBEAT) is None
    environ["DO_NOT_TRACK"] = "1"
    assert live.refusal(Stream.HEARTBEAT) == "DO_NOT_TRACK"
    assert asked.refusal(Stream.HEARTBEAT) is None
    del environ["DO_NOT_TRACK"]
    assert live.refusal(Stream.HEARTBEAT) is None


def test_files_are_looked_at_again_each_time(tmp_path: Path) -> None:
    """Of a thousand changes, each written a moment ago, every one already counts."""
    asked = switches(tmp_path)
    for turn in range(250):
        write_mode(asked.state_path, "off", clock=lambda: float(turn))
        assert asked.refusal(Stream.HEARTBEAT) is not None
        write_mode(asked.state_path, "on", clock=lambda: float(turn))
        assert asked.refusal(Stream.HEARTBEAT) is None
        write_mode(asked.person_path, "off", clock=lambda: float(turn))
        assert asked.refusal(Stream.HEARTBEAT) is not None
        os.remove(asked.person_path)
        assert asked.refusal(Stream.HEARTBEAT) is None


def test_files_that_are_rewritten_in_place_count_at_once(tmp_path: Path) -> None:
    """A file of the same size and inode, changed within one tick of the clock, is read again."""
    asked = switches(tmp_path)
    for turn in range(200):
        is_yes = bool(turn % 2)
        put(Path(asked.config_path), f"[telemetry]\nenabled = {'true ' if is_yes else 'false'}\n")
        assert (asked.refusal(Stream.HEARTBEAT) is None) == is_yes
    for turn in range(200):
        is_yes = bool(turn % 2)
        put(Path(asked.state_path), 'mode = "on" \n' if is_yes else 'mode = "off"\n')
        assert (asked.refusal(Stream.HEARTBEAT) is None) == is_yes


def test_generation_changes_with_each_mode_and_with_nothing_else(tmp_path: Path) -> None:
    """The person-wide and the application's mode make a new generation; the settings do not."""
    asked = switches(tmp_path)
    seen = [asked.generation()]
    for path, word in [
        (asked.state_path, "off"),
        (asked.state_path, "on"),
        (asked.person_path, "off"),
        (asked.person_path, "on"),
    ]:
        write_mode(path, word, clock=lambda: 5.0)  # the clock stands still
        seen.append(asked.generation())
    assert None not in seen
    assert len(set(seen)) == len(seen)
    write_mode(asked.state_path, "on", clock=lambda: 99.0)
    put(Path(asked.config_path), ON)
    assert asked.generation() == seen[-1]


def test_generation_changes_when_a_hand_changes_a_word(tmp_path: Path) -> None:
    """A mode or the word about events that is edited without a new `since` begins a generation too."""
    asked = switches(tmp_path)
    seen = [asked.generation()]
    for path, text in [
        (asked.state_path, 'mode = "on"\n'),
        (asked.state_path, 'mode = "local"\n'),
        (asked.state_path, mode("on")),
        (asked.state_path, mode("local")),
        (asked.person_path, mode("on")),
        (asked.person_path, mode("on") + 'events = "off"\n'),
        (asked.person_path, mode("off") + 'events = "off"\n'),
        (asked.config_path, toml_mode("local")),
        (asked.config_path, toml_mode("on")),
        (asked.config_path, OFF),
    ]:
        put(Path(path), text)
        seen.append(asked.generation())
    assert None not in seen
    assert len(set(seen)) == len(seen)


def test_generation_stays_when_the_settings_change_but_no_word_does(tmp_path: Path) -> None:
    """Another endpoint, or a comment, is no other consent."""
    asked = switches(tmp_path)
    seen = set()
    for text in (ON, f"# a comment\n{ON}", f'{ON}endpoint = "https://t.acme.dev"\n', PROXY_OFF):
        put(Path(asked.config_path), text)
        seen.add(asked.generation())
    assert seen == {"|"}


def test_generation_is_not_known_while_the_settings_are_damaged(tmp_path: Path) -> None:
    """Settings that cannot be read may hold a mode."""
    asked = switches(tmp_path)
    put(Path(asked.config_path), "[telemetry")
    assert asked.generation() is None


# What a person is likeliest to write when they mean no, and whom it silences:
# the heartbeat, the author's and the operator's events.
MISSPELT = [
    ("[Telemetry]\nenabled = false", "off off on"),
    ("[TELEMETRY]\nenabled = false", "off off on"),
    ("[telemetri]\nenabled = false", "off off on"),
    ("[telemtry]\nenabled = false", "off off on"),
    ("[telmetry]\nenabled = false", "off off on"),
    ("[telementry]\nenabled = false", "off off on"),
    ("[tele-metry]\nenabled = false", "off off on"),
    ("[telemetery]\nenabled = true", "off off on"),
    ("[telemetry]\nEnabled = false", "off off on"),
    ("[telemetry]\nENABLED = false", "off off on"),
    ("[telemetry]\nenable = false", "off off on"),
    ("[telemetry]\nenabeld = false", "off off on"),
    ("[telemetry]\nenbaled = false", "off off on"),
    ("[telemetry]\nenabled_ = false", "off off on"),
    ("[telemetry]\nis_enabled = false", "off off on"),
    ("[telemetry]\ndisabled = true", "off off on"),
    ("[telemetry]\ndisable = true", "off off on"),
    ("[telemetry]\nDisabled = true", "off off on"),
    ("[telemetry]\nopt_out = true", "off off on"),
    ("[telemetry]\nopt-out = true", "off off on"),
    ("[telemetry]\noptout = true", "off off on"),
    ("[telemetry]\noptOut = true", "off off on"),
    ("[telemetry]\nMode = 'off'", "off off on"),
    ("[telemetry]\nmodes = 'off'", "off off on"),
    ("[telemetry]\ndo_not_track = true", "off off on"),
    ("[heartbeat]\nenabled = false", "off off on"),
    ("[heartbeat]\ndisabled = true", "off off on"),
    ("[telemetry.heartbeat]\nenabled = false", "off off on"),
    ("enabled = false", "off off off"),
    ("enable = false", "off off off"),
    ("mode = 'off'", "off off off"),
    ("disabled = true", "off off off"),
    ("opt_out = true", "off off off"),
    ("optout = true", "off off off"),
    ("telemetry_enabled = false", "off off off"),
    ("telemetri = false", "off off on"),
    ("[proxy.telemetry]\nenable = false", "on off off"),
    ("[proxy.telemetry]\ndisabled = true", "on off off"),
    ("[proxy.telemetry]\nmode = 'off'", "on off off"),
    ("[proxy.Telemetry]\nenabled = false", "on off off"),
    ("[Proxy.telemetry]\nEnabled = false", "on off off"),
    ("[proxy]\nenabled = false", "on off off"),
    ("[events]\nenabled = false", "on off off"),
    ("[telemetry.events]\nenabled = false", "on off off"),
]


@pytest.mark.parametrize(("text", "expected"), MISSPELT)
def test_switches_read_a_misspelt_switch_as_off_and_name_it(text: str, expected: str, tmp_path: Path) -> None:
    """What nearly is a switch is a no whatever its value, and the reason says where it stands."""
    put(tmp_path / ".acme-mcp" / "telemetry.toml", text + "\n")
    asked = switches(tmp_path)
    decisions = [asked.decide(stream) for stream in (Stream.HEARTBEAT, Stream.AUTHOR_EVENTS, Stream.OPERATOR_EVENTS)]
    assert " ".join(str(decision.mode) for decision in decisions) == expected
    name = text.partition("=")[0].split("\n")[-1].strip()
    table = text.partition("]")[0].strip("[").split(".")[-1]
    for decision in decisions:
        assert decision.may_send or "misspelt switch" in decision.reason
        assert decision.may_send or name in decision.reason or table in decision.reason
        assert decision.may_send or asked.config_path in decision.reason


@pytest.mark.parametrize(
    "text",
    [
        "[telemetry]\ncolour = 1\nendpoints = 'x'\ntimeout = 5",
        "[proxy.telemetry]\nheader = 1\nmetric = true\nnode_id = 7",
        "[proxy.routing]\nmode = 'x'\nenabled = true\ndisabled = false",
        "[proxy.routing.tools]\nenable = true",
        "[logging]\nenabled = true\n[tools]\nmode = 'x'",
        "[network]\nmodel = 'x'",
        "name = 'x'\nversion = '1'\nnotes = 'disabled = true'",
    ],
)
def test_switches_take_no_other_key_for_a_switch(text: str, tmp_path: Path) -> None:
    """What is merely not known is a warning: an honest installation is not silenced by it."""
    put(tmp_path / ".acme-mcp" / "telemetry.toml", text + "\n")
    asked = switches(tmp_path)
    assert all(asked.decide(stream).may_send for stream in Stream)


@pytest.mark.parametrize("name", ["state_path", "person_path"])
def test_generation_is_not_known_while_a_mode_file_is_damaged(name: str, tmp_path: Path) -> None:
    """A mode file that cannot be read gives no generation, so that nothing is taken for old."""
    asked = switches(tmp_path)
    put(Path(getattr(asked, name)), "mode =")
    assert asked.generation() is None


def test_look_gives_one_picture_of_mode_and_generation(tmp_path: Path) -> None:
    """What was gathered in one look does not change when the files do."""
    asked = switches(tmp_path)
    before = asked.look()
    write_mode(asked.state_path, "off", clock=lambda: 5.0)
    assert before.generation == "|"
    assert asked.look().generation != before.generation


@pytest.mark.parametrize("missing", [{"data_dir": ""}, {"person_dir": ""}])
def test_switches_without_a_home_send_nothing_that_must_be_recorded(missing: dict[str, str], tmp_path: Path) -> None:
    """Without a home directory the heartbeat and the author's events stay, with that reason; the operator's go."""
    given = {"data_dir": str(tmp_path), "person_dir": str(tmp_path), **missing}
    asked = Switches(APP, environ={}, version="1.0", is_under_test=False, **given)  # type: ignore[arg-type]
    assert asked.decide(Stream.HEARTBEAT).reason.startswith("no home directory")
    assert asked.decide(Stream.AUTHOR_EVENTS).mode is Mode.OFF
    assert asked.decide(Stream.OPERATOR_EVENTS).mode is Mode.ON


@pytest.mark.parametrize("environ", [{}, {"HOME": ""}, {"HOME": " ", "ACME_MCP_HOME": " "}])
def test_switches_send_nothing_that_must_be_recorded_when_home_is_missing(environ: dict[str, str]) -> None:
    """A HOME that is not set keeps the heartbeat here, whatever the password file knows; the operator's events go."""
    asked = Switches(APP, environ=environ, version="1.0", is_under_test=False)
    assert asked.decide(Stream.HEARTBEAT)[::2] == (Mode.OFF, 0)
    assert asked.decide(Stream.HEARTBEAT).reason.startswith("no home directory")
    assert asked.decide(Stream.OPERATOR_EVENTS).mode is Mode.ON


@pytest.mark.parametrize("given", [{"ACME_MCP_HOME": "own"}, {"HOME": "home"}, {"USERPROFILE": "home"}, {}])
def test_switches_need_one_place_for_the_files(given: dict[str, str], tmp_path: Path) -> None:
    """A directory named by the environment, or else by the caller, is enough."""
    environ = {name: str(tmp_path / folder) for name, folder in given.items()}
    data_dir = None if given else str(tmp_path)
    asked = Switches(
        APP, environ=environ, data_dir=data_dir, person_dir=str(tmp_path), version="1.0", is_under_test=False
    )
    assert asked.decide(Stream.HEARTBEAT).mode is Mode.ON


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such device there")
def test_switches_read_a_home_that_is_no_directory_as_one_without_files() -> None:
    """With a HOME of /dev/null no file says no, so an operator's events go."""
    asked = Switches(APP, environ={"HOME": os.devnull}, version="1.0", is_under_test=False)
    assert asked.decide(Stream.OPERATOR_EVENTS)[::2] == (Mode.ON, 0)
    assert asked.generation() == "|"


def test_switches_touch_nothing_when_they_look(tmp_path: Path) -> None:
    """Looking creates no file and no directory, on or off."""
    for environ in ({}, {"DO_NOT_TRACK": "1"}):
        asked = switches(tmp_path / "nowhere", environ)
        for stream in Stream:
            asked.decide(stream)
        asked.generation()
    assert list(tmp_path.iterdir()) == []


def test_switches_find_their_files_under_home(tmp_path: Path) -> None:
    """A server that a client starts with little more than HOME finds the refusal that a shell wrote."""
    environ = {"HOME": str(tmp_path), "PATH": os.defpath, "SHELL": "/bin/sh", "TERM": "dumb", "USER": "someone"}
    write_mode(str(tmp_path / ".mcptelemetry" / "person.toml"), "off", clock=lambda: 1.0)
    asked = Switches(APP, environ=environ, version="1.0", is_under_test=False)
    assert asked.decide(Stream.HEARTBEAT)[::2] == (Mode.OFF, 4)
    assert asked.state_path == str(tmp_path / ".acme-mcp" / "telemetry-state.toml")


def test_switches_keep_sight_of_their_files_when_the_host_changes_its_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A data directory that was given as a relative path stays the same one."""
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "data" / "telemetry-state.toml", mode("off"))
    asked = Switches(APP, environ={}, data_dir="data", person_dir="p", version="1.0", is_under_test=False)
    monkeypatch.chdir("/")
    assert asked.decide(Stream.HEARTBEAT).row == 6


def test_switches_refuse_a_default_that_is_no_mode() -> None:
    """The author's default is one of three words; another is a ValueError that shows it."""
    with pytest.raises(ValueError, match="default='maybe'"):
        Switches(APP, default="maybe")


@contextmanager
def without_rights() -> Iterator[None]:
    """Be nobody for a while when the tests run as root, whom no permission stops."""
    if sys.platform == "win32" or os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def lock_file(path: Path) -> None:
    """Take the file's permissions away."""
    path.chmod(0)


def lock_directory(path: Path) -> None:
    """Take the directory's permissions away."""
    path.parent.chmod(0)


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are another matter there")
@pytest.mark.parametrize("lock", [lock_file, lock_directory])
@pytest.mark.parametrize("name", ["config_path", "state_path", "person_path"])
def test_switches_read_a_forbidden_file_as_off(name: str, lock: Callable[[Path], None], tmp_path: Path) -> None:
    """A file that may not be read, or lies where nobody may look, is off, also when it could be read before."""
    asked = switches(tmp_path, clock=lambda: 0.0)
    path = Path(getattr(asked, name))
    put(path, toml_mode("on") if name == "config_path" else mode("on"))
    # The temporary directory's parents are the test user's own: open the way for nobody.
    opened = [folder for folder in [tmp_path, *tmp_path.parents] if folder.stat().st_uid == os.geteuid()]
    modes = [(folder, folder.stat().st_mode & 0o7777) for folder in opened if folder != Path("/")]
    for folder, bits in modes:
        folder.chmod(bits | 0o055)
    try:
        path.chmod(0o644)
        with without_rights():
            assert asked.refusal(Stream.HEARTBEAT) is None
        lock(path)
        with without_rights():
            assert "cannot be read" in str(asked.refusal(Stream.HEARTBEAT))
    finally:
        path.parent.chmod(0o700)
        for folder, bits in modes:
            folder.chmod(bits)


@pytest.mark.parametrize(
    ("name", "file", "expected"),
    [
        ("pytest.__main__", "/lib/pytest/__main__.py", True),
        ("unittest.__main__", "/lib/unittest/__main__.py", True),
        ("pytest.__main__", "/elsewhere/start.py", True),
        ("acme.unittest", "/lib/acme/start.py", False),
        (None, "/usr/bin/pytest", True),
        (None, "C:\\venv\\Scripts\\pytest.exe\\__main__.py", True),
        (None, "/usr/bin/py.test", True),
        (None, "/home/me/server.py", False),
        (None, "/home/pytest/server.py", False),
        ("acme.__main__", "/lib/acme/__main__.py", False),
        ("unittestish", "/lib/unittestish.py", False),
        (None, None, False),
    ],
)
def test_is_test_runner_recognises_how_the_process_was_started(
    name: str | None, file: str | None, expected: bool
) -> None:
    """The module that was started, or the name of its file, tells pytest and unittest from anything else."""
    spec = types.SimpleNamespace(name=name) if name else None
    assert is_test_runner(types.SimpleNamespace(__spec__=spec, __file__=file)) is expected


@pytest.mark.parametrize("runner", ["pytest", "unittest"])
def test_is_test_runner_recognises_a_real_one(runner: str, tmp_path: Path) -> None:
    """Inside a real test run the process is recognised, without any variable."""
    (tmp_path / "test_inside.py").write_text(
        "import unittest\nfrom mcptelemetry.privacy._switches import is_test_runner\n"
        "class TestInside(unittest.TestCase):\n"
        "    def test_it(self):\n        self.assertTrue(is_test_runner())\n"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-m", runner, "test_inside" if runner == "unittest" else "test_inside.py"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(root), "HOME": str(tmp_path)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


RUN_TESTS = {
    "pytest.main": "import pytest; raise SystemExit(pytest.main(['-q', '-p', 'no:cacheprovider', 'test_inside.py']))",
    "unittest.main": "import unittest; unittest.main('test_inside')",
    "a runner as Django has one": (
        "import unittest\nsuite = unittest.defaultTestLoader.loadTestsFromName('test_inside')\n"
        "raise SystemExit(not unittest.TextTestRunner().run(suite).wasSuccessful())"
    ),
}
INSIDE = """
import threading, unittest
from mcptelemetry.privacy._switches import Stream, Switches, is_test_runner
from mcptelemetry.application import Application

def ask(found):
    found.append(Switches(Application("acme-mcp"), environ={"HOME": "/"}, version="1.0").decide(Stream.HEARTBEAT))

class TestInside(unittest.TestCase):
    def test_it(self):
        found = []
        ask(found)
        thread = threading.Thread(target=ask, args=(found,))
        thread.start()
        thread.join(30)
        self.assertFalse(is_test_runner())
        self.assertEqual([(d.row, d.may_send) for d in found], [(7, False)] * 2)
"""


@pytest.mark.parametrize("way", sorted(RUN_TESTS))
def test_switches_find_a_test_runner_on_the_main_threads_stack(way: str, tmp_path: Path) -> None:
    """A script that runs tests is a test run, from whichever thread the switches are made; no variable says so."""
    (tmp_path / "test_inside.py").write_text(INSIDE)
    (tmp_path / "manage.py").write_text(RUN_TESTS[way])
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-B", "manage.py"],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{root}{os.pathsep}{tmp_path}", "HOME": str(tmp_path)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_switches_take_no_mock_for_a_test_runner(tmp_path: Path) -> None:
    """A program that uses `unittest.mock` on its way is no test run."""
    root = Path(__file__).resolve().parents[3]
    code = (
        "from unittest import mock\nfrom mcptelemetry.privacy._switches import is_under_test_runner\n"
        "@mock.patch('os.sep', '/')\ndef ask(): return is_under_test_runner()\nraise SystemExit(ask())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, timeout=60, check=False)
    assert done.returncode == 0


def test_pipeline_built_by_hand_obeys_the_person_wide_word_about_events(tmp_path: Path) -> None:
    """`off --everything` reaches pipelines that know no application, and a person-wide on lifts it."""
    environ = {"HOME": str(tmp_path)}
    asked = StandingSwitches(environ, None)
    path = tmp_path / ".mcptelemetry" / "person.toml"
    assert asked.refusal() is None
    write_mode(str(path), "off", clock=lambda: 1.0)
    assert asked.refusal() is None
    write_mode(str(path), "off", clock=lambda: 2.0, refuse_events=True)
    assert str(path) in (asked.refusal() or "")
    assert str(path) in (standing_refusal(environ, APP) or "")
    write_mode(str(path), "local", clock=lambda: 3.0)
    assert str(path) in (asked.refusal() or "")
    write_mode(str(path), "on", clock=lambda: 4.0)
    assert asked.refusal() is None
    put(path, 'events = "off')
    assert str(path) in (asked.refusal() or "")


def test_is_test_runner_is_not_fooled_by_a_plain_script() -> None:
    """A plain process is no test run."""
    root = Path(__file__).resolve().parents[3]
    code = "from mcptelemetry.privacy._switches import is_test_runner; raise SystemExit(is_test_runner())"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, timeout=60, check=False)
    assert done.returncode == 0


def test_switches_load_nothing_heavy_when_imported() -> None:
    """Importing the switches loads no TOML reader, and nothing that opens sockets or databases."""
    root = Path(__file__).resolve().parents[3]
    code = (
        "import sys, mcptelemetry.privacy._switches\n"
        "heavy = {'tomllib', 'tomli', 'tomli_w', 'requests', 'ssl', 'sqlite3', 'argparse', 'subprocess', 'difflib'}\n"
        "raise SystemExit(', '.join(sorted(heavy & set(sys.modules))))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, timeout=60, check=False)
    assert done.stderr.strip() in (b"", b"\n"), done.stderr


@pytest.mark.parametrize(
    ("environ", "version", "expected"),
    [
        ({}, "1.0", True),
        ({}, "dev", True),
        ({}, "", True),
        ({"DO_NOT_TRACK": "1"}, "1.0", False),
        ({"CI": "true"}, "1.0", False),
        ({"ACME_MCP_TELEMETRY": "off"}, "1.0", False),
        ({"ACME_MCP_TELEMETRY": "print"}, "1.0", False),
        ({"PYTEST_VERSION": "8"}, "1.0", False),
        ({"PYTEST_VERSION": "8"}, "dev", False),
    ],
)
def test_outcomes_are_remembered_after_no_no(tmp_path, environ, version, expected):
    """What became of what was sent is stored after no refusal; a version that is none is no refusal of anybody's."""
    application = Application("acme-mcp")
    given = {"HOME": str(tmp_path), **environ}
    switches = Switches(application, environ=given, version=version, is_under_test=False)
    assert switches.may_remember() is expected
    for words in ('[telemetry]\nenabled = false\n', '[telemetry]\nmode = "local"\n'):
        folder = tmp_path / ".acme-mcp"
        folder.mkdir(exist_ok=True, mode=0o700)
        (folder / "telemetry.toml").write_text(words)
        # What a person wrote comes before the look for a test runner.
        assert switches.may_remember() is ("local" in words and (expected or "PYTEST_VERSION" in environ))
    assert not Switches(application, environ=environ, version=version, is_under_test=False, default="off").may_remember()
