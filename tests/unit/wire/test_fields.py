"""The table of fields: what it accepts, what it refuses, and that nothing else can leave."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from mcptelemetry.wire import (
    FIELD_SHAPES,
    FIELDS,
    HEARTBEAT_BYTES_MAX,
    HeartbeatPayload,
    cap_counts,
    check,
    render_fields,
    render_privacy_paragraph,
    strip_unknown,
)

FULL = json.loads((Path(__file__).parents[2] / "data" / "heartbeat" / "full.json").read_text())


def test_check_accepts_the_fully_populated_example():
    """The example that fills every field of the table passes the check."""
    assert set(FULL) == set(FIELD_SHAPES)
    check(FULL)


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_every_field_has_a_shape_a_version_and_a_purpose(field):
    """Each row says what it holds, since when, and in one sentence why."""
    assert field.since in (1, 2, 3)
    assert field.shape.expects
    assert field.purpose.endswith(".")
    assert field.name in render_fields()


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_a_field_may_be_absent_only_when_the_table_says_so(field):
    """A document without a field passes exactly when the field is omitted when empty."""
    document = {name: value for name, value in FULL.items() if name != field.name}
    if field.is_omitted_when_empty:
        check(document)
    else:
        with pytest.raises(ValueError, match=f"{field.name} is missing"):
            check(document)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"hostname": "tims-laptop"}, "unknown field hostname"),
        ({"env_markers": {**FULL["env_markers"], "user": True}}, "unknown field env_markers.user"),
        ({"surface_requests": {"phone": 1}}, "unknown field surface_requests.phone"),
        ({"builtin_tool_calls": {"a tool": 1}}, "unknown field builtin_tool_calls.a tool"),
        ({"server_count": True}, "server_count must be a whole number"),
        ({"server_count": -1}, "server_count must be a whole number"),
        ({"server_count": 2.5}, "server_count must be a whole number"),
        ({"quarantine_enabled": 1}, "quarantine_enabled must be true or false"),
        ({"os": "plan9"}, "os must be one of"),
        ({"timestamp": "2026-11-21T05:30:00Z\n"}, "timestamp must be"),
        ({"autostart_enabled": "no"}, "autostart_enabled must be true, false or null"),
        ({"activation": {**FULL["activation"], "mcp_clients_seen_ever": ["x"] * 17}}, "mcp_clients_seen_ever must be"),
        ({"schema_version": 4}, "schema_version must be"),
    ],
)
def test_check_names_the_field_that_does_not_fit(change, named):
    """What is unknown, of the wrong type or out of range is named, and its value is not."""
    with pytest.raises(ValueError, match=named):
        check({**FULL, **change})


def test_check_never_repeats_a_value():
    """The sentence about a wrong value does not hold the value."""
    with pytest.raises(ValueError) as caught:
        check({**FULL, "anonymous_id": "MY-CANARY"})
    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize("document", [None, 3, "x", [], [FULL]])
def test_check_refuses_what_is_no_object(document):
    """Anything but an object is refused with a sentence."""
    with pytest.raises(ValueError, match="the document must be an object"):
        check(document)


def test_payload_takes_no_key_that_is_not_in_the_table():
    """A payload with a key of its own cannot be made."""
    with pytest.raises(TypeError, match="unexpected keyword argument 'hostname'"):
        HeartbeatPayload(hostname="tims-laptop")


def test_payload_round_trips_and_omits_what_is_empty():
    """The document has the given fields in the table's order, without empty ones that are omitted."""
    payload = HeartbeatPayload(**{**FULL, "flags": {}, "activation": None})
    assert "flags" not in payload.to_dict()
    assert "activation" not in payload.to_dict()
    assert payload.autostart_enabled is None
    assert list(payload.to_dict()) == [field.name for field in FIELDS if field.name not in ("flags", "activation")]
    assert json.loads(payload.encode()) == payload.to_dict()
    assert payload == HeartbeatPayload(**payload.to_dict())


def test_payload_is_immutable():
    """No field of a payload can be set."""
    payload = HeartbeatPayload(**FULL)
    with pytest.raises(dataclasses.FrozenInstanceError, match="version"):
        payload.version = "v2.0.0"
    payload.to_dict()["version"] = "v2.0.0"
    assert payload.version == "v1.4.0"


def test_fully_populated_payload_is_under_8_kb():
    """The seeds' fully populated example stays below 8 KB."""
    assert len(HeartbeatPayload(**FULL).encode()) < 8 * 1024 < HEARTBEAT_BYTES_MAX


def test_open_maps_keep_their_50_largest_entries_and_the_sum_of_the_others():
    """Of 70 counters the 50 largest keep their names and the other 20 are summed."""
    counts = {f"tool_{number:02}": number for number in range(1, 71)}
    capped = cap_counts(counts)
    assert len(capped) == 51
    assert capped["other"] == sum(range(1, 21))
    assert sum(capped.values()) == sum(counts.values())
    assert cap_counts({"other": 3, "a": 1}) == {"a": 1, "other": 3}
    assert cap_counts({}) == {}


def test_strip_unknown_makes_a_later_version_one_of_ours():
    """New fields at every level are left out and named; what remains passes the check."""
    later = {
        **FULL,
        "schema_version": 4,
        "moon_phase": "full",
        "surface_requests": {**FULL["surface_requests"], "phone": 2},
        "feature_flags": {**FULL["feature_flags"], "enable_moon": True},
    }
    document, unknown = strip_unknown(later)
    assert sorted(unknown) == ["feature_flags.enable_moon", "moon_phase", "surface_requests.phone"]
    assert document == FULL
    check(document)


def test_privacy_paragraph_names_what_stops_it():
    """The paragraph for a README names the application, its address and every way to stop it."""
    text = render_privacy_paragraph("acme-mcp", switch_variable="ACME_MCP_TELEMETRY", endpoint="https://t.acme.dev", commands="acme telemetry")
    for part in ("acme-mcp", "https://t.acme.dev", "ACME_MCP_TELEMETRY=off", "DO_NOT_TRACK=1", "show-payload"):
        assert part in text
