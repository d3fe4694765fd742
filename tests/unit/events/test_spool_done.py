"""What was sent and is not told yet: handed from one thread to another, and back in order."""

from __future__ import annotations

from mcptelemetry.events._spool_done import DoneClaim, DoneClaims
from mcptelemetry.events._spool_known import HeldChunk
from mcptelemetry.events._spool_rows import ClaimedChunk


def claim(number, at=0.0, delivered=0, rejected=0):
    """Return a claim of one chunk."""
    held = HeldChunk(ClaimedChunk(number, "g", None, 0.0, delivered + rejected, ""), ())
    held.delivered, held.rejected = delivered, rejected
    return DoneClaim(f"token {number}", {number: ()}, (held,), at)


def test_what_is_given_back_comes_first_again():
    """Claims that could not be told are in front of those that came meanwhile, in their order."""
    done = DoneClaims()
    for number in (1, 2):
        done.add(claim(number))
    taken = done.take()
    done.add(claim(3))
    done.give_back(taken)
    assert [one.told for one in done.take()] == [(f"token {number}", {number: ()}) for number in (1, 2, 3)]
    assert done.take() == []


def test_oldest_says_when_it_is_time_to_tell():
    """A second after the first was sent something is due, and nothing while nothing is there."""
    done = DoneClaims()
    assert not done.is_due(1000.0)
    done.add(claim(1, at=10.0))
    done.add(claim(2, at=10.9))
    assert (done.is_due(10.9), done.is_due(11.0)) == (False, True)


def test_only_what_was_settled_is_counted():
    """Of a chunk that was somebody else's by then, somebody else counts the events."""
    done = DoneClaims()
    done.count([claim(1, delivered=3, rejected=1), claim(2, delivered=5)], frozenset({1}))
    assert (done.delivered, done.rejected) == (3, 1)
