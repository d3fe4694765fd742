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
