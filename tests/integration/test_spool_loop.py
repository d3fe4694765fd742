"""Events that go by way of the disk, turn by turn: when they are kept, when they leave, and what keeps them back."""

from __future__ import annotations

import json
import runpy
import sqlite3
from pathlib import Path

import pytest

from mcptelemetry.events import TelemetryEvent
from mcptelemetry.events._format import BodyWriter
from mcptelemetry.events._formats import format_of
from mcptelemetry.system import Answer, Asked, NoAnswer

Bench = runpy.run_path(str(Path(__file__).parents[1] / "property" / "test_spool_accounting.py"))["Bench"]
DAY = 86_400
CREDENTIAL = "ghp_abcdefghijklmnopqrstuvwxyz0123456789"


def record(bench, *tools):
    for tool in tools:
        bench.buffer.record(TelemetryEvent(tool, "local_only"))


def tools_sent(bench):
    return [[event["tool"] for event in json.loads(request.body)["events"]] for request in bench.transport.requests]


def test_first_event_waits_half_a_second_for_others(tmp_path):
    """The keeper lets events gather for half a second from the first on, and then brings all of them to the disk."""
    bench = Bench(str(tmp_path), batch_size=10)
    keeper = bench.loop.keeper
    record(bench, "a")
    assert keeper.turn() == 0.5
    bench.clock.advance(0.4)
    record(bench, "b")
    assert keeper.turn() == pytest.approx(0.1)
    assert bench.loop.stats().buffered == 2
    bench.clock.advance(0.2)
    assert keeper.turn() > 60
    assert bench.loop.stats().spooled == 2


def test_event_that_comes_while_others_are_kept_waits_no_longer_than_they(tmp_path):
    """What was recorded during a transaction is kept half a second later."""
    bench = Bench(str(tmp_path), batch_size=10)
    record(bench, "a")
    bench.loop.keeper.turn()
    bench.clock.advance(0.5)
    put = bench.loop.keeper._spooling.spool.put

    class Interrupting:  # a spool during whose put the host records
        def __getattr__(self, name):
            return getattr(bench.loop.queue._spooling.spool, name)

        def put(self, *arguments, **keywords):
            record(bench, "b")
            return put(*arguments, **keywords)

    bench.loop.keeper._spooling = bench.loop.keeper._spooling._replace(spool=Interrupting())
    assert bench.loop.keeper.turn() == 0.5


def test_crowd_does_not_wait(tmp_path):
    """A quarter of what may wait is brought to the disk at once: there must be room for what comes meanwhile."""
    bench = Bench(str(tmp_path), batch_size=10)
    record(bench, *"abcdefghij")
    bench.loop.keeper.turn()
    assert bench.loop.stats().spooled == 10


def test_small_chunks_leave_in_one_batch(tmp_path):
    """What was kept event by event is sent together, up to a batch, in order."""
    bench = Bench(str(tmp_path), batch_size=3)
    for tool in "abcde":
        record(bench, tool)
        bench.loop.keeper.keep()
    bench.loop.turn()
    assert tools_sent(bench) == [["a", "b", "c"], ["d", "e"]]
    assert bench.loop.delivered == 5
    assert bench.loop.queue._spooling.spool.look().streams == ()


def test_sender_that_keeps_up_is_given_what_is_put(tmp_path):
    """After a pass that went well a full batch is claimed as it is put, and sent without being claimed or read again."""
    bench = Bench(str(tmp_path), batch_size=2)
    spool = bench.loop.queue._spooling.spool
    for tools in ("ab", "cd"):
        record(bench, *tools)
        bench.loop.keeper.keep()
        bench.loop.turn()
    record(bench, *"efghi")
    bench.loop.keeper.keep()
    assert (bench.loop.waiting(), spool.look().streams[0].claimed) == (5, 5)
    record(bench, *"jk")
    bench.loop.keeper.keep()
    assert (spool.look().streams[0].waiting, spool.look().streams[0].claimed) == (2, 5)
    bench.loop.turn()
    assert tools_sent(bench) == [["a", "b"], ["c", "d"], ["e", "f"], ["g", "h"], ["i"], ["j", "k"]]
    bench.loop.queue.tell_done()
    assert bench.loop.delivered == 11
    assert spool.look().streams == ()


def keep_up(bench, *pairs):
    """Record and send each of *pairs*, so that all but the first are handed over as they are put."""
    for tools in pairs:
        record(bench, *tools)
        bench.loop.keeper.keep()
        bench.loop.turn()


def test_what_was_given_and_sent_is_told_as_the_next_is_put(tmp_path):
    """A sender that keeps up costs no transaction of its own: the file learns of what was sent from who keeps the next events."""
    bench = Bench(str(tmp_path), batch_size=2)
    spool = bench.loop.queue._spooling.spool
    keep_up(bench, "cd")
    settle_all, spool.settle_all = spool.settle_all, None  # nobody calls it
    keep_up(bench, "ef", "gh")
    assert tools_sent(bench) == [["c", "d"], ["e", "f"], ["g", "h"]]
    assert (bench.loop.delivered, spool.look().streams[0].claimed) == (4, 2)
    assert bench.loop.waiting() == 0
    spool.settle_all = settle_all
    bench.clock.advance(0.9)
    bench.loop.turn()
    assert bench.loop.delivered == 4
    bench.clock.advance(0.2)
    bench.loop.turn()
    assert (bench.loop.delivered, spool.look().streams) == (6, ())


def test_sender_rests_no_longer_than_what_it_sent_may_stay_untold(tmp_path):
    """With something to tell a sender wakes within a second, and with nothing it rests as long as it likes."""
    bench = Bench(str(tmp_path), batch_size=2)
    rests = []
    bench.loop._wake_event.wait = rests.append
    keep_up(bench, "ab")
    bench.loop.rest(60)
    keep_up(bench, "cd")
    bench.loop.rest(60)
    assert rests == [60, 1]


def test_asked_sender_tells_at_once(tmp_path):
    """A flush, and the end, leave nothing untold: neither of before nor of what they send."""
    bench = Bench(str(tmp_path), batch_size=2)
    keep_up(bench, "ab", "cd")
    record(bench, *"ef")
    bench.loop.keeper.keep()
    bench.loop.life._asked[Asked()] = None
    bench.loop.turn()
    assert (bench.loop.delivered, bench.loop.queue._spooling.spool.look().streams) == (6, ())


def test_sent_events_are_told_at_once_where_they_would_be_stored_twice(tmp_path):
    """An endpoint that does not know an event by its id is not left to a process that may be killed before it tells."""
    bench = Bench(str(tmp_path), batch_size=2)
    bench.loop._writer = BodyWriter(format_of("otlp"), app=None, version=None)
    keep_up(bench, "ab", "cd")
    assert (bench.loop.delivered, bench.loop.queue._spooling.spool.look().streams) == (4, ())


def test_what_cannot_be_told_is_told_later_and_not_sent_again(tmp_path):
    """A disk that takes nothing after events were sent costs no second sending: they are told when it does."""
    bench = Bench(str(tmp_path), batch_size=2)
    keep_up(bench, "ab", "cd")
    bench.break_disk(is_broken=True)
    bench.clock.advance(100)
    bench.loop.turn()
    assert "later version" in bench.loop.storage_trouble()
    bench.break_disk(is_broken=False)
    bench.clock.advance(100)
    bench.loop.turn()
    assert tools_sent(bench) == [["a", "b"], ["c", "d"]]
    assert (bench.loop.delivered, bench.loop.queue._spooling.spool.look().streams) == (4, ())
    assert bench.loop.storage_trouble() is None


def test_end_tells_what_was_sent(tmp_path):
    """A loop that ends without another turn has told what it sent, and a forked child tells nothing of its parent's."""
    bench = Bench(str(tmp_path), batch_size=2)
    keep_up(bench, "ab", "cd")
    done = bench.loop.queue.done
    bench.loop.queue.begin()
    bench.loop.queue.abandon()
    assert bench.loop.queue._spooling.spool.look().streams[0].claimed == 2
    bench.loop.queue.done = done
    bench.loop.queue.abandon()
    assert bench.loop.queue._spooling.spool.look().streams == ()


def test_what_was_given_is_let_go_when_sending_fails(tmp_path):
    """What was claimed as it was put waits for anybody after a pass that failed, and what is put then is not claimed."""
    bench = Bench(str(tmp_path), 202, 503, batch_size=2)
    spool = bench.loop.queue._spooling.spool
    for tools in ("ab", "cdef"):
        record(bench, *tools)
        bench.loop.keeper.keep()
        bench.loop.turn()
    record(bench, *"gh")
    bench.loop.keeper.keep()
    assert (spool.look().streams[0].waiting, spool.look().streams[0].claimed) == (6, 0)


def test_what_was_given_and_lay_too_long_is_claimed_anew(tmp_path):
    """A sender that comes to it when half of the lease is over lets go of what it was given first."""
    bench = Bench(str(tmp_path), batch_size=2)
    for tools in ("ab", "cd"):
        record(bench, *tools)
        bench.loop.keeper.keep()
        if tools == "ab":
            bench.loop.turn()
    bench.clock.advance(31)
    bench.loop.turn()
    assert tools_sent(bench) == [["a", "b"], ["c", "d"]]
    assert bench.loop.queue._spooling.spool.look().streams == ()


def test_chunk_that_somebody_changed_is_read_and_not_remembered(tmp_path):
    """What this process put is taken from memory only as long as the file says the same."""
    bench = Bench(str(tmp_path), batch_size=2)
    record(bench, *"ab")
    bench.loop.keeper.keep()
    connection = sqlite3.connect(bench.loop.queue._spooling.spool.path)
    with connection:
        connection.execute("UPDATE bodies SET texts = replace(texts, '\"b\"', '\"z\"')")
    connection.close()
    bench.loop.turn()
    assert tools_sent(bench) == [["a", "z"]]


def test_what_could_not_be_sent_stays_without_what_was(tmp_path):
    """When the second batch fails, only that is kept, and goes later with the ids that it had."""
    bench = Bench(str(tmp_path), 202, 503, 202, batch_size=2)
    record(bench, *"abcd")
    bench.loop.keeper.keep()
    bench.loop.turn()
    assert bench.loop.queue.delivered == 2
    bench.clock.advance(400)
    bench.loop.turn()
    assert tools_sent(bench) == [["a", "b"], ["c", "d"], ["c", "d"]]
    ids = [[event["id"] for event in json.loads(request.body)["events"]] for request in bench.transport.requests]
    assert ids[1] == ids[2]
    assert bench.loop.queue.delivered == 4


def test_too_large_batch_goes_in_parts_and_a_refused_event_is_rejected(tmp_path):
    """413 halves a batch from the disk as one from memory; a single event that does not fit is given up."""
    bench = Bench(str(tmp_path), 413, 202, 413, 202, batch_size=4)
    record(bench, *"abcd")
    bench.loop.keeper.keep()
    bench.loop.turn()
    assert tools_sent(bench)[:2] == [["a", "b", "c", "d"], ["a", "b"]]
    assert bench.loop.queue.delivered + bench.loop.queue.rejected == 4
    assert bench.loop.queue._spooling.spool.look().streams == ()


@pytest.mark.parametrize(("status", "days", "is_kept"), [(401, 20, True), (401, 22, False), (404, 22, False), (503, 22, True)])
def test_wrong_key_or_place_keeps_events_for_three_weeks(tmp_path, status, days, is_kept):
    """While the key or the place is wrong events wait for 21 days, then they are dropped and counted; an outage may last longer."""
    bench = Bench(str(tmp_path), 503, status, batch_size=4)
    record(bench, "a")
    bench.loop.keeper.keep()
    bench.clock.advance(60)
    bench.loop.turn()
    bench.clock.advance(days * DAY)
    bench.loop.turn()
    picture = bench.loop.queue._spooling.spool.look()
    assert [found.waiting for found in picture.streams] == ([1] if is_kept else [])
    assert (picture.dropped, bench.loop.doings().dropped) == ((0, 0) if is_kept else (1, 1))


def test_credential_in_a_name_is_not_even_kept(tmp_path):
    """An event whose name holds a credential is rejected before it comes to the disk, the others are kept."""
    bench = Bench(str(tmp_path), batch_size=10)
    record(bench, "a", CREDENTIAL, "b" * 200 + " " + CREDENTIAL, "c")
    bench.loop.keeper.keep()
    assert (bench.loop.stats().spooled, bench.loop.stats().rejected) == (2, 2)
    assert CREDENTIAL.encode() not in bench.path.read_bytes()
    bench.loop.turn()
    bench.clock.advance(60)
    bench.loop.turn()
    assert tools_sent(bench) == [["a", "c"]]


def test_name_that_is_a_credential_here_does_not_leave_from_the_disk(tmp_path):
    """What another process kept is searched once more by who sends it: its environment holds other credentials."""
    bench = Bench(str(tmp_path), batch_size=10)
    record(bench, "a", "open-sesame-and-stay-open")
    bench.loop.keeper.keep()
    bench.environ["SESAME_PASSWORD"] = "open-sesame-and-stay-open"
    bench.clock.advance(60)
    bench.loop.turn()
    assert tools_sent(bench) == [["a"]]
    assert bench.loop.queue.rejected == 1


def test_edited_text_does_not_leave(tmp_path):
    """What somebody wrote into the file that is no event of ours is given up, and nothing of it leaves."""
    bench = Bench(str(tmp_path), batch_size=10)
    record(bench, "a", "b")
    bench.loop.keeper.keep()
    connection = sqlite3.connect(bench.path)
    connection.execute("""UPDATE bodies SET texts = replace(texts, '"tool":"a"', '"tool":"a","arguments":"secret"')""")
    connection.commit()
    connection.close()
    bench.clock.advance(60)
    bench.loop.turn()
    assert tools_sent(bench) == [["b"]]
    assert (bench.loop.queue.delivered, bench.loop.queue.rejected) == (1, 1)


def test_no_between_claim_and_send_is_heard_at_the_gate(tmp_path):
    """A chunk that was claimed under one word does not leave under the next, and is erased."""
    bench = Bench(str(tmp_path), batch_size=10)
    record(bench, "a")
    bench.loop.keeper.keep()
    queue = bench.loop.queue
    rows = queue.check_out(10)
    assert queue.refusal() is None
    bench.refuse_all_events()
    assert "mode was last changed" in queue.refusal()
    queue.drop_all("said no")
    assert len(rows) == 1
    picture = queue._spooling.spool.look()
    assert (picture.streams, picture.refused) == ((), 1)


def test_environment_that_refuses_leaves_the_disk_alone(tmp_path):
    """DO_NOT_TRACK holds for this process: what waits in memory is dropped, nothing is claimed or erased on the disk."""
    bench = Bench(str(tmp_path), batch_size=10)
    record(bench, "a")
    bench.loop.keeper.keep()
    bench.environ["DO_NOT_TRACK"] = "1"
    bench.refuse_all_events()  # whoever may touch the file would erase it
    before = bench.path.read_bytes()
    record(bench, "b")
    bench.loop.keeper.keep()
    bench.clock.advance(60)
    bench.loop.turn()
    assert bench.path.read_bytes() == before
    assert bench.loop.stats().dropped == 1
    assert bench.transport.requests == []


def test_broken_disk_sends_from_memory_and_is_said(tmp_path):
    """While nothing can be kept events wait in memory and leave from there; afterwards they are kept again."""
    bench = Bench(str(tmp_path), batch_size=10)
    record(bench, "a")
    bench.loop.keeper.keep()
    bench.break_disk(is_broken=True)
    record(bench, "b")
    bench.loop.keeper.keep()
    assert (bench.loop.stats().buffered, bench.loop.stats().spooled) == (1, 1)
    assert "later version" in bench.loop.storage_trouble()
    bench.clock.advance(60)
    bench.loop.turn()
    assert (tools_sent(bench), bench.loop.stats().delivered) == ([["b"]], 1)
    bench.break_disk(is_broken=False)
    record(bench, "c")
    bench.loop.keeper.keep()
    bench.clock.advance(60)
    bench.loop.turn()
    assert tools_sent(bench) == [["b"], ["a", "c"]]
    assert bench.loop.storage_trouble() is None


def test_oldest_make_room(tmp_path):
    """The file holds as many as may wait; the oldest are dropped, counted there and told as lost."""
    bench = Bench(str(tmp_path), batch_size=10)
    for number in range(5):
        record(bench, *[f"t{number}"] * 10)
        bench.loop.keeper.keep()
    assert bench.loop.queue._spooling.spool.look().dropped == 10
    assert bench.loop.doings().dropped == 10
    bench.loop.turn()
    assert tools_sent(bench)[0] == ["t1"] * 10


def test_endpoint_that_wants_to_be_left_alone_is(tmp_path):
    """Retry-After holds for what waits on the disk, however much of it there is."""
    bench = Bench(str(tmp_path), Answer(429, {"retry-after": "100"}, b""), batch_size=2)
    record(bench, *"abcd")
    bench.loop.keeper.keep()
    bench.loop.turn()
    bench.clock.advance(50)
    bench.loop.turn()
    assert len(bench.transport.requests) == 1
    bench.clock.advance(60)
    bench.loop.turn()
    assert bench.loop.delivered == 4


def test_what_a_dead_process_left_is_seen_within_half_a_minute(tmp_path):
    """A loop looks into the file every 30 seconds, and sends what nobody else has claimed."""
    bench = Bench(str(tmp_path), batch_size=10)
    other = Bench(str(tmp_path), batch_size=10)
    bench.loop.turn()
    record(other, "a")
    other.loop.keeper.keep()
    bench.clock.advance(31)
    bench.loop.turn()
    assert tools_sent(bench) == [["a"]]


def test_forked_child_knows_nothing_of_its_parents_claims(tmp_path):
    """After a fork the child neither sends nor settles what its parent has claimed; the parent goes on."""
    bench = Bench(str(tmp_path), NoAnswer("reset"), batch_size=10)
    record(bench, "a")
    bench.loop.keeper.keep()
    queue = bench.loop.queue
    queue.check_out(10)
    token = queue._token
    child = Bench(str(tmp_path), batch_size=10)
    child.loop.queue.look()
    assert child.loop.queue.check_out(10) == []
    queue.begin()
    queue.put_down()
    assert queue._spooling.spool.settle(token, {1: ()}) == {1}


def test_what_nobody_sends_any_more_is_dropped_after_three_weeks(tmp_path):
    """Chunks for an endpoint that no configuration names any more are dropped, and counted, after 21 days; younger ones wait."""
    bench = Bench(str(tmp_path), batch_size=2)
    spooling = bench.loop.queue._spooling
    old = spooling.stream._replace(endpoint="https://t.acme.dev/before")
    for days in (20, 2):
        spooling.spool.put(old, "", ["{}", "{}"], version=None, chunk_max=2, capacity=100)
        bench.clock.advance(days * DAY)
    bench.loop.queue.look()
    picture = spooling.spool.look()
    assert [(one.stream, one.waiting) for one in picture.streams] == [(old, 2)]
    assert (picture.dropped, bench.loop.queue.dropped) == (2, 2)
