"""The parent of a call, as W3C's `traceparent` names it: to the letter, or none."""

from __future__ import annotations

import pytest

from mcptelemetry.wire import ParentedLatency, latency_under, parse_traceparent

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
VALID = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(
    "text",
    [
        VALID,
        f"00-{TRACE}-{SPAN}-00",
        f"00-{TRACE}-{SPAN}-ff",
        f"01-{TRACE}-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01-what-a-later-version-says",
        f"01-{TRACE}-{SPAN}-01-",
    ],
)
def test_a_valid_traceparent_gives_trace_and_span(text):
    """Both ids are kept, sampled or not, also of a later version that says more."""
    assert parse_traceparent(text) == TRACE + SPAN


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01-",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}0-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-1",
        f"0-{TRACE}-{SPAN}-01",
        f" {VALID}",
        f"{VALID}\n",
        f"00-{TRACE[:-1]}g-{SPAN}-01",
        f"00-{TRACE[:-1]}٣-{SPAN}-01",
        f"01-{TRACE}-{SPAN}-01-{'x' * 500}",
        VALID.encode(),
        None,
        7,
        ["00"],
    ],
)
def test_an_invalid_traceparent_is_none(text):
    """Whatever is not to the letter of the recommendation names no parent."""
    assert parse_traceparent(text) is None


def test_a_latency_carries_its_parent():
    """With a parent the duration is still a number like any other; without one it is handed back itself."""
    latency = latency_under(TRACE + SPAN, 12.5)
    assert (latency, type(latency), latency.parent) == (12.5, ParentedLatency, TRACE + SPAN)
    plain = 12.5
    assert latency_under(None, plain) is plain
