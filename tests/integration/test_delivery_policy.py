"""
What becomes of events, answer by answer: the table of the delivery policy on real sockets.

Turns are taken by hand on a clock that stands still, so that every case is decided by the
answers alone; after each the account must add up.
"""

from __future__ import annotations

import json
import logging
from email.utils import formatdate

import pytest

from mcptelemetry.events import (
    PipelineConfig,
    TelemetryAuth,
    TelemetryBatch,
    TelemetryEvent,
    TelemetryPipeline,
    TelemetryUploader,
    UploadError,
)
from mcptelemetry.system import NoAnswer
from mcptelemetry.testing import FakeClock, ScriptedServer, ScriptedTransport, refusing_url


class Bench:
    """A pipeline whose turns the test takes itself, on a clock of its own."""

    def __init__(self, endpoint, *, transport=None, uniform=lambda _low, high: high, auth=None, **config):
        self.clock = FakeClock()
        self.pipeline = TelemetryPipeline(
            PipelineConfig(endpoint=endpoint, **config),
            app="acme-mcp",
            environ={},
            clock=self.clock,
            transport=transport,
            uniform=uniform,
        )
        self.pipeline.start(auth)
        self.pipeline.buffer.attend(lambda: None)  # nobody comes: the test takes the turns

    def record(self, count):
        for number in range(count):
            self.pipeline.buffer.record(
                TelemetryEvent(f"tool_{number}", "local_only", timestamp_secs=1, latency_ms=number)
            )

    def turn_when_due(self):
        """Let the time pass that the pipeline wants to wait, and take its turn."""
        due_in = self.pipeline.turn()
        while due_in:
            self.clock.advance(due_in)
            due_in = self.pipeline.turn()
        return self.stats()

    def attempt(self):
        """Let the interval pass and take one turn; return the account after it."""
        self.clock.advance(self.pipeline.config.batch_interval_secs)
        self.pipeline.turn()
        return self.stats()

    def stats(self):
        stats = self.pipeline.stats()
        assert stats.recorded == (
            stats.delivered
            + stats.dropped
            + stats.rejected
            + stats.spooled
            + stats.buffered
            + stats.in_flight
        )
        assert stats.in_flight == 0
        return stats

    def waiting(self):
        return [event.tool for event in self.pipeline.buffer.drain(1_000_000)]


@pytest.fixture
def bench():
    made = []

    def make(*args, **options):
        made.append(Bench(*args, **options))
        return made[-1]

    yield make
    for one in made:
        one.pipeline.shutdown(0.0)


def posted_tools(server):
    return [[event["tool"] for event in json.loads(request.body)["events"]] for request in server.requests]


# -- the table -------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 202, 204, 226, 299])
def test_policy_2xx_is_delivered(bench, status):
    """Any 2xx means delivered."""
    with ScriptedServer(status) as server:
        one = bench(server.events_url)
        one.record(3)
        stats = one.attempt()
        assert (stats.delivered, stats.buffered, stats.last_error) == (3, 0, None)
        assert stats.last_success_at == one.clock.time()


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599, 401, 403, 407, 404, 405, 421, 301, 302, 304, 307, 308])
def test_policy_retryable_status_puts_back_and_backs_off(bench, status):
    """Events that may be sent again go back in order, and are not sent again before the back-off ends."""
    with ScriptedServer((status, b"later")) as server:
        one = bench(server.events_url)
        one.record(3)
        stats = one.attempt()
        assert (stats.delivered, stats.rejected, stats.buffered, stats.requeued) == (0, 0, 3, 1)
        assert str(status) in stats.last_error
        assert one.pipeline.turn() == 2.0  # the first back-off: at most 2 seconds
        one.clock.advance(1.9)
        one.pipeline.turn()
        assert len(server.requests) == 1
        stats = one.attempt()
        assert (stats.delivered, stats.buffered) == (3, 0)
        assert posted_tools(server) == [["tool_0", "tool_1", "tool_2"]] * 2
        assert server.requests[0].body == server.requests[1].body  # the ids survive the requeue


@pytest.mark.parametrize("status", [400, 402, 406, 409, 410, 415, 422, 451])
def test_policy_other_status_rejects_the_batch_once(bench, status):
    """A batch that will never be accepted is counted, attempted once, and does not stop the next."""
    with ScriptedServer((status, b"never")) as server:
        one = bench(server.events_url, batch_size=2)
        one.record(4)
        stats = one.attempt()
        assert (stats.delivered, stats.rejected, stats.buffered, stats.requeued) == (2, 2, 0, 0)
        assert str(status) in stats.last_error
        assert posted_tools(server) == [["tool_0", "tool_1"], ["tool_2", "tool_3"]]
        one.attempt()
        assert len(server.requests) == 2


def test_policy_refused_connection_puts_back(bench):
    """With nobody listening everything is kept."""
    with refusing_url() as url:
        one = bench(url)
        one.record(3)
        stats = one.attempt()
        assert (stats.delivered, stats.buffered, stats.requeued) == (0, 3, 1)
        assert "no answer from 127.0.0.1" in stats.last_error
        assert "refused" in stats.last_error.lower()


def test_policy_500_then_200_delivers_everything_once(bench):
    """After one failure the same events are delivered, none twice."""
    with ScriptedServer(500, 200) as server:
        one = bench(server.events_url)
        one.record(5)
        one.attempt()
        stats = one.attempt()
        assert (stats.delivered, stats.buffered, stats.requeued) == (5, 0, 1)


def test_policy_413_halves_until_it_fits(bench):
    """A batch that is too large goes in smaller parts, all of it, in order."""
    accepted = []

    def at_most_three(request):
        tools = [event["tool"] for event in json.loads(request.body)["events"]]
        if len(tools) > 3:
            return 413
        accepted.extend(tools)
        return 202

    with ScriptedServer(otherwise=at_most_three) as server:
        one = bench(server.events_url)
        one.record(10)
        stats = one.attempt()
        assert (stats.delivered, stats.rejected, stats.requeued) == (10, 0, 0)
        assert accepted == [f"tool_{number}" for number in range(10)]
        assert [len(tools) for tools in posted_tools(server)] == [10, 5, 3, 3, 3, 1]


def test_policy_413_rejects_the_single_event_that_does_not_fit(bench):
    """An event that is too large all by itself is given up; its neighbours are delivered."""

    def not_tool_2(request):
        tools = [event["tool"] for event in json.loads(request.body)["events"]]
        return 413 if "tool_2" in tools else 202

    with ScriptedServer(otherwise=not_tool_2) as server:
        one = bench(server.events_url)
        one.record(5)
        stats = one.attempt()
        assert (stats.delivered, stats.rejected, stats.buffered) == (4, 1, 0)
        assert "413" in stats.last_error


def test_policy_413_then_failure_keeps_the_rest(bench):
    """A failure between the parts of a large batch puts back what was not delivered, in order."""
    with ScriptedServer(413, 202, 503) as server:
        one = bench(server.events_url)
        one.record(4)
        stats = one.attempt()
        assert (stats.delivered, stats.buffered, stats.requeued) == (2, 2, 1)
        assert one.waiting() == ["tool_2", "tool_3"]


def test_policy_redirect_names_the_target_and_is_not_followed(bench):
    """A redirect is an error that says where it wanted us to go."""
    with ScriptedServer() as elsewhere:
        target = f"http://elsewhere.invalid:{elsewhere.port}/x"
        with ScriptedServer((302, b"", {"Location": target})) as server:
            one = bench(server.events_url)
            one.record(1)
            stats = one.attempt()
        assert (stats.rejected, stats.buffered) == (0, 1)
        assert "302" in stats.last_error
        assert "elsewhere.invalid" in stats.last_error
        assert elsewhere.connection_count == 0


def test_policy_unreadable_redirect_is_a_redirect_all_the_same(bench):
    """A target that is no address changes nothing: the batch is kept."""
    with ScriptedServer((302, b"", {"Location": "http://[oops/"})) as server:
        one = bench(server.events_url)
        one.record(1)
        stats = one.attempt()
    assert (stats.rejected, stats.buffered) == (0, 1)
    assert "302" in stats.last_error


def test_policy_success_resets_the_back_off(bench):
    """After something was answered well the next failure begins with the shortest back-off."""
    with ScriptedServer(500, 500, 500, 202, 500) as server:
        one = bench(server.events_url)
        one.record(1)
        delays = []
        for _ in range(3):
            one.attempt()
            delays.append(one.pipeline.turn())
        one.attempt()
        one.record(1)
        one.attempt()
        assert delays == [2.0, 4.0, 8.0]
        assert one.pipeline.turn() == 2.0


# -- Retry-After -----------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("kind", ["seconds", "date"])
def test_policy_retry_after_is_a_minimum(bench, status, kind):
    """For as long as the endpoint asked nothing is sent; then it is."""
    clock_time = FakeClock().time()
    asked = "3600" if kind == "seconds" else formatdate(clock_time + 30 + 3600, usegmt=True)
    with ScriptedServer((status, b"", {"Retry-After": asked})) as server:
        one = bench(server.events_url)
        one.record(3)
        one.attempt()
        assert one.pipeline.turn() == pytest.approx(3600, abs=1)
        one.clock.advance(3590)
        one.pipeline.turn()
        assert len(server.requests) == 1
        one.clock.advance(15)
        one.pipeline.turn()
        assert one.stats().delivered == 3


def test_policy_short_retry_after_does_not_shorten_the_back_off(bench):
    """The endpoint may ask for more time, not for less."""
    with ScriptedServer((503, b"", {"Retry-After": "0"})) as server:
        one = bench(server.events_url)
        one.record(1)
        one.attempt()
        assert one.pipeline.turn() == 2.0


def test_policy_full_buffer_does_not_override_the_hold(bench):
    """While the endpoint wants to be left alone even a full queue waits; the oldest are dropped."""
    with ScriptedServer((429, b"", {"Retry-After": "3600"})) as server:
        one = bench(server.events_url, offline_queue_max=16, batch_size=4)
        one.record(4)
        one.pipeline.turn()
        assert len(server.requests) == 1
        one.record(20)
        one.clock.advance(3599)
        one.pipeline.turn()
        assert len(server.requests) == 1
        stats = one.stats()
        assert (stats.buffered, stats.dropped) == (16, 8)


def test_flush_during_a_hold_says_how_long(bench):
    """A flush while the endpoint wants to be left alone raises, keeps everything and sends nothing."""
    with ScriptedServer((429, b"", {"Retry-After": "3600"})) as server:
        one = bench(server.events_url)
        one.record(2)
        for _ in range(2):
            with pytest.raises(UploadError) as caught:
                one.pipeline.flush(10)
            assert caught.value.retryable
            assert caught.value.retry_after == pytest.approx(3600, abs=1)
        assert len(server.requests) == 1
        assert one.stats().buffered == 2


def test_flush_ignores_the_back_off_but_not_a_hold(bench):
    """Somebody who asks for it now gets an attempt although the back-off is still running."""
    with ScriptedServer(500, 202) as server:
        one = bench(server.events_url)
        one.record(2)
        with pytest.raises(UploadError, match="500"):
            one.pipeline.flush(10)
        assert one.pipeline.flush(10) == 2
        assert len(server.requests) == 2


def test_flush_of_an_empty_queue_during_a_hold_is_content(bench):
    """With nothing to send there is nothing to complain about."""
    with ScriptedServer((429, b"", {"Retry-After": "3600"})) as server:
        one = bench(server.events_url)
        one.record(1)
        one.attempt()
        one.pipeline.buffer.drain(10)
        assert one.pipeline.flush(10) == 0


def test_flush_counts_a_rejected_batch_and_does_not_raise(bench):
    """What the endpoint will never take is counted; the flush is over all the same."""
    with ScriptedServer(400, 202) as server:
        one = bench(server.events_url, batch_size=2)
        one.record(4)
        assert one.pipeline.flush(10) == 2
        assert one.stats().rejected == 2


@pytest.mark.parametrize("status", [401, 403])
def test_flush_with_a_wrong_token_raises_and_keeps(bench, status):
    """A token that is not accepted can be mended: the events stay, the caller is told."""
    with ScriptedServer(status) as server:
        one = bench(server.events_url)
        one.record(2)
        with pytest.raises(UploadError, match=str(status)) as caught:
            one.pipeline.flush(10)
        assert (caught.value.status, caught.value.retryable) == (status, True)
        assert one.stats().buffered == 2


# -- when it is time -------------------------------------------------------------------


def test_turn_sends_when_the_batch_is_full(bench):
    """The batch size is reached: it is time, whatever the interval says."""
    with ScriptedServer() as server:
        one = bench(server.events_url, batch_size=3)
        one.record(2)
        assert one.pipeline.turn() == 30.0
        assert server.requests == []
        one.record(1)
        one.pipeline.turn()
        assert posted_tools(server) == [["tool_0", "tool_1", "tool_0"]]


def test_turn_sends_when_the_interval_has_passed(bench):
    """The interval since the last attempt has passed: it is time, however few wait."""
    with ScriptedServer() as server:
        one = bench(server.events_url, batch_interval_secs=10)
        one.record(1)
        assert one.pipeline.turn() == 10.0
        one.clock.advance(9.5)
        assert one.pipeline.turn() == pytest.approx(0.5)
        assert server.requests == []
        one.clock.advance(0.5)
        one.pipeline.turn()
        assert len(server.requests) == 1
        one.record(1)
        assert one.pipeline.turn() == 10.0  # counted from the attempt


def test_turn_empties_the_queue_batch_by_batch(bench):
    """One turn sends all that waits, no batch larger than its size."""
    with ScriptedServer() as server:
        one = bench(server.events_url, batch_size=4)
        one.record(10)
        one.pipeline.turn()
        assert [len(tools) for tools in posted_tools(server)] == [4, 4, 2]
        assert one.stats().delivered == 10


def test_turn_stops_at_the_first_failure(bench):
    """A failing endpoint is not asked again for every further batch."""
    with ScriptedServer(202, otherwise=503) as server:
        one = bench(server.events_url, batch_size=2)
        one.record(6)
        stats = one.attempt()
        assert len(server.requests) == 2
        assert (stats.delivered, stats.buffered) == (2, 4)
        assert one.waiting() == ["tool_2", "tool_3", "tool_4", "tool_5"]


def test_wall_clock_steps_change_no_schedule(bench):
    """Setting the wall clock back or forth neither hurries nor delays a sending."""
    with ScriptedServer() as server:
        one = bench(server.events_url)
        one.record(1)
        one.clock.step(86_400)
        assert one.pipeline.turn() == 30.0
        one.clock.step(-2 * 86_400)
        assert one.pipeline.turn() == 30.0
        assert server.requests == []


# -- what is sent, and what is not -----------------------------------------------------


def test_batch_names_the_application(bench):
    """The application's name goes with every batch."""
    with ScriptedServer() as server:
        one = bench(server.events_url)
        one.record(1)
        one.attempt()
        assert json.loads(server.requests[0].body)["app"] == "acme-mcp"


def test_environment_is_asked_before_every_sending():
    """A no that comes between two batches holds: nothing more leaves, and what waited is let go."""
    environ = {}
    clock = FakeClock()
    with ScriptedServer() as server:
        pipeline = TelemetryPipeline(
            PipelineConfig(endpoint=server.events_url), app="acme-mcp", environ=environ, clock=clock
        )
        pipeline.start()
        pipeline.buffer.attend(lambda: None)
        for word in ({}, {"DO_NOT_TRACK": "1"}, {"ACME_MCP_TELEMETRY": "off"}):
            environ.clear()
            environ.update(word)
            pipeline.buffer.record(TelemetryEvent("t", "local_only"))
            clock.advance(30)
            pipeline.turn()
        stats = pipeline.stats()
        assert len(server.requests) == 1
        assert (stats.delivered, stats.dropped, stats.buffered) == (1, 2, 0)
        pipeline.shutdown()


def test_one_warning_an_outage(bench, caplog):
    """However often a dead endpoint is tried, the host's log gets one line, and one at the end."""
    caplog.set_level(logging.INFO, "mcptelemetry")
    with ScriptedServer(503, 503, 503, 202, 503) as server:
        one = bench(server.events_url)
        one.record(1)
        for _ in range(4):
            one.attempt()
        lines = [(record.levelname, record.name.split(".")[0]) for record in caplog.records]
        assert lines == [("WARNING", "mcptelemetry"), ("INFO", "mcptelemetry")]


def test_one_warning_for_a_wrong_token(bench, caplog):
    """A wrong token is said once."""
    with ScriptedServer(otherwise=401) as server:
        one = bench(server.events_url)
        one.record(1)
        for _ in range(3):
            one.attempt()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "401" in caplog.text


TOKEN = "tok-0123456789-abcdefghij"


@pytest.mark.parametrize("status", [400, 401, 500, 503])
@pytest.mark.parametrize("offset", [0, 100, 170, 185, 195, 199])
def test_token_is_shown_nowhere_though_the_server_echoes_it(bench, caplog, status, offset):
    """No error, log, repr or statistic holds the token, or a part of it where an excerpt was cut."""
    caplog.set_level(logging.DEBUG)
    echo = ("x" * offset + TOKEN + " " + TOKEN.upper()).encode()
    with ScriptedServer(otherwise=(status, echo)) as server:
        auth = TelemetryAuth(TOKEN)
        one = bench(server.events_url, auth=auth)
        one.record(1)
        stats = one.attempt()
        uploader = TelemetryUploader(server.events_url, auth, environ={})
        with pytest.raises(UploadError) as caught:
            uploader.upload(TelemetryBatch([TelemetryEvent("t", "local_only")]))
        uploader.close()
        assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
    shown = [stats.last_error, str(caught.value), repr(caught.value), repr(auth), repr(uploader), caplog.text]
    for text in shown:
        assert "tok-" not in text.lower()
        assert len(text) < 1000 or text is caplog.text


def test_token_in_a_redirect_is_not_shown(bench):
    """A server that puts the token into the redirect's host does not bring it into the log."""
    location = f"http://{TOKEN}.example/"
    with ScriptedServer((302, b"", {"Location": location})) as server:
        one = bench(server.events_url, auth=TelemetryAuth(TOKEN))
        one.record(1)
        assert "tok-" not in one.attempt().last_error


def test_error_holds_at_most_200_characters_of_the_body(bench):
    """A long answer is cut; the status stands before it."""
    with ScriptedServer((500, b"y" * 5000)) as server:
        one = bench(server.events_url)
        one.record(1)
        error = one.attempt().last_error
    assert error.count("y") == 200


def test_error_is_one_printable_line(bench):
    """Nothing in an answer can break the log's lines or speak to its terminal."""
    with ScriptedServer((500, "a\r\nb\x1b[31mc\u2028d\x00".encode() + b"\xff\xfe")) as server:
        one = bench(server.events_url)
        one.record(1)
        error = one.attempt().last_error
    assert error.isprintable()
    assert "a b [31mc d" in error


@pytest.mark.parametrize("fault", [RuntimeError("bug"), OSError("bug"), MemoryError()])
def test_fault_of_a_transport_is_a_failure_like_any_other(bench, fault):
    """A transport that raises what it should not ends neither the worker nor the account."""
    transport = ScriptedTransport(fault)
    one = bench("https://t.acme.dev/events", transport=transport)
    one.record(2)
    stats = one.attempt()
    assert (stats.buffered, stats.requeued) == (2, 1)
    assert type(fault).__name__ in stats.last_error
    assert one.attempt().delivered == 2


def test_no_answer_is_described_in_one_line(bench):
    """What went wrong is said with the endpoint's host, without its path."""
    one = bench("https://t.acme.dev/private/path", transport=ScriptedTransport(NoAnswer("timed out")))
    one.record(1)
    assert one.attempt().last_error == "no answer from t.acme.dev (timed out)"
