"""Under gevent, which replaces threads, locks and sockets, before or after the import."""

from __future__ import annotations

import os
import signal
from collections import Counter

import pytest

from mcptelemetry.testing import InProcessCollector

pytest.importorskip("gevent", reason="gevent belongs to the test extra and is not installed")

# What gevent_spool_host.py records.
EVENTS = [(tool, number) for tool in ("greenlet_0", "greenlet_1", "greenlet_2", "thread") for number in range(300)]


def names_and_numbers(collector):
    """Return how often each event arrived."""
    return Counter((event.tool, event.latency_ms) for event in collector.events())


@pytest.mark.parametrize("scene", ["before", "after", "between"])
def test_gevent_patched_delivers_everything_once(run_host, scene):
    """Patched before or after the import, or between making and starting, all is delivered, at the exit too."""
    with InProcessCollector() as collector:
        result = run_host("gevent_host.py", collector.events_url, scene)
        account = result.facts["account"]
        assert account["is_balanced"]
        assert account["delivered"] == account["recorded"] == 250
        events = collector.events()
        assert len({event.id for event in events}) == len(events)
        assert Counter(event.tool for event in events) == {"greenlet": 250, "at_exit": 1}


def deliver_rest(run_host, home, url):
    """Deliver what is left as a process that comes a lease later; return what it says is left then."""
    return run_host("spool_host.py", "deliver", home, url).facts["left"]


@pytest.mark.heavy
@pytest.mark.parametrize("scene", ["before", "after", "between"])
def test_gevent_patched_keeps_everything_on_the_disk_and_delivers_it_once(run_host, tmp_path, scene):
    """With events on the disk too all is delivered, by greenlets instead of threads; what comes last is kept or delivered at the exit."""
    with InProcessCollector() as collector:
        result = run_host("gevent_spool_host.py", tmp_path, collector.events_url, scene, "end")
        account = result.facts["account"]
        assert account["is_balanced"]
        assert account["spooled"] == account["recorded"] == len(EVENTS)
        assert set(EVENTS) <= set(names_and_numbers(collector))
        assert deliver_rest(run_host, tmp_path, collector.events_url) == 0
        assert names_and_numbers(collector) == Counter([*EVENTS, ("at_exit", 0)])


@pytest.mark.heavy
@pytest.mark.skipif(os.name == "nt", reason="signals as POSIX has them")
@pytest.mark.parametrize(("scene", "faults"), [("before", {}), ("after", {"fail_every": 1}), ("between", {"lose_answer_every": 2})])
def test_gevent_patched_and_killed_loses_nothing_that_was_on_the_disk(run_host, tmp_path, scene, faults):
    """What greenlets kept is delivered once by the next process, whether the endpoint took it, refused it, or took it and lost the answer."""
    with InProcessCollector(**faults) as collector:
        run_host("gevent_spool_host.py", tmp_path, collector.events_url, scene, "die", expect=-signal.SIGKILL)
        collector.fail_every(0)
        assert deliver_rest(run_host, tmp_path, collector.events_url) == 0
        assert names_and_numbers(collector) == Counter(EVENTS)
