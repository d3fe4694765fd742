"""The file in which events wait: when it is made, what stands in it, and what a disk in trouble makes of it."""

from __future__ import annotations

import os
import sqlite3

import pytest

from mcptelemetry.events import Spool, SpoolStream, stream_to
from mcptelemetry.system import StorageFailure
from mcptelemetry.testing import FakeClock

STREAM = SpoolStream("https://t.acme.dev/e", "operator")
OTHERS = SpoolStream("https://t.acme.dev/e", "author")


@pytest.fixture
def spool(tmp_path):
    """Return a spool in a directory that is not there yet."""
    return Spool(str(tmp_path / "data" / "telemetry-spool.db"), FakeClock(), busy_secs=0.05)


def put(spool, *texts, stream=STREAM, generation="g", capacity=100):
    return spool.put(stream, generation, texts, version="1.0.0", chunk_max=2, capacity=capacity)


def test_nothing_is_made_before_there_is_something_to_keep(spool):
    """Looking, claiming, settling and erasing make no file; the first put makes it, for its owner's eyes only."""
    assert spool.look() == ((), 0, 0)
    assert spool.claim(STREAM, "g", events_max=1).chunks == ()
    assert spool.settle("token", {}) == frozenset()
    assert (spool.erase(), spool.erase_other_generations("operator", "h"), spool.drop_older(STREAM, 0)) == (0, 0, 0)
    assert not os.path.exists(os.path.dirname(spool.path))
    assert put(spool, "a").waiting == 1
    assert os.stat(spool.path).st_mode & 0o777 == 0o600
    assert os.stat(os.path.dirname(spool.path)).st_mode & 0o777 == 0o700


def test_journal_is_the_one_that_works_on_network_disks(spool):
    """There is no write-ahead log."""
    put(spool, "a")
    connection = sqlite3.connect(spool.path)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    connection.close()


def test_put_may_claim_what_it_puts(spool):
    """What is put for a sender that waits for it is claimed in the same transaction, and is anybody's when the lease is over."""
    found = spool.put(STREAM, "g", list("abcde"), version="1.0.0", chunk_max=2, capacity=100, claim_max=2)
    assert [[chunk.texts for chunk in claim.chunks] for claim in found.claims] == [[["a", "b"], ["c", "d"]], [["e"]]]
    assert (found.waiting, spool.look().streams[0].claimed) == (0, 5)
    assert spool.claim(STREAM, "g", events_max=10).chunks == ()
    assert spool.settle(found.claims[0].token, {chunk.id: [] for chunk in found.claims[0].chunks}) == {1, 2}
    spool.settle(found.claims[1].token, {})
    assert [chunk.texts for chunk in spool.claim(STREAM, "g", events_max=10).chunks] == [["e"]]


def test_put_that_has_to_drop_claims_nothing(spool):
    """When there is no room for all that is put, it waits: what is older is dropped first, and what is claimed is not."""
    found = spool.put(STREAM, "g", list("abc"), version="1.0.0", chunk_max=2, capacity=2, claim_max=2)
    assert (found.dropped, found.waiting, found.claims) == (1, 2, [])


def test_erasing_overwrites_what_was_settled_before(spool):
    """After all is erased no word of any event is in the file, not of those either that were delivered long ago."""
    texts = [f"secretive-{number}" * 20 for number in range(100)]
    for _ in range(2):
        put(spool, *texts)
        claim = spool.claim(STREAM, "g", events_max=60)
        spool.settle(claim.token, {chunk.id: [] for chunk in claim.chunks})
    with open(spool.path, "rb") as file:
        assert b"secretive" in file.read()
    spool.erase()
    with open(spool.path, "rb") as file:
        assert b"secretive" not in file.read()


def test_two_endpoints_that_differ_in_a_secret_are_two_and_tell_none():
    """What a chunk is known by tells two queries apart, and shows neither them nor a password."""
    found = [stream_to(f"https://{user}t.acme.dev/e{query}", "operator").endpoint for user, query in [("", ""), ("me:hunter2@", ""), ("", "?key=hunter2"), ("", "?key=hunter3")]]
    assert len(set(found)) == 4
    assert found[0] == "https://t.acme.dev/e"
    assert not any("hunter" in endpoint or "key" in endpoint for endpoint in found)


def test_chunk_leaves_only_for_its_own_stream(spool):
    """Neither another endpoint nor another owner is handed what was recorded for this one."""
    put(spool, "a")
    assert spool.claim(OTHERS, "g", events_max=10).chunks == ()
    assert spool.claim(STREAM._replace(endpoint="https://u.acme.dev/e"), "g", events_max=10).chunks == ()
    (chunk,) = spool.claim(STREAM, "g", events_max=10).chunks
    assert (list(chunk.texts), chunk.version) == (["a"], "1.0.0")


def test_other_generation_is_erased_by_who_writes_and_by_who_claims(spool):
    """Whoever finds what was recorded under another word erases it first, claimed or not, and of its own owner only."""
    put(spool, "a")
    put(spool, "mine", stream=OTHERS)
    spool.claim(STREAM, "g", events_max=10)
    assert put(spool, "b", generation="h").waiting == 1
    assert [list(chunk.texts) for chunk in spool.claim(STREAM, "h", events_max=10).chunks] == [["b"]]
    assert spool.claim(STREAM, "i", events_max=10).chunks == ()
    assert spool.waiting(OTHERS) == 1
    assert (spool.look().dropped, spool.look().refused) == (0, 2)


@pytest.mark.parametrize("step", [-1_000_000.0, 59.0])
def test_lease_that_cannot_be_is_none(spool, step):
    """A claim keeps others off for its 60 seconds; one of a clock that was ahead and was put right keeps off nobody."""
    put(spool, "a")
    spool.claim(STREAM, "g", events_max=10)
    spool._clock.step(step)  # the spool's own, as a person sets it
    assert len(spool.claim(STREAM, "g", events_max=10).chunks) == (1 if step < 0 else 0)


def test_settling_after_the_lease_settles_nothing_of_another_process(spool):
    """Who was stopped for longer than its lease can neither delete nor release what another has claimed since."""
    put(spool, "a")
    first = spool.claim(STREAM, "g", events_max=10)
    spool._clock.advance(61)
    second = spool.claim(STREAM, "g", events_max=10)
    number = first.chunks[0].id
    assert spool.settle(first.token, {number: ()}) == frozenset()
    assert spool.waiting(STREAM) == 0
    assert spool.settle(second.token, {number: ()}) == {number}
    assert spool.look() == ((), 0, 0)


def test_old_chunks_are_dropped_when_that_is_asked(spool):
    """Chunks that have waited for longer are dropped and counted; the others stay."""
    put(spool, "a", "b", "c")
    spool._clock.advance(1000)
    put(spool, "d")
    assert spool.drop_older(STREAM, 500) == 3
    assert (spool.waiting(STREAM), spool.look().dropped) == (1, 3)


def test_everything_is_erased_with_its_account_and_overwritten(spool):
    """What `forget` asks for leaves no event, no number, and no text in the file's free pages."""
    put(spool, "a-secret-tool-name", capacity=1)
    put(spool, "another-secret-tool-name", capacity=1)
    assert spool.erase() == 1
    assert spool.look() == ((), 0, 0)
    with open(spool.path, "rb") as file:
        assert b"secret-tool-name" not in file.read()


def test_spool_of_a_newer_version_is_left_alone(spool):
    """A file that a later release has extended is neither read nor changed, and that is said."""
    put(spool, "a")
    connection = sqlite3.connect(spool.path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    for found in (put(spool, "b"), spool.claim(STREAM, "g", events_max=1), spool.look(), spool.waiting(STREAM)):
        assert isinstance(found, StorageFailure)
        assert (found.kind, "later version" in found.text) == ("version", True)
    connection = sqlite3.connect(spool.path)
    assert connection.execute("SELECT count(*) FROM chunks").fetchone() == (1,)
    connection.close()


def test_locked_spool_is_a_failure_and_no_wait_without_end(spool):
    """While another process writes for longer than patience, each deed says so, and works again afterwards."""
    put(spool, "a")
    other = sqlite3.connect(spool.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert put(spool, "b").kind == "locked"
    assert spool.claim(STREAM, "g", events_max=1).kind == "locked"
    assert spool.look().kind == "locked"
    other.execute("ROLLBACK")
    other.close()
    assert put(spool, "b").waiting == 2


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_spool_is_a_failure(spool):
    """A file that may not be written is named."""
    put(spool, "a")
    os.chmod(spool.path, 0o400)
    assert put(spool, "b").kind == "read-only"


@pytest.mark.parametrize("content", [b"this is no database, and longer than a header of one is" * 50, None])
def test_corrupt_spool_is_set_aside_and_a_new_one_begun(spool, content):
    """What is no database, or lost its tables, is put aside once; what comes next is kept."""
    put(spool, "a")
    if content is None:
        connection = sqlite3.connect(spool.path)
        connection.execute("DROP TABLE bodies")
        connection.close()
    else:
        with open(spool.path, "wb") as file:
            file.write(content)
    assert put(spool, "b").waiting == 1
    assert spool.set_aside == spool.path + ".corrupt"


def test_damaged_rows_cost_themselves_and_not_the_spool(spool):
    """Rows whose numbers are text, or whose texts are missing, are handed out as empty and can be settled."""
    put(spool, "a", "b", "c")
    connection = sqlite3.connect(spool.path)
    connection.execute("UPDATE chunks SET events = 'many', put_at = 'then', claimed_until = 'never', claim = 'x' WHERE id = 1")
    connection.execute("DELETE FROM bodies WHERE chunk = 1")
    connection.commit()
    connection.close()
    claim = spool.claim(STREAM, "g", events_max=10)
    assert [list(chunk.texts) for chunk in claim.chunks] == [[], ["c"]]
    spool.settle(claim.token, {chunk.id: () for chunk in claim.chunks})
    assert spool.look().streams == ()


def test_transaction_that_was_cut_off_is_undone_by_who_looks(spool, tmp_path):
    """What a process left that was killed in the middle of a transaction keeps nobody from looking at what waits."""
    put(spool, "a")
    with open(spool.path, "rb") as file:
        before = file.read()
    other = sqlite3.connect(spool.path, isolation_level=None)
    other.execute("PRAGMA cache_spill = 1")
    other.execute("PRAGMA cache_size = 1")
    other.execute("BEGIN IMMEDIATE")
    for _ in range(50):
        other.execute("INSERT INTO bodies (texts) VALUES (?)", ("x" * 5000,))
    # As after a kill: file and journal as they are now, and nobody there.
    copy = tmp_path / "copy.db"
    for ending in ("", "-journal"):
        with open(spool.path + ending, "rb") as file, open(f"{copy}{ending}", "wb") as into:
            into.write(file.read())
    other.execute("ROLLBACK")
    other.close()
    assert copy.read_bytes() != before
    assert Spool(str(copy), FakeClock()).look().streams[0].waiting == 1
    assert not os.path.exists(f"{copy}-journal")


def test_no_home_is_a_failure():
    """Without a place there is nothing to keep events in, and nothing raises."""
    spool = Spool("", FakeClock())
    assert put(spool, "a").kind == "no place"
    assert (spool.exists, spool.set_aside) == (False, None)
    assert spool.claim(STREAM, "g", events_max=1).chunks == ()
