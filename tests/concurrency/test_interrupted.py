"""Exceptions of signal handlers at random instants: each surfaces in the host, and nothing is left held or lost."""

from __future__ import annotations

import signal

import pytest

from mcptelemetry.testing import InProcessCollector

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timer signals")


@pytest.mark.parametrize("count", [50, pytest.param(500, marks=pytest.mark.heavy)])
def test_interrupted_anywhere_all_surface_and_nothing_is_held(run_host, count):
    """In record, flush, status and storing: what was handled surfaced, and what returned is in both accounts."""
    with InProcessCollector() as collector:
        result = run_host("interrupted_host.py", collector.events_url, count)
        facts, account = result.facts, result.facts["account"]
        assert facts["surfaced"] == count, result.err
        assert facts["surfaced"] + facts["swallowed_elsewhere"] == facts["handled"], result.err
        assert facts["is_stored"] is True
        assert facts["failure"] is None
        assert account["is_balanced"]
        # One that was interrupted may have been recorded, or not: its call never returned.
        most = facts["returned"] + facts["in_record"]
        assert facts["returned"] <= account["recorded"] <= most
        assert facts["returned"] <= facts["counted"] <= most
        assert account["delivered"] + account["dropped"] == account["recorded"]
        assert account["dropped"] == 0 or account["recorded"] - account["dropped"] >= facts["returned"]
        events = collector.events()
        assert len({event.id for event in events}) == len(events) == account["delivered"]
    assert result.complaints == []
