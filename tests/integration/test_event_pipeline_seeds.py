"""
What the project was founded on: each test of the first event pipeline, under its name.

Where that one had a mock server there is a real socket here.
"""

from __future__ import annotations

import json

import pytest

from mcptelemetry.events import (
    PipelineConfig,
    TelemetryAuth,
    TelemetryBatch,
    TelemetryBuffer,
    TelemetryEvent,
    TelemetryPipeline,
    TelemetryUploader,
    UploadError,
)
from mcptelemetry.testing import ScriptedServer


def sample_event(tool: str) -> TelemetryEvent:
    return TelemetryEvent.now(tool, "strategy_remote", latency_ms=42)


def tools(events: list[TelemetryEvent]) -> list[str]:
    return [event.tool for event in events]


def test_buffer_record_and_drain():
    """Draining takes from the front and leaves the rest."""
    buffer = TelemetryBuffer(10)
    buffer.record(sample_event("a"))
    buffer.record(sample_event("b"))
    assert len(buffer) == 2

    assert tools(buffer.drain(1)) == ["a"]
    assert len(buffer) == 1


def test_buffer_drop_oldest_when_full():
    """A full buffer lets its oldest event go."""
    buffer = TelemetryBuffer(2)
    for tool in "abc":
        buffer.record(sample_event(tool))
    assert tools(buffer.drain(10)) == ["b", "c"]
    assert buffer.dropped == 1


def test_size_trigger_fires_when_threshold_reached():
    """Waiting ends without a result below the threshold, and with one as soon as it is reached."""
    buffer = TelemetryBuffer(10)
    buffer.set_flush_threshold(3)
    buffer.record(sample_event("a"))
    buffer.record(sample_event("b"))
    assert buffer.wait(0.05) is False

    buffer.record(sample_event("c"))
    assert buffer.wait(10.0) is True


def test_buffer_requeue_front():
    """What is put back comes before what came meanwhile, in its own order."""
    buffer = TelemetryBuffer(5)
    buffer.record(sample_event("new"))
    buffer.requeue_front([sample_event("old1"), sample_event("old2")])
    assert tools(buffer.drain(10)) == ["old1", "old2", "new"]


def test_uploader_sends_bearer_header_and_payload():
    """An upload carries the token, the type and the events to the endpoint's path."""
    with ScriptedServer(202) as server:
        uploader = TelemetryUploader(server.events_url, TelemetryAuth(bearer_token="my-token"), environ={})
        uploader.upload(TelemetryBatch([sample_event("get_issues")]))
        uploader.close()
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/api/telemetry/tool-invocations")
    assert request.headers["authorization"] == "Bearer my-token"
    assert request.headers["content-type"] == "application/json"
    assert b'"tool":"get_issues"' in request.body
    assert json.loads(request.body)["events"][0]["latency_ms"] == 42


def test_uploader_reports_error_on_5xx():
    """A 5xx is an error that holds the status and the answer's body."""
    with ScriptedServer((500, b"boom")) as server:
        uploader = TelemetryUploader(f"{server.url}/tele", environ={})
        with pytest.raises(UploadError, match=r"500.*boom") as caught:
            uploader.upload(TelemetryBatch([sample_event("x")]))
        uploader.close()
    assert (caught.value.status, caught.value.retryable) == (500, True)


def test_pipeline_flush_uploads_all_and_returns_count():
    """A flush delivers all that waits and says how many events that were."""
    with ScriptedServer(otherwise=200) as server:
        pipeline = TelemetryPipeline(PipelineConfig(endpoint=f"{server.url}/t"), environ={})
        pipeline.start(TelemetryAuth())
        pipeline.buffer.record(sample_event("a"))
        pipeline.buffer.record(sample_event("b"))
        assert pipeline.flush(10) == 2
        pipeline.shutdown()


def test_pipeline_disabled_is_noop():
    """A disabled pipeline takes events and sends none."""
    pipeline = TelemetryPipeline(PipelineConfig(enabled=False))
    pipeline.start(TelemetryAuth())
    pipeline.buffer.record(sample_event("x"))
    assert pipeline.flush() == 0
    pipeline.shutdown()


def test_pipeline_without_endpoint_still_buffers_but_does_not_upload():
    """Without an endpoint events wait, and are never sent."""
    pipeline = TelemetryPipeline(PipelineConfig(enabled=True, endpoint=None))
    pipeline.start(TelemetryAuth())
    pipeline.buffer.record(sample_event("x"))
    assert len(pipeline.buffer) == 1
    assert pipeline.flush() == 0
    pipeline.shutdown()


def test_flush_requeues_on_failure():
    """A flush that fails says so and keeps what it could not deliver."""
    with ScriptedServer(otherwise=500) as server:
        pipeline = TelemetryPipeline(PipelineConfig(endpoint=f"{server.url}/t"), environ={})
        pipeline.start(TelemetryAuth())
        pipeline.buffer.record(sample_event("a"))
        with pytest.raises(UploadError, match="500"):
            pipeline.flush(10)
        assert len(pipeline.buffer) == 1
        pipeline.shutdown()
