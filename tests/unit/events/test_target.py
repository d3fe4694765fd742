"""Whose events these are, where they go, and which token goes there with them."""

from __future__ import annotations

import pytest

from mcptelemetry.application import Application
from mcptelemetry.config import Config, ProxySettings
from mcptelemetry.events._target import find_target

APP = Application("acme-mcp")
TOKENS = {"FILE_TOKEN": "of the file", "ACME_MCP_EVENTS_TOKEN": "of the environment"}
IN_ENVIRON = "https://environ.acme.dev/e"
IN_FILE = "https://file.acme.dev/e"
IN_CODE = "https://code.acme.dev/e"


def target(environ, file_endpoint, token_key="FILE_TOKEN"):
    """Return where events go when the author has an endpoint and a token too."""
    return find_target(
        APP,
        environ={**TOKENS, **environ},
        config=Config(proxy=ProxySettings(endpoint=file_endpoint, token_key=token_key)),
        config_path="telemetry.toml",
        code_endpoint=IN_CODE,
        code_token="of the code",
    )


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
def test_token_belongs_to_the_endpoint_beside_it(environ, file_endpoint, endpoint, token, variable):
    """The code's, the file's and the environment's token each go to their own endpoint and to no other."""
    found = target(environ, file_endpoint)
    assert (found.settings.endpoint, found.auth.bearer_token, found.bearer_variable) == (endpoint, token, variable)
    assert found.is_operators is (endpoint != IN_CODE)


def test_file_without_a_token_gives_none():
    """An endpoint of the file without a token's name has no token, not even the environment's."""
    assert target({}, IN_FILE, None).auth.bearer_token is None
