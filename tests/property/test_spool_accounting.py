"""After any sequence of answers and disks the account adds up, and what was kept is delivered, rejected, dropped or still there."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections import Counter
from functools import partial
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from mcptelemetry.events import PipelineConfig, SpoolPlace, TelemetryBuffer, TelemetryEvent, TelemetryUploader
from mcptelemetry.events._format import BodyWriter
from mcptelemetry.events._formats import format_of
from mcptelemetry.events._spool_loop import prepare_spool_loop
from mcptelemetry.events._spool_terms import StandingTerms
from mcptelemetry.system import Answer, NoAnswer
from mcptelemetry.testing import FakeClock, ScriptedTransport

URL = "https://t.acme.dev/e"
ANSWERS = st.one_of(
    st.sampled_from([202, 202, 202, 400, 401, 404, 413, 503]),
    st.just(NoAnswer("reset")),
    st.builds(lambda secs: Answer(429, {"retry-after": str(secs)}, b""), st.integers(0, 4000)),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("record"), st.integers(1, 30)),
        st.tuples(st.just("advance"), st.integers(1, 4000)),
        st.tuples(st.just("keep"), st.just(0)),
        st.tuples(st.just("turn"), st.just(0)),
        st.tuples(st.just("refuse"), st.booleans()),
        st.tuples(st.just("break the disk"), st.booleans()),
        st.tuples(st.just("refuse all events for a while"), st.just(0)),
    ),
    max_size=25,
)


class Bench:
    """A loop with a spool and without a thread, whose way out is a script."""

    def __init__(self, directory, *answers, batch_size):
        self.home = Path(directory)
        self.environ = {"HOME": directory}
        self.words = 0
        self.clock = FakeClock(time=1_700_000_000.0)
        self.transport = ScriptedTransport(*answers)
        self.buffer = TelemetryBuffer(40)
        self.path = self.home / "spool.db"
        config = PipelineConfig(endpoint=URL, batch_size=batch_size, offline_queue_max=40, spool=True)
        place = SpoolPlace(str(self.path), StandingTerms(self.environ, None))
        build = prepare_spool_loop(config, self.clock, None, "1.0.0", self.environ, place, is_authors=False)
        self.loop = build(self.buffer, config, clock=self.clock, uniform=lambda _low, high: high)
        upload = partial(TelemetryUploader, URL, environ=self.environ, clock=self.clock, transport=self.transport)
        self.loop.uploader = upload()
        self.loop.prepare(lambda refusal: upload(refusal=refusal), BodyWriter(format_of("json"), app=None, version=None))
        self.loop.begin()

    def break_disk(self, is_broken):
        """Let the file be one of a later release, or of this one again."""
        if self.path.exists():
            connection = sqlite3.connect(self.path)
            connection.execute(f"PRAGMA user_version = {99 if is_broken else 1}")
            connection.close()

    def refuse_all_events(self):
        """Have a person say no to all events, and yes again."""
        self.words += 1
        word = self.home / ".mcptelemetry" / "person.toml"
        word.parent.mkdir(exist_ok=True)
        moment = f"2026-01-01T00:00:00.{self.words:06}Z"
        word.write_text(f'mode = "on"\nsince = "{moment}"\neverything_since = "{moment}"\n', "utf-8")


@settings(deadline=None, max_examples=60)
@given(st.lists(ANSWERS, max_size=40), STEPS, st.integers(1, 7))
def test_account_adds_up_with_a_spool(answers, steps, batch_size):
    """recorded = delivered + dropped + rejected + spooled + buffered + in flight, and the same of what was spooled."""
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(directory, *answers, batch_size=batch_size)
        loop, recorded = bench.loop, 0
        for step, amount in [*steps, ("break the disk", False), ("refuse", False), ("keep", 0), ("advance", 4000), ("turn", 0)]:
            sent_before = len(bench.transport.requests)
            if step == "record":
                for _ in range(amount):
                    bench.buffer.record(TelemetryEvent("t", "local_only", latency_ms=recorded))
                    recorded += 1
            elif step == "advance":
                bench.clock.advance(amount)
            elif step == "refuse":
                bench.environ["DO_NOT_TRACK"] = "1" if amount else ""
            elif step == "break the disk":
                bench.break_disk(amount)
            elif step == "refuse all events for a while":
                bench.refuse_all_events()
            elif step == "keep":
                loop.keeper.keep()
            else:
                assert loop.turn() >= 0
            if bench.environ.get("DO_NOT_TRACK"):
                assert len(bench.transport.requests) == sent_before
            stats = loop.stats()
            assert min(value for value in vars(stats).values() if type(value) is int) >= 0
            assert stats.recorded == recorded
            assert recorded == (
                stats.delivered + stats.dropped + stats.rejected + stats.spooled + stats.buffered + stats.in_flight
            )
        picture = bench.loop.queue._spooling.spool.look()  # the file, which shows nowhere else
        there = sum(found.waiting + found.claimed for found in picture.streams)
        assert stats.spooled == loop.queue.delivered + loop.queue.rejected + picture.dropped + picture.refused + there
        accepted = Counter(
            event["id"]
            for request, step in zip(bench.transport.requests, [*answers, *[200] * len(bench.transport.requests)])
            if step in (200, 202)
            for event in json.loads(request.body)["events"]
        )
        assert len(accepted) == stats.delivered + loop.queue.delivered
        assert max(accepted.values(), default=1) == 1
