"""The register of forks: order, weakness, and what a signal handler raises in a hook."""

from __future__ import annotations

import gc
import sys
from operator import methodcaller

import pytest

from mcptelemetry.system._fork import RANKS, ForkRegister


class Member:
    """Writes down that it began anew; raises what it is given first."""

    def __init__(self, name, log, raises=()):
        self.name = name
        self.log = log
        self.raises = list(raises)

    def after_fork(self):
        if self.raises:
            raise self.raises.pop(0)
        self.log.append(self.name)


class Section:
    """Busy for a number of looks."""

    fork_wait_secs = 5.0

    def __init__(self, looks, raises=()):
        self.looks = looks
        self.raises = list(raises)

    def is_busy(self):
        if self.raises:
            raise self.raises.pop(0)
        self.looks -= 1
        return self.looks >= 0


def test_fork_members_begin_anew_from_below():
    """Whatever the order of registration, transports come first and loops last."""
    register, log = ForkRegister(), []
    members = {name: Member(name, log) for name in sorted(RANKS)}
    for name, member in members.items():
        register.add(member.after_fork, RANKS[name])
    register.begin_anew()
    assert log == ["transport", "storage", "state", "loop"]


def test_fork_members_of_one_rank_keep_their_order():
    """Within a rank the first registered is the first to begin anew."""
    register, log = ForkRegister(), []
    members = [Member(number, log) for number in range(9)]
    for member in members:
        register.add(member.after_fork, 2)
    register.begin_anew()
    assert log == list(range(9))


def test_fork_member_that_is_gone_leaves_nothing():
    """The register keeps nobody alive, and forgets who is gone."""
    register, log = ForkRegister(), []
    members = [Member(number, log) for number in range(100)]
    sections = [Section(0) for _ in range(100)]
    for member in members:
        register.add(member.after_fork, 0)
        register.add(member.after_fork, 1)
    for section in sections:
        register.add_section(section)
    assert len(register) == 300
    del members, sections, member, section
    gc.collect()
    assert len(register) == 0
    register.begin_anew()
    assert log == []


def test_fork_nested_are_counted():
    """A fork inside a fork counts two, and each end takes one away."""
    register = ForkRegister()
    register.before()
    register.before()
    assert len(register.under_way) == 2
    register.under_way.pop()
    assert len(register.under_way) == 1
    register.begin_anew()
    assert register.under_way == []


def test_fork_waits_until_nobody_is_in_a_section():
    """The hook before a fork returns when the section is free."""
    register, section = ForkRegister(), Section(5)
    register.add_section(section)
    register.before()
    assert section.looks == -1


def test_fork_waits_no_longer_than_its_bound():
    """A section that stays busy is given up."""
    register, section = ForkRegister(), Section(10**9)
    section.fork_wait_secs = 0.01
    register.add_section(section)
    register.before()
    assert register.under_way == [None]


@pytest.mark.parametrize("error", [KeyboardInterrupt("now"), TimeoutError("soft limit", 3)])
def test_fork_exception_while_waiting_surfaces_in_the_host(error):
    """What a signal handler raises in the wait is raised in the host, the very object, and the wait goes on."""
    register, section = ForkRegister(), Section(5, [error])
    register.add_section(section)
    with pytest.raises(type(error)) as caught:
        register.before()
        pytest.fail("the host went on")
    assert caught.value is error
    assert section.looks == -1
    assert register.under_way == [None]
    assert sys.gettrace() is None


def test_fork_exception_in_a_child_surfaces_and_nobody_is_left_out():
    """In a child each member begins anew although a signal handler raised in one, which is begun again."""
    register, log = ForkRegister(), []
    members = [Member("a", log), Member("b", log, [KeyboardInterrupt()]), Member("c", log)]
    for member in members:
        register.add(member.after_fork, 0)
    with pytest.raises(KeyboardInterrupt):
        register.begin_anew()
        pytest.fail("the host went on")
    assert log == ["a", "b", "c"]


def test_fork_fault_of_our_own_is_not_the_hosts():
    """A member that fails each time is left; the host hears nothing, and the others begin anew."""
    register, log = ForkRegister(), []
    members = [Member("a", log, [ValueError()] * 9), Member("b", log)]
    for member in members:
        register.add(member.after_fork, 0)
    register.begin_anew()
    assert log == ["b"]


def test_fork_what_waits_for_the_parent_is_not_raised_in_the_child():
    """An interruption before the fork belongs to the parent: the child forgets it."""
    register, section = ForkRegister(), Section(5, [KeyboardInterrupt()])
    register.add_section(section)

    # Both in one step of this frame, as the interpreter calls them.
    list(map(methodcaller("__call__"), (register.before, register.begin_anew)))
    assert sys.gettrace() is None
