"""A body that is read by what was said of its parts before is read as the judge of all bodies reads it."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from mcptelemetry.collector._documents import DocumentError
from mcptelemetry.collector._judging import BatchReader
from mcptelemetry.collector.stores import ColumnBatch
from mcptelemetry.vocabulary import COUNT_MAX, TIMESTAMP_SECS_MAX, ErrorType
from mcptelemetry.wire import TelemetryBatch, TelemetryEvent

OWNER = "0123456789abcdef0123"
HEAD = '{"tool":"t","routing_decision":"local_only","status":"success"'
END = f',"latency_ms":1,"timestamp_secs":2,"id":"{OWNER}-3"}}'
# What a sender of another mind might put anywhere in a body.
PIECES = (
    HEAD, END, HEAD + END, "," + HEAD + END, END[:-1], HEAD + END[:-1], END * 2, '"x":{"y":[' + HEAD + END + "]},",
    "{", "}", "[", "]", ",", ":", '"', "\\", '\\"', " ", "\n", "0", "-", "1e3", "1.0", "00", "9" * 16, "9" * 17, "9" * 30, "NaN", "null",
    "true", '"latency_ms":4,', ',"latency_ms":4', '"tool":"u",', ',"was_fallback":true', ',"was_fallback":false', ',"was_fallback":1',
    '"id":"other-1",', ',"id":"other-1"', '"colour":"red",', ',"app":"b"', ',"events":[]', '],"events":[', '],"x":[', '"status":"half_done",',
    '"status":"error",', '"client":7,', '"upstream":"",', "\\u0041", "\\ud800", "\x00", "\ufeff", "ä", OWNER, OWNER + "-01", OWNER.upper(),
)  # fmt: skip

names = st.sampled_from(["t", "get_issues", "ä€", 'quote"\\', "n" * 200, '"},{"', END])


@st.composite
def bodies(draw: Any) -> str:
    """Return a body as a sender of ours writes it, with a few fields out of bounds."""
    events = []
    for number in range(draw(st.integers(0, 4))):
        failed = draw(st.booleans())
        events.append(
            TelemetryEvent(
                draw(names), "local_only", upstream=draw(st.none() | names), status="error" if failed else "success",
                error_type=draw(st.sampled_from(list(ErrorType))) if failed else None, client=draw(st.none() | names),
                latency_ms=draw(st.sampled_from([0, 7, COUNT_MAX])), was_fallback=draw(st.booleans()),
                timestamp_secs=draw(st.sampled_from([0, 1_700_000_000, TIMESTAMP_SECS_MAX, TIMESTAMP_SECS_MAX + 1])),
                id=draw(st.sampled_from([f"{OWNER}-{number}", f"{OWNER}-0", f"{OWNER}-{10**18}", f"{OWNER}-00", "other", None])),
            )  # fmt: skip
        )
    return TelemetryBatch(events, app=draw(st.none() | names), version=draw(st.none() | names)).to_json().decode()


@st.composite
def changed(draw: Any, text: str) -> str:
    """Return *text* with pieces put in, in place of others or between them."""
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(text)))
        text = text[:start] + draw(st.sampled_from(PIECES)) + text[start + draw(st.sampled_from([0, 0, 1, 2, 20])) :]
    return text


def verdict(read: Any, body: bytes) -> Any:
    """Return all that *read* says of *body*."""
    try:
        reading = read(body)
    except DocumentError as error:
        return str(error)
    return list(reading.batch.events), reading.batch.app, reading.batch.version, reading.rejected, reading.ignored_fields


KNOWING = BatchReader()


@given(bodies(), st.data())
def test_what_was_seen_before_changes_no_verdict(body: str, data: Any) -> None:
    """A reader that has read thousands of bodies says of each what one says that judges it alone: events, names and reasons."""
    for text in (body, data.draw(changed(body)), body):
        raw = text.encode("utf-8", "surrogatepass")
        assert verdict(KNOWING.read, raw) == verdict(BatchReader().judge, raw)


@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
@example(HEAD + END + "]}")
@example("," + HEAD + END + "]}")
@example(HEAD + END + HEAD + END + "]}")
@example(HEAD + END + "," + HEAD + ',"latency_ms":4' + END + "]}")
@example(HEAD[:-9] + END + "]}")
def test_pieces_of_bodies_are_no_bodies(middle: str) -> None:
    """Whatever stands between the texts that are known, the verdict is the judge's."""
    for text in (f'{{"events":[{HEAD}{END}]}}', f'{{"events":[{middle}', f'{{"events":[{HEAD}{END},{middle}]}}', f'{{"events":[{middle}]}}'):
        raw = text.encode()
        assert verdict(KNOWING.read, raw) == verdict(BatchReader().judge, raw)


@given(bodies())
def test_columns_are_the_events(body: str) -> None:
    """A batch in columns is as long as its events, and they carry the application that the judge reads."""
    batch = KNOWING.read(body.encode()).batch
    assert len(batch) == len(batch.events)
    if isinstance(batch, ColumnBatch):
        judged = BatchReader().judge(body.encode()).batch
        assert (batch.events, batch.app, batch.version) == (judged.events, judged.app, judged.version)


def test_a_sender_of_ours_is_read_in_columns() -> None:
    """What our encoder writes with ids of our making needs no judge: the short way is taken at all."""
    events = [
        TelemetryEvent("t", "local_only", latency_ms=number, timestamp_secs=5, was_fallback=number % 2 == 0, id=f"{OWNER}-{number}")
        for number in range(5)
    ]
    batch = BatchReader().read(TelemetryBatch(events, app="acme-mcp", version="1.0").to_json()).batch
    assert isinstance(batch, ColumnBatch)
    assert list(batch.events) == events
