"""Under gevent, which replaces threads, locks and sockets, before or after the import."""

from __future__ import annotations

from collections import Counter

import pytest

from mcptelemetry.testing import InProcessCollector

pytest.importorskip("gevent", reason="gevent belongs to the test extra and is not installed")


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
