"""Forks inside forks, and handlers that raise while a fork waits: nobody is held up, nothing is lost."""

from __future__ import annotations

import os
import signal
from collections import Counter

import pytest

from mcptelemetry.testing import InProcessCollector

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork"),
    pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timer signals"),
]

ROUNDS = 20
TRIES = 6  # for what depends on time, on a machine that is busy with something else
CUT_OFF = 7


def test_nested_forks_from_signal_handlers_deliver_and_lock_nothing(run_host):
    """Twenty forks, interrupted by a handler that forks too: all deliver their own, and storage is free."""
    with InProcessCollector() as collector:
        result = run_host("nested_fork_host.py", collector.events_url, "nested")
        assert result.facts["nested"] >= ROUNDS
        assert set(result.facts["statuses"]) == {0}
        assert result.facts["storage"]["failure"] is None
        assert result.facts["account"]["delivered"] == result.facts["account"]["recorded"] == 2
        events = collector.events()
        assert len({event.id for event in events}) == len(events)
        tools = Counter(event.tool for event in events)
        assert tools == {"parent": 2, "child": ROUNDS, "nested": result.facts["nested"]}
    assert result.err == ""


def test_fork_that_waits_lets_an_exception_through_to_the_host(run_host):
    """What a handler raises while a fork waits for a transaction is raised in the host, and in no child."""
    result = run_host("nested_fork_host.py", "http://127.0.0.1:9", "interrupted")
    rounds = result.facts["rounds"]
    assert result.facts == {
        "rounds": rounds,
        "forks": ROUNDS,
        "surfaced": rounds,
        "lost": 0,
        "statuses": [0] * ROUNDS,
        "count": rounds,
        "is_traced": False,
    }
    assert result.err == ""


def test_fork_in_a_transaction_leaves_the_child_able_to_store(run_host):
    """A fork waits for the transaction of another thread, so that its child is not cut off."""
    for _ in range(TRIES):
        statuses = run_host("nested_fork_host.py", "http://127.0.0.1:9", "child-stores").facts["statuses"]
        # A fork waits 50 ms and no longer: then the child stores nothing, and neither hangs nor dies.
        assert {os.waitstatus_to_exitcode(status) for status in statuses} <= {0, CUT_OFF}
        if not any(statuses):
            break
    assert statuses == [0] * 10


def test_storage_interrupted_anywhere_is_free_afterwards(run_host):
    """Interrupted 200 times anywhere in a transaction, no turn is left taken and no change is lost."""
    result = run_host("nested_fork_host.py", "http://127.0.0.1:9", "interrupted-storage")
    assert result.facts["interruptions"] == 200
    assert result.facts["has_traceback"]
    assert result.facts["troubles"] == []
    # What was interrupted after it reached the disk counts there, and was not told.
    assert result.facts["done"] <= result.facts["found"] <= result.facts["done"] + 200
    assert result.err == ""
