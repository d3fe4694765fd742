"""The charts of the page: whatever the numbers and the names, a picture that can be read."""

from __future__ import annotations

import math
from itertools import combinations
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st

from mcptelemetry.collector import CallSpan
from mcptelemetry.collector.page._axes import ASIDE_PX, TIERS, choose_names, choose_times, nice_ticks
from mcptelemetry.collector.page._charts import Shares, Trend, draw_bar, draw_shares, draw_spark, draw_trend, share_rows, step_of, trend_rows
from mcptelemetry.collector.page._figures import as_change, as_count, as_share
from mcptelemetry.collector.page._svg import written
from mcptelemetry.collector.page._timeline import Timeline
from mcptelemetry.system import printable

HOUR, DAY, WEEK = 3600, 86_400, 604_800

numbers = st.one_of(st.integers(0, 20), st.integers(0, 10**7), st.integers(0, 10**18))
names = st.text(st.characters(), max_size=128)
ACROSS, UP = ("x", "x1", "x2", "cx", "width"), ("y", "y1", "y2", "cy", "height", "r")


@st.composite
def periods(draw):
    """A period of hours, days or years somewhere in time, its step, and a now within it, after it or none."""
    step = draw(st.sampled_from([HOUR, DAY, WEEK, 4 * WEEK]))
    since = draw(st.integers(0, 400_000)) * HOUR
    until = since + draw(st.integers(1, 60 * step // HOUR)) * HOUR
    now = draw(st.one_of(st.none(), st.integers(since - DAY, until + DAY)))
    return since, until, step, now


@st.composite
def trends(draw):
    since, until, step, now = draw(periods())
    line = Timeline(since, until, step)
    starts = st.sampled_from([*line.starts, line.first - step, line.starts[-1] + step])
    spans = draw(st.lists(st.builds(CallSpan, starts, numbers, numbers), max_size=12, unique_by=lambda span: span.start))
    earlier = draw(st.lists(st.builds(CallSpan, starts.map(lambda start: start - len(line) * step), numbers, numbers), max_size=12))
    marks = draw(st.lists(st.tuples(names, st.integers(since - DAY, until + DAY)), max_size=12))
    return Trend(since, until, step, spans, earlier, marks, now)


@st.composite
def shares(draw):
    since, until, step, now = draw(periods())
    starts = st.sampled_from([*Timeline(since, until, step).starts, until + step])
    parts = draw(st.lists(st.tuples(starts, st.one_of(st.sampled_from("abcdefgh"), names), numbers), max_size=20))
    return Shares(since, until, step, parts, "call", now, draw(st.booleans()), draw(st.booleans()))


def assert_readable(markup):
    """Well-formed, without style or script, and every coordinate a number within its picture."""
    root = ElementTree.fromstring(markup)
    pictures = [node for node in root.iter("svg") if node.get("class") != "paths"]
    for picture in pictures:
        assert_within(picture)
    for node in root.iter():
        assert not any(name == "style" or name.startswith("on") for name in node.attrib)
        assert node.tag != "script"
    return root


def assert_within(picture):
    tall = float(picture.get("height", "100").rstrip("%"))
    wide = 100.0 if picture.get("width", "").endswith("%") else float(picture.get("width"))
    for node in picture.iter():
        if node.tag == "path":
            tall_box, wide_box = (260, 1000) if "line" in node.get("class", "") or "area" in node.get("class", "") else (tall, wide)
            for x, y in (pair.split(",") for pair in node.get("d").strip("MZ").split("L")):
                assert 0 <= float(x) <= wide_box and 0 <= float(y) <= tall_box
            continue
        for name in (*ACROSS, *UP):
            if node.get(name) is None:
                continue
            value = float(node.get(name).rstrip("%"))
            assert math.isfinite(value)
            assert -0.01 <= value <= (wide if name in ACROSS else max(tall, 100)) + 0.01
        if node.tag == "rect":
            for begin, length, limit in (("x", "width", wide), ("y", "height", tall)):
                assert float(node.get(begin, "0").rstrip("%")) + float(node.get(length).rstrip("%")) <= limit + 0.02


@given(trends())
@settings(deadline=None, max_examples=60)
def test_any_trend_is_a_readable_picture(trend):
    """Whatever is counted and however versions are called: well-formed, in the picture, a point a span, a line a marked span."""
    root = assert_readable(draw_trend(trend))
    rows = trend_rows(trend)
    points = [node for node in root.iter("rect") if node.get("class") == "point"]
    assert [(int(p.get("data-start")), int(p.get("data-calls")), int(p.get("data-errors"))) for p in points] == [row[:1] + row[2:4] for row in rows]
    assert sum(node.get("data-versions") is not None for node in root.iter("line")) == sum(bool(row.versions) for row in rows)


@given(trends())
@settings(deadline=None, max_examples=60)
def test_higher_numbers_stand_higher(trend):
    """Of two spans, the one with more calls is never drawn lower, and zero stands on the base."""
    root = ElementTree.fromstring(draw_trend(trend))
    points = sorted((int(p.get("data-calls")), -float(p.get("data-y"))) for p in root.iter("rect") if p.get("class") == "point")
    assert [y for _, y in points] == sorted(y for _, y in points)
    assert all(y == -232 for calls, y in points if calls == 0)


@given(shares())
@settings(deadline=None, max_examples=60)
def test_any_shares_are_a_readable_picture(given_shares):
    """Whatever is shared: well-formed, in the picture, a column a span, and nothing counted twice or lost."""
    root = assert_readable(draw_shares(given_shares))
    rows = share_rows(given_shares)[1]
    columns = [node for node in root.iter("rect") if node.get("class") == "column"]
    assert [(int(c.get("data-start")), int(c.get("data-total"))) for c in columns] == [(row.start, sum(row.counts)) for row in rows]
    line = given_shares.timeline
    known = {start for index, start in enumerate(line.starts) if line.has_begun(index)}
    assert sum(sum(row.counts) for row in rows) == sum(count for start, _, count in given_shares.parts if start in known)


@given(st.lists(st.integers(-5, 10**18), max_size=60), names, st.floats())
def test_any_small_mark_is_a_readable_picture(values, label, share):
    """A spark of any numbers and a bar of any share stay within their boxes."""
    assert_readable(draw_spark(values, label))
    assert_readable(draw_bar(share))


@given(names)
def test_what_is_written_is_text_again(text):
    """Whatever is written as markup reads as what can be seen of it, in an element and in an attribute."""
    root = ElementTree.fromstring(f'<a b="{written(text)}">{written(text)}</a>')
    seen = printable(text, keep="\n\u00a0\u202f")
    assert (root.text or "") == seen
    assert root.get("b") == seen.replace("\n", " ")


@given(st.lists(st.tuples(st.floats(0, 100), names), max_size=30), st.sampled_from(TIERS))
def test_names_never_overlap_or_leave_the_picture(given_names, tier):
    """In the least width of their tier, no name covers another, is crossed by another's line, or leaves the picture."""
    labels = choose_names(sorted(given_names), tier)
    reaches = [label.reach_px(tier.width_px, ASIDE_PX) for label in labels]
    assert all(begin >= 0 and end <= tier.width_px for begin, end in reaches)
    for (one, reach), (other, other_reach) in combinations(zip(labels, reaches), 2):
        if one.row == other.row:
            assert reach[1] <= other_reach[0] or other_reach[1] <= reach[0]
        else:
            line, (begin, end) = (one.centre, other_reach) if one.row < other.row else (other.centre, reach)
            assert not begin < line * tier.width_px / 100 < end
    assert bool(labels) or not any(name.strip() for _, name in given_names) or tier.name == "narrow"


@given(periods(), st.sampled_from(TIERS), st.integers(0, 3))
def test_times_never_overlap_or_leave_the_picture(period, tier, wider):
    """There is at least one time below, and in the least width of their tier or a wider place none covers another."""
    since, until, step, now = period
    labels = choose_times(Timeline(since, until, step, now), tier)
    width = tier.width_px * (1 + wider / 3)
    reaches = [label.reach_px(width) for label in labels]
    assert labels
    assert all(begin >= 0 and end <= width for begin, end in reaches)
    assert all(left[1] < right[0] for left, right in zip(reaches, reaches[1:]))


@given(st.integers(0, 10**30))
def test_ticks_reach_the_most(most):
    """Ticks begin at zero, are equally far apart, are few, and the last but one does not reach the most."""
    ticks = nice_ticks(most)
    assert ticks[0] == 0
    assert ticks[-1] >= most
    assert len({right - left for left, right in zip(ticks, ticks[1:])}) == 1
    assert len(ticks) <= 5
    assert ticks[-2] < max(most, 1)


@given(st.integers(0, 10**12), st.integers(1, 10**12))
def test_any_period_has_a_step(since, hours):
    """For any period there is a step with which it can be drawn."""
    until = since + hours * HOUR
    assert 1 <= len(Timeline(since, until, step_of(since, until))) <= 1000


@given(st.integers(0, 10**18))
def test_a_count_is_its_digits(number):
    """Nothing but blanks stands between the digits of a count."""
    assert int("".join(filter(str.isdigit, as_count(number)))) == number


@given(st.integers(0, 10**9), st.integers(1, 10**9))
def test_a_share_says_all_or_nothing_only_when_it_is(part, more):
    """0 % is nothing and 100 % is all."""
    whole = part + more
    assert as_share(part, whole)[:4] != "100\u202f"
    assert (as_share(part, whole) == "0\u202f%") == (part == 0)


@given(numbers, numbers)
def test_a_change_goes_the_way_of_the_numbers(now, before):
    """A change is up only when there is more, and down only when there is less."""
    direction = as_change(now, before).direction
    assert direction in {"up": now > before, "down": now < before, "same": True, "new": before == 0 < now}
    assert {"up": now > before, "down": now < before, "same": True, "new": before == 0 < now}[direction]
