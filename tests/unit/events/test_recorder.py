"""From a call's arguments to the queue: what is recorded, and what is only counted."""

from __future__ import annotations

import pytest

from mcptelemetry.events import Recorder, TelemetryBuffer, TelemetryEvent
from mcptelemetry.testing import FakeClock
from mcptelemetry.vocabulary import ErrorType, RoutingReason, TelemetryStatus


@pytest.fixture
def clock():
    return FakeClock(time=1_700_000_000.9)


@pytest.fixture
def buffer():
    return TelemetryBuffer(5000)


@pytest.fixture
def recorder(buffer, clock):
    return Recorder(buffer, clock.time)


def test_recorder_records_what_it_is_given(recorder, buffer):
    """All arguments are in the event; it gets an id when it is taken."""
    recorder.record(
        "get_issues",
        "override_rule",
        upstream="cloud",
        routing_detail="get_*",
        status="error",
        error_type="timeout",
        latency_ms=12,
        was_fallback=True,
    )
    (event,) = buffer.drain(5)
    assert event.to_dict() == {
        "tool": "get_issues",
        "routing_decision": "override_rule",
        "routing_detail": "get_*",
        "upstream": "cloud",
        "status": "error",
        "error_type": "timeout",
        "latency_ms": 12,
        "timestamp_secs": 1_700_000_000,
        "was_fallback": True,
        "id": f"{buffer.process}-0",
    }


def test_recorder_takes_members_for_words(recorder, buffer):
    """A vocabulary's member and its word are the same."""
    recorder.record(
        "t", RoutingReason.LOCAL_ONLY, status=TelemetryStatus.ERROR, error_type=ErrorType.CANCELLED
    )
    recorder.record("t", "local_only", status="error", error_type="cancelled")
    first, second = (event.to_dict() for event in buffer.drain(5))
    assert {**first, "id": None} == {**second, "id": None}
    assert type(first["routing_decision"]) is str


def test_recorder_stamps_the_moment_of_the_decision(recorder, buffer):
    """The stamp is when the call began, as far as whole seconds can say."""
    for latency_ms in (0, 999, 1000, 61_000):
        recorder.record("t", latency_ms=latency_ms)
    assert [event.timestamp_secs - 1_700_000_000 for event in buffer.drain(5)] == [0, 0, -1, -61]


@pytest.mark.parametrize(("now", "latency_ms"), [(5.0, 10_000), (-100.0, 0), (-0.5, 2000)])
def test_recorder_stamps_no_time_before_the_epoch(buffer, now, latency_ms):
    """A clock that was never set gives zero, not what an endpoint would reject the batch for."""
    Recorder(buffer, lambda: now).record("t", latency_ms=latency_ms)
    assert [event.timestamp_secs for event in buffer.drain(5)] == [0]


def test_recorder_stamps_no_time_beyond_what_a_document_holds(buffer):
    """A clock that counts in other units gives the largest number that readers keep exact."""
    Recorder(buffer, lambda: 1_700_000_000_000_000_000).record("t")
    (event,) = buffer.drain(5)
    assert TelemetryEvent.from_dict(event.to_dict()) == event


BAD = [
    {"tool": None},
    {"tool": ""},
    {"tool": 5},
    {"tool": ["t"]},
    {"tool": {}},
    {"routing_decision": None},
    {"routing_decision": ""},
    {"upstream": 5},
    {"upstream": ""},
    {"routing_detail": []},
    {"status": "ok"},
    {"status": None},
    {"error_type": "boom", "status": "error"},
    {"error_type": "timeout"},
    {"latency_ms": -1},
    {"latency_ms": 1.5},
    {"latency_ms": "1"},
    {"latency_ms": None},
    {"latency_ms": True},
    {"latency_ms": False},
    {"latency_ms": 2**53},
    {"was_fallback": None},
    {"was_fallback": 1},
    {"was_fallback": 0},
    {"was_fallback": "yes"},
]


@pytest.mark.parametrize("arguments", BAD)
def test_recorder_counts_a_bad_argument(recorder, buffer, arguments):
    """What makes no event is counted as invalid, whatever was recorded before; nothing is raised."""
    recorder.record("t", was_fallback=True)
    recorder.record("t", was_fallback=False)
    recorder.record(**{"tool": "t", **arguments})
    assert (len(buffer), buffer.invalid) == (2, 1)


def test_recorder_survives_a_clock_that_fails(buffer):
    """A given clock that raises, or knows no number, costs the event and nothing else."""

    def fail():
        raise OSError

    for read_time in (fail, lambda: float("nan"), lambda: None):
        Recorder(buffer, read_time).record("t")
    assert (len(buffer), buffer.invalid) == (0, 3)


def test_recorder_survives_an_argument_that_fails(recorder, buffer):
    """An argument that raises when it is looked at is an invalid one."""

    class Touchy(str):
        __slots__ = ()

        def __hash__(self):
            raise RuntimeError

    recorder.record(Touchy("t"))
    assert (len(buffer), buffer.invalid) == (0, 1)


def test_recorder_stays_right_when_it_forgets_shapes(recorder, buffer):
    """More tools than are remembered are recorded like the first ones."""
    for number in range(2500):
        recorder.record(f"tool_{number}")
    recorder.record("tool_0")
    tools = [event.tool for event in buffer.drain(5000)]
    assert tools == [*(f"tool_{number}" for number in range(2500)), "tool_0"]
