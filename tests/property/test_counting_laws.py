"""The laws of counting: nothing is lost, nothing invented, and no input makes it raise."""

from __future__ import annotations

import collections
import os
import shutil
import sqlite3
import tempfile
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcptelemetry import ErrorCategory
from mcptelemetry.counters import (
    ActivationNotes,
    ActivationStore,
    CounterFlusher,
    CounterRegistry,
    RegistrySnapshot,
    Windows,
    bucket_tokens,
    bucket_upstream_calls,
    parse_client_surface,
    sanitize_client_name,
)
from mcptelemetry.state import Memory
from mcptelemetry.testing import FakeClock
from mcptelemetry.vocabulary import DURATION_BUCKETS

DAY = 86_400
ANYTHING = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.lists(st.integers()))
TOOLS = ("a", "b")


@given(steps=st.lists(st.one_of(st.sampled_from(TOOLS), st.sampled_from(["snapshot", "settle", "reset"])), max_size=60))
def test_interleaved_counting_snapshots_and_settling_agree_with_a_model(steps):
    """Whatever the order of counting, looking, settling and resetting, a counter is what was not settled yet."""
    registry = CounterRegistry(TOOLS)
    model = collections.Counter()
    taken = []
    for step in steps:
        if step == "snapshot":
            taken.append((registry.snapshot(), collections.Counter(model)))
        elif step == "settle" and taken:
            snapshot, counted = taken.pop()
            taken.clear()  # what others hold is out of date now: one acknowledgement for each count
            registry.settle(snapshot)
            model = model - counted
        elif step == "reset":
            registry.reset()
            taken.clear()
            model.clear()
        elif step in TOOLS:
            registry.record_call(step)
            model[step] += 1
        assert registry.snapshot().builtin_tool_calls == {tool: n for tool, n in model.items() if n}


OWN_CALLS = st.tuples(st.sampled_from(("a", "b", "undeclared")), st.integers(0, 4), st.booleans(), st.booleans())


@given(steps=st.lists(st.one_of(OWN_CALLS, st.sampled_from(["snapshot", "settle", "reset"])), max_size=60))
def test_calls_failures_and_durations_of_own_tools_agree_whenever_they_are_looked_at(steps):
    """Counted, looked at and settled in any order: the durations of a tool sum to its calls, and failures are among them."""
    registry = CounterRegistry(TOOLS)
    calls, failures, durations = collections.Counter(), collections.Counter(), collections.Counter()
    taken = None
    for step in steps:
        if step == "snapshot":
            taken = (registry.snapshot(), calls.copy(), failures.copy(), durations.copy())
        elif step == "settle" and taken:
            snapshot, *counted = taken
            registry.settle(snapshot)
            for model, settled in zip((calls, failures, durations), counted):
                model.subtract(settled)
            taken = None
        elif step == "reset":
            registry.reset()
            taken = None
            for model in (calls, failures, durations):
                model.clear()
        elif isinstance(step, tuple):
            tool, bucket, is_failed, is_remote = step
            next(registry.numbers_of_call(tool, "cloud" if is_remote else None, is_failed=is_failed)[bucket])
            if not is_remote:
                name = tool if tool in TOOLS else "other"
                calls[name] += 1
                failures[name] += is_failed
                durations[name, DURATION_BUCKETS[bucket][1]] += 1
        seen = registry.snapshot()
        assert seen.builtin_tool_calls == +calls
        assert seen.builtin_tool_errors == +failures
        assert {(name, b): n for name, by in seen.builtin_tool_durations.items() for b, n in by.items()} == +durations
        assert {name: sum(by.values()) for name, by in seen.builtin_tool_durations.items()} == seen.builtin_tool_calls
        assert all(count <= seen.builtin_tool_calls[name] for name, count in seen.builtin_tool_errors.items())


@given(data=st.lists(ANYTHING, min_size=3, max_size=3))
def test_no_argument_makes_counting_raise_or_leaves_a_trace_of_itself(data):
    """Whatever is passed, nothing is raised, and what is counted is made of known words only."""
    registry = CounterRegistry(["search"], routes=["/known"])
    first, second, third = data
    registry.record_surface(first)
    registry.record_builtin_tool(first)
    registry.record_call(first, second)
    if isinstance(first, str):
        for number in registry.numbers_of_call(first, second, is_failed=bool(third)):
            next(number)
    registry.record_rest_request(first, second, third)
    registry.record_rest_request("GET", second, "2xx")
    registry.record_error(first)
    registry.record_doctor_run(data)
    registry.record_doctor_run([SimpleNamespace(name=first, passed=second)])
    snapshot = registry.snapshot()
    for counted in (snapshot.builtin_tool_calls, snapshot.builtin_tool_errors, snapshot.builtin_tool_durations):
        assert set(counted) <= {"search", "other"}
    assert {key.split()[1] for key in snapshot.rest_endpoint_calls} <= {"/known", "UNMATCHED"}
    assert set(snapshot.error_category_counts) <= {str(category) for category in ErrorCategory}
    assert sum(snapshot.surface_requests.values()) == 1


@given(given=ANYTHING)
def test_words_are_closed_for_any_input(given):
    """Any header is one of five surfaces, any name a short one or unknown, any number in a bucket."""
    assert parse_client_surface(given) in ("mcp", "cli", "webui", "tray", "unknown")
    name = sanitize_client_name(given)
    assert sanitize_client_name(name) == name
    assert 0 < len(name) <= 64
    assert ".." not in name
    assert not set(name) & set("/\\@: \n")
    assert bucket_tokens(given) in ("0", "1_100", "100_1k", "1k_10k", "10k_100k", "100k_plus")
    assert bucket_upstream_calls(given) in ("0", "1-10", "11-100", "101-1000", "1000+")


@given(counts=st.dictionaries(st.sampled_from(TOOLS), st.integers(-(10**30), 10**30)), rest=st.integers(-5, 5))
def test_snapshots_survive_their_flat_form(counts, rest):
    """What a snapshot holds comes back from its flat form, but for what is no count."""
    snapshot = RegistrySnapshot(
        builtin_tool_calls=counts,
        builtin_tool_errors=counts,
        builtin_tool_durations={tool: {"le_1s": count} for tool, count in counts.items()},
        rest_endpoint_calls={"GET /x": {"2xx": rest}},
    )
    again = RegistrySnapshot.of(snapshot.counts())
    expected = {tool: count for tool, count in counts.items() if count > 0}
    assert again.builtin_tool_calls == again.builtin_tool_errors == expected
    assert again.builtin_tool_durations == {tool: {"le_1s": count} for tool, count in expected.items()}
    assert again.rest_endpoint_calls == ({"GET /x": {"2xx": rest}} if rest > 0 else {})


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("count"), st.integers(1, 5)),
        st.tuples(st.sampled_from(["flush", "begin", "accept", "lose answer", "fail", "restart", "die"]), st.just(0)),
        st.tuples(st.just("pass"), st.sampled_from([1.0, 130.0, 400.0, DAY])),
        st.tuples(st.just("step"), st.sampled_from([-DAY, DAY, 70 * 365.0 * DAY, -70 * 365.0 * DAY])),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
def test_every_stored_count_is_in_one_window_or_on_the_disk(steps):
    """Whatever fails, repeats, restarts or sets the clock: stored = accepted + given up + on the disk."""
    directory = tempfile.mkdtemp()
    try:
        follow(os.path.join(directory, "telemetry.db"), steps)
    finally:
        shutil.rmtree(directory)


def follow(path, steps):
    """Take the steps and compare after each."""
    clock = FakeClock()
    memory = Memory(path)
    registry = CounterRegistry(TOOLS)
    notes = ActivationNotes(ActivationStore(path, clock))
    flusher = CounterFlusher(registry, notes, memory, clock=clock, permission=lambda: "now")

    def process():
        return Windows(memory, clock=clock, generation=lambda: "now")

    windows, window = process(), None
    stored, counted, accepted, held = 0, 0, {}, {}
    for step, amount in steps:
        if step == "count":
            for _ in range(amount):
                registry.record_call("a")
            counted += amount
        elif step == "flush":
            assert flusher.flush()
            stored = counted
        elif step == "begin":
            window = windows.begin() or window
            if window is not None:
                calls = window.snapshot.builtin_tool_calls.get("a", 0)
                assert held.setdefault(window.heartbeat_id, calls) == calls
        elif step in ("accept", "lose answer") and window is not None:
            accepted[window.heartbeat_id] = held[window.heartbeat_id]
            if step == "accept":
                windows.settle(window)
                window = None
        elif step == "fail" and window is not None:
            windows.postpone(window)
            window = None
        elif step in ("restart", "die"):
            windows, window = process(), None if step == "die" else window
        elif step == "pass":
            clock.advance(amount)
        elif step == "step":
            clock.step(amount)
    connection = sqlite3.connect(path) if os.path.exists(path) else None
    rows = connection.execute("SELECT sum, count FROM usage_counters").fetchall() if connection else []
    connection and connection.close()
    state = windows.state()
    on_disk = sum(count for which, count in rows if which == 0 or state.heartbeat_id not in accepted)
    given_up = sum(calls for name, calls in held.items() if name not in accepted and name != state.heartbeat_id)
    if not state.given_up_count:
        assert given_up == 0
    assert sum(accepted.values()) + given_up + on_disk == stored


# -- a database that the disk has damaged ----------------------------------------------


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """Return the bytes of a database with something in every table."""
    path = str(tmp_path_factory.mktemp("sound") / "telemetry.db")
    use(path)
    with open(path, "rb") as file:
        return file.read()


def use(path):
    """Count, store, begin, settle and look; return what was seen. Never raises."""
    clock = FakeClock()
    memory = Memory(path, busy_secs=0.1)
    registry = CounterRegistry(TOOLS)
    store = ActivationStore(path, clock)
    notes = ActivationNotes(store, milestones=["first_search"])
    flusher = CounterFlusher(registry, notes, memory, clock=clock, permission=lambda: "now")
    windows = Windows(memory, clock=clock, generation=lambda: "now")
    seen = windows.state()
    registry.record_call("a")
    next(registry.numbers_of_call("b", is_failed=True)[2])
    notes.record_milestone("first_search")
    notes.note_listed_tools(3)
    notes.record_mcp_client("cursor")
    notes.mark_first_mcp_client()
    notes.increment_retrieve_tools_call()
    notes.add_tokens_saved(7)
    flusher.flush()
    window = windows.begin()
    registry.record_call("b")
    flusher.flush()
    if window is not None:
        windows.postpone(window)
    assert 0 <= store.listed_tool_count() < 2**53
    return seen, store.load(), store.is_installer_pending(), windows.state()


def check(directory, content):
    """Use a damaged database; what is seen is of known words and sound numbers."""
    path = os.path.join(directory, "telemetry.db")
    with open(path, "wb") as file:
        file.write(content)
    for name in ("telemetry.db-journal", "telemetry.db.corrupt"):
        if os.path.exists(os.path.join(directory, name)):
            os.unlink(os.path.join(directory, name))
    seen, activation, _, after = use(path)
    for state in (seen, after):
        assert all(0 < count < 2**53 for count in state.counts.values())
        assert state.due_in_secs <= DAY
    assert 0 <= activation.retrieve_tools_calls_24h < 2**53
    assert all(sanitize_client_name(name) == name for name in activation.mcp_clients_seen_ever)
    assert set(activation.milestones.values()) <= {True}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_damaged_bytes_anywhere_never_raise(sound, tmp_path_factory, data):
    """Any bytes anywhere in the database cost at most what was stored."""
    content = bytearray(sound)
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as directory:
        check(directory, bytes(content))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_truncated_database_never_raises(sound, data):
    """A database that was cut anywhere costs at most what was stored."""
    with tempfile.TemporaryDirectory() as directory:
        check(directory, sound[: data.draw(st.integers(0, len(sound)))])


@pytest.mark.heavy
@pytest.mark.timeout(600)
def test_damage_at_every_used_byte_never_raises(sound, tmp_path):
    """One flipped byte, at each place that is not empty, costs at most what was stored."""
    places = [place for place, byte in enumerate(sound) if byte]
    for place in places:
        content = bytearray(sound)
        content[place] ^= 0xFF
        check(str(tmp_path), bytes(content))


@pytest.mark.parametrize("table", ["usage_counters", "usage_facts", "usage_activation"])
def test_missing_table_never_raises(sound, tmp_path, table):
    """A database that lost a table is begun anew."""
    path = str(tmp_path / "telemetry.db")
    with open(path, "wb") as file:
        file.write(sound)
    connection = sqlite3.connect(path)
    connection.execute(f"DROP TABLE {table}")
    connection.close()
    *_, after = use(path)
    assert after.snapshot.builtin_tool_calls == {"a": 1, "b": 1}
