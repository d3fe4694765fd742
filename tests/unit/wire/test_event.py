"""One event: its fields, its limits, and that it is a value."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from mcptelemetry.vocabulary import ErrorType, TelemetryStatus
from mcptelemetry.wire import EVENT_FIELDS, TelemetryBatch, TelemetryEvent

FULL = {
    "tool": "get_issues",
    "routing_decision": "override_rule",
    "routing_detail": "get_*",
    "upstream": "cloud",
    "status": "error",
    "error_type": "timeout",
    "client": "cursor",
    "latency_ms": 12,
    "timestamp_secs": 1_700_000_000,
    "was_fallback": True,
    "id": "abc-1",
}
LEAST = {
    "tool": "get_issues",
    "routing_decision": "local_only",
    "status": "success",
    "latency_ms": 0,
    "timestamp_secs": 5,
}


def test_event_with_all_fields_is_written_in_wire_order():
    """Every field of an event appears once, in the order of the contract."""
    assert TelemetryEvent.from_dict(FULL).to_dict() == FULL
    assert list(TelemetryEvent.from_dict(FULL).to_dict()) == list(EVENT_FIELDS)


def test_event_leaves_out_what_is_not_set():
    """A field that is None, and a fallback that was none, are left out."""
    event = TelemetryEvent("get_issues", "local_only", timestamp_secs=5)
    assert event.to_dict() == LEAST
    assert TelemetryEvent.from_dict(LEAST) == event


def test_event_attributes_are_the_words_of_the_contract():
    """Status and error type are members of their vocabularies, the rest plain values."""
    event = TelemetryEvent.from_dict(FULL)
    assert event.status is TelemetryStatus.ERROR
    assert event.error_type is ErrorType.TIMEOUT
    assert (event.tool, event.routing_decision, event.routing_detail) == ("get_issues", "override_rule", "get_*")
    assert (event.upstream, event.latency_ms, event.timestamp_secs) == ("cloud", 12, 1_700_000_000)
    assert (event.client, event.was_fallback, event.id) == ("cursor", True, "abc-1")


def test_event_now_is_stamped_with_a_whole_second():
    """The stamp of an event made now is a Unix second."""
    event = TelemetryEvent.now("t", "local_only", upstream="cloud")
    assert type(event.timestamp_secs) is int
    assert event.timestamp_secs > 1_600_000_000
    assert event.upstream == "cloud"


@pytest.mark.parametrize("name", [*EVENT_FIELDS, "anything"])
def test_event_is_immutable(name):
    """No field of an event can be set or deleted."""
    event = TelemetryEvent.from_dict(FULL)
    with pytest.raises(AttributeError, match=name):
        setattr(event, name, "x")
    with pytest.raises(AttributeError):
        delattr(event, name)


def test_event_is_equal_by_value():
    """Two events with the same fields are one value; another field makes another."""
    assert TelemetryEvent.from_dict(FULL) == TelemetryEvent.from_dict(dict(FULL))
    assert hash(TelemetryEvent.from_dict(FULL)) == hash(TelemetryEvent.from_dict(dict(FULL)))
    for name, value in {"tool": "x", "client": "zed", "latency_ms": 13, "id": "abc-2", "was_fallback": False}.items():
        assert TelemetryEvent.from_dict({**FULL, name: value}) != TelemetryEvent.from_dict(FULL)
    assert TelemetryEvent.from_dict(FULL) != FULL


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda event: pickle.loads(pickle.dumps(event))])
def test_event_survives_copying(copied):
    """A copied or pickled event is the same value."""
    event = TelemetryEvent.from_dict(FULL)
    assert copied(event) == event


def test_event_repr_shows_its_fields():
    """The repr is what is on the wire, for a person."""
    text = repr(TelemetryEvent("t", "local_only", timestamp_secs=5))
    assert text == (
        "TelemetryEvent(tool='t', routing_decision='local_only', status='success', latency_ms=0, timestamp_secs=5)"
    )


@pytest.mark.parametrize("field", ["tool", "routing_decision", "routing_detail", "upstream"])
def test_name_is_cut_and_cleaned(field):
    """A name is cut at 128 characters; what is a control character in it is replaced."""
    event = TelemetryEvent.from_dict({**FULL, field: "a\x00b\nc\x7fd\x85e\u2028f\ud800g" + "x" * 200})
    value = getattr(event, field)
    assert len(value) == 128
    assert value.startswith("a\ufffdb\ufffdc\ufffdd\ufffde\ufffdf\ufffdgxxx")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[(field, value) for field in ("tool", "routing_decision") for value in (None, "", 5, b"t", ["t"])],
        *[(field, value) for field in ("routing_detail", "upstream") for value in ("", 5, b"t", {})],
        *[("status", value) for value in (None, "", "ok", "SUCCESS", 1, True, [])],
        *[("error_type", value) for value in ("", "boom", 1, {}, "Timeout")],
        *[("client", value) for value in (5, b"cursor", True, [])],
        *[("latency_ms", value) for value in (None, -1, 1.0, "1", True, 2**53, float("nan"))],
        *[("timestamp_secs", value) for value in (-1, 1.5, "1", False, 2**53, float("inf"))],
        *[("was_fallback", value) for value in (None, 0, 1, "true")],
        *[("id", value) for value in ("", " ", "a b", 'a"b', "a\\b", "ä", "a" * 129, 5, "a\n")],
    ],
)
def test_bad_field_is_named(field, value):
    """What does not fit is a `ValueError` that begins with the field's name."""
    with pytest.raises(ValueError, match=f"^{field} "):
        TelemetryEvent(**{**FULL, field: value})
    with pytest.raises(ValueError, match=f"^{field} "):
        TelemetryEvent.from_dict({**FULL, field: value})


@pytest.mark.parametrize(
    ("given", "kept"), [("Visual Studio Code", "vscode"), ("my-client", "my-client"), ("/home/alice/x", "unknown"), ("", "unknown")]
)
def test_client_is_kept_by_its_sanitised_name(given, kept):
    """A stranger's text about itself is in no event, whoever made it."""
    assert TelemetryEvent("t", "local_only", client=given).client == kept
    assert TelemetryEvent.from_dict({**LEAST, "client": given}).to_dict()["client"] == kept


def test_error_type_goes_only_with_an_error():
    """A success has no reason for failing."""
    with pytest.raises(ValueError, match="error_type goes only with status 'error'"):
        TelemetryEvent("t", "local_only", error_type="timeout")


def test_error_without_a_type_is_an_event():
    """An error whose reason is not known is recorded all the same."""
    assert TelemetryEvent("t", "local_only", status="error").error_type is None


@pytest.mark.parametrize("field", ["tool", "routing_decision", "status", "latency_ms", "timestamp_secs"])
def test_missing_field_is_named(field):
    """The decoder does not make up a field that must be there."""
    document = dict(LEAST)
    del document[field]
    with pytest.raises(ValueError, match=f"{field} is missing"):
        TelemetryEvent.from_dict(document)


@pytest.mark.parametrize("key", ["args", "error_message", "Tool", "", 5])
def test_unknown_field_is_named(key):
    """There is no field that could hold an argument, a result or a message."""
    with pytest.raises(ValueError, match="unknown field"):
        TelemetryEvent.from_dict({**LEAST, key: "x"})


@pytest.mark.parametrize("document", [None, [], "event", 5, [["tool", "x"]]])
def test_what_is_no_object_is_no_event(document):
    """Only an object can be an event."""
    with pytest.raises(ValueError, match="event must be an object"):
        TelemetryEvent.from_dict(document)


def test_message_of_a_bad_value_does_not_repeat_it():
    """A value that is refused might be anything, so its text is not in the error."""
    with pytest.raises(ValueError) as caught:
        TelemetryEvent("t", "local_only", status="my secret words")
    assert "secret" not in str(caught.value)


def test_batch_is_one_object_with_what_is_known_beside_it():
    """A batch is an object of events, with application and version when they are known."""
    event = TelemetryEvent.from_dict(LEAST)
    assert json.loads(TelemetryBatch([event]).to_json()) == {"events": [LEAST]}
    assert json.loads(TelemetryBatch([event, event], app="acme-mcp", version="v1.4.0").to_json()) == {
        "events": [LEAST, LEAST],
        "app": "acme-mcp",
        "version": "v1.4.0",
    }
    assert TelemetryBatch([]).to_json() == b'{"events":[]}'


def test_batch_takes_any_iterable():
    """A generator of events will do."""
    batch = TelemetryBatch(TelemetryEvent.from_dict({**LEAST, "latency_ms": n}) for n in range(3))
    assert len(batch) == 3
    assert [event.latency_ms for event in batch.events] == [0, 1, 2]
