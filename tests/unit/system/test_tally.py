"""Counting in single steps."""

from __future__ import annotations

import threading

import pytest

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


@pytest.mark.parametrize("is_locked", [False, True])
def test_tally_counts_in_threads(is_locked):
    """Threads that count at once lose and double nothing, with the lock of free-threaded builds and without."""
    tally = Tally(is_locked=is_locked)
    seen = [[], []]

    def count(into):
        into.extend(tally.add_one() for _ in range(20_000))

    threads = [threading.Thread(target=count, args=(into,)) for into in seen]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert tally.value == 40_000
    assert sorted(seen[0] + seen[1]) == list(range(40_000))
