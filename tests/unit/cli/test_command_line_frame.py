"""The frame of the command line, and its commands inside an application's own."""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path

import pytest

from mcptelemetry import Telemetry
from mcptelemetry.cli import Console, add_telemetry_commands, main


def own_command_line(home: Path) -> argparse.ArgumentParser:
    """Return the parser of an application that offers our commands beside its own."""
    environ = {"HOME": str(home), "ACME_MCP_TELEMETRY": "1"}
    telemetry = Telemetry("acme-mcp", "1.4.0", heartbeat_endpoint="https://t.acme.dev", environ=environ)
    parser = argparse.ArgumentParser(prog="acme-mcp")
    parser.add_argument("--app", default="the application's own meaning")
    add_telemetry_commands(parser.add_subparsers(), telemetry)
    return parser


def run_own(home: Path, *arguments: str) -> int:
    """Run one of the commands as the application would."""
    args = own_command_line(home).parse_args(["telemetry", *arguments])
    assert args.app == "the application's own meaning"
    status: int = args.func(args)
    return status


def test_application_offers_the_commands_under_its_own_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`acme-mcp telemetry status` speaks about that application, as it set itself up."""
    assert run_own(tmp_path, "status", "--json") == 0
    status = json.loads(capsys.readouterr().out)
    assert (status["app"], status["version"], status["mode"]) == ("acme-mcp", "v1.4.0", "on")
    assert status["heartbeat"]["endpoint"] == "https://t.acme.dev"


@pytest.mark.parametrize(("word", "mode"), [("off", "off"), ("disable", "off"), ("local", "local"), ("on", "on")])
def test_application_writes_its_own_mode(
    word: str, mode: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mode said there is that application's alone."""
    assert run_own(tmp_path, word) == 0
    assert (tmp_path / ".acme-mcp" / "telemetry-state.toml").read_text().startswith(f'mode = "{mode}"')
    assert not (tmp_path / ".mcptelemetry").exists()
    assert run_own(tmp_path, "status", "--json") == 0
    assert json.loads(capsys.readouterr().out.split("\n", 1)[1])["mode"] == mode


def test_application_hears_in_one_line_what_failed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A failure is an exit status and a line with the mend, not an exception in the application."""
    (tmp_path / ".acme-mcp").mkdir()
    (tmp_path / ".acme-mcp" / "telemetry.toml").write_text("[telemetry]\nenabled = false\n")
    assert run_own(tmp_path, "on") == 1
    assert capsys.readouterr().err.startswith("acme-mcp telemetry: on is written, but off still holds")


def test_application_names_no_command_that_it_has_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its own command line cannot say yes for all applications, so the mend is the file; and its paragraph names its own."""
    (tmp_path / ".mcptelemetry").mkdir()
    person = tmp_path / ".mcptelemetry" / "person.toml"
    person.write_text('mode = "off"\n')
    assert run_own(tmp_path, "on") == 1
    assert capsys.readouterr().err.endswith(f'; write mode = "on" and events = "on" into {person}\n')
    person.write_text('mode = "on"\nevents = "on"\n')
    assert run_own(tmp_path, "on") == 0
    capsys.readouterr()
    assert run_own(tmp_path, "privacy") == 0
    paragraph = " ".join(capsys.readouterr().out.split())
    assert "with `acme-mcp telemetry show-payload`" in paragraph
    assert "mcptelemetry --app" not in paragraph


def test_application_may_choose_the_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The word under which the commands stand is the author's."""
    telemetry = Telemetry("acme-mcp", "1.4.0", environ={"HOME": str(tmp_path)})
    parser = argparse.ArgumentParser(prog="acme-mcp")
    assert add_telemetry_commands(parser.add_subparsers(), telemetry, name="usage").prog == "acme-mcp usage"
    args = parser.parse_args(["usage", "off", "--json"])
    assert args.func(args) == 0
    assert json.loads(capsys.readouterr().out)["said"] == "off"


def test_person_reads_lines(tmp_path: Path) -> None:
    """Without --json the status is one line a value, and no value can break or steer the lines."""
    home = tmp_path / "a\nb\x1b[2J"
    console = Console(out=io.StringIO(), err=io.StringIO(), environ={"HOME": str(home)})
    assert main(["status", "--app", "acme-mcp"], console) == 0
    lines = console.out.getvalue().splitlines()  # type: ignore[attr-defined]  a StringIO
    assert all(line.isprintable() for line in lines)
    assert any(line.startswith("files.settings ") and line.endswith("telemetry.toml") for line in lines)
    assert any(line.split() == ["storage.degraded", "no"] for line in lines)


def test_defect_is_one_line() -> None:
    """Even a mistake of ours ends in a line and an exit status."""

    class Broken(io.StringIO):
        def write(self, _text: str) -> int:
            raise ZeroDivisionError

    console = Console(out=Broken(), err=io.StringIO(), environ={})
    assert main(["status"], console) == 1
    assert "ZeroDivisionError" in console.err.getvalue()  # type: ignore[attr-defined]  a StringIO
    assert console.err.getvalue().count("\n") == 1  # type: ignore[attr-defined]  a StringIO


def test_no_command_is_answered_with_the_help() -> None:
    """Who types the name alone wants to know what there is; that is no wrong use."""
    out, err = io.StringIO(), io.StringIO()
    assert main([], Console(out, err, {})) == 0
    assert out.getvalue().startswith("usage: mcptelemetry")
    for command in ("status", "off", "check", "wrap", "collect"):
        assert command in out.getvalue()
    assert err.getvalue() == ""


def test_no_command_of_an_applications_own_is_answered_with_the_help(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Below an application's own name it is the same, and each command keeps its deed."""
    assert run_own(tmp_path) == 0
    assert capsys.readouterr().out.startswith("usage: acme-mcp telemetry")
    assert run_own(tmp_path, "fields") == 0
    assert "usage: " not in capsys.readouterr().out
