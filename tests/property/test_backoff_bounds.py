"""How long a failing endpoint is left alone: never too short, never too long."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from mcptelemetry.system import Backoff, draw_backoff_secs


@given(st.integers(1, 60), st.randoms(use_true_random=False))
def test_delay_lies_between_one_second_and_its_limit(failures, source):
    """After the n-th failure the delay is between 1 s and min(300 s, 2^n s)."""
    backoff = Backoff(source.uniform)
    for number in range(1, failures + 1):
        assert 1.0 <= backoff.next_delay_secs() <= min(300.0, 2.0**number)


@given(st.integers(1, 60), st.floats(0, 86_400))
def test_delay_is_at_least_what_the_endpoint_asked_for(failures, asked):
    """`Retry-After` is a minimum, at whatever failure it comes."""
    backoff = Backoff(random.uniform)
    for _ in range(failures):
        delay = backoff.next_delay_secs(asked)
        assert delay >= asked
        assert delay <= max(300.0, asked)


@given(st.integers(0, 60))
def test_reset_begins_again(failures):
    """After a success the first limit holds again, and the limit is reached in the end."""
    backoff = Backoff(lambda _low, high: high)
    delays = [backoff.next_delay_secs() for _ in range(failures)]
    assert delays == [min(300.0, 2.0 ** (number + 1)) for number in range(failures)]
    backoff.reset()
    assert backoff.next_delay_secs() == 2.0


@given(st.integers(1, 10**6), st.floats(0, 1))
def test_formula_gives_what_counting_gives(failures, share):
    """Whoever keeps the number of failures elsewhere waits as long as whoever counts them here."""

    def draw(low, high):
        return low + share * (high - low)

    backoff = Backoff(draw)
    counted = [backoff.next_delay_secs() for _ in range(min(failures, 12))][-1]
    assert draw_backoff_secs(failures, draw) == counted
