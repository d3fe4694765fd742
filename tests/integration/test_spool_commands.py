"""What a person and a script do with the events that wait on the disk: deliver, status, off, forget."""

from __future__ import annotations

import argparse
import io
import json
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from mcptelemetry import Telemetry
from mcptelemetry.cli import add_telemetry_commands, main
from mcptelemetry.cli._command import Console
from mcptelemetry.testing import FakeClock, InProcessCollector

DAY = 86_400
DEAD = "http://127.0.0.1:9"  # where nobody listens


class Machine:
    """A machine with one application, whose person wants events kept on the disk."""

    def __init__(self, home: Path, *, operators: str | None = None, authors: str | None = None) -> None:
        self.home = home
        self.place = home / ".acme-mcp"
        self.place.mkdir()
        (self.place / "telemetry.toml").write_text("[proxy.telemetry]\nspool = true\n", encoding="utf-8")
        self.environ = {"HOME": str(home), "ACME_MCP_TELEMETRY": "1"}
        if operators is not None:
            self.environ["ACME_MCP_EVENTS_ENDPOINT"] = operators
        self.authors = authors
        self.clock = FakeClock()

    def telemetry(self, **given) -> Telemetry:
        return Telemetry(
            "acme-mcp", "1.4.0", environ=self.environ, clock=self.clock, events_endpoint=self.authors, notice=lambda _text: True, **given
        )

    def leave_events(self, *tools: str) -> None:
        """Have a process record, and end without being able to deliver."""
        telemetry = self.telemetry()
        telemetry.start()
        for tool in tools:
            telemetry.record(tool)
        telemetry.pipeline._loop.keeper.keep()  # as its thread does, half a second later
        telemetry.pipeline._loop.keeper.life.end(1)
        telemetry.shutdown(0)
        ends_at = time.monotonic() + 10
        # A thread that is still at it would let go of what it has claimed later.
        while any(thread.name == "mcptelemetry-events" for thread in threading.enumerate()):
            assert time.monotonic() < ends_at
            time.sleep(0.005)

    def run(self, *arguments: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        return main(list(arguments), Console(out, err, self.environ)), out.getvalue(), err.getvalue()

    def status(self):
        return json.loads(self.run("--app", "acme-mcp", "status", "--json")[1])

    def waiting(self) -> int:
        connection = sqlite3.connect(self.place / "telemetry-spool.db")
        try:
            return connection.execute("SELECT coalesce(sum(events), 0) FROM chunks").fetchone()[0]
        finally:
            connection.close()


def test_deliver_sends_what_a_process_left(tmp_path):
    """`deliver` sends it once, says how much that was, and exits with 0; a second time there is nothing to do."""
    with InProcessCollector() as collector:
        machine = Machine(tmp_path, operators=collector.events_url)
        machine.leave_events("a", "b")
        came = len(collector.events())
        assert (came, machine.waiting()) == (0, 2)
        assert machine.run("--app", "acme-mcp", "deliver") == (0, "acme-mcp: 2 events delivered, 0 left\n", "")
        assert [event.tool for event in collector.events()] == ["a", "b"]
        assert collector.senders() == [("acme-mcp", "v1.4.0")] * 2
        assert machine.run("deliver")[:2] == (0, "acme-mcp: 0 events delivered, 0 left\n")
        (totals,) = machine.status()["deliveries"]
        assert (totals["delivered"], totals["stream"]) == (2, "operator_events")


def test_deliver_says_why_something_stays(tmp_path):
    """With the endpoint away `deliver` exits with 1 and one line that says why; nothing is lost."""
    machine = Machine(tmp_path, operators=DEAD + "/events")
    machine.leave_events("a")
    status, out, err = machine.run("deliver")
    assert (status, out, err.count("\n")) == (1, "acme-mcp: 0 events delivered, 1 left\n", 1)
    assert "refused" in err
    assert machine.waiting() == 1
    assert json.loads(machine.run("--json", "deliver")[1])[0]["left"] == 1


def test_deliver_says_what_another_process_has_claimed(tmp_path):
    """What another process is about to send is left to it, and that is said."""
    with InProcessCollector() as collector:
        machine = Machine(tmp_path, operators=collector.events_url)
        machine.leave_events("a")
        connection = sqlite3.connect(machine.place / "telemetry-spool.db")
        connection.execute("UPDATE chunks SET claim = 'x', claimed_until = ?", (time.time() + 50,))
        connection.commit()
        connection.close()
        assert machine.run("deliver") == (
            1,
            "acme-mcp: 0 events delivered, 1 left\n",
            "mcptelemetry: not everything was delivered: acme-mcp: 1 are with another process\n",
        )


def test_deliver_has_nothing_to_do_without_a_spool(tmp_path):
    """Where nothing is kept `deliver` exits with 0 and makes no file, for one application and for all."""
    machine = Machine(tmp_path, operators="http://127.0.0.1:9/events")
    assert machine.run("--app", "acme-mcp", "deliver")[0] == 0
    status, out, err = machine.run("deliver")
    assert (status, out, "no application" in err) == (0, "", True)
    assert sorted(path.name for path in machine.place.iterdir()) == ["telemetry.toml"]


def test_chunk_for_another_endpoint_stays(tmp_path):
    """When the operator names another endpoint, what was recorded for the first neither goes there nor is lost."""
    with InProcessCollector() as collector:
        machine = Machine(tmp_path, operators=DEAD + "/events")
        machine.clock.step(time.time() - machine.clock.time())  # the command goes by the machine's own
        machine.leave_events("a")
        machine.environ["ACME_MCP_EVENTS_ENDPOINT"] = collector.events_url
        status, _, err = machine.run("deliver")
        assert (status, "1 are for another endpoint" in err, collector.events()) == (1, True, [])
        assert machine.status()["spool"]["elsewhere"] == 1


def test_deliver_is_refused_by_the_environment(tmp_path):
    """DO_NOT_TRACK in the shell that calls `deliver` keeps everything, and says so."""
    with InProcessCollector() as collector:
        machine = Machine(tmp_path, operators=collector.events_url)
        machine.leave_events("a")
        machine.environ["DO_NOT_TRACK"] = "1"
        status, _, err = machine.run("deliver")
        assert (status, "DO_NOT_TRACK" in err, machine.waiting(), collector.events()) == (1, True, 1, [])


def test_script_delivers_without_a_thread(tmp_path):
    """`Telemetry.deliver()` sends in the caller's thread: there is no other before, meanwhile or afterwards."""
    with InProcessCollector() as collector:
        machine = Machine(tmp_path, operators=collector.events_url)
        machine.leave_events("a")
        before = {thread.name for thread in threading.enumerate()}
        result = machine.telemetry().deliver()
        assert result == (1, 0, None)
        assert {thread.name for thread in threading.enumerate() if "mcptelemetry-" in thread.name} <= before


def test_application_offers_deliver_itself(tmp_path):
    """An application's own command line delivers with what its code knows."""
    with InProcessCollector() as collector:
        machine = Machine(tmp_path, operators=collector.events_url)
        machine.leave_events("a")
        parser = argparse.ArgumentParser()
        add_telemetry_commands(parser.add_subparsers(), machine.telemetry())
        args = parser.parse_args(["telemetry", "deliver"])
        assert args.func(args) == 0
        assert len(collector.events()) == 1


def test_authors_events_wait_on_the_disk_for_the_notice(tmp_path):
    """An author's events of a first session are kept over the delay after the notice, and leave in a later process."""
    with InProcessCollector() as collector:
        machine = Machine(tmp_path, authors=collector.events_url)
        machine.leave_events("a")
        assert (machine.waiting(), collector.events()) == (1, [])
        assert machine.telemetry().deliver().left == 1
        machine.clock.advance(8 * DAY)
        assert machine.telemetry().deliver() == (1, 0, None)


def test_off_erases_what_is_the_authors_also_when_it_is_claimed(tmp_path):
    """After `off` the author's events are no longer on the disk, whoever holds them, and never leave."""
    with InProcessCollector() as collector:
        machine = Machine(tmp_path, authors=collector.events_url)
        machine.leave_events("a-tool-of-theirs")
        connection = sqlite3.connect(machine.place / "telemetry-spool.db")
        connection.execute("UPDATE chunks SET claim = 'x', claimed_until = 1e12")
        connection.commit()
        connection.close()
        assert machine.run("--app", "acme-mcp", "off")[0] == 0
        assert machine.waiting() == 0
        assert b"a-tool-of-theirs" not in (machine.place / "telemetry-spool.db").read_bytes()
        assert machine.run("--app", "acme-mcp", "on")[0] == 0
        machine.clock.advance(8 * DAY)
        assert machine.telemetry().deliver() == (0, 0, None)
        assert collector.events() == []


@pytest.mark.parametrize(("words", "left"), [(("--app", "acme-mcp", "off"), 1), (("off",), 1), (("local",), 1), (("off", "--everything"), 0)])
def test_off_leaves_an_operators_events_unless_everything_is_refused(tmp_path, words, left):
    """An operator's events follow the word about events alone: only `off --everything` erases them."""
    with InProcessCollector() as collector:
        machine = Machine(tmp_path, operators=collector.events_url)
        machine.leave_events("a")
        assert machine.run(*words)[0] == 0
        assert machine.waiting() == left
        machine.run("deliver")
        assert len(collector.events()) == left


def test_no_and_yes_in_between_keep_what_was_recorded_before_from_leaving(tmp_path):
    """A generation written by hand, without `off`, is heard too: who delivers erases what was kept under another."""
    with InProcessCollector() as collector:
        machine = Machine(tmp_path, authors=collector.events_url)
        machine.leave_events("a")
        (machine.place / "telemetry-state.toml").write_text('mode = "on"\nsince = "2026-01-31T12:00:00Z"\n', encoding="utf-8")
        machine.clock.advance(8 * DAY)
        assert machine.telemetry().deliver() == (0, 0, None)
        assert (collector.events(), machine.waiting()) == ([], 0)


def test_forget_erases_what_waits_and_its_account(tmp_path):
    """`forget` leaves neither an event of anybody's nor the number of those that were dropped."""
    machine = Machine(tmp_path, operators=DEAD + "/events")
    machine.leave_events("a")
    assert machine.run("--app", "acme-mcp", "forget")[0] == 0
    assert machine.waiting() == 0
    assert machine.status()["spool"] == {
        "waiting": 0, "in_flight": 0, "elsewhere": 0, "dropped": 0, "refused": 0, "oldest_at": None, "set_aside": None
    }  # fmt: skip


def test_status_shows_what_waits(tmp_path):
    """`status` says how many wait, since when, and what was dropped; without a file it says that there is none."""
    machine = Machine(tmp_path, operators=DEAD + "/events")
    assert machine.status()["spool"] is None
    machine.leave_events("a", "b")
    spool = machine.status()["spool"]
    assert (spool["waiting"], spool["in_flight"], spool["dropped"]) == (2, 0, 0)
    assert spool["oldest_at"].startswith("2026-")
    assert machine.status()["files"]["spool"] == str(machine.place / "telemetry-spool.db")
    out = machine.run("--app", "acme-mcp", "status")[1]
    assert "spool.waiting                2" in out


def test_status_names_a_spool_in_trouble(tmp_path):
    """A spool that cannot be used is named under `trouble`, in the process itself and in another; `deliver` exits with 1."""
    machine = Machine(tmp_path, operators=DEAD + "/events")
    machine.leave_events("a")
    connection = sqlite3.connect(machine.place / "telemetry-spool.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    telemetry = machine.telemetry()
    telemetry.start()
    telemetry.record("b")
    telemetry.pipeline._loop.keeper.keep()
    for status in (telemetry.status(), machine.status()):
        assert "later version" in status["trouble"]["spool"]
    assert telemetry.status()["events"]["stats"]["buffered"] == 1
    telemetry.shutdown(0)
    assert machine.run("deliver")[0] == 1
    assert "later version" in machine.run("deliver")[2]


def test_printing_process_keeps_nothing(tmp_path):
    """With `print` in the variable, what would leave is shown and nothing is stored."""
    machine = Machine(tmp_path, operators="http://127.0.0.1:9/events")
    machine.environ["ACME_MCP_TELEMETRY"] = "print"
    telemetry = machine.telemetry()
    telemetry.start()
    telemetry.record("a")
    telemetry.shutdown()
    assert not (machine.place / "telemetry-spool.db").exists()


def test_key_in_an_endpoint_stands_nowhere_in_the_spool(tmp_path):
    """A query that holds a key, and a password, are told apart from others and written nowhere."""
    machine = Machine(tmp_path, operators=DEAD + "/events?key=hunter2-hunter2")
    machine.leave_events("a")
    assert machine.waiting() == 1
    assert b"hunter2" not in (machine.place / "telemetry-spool.db").read_bytes()
