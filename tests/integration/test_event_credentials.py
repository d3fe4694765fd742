"""A batch of events is searched for credentials: the guilty stay, the others go."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mcptelemetry import PipelineConfig, TelemetryBatch, TelemetryEvent, TelemetryPipeline, TelemetryUploader, UploadError
from mcptelemetry.testing import InProcessCollector

SECRET = 's3cr3t/"Value"+42=='
EXAMPLES = [
    "".join(row["parts"])
    for row in json.loads((Path(__file__).parents[1] / "data" / "token_shapes.json").read_text())
]
FREE_NAMES = ("tool", "routing_decision", "routing_detail", "upstream")
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


def deliver(collector, events, environ=None, **more):
    """Record *events*, flush, and return the account."""
    pipeline = TelemetryPipeline(PipelineConfig(endpoint=collector.events_url), environ=environ or {}, **more)
    pipeline.start()
    for event in events:
        pipeline.buffer.record(event)
    try:
        pipeline.flush(timeout=30)
        return pipeline.stats()
    finally:
        pipeline.shutdown()


def named(place, name):
    """Return an event that has *name* in *place*."""
    return TelemetryEvent(**{"tool": "x", "routing_decision": "override_rule", place: name})


@pytest.mark.parametrize("place", FREE_NAMES)
def test_every_token_example_in_every_free_name_is_rejected_and_counted(collector, place):
    """Each made-up token, alone and behind a name of 110 characters, stays; what stands between them arrives."""
    guilty = [named(place, text) for token in EXAMPLES for text in (token, f"{'n' * 109} {token}")]
    events = [event for number, one in enumerate(guilty) for event in (TelemetryEvent(f"tool_{number}", "x"), one)]
    stats = deliver(collector, events)
    assert (stats.delivered, stats.rejected) == (len(guilty), len(guilty))
    assert [event.tool for event in collector.events()] == [f"tool_{number}" for number in range(len(guilty))]


@pytest.mark.parametrize("place", FREE_NAMES)
@pytest.mark.parametrize(
    "secret",
    ["opensesame1", "k" * 200 + "1", "s3cr3t" * 500, "two\nlines of 1 key", "caf\u00e9-s3cr3t-\u2028", 'q"uo\\te-1'],
    ids=["short", "longer than a name", "longer than what is kept", "lines", "not ascii", "escaped"],
)
@pytest.mark.parametrize("before", ["", "a name and ", "n" * 120])
def test_a_credential_is_found_in_a_name_before_the_cut(collector, secret, place, before):
    """The value of a variable is found though the cut at 128 characters leaves only a part of it."""
    stats = deliver(collector, [named(place, before + secret), TelemetryEvent("y", "x")], {"ACME_API_KEY": secret})
    assert (stats.delivered, stats.rejected) == (1, 1)
    assert "env:ACME_API_KEY" in stats.last_error
    assert secret[:8] not in stats.last_error


@pytest.mark.parametrize("client", ["s3cr3t-value-42", "S3cr3t-Value-42/1.0", "my.s3cr3t-value-42.agent"])
def test_a_credential_in_a_clients_name_is_found(collector, client):
    """A client says its own name: its events stay, those of others arrive."""
    events = [named("client", client), TelemetryEvent("y", "x", client="some-agent")]
    stats = deliver(collector, events, {"ACME_API_KEY": "s3cr3t-Value-42"})
    assert (stats.delivered, stats.rejected) == (1, 1)
    assert "env:ACME_API_KEY" in stats.last_error
    assert [event.client for event in collector.events()] == ["some-agent"]


@pytest.mark.parametrize("token", EXAMPLES)
def test_no_event_is_recorded_under_a_token_for_a_client(token):
    """A client that is called like a token is unknown, or what stands before its version."""
    for client in (token, f"{token}/1.2", f"x-{token}"):
        assert token.lower() not in named("client", client).client


@pytest.mark.parametrize("client", ["claude-desktop", "Claude Desktop/1.2", "windsurf"])
def test_a_client_of_the_closed_table_is_never_searched(collector, client):
    """A password that is a well-known client's name, or stands within it, silences no event of that client."""
    environ = {"DB_PASSWORD": "-desktop", "X_PASSWORD": "windsurf"}
    stats = deliver(collector, [named("client", client)], environ)
    assert (stats.delivered, stats.rejected) == (1, 0)


@pytest.mark.parametrize(("is_authors", "delivered"), [(True, 0), (False, 1)])
def test_an_address_in_a_clients_name_does_not_reach_an_author(collector, is_authors, delivered):
    """What an operator may see of their own network is none of the author's business."""
    assert deliver(collector, [named("client", "agent-10.0.0.5")], is_authors=is_authors).delivered == delivered


def test_what_stands_beyond_the_search_is_not_sent():
    """A name is kept longer than it leaves, so that the cut comes after the search."""
    event = TelemetryEvent("t" * 1000, "local_only")
    assert event.tool == "t" * 128
    assert event.to_dict()["tool"] == "t" * 128
    assert event == TelemetryEvent.from_dict(event.to_dict())
    assert json.loads(TelemetryBatch([event]).to_json())["events"][0]["tool"] == "t" * 128


@pytest.mark.parametrize(
    "environ",
    [
        {"OPENAI_API_KEY": "local", "SORT_KEY": "timestamp", "LICENSE_KEY": "personal"},
        {"X_PASSWORD": "local_only", "Y_SECRET": "override_rule", "Z_PASS": "timestamp_secs"},
        {"X_PASSWORD": "latency_ms", "Y_SECRET": "123456789", "Z_PASS": "routing_decision"},
    ],
)
def test_field_names_closed_words_numbers_and_ids_are_not_searched(collector, environ):
    """A setting that is called like our fields or words, or like a number, rejects nothing."""
    event = TelemetryEvent(
        "x", "local_only", latency_ms=123456789, timestamp_secs=1234567890, id="id-123456789", status="error", error_type="tool_error"
    )
    assert deliver(collector, [event], environ).delivered == 1


def test_a_credential_that_the_environment_gets_later_is_found(collector):
    """A verdict is remembered only as long as the environment holds the same."""
    environ = {"PATH": "/bin"}
    pipeline = TelemetryPipeline(PipelineConfig(endpoint=collector.events_url), environ=environ)
    pipeline.start()
    try:
        for secret in (None, "opensesame1", None):
            environ.pop("ACME_API_KEY", None)
            if secret:
                environ["ACME_API_KEY"] = secret
            pipeline.buffer.record(TelemetryEvent("opensesame1", "x"))
            assert pipeline.flush(timeout=30) == (0 if secret else 1)
    finally:
        pipeline.shutdown()


PLACES_AND_PEOPLE = ["/home/tim/x", "read C:\\Users\\tim", "tim@example.org", "10.0.0.5", "https://example.org/x", "%2Fhome%2Ftim%2F"]


@pytest.mark.parametrize("text", PLACES_AND_PEOPLE)
@pytest.mark.parametrize("is_authors", [True, False])
def test_paths_and_addresses_stay_where_the_events_go_to_an_author(collector, text, is_authors):
    """An author's events are searched for paths and addresses too; an operator's tools are the operator's."""
    stats = deliver(collector, [TelemetryEvent("x", "y", upstream=text)], is_authors=is_authors)
    assert (stats.delivered, stats.rejected) == ((0, 1) if is_authors else (1, 0))


@pytest.mark.parametrize("place", FREE_NAMES)
def test_upload_by_hand_is_searched_as_recorded(collector, place):
    """An uploader used by hand searches every free name before the cut too."""
    uploader = TelemetryUploader(collector.events_url, environ={})
    with pytest.raises(UploadError, match="token:GitHub token") as caught:
        uploader.upload(TelemetryBatch([named(place, "n" * 111 + " " + TOKEN)]))
    uploader.close()
    assert TOKEN[:12] not in str(caught.value)
    assert collector.request_count == 0
