"""Nothing that a stranger can fill steers a terminal: every command, every such place."""

from __future__ import annotations

import argparse
import io
import json
import logging
import os

import pytest

from mcptelemetry import Telemetry, TelemetryBatch, TelemetryEvent
from mcptelemetry.cli import add_telemetry_commands, main
from mcptelemetry.cli._command import Console
from mcptelemetry.collector import SqliteStore
from mcptelemetry.config import STATE_FILE
from mcptelemetry.testing import ScriptedServer

CONTROL = "\x1b[2J\x07\x7f\x9b\r"
BIDI = "\u202e\u2066\u200f"
UNSEEN = "\u200b\ufeff\u00ad\u2060\u3164\U000e0041"
HOSTILE = [f"a{CONTROL}b", f"a{BIDI}b", f"a{UNSEEN}b", "a\nb\u2028c"]
VISIBLE_TO_PYTHON_ONLY = {"\u3164"}

PERSONS = ["status", "on", "local", "off", "show-payload", "sent", "fields", "privacy"]


def is_plain(text):
    """Whether *text* is printable but for its line ends."""
    return all(c == "\n" or (c.isprintable() and c not in VISIBLE_TO_PYTHON_ONLY) for c in text)


def run(*arguments, **environ):
    out, err = io.StringIO(), io.StringIO()
    status = main(list(arguments), Console(out, err, {"ACME_MCP_TELEMETRY": "1", **environ}))
    return status, out.getvalue(), err.getvalue()


def assert_plain(*arguments, **environ):
    """Run the command, as lines and as JSON, and return what it printed the first time."""
    found = run(*arguments, **environ)
    for status, out, err in (found, run("--json", *arguments, **environ)):
        assert status in (0, 1, 2)
        assert is_plain(out), ascii(out)
        assert is_plain(err), ascii(err)
    return found


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("command", PERSONS)
def test_paths_reach_no_terminal(tmp_path, command, hostile):
    """A home and a data directory may be called anything; a line break in them makes no second line."""
    home = tmp_path / hostile
    home.mkdir()
    status, out, err = assert_plain("--app", "acme-mcp", command, HOME=str(home))
    assert out + err
    assert_plain("--app", "acme-mcp", "--data-dir", str(home), command, HOME=str(tmp_path))
    if command in ("on", "local", "off"):
        assert len(out.splitlines()) == 1


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("command", [*PERSONS, "match", "wrap", "wrap-config", "collect", "report", "feedback"])
def test_a_refused_name_reaches_no_terminal(tmp_path, command, hostile):
    """An application's name that is refused, and an option that is not known, are shown as printable text."""
    more = {"wrap": ["--", "true"], "wrap-config": ["--file", str(tmp_path / "x.json")], "collect": ["--db", str(tmp_path / "a" / "x.db")], "report": ["--db", str(tmp_path / "x.db")]}
    assert_plain(command, f"--{hostile}", HOME=str(tmp_path))
    if command not in ("match", "fields", "collect"):
        status, _, err = assert_plain("--app", hostile, command, *more.get(command, []), HOME=str(tmp_path))
        assert status != 0 or command == "wrap"  # its server runs, whatever is wrong with telemetry
        assert len(err.splitlines()) == 1


@pytest.mark.parametrize("hostile", HOSTILE)
def test_an_unknown_command_reaches_no_terminal(hostile):
    """Nor does a command that does not exist."""
    assert assert_plain(hostile)[0] == 2


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("command", PERSONS)
@pytest.mark.parametrize(
    "settings",
    [
        "[telemetry]\nendpoint = {}\n",
        "[telemetry]\nmode = {}\n",
        "[telemetry]\n{} = 1\n",
        "[{}]\nx = 1\n",
        "[proxy.telemetry]\nendpoint = {}\n",
        "[proxy.telemetry]\nformat = {}\n",
        "[telemetry\n# {}",
    ],
)
def test_settings_reach_no_terminal(tmp_path, command, settings, hostile):
    """Whatever a settings file holds, what is said about it is printable."""
    folder = tmp_path / ".acme-mcp"
    folder.mkdir()
    (folder / "telemetry.toml").write_text(settings.format(json.dumps(hostile)))
    assert_plain("--app", "acme-mcp", command, HOME=str(tmp_path))


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("command", PERSONS)
def test_mode_files_and_variables_reach_no_terminal(tmp_path, command, hostile):
    """Nor does a mode file or a variable."""
    folder = tmp_path / ".acme-mcp"
    folder.mkdir()
    for content in (f"mode = {json.dumps(hostile)}\n", f"mode = 1\n{json.dumps(hostile)} = 2\n", hostile):
        (folder / STATE_FILE).write_text(content)
        assert_plain("--app", "acme-mcp", command, HOME=str(tmp_path))
    for name in ("ACME_MCP_TELEMETRY", "ACME_MCP_EVENTS_ENDPOINT", "DO_NOT_TRACK", "HTTPS_PROXY", "CI"):
        assert_plain("--app", "acme-mcp", command, **{"HOME": str(tmp_path), name: hostile})


@pytest.mark.parametrize("hostile", HOSTILE)
def test_files_of_tools_reach_no_terminal(tmp_path, hostile):
    """The names of files, prefixes and tools are shown as printable text, and JSON keeps what they are."""
    path = tmp_path / f"{hostile}.json"
    path.write_text(json.dumps([{"name": hostile, "inputSchema": {"type": hostile}}]))
    status, out, _ = assert_plain("match", str(path), f"cloud={path}", HOME=str(tmp_path))
    assert (status, out.count("\n")) == (0, 4)  # heading, the tool, a blank, the sum
    assert json.loads(run("--json", "match", str(path), f"cloud={path}")[1])["tools"][0]["tool_name"] == hostile
    for upstream in (str(path), f"{hostile}={path}", f"{hostile}=", f"{path}x"):
        assert_plain("match", str(path), upstream, str(path), HOME=str(tmp_path))
    assert_plain("match", str(path), f"cloud={path}", f"cloud={path}", HOME=str(tmp_path))


@pytest.mark.parametrize("hostile", HOSTILE)
def test_report_shows_names_as_printable_text(tmp_path, hostile):
    """Tools, decisions and applications are strangers' words: each stays in its cell."""
    path = tmp_path / f"{hostile}.db"
    store = SqliteStore(str(path))
    events = [TelemetryEvent(hostile, hostile, upstream=hostile, timestamp_secs=1)]
    store.add_events(TelemetryBatch(events, app=hostile, version=hostile), received_at=1)
    status, out, _ = assert_plain("report", "--db", str(path), HOME=str(tmp_path))
    assert status == 0
    tools = out.split("\n\n\nTools\n")[1].split("\n\n\n")[0]
    assert tools.count("\n") == 5  # the definition, a blank, heading, rule, the tool, all
    assert_plain("--app", hostile, "report", "--db", str(path), HOME=str(tmp_path))
    assert_plain("--app", f"{hostile}x", "report", "--db", str(path), HOME=str(tmp_path))
    assert_plain("report", "--db", str(path) + "x", HOME=str(tmp_path))


@pytest.mark.parametrize("hostile", HOSTILE)
def test_collect_says_what_is_wrong_as_printable_text(tmp_path, hostile):
    """A host, a port, a variable or a directory that cannot be used is shown as printable text."""
    database = ["--db", str(tmp_path / "x.db")]
    for arguments in (
        [*database, "--port", hostile],
        [*database, "--token-env", hostile],
        [*database, "--host", hostile],
        ["--db", str(tmp_path / hostile / "x.db"), "--host", "127.0.0.1", "--port", hostile],
        ["--db", hostile + "\0"],
    ):
        status, _, err = assert_plain("collect", *arguments, HOME=str(tmp_path))
        assert status in (1, 2)
        assert len(err.splitlines()) == 1


@pytest.mark.parametrize("hostile", HOSTILE)
def test_feedback_echo_and_answers_are_printable(tmp_path, hostile):
    """What was typed is echoed, and what an endpoint answers is shown, as printable text."""
    answers = [
        (200, json.dumps({"success": False, "error": hostile}).encode()),
        (200, json.dumps({"issue_url": f"https://x.dev/{hostile}"}).encode()),
        (400, hostile.encode()),
        (302, b""),
        (503, json.dumps({"error": hostile}, ensure_ascii=False).encode()),
    ]
    (tmp_path / ".acme-mcp").mkdir()
    for status, body in answers:
        with ScriptedServer((status, body), (status, body)) as server:
            (tmp_path / ".acme-mcp" / "telemetry.toml").write_text(f'[telemetry]\nendpoint = "{server.url}"\n')
            _, _, err = assert_plain("--app", "acme-mcp", "feedback", "bug", f"It is {hostile} and fails", HOME=str(tmp_path))
            assert "It is a" in err
    assert_plain("--app", "acme-mcp", "feedback", hostile, "It does not start", HOME=str(tmp_path))
    assert_plain("--app", "acme-mcp", "feedback", "bug", "It does not start", "--email", hostile, HOME=str(tmp_path))


@pytest.mark.parametrize("hostile", HOSTILE)
def test_an_applications_own_commands_are_printable(tmp_path, capsys, hostile):
    """Below an application's own command line it is the same."""
    telemetry = Telemetry("acme-mcp", f"1.0{hostile}", data_dir=str(tmp_path / hostile), environ={"HOME": str(tmp_path)})
    parser = argparse.ArgumentParser()
    add_telemetry_commands(parser.add_subparsers(), telemetry)
    for command in PERSONS:
        args = parser.parse_args(["telemetry", command])
        args.func(args)
        out, err = capsys.readouterr()
        assert is_plain(out), ascii(out)
        assert is_plain(err), ascii(err)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_line_break_in_a_path_makes_one_log_line(tmp_path, caplog, hostile):
    """What is logged in a host is one printable line, whatever a directory is called."""
    folder = tmp_path / hostile
    folder.mkdir()
    (folder / "telemetry.toml").write_text("[telemetry\n")
    with caplog.at_level(logging.DEBUG):
        Telemetry("acme-mcp", "1.0", data_dir=str(folder), environ={"HOME": str(tmp_path)})
    (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert "\n" not in record.getMessage()
    assert is_plain(record.getMessage())
    assert os.path.basename(str(folder)) not in record.getMessage()
