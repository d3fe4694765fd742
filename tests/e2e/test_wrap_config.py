"""`wrap-config` as a person types it, and what it wrote as a client starts it: from elsewhere, with little around it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
TRANSCRIPT = DATA / "transcripts" / "inspector-cli2.12--py2.3-server.jsonl"
REPLAY = [sys.executable, str(DATA / "servers" / "replay_server.py"), str(TRANSCRIPT)]
DEMO = [sys.executable, str(DATA / "servers" / "demo_server.py")]
LIMIT_SECS = 60


def requests() -> bytes:
    """Return what the client of the recorded session sent."""
    entries = [json.loads(text) for text in TRANSCRIPT.read_text("utf-8").splitlines()]
    return b"".join(e["line"].encode() + b"\n" for e in entries if "line" in e and e["dir"] == "c2s")


def configure(folder: Path, command: list[str], *arguments: str, start: list[str] | None = None) -> Path:
    """Write a client's configuration with *command* for the server `demo`, and have `wrap-config` change it."""
    file = folder / "mcp.json"
    entry = {"command": command[0], "args": command[1:], "env": {"OWN": "its own"}}
    file.write_text(json.dumps({"mcpServers": {"demo": entry, "other": {"url": "https://x.example"}}}, indent=2))
    done = subprocess.run(
        [*(start or [sys.executable, "-m", "mcptelemetry"]), "wrap-config", "--file", str(file), "--server", "demo", *arguments],
        capture_output=True,
        timeout=LIMIT_SECS,
        check=False,
        cwd=ROOT if start is None else folder,
        env={"HOME": str(folder), "PATH": "/usr/bin:/bin"},
    )
    assert (done.returncode, done.stderr) == (0, b"")
    return file


def read_as_a_client(file: Path, home: Path) -> tuple[list[str], dict[str, str]]:
    """Return the command line and the environment with which a client starts the server `demo`."""
    entry = json.loads(file.read_text())["mcpServers"]["demo"]
    return [entry["command"], *entry["args"]], {"HOME": str(home), "PATH": "/usr/bin:/bin", **entry["env"]}


def hostile_folder(parent: Path) -> Path:
    """Return a project's folder with files that are called like modules that we need."""
    folder = parent / "a project"
    folder.mkdir()
    if sys.version_info >= (3, 11):  # before, a module's start always searches the folder first
        for name in ("logging", "argparse", "requests", "mcptelemetry"):
            (folder / f"{name}.py").write_text("raise SystemExit('the wrong one')")
    return folder


def events(path: Path) -> list[tuple[str, str, str | None]]:
    """Return tool, status and client of every event in a file of lines."""
    documents = [json.loads(line) for line in path.read_text().splitlines()]
    return [(document["tool"], document["status"], document.get("client")) for document in documents]


def test_what_is_written_starts_the_server_from_any_folder(tmp_path: Path) -> None:
    """A client's environment holds a home and a path: the server answers, and the call arrives."""
    sink = tmp_path / "events.jsonl"
    file = configure(tmp_path, REPLAY, "--endpoint", sink.as_uri())
    command, environ = read_as_a_client(file, tmp_path)
    bare = subprocess.run(REPLAY, input=requests(), capture_output=True, timeout=LIMIT_SECS, check=True)
    done = subprocess.run(
        command, input=requests(), capture_output=True, timeout=LIMIT_SECS, check=False, env=environ, cwd=hostile_folder(tmp_path)
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, bare.stdout, b"")
    assert [event[:2] for event in events(sink)] == [("add", "success")]


def test_what_a_vendored_copy_writes_starts_that_copy(tmp_path: Path) -> None:
    """Nothing is installed: the copy in the host's folder is found from anywhere all the same."""
    host = tmp_path / "host"
    shutil.copytree(ROOT / "mcptelemetry", host / "acme" / "_vendor" / "mcptelemetry", ignore=shutil.ignore_patterns("__pycache__"))
    for package in (host / "acme", host / "acme" / "_vendor"):
        (package / "__init__.py").touch()
    (tmp_path / "client").mkdir()
    sink = tmp_path / "events.jsonl"
    started = f"import sys, runpy; sys.path.insert(0, {str(host)!r}); runpy.run_module('acme._vendor.mcptelemetry', run_name='__main__', alter_sys=True)"
    start = [sys.executable, "-c", started]
    file = configure(tmp_path / "client", REPLAY, "--endpoint", sink.as_uri(), start=start)
    command, environ = read_as_a_client(file, tmp_path)
    assert "acme._vendor.mcptelemetry" in " ".join(command)
    done = subprocess.run(
        command, input=requests(), capture_output=True, timeout=LIMIT_SECS, check=False, env=environ, cwd=hostile_folder(tmp_path)
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert [event[:2] for event in events(sink)] == [("add", "success")]
    text = file.read_text()
    configured = configure(tmp_path / "client", REPLAY).read_text()
    assert configured != text


def test_the_official_client_starts_the_server_through_what_was_written(tmp_path: Path) -> None:
    """A session of the real client: its calls are recorded with their outcome and its name; undone, none is."""
    if sys.version_info < (3, 10):
        pytest.skip("the mcp package has no release for Python 3.9")
    anyio = pytest.importorskip("anyio", reason="comes with the mcp package")
    mcp = pytest.importorskip("mcp", reason="the mcp extra is not installed")
    sink = tmp_path / "events.jsonl"
    file = configure(tmp_path, DEMO, "--endpoint", sink.as_uri())
    folder = hostile_folder(tmp_path)

    async def session() -> list[bool]:
        command, environ = read_as_a_client(file, tmp_path)
        parameters = mcp.StdioServerParameters(command=command[0], args=command[1:], env=environ, cwd=str(folder))
        async with mcp.Client(parameters, read_timeout_seconds=30) as client:
            await client.list_tools()
            return [(await client.call_tool(name, values)).is_error for name, values in (("add", {"a": 2, "b": 3}), ("boom", {}))]

    assert anyio.run(session) == [False, True]
    assert events(sink) == [("add", "success", "mcp"), ("boom", "error", "mcp")]
    undo = [sys.executable, "-m", "mcptelemetry", "wrap-config", "--file", str(file), "--undo"]
    subprocess.run(undo, capture_output=True, timeout=LIMIT_SECS, check=True, cwd=ROOT, env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]})
    assert read_as_a_client(file, tmp_path)[0] == DEMO
    assert anyio.run(session) == [False, True]
    assert len(events(sink)) == 2


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "No such file"), ('{"mcpServers": {', "line 1, column 17"), ("{}", "holds no mcpServers"), ('{"servers": {}}', "there are no servers")],
)
def test_what_is_wrong_with_the_file_is_one_line(tmp_path: Path, content: str | None, said: str) -> None:
    """Exit 2, a line that names the file or what is in it, and nothing beside it."""
    file = tmp_path / "mcp.json"
    if content is not None:
        file.write_text(content)
    done = subprocess.run(
        [sys.executable, "-m", "mcptelemetry", "wrap-config", "--file", str(file)],
        capture_output=True, text=True, timeout=LIMIT_SECS, check=False, cwd=ROOT, env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert os.listdir(tmp_path) == ([] if content is None else ["mcp.json"])
