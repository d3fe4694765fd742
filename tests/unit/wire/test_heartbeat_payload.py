"""The heartbeat as a value: its fields are those of the table, and it behaves like other values."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional, get_type_hints

import pytest

from mcptelemetry.wire import FIELDS, HeartbeatPayload
from mcptelemetry.wire._shapes import Count, Flag, ListOf, MapOf, Object, Shape

FULL = json.loads((Path(__file__).parents[2] / "data" / "heartbeat" / "full.json").read_text())
HINTS = get_type_hints(HeartbeatPayload)


def type_of(shape: Shape) -> Any:
    """Return how a value of *shape* is typed."""
    if isinstance(shape, Count):
        return int
    if isinstance(shape, Flag):
        return Optional[bool] if shape.accepts(None) else bool
    if isinstance(shape, MapOf):
        return Mapping[str, type_of(shape.values)]
    if isinstance(shape, ListOf):
        return list[type_of(shape.values)]
    if isinstance(shape, Object):
        kinds = {type_of(member) for member in shape.members.values()}
        return Mapping[str, kinds.pop() if len(kinds) == 1 else Any]
    return str


def test_the_fields_are_the_rows_of_the_table_in_their_order():
    """Every row is a field, in the table's order, and nothing else is."""
    declared = [field.name for field in dataclasses.fields(HeartbeatPayload)]
    assert declared == [field.name for field in FIELDS]


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_each_field_is_typed_as_its_shape_says(field):
    """The type is that of the shape; what may be omitted is None without being given."""
    declared = next(one for one in dataclasses.fields(HeartbeatPayload) if one.name == field.name)
    wanted = type_of(field.shape)
    assert HINTS[field.name] == (Optional[wanted] if field.is_omitted_when_empty else wanted)
    assert declared.default is (None if field.is_omitted_when_empty else dataclasses.MISSING)


def test_the_document_has_the_order_of_the_table():
    """The body is made by the table, in its order, whatever the order of the arguments."""
    payload = HeartbeatPayload(**dict(reversed(list(FULL.items()))))
    assert list(payload.to_dict()) == [field.name for field in FIELDS]


@pytest.mark.parametrize(
    "copied",
    [
        copy.copy,
        copy.deepcopy,
        dataclasses.replace,
        lambda payload: pickle.loads(pickle.dumps(payload)),
        lambda payload: HeartbeatPayload(**payload.to_dict()),
    ],
    ids=["copy", "deepcopy", "replace", "pickle", "to_dict"],
)
@pytest.mark.parametrize("values", [FULL, {**FULL, "flags": {}, "activation": None}], ids=["full", "with omissions"])
def test_a_copy_is_equal_and_encodes_to_the_same_bytes(copied, values):
    """Copied in whichever way, a payload is the same value and the same document."""
    payload = HeartbeatPayload(**values)
    other = copied(payload)
    assert other == payload
    assert hash(other) == hash(payload)
    assert other.encode() == payload.encode()


def test_a_replaced_field_makes_another_value():
    """`replace` gives a payload that differs there only, and leaves the first as it was."""
    payload = HeartbeatPayload(**FULL)
    other = dataclasses.replace(payload, version="v2.0.0", flags={})
    assert (other.version, other.flags, payload.version) == ("v2.0.0", None, "v1.4.0")
    assert other != payload
    assert payload != FULL


def test_equal_payloads_have_one_hash_whatever_the_order_of_their_maps():
    """The order in which a map was filled makes no difference."""
    calls = {"get_issues": 3, "search": 1}
    one = HeartbeatPayload(**{**FULL, "builtin_tool_calls": calls})
    another = HeartbeatPayload(**{**FULL, "builtin_tool_calls": dict(reversed(list(calls.items())))})
    assert one == another
    assert len({one, another}) == 1


def test_a_field_cannot_be_set_or_deleted():
    """A payload stays as it was made."""
    payload = HeartbeatPayload(**FULL)
    with pytest.raises(dataclasses.FrozenInstanceError):
        payload.server_count = 3
    with pytest.raises(dataclasses.FrozenInstanceError):
        del payload.server_count
    assert payload.server_count == FULL["server_count"]
