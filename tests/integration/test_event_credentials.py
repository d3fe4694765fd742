"""A batch of events is searched for credentials: the guilty stay, the others go."""

from __future__ import annotations

import pytest

from mcptelemetry import PipelineConfig, TelemetryBatch, TelemetryEvent, TelemetryPipeline, TelemetryUploader, UploadError
from mcptelemetry.testing import InProcessCollector

SECRET = 's3cr3t/"Value"+42=='
TOKEN = "ghp_0123456789abcdefghijklmnop"


@pytest.fixture
def collector():
    with InProcessCollector() as running:
        yield running


@pytest.mark.parametrize("compression", [None, "gzip"])
@pytest.mark.parametrize("guilty", [[0], [9], [4], [3, 4], [0, 5, 9], list(range(10)), []])
def test_events_with_a_credential_are_rejected_and_the_others_delivered(collector, guilty, compression):
    """Wherever the guilty ones stand, they are rejected and counted, and all others arrive in order."""
    config = PipelineConfig(endpoint=collector.events_url, compression=compression)
    pipeline = TelemetryPipeline(config, environ={"ACME_API_KEY": SECRET})
    pipeline.start()
    for number in range(10):
        secret = (SECRET, TOKEN)[number % 2]
        tool = f"tool_{number}"
        pipeline.buffer.record(
            TelemetryEvent(tool, "local_only", upstream=f"x {secret}" if number in guilty else None, timestamp_secs=1)
        )
    try:
        assert pipeline.flush(timeout=30) == 10 - len(guilty)
        stats = pipeline.stats()
        assert (stats.delivered, stats.rejected, stats.in_flight) == (10 - len(guilty), len(guilty), 0)
        assert SECRET not in str(stats.last_error)
    finally:
        pipeline.shutdown()
    assert [event.tool for event in collector.events()] == [f"tool_{n}" for n in range(10) if n not in guilty]


def test_upload_of_a_batch_with_a_credential_sends_nothing(collector):
    """An uploader used by hand refuses the batch, and names the variable and not the value."""
    uploader = TelemetryUploader(collector.events_url, environ={"ACME_API_KEY": "s3cr3t-Value-42"})
    batch = TelemetryBatch([TelemetryEvent("x", "local_only", upstream="s3cr3t-Value-42")])
    with pytest.raises(UploadError, match="env:ACME_API_KEY") as caught:
        uploader.upload(batch)
    uploader.close()
    assert not caught.value.retryable
    assert "s3cr3t" not in str(caught.value)
    assert collector.request_count == 0
