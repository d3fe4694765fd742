"""When to send: full batches, the interval, the back-off and the endpoint's own word, on a still clock."""

from __future__ import annotations

import pytest

from mcptelemetry.system import Backoff
from mcptelemetry.events._schedule import Schedule
from mcptelemetry.testing import FakeClock


class Bench:
    """A schedule of ten events or thirty seconds; each back-off is the longest it may be."""

    def __init__(self, **options):
        self.clock = FakeClock(monotonic=7.0)  # of a machine that was just started
        self.draws = []
        self.schedule = Schedule(self.clock, self.draw, **{"batch_size": 10, "interval_secs": 30, **options})

    def draw(self, low, high):
        self.draws.append((low, high))
        return high

    def due(self, waiting, *, is_asked=False):
        return self.schedule.due_in_secs(waiting, is_asked=is_asked)


@pytest.fixture
def bench():
    return Bench()


def test_schedule_waits_for_the_interval_to_pass(bench):
    """Less than a batch is due one interval after the last attempt, and not before."""
    assert bench.due(1) == 30.0
    bench.clock.advance(29.5)
    assert bench.due(9) == 0.5
    bench.clock.advance(0.5)
    assert bench.due(1) == 0.0
    bench.clock.advance(100)
    assert bench.due(1) == 0.0


def test_schedule_sends_a_full_batch_at_once(bench):
    """A batch that is full, or more, is due whatever the interval says."""
    assert bench.due(9) == 30.0
    assert bench.due(10) == 0.0
    assert bench.due(11) == 0.0


def test_schedule_counts_the_interval_from_the_last_attempt(bench):
    """An attempt begins a new interval, whatever became of it."""
    bench.clock.advance(20)
    bench.schedule.begin_attempt()
    assert bench.due(1) == 30.0
    bench.clock.advance(30)
    assert bench.due(1) == 0.0


def test_schedule_begins_another_interval_when_nothing_waits(bench):
    """An interval in which nothing was recorded is over without an attempt; the next is a whole one."""
    bench.clock.advance(10)
    assert bench.due(0) == 20.0
    bench.clock.advance(20)
    assert bench.due(0) == 30.0
    bench.clock.advance(10)
    assert bench.due(1) == 20.0
    bench.clock.advance(1000)
    assert bench.due(0) == 30.0


def test_schedule_is_due_at_once_when_somebody_asks(bench):
    """A flush waits for no interval and no full batch."""
    assert bench.due(1, is_asked=True) == 0.0
    assert bench.due(0, is_asked=True) == 0.0


def test_schedule_backs_off_after_a_failure(bench):
    """A full batch does not override a back-off; when that is over it is due."""
    bench.schedule.postpone()
    assert bench.schedule.is_held
    assert bench.due(10) == 2.0
    bench.clock.advance(1.5)
    assert bench.due(10) == 0.5
    bench.clock.advance(0.5)
    assert not bench.schedule.is_held
    assert bench.due(10) == 0.0
    assert bench.due(1) == 28.0
    bench.clock.advance(0.5)
    assert not bench.schedule.is_held


def test_schedule_overrides_a_back_off_when_somebody_asks(bench):
    """A back-off is our own patience, and a flush has less of it."""
    bench.schedule.postpone()
    assert bench.due(1, is_asked=True) == 0.0


def test_schedule_never_overrides_what_the_endpoint_asked_for(bench):
    """A flush waits as long as the endpoint wanted to be left alone, to the second."""
    bench.schedule.postpone(60.0)
    assert bench.schedule.left_alone_secs == 60.0
    assert bench.due(10, is_asked=True) == 60.0
    assert bench.due(10) == 60.0
    bench.clock.advance(59)
    assert bench.due(10, is_asked=True) == 1.0
    assert bench.schedule.left_alone_secs == 1.0
    bench.clock.advance(1)
    assert bench.due(10, is_asked=True) == 0.0
    assert bench.schedule.left_alone_secs == 0.0


def test_schedule_takes_a_short_retry_after_for_a_minimum(bench):
    """What the endpoint asked for does not shorten the back-off, and it binds a flush alone for its own time."""
    bench.schedule.postpone(0.5)
    assert bench.due(10) == 2.0
    assert bench.due(10, is_asked=True) == 0.5
    bench.clock.advance(0.5)
    assert bench.due(10, is_asked=True) == 0.0
    assert bench.schedule.is_held


def test_schedule_forgets_every_delay_when_something_was_answered_well(bench):
    """A success ends the back-off, what the endpoint asked for, and the count of failures."""
    bench.schedule.postpone()
    bench.schedule.postpone(90.0)
    bench.schedule.resume()
    assert not bench.schedule.is_held
    assert bench.schedule.left_alone_secs == 0.0
    assert bench.due(10) == 0.0
    assert bench.due(10, is_asked=True) == 0.0
    bench.schedule.postpone()
    assert bench.draws == [(1.0, 2.0), (1.0, 4.0), (1.0, 2.0)]


def test_schedule_forgets_the_hold_of_an_earlier_failure_at_the_next(bench):
    """A later failure without `Retry-After` leaves the back-off alone to hold."""
    bench.schedule.postpone(60.0)
    bench.clock.advance(60)
    bench.schedule.postpone()
    assert bench.schedule.left_alone_secs == 0.0
    assert bench.due(1, is_asked=True) == 0.0
    assert bench.due(10) == 4.0


def test_schedule_holds_nothing_at_the_beginning(bench):
    """Before the first failure there is no back-off, and nobody asked for anything."""
    assert not bench.schedule.is_held
    assert bench.schedule.left_alone_secs == 0.0
    assert bench.draws == []


def test_schedule_does_not_notice_a_wall_clock_that_is_set(bench):
    """Whoever sets the clock on or back shortens and lengthens nothing."""
    bench.schedule.postpone(60.0)
    for step in (86_400, -172_800):
        bench.clock.step(step)
        assert bench.due(10) == 60.0
        assert bench.schedule.left_alone_secs == 60.0


def test_backoff_doubles_up_to_five_minutes():
    """After the n-th failure the delay lies between one second and 2^n, at most 300."""
    draws = []
    backoff = Backoff(lambda low, high: draws.append((low, high)) or low)
    delays = [backoff.next_delay_secs() for _ in range(12)]
    assert delays == [1.0] * 12
    assert [high for _, high in draws] == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300]
    assert {low for low, _ in draws} == {1.0}


def test_backoff_counts_without_end():
    """After very many failures the delay is still the longest, and one success brings it back."""
    highs = []
    backoff = Backoff(lambda _low, high: highs.append(high) or high)
    for _ in range(5000):
        backoff.next_delay_secs()
    assert highs[-1] == 300.0
    backoff.reset()
    assert backoff.next_delay_secs() == 2.0


@pytest.mark.parametrize(("asked", "drawn", "delay"), [(None, 1.5, 1.5), (0.0, 1.5, 1.5), (7.0, 1.5, 7.0), (1.0, 1.5, 1.5)])
def test_backoff_is_never_shorter_than_what_was_asked_for(asked, drawn, delay):
    """`Retry-After` is a minimum."""
    assert Backoff(lambda _low, _high: drawn).next_delay_secs(asked) == delay
