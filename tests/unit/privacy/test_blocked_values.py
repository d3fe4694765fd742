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
    env = {"GITHUB_TOKEN": "ghp_secret1", "PATH": "/usr/bin", "OPENAI_API_KEY": "sk-12345"}
    assert labels(collect_blocked_values("laptop", "/home/alice", env)) == {
        "hostname": "laptop",
        "username": "alice",
        "env:GITHUB_TOKEN": "ghp_secret1",
        "env:OPENAI_API_KEY": "sk-12345",
    }


@pytest.mark.parametrize("name", CREDENTIALS)
def test_populate_blocked_values_knows_each_credential(name: str) -> None:
    """Each well-known variable's value is collected from eight characters on: `local` is no key."""
    assert labels(collect_blocked_values("", "", {name: "abcdefg1"})) == {f"env:{name}": "abcdefg1"}
    assert collect_blocked_values("", "", {name: "abcdef1"}) == ()
    assert collect_blocked_values("", "", {name: "local"}) == ()


def test_populate_blocked_values_skips_what_is_empty() -> None:
    """An empty name or variable would be found in every document, so it is not one."""
    assert collect_blocked_values("", "", {"GITHUB_TOKEN": "", "X_TOKEN": "   "}) == ()
    assert collect_blocked_values("  ", "/", {}) == ()


def test_populate_blocked_values_twice_gives_the_same() -> None:
    """Collecting keeps nothing: a second time gives the same, not twice as much."""
    arguments = ("laptop", "/home/alice", {"GITHUB_TOKEN": "ghp_secret1"})
    assert collect_blocked_values(*arguments) == collect_blocked_values(*arguments)


@pytest.mark.parametrize("suffix",
    ["_TOKEN", "_KEY", "_SECRET", "_PASSWORD", "PASSWORD", "_PASS", "_PAT", "_PWD", "_DSN", "_CREDENTIALS"],
)
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
    (value,) = collect_blocked_values("tim-2026", "", {"GITHUB_TOKEN": "tim-2026"})
    assert value.label == "env:GITHUB_TOKEN"
    assert not value.is_whole_word


def test_blocked_value_hides_its_value() -> None:
    """What is printed names where the value came from, never the value."""
    values = collect_blocked_values("laptop", "/home/alice", {"GITHUB_TOKEN": "ghp_secret1"})
    for word in ("laptop", "alice", "ghp_secret1"):
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


@pytest.mark.parametrize("name", ["TOKEN", "SECRET", "token", "PGPASSWORD", "PASSWORD"])
def test_collect_blocked_values_knows_a_variable_that_is_called_nothing_else(name: str) -> None:
    """`TOKEN`, `SECRET` and `PGPASSWORD` hold credentials though no word stands before."""
    assert labels(collect_blocked_values("", "", {name: "opensesame"})) == {f"env:{name}": "opensesame"}
    assert collect_blocked_values("", "", {f"{name}S": "opensesame"}) == ()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OPENAI_API_KEY", "local"),
        ("SORT_KEY", "timestamp"),
        ("LICENSE_KEY", "personal"),
        ("PARTITION_KEY", "customer_id"),
        ("PAGE_TOKEN", "next_page_token"),
        ("DB_PASSWORD", "unknown_tool"),
        ("APP_SECRET", "Retrieve_Tools"),
        ("X_SECRET", "streamable_http"),
        ("DB_PASSWORD", "claude-desktop"),
        ("APP_SECRET", "GitHub-Copilot"),
        ("APP_SECRET", "short"),
    ],
)
def test_collect_blocked_values_passes_what_does_not_look_like_a_credential(variable: str, value: str) -> None:
    """A setting, a closed word or a short word is no credential, whatever its variable is called."""
    assert collect_blocked_values("", "", {variable: value}) == ()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DB_PASSWORD", "opensesame"),
        ("SORT_KEY", "timestamp1"),
        ("SORT_KEY", "a_rather_long_identifier"),
        ("X_TOKEN", "same-secret"),
        ("X_SECRET", "timestamp"),
    ],
)
def test_collect_blocked_values_takes_what_looks_like_a_credential(variable: str, value: str) -> None:
    """A password may be a word; a key has a digit, another sign, or sixteen characters."""
    assert labels(collect_blocked_values("", "", {variable: value})) == {f"env:{variable}": value}


@pytest.mark.parametrize(
    ("value", "passwords"),
    [
        ("postgres://app:s3cr3t-42@db/app", ["s3cr3t-42"]),
        ("https://user:hun/ter2@host", ["hun/ter2"]),
        ("redis://:p%40ssw0rd@cache:6379/0", ["p%40ssw0rd", "p@ssw0rd"]),
        ("amqp://app:s3cr3t:4@2@mq/v", ["s3cr3t:4@2"]),
        ("postgres://postgres:postgres@localhost/app", []),
        ("postgres://app@db/app", []),
        ("http://localhost:8080/a@b", []),
        ("https://example.org/x?mail=a@b", []),
        ("redis://:short@cache", []),
        ("not an address: a@b", []),
        ("", []),
    ],
)
def test_collect_blocked_values_takes_the_password_inside_an_address(value: str, passwords: list[str]) -> None:
    """Of a `*_URL` the password is collected, as it stands and decoded, and nothing else."""
    found = collect_blocked_values("", "", {"DATABASE_URL": value, "DATABASE": value})
    assert [blocked.value for blocked in found] == passwords
    assert all(blocked.label == "env:DATABASE_URL" for blocked in found)


def test_collect_blocked_values_takes_a_dsn_whole_and_its_password() -> None:
    """A `*_DSN` is a credential as a whole, and so is the password in it."""
    found = collect_blocked_values("", "", {"SENTRY_DSN": "https://key:s3cr3t42@sentry.example/1"})
    assert [blocked.value for blocked in found] == ["https://key:s3cr3t42@sentry.example/1", "s3cr3t42"]


def test_collect_blocked_values_takes_the_names_in_the_environment_and_the_first_label() -> None:
    """USER, LOGNAME and the first label of a dotted host name are names, from three characters on."""
    found = collect_blocked_values("box17.corp.example", "/home/al", {"USER": "alice", "LOGNAME": "alice.liddell"})
    assert [(value.label, value.value) for value in found] == [
        ("hostname", "box17.corp.example"),
        ("username", "al"),
        ("hostname", "box17"),
        ("username", "alice"),
        ("username", "alice.liddell"),
    ]
    assert collect_blocked_values("", "", {"USER": "ab", "LOGNAME": "  "}) == ()
    assert [value.value for value in collect_blocked_values("ab.example", "", {})] == ["ab.example"]


@pytest.mark.parametrize("name", ["v1", "V2", "7", "2026"])
def test_collect_blocked_values_passes_a_name_that_would_stand_in_every_version(name: str) -> None:
    """A machine called `v1` tells nothing about anybody, and would silence every version."""
    assert collect_blocked_values(name, f"/home/{name}", {"USER": name}) == ()
