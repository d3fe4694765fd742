"""The buffer against a list: after any steps both hold the same, and every event is accounted for."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mcptelemetry.events import TelemetryBuffer, TelemetryEvent
from mcptelemetry.system import AtomicCounter

counts = st.integers(0, 12)


class BufferAgainstList(RuleBasedStateMachine):
    """Every step is taken by the buffer and by a plain list, and the two are compared."""

    @initialize(capacity=st.integers(1, 6), is_locked=st.booleans())
    def make(self, capacity, is_locked):
        self.capacity = capacity
        self.room = capacity
        self.buffer = TelemetryBuffer(capacity, is_locked=is_locked)
        self.waiting = []  # the numbers of the events that wait, oldest first
        self.checked_out = []
        self.drained = []
        self.gone_on = AtomicCounter()
        self.recorded = 0
        self.taken = 0
        self.dropped = 0

    def push_front(self, numbers):
        kept = (numbers[: self.room] + self.waiting)[: self.room]
        self.dropped += len(numbers) + len(self.waiting) - len(kept)
        self.waiting = kept

    @rule(count=counts | st.sampled_from([256, 257, 258, 600]))
    def record(self, count):
        for _ in range(count):
            self.buffer.record(TelemetryEvent("t", "local_only", latency_ms=self.recorded))
            self.waiting.append(self.recorded)
            self.recorded += 1
        while len(self.waiting) > self.room:
            self.waiting.pop(0)
            self.dropped += 1

    @rule(count=st.integers(-2, 12))
    def drain(self, count):
        events = self.buffer.drain(count)
        taken = max(0, min(count, len(self.waiting)))
        expected, self.waiting = self.waiting[:taken], self.waiting[taken:]
        assert [event.latency_ms for event in events] == expected
        assert all(event.id == f"{self.buffer.process}-{event.latency_ms}" for event in events)
        self.taken += len(expected)
        self.drained.extend(events)

    @precondition(lambda self: self.drained)
    @rule(count=counts)
    def requeue_front(self, count):
        events, self.drained = self.drained[:count], self.drained[count:]
        self.buffer.requeue_front(events)
        self.taken -= len(events)
        self.push_front([event.latency_ms for event in events])

    @rule(count=st.integers(1, 12))
    def check_out(self, count):
        rows = self.buffer.check_out(count)
        self.checked_out += self.waiting[:count]
        self.waiting = self.waiting[count:]
        assert [row[1] for row in rows] == self.checked_out

    @precondition(lambda self: self.checked_out)
    @rule(data=st.data())
    def settle(self, data):
        count = data.draw(st.integers(0, len(self.checked_out)))
        before = self.gone_on.value
        self.buffer.acknowledge(count, self.gone_on)
        assert self.gone_on.value == before + count
        self.checked_out = self.checked_out[count:]
        self.taken += count

    @rule()
    def requeue(self):
        assert self.buffer.requeue() == len(self.checked_out)
        checked_out, self.checked_out = self.checked_out, []
        self.push_front(checked_out)

    @rule()
    def discard(self):
        self.buffer.discard()
        self.dropped += len(self.waiting)
        self.waiting = []

    @precondition(lambda self: self.recorded > 20)
    @rule()
    def close(self):
        self.buffer.close()
        self.dropped += len(self.waiting)
        self.waiting = []
        self.room = 0

    @rule(value=st.none() | st.integers() | st.text())
    def record_what_is_no_event(self, value):
        before = self.buffer.invalid
        self.buffer.record(value)
        assert self.buffer.invalid == before + 1

    @rule(threshold=st.integers(-1, 7))
    def wait(self, threshold):
        self.buffer.set_flush_threshold(threshold)
        assert self.buffer.wait(0) is (len(self.waiting) >= max(1, threshold))

    @invariant()
    def both_hold_the_same(self):
        assert len(self.buffer) == len(self.waiting) <= self.capacity
        assert self.buffer.is_empty() is (not self.waiting)
        assert self.buffer.dropped == self.dropped
        assert self.buffer.counts() == (
            self.recorded,
            self.dropped,
            self.taken,
            len(self.checked_out),
            len(self.waiting),
        )


TestBufferAgainstList = BufferAgainstList.TestCase
TestBufferAgainstList.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
