"""The counters of one process."""

from __future__ import annotations

import gc
import os
import signal
import threading
from types import SimpleNamespace

import pytest

from mcptelemetry import ErrorCategory, Surface
from mcptelemetry.counters import MCPPROXY_TOOLS, CounterRegistry, DoctorCounts, RegistrySnapshot


def requests_in(registry):
    """Return what a registry counted of HTTP requests."""
    return registry.snapshot().rest_endpoint_calls


def test_registry_new_counts_nothing_and_shows_all_five_surfaces():
    """A new registry is all zeros, and its snapshot has every surface."""
    snapshot = CounterRegistry().snapshot()
    assert snapshot == RegistrySnapshot()
    assert snapshot.surface_requests == {"mcp": 0, "cli": 0, "webui": 0, "tray": 0, "unknown": 0}
    assert snapshot.upstream_tool_call_count_bucket == "0"
    assert snapshot.builtin_tool_calls == snapshot.error_category_counts == snapshot.doctor_checks == {}


def test_record_surface_counts_each_surface_and_unknown_ones_as_unknown():
    """A surface is counted under its word, and any other than the five as unknown."""
    registry = CounterRegistry()
    for surface in (Surface.CLI, "cli", Surface.MCP, "browser", None, 7, [], {}):
        registry.record_surface(surface)
    assert registry.snapshot().surface_requests == {"mcp": 1, "cli": 2, "webui": 0, "tray": 0, "unknown": 5}


def test_record_builtin_tool_drops_what_was_not_declared():
    """Only tools that the application declared are counted by name."""
    registry = CounterRegistry(MCPPROXY_TOOLS)
    for name in ("retrieve_tools", "retrieve_tools", "call_tool_read", "github__create_issue", "", None, [], 3):
        registry.record_builtin_tool(name)
    assert registry.snapshot().builtin_tool_calls == {"retrieve_tools": 2, "call_tool_read": 1}


def test_mcpproxy_tools_are_the_seven_of_the_seeds():
    """The set of mcpproxy's built-in tools has the seven names."""
    assert sorted(MCPPROXY_TOOLS) == [
        "call_tool_destructive", "call_tool_read", "call_tool_write", "code_execution",
        "quarantine_security", "retrieve_tools", "upstream_servers",
    ]  # fmt: skip


def test_is_builtin_tool_knows_declared_names_only():
    """A name is built-in when it was declared, at construction or later."""
    registry = CounterRegistry(["search"])
    assert registry.is_builtin_tool("search")
    assert not any(registry.is_builtin_tool(name) for name in ("Search", "other", "", None, 3, []))
    assert registry.declare_tool("other")
    registry.record_builtin_tool("other")
    assert registry.is_builtin_tool("other")
    assert registry.snapshot().builtin_tool_calls == {"other": 1}
    assert not registry.declare_tool("no tool's name")


@pytest.mark.parametrize(("calls", "bucket"), [(0, "0"), (1, "1-10"), (10, "1-10"), (11, "11-100"), (101, "101-1000")])
def test_record_upstream_tool_counts_calls_without_a_name(calls, bucket):
    """Calls of upstream tools are one number, shown by its bucket; a name is not even accepted."""
    registry = CounterRegistry()
    for _ in range(calls):
        registry.record_upstream_tool()
    snapshot = registry.snapshot()
    assert (snapshot.upstream_tool_call_count, snapshot.upstream_tool_call_count_bucket) == (calls, bucket)
    with pytest.raises(TypeError):
        registry.record_upstream_tool("github__create_issue")


def test_record_call_counts_every_call_as_own_or_upstream():
    """A call that stayed here is an own tool's, by name when it is declared; one with an upstream is only that."""
    registry = CounterRegistry(["search"])
    for call in (("search",), ("search", "cloud"), ("other",), (None,), ([],), ("search", None)):
        registry.record_call(*call)
    snapshot = registry.snapshot()
    assert snapshot.builtin_tool_calls == {"search": 2, "other": 3}
    assert snapshot.upstream_tool_call_count == 1


def call(registry, tool, latency_step=0, *, upstream=None, is_failed=False):
    """Count one call as a recorder does; *latency_step* is 0 for up to 10 ms, 4 for over 10 s."""
    next(registry.numbers_of_call(tool, upstream, is_failed=is_failed)[latency_step])


def test_calls_of_own_tools_are_counted_with_failures_and_durations():
    """Each call is one of the tool's, in one bucket of durations, and a failure or not."""
    registry = CounterRegistry(["search", "fetch"])
    for step in (0, 0, 3):
        call(registry, "search", step)
    call(registry, "search", 4, is_failed=True)
    call(registry, "fetch", 1, is_failed=True)
    call(registry, "nobody_declared_it", 1, is_failed=True)
    for step in range(5):
        call(registry, "search", step, upstream="cloud", is_failed=True)
    registry.record_builtin_tool("search")
    snapshot = registry.snapshot()
    assert snapshot.builtin_tool_calls == {"search": 5, "fetch": 1, "other": 1}
    assert snapshot.builtin_tool_errors == {"search": 1, "fetch": 1, "other": 1}
    assert snapshot.builtin_tool_durations == {
        "search": {"le_10ms": 2, "le_10s": 1, "over_10s": 1},
        "fetch": {"le_100ms": 1},
        "other": {"le_100ms": 1},
    }
    assert snapshot.upstream_tool_call_count == 5
    assert RegistrySnapshot.of(snapshot.counts()) == snapshot


def test_settling_subtracts_failures_and_durations_too():
    """What was acknowledged is gone from all three, and what came meanwhile stays in all three."""
    registry = CounterRegistry(["search"])
    call(registry, "search", 2, is_failed=True)
    acknowledged = registry.snapshot()
    call(registry, "search", 2, is_failed=True)
    call(registry, "search", 0)
    registry.settle(acknowledged)
    snapshot = registry.snapshot()
    assert snapshot.builtin_tool_calls == {"search": 2}
    assert snapshot.builtin_tool_errors == {"search": 1}
    assert snapshot.builtin_tool_durations == {"search": {"le_10ms": 1, "le_1s": 1}}
    registry.reset()
    assert registry.snapshot() == RegistrySnapshot()
    registry.after_fork()
    call(registry, "search", 1)
    assert registry.snapshot().builtin_tool_durations == {"search": {"le_100ms": 1}}


def test_every_look_while_threads_count_own_calls_is_of_one_piece():
    """Eight threads lose and invent nothing, and no look sees a failure or a duration without its call."""
    registry = CounterRegistry(["search"])
    taken = []
    is_over = threading.Event()

    def count(number):
        for turn in range(4_000):
            call(registry, "search", turn % 5, is_failed=number % 2 == 0)

    def look():
        while not is_over.is_set():
            snapshot = registry.snapshot()
            registry.settle(snapshot)
            taken.append(snapshot)

    looking = threading.Thread(target=look)
    looking.start()
    counting = [threading.Thread(target=count, args=(number,)) for number in range(8)]
    for thread in counting:
        thread.start()
    for thread in counting:
        thread.join()
    is_over.set()
    looking.join()
    taken.append(registry.snapshot())
    for snapshot in taken:
        calls = snapshot.builtin_tool_calls.get("search", 0)
        assert sum(snapshot.builtin_tool_durations.get("search", {}).values()) == calls
        assert snapshot.builtin_tool_errors.get("search", 0) <= calls
    assert sum(snapshot.builtin_tool_calls.get("search", 0) for snapshot in taken) == 32_000
    assert sum(snapshot.builtin_tool_errors.get("search", 0) for snapshot in taken) == 16_000


def test_record_error_drops_unknown_categories_and_text():
    """An error is counted under one of the closed words, and never under its text."""
    registry = CounterRegistry(error_categories=["cache_miss"])
    for category in (ErrorCategory.DOCKER_RUN_FAILED, "cache_miss", "connection to 10.0.0.7 refused", None, {}):
        registry.record_error(category)
    assert registry.snapshot().error_category_counts == {"docker_run_failed": 1, "cache_miss": 1}


def test_record_rest_request_counts_by_template_and_status_class():
    """Requests are counted by method and template, and under it by class of status."""
    registry = CounterRegistry()
    for status in ("2xx", "2xx", "4xx"):
        registry.record_rest_request("GET", "/api/v1/servers", status)
    registry.record_rest_request("post", "/api/v1/servers/{id}/restart", "5xx")
    assert requests_in(registry) == {
        "GET /api/v1/servers": {"2xx": 2, "4xx": 1},
        "POST /api/v1/servers/{id}/restart": {"5xx": 1},
    }


PATHS = [
    "/api/v1/servers?token=secret", "/users/12345", "/users/550e8400-e29b-41d4-a716-446655440000", "/users/deadbeefcafe",
    "/files/report.pdf", "/a b", "/caf\u00e9", "servers", "", "/x#y", "/%2e%2e", "/" + "a" * 300, "/users/alice@example",
    "/01HZX3ABCD", "//evil", "/a//b", "/a/" * 20, "/x\n", None, 7, b"/x", [],
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_record_rest_request_keeps_nothing_of_a_path_that_is_no_template(path):
    """What does not look like a template is counted without a letter of it."""
    registry = CounterRegistry()
    registry.record_rest_request("GET", path, "2xx")
    assert set(requests_in(registry)) <= {"GET UNMATCHED"}


@pytest.mark.parametrize(
    "template",
    ["/", "/servers/", "/api/v1beta1/{id}", "/oauth2/token", "/t/:name", "/t/<int:id>", "/t/{id:int}", "/static/*", "/foo_bar/a-b"],
)
def test_record_rest_request_believes_what_frameworks_write(template):
    """The templates of the common frameworks are counted as they are."""
    registry = CounterRegistry()
    registry.record_rest_request("GET", template, "2xx")
    assert requests_in(registry) == {f"GET {template}": {"2xx": 1}}


def test_record_rest_request_with_routes_counts_others_as_unmatched():
    """With the application's routes known, every other template is UNMATCHED."""
    registry = CounterRegistry(routes=["/files/{name}.json"])
    registry.record_rest_request("GET", "/files/{name}.json", "2xx")
    registry.record_rest_request("GET", "/api/v1/servers", "2xx")
    registry.record_rest_request("BREW", "/secret", "4xx")
    registry.record_rest_request("GET", "/files/{name}.json", "200 OK")
    assert requests_in(registry) == {
        "GET /files/{name}.json": {"2xx": 1}, "GET UNMATCHED": {"2xx": 1}, "OTHER UNMATCHED": {"4xx": 1},
    }  # fmt: skip


def test_record_rest_request_remembers_at_most_200_templates():
    """The 201st distinct template counts as UNMATCHED, so that nothing grows without end."""
    registry = CounterRegistry()
    words = [f"/{a}{b}" for a in "abcdefghijklmno" for b in "abcdefghijklmno"]
    for word in words:
        registry.record_rest_request("GET", word, "2xx")
    found = requests_in(registry)
    assert len(found) == 201
    assert found["GET UNMATCHED"] == {"2xx": len(words) - 200}
    registry.record_rest_request("GET", words[0], "2xx")
    assert requests_in(registry)[f"GET {words[0]}"] == {"2xx": 2}


def test_record_doctor_run_counts_passed_and_failed():
    """Each result of a doctor's run counts as passed or failed under its check's name."""
    registry = CounterRegistry()
    result = SimpleNamespace
    registry.record_doctor_run([result(name="disk", passed=True), result(name="disk", passed=False)])
    registry.record_doctor_run(
        [result(name="disk", passed=True), result(name="Alice's disk", passed=True), result(), None]
    )
    assert registry.snapshot().doctor_checks == {"disk": DoctorCounts(passed=2, failed=1)}
    registry.record_doctor_run(None)


def test_record_anonymity_violation_is_counted_apart():
    """Violations have a total of their own, which is in no snapshot and survives a reset."""
    registry = CounterRegistry()
    registry.record_anonymity_violation()
    registry.reset()
    assert registry.anonymity_violations_total == 1
    assert registry.snapshot() == RegistrySnapshot()


def fill(registry):
    """Count one of each kind."""
    registry.record_surface(Surface.CLI)
    registry.record_builtin_tool("retrieve_tools")
    registry.record_upstream_tool()
    registry.record_rest_request("GET", "/api/v1/servers", "2xx")
    registry.record_error(ErrorCategory.DOCKER_PULL_FAILED)
    registry.record_doctor_run([SimpleNamespace(name="disk", passed=True)])


def test_snapshot_changes_nothing_and_hands_out_copies():
    """Any number of snapshots leave the counters alone, and so does changing one."""
    registry = CounterRegistry(MCPPROXY_TOOLS)
    fill(registry)
    first = registry.snapshot()
    expected = registry.snapshot()
    for mapping in (first.surface_requests, first.builtin_tool_calls, first.rest_endpoint_calls["GET /api/v1/servers"]):
        mapping["x"] = 99
    first.doctor_checks.clear()
    assert registry.snapshot() == expected


def test_reset_zeroes_every_counter():
    """After a reset everything is zero, and counting goes on from there."""
    registry = CounterRegistry(MCPPROXY_TOOLS)
    fill(registry)
    registry.reset()
    assert registry.snapshot() == RegistrySnapshot()
    fill(registry)
    assert registry.snapshot().builtin_tool_calls == {"retrieve_tools": 1}


def test_settle_subtracts_exactly_what_the_snapshot_holds():
    """What was counted after the snapshot survives its settling."""
    registry = CounterRegistry(MCPPROXY_TOOLS)
    fill(registry)
    acknowledged = registry.snapshot()
    fill(registry)
    registry.record_upstream_tool()
    registry.settle(acknowledged)
    snapshot = registry.snapshot()
    assert snapshot.upstream_tool_call_count == 2
    assert snapshot.builtin_tool_calls == {"retrieve_tools": 1}
    assert snapshot.doctor_checks == {"disk": DoctorCounts(1, 0)}


def test_settle_never_goes_below_zero_whatever_the_snapshot_says():
    """Negative, enormous and unknown counts in a snapshot make no counter negative."""
    registry = CounterRegistry(["search"])
    registry.record_call("search")
    registry.record_call("search")
    registry.settle(RegistrySnapshot(builtin_tool_calls={"search": -5, "nobody": 3}, upstream_tool_call_count=10**30))
    assert registry.snapshot().builtin_tool_calls == {"search": 2}
    registry.settle(RegistrySnapshot(builtin_tool_calls={"search": 10**30}))
    registry.record_call("search")
    assert registry.snapshot().builtin_tool_calls == {"search": 1}


def test_counting_from_many_threads_is_exact():
    """Eight threads lose and invent nothing, while another takes snapshots and settles them."""
    registry = CounterRegistry(["search"])
    settled = {"search": 0, "upstream": 0, "rest": 0}
    is_over = threading.Event()

    def count():
        for _ in range(5_000):
            registry.record_builtin_tool("search")
            registry.record_upstream_tool()
            registry.record_rest_request("GET", "/x", "2xx")

    def take():
        snapshot = registry.snapshot()
        registry.settle(snapshot)
        settled["search"] += snapshot.builtin_tool_calls.get("search", 0)
        settled["upstream"] += snapshot.upstream_tool_call_count
        settled["rest"] += snapshot.rest_endpoint_calls.get("GET /x", {}).get("2xx", 0)

    def settle():
        while not is_over.is_set():
            take()

    threads = [threading.Thread(target=count) for _ in range(8)]
    settler = threading.Thread(target=settle)
    settler.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    is_over.set()
    settler.join(60)
    take()
    assert settled == {"search": 40_000, "upstream": 40_000, "rest": 40_000}


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
def test_counting_from_signal_handlers_and_destructors_is_exact():
    """A handler or destructor that counts in the middle of a count costs and adds nothing."""
    registry = CounterRegistry(["search"])
    by_handler, by_destructor = [], []  # appended to: a handler may interrupt another in the middle of a sum

    class Counting:
        def __del__(self):
            by_destructor.append(None)
            registry.record_builtin_tool("search")
            registry.record_rest_request("GET", "/x", "2xx")

    def handle(_number, _frame):
        by_handler.append(None)
        registry.record_builtin_tool("search")
        registry.record_rest_request("GET", "/x", "2xx")

    previous = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        for _ in range(20_000):
            registry.record_builtin_tool("search")
            registry.record_rest_request("GET", "/x", "2xx")
            ring = [Counting()]
            ring.append(ring)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    del ring
    gc.collect()
    expected = 20_000 + len(by_handler) + len(by_destructor)
    snapshot = registry.snapshot()
    assert len(by_destructor) == 20_000
    assert snapshot.builtin_tool_calls == {"search": expected}
    assert snapshot.rest_endpoint_calls == {"GET /x": {"2xx": expected}}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_forked_child_begins_with_nothing_counted():
    """A child's counters are its own and start empty; the parent's go on."""
    registry = CounterRegistry(["search"])
    registry.record_call("search")
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        empty = registry.snapshot() == RegistrySnapshot()
        registry.record_call("search")
        registry.record_surface("cli")
        counted = registry.snapshot().builtin_tool_calls == {"search": 1}
        os.write(writer, b"y" if empty and counted else b"n")
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    assert os.read(reader, 1) == b"y"
    os.close(reader)
    assert registry.snapshot().builtin_tool_calls == {"search": 1}


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"builtin_tools": ["no spaces"]}, ValueError),
        ({"builtin_tools": ["x" * 65]}, ValueError),
        ({"builtin_tools": "search"}, TypeError),
        ({"builtin_tools": [3]}, TypeError),
        ({"error_categories": ["Not Lower"]}, ValueError),
        ({"error_categories": ["_x"]}, ValueError),
        ({"routes": "/x"}, TypeError),
        ({"routes": ["/x?y=1"]}, ValueError),
        ({"routes": ["x"]}, ValueError),
        ({"routes": [None]}, TypeError),
    ],
)
def test_registry_refuses_names_that_can_be_none(arguments, error):
    """An invalid declared name is an error of the author's, which names the argument."""
    with pytest.raises(error, match=next(iter(arguments))):
        CounterRegistry(**arguments)


def test_registry_survives_callers_that_break_when_looked_at():
    """Objects that raise when hashed, compared or asked cost nothing but themselves."""

    class Broken(str):
        def __hash__(self):
            raise RuntimeError

        def __eq__(self, other):
            raise RuntimeError

    class Result:
        name = "disk"

        @property
        def passed(self):
            raise RuntimeError

    registry = CounterRegistry(["search"])
    registry.record_surface(Broken("cli"))
    registry.record_builtin_tool(Broken("search"))
    registry.record_error(Broken("docker_run_failed"))
    registry.record_call(Broken("search"))
    registry.record_rest_request(Broken("GET"), Broken("/x"), Broken("2xx"))
    registry.record_doctor_run([Result(), SimpleNamespace(name="disk", passed=True)])
    snapshot = registry.snapshot()
    assert (snapshot.surface_requests["unknown"], snapshot.builtin_tool_calls) == (1, {"other": 1})
    assert snapshot.rest_endpoint_calls == snapshot.error_category_counts == {}
    assert snapshot.doctor_checks == {"disk": DoctorCounts(1, 0)}
