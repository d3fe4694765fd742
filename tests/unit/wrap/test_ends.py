"""What a long message says in its first and last bytes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcptelemetry.wrap import read_ends

HUGE = 'x"}]{[\\' * 400
ENDS = 300

MESSAGES = {
    "TypeScript answer": ({"jsonrpc": "2.0", "id": 3, "result": {"content": [{"text": HUGE}], "isError": True}}, None),
    "Python answer": ({"result": {"content": [{"text": HUGE}], "isError": True}, "jsonrpc": "2.0", "id": "3"}, None),
    "structured": (
        {"id": 3, "result": {"content": [HUGE], "structuredContent": {"a": {"b": [1, {"c": "}"}]}}, "isError": False}},
        {"id": 3, "result": {"structuredContent": {"a": {"b": [1, {"c": "}"}]}}, "isError": False}},
    ),
    "error": ({"id": 3, "error": {"code": -1, "message": HUGE}}, {"id": 3, "error": {"code": -1}}),
    "TypeScript call": (
        {"method": "tools/call", "params": {"name": "echo", "arguments": {"a": HUGE}}, "id": 3},
        {"method": "tools/call", "params": {"name": "echo"}, "id": 3},
    ),
    "arguments first": (
        {"method": "tools/call", "params": {"arguments": {"a": HUGE}, "name": 'e"\\'}, "id": 3},
        {"method": "tools/call", "params": {"name": 'e"\\'}, "id": 3},
    ),
    "a member that is no object": ({"id": 3, "x": HUGE, "y": 1}, {"id": 3, "y": 1}),
}


@pytest.mark.parametrize("name", MESSAGES)
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")], ids=["dense", "spaced"])
def test_ends_say_what_stands_beside_the_middle(name: str, separators: tuple[str, str]) -> None:
    """Members before and behind what is long are read, of the message and of its result or parameters."""
    message, expected = MESSAGES[name]
    if expected is None:
        expected = {**message, "result": {"isError": True}}
    text = json.dumps(message, separators=separators).encode()
    assert read_ends(text[:ENDS], text[-ENDS:]) == expected


META = {"progressToken": {"isError": False}}
# What stands before the outcome, or behind it, in the orders in which servers write it; a server chooses where its id stands.
RESULTS = {
    "content, outcome": {"content": HUGE, "isError": True},
    "outcome, content": {"isError": True, "content": HUGE},
    "content, structure, outcome": {"content": HUGE, "structuredContent": {"result": HUGE}, "isError": True},
    "content, outcome, small structure": {"content": HUGE, "isError": True, "structuredContent": {"isError": False}},
    "small content, outcome, structure": {"content": [{"text": "no"}], "isError": True, "structuredContent": {"a": HUGE}},
    "meta, content, outcome": {"_meta": META, "content": HUGE, "isError": True},
    "content, meta, outcome": {"content": HUGE, "_meta": META, "isError": True},
    "content, outcome, meta": {"content": HUGE, "isError": True, "_meta": META},
    "type, content, outcome": {"resultType": "complete", "content": HUGE, "isError": True},
}


@pytest.mark.parametrize("order", RESULTS)
@pytest.mark.parametrize("place", ["before", "behind", "both"])
def test_outcome_is_read_in_every_order_in_which_servers_write_it(order: str, place: str) -> None:
    """The id and the failure are found wherever they stand, as long as it is not between two long parts."""
    before = {"jsonrpc": "2.0", "id": 3} if place == "before" else {"jsonrpc": "2.0"} if place == "both" else {}
    behind = {"id": 3, "jsonrpc": "2.0"} if place == "behind" else {"id": 3} if place == "both" else {}
    text = json.dumps({**before, "result": RESULTS[order], **behind}).encode()
    found = read_ends(text[:ENDS], text[-ENDS:])
    assert found["id"] == 3
    assert found["result"]["isError"] is True


def test_outcome_between_two_long_parts_is_not_seen() -> None:
    """What is read of such an answer is an answer, and no failure of it."""
    result = {"content": HUGE, "isError": True, "structuredContent": {"a": HUGE}}
    text = json.dumps({"id": 3, "result": result}).encode()
    assert read_ends(text[:ENDS], text[-ENDS:]) == {"id": 3, "result": {}}


@given(st.integers(20, 1_000), st.integers(60, 1_000), st.text(max_size=5_000))
def test_ends_of_an_answer_never_tell_another_outcome(head: int, tail: int, text: str) -> None:
    """Wherever the two end, a failure that is seen is the answer's own, whatever its content pretends."""
    pretended = text + json.dumps({"result": {"isError": False}, "id": 4})
    line = json.dumps({"id": 3, "result": {"content": [{"text": pretended}], "isError": True}}).encode()
    head, tail = min(head, len(line)), min(tail, len(line))
    found = read_ends(line[:head], line[-tail:])
    assert found == {"id": 3, "result": {"isError": True}} or found["result"]["content"] == [{"text": pretended}]


@given(st.binary(), st.binary())
def test_ends_take_any_bytes(head: bytes, tail: bytes) -> None:
    """Bytes that are no JSON at all do not make it raise."""
    assert isinstance(read_ends(head, tail), dict)


@pytest.mark.parametrize("text", [json.dumps([HUGE]), json.dumps(HUGE), "1" * 5_000])
def test_ends_of_what_is_no_object_say_nothing(text: str) -> None:
    """An array or a scalar has no members."""
    assert read_ends(text[:ENDS].encode(), text[-ENDS:].encode()) == {}
