"""Property: the wrapper's output is its input, however the bytes are cut, and looking never raises."""

from __future__ import annotations

import json
import os
import sys
import tempfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcptelemetry.wrap import Conversation, LineCutter, SignalRelay, run_wrapped

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
methods = st.sampled_from(
    [
        "initialize",
        "tools/call",
        "tools/list",
        "tasks/get",
        "tasks/result",
        "tasks/cancel",
        "notifications/cancelled",
        "notifications/tasks/status",
        "ping",
    ]
)
fields = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["add", "boom"]) | values,
        "requestState": st.sampled_from(["s", "t"]) | values,
        "inputResponses": values,
        "requestId": st.integers(0, 3) | values,
        "resultType": st.sampled_from(["complete", "input_required", "task"]) | values,
        "taskId": st.sampled_from(["t1", "t2"]) | values,
        "task": st.fixed_dictionaries({"taskId": st.just("t1")}) | values,
        "status": st.sampled_from(["working", "completed", "failed", "cancelled"]) | values,
        "isError": values,
        "result": values,
        "tools": st.lists(st.fixed_dictionaries({"name": st.just("add") | values})) | values,
        "clientInfo": values,
        "_meta": values,
    },
)
messages = st.fixed_dictionaries(
    {},
    optional={
        "id": st.integers(0, 3) | scalars,
        "method": methods | values,
        "params": fields | values,
        "result": fields | values,
        "error": values,
    },
)
lines = (
    messages.map(lambda message: json.dumps(message).encode())
    | st.lists(messages, max_size=3).map(lambda batch: json.dumps(batch).encode())
    | st.binary(max_size=20)
)
streams = st.lists(lines, max_size=20).map(b"\n".join)


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    """Return *data* in pieces of *sizes*, then the rest."""
    pieces = []
    for size in sizes:
        pieces.append(data[:size])
        data = data[size:]
    return [*pieces, data]


@given(st.lists(st.tuples(st.booleans(), lines), max_size=40))
def test_conversation_never_raises_and_records_every_call_once(script: list[tuple[bool, bytes]]) -> None:
    """Whatever lines the two sides send, there are as many records as calls that began at most."""
    records: list[tuple[object, ...]] = []

    def record(tool: str, **outcome: object) -> None:
        assert isinstance(tool, str)
        assert 0 < len(tool) <= 128
        records.append((tool, *outcome.values()))

    conversation = Conversation(record, open_limit=5)
    calls_at_most = 0
    for now, (from_client, line) in enumerate(script):
        (conversation.client_line if from_client else conversation.server_line)(line, float(now))
        calls_at_most += line.count(b"tools/call") if from_client else 0
    conversation.finish(float(len(script)))
    count = len(records)
    assert count <= calls_at_most
    conversation.finish(float(len(script)))
    assert len(records) == count


@given(streams, st.lists(st.integers(0, 50), max_size=20))
def test_looking_is_the_same_however_the_bytes_are_cut(stream: bytes, sizes: list[int]) -> None:
    """The lines that are looked at depend on the bytes alone."""

    def looked_at(pieces: list[bytes]) -> list[object]:
        cutter = LineCutter()
        blocks = [*(cutter.feed(piece) for piece in pieces), cutter.rest()]
        return [line for block in blocks if block is not None for line in block.lines()]

    assert looked_at(cut(stream, sizes)) == looked_at([stream])


@pytest.mark.skipif(sys.platform == "win32", reason="the echo child is a POSIX command")
@settings(max_examples=40, deadline=None)
@given(streams | st.binary(max_size=200_000), st.booleans())
def test_wrapper_output_is_its_input(stream: bytes, is_sized: bool) -> None:  # noqa: FBT001  drawn
    """Through a child that echoes, in large pieces or in small ones, what comes out is what went in, byte for byte."""
    with tempfile.TemporaryFile() as asked, tempfile.TemporaryFile() as answered, SignalRelay() as signals:
        asked.write(stream)
        asked.seek(0)
        code = run_wrapped(
            ["cat"] if not is_sized else ["dd", "bs=77", "status=none"],
            lambda: None,
            client_input=os.dup(asked.fileno()),
            client_output=os.dup(answered.fileno()),
            signals=signals,
            say=pytest.fail,
        )
        answered.seek(0)
        assert code == 0
        assert answered.read() == stream
