"""What a person can see of the heartbeat, and say: show-payload, sent, fields, privacy, feedback."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os

import pytest

from mcptelemetry import FeedbackRequest, Telemetry
from mcptelemetry.cli import add_telemetry_commands, main
from mcptelemetry.cli._command import Console
from mcptelemetry.errors import StorageError, TelemetryError
from mcptelemetry.testing import FakeClock, InProcessCollector, ScriptedServer
from mcptelemetry.wire import FIELDS, ZERO_ID, check


class Shell:
    """A person's shell: an environment, and what the last command said."""

    def __init__(self, home):
        self.home = str(home)
        self.environ = {"HOME": self.home, "ACME_MCP_TELEMETRY": "1"}  # or it were off, under a test runner

    def run(self, *arguments):
        out, err = io.StringIO(), io.StringIO()
        status = main(list(arguments), Console(out, err, self.environ))
        return status, out.getvalue(), err.getvalue()

    def files(self):
        found = {}
        for folder, _, names in os.walk(self.home):
            for name in names:
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    found[path] = (file.read(), os.stat(path).st_mtime_ns)
        return found


@pytest.fixture
def shell(tmp_path):
    return Shell(tmp_path)


def started(shell, url, **more):
    """An application that ran on this machine: it was started, and ended."""
    telemetry = Telemetry(
        "acme-mcp", "1.4.0", heartbeat_endpoint=url, environ=dict(shell.environ), notice=lambda text: True, **more
    )
    telemetry.start()
    telemetry.heartbeat.send_now()
    telemetry.shutdown()
    return telemetry


def test_show_payload_of_an_installation_that_never_ran_shows_zeros_and_says_why(shell):
    """Where nothing ran, the ids are zeros, the reason is on stderr, and no file is made."""
    status, out, err = shell.run("--app", "acme-mcp", "show-payload")
    assert status == 0
    document = json.loads(out)
    check(document)
    assert document["anonymous_id"] == document["heartbeat_id"] == ZERO_ID
    assert "has not run yet" in err
    assert "no endpoint is known" in err
    assert shell.files() == {}


def test_show_payload_prints_what_the_application_would_send(shell):
    """The document names the application as its last start set it up, with its ids."""
    telemetry = started(shell, "http://127.0.0.1:1", edition="server")
    status, out, err = shell.run("--app", "acme-mcp", "show-payload")
    document = json.loads(out)
    assert status == 0
    assert (document["version"], document["edition"]) == ("v1.4.0", "server")
    shown = telemetry.heartbeat.build_payload().to_dict()
    assert document["anonymous_id"] == shown["anonymous_id"] != ZERO_ID
    assert document["heartbeat_id"] == shown["heartbeat_id"] != ZERO_ID
    assert "ids are zeros" not in err
    assert "is not sent" not in err


def test_show_payload_json_is_the_same_document(shell):
    """With --json the same bytes come: the document is JSON already."""
    started(shell, "http://127.0.0.1:1")
    plain = json.loads(shell.run("--app", "acme-mcp", "show-payload")[1])
    asked = json.loads(shell.run("--app", "acme-mcp", "--json", "show-payload")[1])
    assert {**plain, "timestamp": ""} == {**asked, "timestamp": ""}


@pytest.mark.parametrize("environ", [{"DO_NOT_TRACK": "1"}, {"CI": "true"}, {"ACME_MCP_TELEMETRY": "off"}])
def test_show_payload_works_while_off_and_changes_no_file(shell, environ):
    """Off, it shows what would leave and says that it does not; a hundred looks change nothing."""
    started(shell, "http://127.0.0.1:1")
    shell.environ.update(environ)
    before = shell.files()
    for _ in range(100):
        status, out, err = shell.run("--app", "acme-mcp", "show-payload")
        assert status == 0
        check(json.loads(out))
        assert "it is not sent: off" in err
    assert shell.files() == before


def test_show_payload_with_a_malformed_file_names_it(shell):
    """A telemetry.toml that cannot be read is exit 2 with the file's name and no traceback."""
    os.mkdir(os.path.join(shell.home, ".acme-mcp"))
    with open(os.path.join(shell.home, ".acme-mcp", "telemetry.toml"), "w") as file:
        file.write("[telemetry\n")
    status, out, err = shell.run("--app", "acme-mcp", "show-payload")
    assert (status, out) == (2, "")
    assert "telemetry.toml" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("command", ["show-payload", "sent", "privacy", "feedback", "forget"])
def test_commands_ask_which_application_is_meant(shell, command):
    """Without an application there is nothing to show: exit 2 and the mend."""
    more = ["bug", "It does not start."] if command == "feedback" else []
    status, out, err = shell.run(command, *more)
    assert (status, out) == (2, "")
    assert "--app" in err


def test_sent_prints_what_was_sent_word_for_word(shell):
    """Each document that left is printed with its time and status."""
    with InProcessCollector() as collector:
        clock = FakeClock()
        telemetry = Telemetry(
            "acme-mcp",
            "1.4.0",
            heartbeat_endpoint=collector.url,
            environ=dict(shell.environ),
            notice=lambda text: True,
            clock=clock,
        )
        telemetry.start()
        telemetry.shutdown()
        assert shell.run("--app", "acme-mcp", "sent") == (0, "", "nothing has been sent\n")
        clock.advance(300)
        assert telemetry.heartbeat.send_now()
        (stored,) = collector.heartbeats()
    status, out, _ = shell.run("--app", "acme-mcp", "sent")
    assert status == 0
    first, rest = out.split("\n", 1)
    assert first.endswith(f"heartbeat to {collector.url}/heartbeat: delivered, HTTP 202")
    document, totals = rest.split("in all  ")
    assert json.loads(document) == stored
    assert totals.startswith(f"heartbeats: 1 delivered, 0 lost, 0 rejected to {collector.url}/heartbeat since ")
    found = json.loads(shell.run("--app", "acme-mcp", "sent", "--json")[1])
    (entry,) = found["documents"]
    assert (entry["stream"], entry["status"], entry["document"]) == ("heartbeat", 202, stored)
    assert [(one["stream"], one["delivered"]) for one in found["totals"]] == [("heartbeat", 1)]


def test_sent_that_cannot_be_read_is_an_error_in_one_line(shell):
    """Where something is in the database's place the call raises, and the command ends with 1 and says why."""
    started(shell, "http://127.0.0.1:1")
    place = os.path.join(shell.home, ".acme-mcp", "telemetry.db")
    for name in os.listdir(os.path.dirname(place)):
        if name.startswith("telemetry.db"):
            os.remove(os.path.join(os.path.dirname(place), name))
    os.mkdir(place)
    with pytest.raises(StorageError, match="what was sent cannot be read: .*telemetry.db") as caught:
        Telemetry("acme-mcp", "1.4.0", environ=dict(shell.environ)).sent_documents()
    assert isinstance(caught.value, TelemetryError)
    status, out, err = shell.run("--app", "acme-mcp", "sent")
    assert (status, out) == (1, "")
    assert err.splitlines() == [f"mcptelemetry: {caught.value}"]


def test_fields_prints_the_table(shell):
    """Every field is printed with its purpose, for a person and as JSON, without naming an application."""
    status, out, err = shell.run("fields")
    assert (status, err) == (0, "")
    for field in FIELDS:
        assert field.name in out
    rows = json.loads(shell.run("fields", "--json")[1])
    assert [row["name"] for row in rows] == [field.name for field in FIELDS]


def test_privacy_prints_the_paragraph(shell):
    """The paragraph names the application, where its heartbeat goes and how to stop it."""
    started(shell, "http://127.0.0.1:1")
    status, out, _ = shell.run("--app", "acme-mcp", "privacy")
    assert status == 0
    for part in ("acme-mcp", "http://127.0.0.1:1", "ACME_MCP_TELEMETRY=off", "DO_NOT_TRACK=1"):
        assert part in out.replace("\n", " ")


def test_privacy_and_feedback_print_no_query_of_an_endpoint(tmp_path):
    """What would be pasted into a README, or stands on a screen, holds no key, however it got there."""
    telemetry = Telemetry("acme-mcp", "1.4.0", heartbeat_endpoint="http://127.0.0.1:1", environ={"HOME": str(tmp_path)})
    # As a release before this one took it.
    setup = telemetry._installation.setup
    telemetry._installation.setup = setup._replace(heartbeat_endpoint="http://127.0.0.1:1/in?key=hunter2")
    parser = argparse.ArgumentParser(prog="acme-mcp")
    add_telemetry_commands(parser.add_subparsers(), telemetry)
    for words in (["privacy"], ["privacy", "--json"], ["feedback", "bug", "It does not start."], ["status"]):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            args = parser.parse_args(["telemetry", *words])
            args.func(args)
        said = out.getvalue() + err.getvalue()
        assert "http://127.0.0.1:1/in" in said
        assert "hunter2" not in said


def test_feedback_is_printed_first_and_then_sent(shell):
    """The person sees the exact document, and then what became of it; no switch is asked."""
    with InProcessCollector() as collector:
        started(shell, collector.url)
        shell.environ["DO_NOT_TRACK"] = "1"
        status, out, err = shell.run("--app", "acme-mcp", "feedback", "bug", "It does not start", "on Tuesdays.")
        (stored,) = collector.feedback()
    assert status == 0
    assert "thank you" in out
    assert "It does not start on Tuesdays." in err
    assert '"context"' in err
    assert stored["message"] == "It does not start on Tuesdays."
    assert stored["email"] is None
    assert set(stored["context"]) == {
        "version", "edition", "os", "arch", "server_count", "connected_server_count", "routing_mode",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["praise", "It is all very good."], 2, "category"),
        (["bug", "short"], 2, "10 or more"),
        (["bug", "see /home/tim/x.log for more"], 1, "/home/"),
    ],
)
def test_feedback_that_cannot_be_sent_says_why(shell, arguments, status, said):
    """What is wrong is said in one line, and nothing is sent."""
    with ScriptedServer() as server:
        started(shell, server.url)
        before = len(server.requests)
        found, out, err = shell.run("--app", "acme-mcp", "feedback", *arguments)
        assert (found, out) == (status, "")
        assert said in err
        assert len(server.requests) == before


def test_feedback_that_is_not_accepted_is_exit_1_with_the_status(shell):
    """An answer of 400 or above is said with its status."""
    with ScriptedServer(otherwise=(503, b"closed for today")) as server:
        started(shell, server.url)
        status, _, err = shell.run("--app", "acme-mcp", "feedback", "other", "Where is the manual?")
    assert status == 1
    assert "503" in err
    assert "closed for today" in err


def test_feedback_without_an_endpoint_says_the_mend(shell):
    """Where no address is known, that is said, and how to set one."""
    status, _, err = shell.run("--app", "acme-mcp", "feedback", "bug", "It does not start.")
    assert status == 1
    assert "telemetry.toml" in err


def test_feedback_names_what_was_typed_wrongly_before_what_is_missing(shell, tmp_path):
    """An invalid category or message is told first, with or without an endpoint, also in code."""
    status, _, err = shell.run("--app", "acme-mcp", "feedback", "praise", "It does not start.")
    assert (status, err.count("\n")) == (2, 1)
    assert "category='praise' is not usable: say bug, feature, other" in err
    status, _, err = shell.run("--app", "acme-mcp", "feedback", "bug", "short")
    assert "message has 5 characters" in err
    telemetry = Telemetry("acme-mcp", "1.4.0", environ={"HOME": str(tmp_path)})
    with pytest.raises(ValueError, match="category='praise'"):
        telemetry.submit_feedback(FeedbackRequest("praise", "It does not start."))


def test_an_application_offers_the_same_commands_under_its_own_name(shell, capsys):
    """`acme-mcp telemetry show-payload` prints what this very process would send, stats included."""

    class Stats:
        def server_count(self):
            return 7

    telemetry = Telemetry("acme-mcp", "1.4.0", environ=shell.environ, stats=Stats(), flags={"beta": True}, clock=FakeClock())
    parser = argparse.ArgumentParser(prog="acme-mcp")
    add_telemetry_commands(parser.add_subparsers(), telemetry)
    args = parser.parse_args(["telemetry", "show-payload"])
    assert args.func(args) == 0
    out = capsys.readouterr().out
    assert out.encode() == telemetry.heartbeat_service().build_payload().encode()
    assert json.loads(out)["server_count"] == 7
    assert json.loads(out)["flags"] == {"beta": True}
