"""The sums that a sqlite file keeps of blocks of days: when they are made, and when they are good."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mcptelemetry.collector import COUNTED, DEMO_UNTIL, PEOPLE, Filter, SqliteStore, StoreError, demo_documents, store_documents
from mcptelemetry.wire import TelemetryBatch, TelemetryEvent

OLDER = Path(__file__).parents[1] / "data" / "collector" / "schema-4.db"
DAY = 86_400


@pytest.fixture
def path(tmp_path):
    """Return the path of a store that took fifty days in and was never asked."""
    path = tmp_path / "c.db"
    store_documents(SqliteStore(path), demo_documents(60, 50))
    return path


def blocks_in(path):
    """Return the blocks that are summed, each with its kind and its calls."""
    with closing(sqlite3.connect(path)) as connection:
        return {(kind, block): calls for kind, block, calls in connection.execute("SELECT kind, block, calls FROM call_blocks")}


def answers(store, asked):
    """Return what sums help to answer."""
    return store.calls(asked), store.tools(asked), store.sessions(asked)


@pytest.mark.parametrize("asked", [Filter(), Filter(version="v1.5.0"), Filter(client="cursor")], ids=["all", "version", "client"])
def test_the_first_look_sums_up_and_the_next_finds_it(path, asked):
    """Whoever asks first makes the sums of whole blocks, and the next who asks leaves them as they are."""
    store = SqliteStore(path)
    assert blocks_in(path) == {}
    first = answers(store, asked)
    made = blocks_in(path)
    assert len(made) > 7
    assert answers(store, asked) == first
    assert blocks_in(path) == made


def test_sums_are_what_answers(path):
    """What is summed up is not walked again: a packed latency that is changed shows in the answer."""
    store = SqliteStore(path)
    before = store.calls(Filter())
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM latency_sums")
        connection.commit()
    assert store.calls(Filter()).totals.p99_ms != before.totals.p99_ms


def test_who_reads_only_makes_no_sums(path):
    """Opened for reading only, the file is not changed, and the answers are the same."""
    reader = SqliteStore(path, read_only=True)
    answer = answers(reader, Filter())
    assert blocks_in(path) == {}
    assert answers(SqliteStore(path), Filter()) == answer
    assert blocks_in(path) != {}
    assert answers(reader, Filter()) == answer


def test_a_block_is_summed_again_when_an_event_came_late(path):
    """An event of a day that is summed up makes its block's sums void, and the next look makes them anew."""
    store = SqliteStore(path)
    total = store.calls(Filter()).totals.calls
    made = blocks_in(path)
    moment = DEMO_UNTIL - 20 * DAY
    store.add_events(TelemetryBatch([TelemetryEvent("late", "local_only", timestamp_secs=moment, latency_ms=7)]), received_at=DEMO_UNTIL)
    answer = store.calls(Filter())
    assert answer.totals.calls == total + 1
    assert [row.figures.p99_ms for row in answer.rows if row.tool == "late"] == [7]
    changed = {key for key, calls in blocks_in(path).items() if made[key] != calls}
    assert changed == {(0, moment // DAY // 4)}


def test_what_is_taken_out_takes_its_sums_with_it(path):
    """After old documents are gone no sums of their days are left."""
    store = SqliteStore(path)
    answers(store, Filter())
    limit = DEMO_UNTIL - 20 * DAY
    store.prune(limit)
    assert blocks_in(path)
    assert min(block for _, block in blocks_in(path)) > limit // DAY // 4
    assert store.calls(Filter()) == store.calls(Filter(since=limit))


def test_a_file_that_cannot_be_written_answers_without_sums(path):
    """Where there is no room for sums, the question is answered all the same."""
    store = SqliteStore(path, busy_timeout_secs=0.01)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError):
            store.prune(0)
        assert store.calls(Filter()) == SqliteStore(path, read_only=True).calls(Filter())
        assert blocks_in(path) == {}


def test_a_file_of_before_sums_gets_them(tmp_path):
    """A file that an older collector wrote is brought up to date and answers as one that took the same documents in today."""
    path, today = tmp_path / "c.db", SqliteStore(tmp_path / "today.db")
    path.write_bytes(OLDER.read_bytes())
    with closing(sqlite3.connect(path)) as connection:
        beats = connection.execute("SELECT document, received_at FROM heartbeats JOIN heartbeat_documents USING (number) ORDER BY number").fetchall()
    with pytest.raises(StoreError, match="start 'mcptelemetry collect' on it once"):
        SqliteStore(path, read_only=True)
    store = SqliteStore(path)
    for one in store.events():
        batch = TelemetryBatch([TelemetryEvent.from_dict(one.document)], app=one.app, version=one.version)
        today.add_events(batch, received_at=one.received_at)
    today.add_heartbeats([(json.loads(document), moment) for document, moment in beats])
    for asked in (Filter(), Filter(since=DEMO_UNTIL - 20 * DAY, until=DEMO_UNTIL)):
        assert answers(store, asked) == answers(today, asked)
        assert label_answers(store, asked) == label_answers(today, asked)
        assert store.versions(asked) == today.versions(asked)
    assert store.calls(Filter()).totals.calls == 116
    assert store.prune(DEMO_UNTIL - 10 * DAY)[:2] == today.prune(DEMO_UNTIL - 10 * DAY)[:2]
    assert answers(store, Filter()) == answers(today, Filter())


def label_answers(store, asked):
    """Return what sums of heartbeats help to answer."""
    return store.own_tools(asked), store.funnel(asked), *(store.counts(word, asked) for word in COUNTED)


def beats_in(path):
    """Return the blocks of heartbeats that are summed, each with how many there are."""
    with closing(sqlite3.connect(path)) as connection:
        return dict(connection.execute("SELECT block, heartbeats FROM beat_blocks"))


def test_what_heartbeats_count_is_summed_up_at_the_first_look(tmp_path):
    """Heartbeats have their blocks too: made by who may write, used by all, void when another one comes."""
    path = tmp_path / "c.db"
    store = SqliteStore(path)
    store_documents(store, demo_documents(200, 40))
    asked = Filter(since=DEMO_UNTIL - 30 * DAY, until=DEMO_UNTIL, env_kinds=PEOPLE)
    walked = label_answers(SqliteStore(path, read_only=True), asked)
    assert beats_in(path) == {}
    assert label_answers(store, asked) == walked
    made = beats_in(path)
    assert len(made) > 3
    assert label_answers(store, asked) == label_answers(SqliteStore(path, read_only=True), asked) == walked
    document = {**next(store.heartbeats()), "heartbeat_id": "00000000-0000-4000-8000-000000000000", "env_kind": "interactive"}
    document["surface_requests"] = {"late": 7}
    moment = DEMO_UNTIL - 15 * DAY
    store.add_heartbeat(document, received_at=moment)
    assert store.counts("surface", asked)[-1] == ("late", 1, 7)
    assert {block for block, count in beats_in(path).items() if made[block] != count} == {moment // DAY // 4}
    store.prune(DEMO_UNTIL - 10 * DAY)
    assert beats_in(path)
    assert min(beats_in(path)) > (DEMO_UNTIL - 10 * DAY) // DAY // 4
    recent = Filter(since=DEMO_UNTIL - 10 * DAY, until=DEMO_UNTIL, env_kinds=PEOPLE)
    assert label_answers(store, Filter(until=DEMO_UNTIL, env_kinds=PEOPLE)) == label_answers(store, recent)


def test_a_look_gathers_once_and_the_next_look_sees_what_has_come(path):
    """Within one look what was gathered stays as it was, whatever comes meanwhile; a look after it counts what has come."""
    store = SqliteStore(path)
    with store.look() as questions:
        calls = sum(questions.apps(Filter()).values())
        store.add_events(TelemetryBatch([TelemetryEvent("late", "local_only", timestamp_secs=DEMO_UNTIL - DAY)]), received_at=DEMO_UNTIL)
        assert sum(row.calls for row in questions.clients(Filter())) == calls
    with store.look() as questions:
        assert sum(questions.apps(Filter()).values()) == calls + 1
        assert questions.calls(Filter()).totals.calls == calls + 1
    assert sum(store.apps(Filter()).values()) == calls + 1


def test_a_look_forgets_what_it_gathered_when_documents_are_taken_out(path):
    """Whoever looks while old documents go is told what is left, and not by numbers that may be another's."""
    store = SqliteStore(path)
    limit = DEMO_UNTIL - 20 * DAY
    with store.look() as questions:
        before = answers(questions, Filter()), label_answers(questions, Filter()), questions.installations(Filter())
        store.prune(limit)
        after = answers(questions, Filter()), label_answers(questions, Filter()), questions.installations(Filter())
    assert after != before
    assert after == (answers(store, Filter()), label_answers(store, Filter()), store.installations(Filter()))


def test_a_look_that_failed_goes_on_with_the_next_question(path):
    """A question that cannot be asked takes nothing with it: the next one of the look is answered."""
    store = SqliteStore(path)
    with store.look() as questions:
        first = questions.calls(Filter())
        with pytest.raises(ValueError, match="step_secs"):
            questions.calls_over_time(Filter(), 7)
        assert questions.calls(Filter()) == first


def test_rows_of_each_process_give_way_to_packed_ones(path):
    """What an earlier issue kept of a block's processes goes when the block's sessions are packed."""
    store = SqliteStore(path)
    block = (DEMO_UNTIL - 20 * DAY) // DAY // 4
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO call_blocks (kind, block, calls) VALUES (3, ?, 1)", (block,))
        connection.execute("INSERT INTO session_sums (block, process, shape, calls) VALUES (?, 2, 1, 1)", (block,))
        connection.commit()
    sessions = store.sessions(Filter())
    assert sessions == SqliteStore(path, read_only=True).sessions(Filter())
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM session_sums").fetchone() == (0,)
    assert {kind for kind, _ in blocks_in(path)} == {4}
