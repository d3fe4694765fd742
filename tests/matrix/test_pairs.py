"""
Each real client with each real server, plain and behind `mcptelemetry wrap`.

What the client was told, how the server ended and what it said on its error stream are the
same; the events are the calls, with the outcome that the client was told; nobody is left.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from mcptelemetry.testing import InProcessCollector

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.timeout(1200),  # the first of them makes the environments
    pytest.mark.skipif(sys.platform != "linux", reason="who is left behind is read from /proc"),
]

HERE = Path(__file__).parent
DATA = HERE.parent / "data"
INSPECTOR_MAY_TAKE_SECS = 60
END_MAY_TAKE_SECS = 60

Call = tuple[str, dict[str, Any]]


class Server(NamedTuple):
    """
    A server: its command, and calls of it: the first succeeds, the second fails, the last is of no tool.

    *mode*: how the TypeScript client connects. Where it asks for the newest revision first, it starts
    an older server twice, which one of them shows.
    """

    command: list[str]
    calls: list[Call]
    mode: str = "legacy"


SMALL_CALLS: list[Call] = [
    ("add", {"a": 2, "b": 3}),
    ("boom", {}),
    ("add", {"a": "x"}),
    ("no_such_tool", {}),
]
SERVERS = (
    "python-1",
    "python-2",
    "fastmcp",
    "typescript-2",
    "server-everything",
    "server-filesystem",
    "server-memory",
    "mcp-server-time",
    "mcp-server-git",
)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a file and a repository in it, which servers may look at."""
    if shutil.which("git") is None:
        pytest.skip("git is not here, and a repository is served")
    place = tmp_path_factory.mktemp("served")
    (place / "file.txt").write_text("a line\nä\n", encoding="utf-8")
    environ = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    person = ["-c", "user.name=x", "-c", "user.email=x@x.example"]
    for words in (["init", "-q"], ["add", "."], [*person, "commit", "-q", "-m", "one"]):
        subprocess.run(["git", *words], cwd=place, env=environ, check=True, timeout=60)
    return place


@pytest.fixture
def server(request: pytest.FixtureRequest, folder: Path, python_of: Callable[[str], str]) -> Server:
    """Return the server named by the test's parameter, in the environment it needs."""

    def python(package: str, script: Path) -> list[str]:
        return [python_of(package), str(script)]

    def installed(package: str, command: str) -> str:
        return str(Path(python_of(package)).with_name(command))

    def npm() -> Any:
        return request.getfixturevalue("npm")

    file, repository, unknown = str(folder / "file.txt"), {"repo_path": str(folder)}, ("no-such-tool", {})
    noon = {"source_timezone": "Europe/Berlin", "target_timezone": "Asia/Tokyo", "time": "12:00"}
    makers: dict[str, Callable[[], Server]] = {
        "python-1": lambda: Server(python("mcp-1", HERE / "servers" / "python_1.py"), SMALL_CALLS),
        "python-2": lambda: Server(python("mcp-2", DATA / "servers" / "demo_server.py"), SMALL_CALLS, "auto"),
        "fastmcp": lambda: Server(python("fastmcp", HERE / "servers" / "fastmcp_server.py"), SMALL_CALLS),
        "typescript-2": lambda: Server(npm().script("typescript_2.mjs"), SMALL_CALLS, "auto"),
        "server-everything": lambda: Server(  # get-env shows the environment: it is never called
            [*npm().command("mcp-server-everything"), "stdio"],
            [("echo", {"message": "ä"}), ("get-sum", {"a": 1, "b": "x"}), unknown],
        ),
        "server-filesystem": lambda: Server(
            [*npm().command("mcp-server-filesystem"), str(folder)],
            [("read_text_file", {"path": file}), ("read_text_file", {"path": "/etc/passwd"}), unknown],
        ),
        "server-memory": lambda: Server(
            npm().command("mcp-server-memory"), [("read_graph", {}), ("open_nodes", {"names": 1}), unknown], "auto"
        ),
        "mcp-server-time": lambda: Server(
            [installed("mcp-1", "mcp-server-time")],
            [("convert_time", noon), ("get_current_time", {"timezone": "No/Where"}), unknown],
        ),
        "mcp-server-git": lambda: Server(
            [installed("mcp-1", "mcp-server-git"), "--repository", str(folder)],
            [("git_status", repository), ("git_show", {**repository, "revision": "nowhere"}), unknown],
        ),
    }
    return makers[request.param]()


class Pair:
    """The same session twice: plain, and behind the wrapper, which sends to a collector of its own."""

    def __init__(self, place: Path, server: Server, endpoint: str) -> None:
        self.place = place
        wrap = [sys.executable, "-m", "mcptelemetry", "wrap", "--endpoint", endpoint, "--"]
        self.commands = {"plain": server.command, "wrapped": [*wrap, *server.command]}

    def environ(self, which: str) -> dict[str, str]:
        """Return what a client gives a server; the mark is inherited by whatever that starts."""
        home = self.place / which
        home.mkdir(exist_ok=True)
        path = os.pathsep.join((os.path.dirname(shutil.which("node") or ""), "/usr/bin", "/bin")).lstrip(os.pathsep)
        return {
            "HOME": str(home),
            "PATH": path,
            "MEMORY_FILE_PATH": str(home / "memory.json"),
            "MATRIX_SESSION": f"{self.place}/{which}",
        }

    def stderr(self, which: str) -> Path:
        """Return the file that takes the server's error stream."""
        return self.place / f"{which}.stderr"

    def said(self, which: str) -> str:
        """Return what the server said on its error stream, but for when."""
        return without_time(self.stderr(which).read_text("utf-8")).replace(f"/{which}/", "/home/")

    def left_behind(self) -> list[str]:
        """Return the processes that are left of either session, once they have had time to end."""
        deadline = time.monotonic() + END_MAY_TAKE_SECS
        while (left := list(marked(str(self.place)))) and time.monotonic() < deadline:
            time.sleep(0.05)  # processes of others: nothing tells when they end
        return left


def marked(mark: str) -> Iterator[str]:
    """Yield the command line of every process whose environment holds *mark*."""
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                if f"MATRIX_SESSION={mark}/".encode() in (process / "environ").read_bytes():
                    yield (process / "cmdline").read_text("utf-8").replace("\0", " ")
            except OSError:
                continue  # it has ended, or is another user's


def without_time(text: str) -> str:
    """Return *text* without times; some loggers leave one out that is as the line before's."""
    text = re.sub(r"^(\[\d\d/\d\d/\d\d \d\d:\d\d:\d\d\]| {19})", "[time]", text, flags=re.MULTILINE)
    return re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.,]?\d*Z?", "[time]", text)


def expected_events(result: dict[str, Any], calls: list[Call], client: str) -> list[tuple[str, str, str | None, str]]:
    """Return the events that are the calls of a session, by what its client was told."""
    if "failure" in result:
        return []
    # A name that no list declared is a stranger's word.
    known = {tool["name"] for tool in result["listed"].get("result", {"tools": []})["tools"]}
    events = []
    for (name, _), answer in zip(calls, result["calls"]):
        tool = name if name in known else "unknown_tool"
        if "error" in answer:
            events.append((tool, "error", "protocol_error", client))
        elif answer["result"].get("isError"):
            events.append((tool, "error", "tool_error", client))
        else:
            events.append((tool, "success", None, client))
    return events


def events_of(collector: InProcessCollector) -> list[tuple[str, str, str | None, str | None]]:
    """Return what the collector has of each event."""
    return [(event.tool, event.status, event.error_type, event.client) for event in collector.events()]


@pytest.mark.parametrize("server", SERVERS, indirect=True)
def test_a_session_is_the_same_behind_the_wrapper(tmp_path: Path, client: tuple[Any, Any], server: Server) -> None:
    """Answers, exit status and error stream are the server's own, and every call is an event."""
    kind, process = client
    with InProcessCollector() as collector:
        pair = Pair(tmp_path, server, collector.url)
        plain, wrapped = process.hold(
            [
                {
                    "command": command,
                    "env": pair.environ(which),
                    "cwd": str(tmp_path),
                    "stderr": str(pair.stderr(which)),
                    "mode": kind.mode or server.mode,
                    "calls": server.calls,
                }
                for which, command in pair.commands.items()
            ]
        )
        assert pair.left_behind() == []
        assert wrapped == plain
        assert pair.said("wrapped") == pair.said("plain")
        # A revision that is asked for by name is not spoken by the older servers, and they say so.
        assert kind.mode == "2026-07-28" or len(plain["calls"]) == len(server.calls)
        assert events_of(collector) == expected_events(plain, server.calls, kind.name)


class Inspected(NamedTuple):
    """How the Inspector ended, and what it printed."""

    status: int
    out: str
    err: str


def write_configuration(pair: Pair, which: str) -> Path:
    """Write the file in which a person names the server, and return it."""
    pair.place.mkdir(exist_ok=True)
    program, *arguments = pair.commands[which]
    entry = {"type": "stdio", "command": program, "args": arguments, "env": pair.environ(which)}
    configuration = pair.place / f"{which}.json"
    configuration.write_text(json.dumps({"mcpServers": {"it": entry}}, indent=2))
    return configuration


def start_inspector(npm: Any, configuration: Path, environ: dict[str, str], call: Call) -> subprocess.Popen[str]:
    """Start the Inspector on one call of the server in *configuration*."""
    name, values = call
    words = ["--cli", "--config", str(configuration), "--server", "it", "--method", "tools/call", "--tool-name", name]
    for key, value in values.items():
        words += ["--tool-arg", f"{key}={value if isinstance(value, str) else json.dumps(value)}"]
    return subprocess.Popen(
        [*npm.command("mcp-inspector"), *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=configuration.parent,
        env=environ,
    )


def end_of(process: subprocess.Popen[str], which: str) -> Inspected:
    """Return how the Inspector ended, but for what is told apart by time and place."""
    out, err = process.communicate(timeout=INSPECTOR_MAY_TAKE_SECS)
    return Inspected(process.returncode, out, without_time(err).replace(f"/{which}", "/home"))


@pytest.mark.parametrize("server", SERVERS, indirect=True)
def test_the_inspector_sees_the_same_behind_the_wrapper(tmp_path: Path, server: Server, npm: Any) -> None:
    """One call that succeeds and one that fails, each in a process of its own: the same output and status."""
    with InProcessCollector() as one, InProcessCollector() as other:
        collectors = (one, other)
        pairs = [Pair(tmp_path / str(index), server, collector.url) for index, collector in enumerate(collectors)]
        started = {
            (index, which): start_inspector(npm, write_configuration(pair, which), pair.environ(which), server.calls[index])
            for index, pair in enumerate(pairs)
            for which in pair.commands
        }
        ended = {(index, which): end_of(process, which) for (index, which), process in started.items()}
        for index, (pair, collector) in enumerate(zip(pairs, collectors)):
            plain = ended[index, "plain"]
            assert pair.left_behind() == []
            assert ended[index, "wrapped"] == plain
            is_error = bool(json.loads(plain.out).get("isError"))
            outcome = ("error", "tool_error") if is_error else ("success", None)
            assert is_error == (index == 1)
            assert events_of(collector) == [(server.calls[index][0], *outcome, "inspector-cli")]


@pytest.mark.parametrize("server", ["python-1", "server-memory"], indirect=True)
def test_a_client_starts_the_server_through_what_wrap_config_wrote(tmp_path: Path, server: Server, npm: Any) -> None:
    """The Inspector reads the file as clients do: the same output with `wrap` in it, an event, and none without."""
    with InProcessCollector() as collector:
        pair = Pair(tmp_path, server, collector.url)
        configuration, environ = write_configuration(pair, "plain"), pair.environ("plain")
        before, outcomes = configuration.read_bytes(), []
        for words in (None, ["--endpoint", collector.url], ["--undo"]):
            if words is not None:
                change = [sys.executable, "-m", "mcptelemetry", "wrap-config", "--file", str(configuration), *words]
                subprocess.run(change, check=True, capture_output=True, timeout=60)
            outcomes.append(end_of(start_inspector(npm, configuration, environ, server.calls[0]), "plain"))
            assert len(collector.events()) == (0 if words is None else 1)
        assert outcomes == [outcomes[0]] * 3
        assert outcomes[0].status == 0
        assert configuration.read_bytes() == before
        assert events_of(collector) == [(server.calls[0][0], "success", None, "inspector-cli")]
        assert pair.left_behind() == []
