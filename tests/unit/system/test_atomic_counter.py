"""Counting in single steps."""

from __future__ import annotations

import threading

import pytest

from mcptelemetry.system import AtomicCounter


def test_atomic_counter_counts_and_looking_does_not():
    """The value is how often it was advanced, however often it was looked at."""
    counter = AtomicCounter()
    assert [counter.add_one() for _ in range(3)] == [0, 1, 2]
    assert (counter.value, counter.value) == (3, 3)


def test_atomic_counter_counts_what_is_taken_from_its_numbers():
    """Numbers taken from the iterator behind it count too, beyond any small size."""
    counter = AtomicCounter()
    for _ in zip(range(100_000), counter.numbers):
        pass
    # zip() asks its first argument first, so that no number is taken in vain.
    assert counter.value == 100_000


@pytest.mark.parametrize("is_locked", [False, True])
def test_atomic_counter_counts_in_threads(is_locked):
    """Threads that count at once lose and double nothing, with the lock of free-threaded builds and without."""
    counter = AtomicCounter(is_locked=is_locked)
    seen = [[], []]

    def count(into):
        into.extend(counter.add_one() for _ in range(20_000))

    threads = [threading.Thread(target=count, args=(into,)) for into in seen]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert counter.value == 40_000
    assert sorted(seen[0] + seen[1]) == list(range(40_000))
