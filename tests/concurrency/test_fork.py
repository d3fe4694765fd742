"""After a fork both processes record and deliver, each its own events, once."""

from __future__ import annotations

import os
import sys
from collections import Counter

import pytest

from mcptelemetry.testing import InProcessCollector

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")

ROUNDS = 20
TRIES = 6  # an end may take a second and no longer: on a machine that is busier than that, once more


def stored(collector):
    """Return how often each tool was stored; fail when an id was used twice."""
    events = collector.events()
    assert len({event.id for event in events}) == len(events)
    return Counter(event.tool for event in events)


def run_until_complete(run_host, expected, script, *arguments, statuses):
    """Run a host whose processes deliver at their ends, until everything came; never is there more than that."""
    for _ in range(TRIES):
        with InProcessCollector() as collector:
            result = run_host(script, collector.events_url, *arguments)
            assert result.facts["statuses"] == statuses
            came = stored(collector)
        assert not came - Counter(expected)
        if came == expected:
            break
    assert came == expected
    return result


def check(collector, result, children):
    """Compare what arrived with what the parent and each of *children* recorded."""
    account = result.facts["account"]
    assert account["is_balanced"]
    assert account["recorded"] == account["delivered"] + account["dropped"]
    expected = {tool: 2 for tool in children}
    assert stored(collector) == Counter({**expected, "parent": account["delivered"]})


def test_fork_in_traffic_both_deliver_their_own_once(run_host):
    """Forked twenty times while every part is busy, all children and the parent deliver exactly their own."""
    with InProcessCollector() as collector:
        result = run_host("fork_host.py", collector.events_url, "traffic", ROUNDS)
        assert result.facts["statuses"] == [0] * ROUNDS
        check(collector, result, [f"child_{number}" for number in range(ROUNDS)])


def test_fork_with_every_lock_held_leaves_none_held_in_the_child(run_host):
    """Forked twenty times while another thread holds every lock of the pipeline, no child hangs."""
    with InProcessCollector() as collector:
        result = run_host("fork_host.py", collector.events_url, "locks", ROUNDS)
        assert result.facts["statuses"] == [0] * ROUNDS
        assert result.facts["held"] >= 1
        check(collector, result, [f"child_{number}" for number in range(ROUNDS)])


def test_fork_from_a_thread_both_deliver(run_host):
    """A child that was forked in a thread delivers too."""
    with InProcessCollector() as collector:
        result = run_host("fork_host.py", collector.events_url, "thread", 5)
        assert result.facts["statuses"] == [0] * 5
        check(collector, result, [f"child_{number}" for number in range(5)])


@pytest.mark.parametrize("_round", range(3))
def test_fork_while_requests_is_imported_both_deliver(run_host, _round):
    """Forked while the worker imports requests for the first time, the child can import it too."""
    with InProcessCollector() as collector:
        result = run_host("fork_host.py", collector.events_url, "import")
        assert result.facts["statuses"] == [0]
        check(collector, result, ["child_0"])


def test_fork_before_the_first_record_each_gets_a_worker(run_host):
    """A pre-forked child gets a worker of its own with its first record, and so does its child."""
    with InProcessCollector() as collector:
        result = run_host("fork_host.py", collector.events_url, "no-worker")
        assert result.facts["statuses"] == [0]
        assert stored(collector) == {"child_0": 1, "grandchild_0": 2, "parent": 1}


def test_fork_of_a_closed_client_drops_and_never_hangs(run_host):
    """A client that was closed before the fork stays closed in the child."""
    with InProcessCollector() as collector:
        result = run_host("fork_host.py", collector.events_url, "closed")
        assert result.facts["statuses"] == [0]
        assert stored(collector) == {"parent": 1}


def test_fork_child_that_exits_delivers_at_its_exit(run_host):
    """A forked child that ends as programs do delivers what it recorded, with its own status."""
    run_until_complete(run_host, {"child_0": 2, "parent": 1}, "fork_host.py", "exit", statuses=[0])


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_child_delivers_at_its_exit(run_host, method):
    """Children of multiprocessing deliver at their end, although it skips the exit functions."""
    expected = {"child_0": 2, "child_1": 2, "child_2": 2, "parent": 1}
    result = run_until_complete(run_host, expected, "multiprocessing_host.py", method, "process", statuses=[0, 0, 0])
    assert "Warning" not in result.err or sys.version_info >= (3, 12)


def test_multiprocessing_pool_delivers_at_its_end(run_host):
    """The workers of a pool that is closed deliver all they recorded."""
    expected = {**{f"child_{number}": 2 for number in range(8)}, "parent": 1}
    run_until_complete(run_host, expected, "multiprocessing_host.py", "fork", "pool", statuses=[0])


@pytest.mark.parametrize("scene", ["quiet", "waiting"])
def test_fork_by_c_code_is_noticed_by_the_process_id(run_host, scene):
    """Forked without a word to Python, each child delivers its own, with ids of its own, and nothing of the parent's."""
    with InProcessCollector() as collector:
        result = run_host("c_fork_host.py", collector.events_url, scene)
        assert result.facts["statuses"] == [0, 0, 0]
        assert stored(collector) == {
            **{f"child_{number}": 4 for number in range(3)},
            "parent": 2 if scene == "waiting" else 1,
        }
        assert len({event.id.split("-")[0] for event in collector.events()}) == 4
