"""Events to JSON and back: nothing changes, and no document brings the decoder down."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from mcptelemetry.vocabulary import ErrorType
from mcptelemetry.wire import EVENT_FIELDS, EventEncoder, TelemetryBatch, TelemetryEvent

# Any code points at all: control characters, half surrogates, what lies beyond 16 bits.
any_text = st.text(st.characters(), min_size=1, max_size=200)
numbers = st.integers(0, 2**53 - 1)
ids = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='"\\'), min_size=1, max_size=128
)


@st.composite
def events(draw):
    status = draw(st.sampled_from(["success", "error"]))
    return TelemetryEvent(
        draw(any_text),
        draw(any_text),
        routing_detail=draw(st.none() | any_text),
        upstream=draw(st.none() | any_text),
        status=status,
        error_type=draw(st.none() | st.sampled_from(list(ErrorType))) if status == "error" else None,
        client=draw(st.none() | any_text | st.sampled_from(["Cursor", "my-client"])),
        latency_ms=draw(numbers),
        timestamp_secs=draw(numbers),
        was_fallback=draw(st.booleans()),
        id=draw(st.none() | ids),
    )


@given(events())
def test_from_dict_is_the_inverse_of_to_dict(event):
    """What `to_dict` writes, `from_dict` reads as the same event, also by way of JSON text."""
    assert TelemetryEvent.from_dict(event.to_dict()) == event
    assert TelemetryEvent.from_dict(json.loads(json.dumps(event.to_dict()))) == event


@given(st.lists(events(), max_size=5), st.none() | any_text, st.none() | any_text)
def test_batch_is_what_a_generic_encoder_writes(batch, app, version):
    """The fast encoder writes, byte for byte, what `json.dumps` would."""
    document = {"events": [event.to_dict() for event in batch]}
    if app is not None:
        document["app"] = app
    if version is not None:
        document["version"] = version
    text = json.dumps(document, separators=(",", ":"))
    assert TelemetryBatch(batch, app=app, version=version).to_json() == text.encode("ascii")


@given(st.lists(events(), max_size=5), numbers)
def test_rows_are_what_a_generic_encoder_writes(batch, first):
    """A queue's rows become the same text; a row without an id gets the process and its number."""
    rows = [
        (event.shape, event.latency_ms, event.timestamp_secs, event.id, first + place, None)
        for place, event in enumerate(batch)
    ]
    expected = [
        json.dumps({**event.to_dict(), "id": event.id or f"p-{first + place}"}, separators=(",", ":"))
        for place, event in enumerate(batch)
    ]
    assert EventEncoder().encode(rows, "p") == expected


@given(st.lists(events(), max_size=20))
def test_encoder_remembers_shapes_without_mixing_them_up(batch):
    """One encoder used for many events writes what a fresh one would for each."""
    encoder = EventEncoder()
    for event in batch + batch:
        text = encoder.encode_one(event.shape, event.latency_ms, event.timestamp_secs, event.id)
        assert json.loads(text) == event.to_dict()


def test_encoder_stays_right_when_it_forgets_shapes():
    """More shapes than are remembered change nothing but the speed."""
    encoder = EventEncoder()
    for number in range(3000):
        shape = TelemetryEvent(f"tool_{number}", "local_only").shape
        assert json.loads(encoder.encode_one(shape, 1, 2, None))["tool"] == f"tool_{number}"
    assert json.loads(encoder.encode_one(TelemetryEvent("tool_0", "x").shape, 1, 2, None))["tool"] == "tool_0"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)


def value_or_value_error(document):
    try:
        event = TelemetryEvent.from_dict(document)
    except ValueError as error:
        assert str(error)
        return
    assert TelemetryEvent.from_dict(event.to_dict()) == event


@given(json_values)
def test_any_json_gives_an_event_or_a_value_error(document):
    """Whatever JSON comes, the decoder answers with a value or a `ValueError`."""
    value_or_value_error(document)


@given(st.dictionaries(st.sampled_from(EVENT_FIELDS), json_values))
def test_any_values_in_the_right_fields_give_an_event_or_a_value_error(document):
    """Right names with any values in them fare no worse."""
    value_or_value_error(document)


@given(events(), st.sampled_from(EVENT_FIELDS), json_values)
def test_an_event_with_one_field_spoilt_gives_an_event_or_a_value_error(event, name, value):
    """One wrong value in a good event fares no worse either."""
    value_or_value_error({**event.to_dict(), name: value})
