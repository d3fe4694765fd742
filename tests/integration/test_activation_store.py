"""The store of activation, on real files."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading

import pytest

from mcptelemetry.counters import MAX_MCP_CLIENTS_SEEN, ActivationNotes, ActivationState, ActivationStore
from mcptelemetry.errors import StorageError
from mcptelemetry.testing import FakeClock

FLAGS = ("first_connected_server_ever", "first_mcp_client_ever", "first_retrieve_tools_call_ever")


@pytest.fixture
def clock():
    """Return a clock that a test moves."""
    return FakeClock()


@pytest.fixture
def store(tmp_path, clock):
    """Return a store on a file that does not exist yet."""
    return ActivationStore(str(tmp_path / "data" / "telemetry.db"), clock)


def test_activation_load_empty(store, tmp_path):
    """Without a database everything is zero, and looking makes none."""
    assert store.load() == ActivationState()
    assert store.is_installer_pending() is False
    assert not list(tmp_path.iterdir())


def test_activation_save_load_round_trip(store):
    """What was saved is what is loaded."""
    state = ActivationState(True, True, False, ("cursor", "vscode"), 7, "1k_10k", 3, {"first_search": True})
    store.save(state)
    assert store.load() == state
    store.save(state)
    assert store.load() == state
    assert state.to_dict()["mcp_clients_seen_ever"] == ["cursor", "vscode"]


def test_activation_milestones_are_reached_once_and_for_ever(store):
    """A milestone that was reached stays so, and one that is no identifier is dropped."""
    for name in ("first_search", "first_search", "First Search", "", None, [], "x" * 65):
        store.record_milestone(name)
    store.save(ActivationState(milestones={"first_search": False, "first_export": True, "no name": True}))
    state = store.load()
    assert state.milestones == {"first_export": True, "first_search": True}
    assert state.of_declared(["first_search", "later"]).to_dict()["milestones"] == {"first_search": True, "later": False}


@pytest.mark.parametrize("damage", ["UPDATE usage_activation SET value = 'yes'", "UPDATE usage_activation SET value = 2",
                                    "UPDATE usage_activation SET name = CAST(x'ff6d' AS TEXT)",
                                    "UPDATE usage_activation SET name = 'milestone:/Users/alice'"])  # fmt: skip
def test_activation_damaged_milestones_and_listings_read_as_none(store, tmp_path, damage):
    """What a failing disk made of a milestone, or of the number of tools, is not reported."""
    store.record_milestone("first_search")
    connection = sqlite3.connect(str(tmp_path / "data" / "telemetry.db"))
    with connection:
        connection.execute("INSERT INTO usage_activation VALUES ('listed_tool_count', -7)")
        connection.execute(damage + " WHERE name != 'listed_tool_count'")
    connection.close()
    assert store.load() == ActivationState()
    assert store.listed_tool_count() == 0


def test_activation_note_that_is_interrupted_by_a_taking_is_in_the_next_one(store):
    """Notes are taken in the middle of a note, as another thread may: it is not lost with what was taken."""
    notes = ActivationNotes(store, milestones=["first_search"])
    interruptions = []

    class Name(str):
        """Looked at by the dictionary that keeps it, in the middle of the step."""

        is_noted = False

        def __hash__(self):
            if not self.is_noted:
                interruptions.append(notes.take())
            return hash(str(self))

    name = Name("first_search")
    notes.record_milestone(name)
    name.is_noted = True
    assert len(interruptions) >= 2
    assert set(interruptions) == {None}
    assert notes.take()[0].milestones == ("first_search",)


def test_activation_notes_drop_milestones_that_were_not_declared(store):
    """Only a declared milestone is noted, whatever is said; all declared ones are in the picture."""

    class Broken:
        def __hash__(self):
            raise RuntimeError

    notes = ActivationNotes(store, milestones=["first_search"])
    for name in ("first_export", None, [], Broken(), 7):
        notes.record_milestone(name)
    assert notes.take() is None
    assert notes.load().milestones == {"first_search": False}


@pytest.mark.parametrize("bucket", ["0", "1_100", "100_1k", "1k_10k", "10k_100k", "100k_plus"])
def test_activation_save_keeps_the_bucket_of_tokens(store, bucket):
    """Every bucket of saved tokens comes back as itself; an invalid word as zero."""
    store.save(ActivationState(estimated_tokens_saved_24h_bucket=bucket))
    assert store.load().estimated_tokens_saved_24h_bucket == bucket
    store.save(ActivationState(estimated_tokens_saved_24h_bucket="lots"))
    assert store.load().estimated_tokens_saved_24h_bucket == "0"


def test_activation_flags_monotonic_stickiness(store):
    """A milestone that was reached is never taken back, whatever is saved later."""
    store.mark_first_connected_server()
    store.mark_first_mcp_client()
    store.mark_first_retrieve_tools_call()
    store.save(ActivationState())
    assert all(getattr(store.load(), flag) for flag in FLAGS)


def test_activation_marks_are_independent_and_idempotent(store):
    """Each mark sets its own flag, however often it is made."""
    store.mark_first_mcp_client()
    store.mark_first_mcp_client()
    state = store.load()
    assert [getattr(state, flag) for flag in FLAGS] == [False, True, False]


def test_activation_record_mcp_client_dedup_and_cap(store):
    """Each client is kept once, in the order they came; the 17th is dropped."""
    for name in ("Cursor", "cursor", "cursor-vscode"):
        store.record_mcp_client(name)
    assert store.load().mcp_clients_seen_ever == ("cursor",)
    for number in range(30):
        store.record_mcp_client(f"client-{number}")
    seen = store.load().mcp_clients_seen_ever
    assert len(seen) == MAX_MCP_CLIENTS_SEEN == 16
    assert seen == ("cursor", *(f"client-{number}" for number in range(15)))


def test_activation_record_mcp_client_path_like_becomes_unknown(store):
    """A client that calls itself by a path is kept as unknown."""
    store.record_mcp_client("/Users/alice/bin/client")
    assert store.load().mcp_clients_seen_ever == ("unknown",)


def test_activation_24h_window_decay(store, clock):
    """The gauges roll when a day has passed since they began; reading sees it, and writes nothing."""
    store.increment_retrieve_tools_call()
    clock.advance(86_399)
    store.increment_retrieve_tools_call()
    store.add_tokens_saved(500)
    assert store.load().retrieve_tools_calls_24h == 2
    clock.advance(1)
    state = store.load()
    assert (state.retrieve_tools_calls_24h, state.estimated_tokens_saved_24h_bucket) == (0, "100_1k")
    store.increment_retrieve_tools_call()
    assert store.load().retrieve_tools_calls_24h == 1
    clock.advance(86_399)
    assert store.load().estimated_tokens_saved_24h_bucket == "0"


def test_activation_gauges_survive_a_clock_that_is_put_right(store, clock):
    """A small step back keeps a gauge; one that began in a far future reads as zero."""
    store.increment_retrieve_tools_call()
    clock.step(-2)
    assert store.load().retrieve_tools_calls_24h == 1
    clock.step(-86_400 * 365)
    assert store.load().retrieve_tools_calls_24h == 0
    store.increment_retrieve_tools_call()
    assert store.load().retrieve_tools_calls_24h == 1


def test_activation_100_concurrent_increments(store):
    """A hundred threads that count at once are a hundred."""
    barrier = threading.Barrier(100)

    def count():
        barrier.wait(60)
        store.increment_retrieve_tools_call()

    threads = [threading.Thread(target=count) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert store.load().retrieve_tools_calls_24h == 100


def test_activation_increments_of_processes_add_up(store, tmp_path):
    """Processes of one installation that count at once lose nothing."""
    program = (
        "import sys; from mcptelemetry.counters import ActivationStore; store = ActivationStore(sys.argv[1])\n"
        "for _ in range(10): store.increment_retrieve_tools_call()\n"
    )
    path = str(tmp_path / "data" / "telemetry.db")
    children = [subprocess.Popen([sys.executable, "-c", program, path]) for _ in range(4)]
    assert [child.wait(60) for child in children] == [0] * 4
    assert ActivationStore(path).load().retrieve_tools_calls_24h == 40


@pytest.mark.parametrize("n", [0, -1, -(10**30), True, 1.5, None, "7"])
def test_activation_add_tokens_saved_ignores_what_is_no_amount(store, n):
    """Less than one token, and what is no number, is ignored."""
    store.add_tokens_saved(n)
    assert store.load().estimated_tokens_saved_24h_bucket == "0"


def test_activation_add_tokens_saved_takes_enormous_amounts(store):
    """An amount beyond every integer of the database ends in the highest bucket."""
    store.add_tokens_saved(10**30)
    store.add_tokens_saved(10**30)
    store.increment_retrieve_tools_call()
    state = store.load()
    assert (state.estimated_tokens_saved_24h_bucket, state.retrieve_tools_calls_24h) == ("100k_plus", 1)


def test_activation_installer_pending_round_trip(store):
    """The installer's flag is what was said last."""
    store.set_installer_pending(True)
    assert store.is_installer_pending() is True
    store.set_installer_pending(False)
    assert store.is_installer_pending() is False


def plant(path, table, value):
    """Put *value* in the place of every value of a table."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(f"UPDATE {table} SET value = ?", (value,))
    connection.close()


@pytest.mark.parametrize("value", ["rubbish", b"\xff\xfe", -1, 2**62, 1.5, "", '{"a": 1}', '["/etc", 3, null]', "[" * 9999])
def test_activation_corrupt_values_read_as_zero(store, tmp_path, value):
    """A damaged value reads as zero, costs nothing but itself, and is overwritten by the next."""
    store.save(ActivationState(True, True, True, ("cursor",), 7, "1k_10k", 3))
    path = tmp_path / "data" / "telemetry.db"
    plant(path, "usage_activation", value)
    state = store.load()
    assert not any(getattr(state, flag) for flag in FLAGS)
    assert (state.mcp_clients_seen_ever, state.retrieve_tools_calls_24h) == ((), 0)
    assert state.estimated_tokens_saved_24h_bucket == "0"
    store.mark_first_mcp_client()
    store.record_mcp_client("zed")
    store.increment_retrieve_tools_call()
    state = store.load()
    assert (state.first_mcp_client_ever, state.mcp_clients_seen_ever, state.retrieve_tools_calls_24h) == (True, ("zed",), 1)


def test_activation_undecodable_text_reads_as_zero(store, tmp_path):
    """Text that is no UTF-8 reads as zero instead of failing the look."""
    store.save(ActivationState(True, True, True, ("cursor",), 7, "1k_10k", 3))
    connection = sqlite3.connect(tmp_path / "data" / "telemetry.db")
    with connection:
        connection.execute("UPDATE usage_activation SET value = CAST(x'ff00ff' AS TEXT)")
    connection.close()
    assert store.load() == ActivationState()


def test_activation_without_a_place_is_trouble_and_no_exception(tmp_path):
    """A path on which nothing can be stored reads as zero, and says so."""
    (tmp_path / "file").write_text("in the way")
    store = ActivationStore(os.fspath(tmp_path / "file" / "telemetry.db"))
    store.mark_first_mcp_client()
    assert isinstance(store.failure, StorageError)
    assert str(tmp_path / "file" / "telemetry.db") in str(store.failure)
    assert store.load() == ActivationState()


def test_activation_notes_are_taken_once_and_can_be_put_back(store):
    """Notes are handed over whole, and what could not be stored is noted once more."""
    notes = ActivationNotes(store, milestones=["first_search", "first_export"])
    notes.mark_first_mcp_client()
    notes.record_mcp_client("Cursor")
    for _ in range(3):
        notes.increment_retrieve_tools_call()
    for _ in range(3_000):
        notes.add_tokens_saved(2)
    notes.set_installer_pending(True)
    notes.record_milestone("first_search")
    notes.note_listed_tools(12)
    taken = notes.take()
    assert notes.take() is None
    notes.set_installer_pending(False)
    notes.increment_retrieve_tools_call()
    notes.record_milestone("first_export")
    notes.note_listed_tools(0)
    notes.requeue(taken)
    news, outcome = notes.take()
    assert news._asdict() == {
        "first_connected_server": False, "first_mcp_client": True, "first_retrieve_tools_call": False,
        "clients": ("cursor",), "retrieve_tools_calls": 4, "tokens_saved": 6_000, "installer_pending": False,
        "milestones": ("first_export", "first_search"), "listed_tool_count": 0,
    }  # fmt: skip
    assert outcome is None


def test_activation_notes_without_a_store_keep_nothing():
    """When telemetry is off, the same methods are there and nothing is kept."""
    notes = ActivationNotes()
    notes.mark_first_connected_server()
    notes.record_mcp_client("cursor")
    notes.increment_retrieve_tools_call()
    notes.add_tokens_saved(7)
    notes.set_installer_pending(True)
    assert notes.take() is None
    assert notes.load() == ActivationState()
    assert notes.is_installer_pending() is False
