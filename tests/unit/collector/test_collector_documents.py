"""From bytes to a batch: what is taken, what is left out, what is refused and how it is named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcptelemetry.collector._documents import DocumentError
from mcptelemetry.collector._judging import BatchReader
from mcptelemetry.wire import EVENT_FIELDS, TelemetryBatch, TelemetryEvent


def read_batch(body: bytes) -> Any:
    """Read *body* as the collector does that has seen nothing yet."""
    return BatchReader().read(body)


def body_of(*events: Any, **batch: Any) -> bytes:
    """Return a body with *events*."""
    return json.dumps({"events": list(events), **batch}).encode()


def an_event(**fields: Any) -> dict[str, Any]:
    """Return a valid event with *fields* over it."""
    base = {
        "tool": "get_issues",
        "routing_decision": "local_only",
        "status": "success",
        "latency_ms": 12,
        "timestamp_secs": 1_700_000_000,
        "id": "00-1",
    }
    return {**base, **fields}


def test_batch_read_back_equals_what_was_sent() -> None:
    """What a sender encodes is what the collector reads."""
    events = [
        TelemetryEvent("a", "local_only", latency_ms=3, timestamp_secs=5, id="x-1"),
        TelemetryEvent(
            "b",
            "override_rule",
            routing_detail="b*",
            upstream="cloud",
            status="error",
            error_type="timeout",
            client="cursor",
            was_fallback=True,
            timestamp_secs=6,
        ),
    ]
    reading = read_batch(TelemetryBatch(events, app="acme-mcp", version="v1.0").to_json())
    assert list(reading.batch.events) == events
    assert (reading.batch.app, reading.batch.version) == ("acme-mcp", "v1.0")
    assert reading.ignored_fields == []


def test_batch_without_app_and_events_is_read() -> None:
    """Nobody has to say who they are, and a batch may be empty."""
    reading = read_batch(b'{"events": []}')
    assert (reading.batch.events, reading.batch.app, reading.batch.version) == ((), None, None)


def test_unknown_fields_are_left_out_and_named() -> None:
    """A newer sender's fields are named in the answer and not stored."""
    reading = read_batch(body_of(an_event(colour="red"), an_event(id="00-2", size=1), region="eu"))
    assert reading.ignored_fields == ["colour", "region", "size"]
    assert [event.to_dict() for event in reading.batch.events] == [an_event(), an_event(id="00-2")]


def test_unknown_fields_named_are_few_and_short() -> None:
    """However many fields nobody knows, the answer stays small."""
    event = an_event(**{f"{number:03}" + "x" * 1000: 1 for number in range(500)})
    names = read_batch(body_of(event)).ignored_fields
    assert len(names) == 20
    assert max(map(len, names)) == 64


def test_app_and_version_are_cleaned() -> None:
    """Control characters and length of the names of a batch are tamed like those of an event."""
    batch = read_batch(body_of(app="a\x1b[31m", version="v" * 500)).batch
    assert batch.app == "a\ufffd[31m"
    assert batch.version == "v" * 128


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"", "not JSON"),
        (b"hello", "not JSON"),
        (b"\xff\xfe{", "not UTF-8"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b"[]", "must be an object"),
        (b"null", "must be an object"),
        (b"{}", "events is missing"),
        (b'{"events": {}}', "events must be an array, not an object"),
        (b'{"events": null}', "events must be an array, not null"),
        (b'{"events": true}', "events must be an array, not a boolean"),
        (body_of(app=1), "app must be a string, not a number"),
        (body_of(version=[]), "version must be a string, not an array"),
        (b'{"events": [], "app": NaN}', "NaN"),
        (b'{"events": [], "app": -Infinity}', "Infinity"),
        (b'{"events": [], "events": [1]}', "'events' stands twice"),
        (body_of(an_event()).replace(b'"tool"', b'"tool": "x", "tool"'), "'tool' stands twice"),
        (b"[" * 500_000, "nested too deeply"),
        (b'{"events": ' + b'{"a":' * 200_000, "nested too deeply"),
    ],
    ids=lambda value: repr(value[:30]) if isinstance(value, bytes) else None,
)
def test_body_that_does_not_fit_is_refused_by_name(body: bytes, named: str) -> None:
    """Whatever is wrong with a body, the error says which field it is."""
    with pytest.raises(DocumentError, match=named):
        read_batch(body)


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (1, "must be an object, not a number"),
        ([], "must be an object, not an array"),
        (an_event(latency_ms="12"), "latency_ms"),
        (an_event(latency_ms=1.5), "latency_ms"),
        (an_event(latency_ms=True), "latency_ms"),
        (an_event(latency_ms=-1), "latency_ms"),
        (an_event(latency_ms=10**19), "latency_ms"),
        (an_event(timestamp_secs=None), "timestamp_secs is missing"),
        (an_event(timestamp_secs=253_402_300_800), "timestamp_secs must be before the year 10000"),
        (an_event(timestamp_secs=123_456_789_000_000), "timestamp_secs must be before the year 10000"),
        (an_event(tool=""), "tool"),
        (an_event(tool=["x"]), "tool"),
        (an_event(status="Fine!"), "status"),
        (an_event(status=7), "status"),
        (an_event(status="error", error_type="It failed."), "error_type"),
        (an_event(error_type="timeout"), "error_type"),
        (an_event(error_type="quota_exceeded"), "error_type"),
        (an_event(was_fallback="yes"), "was_fallback"),
        (an_event(was_fallback=1), "was_fallback"),
        (an_event(was_fallback=None), "was_fallback"),
        (an_event(id=7), "id"),
        (an_event(id="a\ud800"), "id"),
    ],
)
def test_event_that_does_not_fit_is_rejected_by_its_field(event: Any, reason: str) -> None:
    """An event is judged for itself, before and after its like was seen, and the reason begins with the field."""
    reader = BatchReader()
    for _ in range(2):
        reading = reader.read(body_of(an_event(), event, an_event(id="00-2")))
        assert [one.id for one in reading.batch.events] == ["00-1", "00-2"]
        ((place, said),) = reading.rejected
        assert place == 1
        assert said.startswith(reason)


def test_number_of_a_million_digits_is_no_latency() -> None:
    """It is refused by the field that it stands in, and not read."""
    reading = read_batch(body_of(an_event(latency_ms=7)).replace(b" 7", b" " + b"7" * 900_000))
    assert reading.rejected[0].reason.startswith("latency_ms")


@pytest.mark.parametrize(
    "body",
    [
        b'{"events":[' + b",".join([b"[[]]"] * 100_000) + b"]}",
        b'{"events":[' + b"{}," * 300_000 + b"{}]}",
        b'{"events":[' + b"1," * 300_000 + b"1]}",
        b'{"events":[' + b'"",' * 300_000 + b'""]}',
        b'{"events":[],"x":[' + b"1," * 300_000 + b"1]}",
    ],
    ids=["arrays in arrays", "objects", "numbers", "strings", "beside the events"],
)
def test_body_of_many_small_things_is_refused_before_it_is_parsed(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """What would be a hundred times larger in memory than on the wire is counted first."""
    monkeypatch.setattr("json.JSONDecoder.decode", lambda *_args: pytest.fail("it was parsed"))
    with pytest.raises(DocumentError, match="more than"):
        read_batch(body)


@pytest.mark.parametrize("depth", [16, 17, 40])
def test_depth_of_a_body_is_limited(depth: int) -> None:
    """Unknown fields may nest, up to sixteen deep with the document round them."""
    body = b'{"events":[],"x":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"
    if depth > 16:
        with pytest.raises(DocumentError, match="nested too deeply"):
            read_batch(body)
    else:
        assert read_batch(body).ignored_fields == ["x"]


@pytest.mark.parametrize("inside", ['{"a": {"b": 1, "b": 2}}', '[{"b": 1, "b": 2}]', '[[{"b": 1, "b": 2}]]', '{"\\u0062": 1, "b": 2}'])
def test_name_that_stands_twice_is_refused_however_deep(inside: str) -> None:
    """What two readers could read in two ways is not read, in fields that nobody knows either."""
    with pytest.raises(DocumentError, match="'b' stands twice"):
        read_batch(b'{"events":[],"x":' + inside.encode() + b"}")


def test_shapes_remembered_are_bounded() -> None:
    """A stranger's endless names do not fill the memory."""
    reader = BatchReader()
    for number in range(5_000):
        reader.read(body_of(an_event(tool=f"tool-{number}")))
    reader.read(body_of(an_event(tool="x" * 100_000)))
    assert len(reader._shapes) <= 4096
    assert max(len(key[0]) for key in reader._shapes) < 1_000


EVENT_VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5) | st.sampled_from(
    ["success", "error", "timeout", "new_word", "a", 0, 1, 12, "00-1"]
)


@given(st.lists(st.dictionaries(st.sampled_from(EVENT_FIELDS), EVENT_VALUES).map(lambda fields: an_event(**fields)), max_size=8))
def test_events_seen_before_change_no_judgment(items: list[dict[str, Any]]) -> None:
    """Each event is judged as by a collector that has seen no other."""
    reader = BatchReader()
    reader.read(body_of(*items))
    reading = reader.read(body_of(*items))
    alone = [read_batch(body_of(item)) for item in items]
    assert list(reading.batch.events) == [event for one in alone for event in one.batch.events]
    assert reading.rejected == [(place, *one.rejected[0][1:]) for place, one in enumerate(alone) if one.rejected]


@pytest.mark.parametrize("field", ["tool", "routing_decision", "status", "latency_ms", "timestamp_secs"])
def test_event_without_a_required_field_is_refused(field: str) -> None:
    """An event that lacks a field it must have is refused, and the field is named."""
    event = an_event()
    del event[field]
    assert read_batch(body_of(event)).rejected == [(0, f"{field} is missing")]


def test_lone_surrogates_do_not_reach_the_store() -> None:
    """A character that no UTF-8 text can hold is replaced in names."""
    batch = read_batch(b'{"events": [' + json.dumps(an_event(tool="a\ud800")).encode() + b'], "app": "b\\udc00"}').batch
    assert (batch.events[0].tool, batch.app) == ("a\ufffd", "b\ufffd")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(EVENT_FIELDS), inner),
    max_leaves=20,
)


@given(st.binary() | JSON.map(lambda value: json.dumps({"events": [value]}).encode()))
def test_any_body_gives_a_batch_or_our_error(body: bytes) -> None:
    """No body brings anything but a batch or a `DocumentError`."""
    try:
        batch = read_batch(body).batch
    except DocumentError:
        return
    assert isinstance(batch, TelemetryBatch)
