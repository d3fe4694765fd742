"""Each recorded event is stored once, whatever goes wrong on the way: the real collector, real sockets."""

from __future__ import annotations

import json
import os
import threading
from collections import Counter

import pytest

from mcptelemetry.errors import UploadError
from mcptelemetry.events import PipelineConfig, TelemetryEvent, TelemetryPipeline
from mcptelemetry.testing import InProcessCollector, ScriptedServer, ScriptedTransport


def flush_until_empty(pipeline, tries=200):
    """Flush until nothing waits; a failure on the way is what these tests are about."""
    for _ in range(tries):
        try:
            pipeline.flush(30)
        except UploadError:
            continue
        if pipeline.buffer.is_empty():
            return
    pytest.fail("the queue did not become empty")


def record(pipeline, count, tool="get_issues"):
    for number in range(count):
        pipeline.buffer.record(TelemetryEvent(tool, "local_only", latency_ms=number))


def test_answer_lost_after_storing_stores_once():
    """The collector stored the batch and the answer was lost: sent again, it is stored once."""
    with InProcessCollector(lose_answer_every=1) as collector:
        pipeline = TelemetryPipeline(PipelineConfig(endpoint=collector.events_url), environ={})
        pipeline.start()
        record(pipeline, 10)
        for _ in range(3):
            with pytest.raises(UploadError) as caught:
                pipeline.flush(30)
            assert caught.value.status is None
        assert [event.latency_ms for event in collector.events()] == list(range(10))
        stats = pipeline.stats()
        assert (stats.delivered, stats.buffered, stats.requeued) == (0, 10, 3)
        pipeline.shutdown(5)


def test_every_other_answer_lost_delivers_everything_once():
    """With every other answer lost all events arrive, each once, and the account says so."""
    with InProcessCollector(lose_answer_every=2) as collector:
        pipeline = TelemetryPipeline(PipelineConfig(endpoint=collector.events_url, batch_size=7), environ={})
        pipeline.start()
        record(pipeline, 100)
        flush_until_empty(pipeline)
        assert sorted(event.latency_ms for event in collector.events()) == list(range(100))
        assert pipeline.stats().delivered == 100
        assert collector.lost_answer_count > 0
        pipeline.shutdown(5)


def test_every_third_request_failed_stores_each_event_of_eight_threads_once():
    """Eight threads record 100,000 events at a collector that fails every third request."""
    threads_count, each = 8, 12_500
    with InProcessCollector(fail_every=3) as collector:
        pipeline = TelemetryPipeline(
            PipelineConfig(endpoint=collector.events_url, batch_size=1000, offline_queue_max=200_000),
            environ={},
        )
        pipeline.start()
        threads = [
            threading.Thread(target=record, args=(pipeline, each, f"tool_{number}"))
            for number in range(threads_count)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        flush_until_empty(pipeline)
        stored = collector.events()
        stats = pipeline.stats()
        pipeline.shutdown(5)
        assert (stats.recorded, stats.delivered, stats.dropped) == (100_000, 100_000, 0)
        assert collector.failed_count > 0
    assert len(stored) == 100_000
    assert Counter(event.tool for event in stored) == {f"tool_{n}": each for n in range(threads_count)}
    assert len({(event.tool, event.latency_ms) for event in stored}) == 100_000
    assert len({event.id for event in stored}) == 100_000


def test_events_without_an_id_get_the_process_and_a_number():
    """An event's id is twenty random hex digits and a counter; one that has its own keeps it."""
    with ScriptedServer() as server:
        pipeline = TelemetryPipeline(PipelineConfig(endpoint=server.events_url), environ={})
        pipeline.start()
        record(pipeline, 2)
        pipeline.buffer.record(TelemetryEvent("t", "local_only", id="mine-1"))
        pipeline.flush(10)
        pipeline.shutdown()
    ids = [event["id"] for event in json.loads(server.requests[0].body)["events"]]
    process, _, number = ids[0].partition("-")
    assert len(process) == 20
    assert int(process, 16) >= 0
    assert ids == [ids[0], f"{process}-{int(number) + 1}", "mine-1"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("is_started", [True, False])
def test_forked_child_delivers_its_own_events_under_ids_of_its_own(is_started):
    """What a parent has recorded is the parent's; parent and child never meet in one id."""
    with InProcessCollector() as collector:
        pipeline = TelemetryPipeline(PipelineConfig(endpoint=collector.events_url), environ={})
        if is_started:
            pipeline.start()
        record(pipeline, 3, "before")
        child = os.fork()
        if child == 0:
            status = 1
            try:
                pipeline.start()
                record(pipeline, 3, "in_child")
                status = 0 if pipeline.flush(30) == 3 else 2
            finally:
                os._exit(status)
        pipeline.start()
        record(pipeline, 3, "in_parent")
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        flush_until_empty(pipeline)
        pipeline.shutdown(5)
        assert Counter(event.tool for event in collector.events()) == {
            "before": 3,
            "in_child": 3,
            "in_parent": 3,
        }


def test_flush_outlives_the_worker_that_took_it_up():
    """A worker that is killed while it sends is followed by another, and the flush gets its answer."""
    transport = ScriptedTransport(SystemExit())
    pipeline = TelemetryPipeline(
        PipelineConfig(endpoint="https://t.acme.dev/events"), environ={}, transport=transport
    )
    pipeline.start()
    record(pipeline, 5)
    assert pipeline.flush(30) == 5
    first, second = transport.requests
    assert first.body == second.body
    assert pipeline.stats().requeued == 1
    pipeline.shutdown()
