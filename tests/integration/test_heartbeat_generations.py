"""What was counted before a no never leaves, whatever is said while the heartbeat is on its way, and its ids stay together."""

from __future__ import annotations

import json
import sqlite3

import pytest

from mcptelemetry import Telemetry
from mcptelemetry.config import Mode, write_mode
from mcptelemetry.counters import ActivationNotes, CounterFlusher, CounterRegistry, Windows, begin_generation
from mcptelemetry.privacy import maybe_print_first_run_notice
from mcptelemetry.state import Memory
from mcptelemetry.testing import FakeClock, ScriptedTransport
from mcptelemetry.wire import ZERO_ID

DAY = 86_400
URL = "https://t.acme.dev"


class Machine:
    """A home with processes of one application, one clock, and a recording way out."""

    def __init__(self, home, *steps):
        self.home = home
        self.clock = FakeClock()
        self.transport = ScriptedTransport(*steps)
        self.meanwhile = lambda: None  # done while the application says what it is: the document is being built
        self.is_asked = False

    def process(self, **options):
        """Return the telemetry of another process; its worker is not started."""
        options = {"transport": self.transport, "tools": ("search",), "stats": self, **options}
        telemetry = Telemetry(
            "acme-mcp",
            "1.4.0",
            heartbeat_endpoint=URL,
            environ={"HOME": str(self.home), "ACME_MCP_TELEMETRY": "1"},
            clock=self.clock,
            notice=lambda text: True,
            **options,
        )
        maybe_print_first_run_notice(telemetry)
        return telemetry

    def server_count(self):
        if not self.is_asked:
            self.is_asked = True
            self.meanwhile()
        return 1

    def say(self, *modes, name=".acme-mcp/telemetry-state.toml"):
        for mode in modes:
            write_mode(str(self.home / name), mode, clock=self.clock.time)

    def write(self, name, text):
        path = self.home / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def memory(self):
        return Memory(str(self.home / ".acme-mcp" / "telemetry.db"), clock=self.clock)

    @property
    def sent(self):
        return [json.loads(request.body) for request in self.transport.requests]


@pytest.fixture
def machine(tmp_path):
    """Return a machine whose server takes everything."""
    return Machine(tmp_path)


def counted(machine, telemetry):
    """Have *telemetry* count one call, and the notice's delay pass."""
    telemetry.record("search")
    telemetry.activation.record_mcp_client("cursor")
    machine.clock.advance(300)
    return telemetry


SETTINGS, PERSON = ".acme-mcp/telemetry.toml", ".mcptelemetry/person.toml"


def other_process_sees_no_by_hand(machine):
    """Say no by hand, let another process look, and say yes by hand: the files are then what they were."""
    other = machine.process(stats=None)
    machine.write(SETTINGS, "[telemetry]\nenabled = false\n")
    other.flush()
    (machine.home / SETTINGS).unlink()


TURNS = {
    "off and on": lambda machine: machine.say(Mode.OFF, Mode.ON),
    "local and on": lambda machine: machine.say(Mode.LOCAL, Mode.ON),
    "off and on for all": lambda machine: machine.say(Mode.OFF, Mode.ON, name=PERSON),
    "on, which was not said before": lambda machine: machine.say(Mode.ON),
    "a no by hand that another process saw": other_process_sees_no_by_hand,
    "a yes by hand": lambda machine: machine.write(SETTINGS, "[telemetry]\nenabled = true\nmode = 'on'\n"),
    "a generation begun without a word": lambda machine: machine.memory().database.change(begin_generation),
}


@pytest.mark.parametrize("turn", sorted(TURNS))
def test_heartbeat_does_not_leave_when_a_generation_began_while_it_was_built(turn, machine):
    """Counts from before never leave, not even when the switches say yes again at the gate."""
    telemetry = counted(machine, machine.process())
    machine.meanwhile = lambda: TURNS[turn](machine)
    assert not telemetry.heartbeat.send_now()
    assert machine.transport.requests == []
    machine.clock.advance(120)  # the lease of a process that had to stop
    assert telemetry.heartbeat.send_now()
    (document,) = machine.sent
    assert "builtin_tool_calls" not in document
    assert document["activation"]["mcp_clients_seen_ever"] == []


class Slow(ScriptedTransport):
    """A transport that takes its time to make a way: *meanwhile* is done before the gate is asked again."""

    meanwhile = staticmethod(lambda: None)

    def post(self, request):
        self.meanwhile()
        return super().post(request)


@pytest.mark.parametrize("turn", sorted(TURNS))
def test_heartbeat_does_not_leave_when_a_generation_began_on_its_way(turn, machine):
    """To look a name up and to connect takes seconds: the gate asks for the generation again when the way stands."""
    transport = Slow()
    telemetry = counted(machine, machine.process(transport=transport))
    transport.meanwhile = lambda: TURNS[turn](machine)
    assert not telemetry.heartbeat.send_now()
    assert transport.requests == []


def test_on_when_it_is_on_already_changes_nothing(machine):
    """A yes that was said before is no change: the heartbeat that is being built leaves with its counts."""
    machine.say(Mode.ON)
    telemetry = counted(machine, machine.process())
    machine.meanwhile = lambda: machine.say(Mode.ON)
    assert telemetry.heartbeat.send_now()
    assert machine.is_asked
    assert machine.sent[0]["builtin_tool_calls"] == {"search": 1}


def test_window_that_another_process_took_over_does_not_leave_twice(machine):
    """Who builds for longer than its lease finds that somebody else is at it, or has settled it."""
    telemetry = counted(machine, machine.process())
    other = machine.process(stats=None)
    outcomes = []

    def take_over():
        machine.clock.advance(120)
        outcomes.append(other.heartbeat.send_now())

    machine.meanwhile = take_over
    assert not telemetry.heartbeat.send_now()
    assert outcomes == [True]
    assert len(machine.sent) == 1


def test_window_does_not_leave_when_nobody_knows_whether_it_is_still_there(machine):
    """In doubt it is not sent: what is remembered must be legible at the gate."""
    telemetry = counted(machine, machine.process())
    path = machine.home / ".acme-mcp" / "telemetry.db"
    machine.meanwhile = lambda: (path.rename(path.with_suffix(".away")), path.mkdir())
    assert not telemetry.heartbeat.send_now()
    assert machine.transport.requests == []


@pytest.mark.parametrize("refused", [SETTINGS, PERSON])
def test_no_by_hand_erases_what_a_running_process_has_stored(refused, machine):
    """Whoever looks while the answer is no erases what was counted before: a yes by hand brings nothing back."""
    telemetry = counted(machine, machine.process())
    telemetry.flush()
    yes = 'mode = "on"\n' if refused == PERSON else "[telemetry]\nmode = 'on'\n"
    machine.write(refused, yes)
    telemetry.record("search")
    telemetry.flush()  # lets go: the word is another one
    telemetry.record("search")
    telemetry.flush()
    assert telemetry.heartbeat.build_payload().builtin_tool_calls == {"search": 1}
    machine.write(refused, yes.replace("on", "off"))
    telemetry.flush()
    machine.write(refused, yes)
    assert telemetry.heartbeat.build_payload().builtin_tool_calls is None
    assert telemetry.heartbeat.send_now()
    assert "builtin_tool_calls" not in machine.sent[0]
    assert machine.sent[0]["activation"]["mcp_clients_seen_ever"] == []


def test_no_in_the_environment_erases_nothing(machine):
    """It holds for that process alone: it drops what it held and leaves what is stored as it was."""
    telemetry = counted(machine, machine.process())
    telemetry.flush()
    refusing = machine.process()
    refusing.environ["DO_NOT_TRACK"] = "1"
    refusing.record("search")
    refusing.flush()
    assert not refusing.heartbeat.send_now()
    assert telemetry.heartbeat.send_now()
    assert machine.sent[0]["builtin_tool_calls"] == {"search": 1}


def test_counts_held_in_memory_do_not_outlive_a_generation_begun_elsewhere(machine):
    """What another process still held in memory when everything was forgotten is dropped, and what comes after counts."""
    telemetry = counted(machine, machine.process())
    telemetry.flush()
    telemetry.record("search")
    assert machine.memory().database.change(begin_generation) is None
    telemetry.flush()
    telemetry.record("search")
    telemetry.flush()
    assert telemetry.heartbeat.send_now()
    assert machine.sent[0]["builtin_tool_calls"] == {"search": 1}


class Late(Memory):
    """A memory in which a generation is begun just after somebody has looked how many were."""

    is_late = False

    def generations_begun(self):
        """Return the count before, once."""
        found = super().generations_begun()
        if not self.is_late:
            self.is_late = True
            self.database.change(begin_generation)
        return found


def test_counts_are_not_stored_under_a_generation_begun_a_moment_ago(tmp_path):
    """Between a look and the transaction everything may have been forgotten: nothing is stored, and then let go of."""
    clock, registry, notes = FakeClock(), CounterRegistry(["search"]), ActivationNotes()
    memory = Late(str(tmp_path / "telemetry.db"), clock=clock)
    flusher = CounterFlusher(registry, notes, memory, clock=clock.time, permission=lambda: "now")
    windows = Windows(memory, clock=clock.time, generation=lambda: "now")
    registry.record_call("search")
    notes.record_mcp_client("cursor")
    assert not flusher.flush()
    assert windows.state().counts == {}
    assert flusher.flush()
    registry.record_call("search")
    assert flusher.flush()
    assert windows.state().snapshot.builtin_tool_calls == {"search": 1}


def test_refusal_of_a_window_says_what_became_of_it(tmp_path):
    """Another generation, another process, a disk that cannot be read: each is a reason of its own."""
    clock, said = FakeClock(), ["now"]
    memory = Memory(str(tmp_path / "telemetry.db"), clock=clock)
    windows = Windows(memory, clock=clock.time, generation=lambda: said[0])
    window = windows.begin()
    assert windows.refusal(window) is None
    for word in ("later", None):
        said[0] = word
        assert "mode" in windows.refusal(window)
    said[0] = "later"
    windows.prepare()  # somebody enters it
    assert windows.refusal(window) == "it was counted before the mode was last changed"
    window = windows.begin()
    clock.advance(120)
    assert windows.begin().heartbeat_id == window.heartbeat_id
    assert windows.refusal(window) == "another process is at it"
    (tmp_path / "telemetry.db").unlink()
    assert windows.refusal(window) == "it was counted before the mode was last changed"
    (tmp_path / "telemetry.db").mkdir()
    assert "cannot be read" in windows.refusal(window)


# -- both ids ----------------------------------------------------------------------------


def test_window_sent_again_after_the_yearly_rotation_keeps_both_ids(tmp_path):
    """A window that failed before the rotation comes again under both old ids, and the next under two new ones."""
    machine = Machine(tmp_path, 503, 202, 202)
    telemetry = machine.process()
    telemetry.flush()
    telemetry.heartbeat.send_now()  # the notice's delay: the ids are drawn
    machine.clock.advance(365 * DAY - 3600)
    counted(machine, telemetry)
    assert not telemetry.heartbeat.send_now()
    machine.clock.advance(2 * DAY)
    other = machine.process()
    maybe_rotated = machine.memory().ensure_identity()
    preview = other.heartbeat.build_payload().to_dict()
    assert other.heartbeat.send_now()
    machine.clock.advance(DAY)
    assert other.heartbeat.send_now()
    first, again, following = machine.sent
    ids = ("anonymous_id", "anonymous_id_created_at", "heartbeat_id")
    assert [first[name] for name in ids] == [again[name] for name in ids] == [preview[name] for name in ids]
    assert maybe_rotated.anonymous_id == following["anonymous_id"] != first["anonymous_id"]
    assert following["heartbeat_id"] != first["heartbeat_id"]
    assert following["anonymous_id_created_at"] != first["anonymous_id_created_at"]


def test_old_id_is_kept_nowhere_once_its_window_is_settled(tmp_path):
    """Of an id that was rotated nothing is left but the documents that were sent."""
    machine = Machine(tmp_path, 503, 202)
    telemetry = machine.process()
    machine.clock.advance(300)
    assert not telemetry.heartbeat.send_now()
    machine.clock.advance(DAY)
    assert telemetry.heartbeat.send_now()
    connection = sqlite3.connect(tmp_path / ".acme-mcp" / "telemetry.db")
    facts = dict(connection.execute("SELECT name, value FROM usage_facts"))
    connection.close()
    assert machine.sent[0]["anonymous_id"] not in facts.values()


@pytest.mark.parametrize(("days", "is_same_name"), [(1, True), (3, False)])
def test_window_whose_frozen_id_was_lost_is_not_joined_to_a_later_one(days, is_same_name, tmp_path):
    """Where nobody knows the old id any more, a window that may have left under it gets another name."""
    machine = Machine(tmp_path, 503, 202)
    telemetry = machine.process()
    assert not telemetry.heartbeat.send_now()  # the notice's delay: the ids are drawn
    machine.clock.advance(363 * DAY)
    assert not telemetry.heartbeat.send_now()
    connection = sqlite3.connect(tmp_path / ".acme-mcp" / "telemetry.db")
    with connection:
        connection.execute("DELETE FROM usage_facts WHERE name LIKE 'anonymous_id%'")
    connection.close()
    machine.clock.advance(days * DAY)
    assert telemetry.heartbeat.send_now()
    first, again = machine.sent
    assert (first["anonymous_id"] == again["anonymous_id"]) is is_same_name
    assert (first["heartbeat_id"] == again["heartbeat_id"]) is is_same_name


# -- what is seen is what would leave ------------------------------------------------------


def test_preview_after_a_very_short_life_is_the_heartbeat_that_then_leaves(tmp_path):
    """An application that ended within its first second leaves a preview everything that the heartbeat says."""
    machine = Machine(tmp_path)
    short = machine.process(stats=None)
    short.start()
    short.activation.set_installer_pending(True)
    short.activation.record_mcp_client("cursor")
    short.record("search")
    short.shutdown()
    machine.clock.advance(300)
    shown = machine.process(stats=None).heartbeat.preview()
    assert shown.notes == ()
    assert machine.process(stats=None).heartbeat.send_now()
    assert machine.transport.requests[0].body == shown.payload.encode()
    (document,) = machine.sent
    assert document["launch_source"] == "installer"
    assert document["activation"]["mcp_clients_seen_ever"] == ["cursor"]
    assert document["heartbeat_id"] != ZERO_ID


def test_preview_says_that_its_id_is_about_to_be_another_one(tmp_path):
    """Looking draws no id: where the next heartbeat carries a new one, a note says so; a frozen window keeps its own."""
    machine = Machine(tmp_path, 503)
    telemetry = machine.process(stats=None)
    machine.clock.advance(300)
    assert not telemetry.heartbeat.send_now()
    machine.clock.advance(20 * DAY)
    assert telemetry.heartbeat.send_now()
    machine.clock.advance(345 * DAY)
    (note,) = telemetry.heartbeat.preview().notes
    assert "a year old" in note
    before = telemetry.heartbeat.build_payload().anonymous_id
    assert telemetry.heartbeat.send_now()
    assert machine.sent[-1]["anonymous_id"] != before
    assert telemetry.heartbeat.preview().notes == ()
