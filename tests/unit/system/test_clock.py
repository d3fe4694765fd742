"""Time, given from outside."""

from __future__ import annotations

import time

import pytest

from mcptelemetry.system import SystemClock, as_clock


def test_no_clock_is_the_machines():
    """Without a clock the machine's is taken."""
    assert isinstance(as_clock(None), SystemClock)
    assert abs(SystemClock().time() - time.time()) < 60


def test_function_gives_the_wall_time():
    """A function such as `time.time` gives the wall time; monotonic time stays the machine's."""
    clock = as_clock(lambda: 5.0)
    assert clock.time() == 5.0
    assert clock.monotonic() <= clock.monotonic()


@pytest.mark.parametrize("given", [5, "now", object()])
def test_what_is_no_clock_is_refused(given):
    """Anything else is an error that says what a clock is."""
    with pytest.raises(TypeError, match=r"clock must have time\(\) and monotonic\(\)"):
        as_clock(given)
