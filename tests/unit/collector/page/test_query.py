"""What the address of the page asks for, and the addresses it leads to."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcptelemetry.collector import Filter, parse_filter
from mcptelemetry.collector.page import PERIODS
from mcptelemetry.collector.page._query import FIELDS, read_query

HOUR, DAY = 3600, 86400
NOW = 1_764_268_211.5  # 27 November 2025, 18:30:11 UTC
MIDNIGHT = 1_764_201_600

_names = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
_queries = st.fixed_dictionaries(
    {},
    optional={
        "app": _names,
        "version": _names,
        "client": _names,
        "tool": _names,
        "env_kind": st.sampled_from(("people", "automation", "all", "ci")),
        "period": st.sampled_from(tuple(PERIODS)),
        "show": st.just("unread"),
    },
)


def fields_of(link: str) -> list[tuple[str, str]]:
    """Return the fields of an address."""
    return parse_qsl(urlsplit(link).query, keep_blank_values=True, strict_parsing=bool(urlsplit(link).query))


def test_nothing_asks_for_thirty_days_of_people() -> None:
    """An address without fields asks for people in thirty days: from a midnight to the coming full hour."""
    query = read_query([], NOW)
    assert query.asked == Filter(env_kinds=("interactive", "cloud_ide"), since=MIDNIGHT - 29 * DAY, until=MIDNIGHT + 19 * HOUR)
    assert (query.period, query.fields, query.link()) == ("30d", (), "/")


def test_a_day_is_its_last_twenty_four_hours() -> None:
    """24h are twenty-four whole hours that end at the coming full hour."""
    asked = read_query([("period", "24h")], NOW).asked
    assert (asked.since, asked.until) == (MIDNIGHT - 5 * HOUR, MIDNIGHT + 19 * HOUR)


@pytest.mark.parametrize(("word", "days"), [("7d", 7), ("30d", 30), ("90d", 90), ("365d", 365)])
@pytest.mark.parametrize("now", [NOW, MIDNIGHT + 0.0, MIDNIGHT + 1.0, MIDNIGHT - 1.0])
def test_a_period_of_days_is_that_of_a_report_since_its_first_day(word: str, days: int, now: float) -> None:
    """`report --since DATE` with the date on which a period begins asks for the same."""
    import time

    asked = read_query([("period", word)], now).asked
    assert asked.since is not None
    date = time.strftime("%Y-%m-%d", time.gmtime(asked.since))
    assert asked == parse_filter(now=now, since=date)
    assert asked.since == (now // DAY - days + 1) * DAY


def test_a_range_wins_over_a_period() -> None:
    """Dates that somebody typed count, and the period that the form still carries does not."""
    query = read_query([("period", "7d"), ("since", "2025-11-01"), ("until", "2025-11-08")], NOW)
    assert query.period is None
    assert query.asked == parse_filter(now=NOW, since="2025-11-01", until="2025-11-08")
    assert query.link() == "/?since=2025-11-01&until=2025-11-08"


def test_a_period_takes_a_range_away() -> None:
    """The link to a period leads out of a range."""
    query = read_query([("since", "2025-11-01")], NOW)
    assert query.link("/", period="7d") == "/?period=7d"


def test_the_usual_stands_in_no_address() -> None:
    """What an address would mean without a field is not said in it."""
    assert read_query([("period", "30d"), ("env_kind", "people"), ("app", "")], NOW).link() == "/"


def test_fields_that_mean_nothing_here_are_let_be() -> None:
    """Whoever adds a field of a campaign to an address sees the page, and no link carries it on."""
    assert read_query([("utm_source", "x"), ("app", "a"), ("app", "b")], NOW).fields == (("app", "a"),)


@pytest.mark.parametrize(
    "fields", [[("period", "5d")], [("env_kind", "robots")], [("since", "yesterday")], [("since", "2025-11-08"), ("until", "2025-11-01")]]
)
def test_what_cannot_be_used_is_said(fields: list[tuple[str, str]]) -> None:
    """A field that cannot be used is named, with what can be given."""
    with pytest.raises(ValueError, match=r"period|env_kind|since"):
        read_query(fields, NOW)


@given(_queries)
def test_an_address_leads_back_to_itself(said: dict[str, str]) -> None:
    """Reading the address of a query gives the query again."""
    query = read_query(list(said.items()), NOW)
    again = read_query(fields_of(query.link("/tool")), NOW)
    assert again == query
    assert {name: again.value(name) for name in said if said[name]} == {name: value for name, value in said.items() if value}


@given(_queries, st.sampled_from(("app", "version", "client", "tool")), st.one_of(st.none(), _names))
def test_a_link_changes_one_filter_and_keeps_the_rest(said: dict[str, str], field: str, value: str | None) -> None:
    """A filter is replaced or taken away, and every other stays as it is."""
    query = read_query(list(said.items()), NOW)
    changed = read_query(fields_of(query.link("/", **{field: value})), NOW)
    assert changed.value(field) == (value or "")
    others = [name for name in FIELDS if name != field]
    assert [changed.value(name) for name in others] == [query.value(name) for name in others]
