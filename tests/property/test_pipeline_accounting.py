"""After any sequence of answers the account adds up, and what was accepted was accepted once, in order."""

from __future__ import annotations

import json
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from mcptelemetry.events import PipelineConfig, TelemetryEvent, TelemetryPipeline
from mcptelemetry.system import Answer, NoAnswer
from mcptelemetry.testing import FakeClock, ScriptedTransport

ANSWERS = st.one_of(
    st.sampled_from([200, 202, 204, 400, 401, 403, 404, 408, 413, 413, 425, 429, 500, 503, 302]),
    st.just(NoAnswer("reset")),
    st.just(RuntimeError("fault")),
    st.builds(
        lambda status, secs: Answer(status, {"retry-after": str(secs)}, b""),
        st.sampled_from([429, 503, 413, 200]),
        st.integers(0, 4000),
    ),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("record"), st.integers(1, 30)),
        st.tuples(st.just("advance"), st.integers(1, 4000)),
        st.tuples(st.just("turn"), st.just(0)),
        st.tuples(st.just("refuse"), st.booleans()),
    ),
    max_size=40,
)


@settings(deadline=None, max_examples=200)
@given(st.lists(ANSWERS, max_size=60), STEPS, st.integers(1, 7), st.booleans())
def test_account_adds_up_after_any_answers(answers, steps, batch_size, is_gzip):
    """recorded = delivered + dropped + rejected + spooled + buffered + in flight, always."""
    environ = {}
    clock = FakeClock()
    transport = ScriptedTransport(*answers)
    pipeline = TelemetryPipeline(
        PipelineConfig(
            endpoint="https://t.acme.dev/e",
            batch_size=batch_size,
            offline_queue_max=20,
            compression="gzip" if is_gzip else None,
        ),
        environ=environ,
        clock=clock,
        transport=transport,
    )
    pipeline.start()
    pipeline.buffer.attend(lambda: None)
    recorded = 0
    asked_before = 0
    for step, amount in [*steps, ("advance", 4000), ("turn", 0)]:
        if step == "record":
            for _ in range(amount):
                pipeline.buffer.record(TelemetryEvent("t", "local_only", latency_ms=recorded))
                recorded += 1
        elif step == "advance":
            clock.advance(amount)
        elif step == "refuse":
            environ["DO_NOT_TRACK"] = "1" if amount else ""
        else:
            due_in = pipeline.turn()
            assert due_in is not None
            assert due_in >= 0
            if environ.get("DO_NOT_TRACK"):
                assert len(transport.requests) == asked_before
        asked_before = len(transport.requests)
        stats = pipeline.stats()
        assert stats.recorded == recorded
        assert min(value for value in vars(stats).values() if type(value) is int) >= 0
        assert recorded == (
            stats.delivered
            + stats.dropped
            + stats.rejected
            + stats.spooled
            + stats.buffered
            + stats.in_flight
        )
        assert stats.in_flight == 0
    delivered = Counter()
    for request, answer in zip(transport.requests, [*answers, *[202] * len(transport.requests)]):
        status = answer.status if isinstance(answer, Answer) else answer
        if isinstance(status, int) and 200 <= status < 300 and not is_gzip:
            delivered.update(event["latency_ms"] for event in json.loads(request.body)["events"])
    if not is_gzip:
        assert sum(delivered.values()) == pipeline.stats().delivered
        assert set(delivered.values()) <= {1}
        assert list(delivered) == sorted(delivered)
    pipeline.shutdown(0.0)


@given(st.integers(1, 40), st.floats(0, 1))
def test_turns_end(count, share):
    """Turn after turn at an endpoint that always fails asks ever more rarely, never in a spin."""
    clock = FakeClock()
    transport = ScriptedTransport(otherwise=503)
    pipeline = TelemetryPipeline(
        PipelineConfig(endpoint="https://t.acme.dev/e", batch_size=1),
        environ={},
        clock=clock,
        transport=transport,
        uniform=lambda low, high: low + share * (high - low),
    )
    pipeline.start()
    pipeline.buffer.attend(lambda: None)
    pipeline.buffer.record(TelemetryEvent("t", "local_only"))
    for _ in range(count):
        due_in = pipeline.turn()
        assert 1.0 <= due_in <= 300.0
        clock.advance(due_in)
    assert len(transport.requests) == count
    pipeline.shutdown(0.0)
