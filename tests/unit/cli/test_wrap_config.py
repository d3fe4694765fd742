"""`wrap-config`: which server of which file, what is said, and what is refused before a file is touched."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from pathlib import Path

import pytest

from mcptelemetry.cli._command import CommandFailed, Console, WrongUse
from mcptelemetry.cli._wrap_config import COMMANDS

(WRAP_CONFIG,) = COMMANDS
TWO = '{"mcpServers": {"git": {"command": "uvx", "args": ["g"], "env": {"KEY": "sekrit"}}, "time": {"command": "t"}}}'
ONE = '{"servers": {"git": {"command": "uvx", "args": ["g"]}}}'


class Typed:
    """The command as it is typed in a home of its own; keeps what was printed."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.file = home / "mcp.json"

    def run(self, *arguments: str, environ: dict[str, str] | None = None) -> tuple[int, str, str]:
        """Return the exit status, the result and what stood beside it."""
        parser = argparse.ArgumentParser()
        for option in ("--app", "--data-dir"):
            parser.add_argument(option)
        parser.add_argument("--json", action="store_true")
        WRAP_CONFIG.configure(parser)
        console = Console(out=io.StringIO(), err=io.StringIO(), environ={"HOME": str(self.home), **(environ or {})})
        status = WRAP_CONFIG.run(parser.parse_args(arguments), console)
        return status, console.out.getvalue(), console.err.getvalue()  # type: ignore[attr-defined]  # a StringIO

    def on_file(self, *arguments: str) -> tuple[int, str, str]:
        """Run it on the file."""
        return self.run("--file", str(self.file), *arguments)

    def entry(self, name: str = "git") -> list[str]:
        """Return the command line that the file says for the server *name*."""
        document = json.loads(self.file.read_text())
        said = (document.get("mcpServers") or document["servers"])[name]
        return [said["command"], *said.get("args", [])]


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Return the command, to be typed in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return Typed(tmp_path)


def test_the_only_server_needs_no_name(typed: Typed) -> None:
    """It is wrapped, said in one line with the copy, and its own words stand behind the separator."""
    typed.file.write_text(ONE)
    status, out, err = typed.on_file()
    assert (status, err) == (0, "")
    assert out == f"git: wrapped in {typed.file} (as it was: {typed.file}.before-wrap-config)\n"
    words = typed.entry()
    assert words[0] == sys.executable
    assert words[-4:] == ["wrap", "--", "uvx", "g"]
    assert (typed.home / "mcp.json.before-wrap-config").read_text() == ONE


def test_of_several_servers_one_is_named(typed: Typed) -> None:
    """Without a name nothing is guessed: the names are said, and nothing is touched."""
    typed.file.write_text(TWO)
    with pytest.raises(WrongUse, match="there are git, time; name one with --server"):
        typed.on_file()
    with pytest.raises(WrongUse, match="no server is called 'gti' in .*; there are git, time"):
        typed.on_file("--server", "gti")
    assert os.listdir(typed.home) == ["mcp.json"]
    assert typed.on_file("--server", "git", "--server", "time")[0] == 0
    assert "wrap" in typed.entry("git")
    assert "wrap" in typed.entry("time")


def test_undo_gives_the_file_back(typed: Typed) -> None:
    """Without a name, of every server that is wrapped; of a named one only; and what is not wrapped stays."""
    typed.file.write_text(TWO)
    typed.on_file("--server", "git", "--server", "time")
    assert "time: unwrapped" in typed.on_file("--undo", "--server", "time")[1]
    assert "wrap" in typed.entry("git")
    assert "git: unwrapped" in typed.on_file("--undo")[1]
    assert typed.file.read_text() == TWO
    assert typed.on_file("--undo", "--server", "git")[:2] == (0, f"git: not wrapped in {typed.file}\n")
    assert typed.on_file("--undo") == (0, "", "note: no server is wrapped there\n")


def test_wrapping_twice_does_nothing(typed: Typed) -> None:
    """Neither with the same words nor with none; other words take the place of those that are there."""
    typed.file.write_text(ONE)
    typed.on_file("--endpoint", "https://a.example")
    wrapped = typed.file.read_text()
    for again in ((), ("--endpoint", "https://a.example")):
        status, out, _ = typed.on_file(*again)
        assert (status, out) == (0, f"git: wrapped already in {typed.file}\n")
        assert typed.file.read_text() == wrapped
    assert "git: wrapped in" in typed.on_file("--endpoint", "https://b.example")[1]
    assert typed.entry().count("wrap") == 1
    assert "https://b.example" in typed.entry()
    typed.on_file("--undo")
    assert typed.file.read_text() == ONE


def test_the_words_for_wrap_are_written_for_it(typed: Typed) -> None:
    """Application, directory, endpoint and the variable's name, a directory as it is found from anywhere."""
    typed.file.write_text(ONE)
    options = ["--app", "acme-mcp", "--endpoint", "https://a.example", "--token-env", "TOK"]
    _, _, err = typed.on_file(*options, "--data-dir", "d")
    words = typed.entry()
    written = words[words.index("wrap") + 1 : words.index("--")]
    assert dict(zip(written[::2], written[1::2])) == {
        "--app": "acme-mcp",
        "--data-dir": str(typed.home / "d"),
        "--endpoint": "https://a.example",
        "--token-env": "TOK",
    }
    assert err == "note: TOK is read from the environment that the client gives its servers\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--endpoint", "http://collector.example"], "--endpoint"),
        (["--endpoint", "https://me:hunter2@t.example"], "credentials do not belong"),
        (["--endpoint", "https://t.example/?key=ghp_0123456789abcdefghij0123456789abcdef"], "holds a token"),
        (["--token-env", "TOK"], "belongs to --endpoint"),
        (["--endpoint", "https://t.example", "--token-env", "hunter-2!"], "name of a variable and not the token"),
        (["--endpoint", "https://t.example", "--token-env", "ghp_0123456789abcdefghij0123456789abcdef"], "holds a token"),
        (["--app", "Bad Name"], "Bad Name"),
    ],
)
def test_what_wrap_would_refuse_is_not_written(typed: Typed, arguments: list[str], said: str) -> None:
    """A client shows nobody what a server's start says; and no secret stands in the file or the message."""
    typed.file.write_text(ONE)
    with pytest.raises(WrongUse, match=said) as caught:
        typed.on_file(*arguments)
    assert "hunter2" not in str(caught.value)
    assert "ghp_" not in str(caught.value)
    assert typed.file.read_text() == ONE
    assert os.listdir(typed.home) == ["mcp.json"]


def test_a_server_at_a_url_is_told_apart(typed: Typed) -> None:
    """It has no command: exit 1, and the others of the same command line are left too."""
    typed.file.write_text('{"servers": {"a": {"command": "x"}, "web": {"type": "http", "url": "https://x"}}}')
    before = typed.file.read_text()
    for names in (["--server", "web"], ["--server", "a", "--server", "web"]):
        with pytest.raises(CommandFailed, match="'web' in .* cannot be changed: it is reached at a URL"):
            typed.on_file(*names)
    assert typed.file.read_text() == before


def test_a_dry_run_shows_the_lines_that_would_change_and_no_others(typed: Typed) -> None:
    """A difference as programmers read it; the next server's key is not in it, and nothing is written."""
    text = '{\r\n"mcpServers": {\r\n"git": {"command": "uvx"},\r\n"b": {"command": "x", "env": {"K": "sekrit"}}}}'
    typed.file.write_bytes(text.encode())
    status, out, err = typed.on_file("--server", "git", "--dry-run")
    lines = out.splitlines()
    assert (status, err) == (0, "")
    assert lines[:4] == [f"--- {typed.file}", f"+++ {typed.file} (changed)", "@@ -3 +3 @@", '-"git": {"command": "uvx"},']
    assert len(lines) == 5
    assert lines[4].startswith(f'+"git": {{"command": {json.dumps(sys.executable)}')
    assert typed.file.read_bytes() == text.encode()
    assert os.listdir(typed.home) == ["mcp.json"]
    _, out, err = typed.on_file("--undo", "--server", "git", "--dry-run")
    assert (out, err) == ("", f"note: nothing would change in {typed.file}\n")


def test_the_result_can_be_read_by_a_program(typed: Typed) -> None:
    """--json: file, servers, whether it changed, the copy; with --dry-run the difference."""
    typed.file.write_text(ONE)
    (document,) = json.loads(typed.on_file("--json", "--dry-run")[1])
    assert (document["changed"], document["copy"]) == (False, None)
    assert document["diff"].startswith("--- ")
    (document,) = json.loads(typed.on_file("--json")[1])
    copy = f"{typed.file}.before-wrap-config"
    assert document == {"file": str(typed.file), "servers": {"git": "wrapped"}, "changed": True, "copy": copy}


def test_a_clients_files_are_found(typed: Typed) -> None:
    """The person's and the project's; a server in both is ambiguous until a file is named; undo takes both."""
    person, project = typed.home / "home" / ".cursor" / "mcp.json", typed.home / ".cursor" / "mcp.json"
    environ = {"HOME": str(typed.home / "home")}
    with pytest.raises(WrongUse, match="no configuration of cursor with servers in it is here .*--file"):
        typed.run("--client", "cursor", environ=environ)
    for path, text in ((person, TWO), (project, ONE)):
        path.parent.mkdir(parents=True)
        path.write_text(text)
    with pytest.raises(WrongUse, match="stands in .*home.*mcp.json, .*mcp.json; name one of them with --file"):
        typed.run("--client", "cursor", "--server", "git", environ=environ)
    assert typed.run("--client", "cursor", "--server", "time", environ=environ)[0] == 0
    assert "wrap" in person.read_text()
    assert project.read_text() == ONE
    typed.run("--file", str(project))
    assert typed.run("--client", "cursor", "--undo", environ=environ)[1].count("unwrapped") == 2
    assert (person.read_text(), project.read_text()) == (TWO, ONE)


def test_a_file_without_servers_is_named(typed: Typed) -> None:
    """A file of something else is wrong use."""
    typed.file.write_text("{}")
    with pytest.raises(WrongUse, match="holds no mcpServers and no servers"):
        typed.on_file()


def test_a_frozen_application_says_where_to_run_it(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    """No client could start wrap by its program: nothing is written."""
    typed.file.write_text(ONE)
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(CommandFailed, match="install mcptelemetry into a Python"):
        typed.on_file()
    assert typed.file.read_text() == ONE
