"""
Fourteen days on one machine: noes and yeses, restarts, several processes, one recording server.

Each evening what `sent`, `status` and `show-payload` say is held against what the server received,
byte for byte. The clock is a test's; sockets, files, threads and commands are the real ones.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import time

import pytest

from mcptelemetry import FeedbackError, FeedbackRequest, Telemetry
from mcptelemetry.cli import add_telemetry_commands, main
from mcptelemetry.cli._command import Console
from mcptelemetry.testing import FakeClock, ScriptedServer

DAY = 86_400
PATHS = {"/heartbeat": "heartbeat", "/feedback": "feedback", "/author": "author_events", "/operator": "operator_events"}


class Machine:
    """A machine, an application on it, and the server that it reports to."""

    def __init__(self, home, server):
        self.clock = FakeClock(time=time.time())
        self.server = server
        self.environ = {"HOME": str(home), "ACME_MCP_TELEMETRY": "1"}  # or it were off, under a test runner
        self.folder = os.path.join(str(home), ".acme-mcp")
        self.answers = {}  # by path, when it is not 202
        self.received = []  # (stream, body, status) since it was last forgotten
        self.is_kept = True  # whether what leaves now may be remembered
        self.lost = {}

    def answer(self, request):
        status = self.answers.get(request.path, 202)
        self.received.append((PATHS[request.path], request.body, status, self.is_kept))
        return status

    # -- what people do -----------------------------------------------------------

    def process(self, **said):
        return Telemetry(
            "acme-mcp",
            "1.4.0",
            heartbeat_endpoint=self.server.url,
            events_endpoint=f"{self.server.url}/author",
            tools=["search"],
            environ={**self.environ, **said},
            clock=self.clock,
            notice=lambda _text: True,
        )

    def say(self, *words, app=True):
        """Run the command line, and return its result; what it says beside it is of no interest here."""
        out = io.StringIO()
        status = main([*(("--app", "acme-mcp") if app else ()), *words], Console(out, io.StringIO(), self.environ))
        assert status in (0, 1), out.getvalue()
        return out.getvalue()

    def say_within(self, capsys, *words):
        """Run a command of the application's own command line, whose clock is the test's."""
        parser = argparse.ArgumentParser(prog="acme-mcp")
        add_telemetry_commands(parser.add_subparsers(), self.process())
        args = parser.parse_args(["telemetry", *words])
        capsys.readouterr()
        assert args.func(args) == 0
        return capsys.readouterr().out

    def edit(self, text):
        path = os.path.join(self.folder, "telemetry.toml")
        if text is None:
            os.remove(path)
            return
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def work(self, calls, *processes):
        """Have each process make *calls* calls and deliver them, and end."""
        for process in processes:
            for _ in range(calls):
                process.record("search")
            process.shutdown(5)

    # -- what is to be seen -------------------------------------------------------

    def bodies(self, *streams):
        return [(body, status) for stream, body, status, is_kept in self.received if stream in streams and is_kept]

    def await_heartbeats(self, count, *processes):
        """Wait until *count* tries of a heartbeat came; whichever of the processes sends it."""
        ends_at = time.monotonic() + 20
        while len(self.bodies("heartbeat")) < count and time.monotonic() < ends_at:
            for process in processes:
                process.heartbeat.send_now()
            time.sleep(0.01)
        assert len(self.bodies("heartbeat")) == count

    def evening(self, capsys, mode, row):
        """Hold what a person is told against what the server received."""
        status = json.loads(self.say("status", "--json"))
        # The mode that the application itself knows: its author's default is one of the rows.
        own = json.loads(self.say_within(capsys, "status", "--json"))
        assert (own["mode"], own["row"]) == (mode, row)
        assert status["mode"] == mode
        documents = json.loads(self.say("sent", "--json"))["documents"]
        kept = [one for one in documents if one["stream"] in ("heartbeat", "feedback")]
        expected = self.bodies("heartbeat", "feedback")
        assert [(one["document"], one["status"]) for one in kept] == [
            (json.loads(body), answer) for body, answer in expected
        ]
        shown = self.say("sent")
        for body, _ in expected:
            assert body.decode("utf-8") in shown
        last_of_author = [one["document"] for one in documents if one["stream"] == "author_events"]
        authors = self.bodies("author_events")
        assert last_of_author == [json.loads(body) for body, _ in authors[-1:]]
        told = {one["stream"]: one for one in status["deliveries"]}
        streams = {stream for stream, _, _, is_kept in self.received if is_kept}
        assert set(told) == streams
        for stream in streams:
            sizes = [
                (len(json.loads(body)["events"]) if stream.endswith("_events") else 1, answer)
                for body, answer in self.bodies(stream)
            ]
            delivered = sum(size for size, answer in sizes if answer == 202)
            rejected = sum(size for size, answer in sizes if answer == 400)
            lost = self.lost.get(stream, 0)
            found = told[stream]
            assert (found["delivered"], found["rejected"], found["lost"]) == (delivered, rejected, lost), stream
            assert found["endpoint"] == self.server.url + next(path for path, name in PATHS.items() if name == stream)
        accepted = [body for body, answer in self.bodies("heartbeat") if answer == 202]
        assert status["heartbeat"]["accepted_count"] == len(accepted)
        preview = json.loads(self.say_within(capsys, "show-payload"))
        if accepted:
            assert preview["anonymous_id"] == json.loads(accepted[-1])["anonymous_id"]
            assert preview["heartbeat_id"] not in [json.loads(body)["heartbeat_id"] for body in accepted]


@pytest.fixture
def machine(tmp_path):
    server = ScriptedServer()
    found = Machine(tmp_path, server)
    server._otherwise = found.answer
    with server:
        yield found


def test_a_fortnight_is_told_as_the_server_saw_it(machine, capsys):
    """Day by day nothing leaves against a no, and what left is shown, as it left and in number."""
    clock = machine.clock

    def counted():
        """The calls in the last heartbeat that came."""
        return json.loads(machine.bodies("heartbeat")[-1][0]).get("builtin_tool_calls", {}).get("search", 0)

    def heartbeat_of_the_day(*processes):
        """See what would leave, have it leave, and find that it was that."""
        before = len(machine.bodies("heartbeat"))
        preview = machine.say_within(capsys, "show-payload")
        for process in processes:
            process.start()
        machine.await_heartbeats(before + 1, *processes)
        assert machine.bodies("heartbeat")[-1][0].decode() == preview

    # Day 1: two processes start; the first heartbeat waits five minutes, and one of them sends it.
    first, second = machine.process(), machine.process()
    for process in (first, second):
        process.start()
    assert machine.received == []
    clock.advance(301)
    machine.await_heartbeats(1, first, second)
    machine.work(3, first, second)
    machine.evening(capsys, "on", 8)
    old_id = json.loads(machine.bodies("heartbeat")[0][0])["anonymous_id"]

    # Day 2: the server is away at first; both tries are to be seen, with one set of counts.
    clock.advance(DAY)
    machine.answers["/heartbeat"] = 503
    process = machine.process()
    heartbeat_of_the_day(process)
    machine.evening(capsys, "on", 8)
    del machine.answers["/heartbeat"]
    clock.advance(300)
    machine.await_heartbeats(3, process)
    assert counted() == 6
    machine.work(2, process)
    machine.evening(capsys, "on", 8)

    # Day 3: local. Counted, and nothing leaves.
    clock.advance(DAY)
    machine.say("local")
    before = len(machine.received)
    process = machine.process()
    process.start()
    process.heartbeat.send_now()
    machine.work(4, process)
    machine.evening(capsys, "local", 6)
    assert json.loads(machine.say("show-payload"))["builtin_tool_calls"] == {"search": 4}
    assert len(machine.received) == before

    # Day 4: on. What was counted before the yes does not leave.
    clock.advance(DAY)
    machine.say("on")
    process = machine.process()
    process.start()
    machine.await_heartbeats(4, process)
    assert counted() == 0
    machine.work(5, process)
    machine.evening(capsys, "on", 6)

    # Day 5: off, under a process that holds counts and events; and one that is started afterwards.
    clock.advance(DAY)
    process = machine.process()
    heartbeat_of_the_day(process)
    assert counted() == 5
    process.record("search")
    machine.say("off")
    machine.is_kept = False
    before = len(machine.received)
    machine.work(1, process)
    process = machine.process()
    process.start()
    machine.work(7, process)
    assert len(machine.received) == before
    machine.evening(capsys, "off", 6)

    # Day 6: on again; one process is refused by its environment, and leaves no trace.
    clock.advance(DAY)
    machine.say("on")
    machine.is_kept = True
    refused = machine.process(DO_NOT_TRACK="1")
    refused.start()
    machine.work(9, refused)
    process = machine.process()
    process.start()
    machine.await_heartbeats(6, process)
    assert counted() == 0, "neither of before the no, nor of the process that was refused"
    machine.work(2, process)
    machine.evening(capsys, "on", 6)

    # Day 7: a no by hand, under a running process.
    clock.advance(DAY)
    process = machine.process()
    heartbeat_of_the_day(process)
    assert counted() == 2
    before = len(machine.received)
    machine.edit("[telemetry]\nenabled = false\n")
    machine.is_kept = False
    machine.work(6, process)
    assert len(machine.received) == before
    machine.evening(capsys, "off", 5)

    # Day 8: the file is deleted. What that day held does not come back.
    clock.advance(DAY)
    machine.edit(None)
    machine.is_kept = True
    process = machine.process()
    process.start()
    machine.await_heartbeats(8, process)
    assert counted() == 0
    machine.work(3, process)
    machine.evening(capsys, "on", 6)

    # Day 9: everything is forgotten while a process runs; then somebody has something to say.
    clock.advance(DAY)
    process = machine.process()
    heartbeat_of_the_day(process)
    assert counted() == 3
    process.record("search")
    clock.advance(1)
    machine.say_within(capsys, "forget")
    machine.received.clear()
    clock.advance(1)
    machine.work(1, process)
    assert machine.received == []
    machine.lost["author_events"] = 2  # of before it, and let go of after it
    machine.process().submit_feedback(FeedbackRequest("bug", "It does not start. Größe\u202e"))
    told = json.loads(machine.say("sent", "--json"))
    assert [one["stream"] for one in told["documents"]] == ["feedback"]
    assert {one["stream"]: one["lost"] for one in told["totals"]} == {"author_events": 2, "feedback": 0}

    # Day 10: another installation, for all that the server can tell.
    clock.advance(DAY)
    process = machine.process()
    process.start()
    machine.await_heartbeats(1, process)
    document = json.loads(machine.bodies("heartbeat")[0][0])
    assert document["anonymous_id"] != old_id
    assert (counted(), document["previous_version"]) == (0, "")
    machine.work(2, process)
    machine.evening(capsys, "on", 6)

    # Day 11: an operator of this machine wants the events; then the person says off, and they go on.
    clock.advance(DAY)
    machine.edit(f'[proxy.telemetry]\nendpoint = "{machine.server.url}/operator"\n')
    process = machine.process()
    heartbeat_of_the_day(process)
    assert counted() == 2
    machine.work(4, process)
    machine.evening(capsys, "on", 6)
    machine.say("off")
    machine.is_kept = False
    process = machine.process()
    process.start()
    machine.work(5, process)
    assert machine.received[-1][0] == "operator_events"
    machine.evening(capsys, "off", 6)

    # Day 12: off, everything; an operator's events too.
    clock.advance(DAY)
    machine.say("on")
    machine.say("off", "--everything", app=False)
    before = len(machine.received)
    process = machine.process()
    process.start()
    machine.work(6, process)
    assert len(machine.received) == before
    machine.evening(capsys, "off", 4)

    # Day 13: on for all. Four calls of day 11 were counted before the noes, and stay here.
    clock.advance(DAY)
    machine.say("on", app=False)
    machine.is_kept = True
    process = machine.process()
    process.start()
    machine.await_heartbeats(3, process)
    assert counted() == 0
    machine.work(3, process)
    machine.evening(capsys, "on", 6)

    # Day 14: the server wants none of it; after a restart that is to be seen too.
    clock.advance(DAY)
    machine.answers.update(dict.fromkeys(PATHS, 400))
    process = machine.process()
    heartbeat_of_the_day(process)
    assert counted() == 3
    machine.work(2, process)
    with pytest.raises(FeedbackError):
        machine.process().submit_feedback(FeedbackRequest("other", "What is going on?"))
    machine.evening(capsys, "on", 6)
    assert json.loads(machine.say("status", "--json"))["heartbeat"]["given_up_count"] == 1
