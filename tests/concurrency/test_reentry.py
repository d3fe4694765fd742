"""`record()` from destructors, signal handlers and logging handlers: no hang, exact totals."""

from __future__ import annotations

import signal
from collections import Counter

import pytest

from mcptelemetry.testing import InProcessCollector

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timer signals")


def check_exact(result, collector):
    """Compare what was recorded, delivered and stored with what the host did."""
    account = result.facts["account"]
    assert account["is_balanced"]
    assert account["recorded"] == account["delivered"] == result.facts["expected"]
    events = collector.events()
    assert len(events) == len({event.id for event in events}) == result.facts["expected"]
    return Counter(event.tool for event in events)


def test_reentry_destructors_record_exactly(run_host):
    """With a collection at every allocation, destructors that record neither hang nor miscount."""
    with InProcessCollector() as collector:
        result = run_host("reentry_host.py", collector.events_url, "destructors")
        check_exact(result, collector)
        assert collector.request_count < result.facts["expected"]
        assert result.facts["callbacks"] == 0


def test_reentry_garbage_collected_by_the_worker_counts(run_host):
    """What a destructor or an abandoned generator records in the worker's thread counts; an echo does not."""
    with InProcessCollector() as collector:
        result = run_host("reentry_host.py", collector.events_url, "worker-collects")
        tools = check_exact(result, collector)
        assert set(tools) == {"plain", "destroyed"}
        assert tools["destroyed"] > 30


def test_reentry_signal_at_1_khz_records_exactly(run_host):
    """A timer signal that records a thousand times a second loses and doubles nothing."""
    with InProcessCollector() as collector:
        result = run_host("reentry_host.py", collector.events_url, "timer")
        tools = check_exact(result, collector)
        assert tools["signal"] == result.facts["signals"] > 100


def test_reentry_first_record_inside_threading_starts_the_worker(run_host):
    """The first record of all may come while this very thread holds the lock of `threading`."""
    with InProcessCollector() as collector:
        result = run_host("reentry_host.py", collector.events_url, "first-in-signal", secs=30)
        assert check_exact(result, collector) == {"signal": 1}


@pytest.mark.parametrize("fail_every", [0, 3])
def test_reentry_root_logging_handler_records_host_lines_only(run_host, fail_every):
    """A root handler that records gets its own lines counted, and none about our traffic or trouble."""
    with InProcessCollector(fail_every=fail_every) as collector:
        result = run_host("reentry_host.py", collector.events_url, "logging")
        check_exact(result, collector)
        assert result.facts["lines"] > 500  # there was something to ignore
        assert collector.request_count < 150
        assert bool(fail_every) == bool(result.facts["heard"])


def test_reentry_keyboard_interrupt_leaves_everything_usable(run_host):
    """Interrupted 400 times anywhere in record(), flush() and stats(), all that was recorded is delivered."""
    with InProcessCollector() as collector:
        result = run_host("reentry_host.py", collector.events_url, "interrupted")
        account = result.facts["account"]
        assert account["is_balanced"]
        assert account["delivered"] == account["recorded"] >= 100
        events = collector.events()
        assert len(events) == len({event.id for event in events}) == account["recorded"]
        assert result.facts["threads"] == 1


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="this system does not fork")
def test_reentry_keyboard_interrupt_of_the_first_record_leaves_one_worker(run_host):
    """Interrupted while the first record starts the worker, there is one worker in the end."""
    with InProcessCollector() as collector:
        result = run_host("reentry_host.py", collector.events_url, "interrupted-at-first")
        assert result.facts["statuses"] == [0] * 30
