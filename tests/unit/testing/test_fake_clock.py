"""The clock that stands still: both times go on together, and only when told."""

from __future__ import annotations

import pytest

from mcptelemetry.system import as_clock
from mcptelemetry.testing import FakeClock


def test_fake_clock_stands_still_until_it_is_advanced():
    """Wall and monotonic time advance by the same amount, and only then."""
    clock = FakeClock(time=100.0, monotonic=5.0)
    assert (clock.time(), clock.monotonic()) == (100.0, 5.0)
    clock.advance(2.5)
    assert (clock.time(), clock.monotonic()) == (102.5, 7.5)


def test_fake_clock_steps_the_wall_clock_alone():
    """A step of the wall clock, back even, leaves monotonic time as it was."""
    clock = FakeClock(time=100.0, monotonic=5.0)
    clock.step(-60)
    assert (clock.time(), clock.monotonic()) == (40.0, 5.0)


def test_fake_clock_serves_as_a_function_and_as_a_clock():
    """The clock may be called like `time.time`, and is taken as a clock where one is wanted."""
    clock = FakeClock(time=7.0)
    assert clock() == 7.0
    assert as_clock(clock) is clock


@pytest.mark.parametrize("secs", [-1, float("nan")])
def test_fake_clock_refuses_to_go_back(secs):
    """Monotonic time never goes back, and the error says what does."""
    with pytest.raises(ValueError, match="secs=.* step"):
        FakeClock().advance(secs)
