"""Percentiles of packed latencies are those of the latencies, and a period is covered once, whatever is summed."""

from __future__ import annotations

from collections import Counter

from hypothesis import example, given
from hypothesis import strategies as st

from mcptelemetry.collector.stores._blocks import BLOCK_DAYS, BLOCK_SECS, cover_period
from mcptelemetry.collector.stores._packed_latencies import exact_percentiles, pack_latencies
from mcptelemetry.collector.stores._packed_sessions import count_sizes, pack_sessions

DAY = 86_400
PERCENTS = (1, 50, 95, 99, 100)
LATENCIES = st.one_of(st.integers(0, 40), st.integers(0, 5_000), st.integers(0, 2**53 - 1), st.sampled_from([2**k - 1 for k in range(54)]))
ROWS = st.lists(st.tuples(st.integers(0, 3), st.lists(LATENCIES, min_size=1, max_size=40)), max_size=8)


def nearest_rank(values, percent):
    """Return the smallest of *values* that at least so many percent do not exceed."""
    return next((value for value in sorted(values) if 100 * sum(other <= value for other in values) >= percent * len(values)), None)


@given(ROWS)
@example([(0, [2**53 - 1]), (0, [0, 15, 16, 31, 32, 33, 8191, 8192, 8193])])
@example([])
def test_percentiles_of_packed_latencies_are_exact(rows):
    """However latencies are cut into rows and routes, each percentile is the one of all of them in a heap, also of routes not asked for and of several together."""
    packed = [(route, pack_latencies(list(latencies))) for route, latencies in rows]
    rows_of_packed = [(route, route // 2, latencies) for route, latencies in packed]
    (by_route, by_tool), overall = exact_percentiles(lambda: rows_of_packed, [[0, 1], [1]], PERCENTS)
    of_tool = [latency for owner, latencies in rows if owner // 2 == 1 for latency in latencies]
    assert by_tool == {1: [nearest_rank(of_tool, percent) for percent in PERCENTS]}
    assert set(by_route) == {0, 1}
    for route in (0, 1):
        values = [latency for owner, latencies in rows if owner == route for latency in latencies]
        assert by_route[route] == [nearest_rank(values, percent) for percent in PERCENTS]
    values = [latency for _, latencies in rows for latency in latencies]
    assert overall == [nearest_rank(values, percent) for percent in PERCENTS]


@given(
    st.integers(0, 30 * 24),
    st.integers(1, 30 * 24),
    st.dictionaries(st.integers(0, 70), st.integers(1, 500)),
    st.dictionaries(st.integers(0, 17), st.tuples(st.booleans(), st.integers(1, 2_000))),
)
def test_a_period_is_covered_once(since_hours, length_hours, days, summed):
    """Blocks and gaps cut the period into parts without overlap; a block is good when its count is that of its days, and lies inside."""
    since, until = since_hours * 3600, (since_hours + length_hours) * 3600
    counts = {block: sum(days.get(day, 0) for day in range(block * BLOCK_DAYS, (block + 1) * BLOCK_DAYS)) for block in range(20)}
    known = {block: counts[block] if is_right else count for block, (is_right, count) in summed.items()}
    cover = cover_period(since, until, sorted(days.items()), known)
    parts = sorted([*cover.gaps, *((block * BLOCK_SECS, (block + 1) * BLOCK_SECS) for block in cover.blocks)])
    assert parts[0][0] == since
    assert parts[-1][1] == until
    assert all(left[1] == right[0] for left, right in zip(parts, parts[1:]))
    assert all(start < end for start, end in parts)
    in_period = {day: count for day, count in days.items() if since <= day * DAY and (day + 1) * DAY <= until}
    for block in cover.blocks:
        assert known[block] == sum(in_period.get(day, 0) for day in range(block * BLOCK_DAYS, (block + 1) * BLOCK_DAYS))
    assert not set(cover.missing) & set(cover.blocks)
    for block in cover.missing:
        assert since <= block * BLOCK_SECS
        assert (block + 1) * BLOCK_SECS <= until
        assert known.get(block) != counts[block]


PROCESSES = st.dictionaries(st.one_of(st.integers(2, 40), st.integers(2, 200_000)), st.one_of(st.integers(1, 9), st.integers(1, 2**33)), max_size=30)


@given(st.lists(PROCESSES, max_size=6), PROCESSES)
@example([{2: 1, 65_535: 2, 65_536: 3, 131_071: 255}, {65_536: 253, 131_072: 256}], {65_535: 65_534})
@example([], {})
def test_packed_sessions_are_counted_once_each(blocks, walked):
    """However the calls of processes are cut into packs and others, a process is one, with all of its calls."""
    sizes = count_sizes(
        [pack_sessions(calls) for calls in blocks],
        lambda start, stop: [(number, calls) for number, calls in walked.items() if start <= number < stop],
        max(walked, default=0),
    )
    calls = Counter()
    for some in (*blocks, walked):
        calls.update(some)
    assert sizes == Counter(calls.values())
