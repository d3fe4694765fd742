"""One value for an application on a machine: who named its endpoints, and what its author said."""

from __future__ import annotations

import logging

import pytest

from mcptelemetry.application import Application
from mcptelemetry.config import Config, ProxySettings
from mcptelemetry.installation import Installation, OperatorsEndpoint, Setup, SurroundingsReader, find_operators_endpoint
from mcptelemetry.privacy import Stream
from mcptelemetry.system import HttpTransport
from mcptelemetry.testing import FakeClock, ScriptedTransport

APP = Application("acme-mcp")
VARIABLE = "ACME_MCP_EVENTS_ENDPOINT"
TOKEN = "ACME_MCP_EVENTS_TOKEN"
FILE = Config(proxy=ProxySettings(endpoint="https://file.acme.dev", token_key="FILE_TOKEN"))


def installation(home, text=None, setup=None, **given):
    """Return the installation in *home*, whose settings file holds *text*."""
    if text is not None:
        (home / ".acme-mcp").mkdir()
        (home / ".acme-mcp" / "telemetry.toml").write_text(text)
    environ = {"HOME": str(home), "ACME_MCP_TELEMETRY": "1"}
    return Installation(APP, setup, environ=environ, clock=FakeClock(), **given)


@pytest.mark.parametrize(
    ("environ", "config", "found"),
    [
        ({}, Config(), None),
        ({VARIABLE: "  "}, Config(), None),
        ({}, FILE, OperatorsEndpoint("https://file.acme.dev", None, "FILE_TOKEN")),
        ({VARIABLE: " https://env.acme.dev "}, Config(), OperatorsEndpoint("https://env.acme.dev", VARIABLE, TOKEN)),
        ({VARIABLE: "https://env.acme.dev"}, FILE, OperatorsEndpoint("https://env.acme.dev", VARIABLE, TOKEN)),
        ({VARIABLE: " "}, FILE, OperatorsEndpoint("https://file.acme.dev", None, "FILE_TOKEN")),
    ],
)
def test_operators_endpoint_in_the_environment_wins_over_the_file(environ, config, found):
    """The variable speaks first, then the file; a variable that is only white space says nothing."""
    assert find_operators_endpoint(APP, environ, config) == found


def test_operators_endpoint_shows_no_query():
    """A query may hold a key, which no representation repeats."""
    found = OperatorsEndpoint("https://ops.acme.dev/in?key=hunter2", "ACME_MCP_EVENTS_ENDPOINT", "ACME_MCP_EVENTS_TOKEN")
    assert "hunter2" not in repr(found)
    assert "https://ops.acme.dev/in" in repr(found)


def test_heartbeat_endpoint_in_the_file_wins_over_the_code(tmp_path):
    """The person's own endpoint stands before the author's."""
    setup = Setup(heartbeat_endpoint="https://code.acme.dev")
    assert installation(tmp_path, setup=setup).heartbeat_endpoint == "https://code.acme.dev"
    found = installation(tmp_path, '[telemetry]\nendpoint = "https://person.acme.dev"\n', setup)
    assert found.heartbeat_endpoint == "https://person.acme.dev"


def test_unusable_settings_are_a_problem_that_is_said_once(tmp_path, caplog):
    """What cannot be used on the machine raises nothing, reads as no settings, and is one error in the log."""
    found = installation(tmp_path, '[proxy.telemetry]\nendpoint = "ftp://ops.acme.dev"\n')
    assert "[proxy.telemetry] endpoint='ftp://ops.acme.dev' is not usable" in str(found.problem)
    assert found.config == Config()
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def logged_errors(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize(
    "broken",
    [
        ("acme-mcp/telemetry-state.toml",),
        ("mcptelemetry/person.toml",),
        ("acme-mcp/telemetry-state.toml", "mcptelemetry/person.toml"),
        ("acme-mcp/telemetry.toml", "acme-mcp/telemetry-state.toml", "mcptelemetry/person.toml"),
    ],
)
def test_files_that_cannot_be_read_are_said_in_one_line(tmp_path, caplog, broken):
    """However many of the three are broken, and however often they are looked at: one line, naming one of them."""
    for name in broken:
        path = tmp_path / f".{name}"
        path.parent.mkdir(exist_ok=True)
        path.write_text("mode = off\n")
    one = installation(tmp_path, setup=Setup(heartbeat_endpoint="https://t.acme.dev"))
    for _ in range(3):
        assert not one.switches.decide(Stream.HEARTBEAT).may_send
    (line,) = logged_errors(caplog)
    assert line.startswith("mcptelemetry: telemetry is off for this run: ")
    assert any(name in line for name in broken)


def test_installation_opens_one_memory_and_makes_no_file(tmp_path):
    """However often it is asked for, the memory is the same, and looking leaves no trace."""
    found = installation(tmp_path)
    assert found.open_memory() is found.open_memory()
    assert found.notice_wait_secs("https://t.acme.dev") is None
    assert "has not been shown" in found.why_not_yet("https://t.acme.dev")
    assert SurroundingsReader(found).read().autostart_enabled is None
    assert list(tmp_path.iterdir()) == []


def test_installation_uses_the_transport_it_is_given(tmp_path):
    """A given transport is the way out; without one it is HTTP."""
    given = ScriptedTransport()
    assert installation(tmp_path, transport=given).open_transport() is given
    assert isinstance(installation(tmp_path).open_transport(), HttpTransport)


def test_counting_ends_when_the_heartbeat_is_off(tmp_path):
    """Counts are stored under a generation as long as the mode is not off."""
    assert installation(tmp_path).counting_generation() == "|"
    off = installation(tmp_path, "[telemetry]\nenabled = false\n")
    assert off.counting_generation() is None


def test_setup_is_remembered_without_its_token(tmp_path):
    """What the command line has to know is remembered and recalled; a token neither stays nor shows."""
    setup = Setup("v1.4.0", "pro", "local", "https://a.dev", "https://b.dev", token="s3cret", command="acme off")
    profile = setup.remembered()
    assert "s3cret" not in f"{profile}{setup}"
    assert Setup(**Setup.recalled({**profile, "colour": "blue"})) == Setup(
        "v1.4.0", "pro", "local", "https://a.dev", "https://b.dev", command="acme off"
    )
    assert Setup().remembered() == {"version": "", "edition": "personal", "default": "on"}
