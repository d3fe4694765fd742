"""
The meter: each interval leaves once, whatever became of it, and nothing is told twice.

Transport and clock are doubles; the gate, the search and the histograms are the real ones.
"""

from __future__ import annotations

import json
import logging
import math

import pytest

from mcptelemetry.events import TelemetryUploader
from mcptelemetry.events._format import BodyWriter
from mcptelemetry.events._formats import format_of
from mcptelemetry.events._meter import Meter
from mcptelemetry.privacy import NotYet
from mcptelemetry.system import NoAnswer
from mcptelemetry.testing import FakeClock, ScriptedTransport
from mcptelemetry.wire import check_shape

CREDENTIAL = "ghp_abcdefghijklmnopqrstuvwxyz0123456789"


class Bench:
    """A meter with all that belongs to it: the one place where this file builds them."""

    def __init__(self, *steps, endpoint="https://otel.acme.dev"):
        self.clock = FakeClock(time=1_700_000_000.0)
        self.transport = ScriptedTransport(*steps)
        self.no = None
        self.secs_left = None
        uploader = TelemetryUploader(
            endpoint,
            environ={"GITHUB_TOKEN": CREDENTIAL},
            clock=self.clock,
            transport=self.transport,
            refusal=lambda: self.no,
            format="otlp",
            compression="none",
        )
        self.meter = Meter(
            uploader,
            BodyWriter(format_of("otlp"), app="acme-mcp", version=None),
            clock=self.clock,
            interval_secs=30,
            secs_left=lambda: self.secs_left,
        )

    def add(self, *latencies, tool="t"):
        shape = check_shape(tool, "local_only", None, None, "success", None, None, False)
        self.meter.add([(shape, latency_ms, 1, None, 0, None) for latency_ms in latencies])
        return self

    @property
    def told(self):
        """The counts and the interval of each request, seconds since the bench began."""
        told = []
        for request in self.transport.requests:
            (metric,) = json.loads(request.body)["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]
            (point,) = metric["histogram"]["dataPoints"]
            times = [int(point[key]) / 1e9 - 1_700_000_000 for key in ("startTimeUnixNano", "timeUnixNano")]
            told.append((int(point["count"]), *times))
        return told


def test_nothing_is_due_without_calls():
    """A meter that measured nothing has nothing to tell, not even when asked."""
    bench = Bench()
    assert bench.meter.is_empty
    assert bench.meter.take_turn(is_asked=True) == math.inf
    assert bench.told == []


def test_an_interval_leaves_when_it_is_over():
    """Not before its seconds have passed; then once, to the path of metrics; the next begins where it ended."""
    bench = Bench().add(10, 20)
    assert bench.meter.take_turn(is_asked=False) == 30
    bench.clock.advance(30)
    assert bench.meter.take_turn(is_asked=False) == math.inf
    bench.clock.advance(12)
    bench.add(30)
    assert bench.meter.take_turn(is_asked=False) == 18
    bench.clock.advance(18)
    bench.meter.take_turn(is_asked=False)
    assert bench.told == [(2, 0, 30), (1, 30, 60)]
    assert {request.url for request in bench.transport.requests} == {"https://otel.acme.dev/v1/metrics"}


def test_a_flush_ends_an_interval():
    """Whoever asks expressly does not wait for its end."""
    bench = Bench().add(10)
    bench.clock.advance(1)
    bench.meter.take_turn(is_asked=True)
    assert bench.told == [(1, 0, 1)]


@pytest.mark.parametrize("step", [429, 502, 503, 500, 400, 401, 404, 413, NoAnswer("it was reset")])
def test_an_interval_in_doubt_is_lost_and_never_repeated(step, caplog):
    """Whatever was answered, the next interval holds what came after it only; the loss is said once."""
    bench = Bench(step, step)
    for _ in range(2):
        bench.add(10, 10)
        bench.clock.advance(30)
        bench.meter.take_turn(is_asked=False)
    bench.add(10)
    bench.clock.advance(30)
    with caplog.at_level(logging.INFO):
        bench.meter.take_turn(is_asked=False)
    assert [count for count, *_ in bench.told] == [2, 2, 1]
    lost, again = [record.getMessage() for record in caplog.records]
    assert lost.startswith("mcptelemetry: the durations of 2 calls to https://otel.acme.dev/v1/metrics are lost")
    assert again == "mcptelemetry: metrics are delivered again"


def test_an_interval_that_did_not_leave_goes_on():
    """Before the notice nothing is sent, so nothing need be given up."""
    bench = Bench().add(10)
    bench.no = NotYet("the notice was shown a moment ago", 60)
    bench.clock.advance(30)
    assert bench.meter.take_turn(is_asked=False) == 30
    bench.no = None
    bench.add(10).clock.advance(30)
    bench.meter.take_turn(is_asked=False)
    assert bench.told == [(2, 0, 60)]


def test_a_refusal_erases_what_was_measured(caplog):
    """Saying yes again does not send what was measured before; a no is no trouble and no line in the log."""
    bench = Bench().add(10)
    bench.no = "DO_NOT_TRACK"
    bench.clock.advance(30)
    bench.meter.take_turn(is_asked=False)
    bench.no = None
    bench.meter.take_turn(is_asked=True)
    assert bench.meter.is_empty
    assert bench.told == []
    assert caplog.records == []


def test_a_credential_does_not_leave_in_a_metric(caplog):
    """The names in it are searched as those of events are: the interval is lost instead."""
    bench = Bench().add(10, tool=CREDENTIAL)
    bench.meter.take_turn(is_asked=True)
    assert bench.told == []
    assert bench.meter.is_empty
    assert CREDENTIAL not in caplog.text
    assert "env:GITHUB_TOKEN" in caplog.text


def test_the_end_leaves_no_time(caplog):
    """At the end nothing is sent when no time is left, and that is said."""
    bench = Bench().add(10)
    bench.secs_left = 0.0
    bench.meter.take_turn(is_asked=True)
    assert bench.told == []
    assert "no time was left before the end" in caplog.text


def test_points_that_were_not_taken_are_said(caplog):
    """A partial success is never repeated, and what the endpoint says about it is said once."""
    answer = (200, b'{"partialSuccess":{"rejectedDataPoints":"1","errorMessage":"cumulative only"}}')
    bench = Bench(answer, answer)
    for _ in range(2):
        bench.add(10)
        bench.meter.take_turn(is_asked=True)
    (line,) = [record.getMessage() for record in caplog.records]
    assert "cumulative only" in line
    assert [count for count, *_ in bench.told] == [1, 1]


def test_the_clock_may_be_set_back():
    """No interval ends before it began."""
    bench = Bench().add(10)
    bench.clock.step(-1_000)
    bench.meter.take_turn(is_asked=True)
    assert bench.told == [(1, 0, 0)]
