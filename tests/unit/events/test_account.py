"""What became of every event: each step moves exactly what it says, and the numbers add up."""

from __future__ import annotations

import dataclasses

import pytest

from mcptelemetry.events import TelemetryBuffer, TelemetryEvent
from mcptelemetry.events._account import Account, PipelineStats


class Books:
    """A buffer of five with its account: the one place where this file builds them."""

    def __init__(self, waiting=0, checked_out=0, capacity=5):
        self.buffer = TelemetryBuffer(capacity)
        self.account = Account(self.buffer)
        self.record(waiting + checked_out)
        self.check_out(checked_out)

    def record(self, count):
        for _ in range(count):
            self.buffer.record(TelemetryEvent("t", "local_only", latency_ms=self.account.stats().recorded))

    def check_out(self, count):
        """Hand *count* events to the one who sends."""
        if count:
            self.buffer.check_out(count)

    def waiting(self):
        """Take what waits, and return in which order it was recorded."""
        return [event.latency_ms for event in self.buffer.drain(100)]

    def stats(self, **expected):
        """Return the account, which must add up and be as expected; what is not named is nothing."""
        stats = self.account.stats()
        nothing = dict.fromkeys((field.name for field in dataclasses.fields(stats)), 0)
        nothing.update(last_error=None, last_success_at=None)
        assert stats == PipelineStats(**{**nothing, **expected})
        assert stats.recorded == (
            stats.delivered
            + stats.dropped
            + stats.rejected
            + stats.spooled
            + stats.buffered
            + stats.in_flight
        )
        return stats


def test_account_begins_with_nothing():
    """Before anything was recorded every number is zero, and there is neither error nor success."""
    Books().stats()


def test_account_knows_what_waits_and_what_is_being_sent():
    """Recorded events wait or are in flight; that is all that became of them so far."""
    Books(waiting=2, checked_out=3).stats(recorded=5, buffered=2, in_flight=3)


def test_account_counts_what_was_delivered_from_the_front():
    """The first of those in flight are delivered, at the moment given; the others stay in flight."""
    books = Books(waiting=1, checked_out=4)
    books.account.deliver(3, at=17.5)
    books.stats(recorded=5, delivered=3, buffered=1, in_flight=1, last_success_at=17.5)
    assert books.account.delivered == 3
    books.account.requeue()
    assert books.waiting() == [3, 4]


def test_account_adds_up_over_several_deliveries():
    """Each delivery is added, and the moment is that of the last."""
    books = Books(checked_out=5)
    books.account.deliver(1, at=1.0)
    books.account.deliver(2, at=2.0)
    books.stats(recorded=5, delivered=3, in_flight=2, last_success_at=2.0)
    assert books.account.delivered == 3


def test_account_counts_what_was_rejected_with_the_reason():
    """The first of those in flight are given up for good; that is no success, and not delivered."""
    books = Books(checked_out=5)
    books.account.reject(2, "HTTP 400")
    books.stats(recorded=5, rejected=2, in_flight=3, last_error="HTTP 400")
    assert books.account.delivered == 0
    books.account.requeue()
    assert books.waiting() == [2, 3, 4]


def test_account_keeps_the_last_error_after_a_success_and_the_last_success_after_an_error():
    """Each tells of the past by itself: neither takes the other away."""
    books = Books(checked_out=4)
    books.account.reject(1, "HTTP 400")
    books.account.deliver(1, at=5.0)
    books.account.reject(1, "HTTP 422")
    books.stats(recorded=4, delivered=1, rejected=2, in_flight=1, last_error="HTTP 422", last_success_at=5.0)


def test_account_puts_back_in_order_and_counts_how_often():
    """What was in flight waits again before all others; each time that something went back counts one."""
    books = Books(waiting=2, checked_out=3)
    books.account.requeue("no answer")
    books.stats(recorded=5, buffered=5, requeued=1, last_error="no answer")
    books.check_out(2)
    books.account.requeue("HTTP 503")
    books.stats(recorded=5, buffered=5, requeued=2, last_error="HTTP 503")
    assert books.waiting() == [0, 1, 2, 3, 4]


def test_account_counts_no_requeue_when_nothing_was_in_flight():
    """A worker that begins with nothing to put back has not put anything back."""
    books = Books(waiting=2)
    books.account.requeue()
    books.stats(recorded=2, buffered=2)


def test_account_keeps_the_last_error_when_a_requeue_gives_none():
    """Putting back what a killed worker had says nothing about the endpoint."""
    books = Books(checked_out=2)
    books.account.requeue("HTTP 503")
    books.check_out(1)
    books.account.requeue()
    books.stats(recorded=2, buffered=2, requeued=2, last_error="HTTP 503")


def test_account_counts_what_found_no_room_as_dropped():
    """The oldest gave way while it waited; what comes back into a full queue lets the oldest go too."""
    books = Books(waiting=5)
    books.record(2)
    books.stats(recorded=7, buffered=5, dropped=2)
    books.check_out(2)
    books.record(1)
    books.stats(recorded=8, buffered=4, in_flight=2, dropped=2)
    books.account.requeue()
    stats = books.account.stats()
    assert (stats.recorded, stats.buffered, stats.in_flight, stats.dropped) == (8, 5, 0, 3)


def test_account_drops_what_is_in_flight_and_what_waits_with_the_reason():
    """After a no nothing of what was recorded before is left, and none of it was delivered or rejected."""
    books = Books(waiting=2, checked_out=3)
    books.account.drop_all("DO_NOT_TRACK")
    books.stats(recorded=5, dropped=5, last_error="DO_NOT_TRACK")
    assert books.waiting() == []
    books.record(1)
    books.stats(recorded=6, dropped=5, buffered=1, last_error="DO_NOT_TRACK")


def test_account_counts_what_made_no_event_apart():
    """A record whose arguments made no event is counted as invalid and belongs to no other number."""
    books = Books(waiting=1)
    books.buffer.record("no event")
    books.stats(recorded=1, buffered=1, invalid=1)


def test_account_shows_a_picture_that_does_not_change():
    """What was handed out stays as it was, and cannot be written to."""
    books = Books(waiting=1)
    stats = books.account.stats()
    books.record(1)
    assert stats.recorded == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        stats.recorded = 9


def test_account_can_be_looked_at_while_it_is_being_changed():
    """A signal handler or destructor that looks in the middle of a step neither waits nor sees nonsense."""
    books = Books(checked_out=3)
    seen = []

    class Looking(str):
        """A reason that is looked at in the middle of the step, as a destructor might look."""

        __slots__ = ()

        def __bool__(self):
            seen.append(books.account.stats())
            return True

    books.account.requeue(Looking("x"))
    assert [(stats.buffered, stats.in_flight, stats.requeued) for stats in seen] == [(3, 0, 1)]
