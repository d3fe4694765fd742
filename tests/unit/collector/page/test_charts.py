"""The charts of the page: what is drawn, what is counted in it, and what is said of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Optional
from xml.etree import ElementTree

import pytest

import mcptelemetry.collector
from mcptelemetry.collector import CallSpan
from mcptelemetry.collector.page._axes import TIERS, choose_names, choose_times, nice_ticks
from mcptelemetry.collector.page._charts import (
    Shares,
    Trend,
    describe_shares,
    describe_trend,
    draw_bar,
    draw_shares,
    draw_spark,
    draw_trend,
    share_rows,
    step_of,
    trend_rows,
)
from mcptelemetry.collector.page._timeline import SPANS_SHOWN_MAX, Timeline

HOUR, DAY, WEEK = 3600, 86_400, 604_800
NOV_26 = 1_795_651_200  # Thursday 26 November 2026, midnight
WIDE = TIERS[-1]
STATIC = Path(mcptelemetry.collector.__file__).parent / "page" / "static"
STYLES, SCRIPT = ((STATIC / name).read_text(encoding="utf-8") for name in ("charts.css", "page.js"))


def spaced(text: Optional[str]) -> str:
    return (text or "").replace("\u202f", " ").replace("\u00a0", " ")


def trend_of(
    calls: Sequence[int],
    errors: Sequence[int] = (),
    before: Sequence[int] = (),
    marks: Sequence[tuple[str, int]] = (),
    now: Optional[float] = None,
) -> Trend:
    """Days up to 26 November, of which the marks are counted from the first one."""
    since = NOV_26 - (len(calls) - 1) * DAY
    errors = errors or [0] * len(calls)
    return Trend(
        since,
        NOV_26 + DAY,
        DAY,
        [CallSpan(since + day * DAY, *numbers) for day, numbers in enumerate(zip(calls, errors))],
        [CallSpan(since + (day - len(calls)) * DAY, number, 0) for day, number in enumerate(before)],
        [(version, since + day * DAY) for version, day in marks],
        now,
    )


def parse(markup: str) -> ElementTree.Element:
    return ElementTree.fromstring(markup)


def by_class(markup: str, name: str) -> list[ElementTree.Element]:
    return [node for node in parse(markup).iter() if name in node.get("class", "").split()]


# The timeline


@pytest.mark.parametrize(
    ("days", "step_secs"), [(1, HOUR), (3, HOUR), (4, DAY), (7, DAY), (90, DAY), (120, DAY), (121, WEEK), (365, WEEK), (2000, 4 * WEEK)]
)
def test_a_period_is_cut_into_spans_that_can_be_read(days: int, step_secs: int) -> None:
    """Hours up to three days, days up to four months, weeks up to three years, and then several weeks."""
    assert step_of(NOV_26 - days * DAY, NOV_26) == step_secs


def test_any_period_can_be_cut() -> None:
    """Whatever period is asked for, its spans are few enough to be drawn."""
    for years in (10, 57, 1000, 8000, 10**6):
        since, until = 0, years * 365 * DAY
        assert len(Timeline(since, until, step_of(since, until))) <= SPANS_SHOWN_MAX


@pytest.mark.parametrize(("since", "until", "step_secs"), [(DAY, DAY, DAY), (2 * DAY, DAY, DAY), (0, 1001 * HOUR, HOUR), (0, DAY, 60)])
def test_a_timeline_that_cannot_be_drawn_is_an_error(since: int, until: int, step_secs: int) -> None:
    """A period that ends before it begins, too many spans, and a step that is not of hours are refused by a sentence."""
    with pytest.raises(ValueError, match="period|spans|hours"):
        Trend(since, until, step_secs, [])
    with pytest.raises(ValueError, match="period|spans|hours"):
        Shares(since, until, step_secs, [])


def test_weeks_begin_on_monday_and_may_begin_before_the_period() -> None:
    """A week in which a period begins is its first span, and not a whole one."""
    line = Timeline(NOV_26 - 14 * DAY, NOV_26, WEEK)
    assert list(line.starts) == [NOV_26 - 17 * DAY, NOV_26 - 10 * DAY, NOV_26 - 3 * DAY]
    assert [line.is_whole(index) for index in range(3)] == [False, True, False]


def test_what_is_not_over_says_so() -> None:
    """A span that is under way is told so far, one that the period cuts is told in part."""
    line = Timeline(NOV_26 - DAY + 6 * HOUR, NOV_26 + 7 * HOUR, DAY, now=NOV_26 + 6.5 * HOUR)
    assert [line.name_of(0), line.name_of(1)] == ["Wed 25 Nov, in part", "Thu 26 Nov, so far"]


# What a trend is made of


def test_spans_without_calls_are_zeros() -> None:
    """A trend has a row for each span of its period, whatever the store left out."""
    since = NOV_26 - 2 * DAY
    trend = Trend(since, NOV_26 + DAY, DAY, [CallSpan(NOV_26, 5, 1)])
    assert [(row.calls, row.errors) for row in trend_rows(trend)] == [(0, 0), (0, 0), (5, 1)]
    assert [row.label for row in trend_rows(trend)] == ["Tue 24 Nov", "Wed 25 Nov", "Thu 26 Nov"]


def test_what_lies_outside_the_period_is_left_out() -> None:
    """Spans and versions before and after the period are not shown."""
    trend = Trend(NOV_26, NOV_26 + DAY, DAY, [CallSpan(NOV_26 - DAY, 9, 9), CallSpan(NOV_26 + DAY, 9, 9)], (), [("v1", NOV_26 - 1), ("v2", NOV_26 + DAY)])
    assert [(row.calls, row.versions) for row in trend_rows(trend)] == [(0, ())]


def test_the_period_before_lies_over_this_one() -> None:
    """The calls of the period before stand with the span as far into it; none stand where it was not asked for."""
    assert [row.before for row in trend_rows(trend_of([1, 2, 3], before=[7, 8, 9]))] == [7, 8, 9]
    assert [row.before for row in trend_rows(trend_of([1, 2, 3], before=[7]))] == [7, 0, 0]
    assert [row.before for row in trend_rows(trend_of([1, 2, 3]))] == [None] * 3


def test_a_span_that_the_period_before_cuts_is_not_compared() -> None:
    """Seven days that end at seven in the morning are compared from the second on: the first one before is not whole."""
    since, until = NOV_26 - 6 * DAY, NOV_26 + 7 * HOUR
    trend = Trend(since, until, DAY, [], [CallSpan(since - 7 * DAY + day * DAY, 10 + day, 0) for day in range(7)], (), until - 60)
    assert [row.before for row in trend_rows(trend)] == [None, 11, 12, 13, 14, 15, 16]


def test_spans_that_have_not_begun_are_no_points() -> None:
    """A period that ends in the future has points up to now only, and the last of them is not whole."""
    trend = Trend(NOV_26, NOV_26 + 5 * DAY, DAY, [CallSpan(NOV_26, 3, 0)], now=NOV_26 + DAY + 60)
    assert [(row.calls, row.is_whole) for row in trend_rows(trend)] == [(3, True), (0, False)]
    assert len(by_class(draw_trend(trend), "point")) == 2


def test_versions_of_one_span_stand_together() -> None:
    """Versions stand in the order in which they came out, and share a line where they share a span."""
    trend = trend_of([1, 1, 1], marks=[("v2", 1), ("v1", 1), ("v0", 0)])
    assert [row.versions for row in trend_rows(trend)] == [("v0",), ("v1", "v2"), ()]
    lines = [node for node in by_class(draw_trend(trend), "mark") if node.get("data-versions")]
    assert [node.get("data-versions") for node in lines] == ["v0", "v1, v2"]


# What is drawn of it


def test_a_trend_has_a_point_for_each_span() -> None:
    """The boxes that can be pointed at are as many as the spans, and carry the numbers."""
    markup = draw_trend(trend_of([10, 0, 30], [1, 0, 2], before=[5, 6, 7]))
    points = by_class(markup, "point")
    assert [(p.get("data-calls"), p.get("data-errors"), p.get("data-before")) for p in points] == [("10", "1", "5"), ("0", "0", "6"), ("30", "2", "7")]
    assert [p.get("data-start") for p in points] == [str(NOV_26 - 2 * DAY), str(NOV_26 - DAY), str(NOV_26)]
    assert parse(markup).get("data-points") == "3"


def test_a_point_says_all_that_is_known_of_its_span() -> None:
    """A pointed span is told without a script: its day, calls, errors and their share, the period before, versions."""
    markup = draw_trend(trend_of([1000, 8], [27, 0], before=[1, 6], marks=[("v1.4.0", 0)]))
    titles = [spaced(point[0].text) for point in by_class(markup, "point")]
    assert titles[0] == "Wed 25 Nov\n1 000 calls\n27 errors (2.7 %)\n1 call in the period before\nv1.4.0 came out"
    assert titles[1] == "Thu 26 Nov\n8 calls\nno errors\n6 calls in the period before"


@pytest.mark.parametrize(
    ("trend", "kinds"),
    [
        (trend_of([3, 4], [1, 0], [2, 2]), {"line", "area", "error-line", "error-area", "before-line"}),
        (trend_of([3, 4]), {"line", "area"}),
        (trend_of([0, 0]), set()),
        (trend_of([0, 0], before=[2, 2]), {"line", "area", "before-line"}),
        (trend_of([7]), set()),
    ],
)
def test_only_what_there_is_is_drawn(trend: Trend, kinds: set[str]) -> None:
    """Calls, errors and the period before each have their line; what there is none of has none."""
    markup = draw_trend(trend)
    frame = by_class(markup, "chart-frame")[0]
    assert {kind for node in frame.iter() if node.tag == "path" for kind in node.get("class", "").split()} == kinds


def test_a_single_span_is_a_dot() -> None:
    """What a line cannot show, a dot on a stem does."""
    markup = draw_trend(trend_of([7], [2]))
    assert [len(by_class(markup, kind)) for kind in ("dot", "error-dot", "stem")] == [1, 1, 1]


def test_an_end_that_is_not_over_is_drawn_so() -> None:
    """The way to a span that is under way is dotted, ends in a hollow dot, and the key says what that means."""
    markup = draw_trend(trend_of([5, 6, 2], now=NOV_26 + HOUR))
    assert [node.tag for node in by_class(markup, "unfinished")] == ["path", "circle", "path"]
    assert "not over yet" in markup
    assert "unfinished" not in draw_trend(trend_of([5, 6, 2]))


def test_a_beginning_that_is_not_whole_is_drawn_so() -> None:
    """A first week that the period cuts is dotted like a last one."""
    trend = Trend(NOV_26 - 17 * DAY + HOUR, NOV_26 + 4 * DAY, WEEK, [CallSpan(NOV_26 - 17 * DAY, 4, 0)])
    markup = draw_trend(trend)
    assert len(by_class(markup, "unfinished")) == 3
    assert "partly in the period" in markup


@pytest.mark.parametrize("trend", [trend_of([0] * 30), Trend(NOV_26, NOV_26 + DAY, DAY, [], now=NOV_26 - DAY)])
def test_nothing_is_said_in_words(trend: Trend) -> None:
    """A period without calls says so in the picture, and has no key."""
    markup = draw_trend(trend)
    assert [node.text for node in by_class(markup, "nothing")] == ["No calls in this period"]
    assert by_class(markup, "key") == []
    assert describe_trend(trend).endswith(": none.")


def test_the_highest_point_lies_below_the_names_of_versions() -> None:
    """No name of a version lies upon the data."""
    markup = draw_trend(trend_of([5000, 4999], marks=[("v1.0.0", 0)]))
    names = [float(node.get("y", "")) for group in by_class(markup, "names") for node in group.iter() if node.tag == "text"]
    assert max(names) < min(float(point.get("data-y", "")) for point in by_class(markup, "point"))


def test_names_from_outside_are_text() -> None:
    """What a sender calls its version is neither a tag nor a hidden character on the page."""
    hostile = '<script>alert(1)</script>"\'&\u202e\x00\ud800' + "W" * 128
    for markup in (draw_trend(trend_of([3, 4], marks=[(hostile, 0)])), draw_shares(Shares(NOV_26, NOV_26 + DAY, DAY, [(NOV_26, hostile, 3)]))):
        assert {node.tag for node in parse(markup).iter()} <= {"div", "svg", "g", "line", "rect", "path", "text", "title", "circle", "p", "span", "ul", "li", "b", "i"}
        assert not any(character in markup for character in "\u202e\x00\ud800")
        assert "style=" not in markup


def test_a_name_of_blanks_is_still_a_name() -> None:
    """A version in which nothing is to be seen says so."""
    assert "(blank) came out" in draw_trend(trend_of([3, 4], marks=[("  ", 0)]))
    assert [node.text for node in by_class(draw_shares(Shares(NOV_26, NOV_26 + DAY, DAY, [(NOV_26, " ", 3)])), "name")] == ["(blank)"]


def test_all_that_is_drawn_is_dressed() -> None:
    """Whatever has no colour of its own has a class that the style sheet knows: else it would be black."""
    trend = trend_of([5, 6, 2], [1, 1, 1], [1, 2, 3], [("v1", 0)], now=NOV_26 + HOUR)
    shares = Shares(NOV_26, NOV_26 + DAY, DAY, [(NOV_26, f"name {number}", 5) for number in range(9)])
    drawn = (draw_trend(trend), draw_trend(trend_of([7], [1])), draw_shares(shares), draw_spark([1, 2]), draw_spark([1]), draw_bar(0.5))
    shapes = {node.get("class", "") for markup in drawn for node in parse(markup).iter() if node.tag in ("path", "rect", "circle") and node.get("fill") != "none"}
    assert len(shapes) > 10
    undressed = {kind for shape in shapes for kind in shape.split() if not re.search(rf"\.{kind}\b[^{{]*{{[^}}]*fill", STYLES)}
    assert undressed <= {"unfinished", "part"}


# What the page's script may do


@pytest.mark.parametrize(
    "word",
    ["eval(", "Function(", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", ".style", "cssText", "localStorage", "sessionStorage", "indexedDB", "cookie", "import", "https:"],
)
def test_the_script_keeps_to_the_policy(word: str) -> None:
    """The script makes no markup of text, sets no style, remembers nothing, and asks nobody else."""
    assert word not in SCRIPT


def test_the_styles_ask_for_nothing() -> None:
    """The style sheet of the charts loads neither pictures nor other sheets."""
    assert not re.search(r"url\(|@import|https?:", STYLES)


# Words for whoever does not see it


def test_a_trend_is_described_by_what_is_seen_in_it() -> None:
    """The description tells the sum, the range and its peak, the errors, the version they rose with, and the period before."""
    trend = trend_of([2000, 4400, 3000, 2600], [20, 40, 300, 36], [1000] * 4, [("v1.3.2", 0), ("v1.4.0", 2)])
    assert spaced(describe_trend(trend)) == (
        "Calls a day, 23 Nov to 26 Nov: 12 000 in all, from 2 000 to 4 400, the most on Tue 24 Nov. "
        "396 errors, 3.3 % of 12 000 calls; the most, 300, on Wed 25 Nov. Errors rose when v1.4.0 came out. "
        "Versions that came out: v1.3.2 on Mon 23 Nov, v1.4.0 on Wed 25 Nov. "
        "That is more than in the same part of the period before (12 000 against 4 000)."
    )
    assert by_class(draw_trend(trend), "trend-plot")[0].get("aria-label") == describe_trend(trend)


@pytest.mark.parametrize(
    ("errors", "marks"), [([20, 40, 30, 30], [("v1.4.0", 2)]), ([20, 40, 300, 300], []), ([300, 300, 20, 20], [("v1.4.0", 2)]), ([0, 0, 9, 0], [("v1.4.0", 2)])]
)
def test_a_version_is_not_blamed_without_a_rise(errors: list[int], marks: list[tuple[str, int]]) -> None:
    """Errors that stay, fall, or are few, and a rise without a version, name none."""
    assert "rose" not in describe_trend(trend_of([2000] * 4, errors, marks=marks))


def test_many_versions_are_told_in_short() -> None:
    """The last six versions are named, and how many came before them."""
    text = describe_trend(trend_of([1] * 9, marks=[(f"v{day}", day) for day in range(9)]))
    assert "v2 on" not in text
    assert "v3 on" in text
    assert "and 3 before" in text


def test_a_steady_trend_has_no_peak() -> None:
    """Where every span has as many calls, none of them is the peak."""
    assert "7 in each." in describe_trend(trend_of([7, 7, 7]))


# Axes


@pytest.mark.parametrize(
    ("most", "ticks"),
    [(0, [0, 1]), (1, [0, 1]), (3, [0, 1, 2, 3]), (5, [0, 2, 4, 6]), (17, [0, 5, 10, 15, 20]), (4400, [0, 2000, 4000, 6000]), (10**6, [0, 500_000, 10**6])],
)
def test_ticks_are_round(most: int, ticks: list[int]) -> None:
    """Ticks go in steps of 1, 2 or 5 up to the most there is."""
    assert nice_ticks(most) == ticks


@pytest.mark.parametrize(
    ("line", "texts"),
    [
        (Timeline(NOV_26, NOV_26 + DAY, HOUR), ["26 Nov", "03:00", "06:00", "09:00", "12:00", "15:00", "18:00", "21:00"]),
        (Timeline(NOV_26 - DAY, NOV_26 + DAY, DAY), ["Wed 25 Nov", "Thu 26 Nov"]),
        (Timeline(NOV_26 - 29 * DAY, NOV_26 + DAY, DAY), ["2 Nov", "9 Nov", "16 Nov", "23 Nov"]),
        (Timeline(NOV_26 - 29 * DAY, NOV_26 + DAY, WEEK), ["26 Oct", "2 Nov", "9 Nov", "16 Nov", "23 Nov"]),
        (Timeline(NOV_26 - 364 * DAY, NOV_26 + DAY, WEEK), ["Dec", "2026", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov"]),
        (Timeline(0, 57 * 365 * DAY, 52 * WEEK), [str(year) for year in range(1975, 2030, 5)]),
    ],
)
def test_times_are_told_in_the_unit_of_the_period(line: Timeline, texts: list[str]) -> None:
    """Hours have the day at midnight, days the Mondays, few weeks their days, many weeks the months, and January its year."""
    assert [label.text for label in choose_times(line, WIDE)] == texts


def test_a_narrow_place_has_fewer_labels() -> None:
    """The narrower the place, the fewer the times below."""
    line = Timeline(NOV_26 - 364 * DAY, NOV_26 + DAY, WEEK)
    counts = [len(choose_times(line, tier)) for tier in TIERS]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]


def test_the_newer_of_two_close_versions_is_named() -> None:
    """Where there is room for a few names only, the later versions keep theirs."""
    names = [(50.0 + 0.01 * number, f"v1.{number}.0") for number in range(9)]
    chosen = [label.text for label in choose_names(names, WIDE)]
    assert chosen
    assert "v1.8.0" in chosen
    assert "v1.0.0" not in chosen


# Shares


def errors_of_three_days(**given: object) -> Shares:
    parts = [(NOV_26 - day * DAY, name, count) for day in range(3) for name, count in (("timeout", 6), ("tool_error", 3 - day), ("cancelled", 0))]
    return Shares(NOV_26 - 2 * DAY, NOV_26 + DAY, DAY, parts, "error", **given)  # type: ignore[arg-type]


def test_columns_are_stacked_in_the_order_of_their_names() -> None:
    """The most frequent name is on top and first in the key; none has a share of nothing."""
    shares = errors_of_three_days()
    assert share_rows(shares)[0] == ("timeout", "tool_error")
    assert [row.counts for row in share_rows(shares)[1]] == [(6, 1), (6, 2), (6, 3)]
    markup = draw_shares(shares)
    first = by_class(markup, "stack")[0]
    tops = {node.get("data-name"): float(node.get("y", "")) for node in first if node.get("data-name")}
    assert tops["timeout"] < tops["tool_error"]
    assert [(item.get("data-name"), item.get("data-count")) for item in parse(markup).iter("li")] == [("timeout", "18"), ("tool_error", "6")]
    assert [column.get("data-total") for column in by_class(markup, "column")] == ["7", "8", "9"]


def test_columns_are_as_high_as_their_numbers() -> None:
    """A column twice as many is twice as high."""
    shares = Shares(NOV_26 - DAY, NOV_26 + DAY, DAY, [(NOV_26 - DAY, "a", 2), (NOV_26 - DAY, "b", 1), (NOV_26, "a", 6)])
    stacks = by_class(draw_shares(shares), "stack")
    small, large = (sum(float(node.get("height", "")) for node in stack if node.get("data-name")) for stack in stacks)
    assert large == pytest.approx(2 * small, abs=0.02)


def test_versions_can_be_stacked_by_age() -> None:
    """By age the latest name is on top, however few have it yet."""
    parts = [(NOV_26 - 2 * DAY, "v1", 9), (NOV_26 - DAY, "v1", 5), (NOV_26 - DAY, "v2", 4), (NOV_26, "v3", 2), (NOV_26, "v2", 6)]
    assert Shares(NOV_26 - 2 * DAY, NOV_26 + DAY, DAY, parts).names == ("v1", "v2", "v3")
    assert Shares(NOV_26 - 2 * DAY, NOV_26 + DAY, DAY, parts, by_age=True).names == ("v3", "v2", "v1")


@pytest.mark.parametrize(("names", "shown"), [(6, 6), (7, 6), (30, 6)])
def test_rare_names_are_one(names: int, shown: int) -> None:
    """Five names are told apart and the others are one; a sixth is itself when it is the last."""
    shares = Shares(NOV_26, NOV_26 + DAY, DAY, [(NOV_26, f"name {number:02d}", 100 - number) for number in range(names)])
    assert len(shares.names) == shown
    assert shares.names[-1] == ("name 05" if names == 6 else f"{names - 5} others")
    assert sum(share_rows(shares)[1][0].counts) == sum(100 - number for number in range(names))


def test_a_share_of_next_to_nothing_is_text() -> None:
    """What is rarer than a tenth of a per cent is told so, as text."""
    markup = draw_shares(Shares(NOV_26, NOV_26 + DAY, DAY, [(NOV_26, "common", 9999), (NOV_26, "rare", 1)]))
    assert [spaced(node.text) for node in parse(markup).iter("i")] == [">99.9 %", "<0.1 %"]


def test_what_is_not_additive_is_told_of_the_last_whole_span() -> None:
    """An installation of two weeks is not two installations: the key tells the last week that is over."""
    shares = Shares(NOV_26 - 2 * DAY, NOV_26 + DAY, DAY, [(NOV_26 - 2 * DAY, "v1", 5), (NOV_26 - DAY, "v1", 2), (NOV_26 - DAY, "v2", 2), (NOV_26, "v2", 1)],
                    "installation", now=NOV_26 + HOUR, is_additive=False)  # fmt: skip
    markup = draw_shares(shares)
    assert [(item.get("data-name"), item.get("data-count")) for item in parse(markup).iter("li")] == [("v1", "2"), ("v2", "2")]
    assert [node.text for node in by_class(markup, "shares-when")] == ["Wed 25 Nov"]
    assert "4 installations on Wed 25 Nov" in describe_shares(shares)


def test_shares_are_described_by_what_is_seen_in_them() -> None:
    """The description tells what there is, its parts, and which was the most at the beginning and the end."""
    assert spaced(describe_shares(errors_of_three_days())) == (
        "Errors a day, 24 Nov to 26 Nov: 24 errors; timeout 75 %, tool_error 25 %. "
        "Most at the beginning: timeout (85.7 %); most at the end: timeout (66.7 %)."
    )


def test_no_shares_are_said_in_words() -> None:
    """Nothing to share says so in the picture and has no key."""
    shares = Shares(NOV_26, NOV_26 + DAY, DAY, [(NOV_26, "x", 0), (0, "y", 4)], "error")
    assert [node.text for node in by_class(draw_shares(shares), "nothing")] == ["No errors in this period"]
    assert list(parse(draw_shares(shares)).iter("li")) == []
    assert describe_shares(shares) == "Errors a day, 26 Nov: none."


# Small marks


@pytest.mark.parametrize(
    ("values", "kinds"),
    [
        ([], ["spark-base"]), ([0, 0], ["spark-base"]), ([4], ["spark-base", "spark-dot"]),
        ([1, 2, 3], ["spark-base", "spark-area", "spark-line"]), ([-1, 5], ["spark-base", "spark-area", "spark-line"]),
    ],
)  # fmt: skip
def test_a_spark_stands_on_its_base(values: list[int], kinds: list[str]) -> None:
    """A spark has a base that is zero, and a line where there is more than one number."""
    spark = parse(draw_spark(values))
    assert [node.get("class") for node in spark] == kinds
    assert spark.get("data-points") == str(len(values))


@pytest.mark.parametrize(("draw", "role", "is_hidden"), [(lambda: draw_spark([1, 2]), None, "true"), (lambda: draw_spark([1, 2], "rising"), "img", None), (lambda: draw_bar(0.5), None, "true")])
def test_small_marks_are_silent_beside_their_number(draw: Callable[[], str], role: Optional[str], is_hidden: Optional[str]) -> None:
    """A spark without words and a bar are nothing to a screen reader; one with words is a picture."""
    mark = parse(draw())
    assert (mark.get("role"), mark.get("aria-hidden")) == (role, is_hidden)
    assert (mark.get("aria-label") is not None) == (role == "img")


@pytest.mark.parametrize(("share", "width"), [(0, "0.00%"), (0.681, "68.10%"), (1, "100.00%"), (1.2, "100.00%"), (-1, "0.00%")])
def test_a_bar_is_as_long_as_its_share(share: float, width: str) -> None:
    """A bar fills its share of its place, and never more than all of it."""
    assert parse(draw_bar(share))[0].get("width") == width
