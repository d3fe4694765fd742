"""Recording from everywhere at once: threads, signal handlers, destructors, log handlers; totals are exact."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import textwrap
import threading
from collections import Counter

import pytest

from mcptelemetry.errors import UploadError
from mcptelemetry.events import PipelineConfig, Recorder, TelemetryBuffer, TelemetryEvent, TelemetryPipeline
from mcptelemetry.testing import FakeClock, ScriptedServer, ScriptedTransport, refusing_url

THREADS = 8
EACH = 5_000


def run_together(work, count=THREADS):
    """Run *work(number)* in *count* threads that begin at once; every wait has its limit."""
    gate = threading.Barrier(count, timeout=30)
    failures = []

    def run(number):
        try:
            gate.wait()
            work(number)
        except BaseException as error:  # shown by the assertion below
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures
    assert not any(thread.is_alive() for thread in threads)


@pytest.fixture
def often():
    """Have threads change places as often as can be."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


either_build = pytest.mark.parametrize("is_locked", [False, True], ids=["one step", "under a lock"])


@either_build
def test_totals_are_exact_when_the_oldest_are_dropped(often, is_locked):
    """Recorded = dropped + waiting, to the event, with eight threads at a small queue."""
    buffer = TelemetryBuffer(100, is_locked=is_locked)
    recorder = Recorder(buffer, FakeClock().time)

    def work(number):
        for latency_ms in range(EACH):
            if latency_ms % 2:
                recorder.record(f"tool_{number}", latency_ms=latency_ms)
            else:
                buffer.record(TelemetryEvent(f"tool_{number}", "local_only", latency_ms=latency_ms))

    run_together(work)
    assert buffer.counts() == (THREADS * EACH, THREADS * EACH - 100, 0, 0, 100)
    assert len({event.id for event in buffer.drain(100)}) == 100


@either_build
def test_every_event_is_drained_once_and_in_its_threads_order(often, is_locked):
    """While eight threads record, two drain: nothing is lost or taken twice, and each order is kept."""
    buffer = TelemetryBuffer(THREADS * EACH, is_locked=is_locked)
    taken = [[], []]
    is_over = threading.Event()

    def work(number):
        if number >= THREADS:
            while not (is_over.is_set() and buffer.is_empty()):
                taken[number - THREADS].extend(buffer.drain(7))
            return
        for latency_ms in range(EACH):
            buffer.record(TelemetryEvent(f"tool_{number}", "local_only", latency_ms=latency_ms))
        finished.append(number)
        if len(finished) == THREADS:
            is_over.set()

    finished = []
    run_together(work, THREADS + 2)
    events = taken[0] + taken[1]
    assert len(events) == THREADS * EACH
    assert len({event.id for event in events}) == THREADS * EACH
    for half in taken:
        for number in range(THREADS):
            numbers = [event.latency_ms for event in half if event.tool == f"tool_{number}"]
            assert numbers == sorted(numbers)


@either_build
def test_nothing_is_ever_dropped_where_all_have_room(often, is_locked):
    """A record under way in another thread shows in no picture as one that was dropped."""
    buffer = TelemetryBuffer(7 * EACH, is_locked=is_locked)
    pictures = []

    def work(number):
        if number == 7:
            for _ in range(3000):
                pictures.append(buffer.counts())
                buffer.check_out(5)
                buffer.requeue()
        else:
            for latency_ms in range(EACH):
                buffer.record(TelemetryEvent("t", "local_only", latency_ms=latency_ms))

    run_together(work)
    assert {picture.dropped for picture in pictures} == {0}
    recorded = [picture.recorded for picture in pictures]
    assert recorded == sorted(recorded)
    assert buffer.counts() == (7 * EACH, 0, 0, 0, 7 * EACH)


@either_build
def test_counts_are_one_picture_while_threads_record(often, is_locked):
    """Whoever looks while others record and a flusher lends sees an account that adds up."""
    buffer = TelemetryBuffer(50, is_locked=is_locked)
    pictures = []

    def work(number):
        if number == 0:
            for _ in range(3000):
                pictures.append(buffer.counts())
        elif number == 1:
            for _ in range(3000):
                buffer.check_out(5)
                buffer.requeue()
        else:
            for latency_ms in range(3000):
                buffer.record(TelemetryEvent("t", "local_only", latency_ms=latency_ms))

    run_together(work)
    for recorded, dropped, taken, checked_out, waiting in pictures:
        assert recorded == dropped + taken + checked_out + waiting
        assert min(dropped, taken, checked_out) >= 0
        assert waiting <= 50
    assert buffer.counts().recorded == 6 * 3000


def test_no_wake_up_is_lost(often):
    """Whoever waits for the threshold is woken by the very record that reaches it, every time."""
    buffer = TelemetryBuffer(10)
    buffer.set_flush_threshold(3)
    rounds = 300
    woken = []

    def work(number):
        if number == 0:
            for _ in range(rounds):
                woken.append(buffer.wait(30))
                buffer.drain(10)
                turn.wait()
        else:
            for _ in range(rounds):
                buffer.record(TelemetryEvent("t", "local_only"))
                turn.wait()

    turn = threading.Barrier(4, timeout=60)
    run_together(work, 4)
    assert woken == [True] * rounds


def test_flushes_from_many_threads_deliver_each_event_once():
    """Eight threads record and flush at will: one thread sends, and each event is delivered once."""
    transport = ScriptedTransport(*[503, 202] * 20)
    pipeline = TelemetryPipeline(
        PipelineConfig(endpoint="https://t.acme.dev/e", batch_size=50), environ={}, transport=transport
    )
    pipeline.start()

    def work(number):
        for latency_ms in range(200):
            pipeline.buffer.record(TelemetryEvent(f"tool_{number}", "local_only", latency_ms=latency_ms))
            if latency_ms % 40 == 0:
                try:
                    pipeline.flush(30)
                except UploadError as error:
                    assert error.retryable  # noqa: PT017

    run_together(work)
    for _ in range(60):
        try:
            pipeline.flush(30)
        except UploadError:
            continue
        break
    stats = pipeline.stats()
    assert (stats.recorded, stats.delivered, stats.buffered) == (1600, 1600, 0)
    pipeline.shutdown(5)


def test_many_records_at_a_dead_endpoint_are_few_attempts():
    """Ten thousand records within a moment cause at most three connection attempts."""

    with refusing_url() as url:
        pipeline = TelemetryPipeline(PipelineConfig(endpoint=url), environ={})
        pipeline.start()
        recorder = Recorder(pipeline.buffer, FakeClock().time)
        for number in range(10_000):
            recorder.record("t", latency_ms=number)
        assert pipeline.stats().requeued <= 3
        pipeline.shutdown(2)
        stats = pipeline.stats()
        assert (stats.recorded, stats.delivered, stats.dropped) == (10_000, 0, 10_000)


# -- re-entry --------------------------------------------------------------------------


def run_script(script, timeout=90):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


PREAMBLE = """
import gc, json, signal, sys, threading, time
from mcptelemetry.events import PipelineConfig, Recorder, TelemetryPipeline
from mcptelemetry.system import AtomicCounter
from mcptelemetry.testing import ScriptedTransport
transport = ScriptedTransport()
pipeline = TelemetryPipeline(
    PipelineConfig(endpoint="https://t.acme.dev/e", batch_size=50, offline_queue_max=1_000_000),
    environ={}, transport=transport,
)
pipeline.start()
record = Recorder(pipeline.buffer, time.time).record
def report(**more):
    pipeline.flush(60)
    sent = [e for r in transport.requests for e in json.loads(r.body)["events"]]
    stats = vars(pipeline.stats())
    pipeline.shutdown(5)
    ids = len({e["id"] for e in sent})
    print(json.dumps({**more, "sent": len(sent), "ids": ids, "stats": stats}))
"""


@pytest.mark.skipif(not hasattr(__import__("signal"), "setitimer"), reason="this system has no timer signals")
def test_record_in_a_signal_handler_is_exact():
    """A timer signal that records interrupts records and flushes of the same thread: no hang, none lost."""
    seen = run_script(
        PREAMBLE
        + textwrap.dedent(
            """
            handled = AtomicCounter()  # a handler may interrupt itself
            def handle(number, frame):
                handled.add_one()
                record("in_handler")
            signal.signal(signal.SIGALRM, handle)
            signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
            ends_at = time.monotonic() + 2.0
            mine = 0
            while time.monotonic() < ends_at:
                record("in_loop")
                mine += 1
                if mine % 5000 == 0:
                    pipeline.flush(30)
                    pipeline.stats()
            signal.setitimer(signal.ITIMER_REAL, 0)
            report(expected=mine + handled.value, handled=handled.value)
            """
        )
    )
    assert seen["handled"] > 0
    assert seen["stats"]["recorded"] == seen["expected"]
    assert seen["sent"] == seen["ids"] == seen["stats"]["delivered"] == seen["expected"]


def test_record_in_a_destructor_is_exact():
    """Destructors that record run in the middle of everything: no hang, none lost."""
    seen = run_script(
        PREAMBLE
        + textwrap.dedent(
            """
            gc.set_threshold(1)
            destroyed = AtomicCounter()
            class Cycle:
                def __init__(self):
                    self.me = self
                def __del__(self):
                    destroyed.add_one()
                    record("in_destructor")
            def work():
                for number in range(500):
                    Cycle()
                    record("in_thread")
                    if number % 100 == 0:
                        pipeline.flush(30)
            threads = [threading.Thread(target=work) for _ in range(4)]
            for thread in threads: thread.start()
            for thread in threads: thread.join(60)
            assert not any(thread.is_alive() for thread in threads)
            gc.set_threshold(700)
            gc.collect()
            report(expected=2000 + destroyed.value, destroyed=destroyed.value)
            """
        )
    )
    assert seen["destroyed"] == 2000
    assert seen["stats"]["recorded"] == seen["expected"]
    assert seen["sent"] == seen["ids"] == seen["expected"]


class RecordingHandler(logging.Handler):
    """A host's log handler that records an event for every line."""

    def __init__(self, pipeline):
        super().__init__(logging.DEBUG)
        self.pipeline = pipeline
        self.threads = Counter()

    def emit(self, _record):
        self.threads[threading.get_ident() == threading.main_thread().ident] += 1
        self.pipeline.buffer.record(TelemetryEvent("in_handler", "local_only"))


@pytest.mark.parametrize("status", [202, 503, 400])
def test_record_in_a_log_handler_does_not_feed_on_itself(status):
    """A root handler that records sees our own traffic and lines too: they are not recorded."""
    # Some libraries quieten urllib3 for the whole process when they are imported.
    loggers = [logging.getLogger(), logging.getLogger("urllib3"), logging.getLogger("urllib3.connectionpool")]
    levels = [logger.level for logger in loggers]
    root = loggers[0]
    with ScriptedServer(otherwise=status) as server:
        pipeline = TelemetryPipeline(PipelineConfig(endpoint=server.events_url, batch_size=1), environ={})
        handler = RecordingHandler(pipeline)
        root.addHandler(handler)
        for logger in loggers:
            logger.setLevel(logging.DEBUG)
        try:
            pipeline.start()
            for _ in range(3):
                logging.getLogger("host").info("a line of the host's own")
                try:
                    pipeline.flush(30)
                except UploadError:
                    pass
            stats = pipeline.stats()
            requests = len(server.requests)
            pipeline.shutdown(5)
        finally:
            root.removeHandler(handler)
            for logger, level in zip(loggers, levels):
                logger.setLevel(level)
        assert handler.threads[False] > 0  # our worker's lines did reach the handler
        assert stats.recorded == 3
        assert requests <= 6


def test_worker_that_was_killed_is_followed_by_another_at_the_next_record():
    """An exception that kills the worker loses nothing; the next record brings another."""
    transport = ScriptedTransport(SystemExit(), SystemExit())
    pipeline = TelemetryPipeline(
        PipelineConfig(endpoint="https://t.acme.dev/e", batch_size=1), environ={}, transport=transport
    )
    pipeline.start()
    for number in range(20):
        pipeline.buffer.record(TelemetryEvent("t", "local_only", latency_ms=number))
    assert pipeline.flush(30) >= 0
    stats = pipeline.stats()
    assert (stats.delivered, stats.buffered, stats.in_flight) == (20, 0, 0)
    numbers = Counter(
        event["latency_ms"]
        for request in transport.requests[2:]
        for event in json.loads(request.body)["events"]
    )
    assert numbers == Counter(range(20))
    pipeline.shutdown(5)
