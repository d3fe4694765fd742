"""The command line as a person meets it: real processes, their streams apart, every exit status."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mcptelemetry.cli._main import _GROUPS, _load

LIMIT_SECS = 60
COMMANDS = ["status", "on", "local", "off", "match", "wrap", "wrap-config", "collect", "report", "inbox"]


def run(
    home: Path, *arguments: str, environ: dict[str, str] | None = None, **options: object
) -> subprocess.CompletedProcess[str]:
    """Run the command line for a person whose home is *home*."""
    return subprocess.run(
        [sys.executable, "-m", "mcptelemetry", *arguments],
        env={"HOME": str(home), "PATH": os.defpath, **(environ or {})},
        cwd=Path(__file__).parents[2],
        timeout=LIMIT_SECS,
        check=False,
        **{"capture_output": True, "text": True, **options},
    )


def one_line(text: str) -> str:
    """Return the only line of *text*."""
    assert text.endswith("\n")
    assert text.count("\n") == 1, text
    return text


def test_help_names_every_command(tmp_path: Path) -> None:
    """--help is a result: on standard output, exit status 0, with nothing beside it."""
    done = run(tmp_path, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    for command in COMMANDS:
        assert f"\n    {command}" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_names_the_shared_options(command: str, tmp_path: Path) -> None:
    """Each command explains itself and takes --app, --data-dir and --json."""
    done = run(tmp_path, command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    for option in ("--app", "--data-dir", "--json"):
        assert option in done.stdout


def test_version_is_a_result(tmp_path: Path) -> None:
    """--version prints the package's version."""
    done = run(tmp_path, "--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("mcptelemetry ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["frobnicate"],
        ["--frobnicate"],
        ["status", "--frobnicate"],
        ["status", "extra"],
        ["status", "--app"],
        ["status", "--app", "No Name"],
        ["status", "--data-dir", "/tmp"],
        ["off", "--app", ""],
        ["match"],
        ["match", "missing.json", "gone.json"],
        ["wrap"],
        ["wrap", "--"],
        ["wrap-config"],
        ["wrap-config", "--client", "emacs"],
        ["wrap-config", "--client", "cursor", "--file", "x"],
        ["wrap-config", "--client", "cursor"],
        ["wrap-config", "--file", "missing.json"],
        ["collect"],
        ["collect", "--db", "x", "--port", "ten"],
        ["report"],
        ["report", "--db", "x", "--store", "sqlite:x"],
        ["report", "--store", "nonsense"],
        ["report", "--db", "x", "--csv", "nonsense"],
        ["report", "--db", "x", "--since", "yesterday"],
        ["inbox"],
        ["stat"],
    ],
)
def test_wrong_use_is_one_line_and_exit_status_2(arguments: list[str], tmp_path: Path) -> None:
    """What makes no sense is said in one line on standard error; no usage page, no traceback, no result."""
    done = run(tmp_path, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert one_line(done.stderr).startswith("python -m mcptelemetry: ")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["--app", "acme-mcp", "--json", "status"],
        ["status", "--app", "acme-mcp", "--json"],
        ["--json", "status", "--app=acme-mcp"],
        ["--app", "other", "status", "--app", "acme-mcp", "--json"],
    ],
)
def test_shared_options_stand_before_or_after_the_command(arguments: list[str], tmp_path: Path) -> None:
    """Either place is right; the one after the command has the last word."""
    done = run(tmp_path, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    status = json.loads(done.stdout)
    assert (status["app"], status["mode"], status["row"]) == ("acme-mcp", "on", 8)
    assert os.listdir(tmp_path) == []


def test_status_of_a_person_speaks_for_all_applications(tmp_path: Path) -> None:
    """Without --app it says what was said for all of them."""
    assert "each says for itself" in run(tmp_path, "status").stdout
    assert run(tmp_path, "off").returncode == 0
    done = run(tmp_path, "status", "--json")
    assert json.loads(done.stdout)["mode"] == "off"
    of_app = json.loads(run(tmp_path, "status", "--app", "acme-mcp", "--json").stdout)
    assert (of_app["mode"], of_app["row"]) == ("off", 4)


def test_status_of_a_person_names_the_applications_of_this_machine(tmp_path: Path) -> None:
    """Each that has files here, with its mode and what decides it; none where nothing ran."""
    assert json.loads(run(tmp_path, "status", "--json").stdout)["applications"] == {}
    assert run(tmp_path, "--app", "acme-mcp", "local").returncode == 0
    assert run(tmp_path, "--app", "other-mcp", "off").returncode == 0
    applications = json.loads(run(tmp_path, "status", "--json").stdout)["applications"]
    assert {name: one["mode"] for name, one in applications.items()} == {"acme-mcp": "local", "other-mcp": "off"}
    assert "telemetry-state.toml" in applications["other-mcp"]["reason"]
    assert "applications.acme-mcp.mode   local" in run(tmp_path, "status").stdout


def test_status_is_the_mapping_of_telemetry(tmp_path: Path) -> None:
    """What a program gets from `Telemetry.status()` is what --json prints, name for name."""
    from mcptelemetry import Telemetry

    environ = {"HOME": str(tmp_path), "PATH": os.defpath}
    own = Telemetry("acme-mcp", "1", environ=environ).status()
    printed = json.loads(run(tmp_path, "status", "--app", "acme-mcp", "--json").stdout)
    assert list(printed) == list(own)
    assert printed["files"] == own["files"]
    assert set(printed["env_markers"]) == {
        "has_ci_env",
        "has_cloud_ide_env",
        "is_container",
        "has_tty",
        "has_display",
    }


def test_status_shows_what_the_last_start_set_up(tmp_path: Path) -> None:
    """The command line knows an application by its name only, and shows its endpoints all the same."""
    script = (
        "from mcptelemetry import Telemetry\n"
        "Telemetry('acme-mcp', '1.4.0', heartbeat_endpoint='https://t.acme.dev',"
        " events_endpoint='https://e.acme.dev/x').start()\n"
    )
    environ = {"HOME": str(tmp_path), "PATH": os.defpath}
    started = subprocess.run(
        [sys.executable, "-c", script],
        env=environ,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=LIMIT_SECS,
        check=False,
    )
    assert started.stdout == ""
    assert "https://t.acme.dev" in started.stderr
    status = json.loads(run(tmp_path, "status", "--app", "acme-mcp", "--json").stdout)
    assert status["version"] == "v1.4.0"
    assert (status["heartbeat"]["endpoint"], status["heartbeat"]["owner"]) == ("https://t.acme.dev", "author")
    assert (status["events"]["endpoint"], status["events"]["owner"]) == ("https://e.acme.dev/x", "author")
    assert status["notice"]["how"] == "stderr"
    assert len(status["identity"]["anonymous_id"]) == 36  # noqa: PLR2004  a UUID


def test_broken_settings_are_shown_and_exit_status_2(tmp_path: Path) -> None:
    """The status says off and why, and the error names file, line and mend."""
    (tmp_path / ".acme-mcp").mkdir()
    (tmp_path / ".acme-mcp" / "telemetry.toml").write_text("[telemetry]\nenabled = fals\n")
    done = run(tmp_path, "status", "--app", "acme-mcp", "--json")
    assert done.returncode == 2  # noqa: PLR2004  wrong configuration
    assert json.loads(done.stdout)["mode"] == "off"
    assert "telemetry.toml, line 2" in one_line(done.stderr)


def test_unknown_settings_are_a_warning(tmp_path: Path) -> None:
    """A key that nobody knows is named with the nearest one, beside the result."""
    (tmp_path / ".acme-mcp").mkdir()
    (tmp_path / ".acme-mcp" / "telemetry.toml").write_text('[telemetry]\nendpiont = "https://t.acme.dev"\n')
    done = run(tmp_path, "status", "--app", "acme-mcp", "--json")
    assert (done.returncode, json.loads(done.stdout)["mode"]) == (0, "on")
    assert "'endpoint'" in one_line(done.stderr)


def test_misspelt_switch_is_off_and_named_by_status(tmp_path: Path) -> None:
    """A no with a slip in it is a no, and the status says which word it was and where."""
    (tmp_path / ".acme-mcp").mkdir()
    (tmp_path / ".acme-mcp" / "telemetry.toml").write_text("[telemetry]\nenabeld = false\n")
    done = run(tmp_path, "status", "--app", "acme-mcp", "--json")
    status = json.loads(done.stdout)
    assert (done.returncode, status["mode"], status["row"]) == (0, "off", 5)
    assert status["reason"].startswith("[telemetry] 'enabeld' in ")
    assert "'enabled'" in one_line(done.stderr)


def test_on_that_comes_to_nothing_is_exit_status_1(tmp_path: Path) -> None:
    """The row that still refuses is named."""
    done = run(tmp_path, "on", "--app", "acme-mcp", environ={"DO_NOT_TRACK": "1"})
    assert done.returncode == 1
    assert "DO_NOT_TRACK" in one_line(done.stderr)


def test_modes_that_cannot_be_written_are_exit_status_2(tmp_path: Path) -> None:
    """A home that takes nothing is named, with what helps meanwhile."""
    (tmp_path / ".mcptelemetry").write_text("a file in the place of the directory")
    done = run(tmp_path, "off")
    assert done.returncode == 2  # noqa: PLR2004  wrong configuration
    assert "DO_NOT_TRACK=1" in one_line(done.stderr)


@pytest.mark.parametrize("home", ["", "/dev/null", "/proc/nowhere", "{tmp_path}/\udcff"])
def test_status_needs_no_home(home: str, tmp_path: Path) -> None:
    """Without a home that can hold anything the status is told all the same."""
    home = home.format(tmp_path=tmp_path)
    done = run(tmp_path, "status", "--app", "acme-mcp", "--json", environ={"HOME": home})
    assert done.returncode in (0, 2), done.stderr
    assert "Traceback" not in done.stderr
    status = json.loads(done.stdout)
    assert status["storage"]["degraded"] is (home == "/dev/null" or not status["files"]["memory"])


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no full device")
def test_result_that_cannot_be_written_is_exit_status_1(tmp_path: Path) -> None:
    """A full disk behind standard output is one line and no traceback."""
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = run(tmp_path, "status", capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert "No space left" in one_line(done.stderr)


def test_reader_that_went_away_is_not_complained_about(tmp_path: Path) -> None:
    """A pipe whose reader has closed ends the command without a word."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = run(tmp_path, "--help", capture_output=False, stdout=writer, stderr=subprocess.PIPE)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


def test_closed_streams_are_no_error(tmp_path: Path) -> None:
    """Started without standard output and standard error, a no is written all the same."""
    command = f'exec "{sys.executable}" -m mcptelemetry off >&- 2>&-'
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        env={"HOME": str(tmp_path)},
        cwd=Path(__file__).parents[2],
        timeout=LIMIT_SECS,
        check=False,
    )
    assert done.returncode == 0
    assert (tmp_path / ".mcptelemetry" / "person.toml").read_text().startswith('mode = "off"')


def test_result_is_printed_in_a_poor_encoding(tmp_path: Path) -> None:
    """A path that the terminal's encoding cannot hold is escaped, not a traceback."""
    home = tmp_path / "\u00e9\u4e2d"
    home.mkdir()
    done = run(tmp_path, "status", environ={"HOME": str(home), "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert done.returncode == 0, done.stderr
    assert "\\xe9\\u4e2d" in done.stdout


def test_interrupt_is_exit_status_130(tmp_path: Path) -> None:
    """Control-C ends a command without a traceback."""
    script = (
        "import sys, os, signal\n"
        "from mcptelemetry.cli import Console, main\n"
        "class Out:\n"
        "    def write(self, text): os.kill(os.getpid(), signal.SIGINT)\n"
        "    def flush(self): pass\n"
        "sys.exit(main(['status'], Console(out=Out())))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"HOME": str(tmp_path)},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=LIMIT_SECS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (128 + signal.SIGINT, "")


def test_wrapped_command_keeps_its_own_options(tmp_path: Path) -> None:
    """What stands after the separator is the server's, even when it looks like ours."""
    done = run(tmp_path, "--app", "acme-mcp", "wrap", "--", "echo", "--json", "--app", "x", "--help", stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout) == (0, "--json --app x --help\n")


def test_wrap_loads_no_room_of_the_other_commands(tmp_path: Path) -> None:
    """A wrapped server does not wait for a database or a web server to be imported."""
    script = (
        "import sys\n"
        "from mcptelemetry.cli import main\n"
        "main(['wrap', '--', 'true'])\n"
        "sys.stderr.write(' '.join(sorted({'sqlite3', 'http.server', 'ssl', 'requests'} & set(sys.modules))))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"HOME": str(tmp_path), "PATH": os.defpath},
        cwd=Path(__file__).parents[2],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECS,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("", "")


def test_table_of_files_agrees_with_the_commands() -> None:
    """The names under which a file is loaded are those of the commands in it."""
    for group in _GROUPS:
        commands = list(_load([group]))
        assert group.names == tuple(name for command in commands for name in (command.name, *command.aliases))
