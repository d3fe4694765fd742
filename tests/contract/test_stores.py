"""Every store gives the same answers to the same documents: one suite over all that fill the port."""

from __future__ import annotations

import pytest

from mcptelemetry.collector import COUNTED, FACETS, Filter, open_store
from mcptelemetry.wire import TelemetryBatch, TelemetryEvent

HOUR = 3600
MONDAY = 1_750_032_000  # 16 June 2025, 00:00 UTC


@pytest.fixture(params=["sqlite"])
def store(request, tmp_path):
    """Return an empty store of each kind."""
    urls = {"sqlite": f"sqlite:{tmp_path / 'collector.db'}"}
    opened = open_store(urls[request.param])
    yield opened
    opened.close()


def test_an_empty_store_has_an_answer_to_every_question(store):
    """Where nothing was stored, nothing is counted, and no question fails."""
    asked = Filter()
    assert store.apps(asked) == {}
    assert store.calls(asked) == ([], (0, 0, {}, None, None, None), 0)
    assert store.calls_over_time(asked) == store.clients(asked) == store.calls_by_version(asked) == []
    assert store.sessions(asked) == (0, 0, None, None)
    assert store.installations(asked) == (0, 0, 0)
    assert store.installations_over_time(asked) == []
    assert all(store.installations_by(facet, asked) == [] for facet in FACETS)
    assert all(store.counts(counted, asked) == [] for counted in COUNTED)
    assert store.own_tools(asked) == store.versions(asked) == store.version_changes(asked) == []
    assert store.funnel(asked).installed == 0
    assert store.retention(asked) == store.feedback(asked) == store.inbox(asked) == []
    assert store.health(asked) == (None, None, None, 0, 0, 0, 0, {}, 0)
    assert list(store.heartbeats()) == []


def test_batches_of_one_transaction_are_told_apart(store):
    """Several batches at once are stored in their order, and of each it is said what became of it."""
    one, two = (TelemetryEvent("a", "local_only", timestamp_secs=MONDAY, id=name) for name in "12")
    batches = [TelemetryBatch([one], app="acme-mcp"), TelemetryBatch([one, two], app="acme-mcp"), TelemetryBatch([])]
    assert store.add_batches(batches, received_at=MONDAY) == [(1, 0), (1, 1), (0, 0)]
    assert store.calls(Filter()).totals.calls == 2
