"""Patterns over tool names."""

from __future__ import annotations

import pytest

from mcptelemetry.matching._glob import Glob


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("get_issues", "get_issues"),
        ("*", ""),
        ("*", "anything"),
        ("get_*", "get_"),
        ("get_*", "get_issues"),
        ("*_issues", "get_issues"),
        ("*issue*", "get_issues"),
        ("g*_*s", "get_issues"),
        ("a*a", "aa"),
        ("a**b", "ab"),
        ("*ab*ab*", "xababx"),
    ],
)
def test_glob_matches(pattern: str, name: str) -> None:
    """A star stands for any run of characters, an empty one included."""
    assert Glob(pattern).is_match(name)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("get_issues", "get_issues2"),
        ("get_*", "Get_issues"),
        ("get_*", "xget_issues"),
        ("a*a", "a"),
        ("ab*ba", "aba"),
        ("*ab*ab*", "xabx"),
        ("*ab*b", "ab"),
    ],
)
def test_glob_does_not_match(pattern: str, name: str) -> None:
    """The whole name has to fit, in its own case, and no character is used twice."""
    assert not Glob(pattern).is_match(name)


@pytest.mark.parametrize("character", ["?", ".", "[a]", "^", "$", "\\", "+", "{", "|", "("])
def test_glob_has_one_wildcard_only(character: str) -> None:
    """Every character but the star stands for itself."""
    assert Glob(f"x{character}*").is_match(f"x{character}y")
    assert not Glob(f"x{character}y").is_match("xay")


@pytest.mark.timeout(60)
def test_glob_does_not_blow_up_on_a_pathological_pattern() -> None:
    """A pattern made to send a backtracking matcher round for ever is answered all the same."""
    pattern = "*a" * 2_000 + "b"

    assert not Glob(pattern).is_match("a" * 100_000)
    assert Glob(pattern).is_match("a" * 100_000 + "b")
