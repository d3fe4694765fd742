"""What an MCP client calls itself, in whatever a server hands to its middleware."""

from __future__ import annotations

from types import SimpleNamespace as Thing

import pytest

from mcptelemetry.instrument._client_name import client_name_in

INFO = {"name": "Cursor"}
META = {"io.modelcontextprotocol/clientInfo": INFO}


class Broken:
    """Raises whenever it is looked at."""

    def __getattr__(self, name):
        raise RuntimeError(name)


@pytest.mark.parametrize(
    "ctx",
    [
        Thing(params={"clientInfo": INFO}),
        Thing(params=Thing(client_info=Thing(name="Cursor"))),
        Thing(message=Thing(clientInfo=Thing(name="Cursor"))),
        Thing(params={"name": "search", "_meta": META}),
        Thing(params=Thing(name="search", meta=META)),
        Thing(params={}, session=Thing(client_params=Thing(client_info=Thing(name="Cursor")))),
        Thing(message=Thing(), fastmcp_context=Thing(session=Thing(client_params=Thing(clientInfo=Thing(name="Cursor"))))),
    ],
)
def test_client_name_in_finds_it_wherever_a_server_keeps_it(ctx):
    """The name is found in an introduction, in a request's own metadata, and in the session."""
    assert client_name_in(ctx) == "Cursor"


@pytest.mark.parametrize(
    "ctx",
    [None, 7, Thing(), Thing(params=None), Thing(params={"clientInfo": "Cursor"}), Thing(params={"clientInfo": {"name": 7}}),
     Thing(params={"clientInfo": {"name": ""}}), Thing(session=Broken()), Thing(params={"_meta": [1]})],
)  # fmt: skip
def test_client_name_in_is_empty_when_there_is_none(ctx):
    """What holds no name, or breaks when looked at, gives an empty one."""
    assert client_name_in(ctx) == ""


def test_client_name_in_survives_a_context_that_breaks():
    """A context that raises whenever it is looked at has no name."""
    assert client_name_in(Broken()) == ""
