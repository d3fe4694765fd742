"""What an author declares is looked at once, at construction: no token is declared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mcptelemetry import Telemetry
from mcptelemetry.counters import CounterRegistry

TOKENS = ["".join(row["parts"]) for row in json.loads((Path(__file__).parents[1] / "data" / "token_shapes.json").read_text())]
DECLARATIONS = {
    "edition": lambda text: {"edition": text},
    "version": lambda text: {"version": text},
    "builtin_tools": lambda text: {"tools": ["get_issues", text]},
    "routes": lambda text: {"routes": ["/api/v1/servers", f"/api/{text}"]},
    "error_categories": lambda text: {"error_categories": [text]},
    "flags": lambda text: {"flags": {text: True}},
}


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("argument", DECLARATIONS)
def test_a_declared_token_is_refused_by_the_arguments_name(tmp_path, argument, token):
    """A `ValueError` names the argument and the kind; nothing of the token stands in it."""
    with pytest.raises(ValueError, match=f"{argument} holds a token") as caught:
        Telemetry(**{"app": "acme-mcp", "version": "1.0", "environ": {"HOME": str(tmp_path)}, **DECLARATIONS[argument](token)})
    assert token[-10:] not in str(caught.value)
    assert token[:12] not in str(caught.value)


@pytest.mark.parametrize("token", TOKENS)
def test_a_tool_that_is_declared_later_is_no_token(token):
    """A tool that a decorator or a listing declares is not counted by such a name."""
    registry = CounterRegistry()
    assert not registry.declare_tool(token)
    assert not registry.is_builtin_tool(token)


def test_usual_declarations_pass(tmp_path):
    """What authors declare every day is no token."""
    Telemetry(
        "acme-mcp",
        "1.4.0-rc.1+build.20261121",
        edition="community-edition",
        tools=["get_issues", "search-docs", "sk-search", "task-list-for-everybody-else"],
        routes=["/api/v1/servers", "/api/v1/secret_keys/{id}", "/", "/{scheme}://{host}"],
        error_categories=["oauth_token_expired"],
        flags={"dark_mode": True},
        environ={"HOME": str(tmp_path)},
    )
