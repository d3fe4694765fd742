"""JSON texts back into events: what the encoder wrote comes back, and nothing else is taken."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcptelemetry.vocabulary import COUNT_MAX
from mcptelemetry.wire import EventEncoder, EventReader, check_shape, cut_names

NAMES = st.text(min_size=1, max_size=140)
ERROR_TYPES = st.sampled_from([None, "timeout", "tool_error", "exception"])
SHAPES = st.builds(
    lambda tool, decision, detail, upstream, error_type, client, was_fallback: check_shape(
        tool, decision, detail, upstream, "success" if error_type is None else "error", error_type, client, was_fallback
    ),
    NAMES, NAMES, st.none() | NAMES, st.none() | NAMES, ERROR_TYPES, st.none() | st.text(max_size=20), st.booleans(),
)  # fmt: skip
COUNTS = st.integers(0, COUNT_MAX)


@settings(deadline=None, max_examples=30)
@given(SHAPES, COUNTS, COUNTS, st.integers(0, 10**9))
def test_what_the_encoder_wrote_comes_back(shape, latency_ms, timestamp_secs, number):
    """Reading is the inverse of writing, whatever the names hold; names come back as they leave, cut."""
    (text,) = EventEncoder().encode([(shape, latency_ms, timestamp_secs, None, number, None)], "00ff")
    reader = EventReader()
    expected = (cut_names(shape), latency_ms, timestamp_secs, f"00ff-{number}", 0, None)
    assert reader.read(text) == expected
    assert reader.read(text) == expected  # the second time it is remembered
    assert EventEncoder().encode([expected], "") == [text]


WRITTEN = '{"tool":"t","routing_decision":"local_only","status":"success","latency_ms":1,"timestamp_secs":2,"id":"a-1"}'


def test_the_written_form_is_taken():
    """The text on which the next test plays is an event."""
    assert EventReader().read(WRITTEN) == (check_shape("t", "local_only", None, None, "success", None, None, False), 1, 2, "a-1", 0, None)  # noqa: FBT003  a field


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "null",
        WRITTEN[:-1],
        WRITTEN + " ",
        WRITTEN.replace('"t"', '"t","arguments":"secret"'),
        WRITTEN.replace('"t"', '"t","tool":"u"'),
        WRITTEN.replace('"t"', '"\\u0074"'),
        WRITTEN.replace('"tool":"t",', ""),
        WRITTEN.replace('"success"', '"well"'),
        WRITTEN.replace('"success"', '"success","error_type":"timeout"'),
        WRITTEN.replace('"latency_ms":1', '"latency_ms":01'),
        WRITTEN.replace('"latency_ms":1', '"latency_ms":-1'),
        WRITTEN.replace('"latency_ms":1', f'"latency_ms":{COUNT_MAX + 1}'),
        WRITTEN.replace('"timestamp_secs":2', '"timestamp_secs":2.0'),
        WRITTEN.replace('"id":"a-1"', '"id":"a b"'),
        WRITTEN.replace(',"id":"a-1"', ""),
        WRITTEN.replace('"id"', '"was_fallback":false,"id"'),
        WRITTEN.replace('"id":"a-1"', '"id":"a-1","note":"x"'),
        '{"tool":' * 2000 + "1",
    ],
)
def test_what_the_encoder_would_not_have_written_is_no_event(text):
    """A text that was cut, extended or put in other words is refused: what lies on a disk may have been edited."""
    assert EventReader().read(text) is None


def test_shapes_without_end_are_not_all_remembered():
    """A reader that meets thousands of names reads each right, and keeps at most 1,024 of them."""
    reader, encoder = EventReader(), EventEncoder()
    for number in range(3000):
        shape = check_shape(f"tool_{number}", "local_only", None, None, "success", None, None, False)  # noqa: FBT003  a field
        (text,) = encoder.encode([(shape, 1, 2, "a-1", 0, None)], "")
        row = reader.read(text)
        assert row is not None
        assert row[0] == shape
    assert json.loads(text)["tool"] == "tool_2999"
    assert len(reader._shapes) <= 1024  # what is kept shows nowhere else
