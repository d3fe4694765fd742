"""Canaries planted in every input that an application can reach appear in no document that leaves."""

from __future__ import annotations

import json

from mcptelemetry import FeatureFlagSnapshot, FeedbackRequest, Telemetry
from mcptelemetry.privacy import maybe_print_first_run_notice
from mcptelemetry.testing import FakeClock, ScriptedServer
from mcptelemetry.wire import check

SERVER = "MY-CANARY-SERVER"
PATH = "/Users/alice/private-token-store"
TOKEN = "ghp_CanaryCanaryCanaryCanary42"
HOST = "alices-laptop.canary.internal"
MESSAGE = "connection refused: no such canary"
CANARIES = (SERVER, PATH, TOKEN, HOST, MESSAGE)


class CanaryStats:
    """Answers every question with a canary, each time another."""

    def __init__(self, canary):
        self._canary = canary

    def server_count(self):
        return self._canary

    connected_server_count = tool_count = docker_isolated_server_count = configured_ide_count = server_count
    routing_mode = is_quarantine_enabled = is_docker_available = server_count

    def server_protocols(self):
        return [self._canary, self._canary.lower()]

    def feature_flags(self):
        return FeatureFlagSnapshot(self._canary, enable_prompts=self._canary, oauth_provider_types=(self._canary,))


class Check:
    def __init__(self, canary):
        self.name = self.passed = canary


def test_no_canary_leaves_by_heartbeat_or_feedback(tmp_path):
    """A server's name, a path, a token, a host's name and an error's message leave by no way there is."""
    with ScriptedServer() as server:
        clock = FakeClock()
        for number, canary in enumerate(CANARIES):
            telemetry = Telemetry(
                "acme-mcp",
                f"1.4.{number}",
                heartbeat_endpoint=server.url,
                tools=("get_issues",),
                routes=("/api/v1/servers",),
                flags=lambda canary=canary: {canary: True, "level": canary, "beta": True},
                stats=CanaryStats(canary),
                notice=lambda text: True,
                environ={
                    "HOME": str(tmp_path),
                    "ACME_MCP_TELEMETRY": "1",
                    "ACME_MCP_LAUNCHED_BY": canary,
                    "GITHUB_TOKEN": TOKEN,
                },
                clock=clock,
            )
            maybe_print_first_run_notice(telemetry)
            registry, activation = telemetry.registry, telemetry.activation
            telemetry.record(canary, canary, upstream=canary, routing_detail=canary)
            telemetry.record("get_issues", canary)
            telemetry.record(canary, status="error", error_type=canary)
            with telemetry.invocation(canary, upstream=canary) as call:
                call.error(canary)
            registry.record_surface(canary)
            registry.record_builtin_tool(canary)
            registry.record_error(canary)
            registry.record_doctor_run([Check(canary)])
            for template in (canary, f"/api/v1/servers/{canary}", f"/api/v1/servers?x={canary}", "/api/v1/servers"):
                registry.record_rest_request("GET", template, "2xx")
            registry.record_rest_request(canary, "/api/v1/servers", "2xx")
            registry.record_rest_request("GET", "/api/v1/servers", canary)
            if canary in (PATH, MESSAGE):  # a client may be called like anything that looks like a name
                activation.record_mcp_client(canary)
            telemetry.record_startup_outcome(canary)
            clock.advance(300 if number == 0 else 86_400)
            assert telemetry.heartbeat.send_now()
            telemetry.submit_feedback(FeedbackRequest("bug", "It does not start on Tuesdays."))
        bodies = [request.body.decode() for request in server.requests]
    assert len(bodies) == 2 * len(CANARIES)
    for body in bodies:
        assert [canary for canary in CANARIES if canary.lower() in body.lower()] == []
        assert "canary" not in body.lower()
        assert len(body) < 8 * 1024
    for body in bodies[::2]:
        check(json.loads(body))
        assert json.loads(body)["builtin_tool_calls"] == {"get_issues": 1}
