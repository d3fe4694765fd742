"""What is held in memory belongs to one generation, and is let go of with it."""

from __future__ import annotations

from mcptelemetry.installation import AsOf


def rule(*generations):
    """Return the rule for somebody who is told *generations*, one a look, the first when it is made."""
    said = iter(generations)
    return AsOf(lambda: next(said))


def test_as_of_holds_while_the_generation_is_the_same():
    """As long as nobody changed the mode, what is held may go on."""
    as_of = rule("a", "a", "a")
    assert [as_of.enter(), as_of.enter()] == ["a", "a"]


def test_as_of_lets_go_once_after_each_change():
    """What was held before a change is let go of; what is made after it is not, also when the mode is back."""
    as_of = rule("a", "b", "b", "a", "a")
    assert [as_of.enter() for _ in range(4)] == [None, "b", None, "a"]


def test_as_of_lets_go_while_nobody_knows_the_generation():
    """Without a generation nothing may be held; once the old one is known again, recording goes on under it."""
    as_of = rule("a", None, None, "a")
    assert [as_of.enter() for _ in range(3)] == [None, None, "a"]


def test_as_of_made_without_a_generation_begins_with_the_first_one():
    """What was made before any generation was known belongs to none."""
    as_of = rule(None, "a", "a")
    assert [as_of.enter() for _ in range(2)] == [None, "a"]


def test_as_of_lets_go_once_of_what_was_held_when_a_generation_was_begun_elsewhere():
    """The mode files say the same, and the disk counts one more: that is another generation too."""
    as_of = rule(*"aaaaa")
    as_of.begin(2)
    as_of.begin(7)  # known already
    assert [as_of.enter(2), as_of.enter(3), as_of.enter(3), as_of.enter(2)] == ["a", None, "a", None]


def test_as_of_takes_the_first_count_that_it_hears_for_its_own():
    """To make one takes no look at the disk."""
    as_of = rule(*"aaa")
    assert [as_of.enter(5), as_of.enter(5)] == ["a", "a"]


def test_as_of_goes_on_while_the_disk_cannot_be_read():
    """A count that is not known is no other one, and is compared with the one before when it is known again."""
    as_of = rule(*"aaaaa")
    assert [as_of.enter(1), as_of.enter(None), as_of.enter(1), as_of.enter(2)] == ["a", "a", "a", None]


def test_as_of_knows_whether_another_generation_is_known_to_have_begun():
    """While nobody knows the present one, none is known to have begun; and nothing may be held."""
    as_of = rule("a", "a", None, "a", "b", "b")
    found = []
    for _ in range(5):
        found.append((as_of.has_ended(), as_of.may_hold))
    assert found == [(False, True), (False, False), (False, True), (True, True), (False, True)]


def test_as_of_that_holds_nothing_has_nothing_to_let_go_of_for_a_count():
    """After nothing could be held, what is made next belongs to whatever generation there is by then."""
    as_of = rule("a", "a", None, "a")
    as_of.begin(1)
    assert [as_of.enter(1), as_of.enter(1), as_of.enter(2)] == ["a", None, "a"]
