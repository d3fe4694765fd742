"""The queue at its limits: what is dropped when, and what a record under a lock has to keep."""

from __future__ import annotations

import gc
import os
import sys
import threading

import pytest

from mcptelemetry.events import TelemetryBuffer, TelemetryEvent
from mcptelemetry.system import AtomicCounter, has_interpreter_lock


def fill(buffer, count, start=0):
    for number in range(start, start + count):
        buffer.record(TelemetryEvent("t", "local_only", latency_ms=number))


def waiting(buffer):
    return [event.latency_ms for event in buffer.drain(10**6)]


@pytest.mark.parametrize("is_locked", [False, True])
@pytest.mark.parametrize("capacity", [1, 2, 255, 256, 257, 1000])
def test_full_buffer_keeps_the_newest_to_the_event(capacity, is_locked):
    """However far beyond its capacity, a queue shows and gives the newest *capacity* only."""
    buffer = TelemetryBuffer(capacity, is_locked=is_locked)
    for recorded in range(1, capacity + 600):
        fill(buffer, 1, recorded - 1)
        kept = min(recorded, capacity)
        assert len(buffer) == kept
        assert buffer.counts() == (recorded, recorded - kept, 0, 0, kept)
    assert waiting(buffer) == list(range(599, 599 + capacity))


def test_lent_rows_come_back_before_what_waits():
    """What was checked out is the oldest again, and the newest give way to it."""
    buffer = TelemetryBuffer(10)
    fill(buffer, 10)
    assert [row[1] for row in buffer.check_out(4)] == [0, 1, 2, 3]
    fill(buffer, 300, 10)
    assert buffer.counts() == (310, 296, 0, 4, 10)
    assert buffer.requeue() == 4
    assert buffer.counts() == (310, 300, 0, 0, 10)
    assert waiting(buffer) == [0, 1, 2, 3, *range(300, 306)]


def test_closed_buffer_lets_everything_go():
    """After its end a buffer holds nothing, and all that comes or comes back is dropped."""
    buffer = TelemetryBuffer(10)
    fill(buffer, 5)
    buffer.check_out(2)
    buffer.close()
    fill(buffer, 1000)
    assert buffer.requeue() == 2
    assert buffer.is_empty()
    assert buffer.check_out(5) == []
    assert buffer.counts() == (1005, 1005, 0, 0, 0)


def test_settled_rows_are_counted_for_whoever_asked():
    """What has gone on is in one account, by the row."""
    buffer, delivered = TelemetryBuffer(10), AtomicCounter()
    fill(buffer, 5)
    buffer.check_out(5)
    buffer.acknowledge(3, delivered)
    assert (delivered.value, buffer.counts()) == (3, (5, 0, 3, 2, 0))


def test_add_and_record_are_one_way_in():
    """An event and its parts make the same row."""
    buffer = TelemetryBuffer(10)
    event = TelemetryEvent("t", "local_only", latency_ms=3, timestamp_secs=7, id="own-1")
    buffer.record(event)
    assert buffer.add(event.shape, 3, 7, "own-1") is True
    assert buffer.drain(5) == [event, event]


def test_our_own_thread_is_not_recorded_but_a_destructor_in_it_is():
    """What our thread records of itself is left out; what a destructor in it or another thread records counts."""
    buffer = TelemetryBuffer(10)

    class Destroyed:
        def __del__(self):
            fill(buffer, 1, 1)

    buffer.suppress(threading.get_ident())
    fill(buffer, 1, 0)
    kept = Destroyed()
    del kept
    gc.collect()  # where a destructor waits for the garbage
    other = threading.Thread(target=fill, args=(buffer, 1, 2))
    other.start()
    other.join(30)
    buffer.suppress(0)
    fill(buffer, 1, 3)
    assert waiting(buffer) == [1, 2, 3]


def test_a_lock_is_taken_where_threads_truly_run_at_once():
    """The interpreter decides, unless the caller does, or whoever runs the suite."""
    enabled = getattr(sys, "_is_gil_enabled", lambda: True)()
    assert has_interpreter_lock() is enabled
    is_forced = os.environ.get("RECORD_UNDER_LOCK") == "1"
    assert TelemetryBuffer(10)._is_locked is (is_forced or not enabled)
    assert TelemetryBuffer(10, is_locked=False)._is_locked is False
