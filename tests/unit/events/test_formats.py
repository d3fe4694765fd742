"""What a good answer says about events that were not taken, format by format."""

from __future__ import annotations

import pytest

from mcptelemetry.events._formats import format_of
from mcptelemetry.events._otlp_format import count_rejected_points


@pytest.mark.parametrize(
    ("answer", "count"),
    [
        (b"", None),
        (b"null", None),
        (b"{}", None),
        (b'{"partialSuccess":null}', None),
        (b'{"partialSuccess":{}}', None),
        (b'{"partialSuccess":{"rejectedSpans":"0","errorMessage":""}}', None),
        (b'{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}}', 3),
        (b'{"partialSuccess":{"rejectedSpans":3}}', 3),
        (b'{"partial_success":{"rejected_spans":3}}', 3),
        (b'{"partialSuccess":{"errorMessage":"deprecated"}}', 0),
        (b'{"partialSuccess":{"rejectedSpans":-3}}', None),
        (b'{"partialSuccess":{"rejectedSpans":"many"}}', None),
        (b'{"partialSuccess":[1]}', None),
        (b'["partialSuccess"]', None),
        (b'{"partialSuccess":{"rejectedSpans":1e999}}', None),
        (b'{"partialSuccess":' + b"[" * 50_000, None),
        (b"\x0a\x02partial\xff", None),
    ],
)
def test_partial_success_is_read(answer, count):
    """A number of rejected spans is a number or its text; nothing, null and what is no such answer are full success."""
    assert format_of("otlp").count_rejected(answer) == count
    points = answer.replace(b"Spans", b"DataPoints").replace(b"_spans", b"_data_points")
    assert count_rejected_points(points) == count


@pytest.mark.parametrize(
    ("answer", "count"),
    [
        (b"", None),
        (b'{"accepted":3}', None),
        (b'{"rejected":[]}', None),
        (b'{"rejected":[{"index":0,"reason":"tool is missing"},{"index":2,"reason":"id is used"}]}', 2),
        (b'{"rejected_count":70,"rejected":[{"index":0,"reason":"tool is missing"}]}', 70),
        (b'{"rejected_count":"70","rejected":[{"index":0,"reason":"tool is missing"}]}', 1),
        (b'{"rejected":3}', None),
        (b'["rejected"]', None),
        (b'{"rejected":[', None),
    ],
)
def test_a_collector_of_ours_names_what_it_did_not_take(answer, count):
    """The events that its answer names are counted; an answer that is none of its own says nothing."""
    assert format_of("json").count_rejected(answer) == count


def test_only_opentelemetry_compresses_when_nobody_says():
    """Its format has gzip by default, the others have none."""
    assert [format_of(word).compression for word in ("json", "jsonl", "otlp")] == ["none", "none", "gzip"]


@pytest.mark.parametrize(("status", "is_final"), [(408, True), (425, True), (429, False), (500, True), (501, True), (502, False), (503, False), (504, False), (505, True), (599, True), (413, False), (404, False)])
def test_statuses_after_which_a_batch_of_spans_is_given_up(status, is_final):
    """OTLP repeats on 429, 502, 503 and 504 only; what a person can mend, and what is too large, is another matter."""
    assert (status in format_of("otlp").given_up) is is_final
    assert status not in format_of("json").given_up
