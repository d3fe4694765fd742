"""The heartbeat as it is put together: every field from its fact, and nothing from anywhere else."""

from __future__ import annotations

import json

import pytest

from mcptelemetry.counters import ActivationState
from mcptelemetry.wire import sanitize_client_name
from mcptelemetry.counters import MCPPROXY_TOOLS, CounterRegistry
from mcptelemetry.environment import EnvMarkers
from mcptelemetry.heartbeat._features import FeatureFlagSnapshot
from mcptelemetry.heartbeat._payload import Program, Remembered, build_payload, current_program
from mcptelemetry.heartbeat._stats import StatsReader
from mcptelemetry.installation import Surroundings
from mcptelemetry.privacy import collect_blocked_values, scan_for_pii
from mcptelemetry.vocabulary import EnvKind, ErrorCategory, LaunchSource, StartupOutcome, Surface
from mcptelemetry.wire import FIELD_SHAPES, FIELDS, HEARTBEAT_BYTES_MAX, ZERO_ID, HeartbeatPayload, check

PROGRAM = Program("acme-mcp", "v1.4.0", "personal", "linux", "amd64", "3.11.7")
REMEMBERED = Remembered(
    "3f0c1f5e-8a3d-4c1b-9a57-0f6c3f1a2b4d",
    "2026-10-01T08:00:00Z",
    "b7d1c1de-64a0-4a7e-8f0e-1c2d3e4f5a6b",
    "v1.3.2",
    StartupOutcome.PORT_CONFLICT,
)
SURROUNDINGS = Surroundings(EnvKind.INTERACTIVE, EnvMarkers(has_tty=True), LaunchSource.TRAY, True)
CANARIES = (
    "MY-CANARY-SERVER",
    "my-canary-server",
    "/Users/alice/private-token-store",
    "private-token-store",
    "/home/alice",
    "alice",
    "alices-laptop.internal",
    "10.1.2.3",
    "ghp_CANARYCANARYCANARYCANARY",
    "client-secret-canary",
    "connection refused by canary",
    "canary",
)


class CanaryStats:
    """An application that gives what it should not, wherever it can."""

    def server_count(self):
        return 7

    def connected_server_count(self):
        return 5

    def tool_count(self):
        return "MY-CANARY-SERVER"

    def docker_isolated_server_count(self):
        return 2

    def routing_mode(self):
        return "my-canary-server"

    def is_quarantine_enabled(self):
        return True

    def is_docker_available(self):
        raise OSError("connection refused by canary")

    def feature_flags(self):
        return FeatureFlagSnapshot(
            enable_socket=True, enable_prompts="client-secret-canary", oauth_provider_types=("google", "https://sso.canary/")
        )

    def server_protocols(self):
        return ["stdio", "MY-CANARY-SERVER", "http"]

    def configured_ide_count(self):
        return "/Users/alice/private-token-store"


class Check:
    def __init__(self, name, passed):
        self.name = name
        self.passed = passed


def built(**changes):
    facts = {
        "counts": CounterRegistry().snapshot(),
        "surroundings": SURROUNDINGS,
        "stats": {},
        "activation": ActivationState().to_dict(),
        "now": 1_795_238_616.9,
        "uptime_secs": 0.0,
    }
    program = changes.pop("program", PROGRAM)
    remembered = changes.pop("remembered", REMEMBERED)
    payload = build_payload(program, remembered, **{**facts, **changes})
    check(payload.to_dict())
    return payload.to_dict()


def canary_registry():
    """A registry into which an application has put everything it must not."""
    registry = CounterRegistry(MCPPROXY_TOOLS)
    for surface in ("mcp", "cli", "MY-CANARY-SERVER", Surface.TRAY, None):
        registry.record_surface(surface)
    for name in (*sorted(MCPPROXY_TOOLS), "MY-CANARY-SERVER", "canary:get_issues", "/home/alice", None):
        registry.record_builtin_tool(name)
    for _ in range(15):
        registry.record_upstream_tool()
    for template in ("/api/v1/servers", "/Users/alice/private-token-store", "/api/v1/servers?token=canary", "/api/10.1.2.3/x"):
        registry.record_rest_request("GET", template, "2xx")
    registry.record_rest_request("canary", "/api/v1/servers", "connection refused by canary")
    for category in (*ErrorCategory, "connection refused by canary", "MY-CANARY-SERVER"):
        registry.record_error(category)
    registry.record_doctor_run([Check("config_readable", True), Check("/home/alice", False), Check("MY-CANARY-SERVER", True)])
    return registry


def canary_payload():
    activation = ActivationState(
        True, True, True, tuple(map(sanitize_client_name, ("Claude Desktop", "/Users/alice/client", "alice@canary"))), 3, "1_100", 1
    )
    return built(
        counts=canary_registry().snapshot(),
        stats=StatsReader(CanaryStats(), {"beta": True, "MY-CANARY-SERVER": True, "level": "client-secret-canary"}).read(),
        activation=activation.to_dict(),
        program=PROGRAM._replace(version="/Users/alice/private-token-store"),
        remembered=REMEMBERED._replace(previous_version="MY CANARY SERVER", last_startup_outcome="connection refused by canary"),
    )


def test_payload_has_no_forbidden_substrings():
    """Canaries in every input that an application can reach appear nowhere, in under 8 KB."""
    document = canary_payload()
    text = json.dumps(document)
    assert [canary for canary in CANARIES if canary.lower() in text.lower()] == []
    assert len(text) < 8 * 1024
    scan_for_pii(text, collect_blocked_values("alices-laptop.internal", "/home/alice", {}), fields=FIELD_SHAPES)


def test_payload_keeps_what_was_right_beside_the_canaries():
    """What the application said as it should arrives, whatever stood beside it."""
    document = canary_payload()
    assert (document["server_count"], document["tool_count"], document["routing_mode"]) == (7, 0, "other")
    assert document["flags"] == {"beta": True}
    assert document["server_protocol_counts"] == {"stdio": 1, "http": 1, "sse": 0, "streamable_http": 0, "auto": 1}
    assert document["feature_flags"]["oauth_provider_types"] == ["generic", "google"]
    assert document["doctor_checks"] == {"config_readable": {"pass": 1, "fail": 0}}
    assert document["version"] == "unknown"
    assert document["previous_version"] == ""
    assert "last_startup_outcome" not in document
    assert document["activation"]["mcp_clients_seen_ever"][0] == "claude-desktop"


def test_payload_all_surfaces_present_with_zeros():
    """Every surface is there, also those that nothing came from."""
    assert built()["surface_requests"] == {"mcp": 0, "cli": 0, "webui": 0, "tray": 0, "unknown": 0}


def test_payload_upstream_tool_names_appear_nowhere():
    """Calls of other servers' tools leave no name, not even when they are recorded as built-in."""
    registry = CounterRegistry(["retrieve_tools"])
    registry.record_builtin_tool("github:create_issue")
    registry.record_call("create_issue", "github")
    registry.record_builtin_tool("retrieve_tools")
    document = built(counts=registry.snapshot())
    assert document["builtin_tool_calls"] == {"retrieve_tools": 1}
    assert "create_issue" not in json.dumps(document)
    assert "github" not in json.dumps(document)


def test_payload_15_upstream_calls_give_11_100():
    """Fifteen calls of other servers' tools are reported as a bucket."""
    registry = CounterRegistry()
    assert built(counts=registry.snapshot())["upstream_tool_call_count_bucket"] == "0"
    for _ in range(15):
        registry.record_upstream_tool()
    assert built(counts=registry.snapshot())["upstream_tool_call_count_bucket"] == "11-100"


def test_payload_raw_paths_appear_nowhere_and_an_unmatched_route_counts_as_unmatched():
    """A request's path is never reported: only a template that is known, or that it was none."""
    registry = CounterRegistry(routes=["/api/v1/servers/{id}"])
    registry.record_rest_request("GET", "/api/v1/servers/{id}", "2xx")
    registry.record_rest_request("GET", "/api/v1/servers/my-private-server", "4xx")
    document = built(counts=registry.snapshot())
    assert document["rest_endpoint_calls"] == {"GET /api/v1/servers/{id}": {"2xx": 1}, "GET UNMATCHED": {"4xx": 1}}
    assert "my-private-server" not in json.dumps(document)


def test_payload_template_below_a_home_directory_counts_as_unmatched():
    """A route that an application declared but that looks like a person's directory does not stop the heartbeat."""
    registry = CounterRegistry(routes=["/home/{user}", "/root/x"])
    registry.record_rest_request("GET", "/home/{user}", "2xx")
    registry.record_rest_request("GET", "/root/x", "2xx")
    assert built(counts=registry.snapshot())["rest_endpoint_calls"] == {"UNMATCHED": {"2xx": 2}}


def test_payload_error_categories_omit_zeros():
    """Only categories that occurred are reported."""
    registry = CounterRegistry()
    registry.record_error(ErrorCategory.DOCKER_PULL_FAILED)
    assert built(counts=registry.snapshot())["error_category_counts"] == {"docker_pull_failed": 1}
    assert "error_category_counts" not in built()


def test_payload_fields_that_are_always_present_are_there_when_nothing_is_known():
    """With no facts at all the document has exactly the fields that are always present."""
    document = built(
        remembered=Remembered(), counts=None, surroundings=Surroundings(), activation=None
    )
    always = [field.name for field in FIELDS if not field.is_omitted_when_empty]
    assert list(document) == [*always, "current_version"]
    assert document["anonymous_id"] == document["heartbeat_id"] == ZERO_ID
    assert document["autostart_enabled"] is None
    assert document["timestamp"] == "2026-11-21T05:23:36Z"


def test_payload_carries_what_is_remembered_and_seen():
    """Ids, versions, outcome and surroundings are taken over as they are."""
    document = built(uptime_secs=7_300.0)
    assert document["anonymous_id"] == REMEMBERED.anonymous_id
    assert document["previous_version"] == "v1.3.2"
    assert document["last_startup_outcome"] == "port_conflict"
    assert document["env_kind"] == "interactive"
    assert document["env_markers"]["has_tty"] is True
    assert document["launch_source"] == "tray"
    assert document["autostart_enabled"] is True
    assert document["uptime_hours"] == 2


def test_payload_installer_pending_overrides_the_launch_source():
    """The first heartbeat after an installation says so, whatever is detected."""
    assert built(remembered=REMEMBERED._replace(is_installer_pending=True))["launch_source"] == "installer"


def test_payload_docker_available_is_the_probe_of_the_moment():
    """The application's probe of the moment wins over its picture of the settings."""
    features = FeatureFlagSnapshot(docker_available=False).to_dict()
    document = built(stats={"feature_flags": features, "is_docker_available": True})
    assert document["feature_flags"]["docker_available"] is True


def test_payload_configured_ide_count_comes_from_the_application():
    """What the application says about configured clients wins over what is stored."""
    assert built(stats={"configured_ide_count": 4})["activation"]["configured_ide_count"] == 4


def test_payload_open_maps_leave_with_50_entries():
    """Of 80 built-in tools the 50 most called leave by name."""
    registry = CounterRegistry([f"tool_{n}" for n in range(80)])
    for n in range(80):
        for _ in range(n + 1):
            registry.record_builtin_tool(f"tool_{n}")
    calls = built(counts=registry.snapshot())["builtin_tool_calls"]
    assert len(calls) == 51
    assert calls["other"] == sum(range(1, 31))


def test_payload_carries_failures_and_durations_of_own_tools():
    """Beside the calls stand how many failed, and how long they took in five steps."""
    registry = CounterRegistry(["search", "fetch"])
    for step, is_failed in ((0, False), (0, True), (4, True)):
        next(registry.numbers_of_call("search", is_failed=is_failed)[step])
    next(registry.numbers_of_call("undeclared")[1])
    document = built(counts=registry.snapshot())
    assert document["builtin_tool_calls"] == {"search": 3, "other": 1}
    assert document["builtin_tool_errors"] == {"search": 2}
    assert document["builtin_tool_durations"] == {"search": {"le_10ms": 2, "over_10s": 1}, "other": {"le_100ms": 1}}
    assert document["upstream_tool_call_count_bucket"] == "0"
    assert "builtin_tool_errors" not in built()
    assert "builtin_tool_durations" not in built()


@pytest.mark.parametrize("routes", [25, 45])
def test_payload_failures_and_durations_of_long_names_fit_all_the_same(routes):
    """Where a document would be too large to be sent, they stand there for fewer tools by name, and no count is lost."""
    tools = [f"{n:02}_{'x' * 61}" for n in range(80)]
    registry = CounterRegistry(tools, routes=[f"/{n:02}/{'y' * 190}" for n in range(routes)])
    for n, tool in enumerate(tools):
        for step in range(5):
            for _ in range(n + 1):
                next(registry.numbers_of_call(tool, is_failed=step == 0)[step])
        if n < routes:
            registry.record_rest_request("GET", f"/{n:02}/{'y' * 190}", "2xx")
    document = built(counts=registry.snapshot())
    payload = HeartbeatPayload(**document)
    assert len(payload.encode()) <= HEARTBEAT_BYTES_MAX
    assert sum(document["builtin_tool_calls"].values()) == 5 * sum(range(1, 81))
    assert sum(document["builtin_tool_errors"].values()) == sum(range(1, 81))
    assert sum(sum(by.values()) for by in document["builtin_tool_durations"].values()) == 5 * sum(range(1, 81))
    assert len(document["builtin_tool_calls"]) == 51
    assert len(document.get("rest_endpoint_calls", {})) == routes
    assert len(document["builtin_tool_errors"]) == len(document["builtin_tool_durations"]) < 51
    assert tools[-1] in document["builtin_tool_durations"]


@pytest.mark.parametrize("now", [-5.0, 0.0, 4_102_444_800.0, 1e15])
def test_payload_any_clock_gives_a_timestamp(now):
    """A clock that is wrong by centuries makes a timestamp all the same."""
    assert built(now=now)["timestamp"].endswith("Z")


def test_current_program_speaks_the_seeds_words():
    """System and processor are given in the table's words."""
    program = current_program("acme-mcp", "v1.4.0", "personal", {})
    assert program.os in FIELD_SHAPES["os"].words
    assert program.arch in FIELD_SHAPES["arch"].words
    assert FIELD_SHAPES["python_version"].accepts(program.python_version)
