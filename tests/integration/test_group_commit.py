"""Batches that wait at the same time share a transaction, and nothing else."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from mcptelemetry import TelemetryEvent
from mcptelemetry.collector._group_commit import GroupCommit, PendingBatch
from mcptelemetry.collector.stores import Stored, StoreError
from mcptelemetry.system import SystemClock
from mcptelemetry.wire import TelemetryBatch

SENDERS = 8
LIMIT_SECS = 30


class ScriptedIntake:
    """Takes batches as a store does; its first transaction lasts until `go_on` is set."""

    def __init__(self, refuse=lambda _names: None):
        self.transactions = []
        self.is_under_way = threading.Event()
        self.go_on = threading.Event()
        self._refuse = refuse

    def add_batches(self, received):
        names = [batch.events[0].tool for batch, _ in received]
        self.transactions.append(names)
        self.is_under_way.set()
        assert self.go_on.wait(LIMIT_SECS)
        error = self._refuse(names)
        if error is not None:
            raise error
        return [Stored(int(name.partition("-")[2]), 0) for name in names]


def batch(number, *, size=1):
    return TelemetryBatch([TelemetryEvent(f"tool-{number}", "local_only") for _ in range(size)])


def add_together(intake, numbers, *, size=1):
    """Have a thread each add a batch while a first transaction is under way; return what became of each."""
    group = GroupCommit(intake, SystemClock())
    with ThreadPoolExecutor(SENDERS + 1) as pool:
        first = pool.submit(group.add_events, batch(0, size=size))
        assert intake.is_under_way.wait(LIMIT_SECS)
        others = [pool.submit(group.add_events, batch(number, size=size)) for number in numbers]
        for _ in range(3_000):
            if len(group._waiting) == len(others):
                break
            threading.Event().wait(0.01)
        intake.go_on.set()
        assert first.exception(LIMIT_SECS) is None
        return [other.exception(LIMIT_SECS) or other.result() for other in others]


def test_batches_that_wait_share_a_transaction_and_each_has_its_own_answer():
    """Two transactions for nine senders; nobody is answered with another one's numbers."""
    intake = ScriptedIntake()
    assert add_together(intake, range(1, 9)) == [Stored(number, 0) for number in range(1, 9)]
    assert [len(names) for names in intake.transactions] == [1, 8]


def test_a_transaction_holds_no_more_than_its_bound():
    """Large batches have transactions of their own, in the order in which they came."""
    intake = ScriptedIntake()
    assert add_together(intake, range(1, 5), size=3_000) == [Stored(number, 0) for number in range(1, 5)]
    assert [len(names) for names in intake.transactions] == [1] * 5


def test_who_is_small_waits_behind_one_large_batch_and_not_behind_two():
    """Of two large batches and a small one that came last, the small one is stored in between."""
    intake = ScriptedIntake()
    group = GroupCommit(intake, SystemClock())
    with ThreadPoolExecutor(SENDERS) as pool:
        adding = [pool.submit(group.add_events, batch(0, size=3_000))]
        assert intake.is_under_way.wait(LIMIT_SECS)
        for number, size in ((1, 3_000), (2, 3_000), (3, 1)):
            adding.append(pool.submit(group.add_events, batch(number, size=size)))
            for _ in range(3_000):
                if len(group._waiting) == number:
                    break
                threading.Event().wait(0.01)
        intake.go_on.set()
        assert [one.result(LIMIT_SECS) for one in adding] == [Stored(number, 0) for number in range(4)]
    assert intake.transactions == [["tool-0"], ["tool-3"], ["tool-1"], ["tool-2"]]


def test_a_store_that_is_down_is_said_to_each():
    """Nothing was stored, and every sender gets an error of its own."""
    intake = ScriptedIntake(lambda names: None if "tool-0" in names else StoreError("the disk is full"))
    errors = add_together(intake, range(1, 9))
    assert [(type(error), str(error)) for error in errors] == [(StoreError, "the disk is full")] * 8
    assert len({id(error) for error in errors}) == 8


def test_one_batch_that_cannot_be_stored_costs_no_other():
    """A fault that one of them brings is its own sender's."""
    intake = ScriptedIntake(lambda names: KeyError("tool-3") if "tool-3" in names else None)
    results = add_together(intake, range(1, 9))
    assert isinstance(results.pop(2), KeyError)
    assert results == [Stored(number, 0) for number in range(1, 9) if number != 3]


def test_who_comes_alone_after_a_crowd_waits_for_nobody_for_long():
    """The moment that a group is given to come together ends, and the lone batch is stored."""
    intake = ScriptedIntake()
    group = GroupCommit(intake, SystemClock())
    group._usual = 16.0
    intake.go_on.set()
    for number in range(30):
        assert group.add_events(batch(number)) == Stored(number, 0)
    assert [len(names) for names in intake.transactions] == [1] * 30
    assert int(group._usual) == 1


def test_who_waits_is_answered_when_the_one_that_stores_is_interrupted():
    """A signal handler's exception ends the transaction under way, and not the waiting of the others."""

    class Interrupted(BaseException):
        pass

    intake = ScriptedIntake(lambda names: Interrupted() if names == ["tool-0"] else None)
    group = GroupCommit(intake, SystemClock())
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(group.add_events, batch(0))
        assert intake.is_under_way.wait(LIMIT_SECS)
        second = pool.submit(group.add_events, batch(1))
        for _ in range(3_000):
            if group._waiting:
                break
            threading.Event().wait(0.01)
        intake.go_on.set()
        assert isinstance(first.exception(LIMIT_SECS), Interrupted)
        assert second.result(LIMIT_SECS) == Stored(1, 0)


def test_a_forked_child_begins_anew():
    """What waits in the parent is the parent's; the child neither waits for it nor stores it."""
    intake = ScriptedIntake()
    intake.go_on.set()
    group = GroupCommit(intake, SystemClock())
    group._storing = PendingBatch(batch(4), group)  # as a fork in the middle of a transaction leaves it
    group._process = -1
    assert group.add_events(batch(5)) == Stored(5, 0)


def test_many_senders_lose_and_double_nothing():
    """Each is answered once, with its own numbers, whatever the groups."""
    rounds = 50
    intake = ScriptedIntake()
    intake.go_on.set()
    group = GroupCommit(intake, SystemClock())

    def send(first):
        return [group.add_events(batch(first + number)).stored for number in range(rounds)]

    with ThreadPoolExecutor(SENDERS) as pool:
        answers = [pool.submit(send, sender * rounds) for sender in range(SENDERS)]
        for sender, answer in enumerate(answers):
            assert answer.result(LIMIT_SECS) == list(range(sender * rounds, (sender + 1) * rounds))
    names = [name for transaction in intake.transactions for name in transaction]
    assert len(names) == len(set(names)) == SENDERS * rounds


def test_who_enters_several_has_them_stored_together():
    """A thread that enters three batches before it settles the first has one transaction, and each its own answer."""
    intake = ScriptedIntake()
    intake.go_on.set()
    group = GroupCommit(intake, SystemClock())
    pending = [group.enter(batch(number)) for number in (1, 2, 3)]
    assert intake.transactions == []
    assert [one.settle() for one in pending] == [Stored(number, 0) for number in (1, 2, 3)]
    assert intake.transactions == [["tool-1", "tool-2", "tool-3"]]


def test_what_was_entered_and_not_asked_for_goes_with_the_next():
    """Somebody else's transaction takes it along; whoever then asks is answered at once."""
    intake = ScriptedIntake()
    intake.go_on.set()
    group = GroupCommit(intake, SystemClock())
    pending = group.enter(batch(1))
    assert group.add_events(batch(2)) == Stored(2, 0)
    assert intake.transactions == [["tool-1", "tool-2"]]
    assert pending.settle() == Stored(1, 0)
    assert len(intake.transactions) == 1


def test_what_is_withdrawn_is_not_stored():
    """Nobody waits for it any more; those beside it are stored."""
    intake = ScriptedIntake()
    intake.go_on.set()
    group = GroupCommit(intake, SystemClock())
    withdrawn, kept = group.enter(batch(1)), group.enter(batch(2))
    withdrawn.withdraw()
    assert kept.settle() == Stored(2, 0)
    kept.withdraw()  # too late, and no harm
    assert intake.transactions == [["tool-2"]]
    assert group.add_events(batch(3)) == Stored(3, 0)


def test_who_is_interrupted_while_waiting_keeps_nobody_else_waiting():
    """What it brought is not stored, and those that waited beside it are, whoever of them was to store."""

    class Interrupted(BaseException):
        pass

    class InterruptedWait:
        """In place of the lock that says that something became of a batch: a signal comes while it is waited for."""

        def acquire(self):
            is_reached.set()
            assert go_on.wait(LIMIT_SECS)
            raise Interrupted

        def release(self):
            pass

    is_reached, go_on = threading.Event(), threading.Event()
    intake = ScriptedIntake()
    group = GroupCommit(intake, SystemClock())
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(group.add_events, batch(0))
        assert intake.is_under_way.wait(LIMIT_SECS)
        waiting = group.enter(batch(1))
        waiting.done = InterruptedWait()
        second = pool.submit(waiting.settle)
        assert is_reached.wait(LIMIT_SECS)
        intake.go_on.set()
        assert first.result(LIMIT_SECS) == Stored(0, 0)
        assert group._storing is waiting  # it is to store the next group, and never will
        third = pool.submit(group.add_events, batch(2))
        for _ in range(3_000):
            if len(group._waiting) == 2 and group._waiting[1].is_awaited:
                break
            threading.Event().wait(0.01)
        go_on.set()
        assert isinstance(second.exception(LIMIT_SECS), Interrupted)
        assert third.result(LIMIT_SECS) == Stored(2, 0)
    assert intake.transactions == [["tool-0"], ["tool-2"]]
