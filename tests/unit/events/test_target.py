"""Whose events these are, where they go, and which token goes there with them."""

from __future__ import annotations

import pytest

from mcptelemetry.application import Application
from mcptelemetry.errors import ConfigError
from mcptelemetry.events._target import find_target
from mcptelemetry.installation import Installation, Setup

APP = Application("acme-mcp")
TOKENS = {"FILE_TOKEN": "of the file", "ACME_MCP_EVENTS_TOKEN": "of the environment"}
IN_ENVIRON = "https://environ.acme.dev/e"
IN_FILE = "https://file.acme.dev/e"
IN_CODE = "https://code.acme.dev/e"


def target(home, environ, file_endpoint, token_key="FILE_TOKEN"):
    """Return where events go when the author has an endpoint and a token too, and *file_endpoint* is in the file."""
    said = {"endpoint": file_endpoint, "token_key": token_key}
    lines = [f'{name} = "{value}"' for name, value in said.items() if value is not None]
    (home / "telemetry.toml").write_text("\n".join(["[proxy.telemetry]", *lines, "enabled = true", ""]))
    setup = Setup(events_endpoint=IN_CODE, token="of the code")
    return find_target(Installation(APP, setup, data_dir=str(home), environ={"HOME": str(home), **TOKENS, **environ}))


@pytest.mark.parametrize(
    ("environ", "file_endpoint", "endpoint", "token", "variable"),
    [
        ({}, None, IN_CODE, "of the code", None),
        ({}, IN_FILE, IN_FILE, "of the file", "FILE_TOKEN"),
        ({"ACME_MCP_EVENTS_ENDPOINT": IN_ENVIRON}, None, IN_ENVIRON, "of the environment", "ACME_MCP_EVENTS_TOKEN"),
        ({"ACME_MCP_EVENTS_ENDPOINT": IN_ENVIRON}, IN_FILE, IN_ENVIRON, "of the environment", "ACME_MCP_EVENTS_TOKEN"),
        (
            {"ACME_MCP_EVENTS_ENDPOINT": IN_ENVIRON, "ACME_MCP_EVENTS_TOKEN": ""},
            IN_FILE,
            IN_ENVIRON,
            None,
            "ACME_MCP_EVENTS_TOKEN",
        ),
    ],
)
def test_token_belongs_to_the_endpoint_beside_it(tmp_path, environ, file_endpoint, endpoint, token, variable):
    """The code's, the file's and the environment's token each go to their own endpoint and to no other."""
    found = target(tmp_path, environ, file_endpoint)
    assert (found.settings.endpoint, found.auth.bearer_token, found.settings.token_key) == (endpoint, token, variable)
    assert found.is_operators is (endpoint != IN_CODE)


def test_file_without_a_token_gives_none(tmp_path):
    """An endpoint of the file without a token's name has no token, not even the environment's."""
    assert target(tmp_path, {}, IN_FILE, None).auth.bearer_token is None


def written(home, text, **environ):
    """Return where events go when `telemetry.toml` says *text* and nobody else anything but *environ*."""
    (home / "telemetry.toml").write_text(text)
    return find_target(Installation(APP, Setup(), data_dir=str(home), environ={"HOME": str(home), **environ}))


HEADERS = """\
[proxy.telemetry]
endpoint = "http://collector:8080"
allow_insecure = true
token_key = "TEAM_TOKEN"
headers = { "x-team" = "TEAM_KEY", "X-Zone" = "ZONE" }
"""


def test_headers_and_clear_text_belong_to_the_endpoint_beside_them(tmp_path):
    """The file's headers and its leave for plain HTTP reach the file's endpoint, and no other one."""
    found = written(tmp_path, HEADERS, TEAM_KEY=" seven ", ZONE="b")
    assert found.settings.endpoint == "http://collector:8080"
    assert dict(found.auth.headers) == {"x-team": "seven", "X-Zone": "b"}
    assert "seven" not in repr(found)
    elsewhere = written(tmp_path, HEADERS, TEAM_KEY="seven", ACME_MCP_EVENTS_ENDPOINT=IN_ENVIRON)
    assert (dict(elsewhere.auth.headers), elsewhere.settings.headers) == ({}, None)
    with pytest.raises(ConfigError, match="ACME_MCP_EVENTS_ENDPOINT: .*http:// would send everything in the clear"):
        written(tmp_path, HEADERS, ACME_MCP_EVENTS_ENDPOINT="http://elsewhere:8080")


def test_variables_that_hold_nothing_are_named(tmp_path):
    """What the file names and the environment has not is told by name; what is empty counts as unset."""
    assert written(tmp_path, HEADERS).unset_variables({"ZONE": " "}) == ["TEAM_TOKEN", "TEAM_KEY", "ZONE"]
    found = written(tmp_path, HEADERS, TEAM_KEY="seven")
    assert found.unset_variables({"TEAM_TOKEN": "t", "TEAM_KEY": "k", "ZONE": "z"}) == []
    assert "ZONE" not in dict(found.auth.headers)
    assert written(tmp_path, "", ACME_MCP_EVENTS_ENDPOINT=IN_ENVIRON).unset_variables({}) == []


def test_value_that_makes_no_header_is_a_fault_that_shows_it_not(tmp_path):
    """A line break in a variable would make two headers of one: nothing is sent, and the value is not repeated."""
    with pytest.raises(ConfigError, match="telemetry.toml: headers holds a value of 'x-team'") as caught:
        written(tmp_path, HEADERS, TEAM_KEY="sev\r\nen: 7")
    assert "sev" not in str(caught.value)
