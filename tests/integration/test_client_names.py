"""A client says its own name: whatever it is called, it silences no heartbeat."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from mcptelemetry.privacy import collect_blocked_values
from mcptelemetry.system import SystemClock
from mcptelemetry.testing import FakeClock, InProcessCollector
from mcptelemetry.counters import ActivationNotes, ActivationStore
from mcptelemetry import Telemetry

TOKENS = ["".join(row["parts"]) for row in json.loads((Path(__file__).parents[1] / "data" / "token_shapes.json").read_text())]
BLOCKED = collect_blocked_values("build17.corp.example", "/home/tim", {"USER": "alice.liddell", "ACME_TOKEN": "s3cr3t-value"})


def kept(tmp_path, *names, blocked=lambda: BLOCKED):
    """Return the names under which clients called *names* are kept."""
    store = ActivationStore(str(tmp_path / "telemetry.db"), SystemClock())
    notes = ActivationNotes(store, blocked)
    for name in names:
        notes.record_mcp_client(name)
    news, _ = notes.take()
    return news.clients


@pytest.mark.parametrize(
    "name",
    [
        "agent-10.0.0.5", "10.0.0.5", "192.168.1.17", "build17", "Build17.corp.example", "for-tim", "tim", "alice.liddell",
        "x-s3cr3t-value", "S3CR3T-VALUE", "tim/1.2", "build17 2.0",
    ],
)  # fmt: skip
def test_a_client_called_after_the_machine_or_a_person_is_unknown(tmp_path, name):
    """An address, the machine's or the person's name or a credential is not kept as a client's name."""
    assert kept(tmp_path, name) == ("unknown",)


@pytest.mark.parametrize("token", TOKENS)
def test_a_client_called_after_a_token_is_unknown_or_cut_apart(tmp_path, token):
    """No token is kept as a client's name: it is unknown, or what stands before its version."""
    for name in kept(tmp_path, token, f"{token}/1.2", f"x-{token}"):
        assert token.lower() not in name


def test_clients_of_the_closed_table_are_kept_whoever_is_called_so(tmp_path):
    """A person called claude and a machine called cursor still have their clients counted."""
    blocked = collect_blocked_values("cursor", "/home/claude", {"USER": "vscode", "LOGNAME": "zed"})
    names = ("Claude Desktop", "claude-code", "cursor/1.2", "Visual Studio Code", "zed")
    assert kept(tmp_path, *names, blocked=lambda: blocked) == ("claude-desktop", "claude-code", "cursor", "vscode", "zed")


def test_where_the_names_cannot_be_looked_up_only_known_clients_are_kept(tmp_path):
    """When it is not known what must not leave, an unknown name might be it; nothing else is lost."""

    def fail():
        raise OSError

    assert kept(tmp_path, "cursor", "acme-ide", "other-ide", blocked=fail) == ("cursor", "unknown")


def test_a_name_that_was_stored_before_is_judged_when_it_is_read(tmp_path):
    """What an earlier release stored does not silence this one."""
    store = ActivationStore(str(tmp_path / "telemetry.db"), SystemClock())
    store.record_mcp_client("agent-10.0.0.5")
    store.record_mcp_client("acme-ide")
    assert store.load().mcp_clients_seen_ever == ("unknown", "acme-ide")


@pytest.mark.parametrize("name", ["agent-10.0.0.5", "tim", socket.gethostname(), "cursor/10.0.0.5"])
def test_no_client_silences_the_heartbeat(tmp_path, name):
    """With such a client met, the heartbeat is sent."""
    clock = FakeClock()
    home = tmp_path / "tim"
    home.mkdir()
    with InProcessCollector() as collector:
        telemetry = Telemetry(
            "acme-mcp", "1.0.0", heartbeat_endpoint=collector.url, environ={"HOME": str(home), "ACME_MCP_TELEMETRY": "1"},
            notice=lambda text: True, clock=clock,
        )  # fmt: skip
        telemetry.start()
        telemetry.activation.record_mcp_client(name)
        telemetry.heartbeat.send_now()
        clock.advance(400)
        assert telemetry.heartbeat.send_now()
        telemetry.shutdown()
        (heartbeat,) = collector.heartbeats()
    assert heartbeat["activation"]["mcp_clients_seen_ever"] in (["unknown"], ["cursor"])
