"""
An exception before every single step of ours in turn: nothing stays held, whatever was interrupted.

Stricter than a signal handler, which no interpreter lets in before each step: no lock that is
taken by a step of its own, or by `with`, comes through.
"""

from __future__ import annotations

import sys
import threading

import pytest

from mcptelemetry import Telemetry
from mcptelemetry.counters import CounterRegistry
from mcptelemetry.environment import AutostartReader
from mcptelemetry.environment._once import Once
from mcptelemetry.events import PipelineConfig, TelemetryBuffer, TelemetryEvent, TelemetryPipeline
from mcptelemetry.feedback import RateLimiter
from mcptelemetry.heartbeat._stats import StatsReader
from mcptelemetry.system import Worker
from mcptelemetry.testing import InProcessCollector, ScriptedTransport

PACKAGE = Telemetry.__module__.split(".", maxsplit=1)[0]
GOES_ON_WITHIN_SECS = 20
EVENT = TelemetryEvent("search", "local_only")


class Interrupted(BaseException):
    """What a signal handler of the host raises."""


def is_interrupted(act, before_step):
    """Call *act*, and raise before its step number *before_step*; return whether it came that far."""
    left = before_step
    raised = False

    def trace(frame, event, _detail):
        nonlocal left, raised
        if f"/{PACKAGE}/" not in frame.f_code.co_filename or raised:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "opcode":
            left -= 1
            if left < 0:
                raised = True
                raise Interrupted
        return trace

    traced_before = sys.gettrace()
    sys.settrace(trace)
    try:
        act()
    except Interrupted:
        pass
    finally:
        sys.settrace(traced_before)
    return raised


def interrupt_everywhere(act, check, every=1, renew=lambda: None):
    """
    Interrupt *act* before each of its steps (or *every* so many), after *renew*.

    After each time, *check* is called from another thread. Returns how many steps there were.
    """
    step = 0
    while True:
        renew()
        if not is_interrupted(act, step):
            return step
        failures = []

        def look(failures=failures):
            try:
                check()
            except BaseException as error:
                failures.append(error)

        thread = threading.Thread(target=look, daemon=True)
        thread.start()
        thread.join(GOES_ON_WITHIN_SECS)
        assert not thread.is_alive(), f"interrupted before step {step}, something stays held"
        assert not failures, f"interrupted before step {step}: {failures[0]!r}"
        step += every


def fill(buffer, count=3):
    for _ in range(count):
        buffer.record(EVENT)


BUFFER_ACTS = {
    "dropped": lambda buffer: buffer.dropped,
    "counts": lambda buffer: buffer.counts(),
    "drain": lambda buffer: buffer.drain(2),
    "requeue_front": lambda buffer: buffer.requeue_front([EVENT, EVENT]),
    "wait": lambda buffer: buffer.wait(0),
    "threshold": lambda buffer: buffer.set_flush_threshold(2),
    "check_out": lambda buffer: buffer.check_out(2),
    "requeue": lambda buffer: buffer.requeue(),
    "discard": lambda buffer: buffer.discard(),
    "attend": lambda buffer: buffer.attend(lambda: None),
    "arrive": lambda buffer: buffer.arrive(),
    "close": lambda buffer: buffer.close(),
}


@pytest.mark.parametrize("name", BUFFER_ACTS)
def test_buffer_interrupted_anywhere_goes_on(name):
    """Every method that a host may call lets everybody else in afterwards, and no event is in two places."""
    buffer = TelemetryBuffer(5)

    def act():
        fill(buffer)
        BUFFER_ACTS[name](buffer)

    def check():
        fill(buffer, 7)
        buffer.wait(0)
        counts = buffer.counts()
        assert counts.recorded == counts.dropped + counts.taken + counts.checked_out + counts.waiting
        assert counts.recorded - counts.dropped >= counts.checked_out + counts.waiting
        if name != "close":
            assert len(buffer.drain(5)) == 5

    assert interrupt_everywhere(act, check) > 50


def test_pipeline_interrupted_in_flush_and_stats_delivers_everything():
    """Interrupted anywhere in stats() or flush(), the next flush delivers all, each event once."""
    with InProcessCollector() as collector:
        pipeline = TelemetryPipeline(PipelineConfig(endpoint=collector.events_url), environ={})
        pipeline.start()

        def act():
            pipeline.buffer.record(EVENT)
            pipeline.stats()
            pipeline.flush(GOES_ON_WITHIN_SECS)

        def check():
            pipeline.buffer.record(EVENT)
            pipeline.flush(GOES_ON_WITHIN_SECS)
            stats = pipeline.stats()
            assert (stats.recorded, stats.dropped, stats.in_flight) == (stats.delivered, 0, 0)

        assert interrupt_everywhere(act, check, every=7) > 100
        check()
        pipeline.shutdown()
        assert len(collector.events()) == len({event.id for event in collector.events()}) == pipeline.stats().delivered


def test_pipeline_interrupted_in_shutdown_can_be_shut_down():
    """Wherever a shutdown is interrupted, another one ends it within its time, and the account adds up."""
    transport = ScriptedTransport()
    step, was_interrupted = 0, True
    while was_interrupted:
        pipeline = TelemetryPipeline(PipelineConfig(endpoint="http://127.0.0.1:9"), environ={}, transport=transport)
        pipeline.start()
        pipeline.buffer.record(EVENT)
        was_interrupted = is_interrupted(pipeline.shutdown, step)
        pipeline.shutdown()
        stats = pipeline.stats()
        assert stats.recorded == stats.delivered + stats.dropped == 1
        step += 3
    assert step > 100


def count_everything(registry):
    registry.record_rest_request("GET", "/api/v1/servers", "2xx")
    registry.record_doctor_run([type("Check", (), {"name": "disk", "passed": True})()])
    registry.record_builtin_tool("search")
    registry.snapshot()
    registry.settle_counts(registry.counts())


def test_registry_interrupted_anywhere_counts_on():
    """Counting, looking and settling go on, and nothing is counted twice or below zero."""
    registries = []

    def check():
        found = registries[-1].counts()
        assert all(count == 1 for count in found.values())
        count_everything(registries[-1])
        assert registries[-1].counts() == {}

    def renew():
        registries[:] = [CounterRegistry(("search",))]

    renew()
    count_everything(registries[-1])  # what is imported late
    assert interrupt_everywhere(lambda: count_everything(registries[-1]), check, every=3, renew=renew) > 300


def test_once_interrupted_anywhere_answers():
    """Whoever asks next finds the answer for everybody, and everybody is told the same."""
    found = []

    def renew():
        found[:] = [Once()]

    def check():
        assert found[-1].get("key", lambda: "answer") == "answer"

    assert interrupt_everywhere(lambda: found[-1].get("key", lambda: "answer"), check, renew=renew) > 50


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the collection of garbage closes the file
def test_autostart_interrupted_anywhere_is_read(tmp_path):
    """The next reader is told what the file says."""
    path = tmp_path / "tray-autostart.json"
    path.write_text('{"enabled": true}')
    readers = []

    def renew():
        readers[:] = [AutostartReader(path, os_name="darwin", clock=lambda: 0)]

    def check():
        assert readers[-1].read() is True

    assert interrupt_everywhere(lambda: readers[-1].read(), check, renew=renew) > 20


def test_limiter_interrupted_anywhere_allows_no_more():
    """An interrupted question may count, and never lets one more through."""
    limiters, allowed = [], []

    def renew():
        limiters[:] = [RateLimiter(3)]
        allowed.clear()

    def check():
        answers = [*allowed, *(limiters[-1].allow() for _ in range(4))]
        assert 2 <= sum(answers) <= 3

    assert interrupt_everywhere(lambda: allowed.append(limiters[-1].allow()), check, renew=renew) > 20


def test_stats_interrupted_anywhere_are_asked_again():
    """An application that answers at once is asked by the next reader, whatever became of the last."""
    reader = StatsReader(type("Stats", (), {"server_count": lambda _: 7})(), answer_secs=5)
    CHECKED = {"server_count": 7}

    def check():
        assert reader.read() == CHECKED

    assert interrupt_everywhere(reader.read, check, every=5) > 100


def test_worker_interrupted_while_it_works_here_is_free():
    """Turns taken in the host's own thread can be taken again, there and by a thread."""
    done = []
    worker = Worker(lambda: done.append(None), name="mcptelemetry-test", on_end=lambda: None)

    def check():
        before = len(done)
        worker.run_here()
        assert len(done) > before
        assert worker.ensure_running()
        assert worker.join(GOES_ON_WITHIN_SECS)
        assert len(done) > before + 1

    assert interrupt_everywhere(worker.run_here, check) > 20


@pytest.mark.parametrize("every", [151, pytest.param(23, marks=pytest.mark.heavy)])
def test_telemetry_interrupted_anywhere_stores_counts_and_shows_status(tmp_path, every):
    """Interrupted in status() or flush(), counts are stored, each once, and status tells no trouble."""
    telemetry = Telemetry(
        "acme-mcp",
        "1.0.0",
        environ={"HOME": str(tmp_path), "ACME_MCP_TELEMETRY": "1"},
        heartbeat_endpoint="http://127.0.0.1:9",
        tools=("search",),
        notice=lambda text: True,
    )
    telemetry.start()
    telemetry.record("search")
    telemetry.flush()
    telemetry.status()

    def act():
        telemetry.record("search")
        telemetry.flush(GOES_ON_WITHIN_SECS)
        telemetry.status()

    def check():
        telemetry.record("search")
        telemetry.flush(GOES_ON_WITHIN_SECS)
        assert telemetry.registry.counts() == {}
        assert telemetry.status()["storage"]["failure"] is None

    try:
        assert interrupt_everywhere(act, check, every=every) > 1000
    finally:
        telemetry.shutdown()
