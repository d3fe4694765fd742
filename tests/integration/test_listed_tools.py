"""Names of tools that a server only listed: open values, which the author has not vouched for."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from mcptelemetry import Telemetry
from mcptelemetry.privacy import NameJudge
from mcptelemetry.testing import ScriptedTransport
from mcptelemetry.wrap import Conversation

# What a stranger's server may call its tools: each holds what must not leave.
GUILTY = ["mail_bob@example.com", "AKIAIOSFODNN7EXAMPLE", "read_/home/alice/notes", "host_10.0.0.5"]


async def list_and_call(middleware, name):
    """Let a server list *name*, and a client call it."""

    async def listing(_ctx):
        return {"tools": [{"name": name}]}

    async def answer(_ctx):
        return {"content": []}

    await middleware(SimpleNamespace(method="tools/list", request_id=1, params={}), listing)
    await middleware(SimpleNamespace(method="tools/call", request_id=2, params={"name": name}), answer)


def authors(home, transport, **more):
    """Return the telemetry of an author who takes both events and heartbeats."""
    return Telemetry(
        "acme-mcp",
        "1.4.0",
        heartbeat_endpoint="https://t.acme.dev",
        events_endpoint="https://t.acme.dev",
        notice=lambda _text: True,
        environ={"HOME": str(home), "ACME_MCP_TELEMETRY": "1"},
        transport=transport,
        **more,
    )


@pytest.mark.parametrize("name", GUILTY)
def test_listed_name_is_searched_in_events_and_is_in_no_heartbeat(tmp_path, name):
    """The middleware records it, the gate refuses it to the author, and the heartbeat never names it."""
    telemetry = authors(tmp_path, ScriptedTransport())
    telemetry.start()
    asyncio.run(list_and_call(telemetry.middleware, name))
    (row,) = telemetry.pipeline.buffer.check_out(1)
    assert row[0][0] == name
    assert NameJudge({}, are_authors=True).find_guilt((row[0],)) is not None
    telemetry.shutdown()
    assert name not in str(telemetry.heartbeat.build_payload().to_dict())


@pytest.mark.parametrize("name", GUILTY)
def test_listed_name_of_a_wrapped_server_is_recorded_as_an_open_one(name):
    """The wrapper hands on what was listed; nothing declares it to a registry."""
    calls = []
    conversation = Conversation(lambda tool, *_args, **_more: calls.append(tool))
    conversation.client_line(b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}', 0.0)
    conversation.server_line(f'{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{{"name":"{name}"}}]}}}}'.encode(), 0.0)
    conversation.client_line(f'{{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{{"name":"{name}"}}}}'.encode(), 0.0)
    conversation.server_line(b'{"jsonrpc":"2.0","id":2,"result":{}}', 0.1)
    assert calls == [name]
