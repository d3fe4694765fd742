"""`on`, `local`, `off`: what a person says, and what they hear when something else still holds."""

from __future__ import annotations

import argparse
import io
import json
import sys
from pathlib import Path

import pytest

from mcptelemetry import Telemetry
from mcptelemetry.cli import add_telemetry_commands, main
from mcptelemetry.cli._command import Console
from mcptelemetry.testing import FakeClock, ScriptedTransport


def run(home: Path, *arguments: str, **environ: str) -> tuple[int, str, str]:
    """Return the exit status, the result and what stood beside it, for a person whose home is *home*."""
    console = Console(out=io.StringIO(), err=io.StringIO(), environ={"HOME": str(home), **environ})
    status = main(arguments, console)
    return status, console.out.getvalue(), console.err.getvalue()  # type: ignore[attr-defined]  # a StringIO


def settings(home: Path, text: str) -> None:
    """Write *text* as the settings of acme-mcp."""
    (home / ".acme-mcp").mkdir(exist_ok=True)
    (home / ".acme-mcp" / "telemetry.toml").write_text(text)


def said(path: Path) -> str:
    """Return the first line of a mode file."""
    return path.read_text().splitlines()[0]


@pytest.mark.parametrize(
    ("word", "mode"), [("on", "on"), ("enable", "on"), ("local", "local"), ("off", "off"), ("disable", "off")]
)
def test_mode_commands_write_what_was_said(word: str, mode: str, tmp_path: Path) -> None:
    """Without --app it is said for all applications, with it for that one alone."""
    status, out, err = run(tmp_path, word)
    assert (status, err) == (0, "")
    assert out.startswith(f"all applications: {mode} since 2")
    assert said(tmp_path / ".mcptelemetry" / "person.toml") == f'mode = "{mode}"'
    assert not (tmp_path / ".acme-mcp").exists()
    (tmp_path / ".mcptelemetry" / "person.toml").unlink()
    assert run(tmp_path, word, "--app", "acme-mcp")[0] == 0
    assert said(tmp_path / ".acme-mcp" / "telemetry-state.toml") == f'mode = "{mode}"'
    assert not (tmp_path / ".mcptelemetry" / "person.toml").exists()


def test_mode_commands_print_json(tmp_path: Path) -> None:
    """With --json the result is one document with what was said and what holds."""
    status, out, err = run(tmp_path, "off", "--app", "acme-mcp", "--json")
    document = json.loads(out)
    path = str(tmp_path / ".acme-mcp" / "telemetry-state.toml")
    assert (status, err, document.pop("since")[-1]) == (0, "", "Z")
    assert document == {"app": "acme-mcp", "said": "off", "file": path, "mode": "off", "reason": f"off in {path}"}


def test_on_when_already_on_changes_nothing(tmp_path: Path) -> None:
    """The second yes leaves the file and its moment as they are."""
    run(tmp_path, "on")
    before = (tmp_path / ".mcptelemetry" / "person.toml").read_bytes()
    assert run(tmp_path, "on")[0] == 0
    assert (tmp_path / ".mcptelemetry" / "person.toml").read_bytes() == before


@pytest.mark.parametrize(
    ("environ", "arguments", "reason"),
    [
        ({"DO_NOT_TRACK": "1"}, ["on"], "DO_NOT_TRACK"),
        ({"CI": "true"}, ["on"], "CI"),
        ({"DO_NOT_TRACK": "1"}, ["on", "--app", "acme-mcp"], "DO_NOT_TRACK"),
        ({"ACME_MCP_TELEMETRY": "0"}, ["on", "--app", "acme-mcp"], "ACME_MCP_TELEMETRY=false"),
    ],
)
def test_on_says_which_variable_still_refuses(
    environ: dict[str, str], arguments: list[str], reason: str, tmp_path: Path
) -> None:
    """A yes that comes to nothing is exit status 1, with the row and the mend in one line."""
    status, _, err = run(tmp_path, *arguments, **environ)
    assert status == 1
    assert f"on is written, but off still holds ({reason}); unset it" in err
    assert err.count("\n") == 1


def test_on_says_which_file_still_refuses(tmp_path: Path) -> None:
    """The person-wide mode and the settings are named, each with its mend."""
    run(tmp_path, "off")
    status, _, err = run(tmp_path, "on", "--app", "acme-mcp")
    assert status == 1
    assert str(tmp_path / ".mcptelemetry" / "person.toml") in err
    assert 'run "mcptelemetry on" without --app' in err
    run(tmp_path, "on")
    settings(tmp_path, "[telemetry]\nenabled = false\n")
    status, _, err = run(tmp_path, "on", "--app", "acme-mcp")
    assert status == 1
    assert f"[telemetry] enabled = false in {tmp_path / '.acme-mcp' / 'telemetry.toml'}" in err


@pytest.mark.parametrize("word", ["off", "local"])
def test_off_is_heard_when_the_settings_still_say_on(word: str, tmp_path: Path) -> None:
    """When the settings outvote a no, that is exit status 1 and said."""
    settings(tmp_path, '[telemetry]\nmode = "on"\n')
    status, _, err = run(tmp_path, word, "--app", "acme-mcp")
    assert status == 1
    assert f"{word} is written, but on still holds ([telemetry] mode, on in " in err
    assert said(tmp_path / ".acme-mcp" / "telemetry-state.toml") == f'mode = "{word}"'


def test_on_stops_at_settings_that_nobody_can_read(tmp_path: Path) -> None:
    """A malformed file is exit status 2, named with its line, and nothing is written."""
    settings(tmp_path, "[telemetry]\nenabled = fals\n")
    status, out, err = run(tmp_path, "on", "--app", "acme-mcp")
    assert (status, out) == (2, "")
    assert "telemetry.toml, line 2" in err
    assert not (tmp_path / ".acme-mcp" / "telemetry-state.toml").exists()


def test_off_works_whatever_else_is_broken(tmp_path: Path) -> None:
    """A no is written though the settings, the person-wide and the state file are all damaged."""
    settings(tmp_path, "[[[")
    (tmp_path / ".mcptelemetry").mkdir()
    (tmp_path / ".mcptelemetry" / "person.toml").write_text("")
    (tmp_path / ".acme-mcp" / "telemetry-state.toml").write_bytes(b"\xff\xfe")
    assert run(tmp_path, "off", "--app", "acme-mcp")[0] == 0
    assert said(tmp_path / ".acme-mcp" / "telemetry-state.toml") == 'mode = "off"'
    assert run(tmp_path, "off")[0] == 0
    assert said(tmp_path / ".mcptelemetry" / "person.toml") == 'mode = "off"'


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
def test_off_works_where_others_may_write_too(tmp_path: Path) -> None:
    """A directory that anybody may write is not obeyed, and a no is written there all the same."""
    (tmp_path / ".acme-mcp").mkdir()
    (tmp_path / ".acme-mcp").chmod(0o777)
    assert run(tmp_path, "off", "--app", "acme-mcp")[0] == 0
    assert said(tmp_path / ".acme-mcp" / "telemetry-state.toml") == 'mode = "off"'
    status, _, err = run(tmp_path, "on", "--app", "acme-mcp")
    assert status == 1
    assert "may be written by everybody" in err


def test_off_says_when_the_operators_events_go_on(tmp_path: Path) -> None:
    """Events that somebody else is responsible for are not hidden; their endpoint is shown without credentials."""
    settings(tmp_path, '[proxy.telemetry]\nendpoint = "https://ops.acme.dev/events?key=secret"\n')
    with_credentials = {"ACME_MCP_EVENTS_ENDPOINT": "https://me:secret@ops.acme.dev/events?key=secret"}
    for environ in ({}, with_credentials):
        status, _, err = run(tmp_path, "off", "--app", "acme-mcp", **environ)
        assert status == 0
        assert "still go to the operator's endpoint https://ops.acme.dev/events;" in err
        assert "secret" not in err
    assert "http://b/" in run(tmp_path, "off", "--app", "acme-mcp", ACME_MCP_EVENTS_ENDPOINT="http://b/")[2]
    assert run(tmp_path, "off", "--app", "acme-mcp", DO_NOT_TRACK="1")[2] != "", "a server does not see this shell's word"


def test_local_says_when_nothing_is_counted_either(tmp_path: Path) -> None:
    """Local under a broader no is done, with a note."""
    run(tmp_path, "off")
    status, _, err = run(tmp_path, "local", "--app", "acme-mcp")
    assert status == 0
    assert err.startswith("note: nothing is counted on this machine either")


def test_mode_commands_find_another_data_directory(tmp_path: Path) -> None:
    """--data-dir says where one application's files lie, and means nothing without it."""
    assert run(tmp_path, "off", "--app", "acme-mcp", "--data-dir", str(tmp_path / "d"))[0] == 0
    assert said(tmp_path / "d" / "telemetry-state.toml") == 'mode = "off"'
    status, _, err = run(tmp_path, "off", "--data-dir", str(tmp_path / "d"))
    assert status == 2
    assert "--app" in err


def test_mode_commands_refuse_an_impossible_name(tmp_path: Path) -> None:
    """A name that is no application's is wrong use, exit status 2."""
    status, _, err = run(tmp_path, "off", "--app", "No Name")
    assert status == 2
    assert "'No Name'" in err


def test_off_lists_every_stream_that_still_leaves(tmp_path: Path) -> None:
    """A person-wide no names each operator's stream of this machine, where it goes and what stops it."""
    settings(tmp_path, '[proxy.telemetry]\nendpoint = "https://ops.acme.dev/events?key=secret"\n')
    for name, text in [
        (".silent", '[proxy.telemetry]\nenabled = false\nendpoint = "https://ops.silent.dev/"\n'),
        (".damaged", "[[["),
        (".plain", "[telemetry]\nenabled = true\n"),
        (".Not An Application", '[proxy.telemetry]\nendpoint = "https://x.dev/"\n'),
    ]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "telemetry.toml").write_text(text)
    status, _, err = run(tmp_path, "off", OTHER_EVENTS_ENDPOINT="http://127.0.0.1:1/e")
    assert status == 0
    path = tmp_path / ".acme-mcp" / "telemetry.toml"
    assert err.splitlines() == [
        "note: events of acme-mcp still go to the operator's endpoint https://ops.acme.dev/events; to stop them, "
        f'run "mcptelemetry off --everything", or set enabled = false in [proxy.telemetry] of {path}',
        "note: events of other still go to the operator's endpoint http://127.0.0.1:1/e; to stop them, "
        'run "mcptelemetry off --everything", or unset OTHER_EVENTS_ENDPOINT',
    ]
    told = json.loads(run(tmp_path, "off", "--json", OTHER_EVENTS_ENDPOINT="http://127.0.0.1:1/e")[1])
    assert [(stream["app"], stream["endpoint"]) for stream in told["still_leaves"]] == [
        ("acme-mcp", "https://ops.acme.dev/events"),
        ("other", "http://127.0.0.1:1/e"),
    ]


def test_off_with_everything_leaves_no_stream_until_on(tmp_path: Path) -> None:
    """Off with everything refuses the operators' events too; off and local keep that, on lifts it."""
    settings(tmp_path, '[proxy.telemetry]\nendpoint = "https://ops.acme.dev/events"\n')
    status, out, err = run(tmp_path, "off", "--everything")
    assert (status, err) == (0, "")
    assert out.startswith("all applications: off, and no events of anybody's, since 2")
    for word in ("off", "disable", "local"):
        status, _, err = run(tmp_path, word)
        assert (status, err) == (0, "")
        assert 'events = "off"' in (tmp_path / ".mcptelemetry" / "person.toml").read_text()
    assert run(tmp_path, "on")[0] == 0
    assert "events of acme-mcp still go" in run(tmp_path, "off")[2]


@pytest.mark.parametrize("more", [["--app", "acme-mcp"], ["--app", "acme-mcp", "--data-dir", "/d"]])
def test_off_with_everything_is_not_said_of_one_application(more: list[str], tmp_path: Path) -> None:
    """Everything is everything: beside --app it is wrong use, and nothing is written."""
    status, _, err = run(tmp_path, "off", "--everything", *more)
    assert status == 2
    assert "--everything is said for all applications" in err
    assert list(tmp_path.iterdir()) == []


def test_a_refusal_of_the_shell_does_not_hide_what_leaves_elsewhere(tmp_path: Path) -> None:
    """DO_NOT_TRACK in a shell never reaches the servers that a client starts: what they send is listed all the same."""
    folder = tmp_path / ".acme-mcp"
    folder.mkdir(mode=0o700)
    (folder / "telemetry.toml").write_text('[proxy.telemetry]\nendpoint = "https://ops.acme.dev/events"\n')
    words = {"DO_NOT_TRACK": "1", "ACME_MCP_TELEMETRY": "off"}
    for arguments in (("off",), ("--app", "acme-mcp", "off")):
        assert "https://ops.acme.dev/events" in run(tmp_path, *arguments, **words)[2]


def test_off_lists_where_a_process_went_whose_endpoint_no_shell_sees(tmp_path: Path) -> None:
    """What a client's configuration or `wrap --endpoint` named is known from what became of its events."""
    environ = {"HOME": str(tmp_path), "ACME_MCP_TELEMETRY": "1", "ACME_MCP_EVENTS_ENDPOINT": "https://ops.acme.dev/events"}
    with Telemetry("acme-mcp", "1.4.0", environ=environ, transport=ScriptedTransport()) as telemetry:
        telemetry.record("get_issues")
    for arguments in (("off",), ("--app", "acme-mcp", "off")):
        err = run(tmp_path, *arguments)[2]
        assert (
            "events of acme-mcp still go to the operator's endpoint https://ops.acme.dev/events; to stop them, "
            'run "mcptelemetry off --everything", or take ACME_MCP_EVENTS_ENDPOINT or --endpoint away'
        ) in err
    err = run(tmp_path, "off", ACME_MCP_EVENTS_ENDPOINT="https://ops.acme.dev/events")[2]
    assert err.count("https://ops.acme.dev/events") == 1
    assert "https://ops.acme.dev" not in run(tmp_path, "off", "--everything")[2]


def test_an_application_names_what_stops_its_operators_events(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Under an application's own name too the variable that set the endpoint is named, and not a file that did not."""
    environ = {"HOME": str(tmp_path), "ACME_MCP_TELEMETRY": "1", "ACME_MCP_EVENTS_ENDPOINT": "https://ops.acme.dev/events"}
    telemetry = Telemetry("acme-mcp", "1.4.0", environ=environ, events_endpoint="https://a.acme.dev/events")
    parser = argparse.ArgumentParser(prog="acme-mcp")
    add_telemetry_commands(parser.add_subparsers(), telemetry)
    args = parser.parse_args(["telemetry", "off"])
    assert args.func(args) == 0
    assert "unset ACME_MCP_EVENTS_ENDPOINT" in capsys.readouterr().err


def test_after_off_an_authors_events_and_the_heartbeat_do_not_leave(tmp_path: Path) -> None:
    """What is not listed does not leave: every row binds what goes to an author or a maintainer."""
    environ = {"HOME": str(tmp_path), "ACME_MCP_TELEMETRY": "1"}
    transport, clock = ScriptedTransport(), FakeClock()
    sent = []
    for _ in range(2):
        telemetry = Telemetry(
            "acme-mcp",
            "1.4.0",
            environ=environ,
            clock=clock,
            events_endpoint="https://a.acme.dev/events",
            heartbeat_endpoint="https://t.acme.dev",
            transport=transport,
            notice=lambda _text: True,
        )
        with telemetry:
            clock.advance(301)
            telemetry.record("get_issues")
            telemetry.flush()
        sent.append(len(transport.requests))
        assert "still go" not in run(tmp_path, "off")[2]
    assert sent[0] >= 1
    assert sent[1] == sent[0]
