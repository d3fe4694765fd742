"""`<APP>_TELEMETRY=print`: a no that shows on standard error what it keeps back."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import pytest

from mcptelemetry import EnvDisabledReason, FeedbackRequest, Telemetry, is_disabled_by_env
from mcptelemetry.cli import main
from mcptelemetry.cli._command import Console
from mcptelemetry.testing import FakeClock, ScriptedServer, ScriptedTransport
from mcptelemetry.wire import ZERO_ID, check

PREFIX = "mcptelemetry: "
HEARTBEAT = "https://t.acme.dev"
EVENTS = "https://c.acme.dev/events"


@pytest.fixture
def environ(tmp_path):
    return {"HOME": str(tmp_path), "ACME_MCP_TELEMETRY": "print"}


def documents(err):
    """The documents on standard error, by where they would go; each line of it has to be ours."""
    found = {}
    for line in err.splitlines():
        assert line.startswith(PREFIX), line
        said = line[len(PREFIX) :]
        if said.startswith("not sent to "):
            texts = found.setdefault(said[len("not sent to ") : -1], [])
            texts.append("")
        else:
            texts[-1] += said
    return {url: [json.loads(text) for text in texts] for url, texts in found.items()}


def use(environ, transport=None, **more):
    given = {"heartbeat_endpoint": HEARTBEAT, "events_endpoint": EVENTS, "tools": ["get_issues"], **more}
    telemetry = Telemetry("acme-mcp", "1.4.0", environ=environ, transport=transport, **given)
    with telemetry:
        telemetry.record("get_issues")
        telemetry.record("get_issues", status="error", error_type="tool_error")
    return telemetry


def test_each_document_is_written_instead_of_being_sent(environ, tmp_path, capfd):
    """Batches and the heartbeat stand on standard error, nothing leaves, nothing is stored, stdout is silent."""
    transport = ScriptedTransport()
    use(environ, transport)
    out, err = capfd.readouterr()
    found = documents(err)
    assert out == ""
    assert transport.requests == []
    assert list(tmp_path.iterdir()) == []
    (batch,) = found[EVENTS]
    assert [event["tool"] for event in batch["events"]] == ["get_issues", "get_issues"]
    (heartbeat,) = found[f"{HEARTBEAT}/heartbeat"]
    check(heartbeat)
    assert heartbeat["anonymous_id"] == ZERO_ID
    assert heartbeat["builtin_tool_calls"] == {"get_issues": 2}


def test_counts_are_those_of_the_process_and_are_shown_once(environ, capfd):
    """Asked for, the heartbeat is shown at once with what was counted since the last; nothing counts as sent."""
    telemetry = Telemetry("acme-mcp", "1.4.0", environ=environ, heartbeat_endpoint=HEARTBEAT, tools=["get_issues"])
    with telemetry:
        telemetry.registry.record_builtin_tool("get_issues")
        assert telemetry.heartbeat.send_now() is False
        telemetry.registry.record_builtin_tool("get_issues")
        telemetry.registry.record_builtin_tool("get_issues")
    first, second = documents(capfd.readouterr().err)[f"{HEARTBEAT}/heartbeat"]
    assert first["builtin_tool_calls"] == {"get_issues": 1}
    assert second["builtin_tool_calls"] == {"get_issues": 2}


def test_an_operators_events_are_shown_too_and_their_token_is_not(environ, capfd):
    """The file's token stands nowhere, and neither does the query of an endpoint."""
    folder = os.path.join(environ["HOME"], ".acme-mcp")
    os.mkdir(folder, mode=0o700)
    with open(os.path.join(folder, "telemetry.toml"), "w", encoding="utf-8") as file:
        file.write(
            f'[proxy.telemetry]\nendpoint = "{EVENTS}?key=swordfish"\ntoken_key = "TEAM_KEY"\ncompression = "gzip"\n'
        )
    environ["TEAM_KEY"] = "opensesame-and-more"
    transport = ScriptedTransport()
    telemetry = Telemetry("acme-mcp", "1.4.0", environ=environ, transport=transport)
    with telemetry:
        for _ in range(50):
            telemetry.record("get_issues")
    err = capfd.readouterr().err
    assert len(documents(err)[EVENTS][0]["events"]) == 50, "readable, whatever compression was asked for"
    assert "swordfish" not in err
    assert "opensesame" not in err
    assert transport.requests == []


@pytest.mark.parametrize("more", [{"DO_NOT_TRACK": "1"}, {"ACME_MCP_TELEMETRY": "off"}])
def test_a_no_that_comes_before_it_shows_nothing(environ, capfd, more):
    """Row 1 is asked first, and any other word is a plain no."""
    environ.update(more)
    use(environ, ScriptedTransport())
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("word", ["print", " PRINT ", "Print"])
def test_status_says_so_in_the_row(environ, word):
    """It is off by row 3, with the word and what it does; for whoever asks the environment alone too."""
    environ["ACME_MCP_TELEMETRY"] = word
    status = Telemetry("acme-mcp", "1.4.0", environ=environ, heartbeat_endpoint=HEARTBEAT, events_endpoint=EVENTS).status()
    expected = "ACME_MCP_TELEMETRY=print, documents are written to standard error instead of being sent"
    assert (status["mode"], status["row"], status["reason"]) == ("off", 3, expected)
    assert (status["heartbeat"]["mode"], status["heartbeat"]["reason"]) == ("off", expected)
    assert (status["events"]["mode"], status["events"]["reason"]) == ("off", expected)
    assert is_disabled_by_env(environ, app="acme-mcp") == (True, EnvDisabledReason.APP)
    out = io.StringIO()
    assert main(["--app", "acme-mcp", "status"], Console(out, io.StringIO(), environ)) == 0
    assert expected in out.getvalue()


def test_a_process_that_began_so_never_sends(environ, capfd):
    """A yes that is set later shows on: what was built to print has no way out; a plain no ends even that."""
    transport = ScriptedTransport()
    telemetry = Telemetry(
        "acme-mcp", "1.4.0", environ=environ, transport=transport, heartbeat_endpoint=HEARTBEAT, events_endpoint=EVENTS
    )
    telemetry.start()
    telemetry.record("get_issues")
    environ["ACME_MCP_TELEMETRY"] = "1"
    telemetry.flush(5)
    telemetry.heartbeat.send_now()
    assert len(documents(capfd.readouterr().err)) == 2
    environ["ACME_MCP_TELEMETRY"] = "off"
    telemetry.record("get_issues")
    telemetry.shutdown()
    assert transport.requests == []
    assert "get_issues" not in capfd.readouterr().err


def test_a_process_that_began_sending_does_not_send_under_it(environ, tmp_path, capfd):
    """The word set later is a no like any other for who has a way out already."""
    environ["ACME_MCP_TELEMETRY"] = "1"
    transport = ScriptedTransport()
    clock = FakeClock()
    telemetry = Telemetry(
        "acme-mcp",
        "1.4.0",
        environ=environ,
        clock=clock,
        transport=transport,
        heartbeat_endpoint=HEARTBEAT,
        events_endpoint=EVENTS,
        notice=lambda _text: True,
    )
    telemetry.start()
    clock.advance(301)
    environ["ACME_MCP_TELEMETRY"] = "print"
    telemetry.record("get_issues")
    telemetry.heartbeat.send_now()
    telemetry.shutdown()
    assert transport.requests == []
    assert capfd.readouterr().out == ""


def test_feedback_is_sent_as_ever(environ):
    """A person typed it: no switch is asked."""
    transport = ScriptedTransport()
    telemetry = Telemetry("acme-mcp", "1.4.0", environ=environ, transport=transport, heartbeat_endpoint=HEARTBEAT)
    telemetry.submit_feedback(FeedbackRequest("bug", "It does not start."))
    assert len(transport.requests) == 1


@pytest.mark.parametrize("ending", ["", "telemetry.shutdown()", "raise SystemExit(3)", "sys.stderr.close()", "sys.stderr = None"])
def test_a_process_shows_both_at_its_end_however_it_ends(environ, ending):
    """Without a shutdown too; a standard error that is closed changes nothing."""
    script = (
        "import sys\nfrom mcptelemetry import Telemetry\n"
        f"telemetry = Telemetry('acme-mcp', 'dev', heartbeat_endpoint={HEARTBEAT!r}, events_endpoint={EVENTS!r})\n"
        f"telemetry.start()\ntelemetry.record('get_issues')\n{ending}\n"
    )
    environ["PYTHONPATH"] = os.getcwd()
    done = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == (3 if "SystemExit" in ending else 0)
    assert done.stdout == ""
    if "stderr" in ending:
        return
    found = documents(done.stderr)
    assert [event["tool"] for event in found[EVENTS][0]["events"]] == ["get_issues"]
    assert found[f"{HEARTBEAT}/heartbeat"][0]["version"] == "dev"


def test_wrap_shows_its_batches_too(environ):
    """Behind `wrap` the documents come on its standard error, beside the server's own lines."""
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "get_issues"}}
    server = "for line in __import__('sys').stdin: print('{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}', flush=True)"
    with ScriptedServer() as collector:
        done = subprocess.run(
            [sys.executable, "-m", "mcptelemetry", "wrap", "--app", "acme-mcp", "--endpoint", collector.events_url]
            + ["--", sys.executable, "-c", server],
            input=json.dumps(call) + "\n",
            env={**environ, "PYTHONPATH": os.getcwd()},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert collector.requests == []
    assert [event["tool"] for event in documents(done.stderr)[collector.events_url][0]["events"]] == ["get_issues"]


def test_on_says_what_lifts_it(environ):
    """`on` under the variable names it and says to unset it."""
    err = io.StringIO()
    assert main(["--app", "acme-mcp", "on"], Console(io.StringIO(), err, environ)) == 1
    assert "ACME_MCP_TELEMETRY=print" in err.getvalue()
    assert "unset it" in err.getvalue()


def test_nothing_a_terminal_could_obey_is_written(environ, capfd):
    """A tool's name with escapes and bidirectional marks comes out as printable text."""
    telemetry = Telemetry("acme-mcp", "1.4.0", environ=environ, events_endpoint=EVENTS)
    with telemetry:
        telemetry.record("get\x1b[31m\u202eissues\u200b")
    err = capfd.readouterr().err
    assert all(line.isprintable() for line in err.splitlines())
    assert documents(err)
