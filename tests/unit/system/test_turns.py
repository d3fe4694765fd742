"""One at a time, whoever is interrupted where."""

from __future__ import annotations

import signal
import sys
import threading

import pytest

from mcptelemetry.system._fork import ForkRegister
from mcptelemetry.system._turns import Turns


@pytest.fixture
def register():
    return ForkRegister()


@pytest.fixture
def turns(register):
    return Turns(register=register)


def can_take(turns):
    """Return whether somebody else is let in, at once."""
    turn = turns.take(0.01)
    if turn is not None:
        turns.give_back(turn)
    return turn is not None


def take_and_leave(turns):
    """Take a turn and be interrupted before it could be given back."""
    turns.take(1)
    raise KeyboardInterrupt


def test_turns_one_is_let_in_and_the_next_after_it(turns):
    """Whoever comes while somebody is in waits in vain, and is let in once that one has gone."""
    turn = turns.take(1)
    assert turn is not None
    assert not can_take(turns)
    turns.give_back(turn)
    assert can_take(turns)


def test_turns_of_an_interrupted_function_end_with_it(turns):
    """A turn that nobody gave back is taken out by the next one who comes."""
    for _ in range(5):
        with pytest.raises(KeyboardInterrupt):
            take_and_leave(turns)
    assert turns.take(1) is not None


def test_turns_of_a_kept_traceback_end_too(turns):
    """Somebody who keeps the traceback, and with it the function's frame, keeps no turn."""
    with pytest.raises(KeyboardInterrupt) as kept:
        take_and_leave(turns)
    assert turns.take(1) is not None
    assert kept.tb is not None


def test_turns_of_a_thread_that_ended_end_too(turns):
    """A thread that was killed in the middle holds nobody up."""
    thread = threading.Thread(target=lambda: turns.take(1))
    thread.start()
    thread.join()
    assert turns.take(1) is not None


def test_turns_given_back_twice_or_late_hurt_nobody(turns):
    """Giving back what was taken away meanwhile lets nobody else in."""
    turn = turns.take(1)
    turns.give_back(turn)
    other = turns.take(1)
    turns.give_back(turn)
    assert other is not None
    assert not can_take(turns)


def test_turns_of_what_a_call_interrupted_are_not_waited_for(turns):
    """A signal handler that asks in the middle of its own thread's turn is told at once that there is none."""
    turn = turns.take(1)
    assert turn is not None
    assert (lambda: turns.take(3600))() is None
    turns.give_back(turn)
    assert (lambda: turns.take(0))() is not None


def test_turns_left_by_an_ended_function_need_no_waiting(turns):
    """Somebody who has no time at all is let in where nobody is any more."""
    with pytest.raises(KeyboardInterrupt):
        take_and_leave(turns)
    assert turns.take(0) is not None


def test_turns_busy_only_for_other_threads(turns):
    """What this very thread was interrupted in will not go on while it waits, so it is not waited for."""
    is_in, may_go = threading.Event(), threading.Event()

    def stay():
        turn = turns.take(1)
        is_in.set()
        may_go.wait(60)
        turns.give_back(turn)

    mine = turns.take(1)
    assert not turns.is_busy()
    turns.give_back(mine)
    thread = threading.Thread(target=stay)
    thread.start()
    is_in.wait(60)
    assert turns.is_busy()
    may_go.set()
    thread.join()
    assert not turns.is_busy()


def test_turns_wait_for_a_fork_under_way(turns, register):
    """Nobody is let in while a fork is under way, and everybody when it is over."""
    register.before()
    assert not can_take(turns)
    register.under_way.pop()
    assert can_take(turns)


def test_turns_do_not_wait_for_ever_for_a_fork(turns, register):
    """A fork whose end was never told holds nobody up for good."""
    register.before()
    assert turns.take(30) is not None


def test_turns_tell_the_child_who_was_in(turns):
    """A child learns whether somebody was in when it was forked, and begins with a free place."""
    assert turns.after_fork() is False
    assert turns.take(1) is not None
    assert turns.after_fork() is True
    assert turns.after_fork() is False
    assert can_take(turns)


def test_turns_under_four_threads_let_in_one_at_a_time(turns):
    """Four threads, some of which leave without a word, are never in at the same time."""
    inside, worst, total = [], [], []

    def enter(leaves_badly):
        turn = turns.take(60)
        assert turn is not None
        inside.append(None)
        worst.append(len(inside))
        total.append(None)
        inside.pop()
        if not leaves_badly:
            turns.give_back(turn)

    def run(number):
        for round_ in range(100):
            enter(leaves_badly=(round_ + number) % 7 == 0)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert len(total) == 400
    assert set(worst) == {1}


def stand_and_leave(turns):
    """Stand in the queue behind others, and be interrupted while waiting."""

    def interrupt(_signal, _frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        turns.take(60)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
def test_turns_of_several_that_were_interrupted_while_they_waited_all_end(turns):
    """Behind one who is in, others wait and are interrupted; whoever comes last is let in all the same."""
    is_over = threading.Event()
    is_in = threading.Event()

    def stay():
        turn = turns.take(1)
        is_in.set()
        is_over.wait(30)
        turns.give_back(turn)

    thread = threading.Thread(target=stay)
    thread.start()
    assert is_in.wait(30)

    def wait_here():
        stand_and_leave(turns)

    def wait_there():
        stand_and_leave(turns)

    for wait in (wait_here, lambda: wait_there(), wait_here):
        with pytest.raises(KeyboardInterrupt):
            wait()
    is_over.set()
    thread.join(30)
    assert turns.take(5) is not None
