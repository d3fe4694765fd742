"""What a spool sends of its own is, byte for byte, what would be written of the rows."""

from __future__ import annotations

import runpy
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from mcptelemetry.events import TelemetryEvent
from mcptelemetry.events._format import BodyWriter
from mcptelemetry.events._formats import format_of
from mcptelemetry.events._spool_writer import KeptWriter

Bench = runpy.run_path(str(Path(__file__).with_name("test_spool_accounting.py")))["Bench"]
NAMES = st.text(min_size=1, max_size=300)
EVENTS = st.lists(st.tuples(NAMES, st.none() | NAMES, st.integers(0, 10**6)), min_size=1, max_size=12)
PARTS = st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), min_size=1, max_size=12)


@settings(deadline=None, max_examples=40)
@given(EVENTS, PARTS, st.integers(1, 5), st.sampled_from(["json", "jsonl", "otlp"]), st.booleans())
def test_what_is_sent_as_it_was_kept_is_what_would_be_written(events, parts, batch_size, word, is_known):
    """Whole chunks, parts of them and several at once give the body that their rows give, whichever process put them."""
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(directory, batch_size=batch_size)
        queue = bench.loop.queue
        for tool, upstream, latency_ms in events:
            bench.buffer.record(TelemetryEvent(tool, "local_only", upstream=upstream, latency_ms=latency_ms))
        bench.loop.keeper.keep()
        if not is_known:
            queue = Bench(directory, batch_size=batch_size).loop.queue
            queue.look()
        rewritten = BodyWriter(format_of(word), app="acme", version="1.0.0", tells_parents=False)
        kept = KeptWriter(rewritten, queue)
        for wanted, settled in parts:
            rows = queue.check_out(wanted)
            if not rows:
                break
            assert (queue.texts_of(rows) is not None) is is_known
            for some in (rows, rows[:settled], rows[1:], [*rows, rows[0]]):
                assert kept.write(some, queue.process) == rewritten.write(some, queue.process)
            queue.deliver(min(settled, len(rows)), at=0.0)
            queue.requeue()
