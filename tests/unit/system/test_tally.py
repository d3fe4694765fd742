"""Counting in single steps."""

from __future__ import annotations

from mcptelemetry.system import Tally


def test_tally_counts_and_looking_does_not():
    """The value is how often it was advanced, however often it was looked at."""
    tally = Tally()
    assert [tally.add_one() for _ in range(3)] == [0, 1, 2]
    assert (tally.value, tally.value) == (3, 3)


def test_tally_counts_what_is_taken_from_its_numbers():
    """Numbers taken from the iterator behind it count too, beyond any small size."""
    tally = Tally()
    for _ in zip(range(100_000), tally.numbers):
        pass
    # zip() asks its first argument first, so that no number is taken in vain.
    assert tally.value == 100_000
