"""Two thousand environments that hide nothing: no event is silenced in any of them."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from mcptelemetry.privacy import NameJudge, collect_blocked_values, keep_client_name
from mcptelemetry.vocabulary import UNKNOWN_TOOL, RoutingReason
from mcptelemetry.wire import CLIENT_SPELLINGS, check_shape

DATA = Path(__file__).parents[1] / "data"
TOOLS = json.loads((DATA / "tool_names.json").read_text())
UPSTREAMS = ("github", "gitlab", "slack", "postgres-mcp", "filesystem", "sentry", "api", "local", "vscode")
CLIENTS = (*CLIENT_SPELLINGS, "some-agent", "unknown", None)
PATTERNS = ("*", "git_*", "search_*", "api.*", "slack_post_message")


def load():
    spec = importlib.util.spec_from_file_location("innocent_environments", DATA / "innocent_environments.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ENVIRONMENTS = list(load().innocent_environments(2_000))


def test_there_are_two_hundred_tools_and_as_many_environments_as_are_said():
    """The lists are as long as they are said to be."""
    assert len(set(TOOLS)) >= 200
    assert len(ENVIRONMENTS) == 2_000


@pytest.mark.parametrize("are_authors", [True, False])
def test_two_thousand_innocent_environments_silence_no_event(are_authors):
    """With usual variables, people and machines, every real tool's name may leave."""
    names = [*TOOLS, UNKNOWN_TOOL]
    shapes = [
        check_shape(
            tool, str(list(RoutingReason)[number % len(RoutingReason)]), PATTERNS[number % len(PATTERNS)],
            UPSTREAMS[number % len(UPSTREAMS)], "success", None, CLIENTS[number % len(CLIENTS)], False,
        )
        for number, tool in enumerate(names)
    ]  # fmt: skip
    silenced = {}
    for _host, _home, environ, _clients in ENVIRONMENTS:
        guilt = NameJudge(environ, are_authors=are_authors).find_guilt(shapes)
        if guilt is not None:
            silenced[guilt] = environ
    assert silenced == {}


def test_two_thousand_innocent_environments_rename_no_client():
    """Every client of the closed table is kept under its own name, whoever is called so."""
    for host, home, environ, clients in ENVIRONMENTS:
        blocked = collect_blocked_values(host, home, environ)
        for client in clients:
            assert keep_client_name(client, blocked) == client
