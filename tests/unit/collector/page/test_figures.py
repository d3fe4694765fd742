"""Numbers, days and ages as the page shows them."""

from __future__ import annotations

from typing import Optional

import pytest

from mcptelemetry.collector.page._figures import (
    NOTHING,
    THIN,
    as_change,
    as_count,
    as_duration,
    as_many,
    as_points,
    as_share,
    as_short_count,
)
from mcptelemetry.collector.page._moments import (
    as_age,
    as_day,
    as_hour,
    as_moment,
    as_period,
    as_span,
    as_stamp,
)

HOUR, DAY, WEEK = 3600, 86_400, 604_800
NOV_26 = 1_795_651_200  # Thursday 26 November 2026, midnight


def spaced(text: str) -> str:
    """The same with ordinary blanks, to be read in a test."""
    return text.replace(THIN, " ").replace("\u00a0", " ").replace("\u2212", "-")


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0"), (999, "999"), (1000, "1 000"), (104_371, "104 371"), (10**12, "1 000 000 000 000"), (-1684, "-1 684"), (None, NOTHING)]
)
def test_counts_stand_in_groups_of_three(number: Optional[int], text: str) -> None:
    """Thousands are set apart by a narrow blank, and what is not known is a dash."""
    assert spaced(as_count(number)) == text


def test_a_number_is_never_torn_from_its_parts() -> None:
    """No figure has a blank at which a line may break."""
    figures = [as_count(104_371), as_share(1, 3), as_duration(1900), as_change(3, 2).text, as_points((1, 2), (1, 4)).text]
    assert not any(" " in figure for figure in figures)


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (950, "950"), (1000, "1k"), (1500, "1.5k"), (999_999, "999k"), (2_000_000, "2M"), (10**9, "1bn"), (25 * 10**11, "2.5tn"), (-2500, "-2.5k")],
)
def test_an_axis_says_its_numbers_shortly(number: int, text: str) -> None:
    """An axis has letters for thousands and more, and never says more than there is."""
    assert spaced(as_short_count(number)) == text


def test_one_is_not_many() -> None:
    """A noun follows its number."""
    assert [as_many(1, "call"), as_many(0, "call"), as_many(2, "reply", "replies")] == ["1 call", "0 calls", "2 replies"]


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (27, 1000, "2.7 %"), (1, 3, "33.3 %"), (1, 1, "100 %"), (0, 5, "0 %"), (1, 10**9, "<0.1 %"), (10**9 - 1, 10**9, ">99.9 %"),
        (0, 0, NOTHING), (None, 4, NOTHING), (4, None, NOTHING), (3, 2, "150 %"),
    ],
)  # fmt: skip
def test_a_share_is_told_to_a_tenth(part: Optional[int], whole: Optional[int], text: str) -> None:
    """A share of nothing is none, and what is not quite nothing or all does not read as if it were."""
    assert spaced(as_share(part, whole)) == text


def test_a_share_can_tell_of_what() -> None:
    """A share with its base says both, and whole per cents where these do."""
    assert spaced(as_share(27, 1000, with_base=True)) == "2.7 % of 1 000"
    assert spaced(as_share(2, 3, digits=0)) == "67 %"
    assert as_share(0, 0, with_base=True) == NOTHING


@pytest.mark.parametrize(
    ("length_ms", "text"),
    [
        (0, "0 ms"), (24, "24 ms"), (999, "999 ms"), (999.7, "1 s"), (1000, "1 s"), (1940, "1.9 s"), (21_000, "21 s"), (60_000, "1 min"),
        (150_000, "2.5 min"), (3_600_000, "1 h"), (172_800_000, "2 days"), (10**9, "11.6 days"),
        (86_400_000_000, "2.7 years"), (2**53 - 1, "285k years"), (None, NOTHING),
    ],
)  # fmt: skip
def test_a_length_of_time_has_the_unit_in_which_it_is_read(length_ms: Optional[float], text: str) -> None:
    """Milliseconds, seconds, minutes and hours each begin where the one before is no longer read easily."""
    assert spaced(as_duration(length_ms)) == text


@pytest.mark.parametrize(
    ("now", "before", "text", "direction", "spoken"),
    [
        (109, 100, "+9 %", "up", "9 % more than in the period before"),
        (92, 100, "-8 %", "down", "8 % less than in the period before"),
        (1001, 1000, "no change", "same", "as much as in the period before"),
        (0, 0, "no change", "same", "as much as in the period before"),
        (0, 4, "-100 %", "down", "100 % less than in the period before"),
        (5, 0, "new", "new", "there was none in the period before"),
        (1100, 100, "11 times", "up", "11 times as much as in the period before"),
        (None, 3, "", "unknown", "there is nothing before to compare with"),
        (3, None, "", "unknown", "there is nothing before to compare with"),
    ],
)
def test_a_change_is_told_against_the_period_before(
    now: Optional[int], before: Optional[int], text: str, direction: str, spoken: str
) -> None:
    """A change has a short text, a closed word for its direction, and a sentence."""
    change = as_change(now, before)
    assert (spaced(change.text), change.direction, change.spoken) == (text, direction, spoken)


@pytest.mark.parametrize(
    ("now", "before", "text", "direction"),
    [
        ((27, 1000), (23, 1000), "+0.4 points", "up"), ((1, 100), (0, 7), "+1 point", "up"), ((0, 7), (1, 10), "-10 points", "down"),
        ((5, 100), (50, 1000), "no change", "same"), ((0, 0), (1, 2), "", "unknown"), ((1, 2), None, "", "unknown"),
    ],
)  # fmt: skip
def test_rates_are_compared_in_points(now: tuple[int, int], before: Optional[tuple[int, int]], text: str, direction: str) -> None:
    """The change of a share is the difference in percentage points, and none where either is a share of nothing."""
    change = as_points(now, before)
    assert (spaced(change.text), change.direction) == (text, direction)


def test_the_caller_says_what_is_better() -> None:
    """More calls are better and more errors are worse; what is new or the same is neither."""
    assert [as_change(2, 1).verdict("up"), as_change(2, 1).verdict("down"), as_change(1, 2).verdict("down")] == ["better", "worse", "better"]
    assert {as_change(2, 1).verdict(None), as_change(1, 1).verdict("up"), as_change(1, 0).verdict("up"), as_change(None, 1).verdict("up")} == {"neutral"}


def test_days_and_hours_are_in_utc() -> None:
    """Days have their month's name, hours two digits, and a moment says that it is in UTC."""
    moment = NOV_26 + 6 * HOUR + 12 * 60
    assert [as_day(moment), as_day(moment, with_year=True), as_day(moment, with_weekday=True)] == ["26 Nov", "26 Nov 2026", "Thu 26 Nov"]
    assert [as_hour(moment), as_moment(moment), as_moment(None)] == ["06:12", "26 Nov 2026, 06:12 UTC", "never"]
    assert as_stamp(moment) == "2026-11-26T06:12:00Z"


def test_a_moment_that_no_calendar_has_is_still_shown() -> None:
    """A clock gone wild shows the nearest day there is."""
    assert [as_day(-1, with_year=True), as_day(1e30, with_year=True)] == ["1 Jan 1970", "31 Dec 9999"]


@pytest.mark.parametrize(
    ("age_secs", "text"),
    [
        (-100, "just now"), (0, "just now"), (59, "just now"), (60, "1 minute ago"), (150, "2 minutes ago"), (7200, "2 hours ago"),
        (2 * DAY, "2 days ago"), (59 * DAY, "59 days ago"), (60 * DAY, "on 27 Sep 2026"),
    ],
)  # fmt: skip
def test_an_age_is_told_in_one_unit(age_secs: int, text: str) -> None:
    """An age is told in minutes, hours or days, and from two months on as the day; a clock that goes ahead is of now."""
    assert as_age(NOV_26 - age_secs, NOV_26) == text
    assert as_age(None, NOV_26) == "never"


@pytest.mark.parametrize(
    ("step_secs", "text"),
    [
        (HOUR, "Thu 26 Nov, 00:00"), (DAY, "Thu 26 Nov"), (WEEK, "the week from 26 Nov 2026"), (4 * WEEK, "the 4 weeks from 26 Nov 2026"),
        (3 * DAY, "the 3 days from 26 Nov 2026"),
    ],
)  # fmt: skip
def test_a_span_is_called_by_its_beginning(step_secs: int, text: str) -> None:
    """A span says when it begins, and how long it is where that is not an hour or a day."""
    assert as_span(NOV_26, step_secs) == text


@pytest.mark.parametrize(
    ("since", "until", "text"),
    [
        (NOV_26 - 29 * DAY, NOV_26 + 23 * HOUR, "28 Oct to 26 Nov"), (NOV_26, NOV_26 + DAY, "26 Nov"),
        (NOV_26 - HOUR, NOV_26 + 23 * HOUR, "25 Nov 23:00 to 26 Nov 23:00"), (NOV_26 - 365 * DAY, NOV_26, "26 Nov 2025 to 25 Nov 2026"),
    ],
)  # fmt: skip
def test_a_period_is_its_first_and_last_day(since: int, until: int, text: str) -> None:
    """A period of days names the last day that is in it; a short one its hours; one over two years both."""
    assert as_period(since, until) == text
