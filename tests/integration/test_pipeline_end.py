"""How a pipeline ends, and what a flush that runs out of time leaves behind."""

from __future__ import annotations

import json
import logging

import pytest

from mcptelemetry.events import (
    PipelineConfig,
    TelemetryBatch,
    TelemetryEvent,
    TelemetryPipeline,
    TelemetryUploader,
    UploadError,
)
from mcptelemetry.testing import FakeClock, HostileServer, ScriptedServer, ScriptedTransport


def build(endpoint="https://t.acme.dev/e", **options):
    config = {name: options.pop(name) for name in ("batch_size", "offline_queue_max") if name in options}
    return TelemetryPipeline(PipelineConfig(endpoint=endpoint, **config), environ={}, **options)


def record(pipeline, count=3):
    for number in range(count):
        pipeline.buffer.record(TelemetryEvent("t", "local_only", latency_ms=number))


def test_shutdown_makes_one_last_attempt():
    """What waits at the end is sent once more."""
    with ScriptedServer() as server:
        pipeline = build(server.events_url)
        pipeline.start()
        record(pipeline)
        pipeline.shutdown(10)
        stats = pipeline.stats()
        assert (stats.delivered, stats.dropped, stats.buffered) == (3, 0, 0)
        assert len(json.loads(server.requests[0].body)["events"]) == 3


def test_shutdown_that_fails_counts_what_is_lost():
    """What the last attempt could not deliver counts as dropped; there is one attempt, not a storm."""
    with ScriptedServer(otherwise=503) as server:
        pipeline = build(server.events_url)
        pipeline.start()
        record(pipeline)
        pipeline.shutdown(10)
        stats = pipeline.stats()
        assert (stats.delivered, stats.dropped, stats.buffered, stats.in_flight) == (0, 3, 0, 0)
        assert len(server.requests) == 1


def test_shutdown_may_be_called_again():
    """A second shutdown does nothing; neither does one without a start."""
    pipeline = build(transport=ScriptedTransport())
    pipeline.shutdown()
    pipeline.shutdown()
    pipeline.start()
    assert pipeline.flush() == 0


def test_record_after_shutdown_counts_as_dropped():
    """After the end nothing waits and nothing is sent, and the account still adds up."""
    transport = ScriptedTransport()
    pipeline = build(transport=transport)
    pipeline.start()
    record(pipeline, 2)
    pipeline.shutdown(10)
    record(pipeline, 5)
    stats = pipeline.stats()
    assert (stats.recorded, stats.delivered, stats.dropped, stats.buffered) == (7, 2, 5, 0)
    assert pipeline.flush(10) == 0
    assert len(transport.requests) == 1


def test_shutdown_obeys_a_hold():
    """An endpoint that asked to be left alone is left alone at the end too."""
    with ScriptedServer((429, b"", {"Retry-After": "3600"})) as server:
        pipeline = build(server.events_url)
        pipeline.start()
        record(pipeline)
        with pytest.raises(UploadError):
            pipeline.flush(10)
        pipeline.shutdown(10)
        assert len(server.requests) == 1
        assert pipeline.stats().dropped == 3


def test_shutdown_sends_nothing_after_a_no():
    """A no that came meanwhile holds for the last attempt."""
    environ = {}
    transport = ScriptedTransport()
    pipeline = TelemetryPipeline(
        PipelineConfig(endpoint="https://t.acme.dev/e"), environ=environ, transport=transport
    )
    pipeline.start()
    record(pipeline)
    environ["DO_NOT_TRACK"] = "1"
    pipeline.shutdown(10)
    assert transport.requests == []
    assert pipeline.stats().dropped == 3


def test_shutdown_gives_up_a_silent_endpoint():
    """With an attempt in flight that never ends, shutdown ends all the same, and says what is open."""
    with HostileServer("silent") as server:
        pipeline = build(server.events_url, batch_size=3)
        pipeline.start()
        record(pipeline, 3)
        assert server.wait_for_requests(1)
        record(pipeline, 4)
        pipeline.shutdown(0.2)
        stats = pipeline.stats()
        assert (stats.in_flight, stats.dropped, stats.delivered) == (3, 4, 0)
        assert stats.recorded == 7


def test_flush_that_runs_out_of_time_leaves_the_attempt_in_flight():
    """A flush gives up waiting; the attempt goes on, and its outcome counts when it comes."""
    with HostileServer("silent") as server:
        pipeline = build(server.events_url)
        pipeline.start()
        record(pipeline)
        with pytest.raises(UploadError, match=r"not over after 0\.2 s") as caught:
            pipeline.flush(0.2)
        assert (caught.value.retryable, caught.value.status) == (True, None)
        assert server.wait_for_requests(1)
        assert pipeline.stats().in_flight == 3
        server.stop()
        with pytest.raises(UploadError, match="no answer"):
            pipeline.flush(30)
        assert pipeline.stats().buffered == 3
        pipeline.shutdown(0.0)


def test_start_a_second_time_does_nothing():
    """A pipeline that is running goes on as it is."""
    pipeline = build(transport=ScriptedTransport())
    pipeline.start()
    pipeline.start()
    record(pipeline)
    assert pipeline.flush(30) == 3
    pipeline.shutdown(10)


def test_events_recorded_before_start_are_sent_after_it():
    """What waited for the start is delivered by it."""
    transport = ScriptedTransport()
    pipeline = build(transport=transport, batch_size=3)
    record(pipeline)
    pipeline.start()
    assert pipeline.flush(30) in (0, 3)  # the batch was full: the worker may have been faster
    assert pipeline.stats().delivered == 3
    pipeline.shutdown(10)


def test_flush_goes_by_the_machines_time():
    """Whoever waits in a flush waits by the machine's clock, whatever clock was given."""
    with HostileServer("silent") as server:
        pipeline = build(server.events_url, clock=FakeClock())
        pipeline.start()
        record(pipeline)
        with pytest.raises(UploadError, match="not over after"):
            pipeline.flush(0.1)
        pipeline.shutdown(0.0)


def test_pipeline_without_endpoint_starts_no_thread():
    """Without an endpoint, or disabled, a start changes nothing: the suite's guard sees no thread."""
    for config in (PipelineConfig(), PipelineConfig(enabled=False, endpoint="https://t.acme.dev/e")):
        pipeline = TelemetryPipeline(config, transport=ScriptedTransport())
        pipeline.start()
        record(pipeline, 200)
        assert pipeline.flush() == 0
        assert pipeline.stats().buffered == 200


def test_upload_is_marked_for_opentelemetry():
    """While we send, OpenTelemetry's own key says to leave this request alone; afterwards it does not."""
    context = pytest.importorskip("opentelemetry.context")
    seen = []

    class Looking(logging.Handler):
        def emit(self, _record):
            seen.append(
                [context.get_value(f"suppress_{kind}instrumentation") for kind in ("", "http_")]
            )

    logger = logging.getLogger("urllib3.connectionpool")
    handler = Looking(logging.DEBUG)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        with ScriptedServer() as server:
            uploader = TelemetryUploader(server.events_url, environ={})
            uploader.upload(TelemetryBatch([TelemetryEvent("t", "local_only")]))
            uploader.close()
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    assert seen
    assert all(marks == [True, True] for marks in seen)
    assert context.get_value("suppress_instrumentation") is None
