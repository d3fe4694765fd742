"""What became of what was sent, as another process of the installation can say it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sqlite3
import subprocess
import sys
import textwrap
import time

import pytest

from mcptelemetry import FeedbackError, FeedbackRequest, Telemetry
from mcptelemetry.cli import main
from mcptelemetry.cli._command import Console
from mcptelemetry.installation import Installation, Journal
from mcptelemetry.application import Application
from mcptelemetry.state import DeliveryNews, Memory
from mcptelemetry.system import MissingPackage, NoAnswer
from mcptelemetry.testing import FakeClock, HostileServer, ScriptedServer, ScriptedTransport, refusing_url

ENDPOINT = "https://c.acme.dev/events"
HEARTBEAT = "https://t.acme.dev"
DAY = 86_400
LIMIT_SECS = 30
BEGAN = "2026-05-28T20:26:40Z"  # by the clock that stands still


class Machine:
    """One machine with one application on it, whose way out plays a script."""

    def __init__(self, home, *steps, otherwise=202, **said):
        self.clock = FakeClock()
        self.transport = ScriptedTransport(*steps, otherwise=otherwise)
        self.environ = {"HOME": str(home), "ACME_MCP_TELEMETRY": "1", **said}
        self.database = os.path.join(str(home), ".acme-mcp", "telemetry.db")

    def telemetry(self, version="1.4.0", **more):
        return Telemetry(
            "acme-mcp",
            version,
            environ=self.environ,
            clock=self.clock,
            transport=self.transport,
            notice=lambda _text: True,
            **more,
        )

    def operators(self, **more):
        self.environ["ACME_MCP_EVENTS_ENDPOINT"] = ENDPOINT
        return self.telemetry(**more)

    def run(self, *arguments):
        out, err = io.StringIO(), io.StringIO()
        status = main(["--app", "acme-mcp", *arguments], Console(out, err, self.environ))
        return status, out.getvalue(), err.getvalue()

    def deliveries(self):
        """What `status --json` says elsewhere, by stream."""
        return {one["stream"]: one for one in json.loads(self.run("status", "--json")[1])["deliveries"]}

    def wait_for_deliveries(self):
        """The same, once there are any: a flush has its answer before they are stored."""
        ends_at = time.monotonic() + LIMIT_SECS
        while not self.deliveries() and time.monotonic() < ends_at:
            time.sleep(0.02)
        return self.deliveries()

    def sent(self):
        return json.loads(self.run("sent", "--json")[1])["documents"]


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def numbers(one):
    return one["delivered"], one["lost"], one["rejected"]


# -- events ----------------------------------------------------------------------------


def test_delivered_events_are_told_elsewhere_with_endpoint_and_time(machine):
    """After an application ended, `status` in another process says how many arrived, where and when."""
    with machine.operators() as telemetry:
        for _ in range(3):
            telemetry.record("get_issues")
        telemetry.flush(5)
    one = machine.deliveries()["operator_events"]
    assert numbers(one) == (3, 0, 0)
    assert (one["endpoint"], one["last_success_at"], one["last_error"]) == (ENDPOINT, BEGAN, None)
    line = next(line for line in machine.run("status")[1].splitlines() if line.startswith("deliveries"))
    assert line == (
        "deliveries.operator_events   3 delivered, 0 lost, 0 rejected to https://c.acme.dev/events since "
        f"{BEGAN}; last success {BEGAN}"
    )


def test_sums_of_several_processes_add_up(machine):
    """Each process adds what it delivered; an endpoint's query is kept nowhere."""
    machine.environ["ACME_MCP_EVENTS_ENDPOINT"] = f"{ENDPOINT}?key=swordfish"
    for count in (1, 2, 3):
        with machine.telemetry() as telemetry:
            for _ in range(count):
                telemetry.record("get_issues")
    assert numbers(machine.deliveries()["operator_events"]) == (6, 0, 0)
    with open(machine.database, "rb") as file:
        assert b"swordfish" not in file.read()


@pytest.mark.parametrize(
    ("answer", "expected", "said"),
    [
        (503, (0, 2, 0), "HTTP 503"),
        (401, (0, 2, 0), "HTTP 401"),
        (400, (0, 0, 2), "HTTP 400"),
        (NoAnswer("refused"), (0, 2, 0), "no answer from c.acme.dev (refused)"),
    ],
)
def test_events_that_did_not_arrive_are_told_with_the_reason(tmp_path, answer, expected, said):
    """What was lost at the end, or rejected, is counted, and the last error and its time stand beside it."""
    machine = Machine(tmp_path, otherwise=answer)
    with machine.operators() as telemetry:
        telemetry.record("get_issues")
        telemetry.record("get_issues")
    one = machine.deliveries()["operator_events"]
    assert numbers(one) == expected
    assert said in one["last_error"]
    assert (one["last_success_at"], one["last_error_at"]) == (None, BEGAN)
    status = json.loads(machine.run("status", "--json")[1])
    assert said in status["last_error"]


def test_an_outage_is_told_while_it_lasts(tmp_path):
    """A process that goes on says the error at once, and loses nothing yet."""
    machine = Machine(tmp_path, otherwise=503)
    telemetry = machine.operators()
    with telemetry:
        telemetry.record("get_issues")
        with contextlib.suppress(Exception):
            telemetry.flush(5)
        one = machine.wait_for_deliveries()["operator_events"]
        assert numbers(one) == (0, 0, 0)
        assert "HTTP 503" in one["last_error"]


def test_outcomes_are_not_written_once_a_batch(machine):
    """A hundred batches within ten seconds are one transaction, and a last one at the end."""
    telemetry = machine.operators()
    database = telemetry._installation.open_memory().database
    writes = []
    change = database.change
    database.change = lambda work, **more: writes.append(work) or change(work, **more)
    telemetry.start()
    for _ in range(100):
        telemetry.record("get_issues")
        telemetry.flush(5)
    assert len(machine.transport.requests) == 100
    assert len(writes) <= 1
    machine.clock.advance(10)
    telemetry.record("get_issues")
    telemetry.flush(5)
    telemetry.record("get_issues")
    telemetry.shutdown(5)
    assert len(writes) <= 3
    assert numbers(machine.deliveries()["operator_events"]) == (102, 0, 0)


def test_recording_opens_no_database(machine):
    """Nothing is written before something was sent: not by constructing, starting, or recording."""
    telemetry = machine.operators()
    telemetry.start()
    telemetry.record("get_issues")
    assert not os.path.exists(machine.database)
    telemetry.shutdown(5)
    assert os.path.exists(machine.database)


@pytest.mark.parametrize(
    "said", [{"DO_NOT_TRACK": "1"}, {"CI": "true"}, {"ACME_MCP_TELEMETRY": "off"}, {"ACME_MCP_TELEMETRY": "print"}]
)
def test_a_process_that_the_environment_refuses_stores_nothing(machine, said):
    """In rows 1 to 3 no file is made, also where an operator's events leave all the same."""
    machine.environ.update(said)
    with machine.operators(heartbeat_endpoint=HEARTBEAT) as telemetry:
        telemetry.record("get_issues")
        telemetry.flush(5)
    assert len(machine.transport.requests) == ("CI" in said)
    assert not os.path.exists(os.path.dirname(machine.database))


def test_after_a_no_no_file_is_changed(machine):
    """A person said off: an operator's events leave, and what became of them is not stored."""
    with machine.operators() as telemetry:
        telemetry.record("get_issues")
    assert machine.run("off")[0] == 0
    with open(machine.database, "rb") as file:
        before = file.read()
    with machine.operators() as telemetry:
        telemetry.record("get_issues")
    assert len(machine.transport.requests) == 2
    with open(machine.database, "rb") as file:
        assert file.read() == before
    assert "telemetry is off" in machine.run("sent")[2]


def test_a_build_without_a_version_stores_what_became_of_an_operators_events(machine):
    """Whoever wraps somebody else's program knows no version; that is no word of anybody's."""
    del machine.environ["ACME_MCP_TELEMETRY"]
    script = textwrap.dedent(
        """
        import requests  # as most hosts have it: on a busy machine an end has no time to load it
        from mcptelemetry import Telemetry
        with Telemetry("acme-mcp", "") as telemetry:
            telemetry.record("get_issues")
        """
    )
    with ScriptedServer() as server:
        environ = {**machine.environ, "ACME_MCP_EVENTS_ENDPOINT": server.events_url}
        subprocess.run([sys.executable, "-c", script], env={**environ, "PYTHONPATH": os.getcwd()}, check=True, timeout=60)
        assert len(server.requests) == 1
    assert numbers(machine.deliveries()["operator_events"]) == (1, 0, 0)


def test_wrap_leaves_its_losses_for_status(machine):
    """An unreachable endpoint behind `wrap` is told in a new process: the number lost and why."""
    del machine.environ["ACME_MCP_TELEMETRY"]
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "get_issues"}}
    server = "import sys\nfor line in sys.stdin: print('{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}', flush=True)"
    with refusing_url() as url:
        wrap = [sys.executable, "-m", "mcptelemetry", "wrap", "--app", "acme-mcp", "--endpoint", url, "--"]
        subprocess.run(
            [*wrap, sys.executable, "-c", server],
            input=json.dumps(request) + "\n",
            text=True,
            env={**machine.environ, "PYTHONPATH": os.getcwd()},
            check=True,
            timeout=60,
            stdout=subprocess.DEVNULL,
        )
    one = machine.deliveries()["operator_events"]
    assert numbers(one) == (0, 1, 0)
    assert "no answer" in one["last_error"]


@pytest.mark.heavy
def test_a_silent_endpoint_costs_the_end_no_more_and_is_told(machine):
    """What was in flight when the second was over is stored as lost, in the time that there is."""
    script = textwrap.dedent(
        """
        from mcptelemetry import Telemetry
        telemetry = Telemetry("acme-mcp", "1.4.0")
        telemetry.start()
        telemetry.record("get_issues")
        """
    )
    with HostileServer("silent") as server:
        environ = {**machine.environ, "ACME_MCP_EVENTS_ENDPOINT": server.events_url, "PYTHONPATH": os.getcwd()}
        began_at = time.monotonic()
        subprocess.run([sys.executable, "-c", script], env=environ, check=True, timeout=60)
        assert time.monotonic() - began_at < 10
    assert numbers(machine.deliveries()["operator_events"]) == (0, 1, 0)


def test_a_database_that_is_held_does_not_hold_the_end(machine):
    """While another process is in a transaction the end waits for it no longer than its own time."""
    with machine.operators() as telemetry:
        telemetry.record("get_issues")
    telemetry = machine.operators()
    database = telemetry._installation.open_memory().database
    patience = []
    change = database.change
    database.change = lambda work, *, busy_secs: patience.append(busy_secs) or change(work, busy_secs=busy_secs)
    telemetry.start()
    telemetry.record("get_issues")
    holder = sqlite3.connect(machine.database, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    telemetry.shutdown(0.3)
    holder.execute("ROLLBACK")
    holder.close()
    assert patience
    assert max(patience) <= 0.3
    assert numbers(machine.deliveries()["operator_events"]) == (1, 0, 0), "of the second nothing could be stored"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_adds_its_own_and_no_more(machine):
    """Parent and child each add what they delivered, once."""
    telemetry = machine.operators()
    telemetry.start()
    telemetry.record("get_issues")
    telemetry.flush(LIMIT_SECS)
    # A fork waits for a transaction of another thread's, but not for long: then its child stores nothing.
    machine.wait_for_deliveries()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            telemetry.record("get_issues")
            telemetry.record("get_issues")
            telemetry.shutdown(LIMIT_SECS)
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    telemetry.record("get_issues")
    telemetry.shutdown(5)
    assert numbers(machine.deliveries()["operator_events"]) == (4, 0, 0)


# -- the author's events ---------------------------------------------------------------


def test_the_last_batch_of_the_authors_events_is_shown_word_for_word(machine):
    """Of an author's events the last batch is kept as it left, and the sums since; of an operator's the sums only."""
    with machine.telemetry(events_endpoint=ENDPOINT) as telemetry:
        machine.clock.advance(301)  # the delay after the notice
        for tool in ("first", "second", "third"):
            telemetry.record(tool)
            telemetry.flush(5)
    bodies = [request.body.decode() for request in machine.transport.requests]
    status, out, err = machine.run("sent")
    assert (status, err) == (0, "")
    assert out.splitlines()[0] == (
        f"2026-05-28T20:31:41Z  the last batch of the author's events to {ENDPOINT}: delivered, HTTP 202"
    )
    assert out.splitlines()[1] == bodies[-1]
    assert out.splitlines()[2].startswith("in all  the author's events: 3 delivered, 0 lost, 0 rejected")
    assert "first" not in out
    machine.environ["ACME_MCP_EVENTS_ENDPOINT"] = ENDPOINT + "/operator"
    with machine.telemetry() as telemetry:
        telemetry.record("fourth")
    assert "fourth" not in machine.run("sent")[1]
    assert [one["document"] for one in machine.sent()] == [json.loads(bodies[2])]
    assert set(machine.deliveries()) == {"author_events", "operator_events"}


# -- heartbeats and feedback -----------------------------------------------------------


def test_failed_tries_of_a_heartbeat_are_shown_with_their_answers(tmp_path):
    """Each try stands there word for word with its answer: not accepted, nothing answered, rejected, delivered."""
    machine = Machine(tmp_path, 503, NoAnswer("reset"), 400, 202)
    telemetry = machine.telemetry(heartbeat_endpoint=HEARTBEAT)
    telemetry.start()
    telemetry.shutdown()
    for secs in (300, 300, 300, DAY):
        machine.clock.advance(secs)
        telemetry.heartbeat.send_now()
    bodies = [json.loads(request.body) for request in machine.transport.requests]
    found = machine.sent()
    assert [one["document"] for one in found] == bodies
    assert [(one["fate"], one["status"]) for one in found] == [
        ("later", 503),
        ("later", None),
        ("rejected", 400),
        ("delivered", 202),
    ]
    assert {one["endpoint"] for one in found} == {f"{HEARTBEAT}/heartbeat"}
    one = machine.deliveries()["heartbeat"]
    assert numbers(one) == (1, 0, 1)
    assert "HTTP 400" in one["last_error"]
    assert "not accepted, to be sent again, no answer" in machine.run("sent")[1]


def test_a_long_outage_does_not_push_out_what_was_accepted(machine):
    """Of failed tries the last ten are kept, of all documents the last fifty."""
    journal = Journal(Installation(Application("acme-mcp"), environ=machine.environ, clock=machine.clock), "heartbeat", HEARTBEAT)
    for number in range(60):
        fate = "delivered" if number < 3 else "later"
        document = journal.document(b"%d" % number, 503, fate)
        assert journal.add(DeliveryNews("heartbeat", HEARTBEAT, journal.now(), journal.now(), document=document))
    kept = [document.body for document in Memory(machine.database).sent_documents()]
    assert kept == [*map(str, range(3)), *map(str, range(50, 60))]


def test_feedback_is_shown_as_it_left(tmp_path):
    """What a person typed stands in `sent` byte for byte, accepted or not."""
    machine = Machine(tmp_path, 202, 503)
    telemetry = machine.telemetry(heartbeat_endpoint=HEARTBEAT)
    telemetry.submit_feedback(FeedbackRequest("bug", "It does not start. Grüße"))
    with pytest.raises(FeedbackError):
        telemetry.submit_feedback(FeedbackRequest("bug", "It still does not."))
    out = machine.run("sent")[1]
    for request in machine.transport.requests:
        assert request.body.decode("utf-8") in out
    assert [(one["stream"], one["fate"], one["status"]) for one in machine.sent()] == [
        ("feedback", "delivered", 202),
        ("feedback", "rejected", 503),
    ]
    assert numbers(machine.deliveries()["feedback"]) == (1, 0, 1)


def test_feedback_of_a_person_who_said_no_is_not_kept(machine):
    """Typing it is the consent to send it; off, no file is changed all the same, and `sent` says that."""
    assert machine.run("off")[0] == 0
    telemetry = machine.telemetry(heartbeat_endpoint=HEARTBEAT)
    telemetry.submit_feedback(FeedbackRequest("bug", "It does not start."))
    assert len(machine.transport.requests) == 1
    assert not os.path.exists(machine.database)
    assert "feedback" in machine.run("sent")[2]


def test_what_could_not_be_tried_did_not_leave(tmp_path):
    """Where a package is missing no document is shown as sent, and the error says what is missing."""
    machine = Machine(tmp_path, otherwise=MissingPackage("install requests"))
    telemetry = machine.telemetry(heartbeat_endpoint=HEARTBEAT)
    telemetry.start()
    telemetry.shutdown()
    machine.clock.advance(301)
    assert not telemetry.heartbeat.send_now()
    with pytest.raises(FeedbackError):
        telemetry.submit_feedback(FeedbackRequest("bug", "It does not start."))
    assert machine.sent() == []
    one = machine.deliveries()["heartbeat"]
    assert numbers(one) == (0, 0, 0)
    assert "install requests" in one["last_error"]


# -- the token -------------------------------------------------------------------------


def test_status_says_which_variable_holds_the_token_and_whether_it_is_set(machine):
    """The variable's name, and yes or no; never its value."""
    folder = os.path.dirname(machine.database)
    os.makedirs(folder, mode=0o700)
    with open(os.path.join(folder, "telemetry.toml"), "w", encoding="utf-8") as file:
        file.write(f'[proxy.telemetry]\nendpoint = "{ENDPOINT}"\ntoken_key = "TEAM_KEY"\n')
    events = json.loads(machine.run("status", "--json")[1])["events"]
    assert (events["token_variable"], events["unset_variables"]) == ("TEAM_KEY", ["TEAM_KEY"])
    machine.environ["TEAM_KEY"] = "swordfish"
    out = machine.run("status", "--json")[1]
    events = json.loads(out)["events"]
    assert (events["token_variable"], events["unset_variables"]) == ("TEAM_KEY", [])
    assert "swordfish" not in out


# -- files of other releases -----------------------------------------------------------


def test_a_file_of_an_earlier_release_is_read_and_then_extended(machine):
    """What was kept before the streams were told apart is shown as heartbeats; looking changes nothing."""
    with machine.telemetry(heartbeat_endpoint=HEARTBEAT):
        pass
    connection = sqlite3.connect(machine.database)
    connection.executescript(
        "DROP TABLE deliveries; DROP TABLE sent_documents;"
        "CREATE TABLE sent_documents (seq INTEGER PRIMARY KEY AUTOINCREMENT, sent_at REAL NOT NULL,"
        " status INTEGER NOT NULL, body TEXT NOT NULL);"
        "INSERT INTO sent_documents (sent_at, status, body) VALUES (1700000000.0, 202, '{}'), (1700000001.0, 400, '{}');"
        "PRAGMA user_version = 3;"
    )
    connection.close()
    with open(machine.database, "rb") as file:
        before = file.read()
    assert [(one["stream"], one["fate"]) for one in machine.sent()] == [("heartbeat", "delivered"), ("heartbeat", "rejected")]
    assert machine.deliveries() == {}
    with open(machine.database, "rb") as file:
        assert file.read() == before
    with machine.operators() as telemetry:
        telemetry.record("get_issues")
    assert len(machine.sent()) == 2
    assert numbers(machine.deliveries()["operator_events"]) == (1, 0, 0)
