"""The windows of an installation, on real files: when one begins, and what becomes of it."""

from __future__ import annotations

import sqlite3
from types import SimpleNamespace

import pytest

from mcptelemetry import StartupOutcome
from mcptelemetry.counters import (
    ActivationNotes,
    ActivationStore,
    CounterFlusher,
    CounterRegistry,
    CountingWorker,
    RegistrySnapshot,
    Windows,
)
from mcptelemetry.state import Memory
from mcptelemetry.testing import FakeClock

DAY = 86_400
LEASE = 120


class Installation:
    """An installation whose mode, clock and chance a test decides."""

    def __init__(self, path, busy_secs=5.0):
        self.path = path
        self.clock = FakeClock()
        self.generation = "first"
        self.memory = Memory(path, clock=self.clock, busy_secs=busy_secs)

    def windows(self):
        """Return what a process of the installation has of the windows."""
        return Windows(
            self.memory, clock=self.clock, generation=lambda: self.generation, uniform=lambda _least, most: most
        )

    def process(self):
        """Return the counting side of another process of the installation."""
        registry = CounterRegistry(["search"])
        notes = ActivationNotes(ActivationStore(self.path, self.clock))
        flusher = CounterFlusher(
            registry, notes, self.memory, clock=self.clock, permission=lambda: self.generation
        )
        return SimpleNamespace(registry=registry, notes=notes, flusher=flusher)

    def count(self, times, process=None):
        """Count and store some calls."""
        process = process or self.process()
        for _ in range(times):
            process.registry.record_call("search")
        assert process.flusher.flush()


@pytest.fixture
def installation(tmp_path):
    """Return an installation without any file yet."""
    return Installation(str(tmp_path / "data" / "telemetry.db"))


def calls(window):
    """Return how many calls a window or a preview holds."""
    return window.snapshot.builtin_tool_calls.get("search", 0)


def test_windows_state_of_an_installation_that_never_ran_is_empty(installation, tmp_path):
    """Looking at what would be sent makes no file and shows no id."""
    state = installation.windows().state()
    assert (state.heartbeat_id, state.snapshot, state.due_in_secs) == ("", RegistrySnapshot(), 0.0)
    assert not list(tmp_path.iterdir())


def test_windows_begin_freezes_what_was_counted_by_all_processes(installation):
    """A window holds what every process of the installation has stored until then."""
    for _ in range(3):
        installation.count(5)
    window = installation.windows().begin()
    assert calls(window) == 15
    assert window.attempts == 0


def test_windows_begin_is_for_one_process_only(installation):
    """While a lease holds, nobody else begins."""
    installation.count(1)
    assert installation.windows().begin() is not None
    assert installation.windows().begin() is None
    installation.clock.advance(LEASE - 1)
    assert installation.windows().begin() is None


def test_windows_lease_of_a_dead_process_ends_after_two_minutes(installation):
    """When a holder never comes back, another sends the same window under the same id."""
    installation.count(3)
    first = installation.windows().begin()
    installation.count(4)
    installation.clock.advance(LEASE)
    second = installation.windows().begin()
    assert (second.heartbeat_id, second.counts) == (first.heartbeat_id, first.counts)
    assert second.lease != first.lease


def test_windows_settle_leaves_what_was_stored_meanwhile(installation):
    """What others store during a send belongs to the next window, under another id."""
    windows = installation.windows()
    installation.count(3)
    first = windows.begin()
    installation.count(4)
    assert windows.settle(first)
    state = windows.state()
    assert (calls(state), state.settled_count, state.is_frozen) == (4, 1, False)
    assert state.heartbeat_id not in ("", first.heartbeat_id)
    assert windows.begin() is None
    installation.clock.advance(DAY)
    second = windows.begin()
    assert second.heartbeat_id == state.heartbeat_id
    assert calls(second) == 4


def test_windows_settle_runs_what_else_changes_in_the_same_transaction(installation):
    """What an accepted heartbeat changes elsewhere is written with it, or not at all."""
    windows = installation.windows()
    installation.count(1)
    window = windows.begin()

    def fail(_connection):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        windows.settle(window, also=fail)
    assert windows.state().is_frozen
    seen = []
    assert windows.settle(window, also=lambda connection: seen.append(connection.in_transaction))
    assert seen == [True]


def test_windows_settle_of_a_window_that_another_closed_changes_nothing(installation):
    """A process that was slow to hear of its 2xx does not close the window after it."""
    installation.count(3)
    slow, other = installation.windows(), installation.windows()
    window = slow.begin()
    installation.clock.advance(LEASE)
    assert other.settle(other.begin())
    installation.clock.advance(DAY)
    installation.count(4)
    following = other.begin()
    assert slow.settle(window) is False
    assert slow.postpone(window) == 0.0
    assert other.state().heartbeat_id == following.heartbeat_id
    assert calls(other.state()) == 4


def test_windows_postpone_keeps_counts_and_id_and_survives_a_restart(installation):
    """A window held back comes again with the same counts and id, in any process, and not before its time."""
    installation.count(3)
    windows = installation.windows()
    window = windows.begin()
    assert windows.postpone(window) == 2.0
    installation.count(5)
    restarted = installation.windows()
    assert restarted.begin() is None
    assert restarted.state().due_in_secs == 2.0
    installation.clock.advance(2)
    again = restarted.begin()
    assert (again.heartbeat_id, again.counts, again.attempts) == (window.heartbeat_id, window.counts, 1)


def test_windows_back_off_grows_to_five_minutes_and_obeys_the_server(installation):
    """Each failure doubles the most that is waited, up to 300 s; what the server asks for is the least, up to a day."""
    installation.count(1)
    windows = installation.windows()
    waits = []
    for _ in range(12):
        waits.append(windows.postpone(windows.begin()))
        installation.clock.advance(waits[-1])
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300]
    assert windows.postpone(windows.begin(), retry_after_secs=3_600) == 3_600
    installation.clock.advance(3_600)
    assert windows.postpone(windows.begin(), retry_after_secs=10**9) == DAY


def test_windows_give_up_closes_the_window_and_counts_it(installation):
    """A window that is rejected for good is gone, counted, and the next is due in a day."""
    windows = installation.windows()
    installation.count(3)
    window = windows.begin()
    assert windows.give_up(window)
    state = windows.state()
    assert (state.given_up_count, state.settled_count, calls(state)) == (1, 0, 0)
    assert state.due_in_secs == DAY
    assert state.heartbeat_id != window.heartbeat_id


def test_windows_give_up_after_21_days(installation):
    """A window that nobody accepts for 21 days is given up, and what was counted since goes on."""
    windows = installation.windows()
    installation.count(3)
    windows.begin()
    installation.clock.advance(21 * DAY - 1)
    assert calls(windows.begin()) == 3
    installation.count(4)
    installation.clock.advance(LEASE)
    assert windows.begin() is None
    state = windows.state()
    assert (state.given_up_count, calls(state), state.due_in_secs) == (1, 4, DAY)


def test_windows_20_restarts_in_a_day_send_once(installation):
    """However often an installation is started in a day, one window leaves."""
    sent = 0
    for _ in range(20):
        installation.count(2)
        windows = installation.windows()
        window = windows.begin()
        if window is not None:
            sent += 1
            windows.settle(window)
        installation.clock.advance(DAY / 24)
    assert sent == 1
    assert calls(installation.windows().state()) == 38


@pytest.mark.parametrize("what", ["due", "lease", "back-off"])
def test_windows_clock_that_was_in_2099_delays_nothing_beyond_a_day(installation, what):
    """A due time, lease or back-off that only a wrong clock can have set counts as absent."""
    windows = installation.windows()
    installation.count(1)
    seventy_years = 73 * 365 * DAY
    installation.clock.step(seventy_years)
    window = windows.begin()
    if what == "due":
        windows.settle(window)
    elif what == "back-off":
        windows.postpone(window, retry_after_secs=DAY)
    installation.clock.step(-seventy_years)
    again = windows.begin()
    assert again is not None
    assert (again.heartbeat_id == window.heartbeat_id) is (what != "due")
    # Nor does a window frozen in that future live for seventy years.
    installation.clock.advance(21 * DAY)
    assert windows.begin() is None
    assert windows.state().given_up_count == 1


def test_windows_small_step_back_is_waited_out(installation):
    """A due time a little farther ahead than a day, by a clock that was put right, is due at once at worst."""
    windows = installation.windows()
    installation.count(1)
    windows.settle(windows.begin())
    installation.clock.step(DAY / 2)
    assert windows.begin() is None
    installation.clock.step(DAY / 2)
    assert windows.begin() is not None


def test_windows_of_another_generation_never_leave(installation):
    """What was counted before the mode was last changed is erased, in memory and on disk, by whoever finds it."""
    process = installation.process()
    installation.count(3, process)
    process.notes.mark_first_mcp_client()
    assert process.flusher.flush()
    windows = installation.windows()
    frozen = windows.begin()
    process.registry.record_call("search")  # still in memory
    process.notes.record_mcp_client("cursor")
    installation.generation = "second"
    assert windows.state().snapshot == RegistrySnapshot()
    assert windows.state().heartbeat_id == ""
    assert process.flusher.flush()
    assert process.registry.snapshot() == RegistrySnapshot()
    installation.count(2, process)
    assert calls(windows.state()) == 2
    assert process.notes.load().first_mcp_client_ever is False
    assert process.notes.load().mcp_clients_seen_ever == ()
    assert windows.settle(frozen) is False
    fresh = windows.begin()
    assert calls(fresh) == 2
    assert fresh.heartbeat_id != frozen.heartbeat_id


def test_windows_generation_changed_while_nobody_counted_is_erased_by_the_sender(installation):
    """Whoever sends erases what another generation counted, too."""
    installation.count(3)
    installation.generation = "second"
    window = installation.windows().begin()
    assert calls(window) == 0


def test_windows_without_permission_store_and_begin_nothing(installation, tmp_path):
    """When nothing may be stored, counts are dropped, no file is touched and no window begins."""
    process = installation.process()
    installation.generation = None
    process.registry.record_call("search")
    process.notes.mark_first_mcp_client()
    assert process.flusher.flush()
    assert process.registry.snapshot() == RegistrySnapshot()
    assert installation.windows().begin() is None
    assert not list(tmp_path.iterdir())


def test_windows_permission_that_comes_back_keeps_what_is_stored(installation):
    """A refusal that passes, of the environment say, leaves what was stored before it."""
    process = installation.process()
    installation.count(3, process)
    installation.generation = None
    process.registry.record_call("search")
    process.flusher.flush()
    installation.generation = "first"
    installation.count(2, process)
    assert calls(installation.windows().state()) == 5


def test_windows_preview_changes_no_byte(installation):
    """A hundred looks leave the database byte for byte as it was."""
    installation.count(3)
    installation.windows().begin()
    installation.count(4)
    with open(installation.path, "rb") as file:
        before = file.read()
    states = {str(installation.windows().state()) for _ in range(100)}
    with open(installation.path, "rb") as file:
        assert file.read() == before
    assert len(states) == 1


def test_flusher_stores_everything_that_can_be_counted(installation):
    """Every kind of counter reaches the disk and comes back as it was."""
    process = installation.process()
    registry = process.registry
    registry.record_surface("cli")
    registry.record_call("search")
    registry.record_upstream_tool()
    registry.record_rest_request("GET", "/api/v1/servers/{id}", "2xx")
    registry.record_rest_request("GET", "/Users/alice", "4xx")
    registry.record_error("docker_run_failed")
    registry.record_doctor_run([SimpleNamespace(name="disk", passed=False)])
    expected = registry.snapshot()
    process.notes.note_startup_outcome(StartupOutcome.PORT_CONFLICT)
    assert process.flusher.flush()
    assert registry.snapshot() == RegistrySnapshot()
    assert installation.windows().state().snapshot == expected
    assert installation.memory.look().last_startup_outcome is StartupOutcome.PORT_CONFLICT


def test_flusher_keeps_what_a_locked_database_does_not_take(tmp_path):
    """While another process holds the database counting goes on, and everything is stored afterwards."""
    installation = Installation(str(tmp_path / "telemetry.db"), busy_secs=0.05)
    process = installation.process()
    installation.count(1, process)
    holder = sqlite3.connect(installation.path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    for _ in range(10):
        process.registry.record_call("search")
    process.notes.increment_retrieve_tools_call()
    assert process.flusher.flush() is False
    assert process.flusher.failure.kind == "locked"
    assert installation.windows().begin() is None
    process.registry.record_call("search")
    process.notes.increment_retrieve_tools_call()
    assert process.registry.snapshot().builtin_tool_calls == {"search": 11}
    holder.execute("ROLLBACK")
    holder.close()
    assert process.flusher.flush() is True
    assert process.flusher.failure is None
    assert calls(installation.windows().state()) == 12
    assert process.notes.load().retrieve_tools_calls_24h == 2


def test_flusher_sums_end_at_what_json_can_say(installation):
    """A sum never overflows, however often it is added to."""
    installation.count(1)
    connection = sqlite3.connect(installation.path)
    with connection:
        connection.execute("UPDATE usage_counters SET count = ?", (2**53 - 2,))
    connection.close()
    installation.count(5)
    assert calls(installation.windows().state()) == 2**53 - 1


def test_flusher_puts_routes_and_checks_together_when_there_are_too_many(installation):
    """However many processes count routes of their own, the database stays small and no count is lost."""
    letters = "abcdefghij"
    for first in letters:
        process = installation.process()
        for second in letters:
            for third in letters + "klmnopqrst":
                process.registry.record_rest_request("GET", f"/{first}/{second}{third}", "2xx")
        process.registry.record_doctor_run(
            [SimpleNamespace(name=f"{first}_{second}{third}", passed=True) for second in letters for third in letters]
        )
        installation.count(1, process)
    snapshot = installation.windows().state().snapshot
    rest = snapshot.rest_endpoint_calls
    assert sum(count["2xx"] for count in rest.values()) == 2_000
    assert sum(check.passed for check in snapshot.doctor_checks.values()) == 1_000
    assert len(rest) + len(snapshot.doctor_checks) <= 2_003
    assert rest["GET UNMATCHED"]["2xx"] > 0
    assert snapshot.doctor_checks["other"].passed > 0
    assert snapshot.builtin_tool_calls == {"search": 10}


def test_worker_turn_stores_after_a_second_and_then_every_thirty(installation):
    """The first count is stored one second after it, later ones every 30 s."""
    process = installation.process()
    worker = CountingWorker(process.registry, process.notes, process.flusher, monotonic=installation.clock.monotonic)
    worker.start()
    process.registry.stay()  # no thread: the test takes the turns itself
    process.registry.record_call("search")
    assert worker.turn() == 1.0
    assert calls(installation.windows().state()) == 0
    installation.clock.advance(1)
    assert worker.turn() == 30.0
    assert calls(installation.windows().state()) == 1
    process.registry.record_call("search")
    installation.clock.advance(29)
    assert worker.turn() == 1.0
    assert calls(installation.windows().state()) == 1
    installation.clock.advance(1)
    worker.turn()
    assert calls(installation.windows().state()) == 2
    worker.shutdown()


class RegularTask:
    """Something to be done every ten seconds, which remembers when it was."""

    def __init__(self, clock):
        self.clock, self.done_at = clock, []

    def turn(self):
        self.done_at.append(self.clock.monotonic())
        return 10.0


def test_worker_tasks_are_done_when_they_are_due(installation):
    """Something else that is to be done has its turn at once, and again when it said."""
    task = RegularTask(installation.clock)
    process = installation.process()
    worker = CountingWorker(process.registry, process.notes, process.flusher, monotonic=installation.clock.monotonic)
    worker.add(task)
    began_at = installation.clock.monotonic()
    for _ in range(3):
        installation.clock.advance(worker.turn())
    assert [at - began_at for at in task.done_at] == [0.0, 10.0, 20.0]
    worker.remove(task, 0)
    assert worker.turn() is None
    worker.shutdown()


def test_worker_shutdown_stores_what_was_counted_last(installation):
    """The end stores what is left, with or without a thread, once."""
    for is_threaded in (False, True):
        process = installation.process()
        worker = CountingWorker(process.registry, process.notes, process.flusher)
        if is_threaded:
            worker.start()
        process.registry.record_call("search")
        worker.shutdown()
        worker.shutdown()
    assert calls(installation.windows().state()) == 2


DAMAGED = ["rubbish", "", b"\xff", -1, -1.5, 2**62, float("inf"), 1e300, "2026-01-01", "00000000-0000-0000-0000-00000000000g"]


@pytest.mark.parametrize("value", DAMAGED)
def test_windows_with_damaged_facts_go_on(installation, value):
    """Facts that cannot be right count as absent: a window begins, settles and counts all the same."""
    windows = installation.windows()
    installation.count(3)
    windows.begin()
    connection = sqlite3.connect(installation.path)
    with connection:
        connection.execute("UPDATE usage_facts SET value = ? WHERE name != 'generation'", (value,))
    connection.close()
    state = windows.state()
    assert (calls(state), state.is_frozen, state.due_in_secs) == (3, True, 0.0)
    installation.count(4)
    window = windows.begin()
    assert calls(window) == 3
    assert windows.settle(window)
    assert calls(windows.state()) == 4
    assert windows.state().due_in_secs == DAY


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE usage_counters SET count = 'many'",
        "UPDATE usage_counters SET count = -7",
        "UPDATE usage_counters SET count = 9223372036854775807",
        "UPDATE usage_counters SET count = 1.5",
        "UPDATE usage_counters SET count = x'ff'",
        "UPDATE usage_counters SET name = '/Users/alice'",
        "UPDATE usage_counters SET name = CAST(x'ff00' AS TEXT)",
        "UPDATE usage_counters SET kind = 'secret'",
        "UPDATE usage_counters SET detail = 'alice'",
    ],
)
def test_windows_with_damaged_counters_drop_them(installation, damage):
    """A counter that cannot be right is zero, and one whose name is no known word is not there."""
    installation.count(3)
    connection = sqlite3.connect(installation.path)
    with connection:
        connection.execute(damage)
    connection.close()
    assert installation.windows().state().snapshot == RegistrySnapshot()
    installation.count(4)
    window = installation.windows().begin()
    assert calls(window) == 4
    assert installation.windows().settle(window)


def test_windows_with_a_damaged_generation_begin_anew(installation):
    """Counts of which nobody knows when they were made are erased."""
    installation.count(3)
    connection = sqlite3.connect(installation.path)
    with connection:
        connection.execute("UPDATE usage_facts SET value = x'00ff' WHERE name = 'generation'")
    connection.close()
    installation.count(4)
    assert calls(installation.windows().state()) == 4
