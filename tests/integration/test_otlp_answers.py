"""
Events to an OpenTelemetry Collector: the request, and what becomes of them answer by answer.

Real sockets and a receiver that plays a script; turns are taken by hand on a clock that stands still.
"""

from __future__ import annotations

import gzip
import json
import logging

import pytest

from mcptelemetry import Telemetry
from mcptelemetry.events import (
    PipelineConfig,
    TelemetryAuth,
    TelemetryBatch,
    TelemetryEvent,
    TelemetryPipeline,
    TelemetryUploader,
    UploadError,
)
from mcptelemetry.system import NoAnswer, begin_anew
from mcptelemetry.testing import FakeClock, ScriptedServer, ScriptedTransport

CREDENTIAL = "ghp_abcdefghijklmnopqrstuvwxyz0123456789"
PARENT = "0af7651916cd43dd8448eb211c80319cb7ad6b7169203331"


class Bench:
    """A pipeline whose turns the test takes itself, on a clock of its own."""

    def __init__(self, endpoint, *, transport=None, environ=None, auth=None, refusal=None, **config):
        self.clock = FakeClock()
        self.pipeline = TelemetryPipeline(
            PipelineConfig(endpoint=endpoint, format="otlp", **config),
            app="acme-mcp",
            version="v1.4.0",
            environ=environ or {},
            clock=self.clock,
            transport=transport,
            uniform=lambda _low, high: high,
            refusal=refusal,
        )
        self.pipeline.start(auth)
        self.pipeline.buffer.attend(lambda: None)  # nobody comes: the test takes the turns

    def record(self, count, **fields):
        for number in range(count):
            self.pipeline.buffer.record(
                TelemetryEvent(f"tool_{number}", "local_only", timestamp_secs=1, latency_ms=number, **fields)
            )
        return self

    def attempt(self):
        """Let the interval pass and take one turn; return the account after it, which adds up."""
        self.clock.advance(self.pipeline.config.batch_interval_secs)
        self.pipeline.turn()
        stats = self.pipeline.stats()
        settled = stats.delivered + stats.dropped + stats.rejected + stats.spooled
        assert stats.recorded == settled + stats.buffered + stats.in_flight
        assert stats.in_flight == 0
        return stats


@pytest.fixture
def bench():
    made = []

    def make(*args, **options):
        made.append(Bench(*args, **options))
        return made[-1]

    yield make
    for one in made:
        one.pipeline.shutdown(0.0)


def body_of(request):
    """Return the document of *request*, which may be compressed."""
    body = request.body
    return json.loads(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)


def spans_of(request):
    """Return the spans of *request*: it has one resource and one scope."""
    (resource,) = body_of(request)["resourceSpans"]
    (scope,) = resource["scopeSpans"]
    return scope["spans"]


def names_of(requests):
    """Return the names of the spans, a list a request."""
    return [[span["name"].replace("tools/call tool_", "") for span in spans_of(request)] for request in requests]


# -- the request -------------------------------------------------------------------------


def test_a_receiver_that_takes_only_the_plain_type_takes_a_batch(bench):
    """Content-Type is `application/json` to the letter: a receiver that wants no charset takes it; gzip is the default."""

    def probe(request):
        is_plain = request.headers.get("content-type") == "application/json"
        return 200 if is_plain and request.headers.get("content-encoding") == "gzip" else 400

    with ScriptedServer(probe, probe) as server:
        one = bench(server.url, metrics=True)
        assert one.record(50).attempt().delivered == 50
        assert [request.path for request in server.requests] == ["/v1/traces", "/v1/metrics"]


@pytest.mark.parametrize(
    ("path", "traces", "metrics"),
    [
        ("", "/v1/traces", "/v1/metrics"),
        ("/", "/v1/traces", "/v1/metrics"),
        ("/v1/traces", "/v1/traces", "/v1/metrics"),
        ("/v1/traces/", "/v1/traces", "/v1/metrics"),
        ("/otlp", "/otlp/v1/traces", "/otlp/v1/metrics"),
        ("/otlp/v1/traces?team=a", "/otlp/v1/traces?team=a", "/otlp/v1/metrics?team=a"),
    ],
)
def test_an_endpoint_is_a_base_or_the_whole_path(bench, path, traces, metrics):
    """A base gets the signals' paths, also one with a path of its own; the whole path of traces is understood."""
    transport = ScriptedTransport(otherwise=200)
    bench(f"http://127.0.0.1:4318{path}", transport=transport, metrics=True).record(1).attempt()
    assert [request.url for request in transport.requests] == [
        f"http://127.0.0.1:4318{traces}",
        f"http://127.0.0.1:4318{metrics}",
    ]


def test_a_request_is_one_batch_and_never_larger(bench):
    """However much waits, no request holds more spans than a batch: some receivers lose the rest after a 200."""
    transport = ScriptedTransport(otherwise=200)
    one = bench("http://127.0.0.1:4318", transport=transport, batch_size=7)
    assert one.record(40).attempt().delivered == 40
    assert [len(spans_of(request)) for request in transport.requests] == [7, 7, 7, 7, 7, 5]


def test_headers_and_token_go_along(bench):
    """The operator's own headers and the bearer token are on both signals, as a vendor wants them."""
    transport = ScriptedTransport(otherwise=200)
    auth = TelemetryAuth("t0ken", headers={"x-team": "blue"})
    bench("http://127.0.0.1:4318", transport=transport, auth=auth, metrics=True).record(1).attempt()
    for request in transport.requests:
        assert request.headers["Authorization"] == "Bearer t0ken"
        assert request.headers["x-team"] == "blue"


@pytest.mark.parametrize(("compression", "is_packed"), [(None, True), ("gzip", True), ("none", False)])
def test_compression_is_what_was_said_or_gzip(bench, compression, is_packed):
    """Without a word bodies over 1 KiB are compressed; `"none"` sends them as they are."""
    transport = ScriptedTransport(otherwise=200)
    bench("http://127.0.0.1:4318", transport=transport, compression=compression).record(20).attempt()
    (request,) = transport.requests
    assert (request.headers.get("Content-Encoding") == "gzip") is is_packed
    assert (request.body[:2] == b"\x1f\x8b") is is_packed


def test_the_same_batch_twice_has_the_same_ids(bench):
    """A repeat after a failure is recognisable by every id in it."""
    with ScriptedServer(503, 200) as server:
        one = bench(server.url).record(5)
        one.attempt()
        assert one.attempt().delivered == 5
        first, second = map(spans_of, server.requests)
    assert first == second
    assert len({span["spanId"] for span in first}) == len({span["traceId"] for span in first}) == 5


def test_a_parent_leaves_in_spans_only(bench):
    """The span that a call belongs to is told to a Collector, and in no other format."""
    transport = ScriptedTransport(otherwise=200)
    shape = TelemetryEvent("tool", "local_only").shape
    one = bench("http://127.0.0.1:4318", transport=transport)
    one.pipeline.buffer.add(shape, 1, 1, None, PARENT)
    one.attempt()
    (span,) = spans_of(transport.requests[0])
    assert span["traceId"] + span["parentSpanId"] == PARENT
    plain = ScriptedTransport(otherwise=202)
    pipeline = TelemetryPipeline(PipelineConfig(endpoint="http://127.0.0.1:1"), environ={}, transport=plain)
    pipeline.start()
    pipeline.buffer.attend(lambda: None)
    pipeline.buffer.add(shape, 1, 1, None, PARENT)
    pipeline.shutdown(5.0)
    assert [request for request in plain.requests if PARENT[:32].encode() in request.body] == []
    assert pipeline.stats().delivered == 1


def test_an_event_whose_names_hold_a_credential_does_not_leave(bench):
    """The search of names stands before this format as before the others, spans and metrics alike."""
    transport = ScriptedTransport(otherwise=200)
    one = bench("http://127.0.0.1:4318", transport=transport, environ={"GITHUB_TOKEN": CREDENTIAL}, metrics=True)
    one.record(2)
    one.pipeline.buffer.record(TelemetryEvent(CREDENTIAL, "local_only"))
    stats = one.record(2).attempt()
    assert (stats.delivered, stats.rejected) == (4, 1)
    assert CREDENTIAL not in "".join(json.dumps(body_of(request)) for request in transport.requests)


# -- the answers -------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [b"", b"{}", b"null", b'{"partialSuccess":null}', b'{"partialSuccess":{}}'])
def test_a_full_success_has_many_spellings(bench, caplog, answer):
    """Nothing, an empty object and null all say that every span was taken."""
    with ScriptedServer((200, answer)) as server:
        stats = bench(server.url).record(3).attempt()
    assert (stats.delivered, stats.rejected, stats.last_error) == (3, 0, None)
    assert caplog.records == []


def test_a_partial_success_is_counted_and_never_repeated(bench, caplog):
    """What the endpoint did not take is rejected, with its reason said once; nothing of the batch goes again."""
    answer = b'{"partialSuccess":{"rejectedSpans":"2","errorMessage":"spans are too old"}}'
    with ScriptedServer((200, answer), (200, answer)) as server:
        one = bench(server.url)
        one.record(5).attempt()
        stats = one.record(5).attempt()
        assert len(server.requests) == 2
    assert (stats.delivered, stats.rejected, stats.requeued) == (6, 4, 0)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("mcptelemetry: 2 events to http://127.0.0.1")
    assert "spans are too old" in line


def test_a_partial_success_rejects_no_more_than_was_sent(bench):
    """A number out of the air does not bring the account out of balance."""
    with ScriptedServer((200, b'{"partialSuccess":{"rejectedSpans":"9000"}}')) as server:
        stats = bench(server.url).record(5).attempt()
    assert (stats.delivered, stats.rejected) == (0, 5)


def test_a_warning_of_the_endpoint_is_said_once(bench, caplog):
    """With nothing rejected it is a warning: all are delivered, and its text is in the log once."""
    answer = (200, b'{"partialSuccess":{"errorMessage":"this path goes away soon"}}')
    with ScriptedServer(answer, answer) as server:
        one = bench(server.url)
        one.record(5).attempt()
        stats = one.record(5).attempt()
    assert (stats.delivered, stats.rejected) == (10, 0)
    (line,) = [record.getMessage() for record in caplog.records]
    assert "this path goes away soon" in line


@pytest.mark.parametrize("status", [429, 502, 503, 504, 401, 403, 407, 404, 405, 421, 301, 307])
def test_what_may_get_better_is_sent_again(bench, status):
    """A busy endpoint, a wrong key and a wrong place keep the batch, in order."""
    with ScriptedServer(status, 200) as server:
        one = bench(server.url)
        stats = one.record(3).attempt()
        assert (stats.buffered, stats.delivered, stats.rejected) == (3, 0, 0)
        one.clock.advance(300)
        assert one.attempt().delivered == 3
        assert names_of(server.requests) == [["0", "1", "2"], ["0", "1", "2"]]


@pytest.mark.parametrize("status", [400, 408, 425, 500, 501, 505, 418])
def test_what_is_final_is_not_sent_again(bench, caplog, status):
    """Every other answer gives the batch up, with one warning; the next batch goes."""
    with ScriptedServer(status, status, 200) as server:
        one = bench(server.url)
        one.record(3).attempt()
        one.record(3).attempt()
        stats = one.record(3).attempt()
        assert len(server.requests) == 3
    assert (stats.delivered, stats.rejected, stats.requeued) == (3, 6, 0)
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert f"HTTP {status}" in warnings[0]


def test_no_answer_is_tried_again(bench):
    """A connection that breaks keeps the batch."""
    transport = ScriptedTransport(NoAnswer("reset"), otherwise=200)
    one = bench("http://127.0.0.1:4318", transport=transport)
    assert one.record(3).attempt().buffered == 3
    one.clock.advance(300)
    assert one.attempt().delivered == 3


def test_retry_after_is_waited_for(bench):
    """A 429 with Retry-After is left alone for as long as it says, metrics too."""
    with ScriptedServer((429, b"", {"Retry-After": "100"}), otherwise=200) as server:
        one = bench(server.url, metrics=True)
        one.record(3).attempt()
        assert one.attempt().buffered == 3
        assert len(server.requests) == 1
        one.clock.advance(100)
        assert one.attempt().delivered == 3
        assert [request.path for request in server.requests] == ["/v1/traces", "/v1/traces", "/v1/metrics"]


def test_what_is_too_large_goes_in_halves(bench):
    """413 halves the batch until it fits; a single event that does not is rejected."""

    def take_two(request):
        names = names_of([request])[0]
        return 413 if len(names) > 2 or "3" in names else 200

    with ScriptedServer(otherwise=take_two) as server:
        stats = bench(server.url).record(8).attempt()
        assert sorted(name for names in names_of(server.requests) if len(names) <= 2 for name in names if name != "3")
    assert (stats.delivered, stats.rejected) == (7, 1)


# -- the rest ----------------------------------------------------------------------------


def test_metrics_count_what_was_delivered_once(bench):
    """The histograms hold each delivered call once, also one that took two attempts; their failure touches no event."""
    with ScriptedServer(503, 200, 500, 200, 200) as server:
        one = bench(server.url, metrics=True)
        one.record(3).attempt()
        one.clock.advance(300)
        stats = one.attempt()  # 200 for the spans, 500 for the metrics
        assert (stats.delivered, stats.rejected) == (3, 0)
        assert one.record(4).attempt().delivered == 7
        metrics = [body_of(request) for request in server.requests if request.path == "/v1/metrics"]
    counts = [
        sum(int(point["count"]) for point in document["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]["histogram"]["dataPoints"])
        for document in metrics
    ]
    assert counts == [3, 4]


def test_metrics_leave_with_a_flush_and_at_the_end():
    """Whoever flushes or ends a pipeline tells of what it measured, in the worker's own thread and within the bound."""
    with ScriptedServer(otherwise=200) as server:
        pipeline = TelemetryPipeline(
            PipelineConfig(endpoint=server.url, format="otlp", metrics=True, batch_size=10), environ={}
        )
        pipeline.start()
        pipeline.buffer.record(TelemetryEvent("tool", "local_only"))
        assert pipeline.flush(10.0) == 1
        pipeline.buffer.record(TelemetryEvent("tool", "local_only"))
        pipeline.shutdown(5.0)
        assert [request.path for request in server.requests] == ["/v1/traces", "/v1/metrics"] * 2


def test_a_no_stops_metrics_too(bench):
    """The same switches bind both signals, and what was measured before a no is erased."""
    said = [None]
    transport = ScriptedTransport(otherwise=200)
    one = bench("http://127.0.0.1:4318", transport=transport, metrics=True, refusal=lambda: said[0])
    one.record(3)
    one.clock.advance(1)
    said[0] = None
    one.pipeline.turn()
    one.attempt()
    assert len(transport.requests) == 2
    said[0] = "DO_NOT_TRACK"
    one.record(3).attempt()
    said[0] = None
    stats = one.attempt()
    assert (stats.delivered, stats.dropped) == (3, 3)
    assert len(transport.requests) == 2


def test_a_forked_child_measures_anew(bench):
    """What the parent has measured is the parent's to tell."""
    transport = ScriptedTransport(otherwise=200)
    one = bench("http://127.0.0.1:4318", transport=transport, metrics=True, batch_size=3)
    one.record(3)
    one.pipeline.turn()
    assert one.pipeline.stats().delivered == 3  # and its interval has not ended
    begin_anew()
    one.pipeline.buffer.attend(lambda: None)
    one.record(2)
    one.clock.advance(30)
    one.pipeline.turn()
    one.clock.advance(30)
    one.pipeline.turn()
    (metrics,) = [body_of(request) for request in transport.requests if request.url.endswith("/v1/metrics")]
    points = metrics["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]["histogram"]["dataPoints"]
    assert sum(int(point["count"]) for point in points) == 2


def test_what_is_printed_is_what_would_leave(tmp_path, capfd):
    """With `print` in the variable nothing is sent: the spans and the histograms stand on standard error, legibly."""
    (tmp_path / ".acme-mcp").mkdir()
    (tmp_path / ".acme-mcp" / "telemetry.toml").write_text(
        '[proxy.telemetry]\nendpoint = "http://127.0.0.1:9"\nformat = "otlp"\nmetrics = true\n', "utf-8"
    )
    telemetry = Telemetry("acme-mcp", "1.0.0", environ={"HOME": str(tmp_path), "ACME_MCP_TELEMETRY": "print"})
    telemetry.start()
    for _ in range(30):  # more than a body that would be compressed
        telemetry.record("search", latency_ms=12)
    telemetry.flush(10.0)
    telemetry.shutdown(5.0)
    printed = capfd.readouterr().err
    assert printed.count('"tools/call search"') == 30
    assert "mcp.server.operation.duration" in printed


def test_an_uploader_of_ones_own_speaks_otlp():
    """`upload()` in this format sends spans; an event without an id gets one, for a span has one."""
    transport = ScriptedTransport(200, 500)
    uploader = TelemetryUploader("http://127.0.0.1:4318", environ={}, transport=transport, format="otlp")
    batch = TelemetryBatch([TelemetryEvent("tool_1", "local_only"), TelemetryEvent("tool_2", "local_only", id="mine")])
    uploader.upload(batch)
    spans = spans_of(transport.requests[0])
    assert len({span["spanId"] for span in spans}) == 2
    with pytest.raises(UploadError) as caught:
        uploader.upload(batch)
    assert not caught.value.retryable


@pytest.mark.parametrize(
    "settings",
    [
        {"format": "otlp", "endpoint": "file:///tmp/events.jsonl"},
        {"format": "json", "metrics": True},
        {"format": "jsonl", "metrics": True, "endpoint": "file:///tmp/events.jsonl"},
        {"format": "otlp", "compression": "br"},
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings):
    """Spans go to no file, metrics with spans only, and there is one compression."""
    with pytest.raises(ValueError, match=r"format|metrics|compression"):
        PipelineConfig(**settings)


def test_spooled_events_are_spans_of_their_own(tmp_path):
    """By way of a spool the same events become spans without a parent, with ids that derive from their own, and are measured."""
    with ScriptedServer(otherwise=200) as server:
        pipeline = TelemetryPipeline(
            PipelineConfig(endpoint=server.url, format="otlp", metrics=True, spool=True),
            app="acme-mcp",
            version="v1.4.0",
            environ={"HOME": str(tmp_path)},
        )
        pipeline.start()
        shape = TelemetryEvent("tool", "local_only").shape
        for _ in range(3):
            pipeline.buffer.add(shape, 12, 1, None, PARENT)
        pipeline.flush(20.0)
        pipeline.shutdown(5.0)
        spans = [span for request in server.requests if request.path == "/v1/traces" for span in spans_of(request)]
        assert [request.path for request in server.requests] == ["/v1/traces", "/v1/metrics"]
    assert len({span["spanId"] for span in spans}) == len(spans) == 3
    assert [span for span in spans if "parentSpanId" in span or span["traceId"] == PARENT[:32]] == []
    (resource,) = body_of(server.requests[0])["resourceSpans"]
    assert {"key": "service.version", "value": {"stringValue": "v1.4.0"}} in resource["resource"]["attributes"]
