"""The literals of a machine that must never leave."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from mcptelemetry.privacy._blocked_values import BlockedValue, collect_blocked_values

CREDENTIALS = ("GITHUB_TOKEN", "GITLAB_TOKEN", "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY")


def labels(values: tuple[BlockedValue, ...]) -> dict[str, str]:
    return {value.label: value.value for value in values}


def test_populate_blocked_values_takes_host_home_and_credentials() -> None:
    """The host's name, the person's name and the well-known credentials are collected."""
    env = {"GITHUB_TOKEN": "ghp_secret", "PATH": "/usr/bin", "OPENAI_API_KEY": "sk-1"}
    assert labels(collect_blocked_values("laptop", "/home/alice", env)) == {
        "hostname": "laptop",
        "username": "alice",
        "env:GITHUB_TOKEN": "ghp_secret",
        "env:OPENAI_API_KEY": "sk-1",
    }


@pytest.mark.parametrize("name", CREDENTIALS)
def test_populate_blocked_values_knows_each_credential(name: str) -> None:
    """Each well-known variable's value is collected from three characters on."""
    assert labels(collect_blocked_values("", "", {name: "abc"})) == {f"env:{name}": "abc"}
    assert collect_blocked_values("", "", {name: "ab"}) == ()


def test_populate_blocked_values_skips_what_is_empty() -> None:
    """An empty name or variable would be found in every document, so it is not one."""
    assert collect_blocked_values("", "", {"GITHUB_TOKEN": "", "X_TOKEN": "   "}) == ()
    assert collect_blocked_values("  ", "/", {}) == ()


def test_populate_blocked_values_twice_gives_the_same() -> None:
    """Collecting keeps nothing: a second time gives the same, not twice as much."""
    arguments = ("laptop", "/home/alice", {"GITHUB_TOKEN": "ghp_secret"})
    assert collect_blocked_values(*arguments) == collect_blocked_values(*arguments)


@pytest.mark.parametrize("suffix", ["_TOKEN", "_KEY", "_SECRET", "_PASSWORD"])
def test_collect_blocked_values_knows_a_credential_by_its_name(suffix: str) -> None:
    """Any variable called like a credential is one from eight characters on."""
    assert labels(collect_blocked_values("", "", {f"ACME{suffix}": "12345678"})) == {f"env:ACME{suffix}": "12345678"}
    assert labels(collect_blocked_values("", "", {f"acme{suffix.lower()}": "12345678"}))
    assert collect_blocked_values("", "", {f"ACME{suffix}": "1234567"}) == ()
    assert collect_blocked_values("", "", {f"ACME{suffix}_FILE": "12345678"}) == ()


@pytest.mark.parametrize(
    ("home", "name"),
    [
        ("/home/alice", "alice"),
        ("/home/alice/", "alice"),
        ("/root", "root"),
        ("C:\\Users\\Alice", "Alice"),
        ("C:\\Users\\Alice\\", "Alice"),
        ("C:/Users/Alice", "Alice"),
    ],
)
def test_collect_blocked_values_takes_the_last_component_of_home(home: str, name: str) -> None:
    """The person's name is the last component of the home directory of any system."""
    assert labels(collect_blocked_values("", home, {})) == {"username": name}


def test_collect_blocked_values_has_duplicates_once() -> None:
    """A value that comes from several places is one value."""
    env = {"A_TOKEN": "same-secret", "B_TOKEN": "same-secret"}
    assert labels(collect_blocked_values("tim", "/home/tim", env)) == {
        "hostname": "tim",
        "env:A_TOKEN": "same-secret",
    }


def test_collect_blocked_values_takes_a_name_that_is_a_credential_for_a_credential() -> None:
    """Where a name is also a credential, the stricter search is due."""
    (value,) = collect_blocked_values("tim", "", {"GITHUB_TOKEN": "tim"})
    assert value.label == "env:GITHUB_TOKEN"
    assert not value.is_whole_word


def test_blocked_value_hides_its_value() -> None:
    """What is printed names where the value came from, never the value."""
    values = collect_blocked_values("laptop", "/home/alice", {"GITHUB_TOKEN": "ghp_secret"})
    for word in ("laptop", "alice", "ghp_secret"):
        assert word not in repr(values)
        assert word not in str(values)
    assert "env:GITHUB_TOKEN" in repr(values)


def test_blocked_values_are_immutable() -> None:
    """The values are a tuple of frozen things: nobody can take one out."""
    values = collect_blocked_values("laptop", "", {})
    assert isinstance(values, tuple)
    with pytest.raises(FrozenInstanceError):
        values[0].value = ""  # type: ignore[misc]  # the very thing that must fail


@pytest.mark.parametrize(("hostname", "whole"), [("linux", True), ("a23456z", True), ("a234567z", False)])
def test_blocked_name_is_a_whole_word_below_eight_characters(hostname: str, whole: bool) -> None:
    """Only a short name is searched as a whole word."""
    (value,) = collect_blocked_values(hostname, "", {})
    assert value.is_whole_word is whole
