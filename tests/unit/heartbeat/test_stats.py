"""An application that is asked about itself: whatever it does costs one field at most."""

from __future__ import annotations

import threading

import pytest

from mcptelemetry.heartbeat._features import FeatureFlagSnapshot
from mcptelemetry.heartbeat._stats import StatsReader

ANSWER_SECS = 0.2


class GoodStats:
    def server_count(self):
        return 7

    def connected_server_count(self):
        return 5

    def tool_count(self):
        return 81

    def docker_isolated_server_count(self):
        return 2

    def routing_mode(self):
        return "retrieve_tools"

    def is_quarantine_enabled(self):
        return True

    def is_docker_available(self):
        return False

    def feature_flags(self):
        return FeatureFlagSnapshot(enable_socket=True)

    def server_protocols(self):
        return ["stdio", "http", "http", "gopher", "", None, "streamable-http"]

    def configured_ide_count(self):
        return 3


ALL = {
    "server_count": 7,
    "connected_server_count": 5,
    "tool_count": 81,
    "docker_isolated_server_count": 2,
    "routing_mode": "retrieve_tools",
    "is_quarantine_enabled": True,
    "is_docker_available": False,
    "feature_flags": FeatureFlagSnapshot(enable_socket=True).to_dict(),
    "server_protocols": {"stdio": 1, "http": 2, "sse": 0, "streamable_http": 1, "auto": 3},
    "configured_ide_count": 3,
}


def test_stats_gives_every_answer():
    """What the application says is taken over; an unknown protocol counts as auto."""
    assert StatsReader(GoodStats()).read() == ALL


def test_stats_of_nobody_are_empty():
    """Without a provider nothing is known, and nothing is an error."""
    assert StatsReader().read() == {}
    assert StatsReader(object()).read() == {}


def raises():
    raise RuntimeError("MY-CANARY-SERVER")


def exits():
    raise SystemExit(3)


WRONG = {
    "raises": raises,
    "returns text": lambda: "MY-CANARY-SERVER",
    "returns nothing": lambda: None,
    "returns an object": lambda: object(),
    "takes an argument": lambda wanted: wanted,
}


@pytest.mark.parametrize("name", [name for name in ALL if name != "routing_mode"])
@pytest.mark.parametrize("method", WRONG.values(), ids=WRONG.keys())
def test_stats_method_that_is_wrong_costs_its_field_only(name, method):
    """A method that raises or returns what is no answer takes only its own field away."""
    stats = GoodStats()
    setattr(stats, name, method)
    assert StatsReader(stats).read() == {key: value for key, value in ALL.items() if key != name}


@pytest.mark.parametrize("name", ALL)
def test_stats_method_that_is_missing_costs_its_field_only(name):
    """A provider without a method is a provider all the same."""
    stats = type("Stats", (), {key: value for key, value in vars(GoodStats).items() if key != name})()
    assert StatsReader(stats).read() == {key: value for key, value in ALL.items() if key != name}


def test_stats_method_that_ends_the_thread_costs_its_field_only():
    """Even SystemExit out of a method leaves the other answers."""
    stats = GoodStats()
    stats.tool_count = exits
    assert StatsReader(stats, answer_secs=ANSWER_SECS).read() == {k: v for k, v in ALL.items() if k != "tool_count"}


def test_stats_methods_that_hang_cost_their_fields_only_and_are_not_asked_again():
    """Two that hang are given up after their time, the others answer, and no threads pile up."""
    released = threading.Event()
    asked = []

    def hang():
        asked.append(1)
        released.wait(30)
        return 1

    stats = GoodStats()
    stats.server_count = stats.tool_count = hang
    reader = StatsReader(stats, answer_secs=ANSWER_SECS)
    expected = {name: value for name, value in ALL.items() if name not in ("server_count", "tool_count")}
    try:
        assert reader.read() == expected
        assert reader.read() == expected
        assert len(asked) == 2
    finally:
        released.set()


def test_stats_routing_mode_of_its_own_is_other():
    """A mode that is no known word leaves as `other`, never as it is."""
    stats = GoodStats()
    stats.routing_mode = lambda: "MY-CANARY-SERVER"
    assert StatsReader(stats).read()["routing_mode"] == "other"


def test_stats_counts_are_bounded():
    """A negative count is zero and an enormous one the largest that everyone can read."""
    stats = GoodStats()
    stats.server_count = lambda: -4
    stats.tool_count = lambda: 10**30
    answers = StatsReader(stats).read()
    assert (answers["server_count"], answers["tool_count"]) == (0, 2**53 - 1)


def test_flags_are_booleans_of_the_author():
    """Flags may be a mapping or a function; what is no boolean is left out, and 50 are enough."""
    assert StatsReader(flags={"beta": True, "name": "MY-CANARY-SERVER"}).read() == {"flags": {"beta": True}}
    assert StatsReader(flags=lambda: {"beta": False}).read() == {"flags": {"beta": False}}
    assert StatsReader(flags=raises).read() == {}
    assert len(StatsReader(flags={f"flag_{n:03}": True for n in range(80)}).read()["flags"]) == 50
