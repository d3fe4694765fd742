"""What a person asks for becomes a filter, or a sentence that says what can be asked."""

from __future__ import annotations

from typing import Any

import pytest

from mcptelemetry.collector import AUTOMATION, PEOPLE, Filter, parse_filter

HOUR, DAY = 3600, 86_400
NOW = 1_764_288_000 + 1800.5  # half past midnight, 28 November 2025


def test_nothing_asked_is_everything_of_people() -> None:
    """Without a word, all documents are asked for, and of heartbeats those of people."""
    assert parse_filter(now=NOW) == Filter(env_kinds=PEOPLE)
    assert parse_filter(now=NOW, app="", version="", env_kind="") == Filter(env_kinds=PEOPLE)


@pytest.mark.parametrize(
    ("word", "kinds"), [("all", None), ("automation", AUTOMATION), ("people", PEOPLE), ("ci", ("ci",)), ("unknown", ("unknown",))]
)
def test_env_kind_is_a_group_or_one_word(word: str, kinds: Any) -> None:
    """People, automation and all are groups; each closed word stands for itself."""
    assert parse_filter(now=NOW, env_kind=word).env_kinds == kinds


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-11-27", 1_764_201_600),
        ("2025-11-27T05", 1_764_201_600 + 5 * HOUR),
        ("2025-11-27T05:59", 1_764_201_600 + 5 * HOUR),
        ("2025-11-27T05:59:59Z", 1_764_201_600 + 5 * HOUR),
        ("24h", 1_764_288_000 - DAY),
        ("30d", 1_764_288_000 - 30 * DAY),
        ("8w", 1_764_288_000 - 56 * DAY),
        ("99999w", 0),
    ],
)
def test_since_is_a_moment_or_a_length(text: str, moment: int) -> None:
    """A beginning is a date, a time in UTC or a length back from now, and falls on the full hour before."""
    asked = parse_filter(now=NOW, since=text)
    assert (asked.since, asked.until) == (moment, 1_764_288_000 + HOUR)


def test_until_falls_on_the_next_full_hour() -> None:
    """What happened in the last hour that is asked for counts."""
    assert parse_filter(now=NOW, until="2025-11-27T05:01").until == 1_764_201_600 + 6 * HOUR
    assert parse_filter(now=NOW, until="2025-11-27T05:00").until == 1_764_201_600 + 5 * HOUR


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"since": "yesterday"}, "since='yesterday' is no moment; give a date"),
        ({"until": "2025-02-30"}, "until"),
        ({"since": "²h"}, "since"),
        ({"env_kind": "person"}, "env_kind='person' is not known; give one of people"),
        ({"since": "1d", "until": "2d"}, "before it has begun"),
    ],
)
def test_what_cannot_be_asked_is_said(words: dict[str, str], said: str) -> None:
    """A slip is an error that names the word and what can be given."""
    with pytest.raises(ValueError, match=said):
        parse_filter(now=NOW, **words)
