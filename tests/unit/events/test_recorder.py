"""From a call's arguments to the queue: what is recorded, and what is only counted."""

from __future__ import annotations

import threading

import pytest

from mcptelemetry.counters import CounterRegistry
from mcptelemetry.events import Recorder, TelemetryBuffer, TelemetryEvent
from mcptelemetry.testing import FakeClock
from mcptelemetry.vocabulary import DURATION_BUCKETS, ErrorType, RoutingReason, TelemetryStatus


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
        client="Visual Studio Code",
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
        "client": "vscode",
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
    {"latency_ms": float("nan")},
    {"latency_ms": float("inf")},
    {"latency_ms": -1.5},
    {"latency_ms": 2.0**60},
    {"client": 5},
    {"client": []},
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


@pytest.mark.parametrize(("given", "kept"), [(1.4, 1), (1.6, 2), (0.2, 0), (-0.4, 0), (999.6, 1000), (60_000.0, 60_000)])
def test_recorder_rounds_a_latency(recorder, buffer, given, kept):
    """A latency may be a float; it is recorded in whole milliseconds, and the stamp follows it."""
    recorder.record("t", latency_ms=given)
    (event,) = buffer.drain(5)
    assert (event.latency_ms, event.timestamp_secs) == (kept, 1_700_000_000 - kept // 1000)


def test_recorder_tells_a_bounded_number_of_strange_clients(recorder, buffer):
    """Well-known clients go by name for ever; of others the first 64, and the rest are `other`."""
    for number in range(100):
        recorder.record("t", client=f"client-{number}")
    recorder.record("t", client="Cursor")
    recorder.record("t", client="/home/alice")
    recorder.record("t", client="CLIENT-63")
    recorder.record("t", client="client-64")
    told = [event.client for event in buffer.drain(200)]
    assert told[:100] == [f"client-{number}" for number in range(64)] + ["other"] * 36
    assert told[100:] == ["cursor", "unknown", "client-63", "other"]


NAMED = [
    *[(arguments, next(reversed(arguments))) for arguments in BAD if "error_type" not in arguments],
    ({"error_type": "timeout"}, "error_type"),
    ({"error_type": "boom", "status": "error"}, "error_type"),
]


@pytest.mark.parametrize(("arguments", "name"), NAMED)
def test_recorder_names_the_first_bad_argument_once(recorder, buffer, arguments, name):
    """Whoever looks learns which argument was the first that did not fit, and is told once."""
    recorder.record(**{"tool": "t", **arguments})
    recorder.record("t", latency_ms=-1)
    assert [buffer.take_complaint(), buffer.take_complaint()] == [name, None]


def test_recorder_counts_a_missing_tool(recorder, buffer):
    """A call without a tool is a bad one like any other."""
    recorder.record()
    assert (len(buffer), recorder.invalid, buffer.take_complaint()) == (0, 1, "tool")


class Calls:
    """A counter that remembers calls with their bucket of duration, and whether they failed."""

    def __init__(self):
        self.calls = []
        self.epoch = object()
        self.is_unattended = False

    def numbers_of_call(self, tool, upstream=None, *, is_failed=False):
        def taken(bucket):
            return lambda: self.calls.append((tool, upstream, bucket, is_failed))

        return [iter(taken(bucket), 0) for _, bucket in DURATION_BUCKETS]


def test_recorder_tells_buffer_and_counter(buffer, clock):
    """A call that is an event is counted once; a bad one is neither."""
    counter = Calls()
    recorder = Recorder(buffer, clock.time, counter)
    recorder.record("t", upstream="cloud")
    recorder.record("t", status="fine")
    assert (len(buffer), counter.calls, recorder.invalid) == (1, [("t", "cloud", "le_10ms", False)], 1)


def test_recorder_without_a_buffer_counts_only(clock):
    """Where no events go, calls are counted by the same rules."""
    counter = Calls()
    recorder = Recorder(None, clock.time, counter)
    recorder.record("t")
    recorder.record("t", latency_ms=-1)
    recorder.record("t", latency_ms=1.4, status="error", error_type="timeout", client="x")
    recorder.count_invalid("error_type")
    assert counter.calls == [("t", None, "le_10ms", False), ("t", None, "le_10ms", True)]
    assert recorder.invalid == 2


@pytest.mark.parametrize("is_event", [False, True])
@pytest.mark.parametrize(
    ("latency_ms", "bucket"),
    [
        (0, "le_10ms"), (10, "le_10ms"), (10.4, "le_10ms"), (11, "le_100ms"), (100, "le_100ms"), (101, "le_1s"),
        (999, "le_1s"), (1_000, "le_1s"), (1_001, "le_10s"), (10_000, "le_10s"), (10_001, "over_10s"), (2**53 - 1, "over_10s"),
    ],
)  # fmt: skip
def test_recorder_counts_a_call_under_its_duration(buffer, clock, is_event, latency_ms, bucket):
    """The edges of the five steps belong to the lower one, with events and without."""
    counter = Calls()
    recorder = Recorder(buffer if is_event else None, clock.time, counter)
    for status in ("success", "error"):
        recorder.record("t", latency_ms=latency_ms, status=status)
    assert counter.calls == [("t", None, bucket, False), ("t", None, bucket, True)]


def test_recorder_of_nothing_takes_anything():
    """Switched off, nothing is looked at and nothing raised."""
    recorder = Recorder(None)
    recorder.record()
    recorder.record("t", latency_ms=[])
    assert recorder.invalid == 0


def test_recorder_counts_nothing_of_our_own_traffic(buffer, clock):
    """What our own thread records about its doings is no event and no call."""
    counter = Calls()
    recorder = Recorder(buffer, clock.time, counter)
    buffer.suppress(threading.get_ident())
    recorder.record("t")
    buffer.suppress(0)
    recorder.record("u")
    assert [event.tool for event in buffer.drain(5)] == ["u"]
    assert counter.calls == [("u", None, "le_10ms", False)]


def test_recorder_survives_a_counter_that_fails(buffer, clock):
    """A counter that raises hurts nobody."""

    class Broken(Calls):
        def numbers_of_call(self, _tool, _upstream=None, *, is_failed=False):
            raise OSError

    recorder = Recorder(buffer, clock.time, Broken())
    recorder.record("t")
    recorder.record("t")
    assert len(buffer) == 2


def test_recorder_counts_a_tool_from_its_declaration_on_as_its_own(buffer, clock):
    """A tool that was one of the others until a moment ago is counted by name once it is declared."""
    registry = CounterRegistry(["search"])
    recorder = Recorder(buffer, clock.time, registry)
    for _ in range(2):
        recorder.record("later")
        recorder.record("later", upstream="cloud")
    registry.declare_tool("later")
    for _ in range(3):
        recorder.record("later", latency_ms=4)
        recorder.record("later", upstream="cloud")
    counted = registry.snapshot()
    assert (counted.builtin_tool_calls, counted.upstream_tool_call_count) == ({"later": 3, "other": 2}, 5)


def test_recorder_counts_in_a_forked_child_from_nothing(buffer, clock):
    """What a counter that began anew is told afterwards is in it, once each."""
    registry = CounterRegistry(["search"])
    recorder = Recorder(buffer, clock.time, registry)
    recorder.record("search")
    recorder.record("search", was_fallback=True)
    registry.after_fork()
    assert registry.counts() == {}
    recorder.record("search")
    recorder.record("search", was_fallback=True)
    recorder.record("search", upstream="cloud")
    counted = registry.snapshot()
    assert (counted.builtin_tool_calls, counted.upstream_tool_call_count) == ({"search": 2}, 1)


def test_recorder_counts_on_after_counters_were_settled_or_reset(buffer, clock):
    """What was acknowledged is subtracted; the next calls are counted from there."""
    registry = CounterRegistry(["search"])
    recorder = Recorder(buffer, clock.time, registry)
    recorder.record("search")
    registry.settle(registry.snapshot())
    recorder.record("search")
    registry.reset()
    recorder.record("search")
    assert registry.snapshot().builtin_tool_calls == {"search": 1}


def test_recorder_wakes_whoever_is_to_store_what_it_counted(clock):
    """The first count that nobody attends summons somebody, after it was counted."""
    registry = CounterRegistry(["search"])
    recorder = Recorder(None, clock.time, registry)
    recorder.record("search")
    seen = []

    def come():
        seen.append(registry.snapshot().builtin_tool_calls["search"])
        registry.stay()

    registry.attend(come)
    recorder.record("search")
    recorder.record("search")
    registry.leave()
    recorder.record("search")
    assert seen == [2, 4]
