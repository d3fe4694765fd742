"""Whose events these are, where they go, and which token goes there with them."""

from __future__ import annotations

import pytest

from mcptelemetry.application import Application
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
    assert (found.settings.endpoint, found.auth.bearer_token, found.bearer_variable) == (endpoint, token, variable)
    assert found.is_operators is (endpoint != IN_CODE)


def test_file_without_a_token_gives_none(tmp_path):
    """An endpoint of the file without a token's name has no token, not even the environment's."""
    assert target(tmp_path, {}, IN_FILE, None).auth.bearer_token is None
