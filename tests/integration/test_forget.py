"""Forgetting: what is remembered goes, what a person said stays, and what a process holds is dropped."""

from __future__ import annotations

import argparse
import io
import json
import os

import pytest

from mcptelemetry import Telemetry
from mcptelemetry.cli import add_telemetry_commands, main
from mcptelemetry.cli._command import Console
from mcptelemetry.config import Mode, read_mode
from mcptelemetry.privacy import Stream
from mcptelemetry.testing import FakeClock, ScriptedTransport

ENDPOINT = "https://t.acme.dev"
DAY = 86_400


class Machine:
    """One machine with one application on it, whose way out accepts everything."""

    def __init__(self, home):
        self.home = str(home)
        self.clock = FakeClock()
        self.transport = ScriptedTransport()
        self.environ = {"HOME": self.home, "ACME_MCP_TELEMETRY": "1"}
        self.database = os.path.join(self.home, ".acme-mcp", "telemetry.db")
        self.state = os.path.join(self.home, ".acme-mcp", "telemetry-state.toml")

    def telemetry(self, **more):
        given = {"heartbeat_endpoint": ENDPOINT, "tools": ["get_issues"], **more}
        return Telemetry(
            "acme-mcp",
            "1.4.0",
            environ=self.environ,
            clock=self.clock,
            transport=self.transport,
            notice=lambda _text: True,
            **given,
        )

    def run(self, *arguments):
        out, err = io.StringIO(), io.StringIO()
        status = main(["--app", "acme-mcp", *arguments], Console(out, err, self.environ))
        return status, out.getvalue(), err.getvalue()

    def status(self):
        return json.loads(self.run("status", "--json")[1])

    def preview(self):
        return json.loads(self.run("show-payload")[1])

    def grow_old(self):
        """Have the application run, count, meet a client and send a heartbeat; return that document."""
        telemetry = self.telemetry()
        telemetry.start()
        telemetry.registry.record_builtin_tool("get_issues")
        telemetry.activation.record_mcp_client("cursor")
        telemetry.flush()
        self.clock.advance(301)
        assert telemetry.heartbeat.send_now()
        telemetry.registry.record_builtin_tool("get_issues")
        telemetry.shutdown()
        return json.loads(self.transport.requests[-1].body)


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_everything_that_is_remembered_goes(machine):
    """A new id, no counts, no milestones, no documents, no sums; not a trace of the old id in the file."""
    before = machine.grow_old()
    assert machine.preview()["builtin_tool_calls"] == {"get_issues": 1}
    status, out, err = machine.run("forget")
    assert (status, err) == (0, "")
    after, preview = machine.status(), machine.preview()
    assert after["identity"]["anonymous_id"] != before["anonymous_id"]
    assert after["identity"]["anonymous_id"] in out
    assert preview["anonymous_id"] == after["identity"]["anonymous_id"]
    assert "builtin_tool_calls" not in preview
    assert preview["previous_version"] == ""
    assert after["activation"]["mcp_clients_seen_ever"] == []
    assert (after["deliveries"], after["last_success_at"], after["last_reported_version"]) == ([], None, None)
    assert after["heartbeat"]["accepted_count"] == 0
    assert machine.run("sent") == (0, "", "nothing has been sent\n")
    with open(machine.database, "rb") as file:
        content = file.read()
    assert before["anonymous_id"].encode() not in content
    assert before["heartbeat_id"].encode() not in content


def test_the_next_heartbeat_is_due_when_it_was(machine):
    """Two documents on one day would tell that both ids are one installation's."""
    machine.grow_old()
    due_at = machine.status()["heartbeat"]["due_at"]
    machine.run("forget")
    telemetry = machine.telemetry()
    assert machine.telemetry().status()["heartbeat"]["due_at"] == telemetry.status()["heartbeat"]["due_at"]
    assert not telemetry.heartbeat.send_now()
    machine.clock.advance(DAY)
    assert telemetry.heartbeat.send_now()
    assert due_at is not None
    first, second = (json.loads(request.body) for request in machine.transport.requests)
    assert first["anonymous_id"] != second["anonymous_id"]
    assert first["heartbeat_id"] != second["heartbeat_id"]


@pytest.mark.parametrize("mode", ["on", "local", "off"])
def test_what_a_person_said_stays(machine, mode):
    """The mode that was said is the mode afterwards, for the application and for all."""
    machine.grow_old()
    assert machine.run(mode)[0] == 0
    before = machine.telemetry().status()
    since = read_mode(machine.state).since
    assert machine.run("forget")[0] == 0
    after = machine.telemetry().status()
    assert (after["mode"], after["reason"], after["row"]) == (before["mode"], before["reason"], before["row"])
    assert (read_mode(machine.state).mode, read_mode(machine.state).since) == (Mode(mode), since)


@pytest.mark.parametrize("default", ["on", "local", "off"])
def test_where_nobody_said_a_mode_nobody_has_said_one(machine, default):
    """The author's default goes on to hold, and so does row 7: to forget is no yes."""
    assert machine.run("forget")[0] == 0
    status = machine.telemetry(default=default).status()
    assert (status["mode"], status["row"]) == (default, 8)
    del machine.environ["ACME_MCP_TELEMETRY"]
    assert machine.telemetry(default=default).status()["row"] == 7
    assert machine.telemetry().switches.decide(Stream.HEARTBEAT).mode is Mode.OFF


def test_a_yes_after_it_is_a_yes(machine):
    """`on` writes the mode where a generation was begun without one."""
    machine.run("forget")
    assert machine.run("on")[0] == 0
    assert read_mode(machine.state) == read_mode(machine.state)._replace(mode=Mode.ON)


def test_where_nothing_ran_nothing_is_made(machine):
    """No database is made to forget what is not in it."""
    status, out, _ = machine.run("forget")
    assert (status, out) == (0, "acme-mcp: nothing is remembered here; the mode stays on\n")
    assert not os.path.exists(machine.database)


def test_a_running_process_drops_what_it_holds(machine):
    """Counts, author's events and sums of before it neither leave nor come back into the file."""
    telemetry = machine.telemetry(events_endpoint=f"{ENDPOINT}/events")
    telemetry.start()
    machine.clock.advance(301)
    telemetry.record("get_issues")
    telemetry.flush()
    assert telemetry.heartbeat.send_now()
    for _ in range(2):
        telemetry.record("get_issues")
        telemetry.flush()  # of the second nothing is in the sums yet
    machine.clock.advance(1)
    sent_before = len(machine.transport.requests)
    machine.telemetry().forget()
    machine.clock.advance(1)
    telemetry.shutdown()
    assert len(machine.transport.requests) == sent_before == 4
    assert "builtin_tool_calls" not in machine.preview()
    assert machine.run("sent") == (0, "", "nothing has been sent\n")


def test_events_that_wait_are_dropped(machine):
    """What the author's events hold is of the generation before, and is counted as lost after it."""
    telemetry = machine.telemetry(events_endpoint=f"{ENDPOINT}/events")
    telemetry.start()
    telemetry.record("get_issues")
    machine.clock.advance(1)
    machine.telemetry().forget()
    telemetry.shutdown()
    assert machine.transport.requests == []
    (one,) = machine.status()["deliveries"]
    assert (one["delivered"], one["lost"]) == (0, 1)


def test_a_heartbeat_on_its_way_is_not_kept_under_the_old_id(machine):
    """Forgotten between the request and its answer, the document does not come back."""
    telemetry = machine.telemetry()
    telemetry.start()
    telemetry.shutdown()
    machine.clock.advance(301)
    post = machine.transport.post

    def forget_meanwhile(request):
        answer = post(request)
        machine.clock.advance(1)
        machine.telemetry().forget()
        return answer

    machine.transport.post = forget_meanwhile
    telemetry.heartbeat.send_now()
    assert len(machine.transport.requests) == 1
    assert machine.telemetry().sent_documents() == []


def test_a_database_that_was_set_aside_goes_too(machine):
    """What a damaged file still holds is what was to be forgotten."""
    machine.grow_old()
    aside = machine.database + ".corrupt"
    with open(aside, "w", encoding="utf-8") as file:
        file.write("old counts")
    machine.run("forget")
    assert not os.path.exists(aside)


def test_a_mode_file_that_nobody_understands_hinders_nothing(machine):
    """Everything is erased all the same; the file is left for the person to mend, and stays a no."""
    before = machine.grow_old()
    with open(machine.state, "w", encoding="utf-8") as file:
        file.write("mode = off\n")
    status, out, _ = machine.run("forget")
    assert status == 0
    assert "the mode stays off" in out
    with open(machine.database, "rb") as file:
        assert before["anonymous_id"].encode() not in file.read()
    with open(machine.state, encoding="utf-8") as file:
        assert file.read() == "mode = off\n"


def test_a_database_that_cannot_be_written_is_an_error_in_one_line(machine):
    """What could not be erased is said, with the mend."""
    machine.grow_old()
    os.remove(machine.database)
    os.mkdir(machine.database)
    status, out, err = machine.run("forget")
    assert (status, out) == (1, "")
    assert len(err.splitlines()) == 1
    assert "cannot be erased" in err
    assert "delete that file" in err


def test_an_application_offers_it_under_its_own_name(machine, capsys):
    """`acme-mcp telemetry forget` forgets that application; --json says what holds now."""
    before = machine.grow_old()
    parser = argparse.ArgumentParser(prog="acme-mcp")
    add_telemetry_commands(parser.add_subparsers(), machine.telemetry())
    args = parser.parse_args(["telemetry", "forget", "--json"])
    assert args.func(args) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["app"], said["mode"]) == ("acme-mcp", "on")
    assert said["identity"]["anonymous_id"] != before["anonymous_id"]
