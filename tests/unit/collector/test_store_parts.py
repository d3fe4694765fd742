"""What all stores share: filters, the halves of ids, ranks, facts of heartbeats, and URLs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mcptelemetry.collector import Filter, SqliteStore, StoreError, open_questions, open_store
from mcptelemetry.collector._upgrades import is_upgrade
from mcptelemetry.collector.stores._event_ids import join_id, split_id
from mcptelemetry.collector.stores._heartbeat_facts import counts_of, profile_of
from mcptelemetry.collector.stores._open import missing_driver
from mcptelemetry.collector.stores._ranks import nearest_ranks
from mcptelemetry.collector.stores._text import storable

FULL: dict[str, Any] = json.loads((Path(__file__).parents[2] / "data" / "heartbeat" / "full.json").read_text())
HOUR, DAY = 3600, 86_400


def test_period_before_is_as_long_and_ends_where_it_begins() -> None:
    """The period before a week is the week before; an open period has none before it."""
    week = Filter(app="acme-mcp", since=14 * DAY, until=21 * DAY)
    assert week.before() == Filter(app="acme-mcp", since=7 * DAY, until=14 * DAY)
    assert Filter(since=DAY).before() is Filter(until=DAY).before() is Filter().before() is None


@pytest.mark.parametrize("period", [{"since": 1}, {"until": HOUR + 1}, {"since": DAY, "until": DAY}, {"since": DAY, "until": 0}])
def test_period_is_of_full_hours_and_forwards(period: dict[str, int]) -> None:
    """A period that does not begin and end at full hours, or ends before it begins, is an error."""
    with pytest.raises(ValueError, match="since|until"):
        Filter(**period)


@pytest.mark.parametrize("number", [0, 7, 10, 10**17, 10**18 - 1])
def test_ids_of_ours_are_halved_and_joined(number: int) -> None:
    """A process's digits and a number are the very id again."""
    text = f"{'0af9' * 5}-{number}"
    halves = split_id(text)
    assert halves is not None
    assert (halves[1], join_id(*halves)) == (number, text)


@pytest.mark.parametrize("end", ["", "-", "-07", "-1 ", "-x", "-1000000000000000000", "--1", "0-1", "-\u0661", "-1\n"])
def test_ids_of_another_make_are_left_whole(end: str) -> None:
    """What our senders would not write is not halved: it could not be joined again."""
    assert split_id("0af9" * 5 + end) is None
    assert split_id("0AF9" * 5 + "-1") is None


def test_ranks_are_exact() -> None:
    """The p-th percentile is the least value that at least p percent do not exceed."""
    assert nearest_ranks([(1, 19), (2, 1)], 20, (50, 95, 99)) == [1, 1, 2]
    assert nearest_ranks([(5, 1)], 1, (50, 95)) == [5, 5]
    assert nearest_ranks([], 0, (50, 95)) == [None, None]


def test_facts_of_a_heartbeat() -> None:
    """A heartbeat's facts are its profile, and what it counts without zeros."""
    profile = profile_of({**FULL, "python_version": "3.13.0rc1+"})
    assert (profile.app, profile.python, profile.env_kind) == ("acme-mcp", "3.13", "interactive")
    bare = profile_of({name: value for name, value in FULL.items() if name not in ("env_kind", "launch_source")})
    assert (bare.env_kind, bare.launch_source) == ("unknown", "unknown")
    counted = list(counts_of(FULL))
    assert ("surface", "mcp", 120) in counted
    assert not any(name == "webui" for _, name, _ in counted)
    assert ("duration:le_10ms", "retrieve_tools", 30) in counted
    assert ("milestone", "first_search", 1) in counted
    assert not any(name == "first_export" for _, name, _ in counted)
    assert len(counted) == len({(kind, name) for kind, name, _ in counted})
    assert list(counts_of({"app": "acme-mcp"})) == []


def test_text_is_storable() -> None:
    """NUL and half characters are replaced, everything else stays."""
    assert storable("a\0b\ud83dc\udc00\U0001f600\n") == "a\ufffdb\ufffdc\ufffd\U0001f600\n"
    assert storable(None) is None


@pytest.mark.parametrize(
    ("previous", "version", "is_higher"),
    [
        ("v1.9.0", "v1.10.0", True), ("1.0", "v1.0.1", True), ("v1.0", "v1.0.0", False), ("v2.0.0", "v1.9.9", False),
        ("v1.0.0-rc.1", "v1.0.0", True), ("v1.0.0-rc.9", "v1.0.0-rc.10", True), ("1.0a2", "1.0b1", True), ("1.0", "1.0.post1", True),
        ("1.0.0", "1.0.0-beta", False), ("v1.0.0+build", "v1.0.0", False), ("main", "v1.0.0", False), ("v1.0.0", "main", False),
        ("", "v1.0.0", False), ("v1.0.0-1", "v1.0.0", True),
    ],
)  # fmt: skip
def test_upgrades_are_told_from_downgrades(previous: str, version: str, is_higher: bool) -> None:  # noqa: FBT001  parametrised
    """Numbers count as numbers, a pre-release is lower than its release, and nonsense is not compared."""
    assert is_upgrade(previous, version) is is_higher
    assert not (is_upgrade(previous, version) and is_upgrade(version, previous))


def test_a_url_names_its_store(tmp_path: Path) -> None:
    """`sqlite:FILE` is a file as it stands, and `sqlite:///FILE` its absolute path."""
    for url in (f"sqlite:{tmp_path / '50%.db'}", f"SQLITE://{tmp_path / '50%25.db'}"):
        store = open_store(url)
        assert isinstance(store, SqliteStore)
        assert store.path == str(tmp_path / "50%.db")
        assert open_questions(url).apps(Filter()) == {}
    assert [entry.name for entry in tmp_path.iterdir()] == ["50%.db"]


def test_questions_make_no_store(tmp_path: Path) -> None:
    """What is only asked is not made."""
    with pytest.raises(StoreError, match="does not exist"):
        open_questions(f"sqlite:{tmp_path / 'c.db'}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["", "c.db", "mysql://u:hunter2@h/d", "sqlite", "sqlite:"])
def test_a_url_of_no_store_is_refused_without_its_password(url: str) -> None:
    """What names no store is an error that says what does, and never repeats what might be a password."""
    with pytest.raises(ValueError, match="names no") as caught:
        open_store(url)
    assert "hunter2" not in str(caught.value)
    with pytest.raises(TypeError, match="url must be a str"):
        open_store(b"sqlite:c.db")  # type: ignore[arg-type]  # on purpose


def test_a_missing_driver_is_said_with_its_command() -> None:
    """The error names what is missing and what installs it."""
    error = missing_driver(ImportError("no", name="psycopg"), "PostgreSQL", "psycopg[binary,pool]")
    assert isinstance(error, StoreError)
    assert "PostgreSQL needs psycopg, which is not installed; " in str(error)
    assert "psycopg[binary,pool]" in str(error)
