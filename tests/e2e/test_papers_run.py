"""
Every code block of README.md and docs/ is run as it stands, in a fresh environment, and does what the text says.

A block is known by its paper and its first line, and has a driver here: a block without one fails. What a driver
replaces in a block's text is no more than an address, a port or a path that belongs to the reader's machine, and each says
which. Environments hold what the README installs and, where a block says so, one package more; they see a HOME of their
own and no variable but PATH. Only pip and uvx see the machine's environment: they may need a proxy.
"""

from __future__ import annotations

import contextlib
import datetime
import gzip
import json
import os
import re
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import venv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from mcptelemetry.collector import SqliteStore
from mcptelemetry.testing import ScriptedServer
from mcptelemetry.wire import EVENT_FIELDS

ROOT = Path(__file__).resolve().parents[2]
PAPERS = ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
# As it was found: pip may need a proxy, which no test sees.
ENVIRONMENT = dict(os.environ)
LEFT_OUT = (".git", ".venv*", "*.egg-info", "build", "dist", "__pycache__", ".*_cache", ".hypothesis", ".coverage*")
LIMIT_SECS = 60
LOCAL = "127.0.0.1:8080"
GUIDE = runpy.run_path(str(ROOT / "tests" / "integration" / "test_deployment_guide.py"))
DEMO_SERVER = ROOT / "tests" / "data" / "servers" / "demo_server.py"
free_port = runpy.run_path(str(ROOT / "tests" / "data" / "scripts" / "free_port.py"))["free_port"]


class Block(NamedTuple):
    """A code block: the paper it stands in, the line it begins at, its language and its text."""

    paper: str
    line: int
    language: str
    text: str

    @property
    def first_line(self) -> str:
        """The line by which drivers know it."""
        return self.text.split("\n", 1)[0]


def blocks_in(paper: str) -> list[Block]:
    """Return the code blocks of *paper*."""
    text = (ROOT / paper).read_text(encoding="utf-8")
    found = re.finditer(r"^```([^\n]*)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    return [Block(paper, text.count("\n", 0, one.start()) + 1, one[1], one[2]) for one in found]


def commands_in(paper: str) -> list[Block]:
    """Return the commands that stand between backticks in the sentences of *paper*, each once."""
    text = re.sub(r"^```.*?^```$", lambda one: "\n" * one[0].count("\n"), (ROOT / paper).read_text("utf-8"), flags=re.M | re.S)
    found = {" ".join(one[1].split()): one.start() for one in reversed(list(re.finditer(r"`([^`]+)`", text)))}
    programs = r"(\w+=\S+ )?(mcptelemetry \S|(pip|uvx|command|python) \S|tools/\w)"
    return [
        Block(paper, text.count("\n", 0, start) + 1, "inline", command)
        for command, start in found.items()
        if re.match(programs, command) and (paper, command) not in MENTIONED
    ]


# What is named between backticks and not meant to be typed as it stands, and where it is run.
MENTIONED = {
    ("README.md", "mcptelemetry report"): "with its options in the blocks",
    ("README.md", "mcptelemetry wrap"): "with its options in the blocks",
    ("README.md", "mcptelemetry collect"): "with its options in the blocks",
    ("README.md", "mcptelemetry collect --demo"): "a block of docs/page.md",
    ("README.md", "tools/demo"): "run for the table",
    ("README.md", "tools/test"): "it runs this very suite",
    ("README.md", "pip install"): "the text says not to",
    ("README.md", "python -m acme_server"): "stands for the reader's own server, and is what the blocks before it run",
    ("docs/TELEMETRY.md", "tools/generate"): "tests/contract/test_generated_files.py",
    ("docs/conduct.md", "tools/bench.py"): "takes minutes, and its figures are for reading",
    ("docs/conduct.md", "tools/floors.py"): "tests/contract/test_import_law.py",
    ("docs/conduct.md", "mcptelemetry wrap"): "with its options in the README's blocks",
    ("docs/deployment.md", "python -m mcptelemetry"): "the text says that there is none in a frozen application",
    ("docs/design.md", "tools/floors.py"): "tests/contract/test_import_law.py",
    ("docs/scaling.md", "tools/bench_otlp.py"): "its figures are for reading",
    ("docs/scaling.md", "tools/call"): "a method of the protocol, and no tool of ours",
    ("docs/operators.md", "mcptelemetry collect"): "with its options in the blocks",
    ("docs/packaging.md", "python -m"): "half of a command that the notice names in whole",
}
BLOCKS = [block for paper in PAPERS for block in (*blocks_in(paper), *commands_in(paper))]


def readme(first_line: str) -> str:
    """Return the text of the README's block that begins with *first_line*."""
    (text,) = (block.text for block in BLOCKS if (block.paper, block.first_line) == ("README.md", first_line))
    return text


# -- a reader's machine ------------------------------------------------------------------


class Machine:
    """The folder that a reader's clone lies in, and environments made there as the README says."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._pythons: dict[str, Path] = {}
        shutil.copytree(ROOT, place / "mcptelemetry", ignore=shutil.ignore_patterns(*LEFT_OUT))

    def environment(self, requirement: str = "", *, package: str = "") -> Path:
        """Return the folder of the programs of an environment with the package, and *requirement*."""
        key = f"{requirement} {package}"
        if key not in self._pythons:
            home = self.place / f"env-{len(self._pythons)}"
            venv.create(home, with_pip=True, symlinks=os.name == "posix")
            programs = home / "bin"
            command = readme("pip install './mcptelemetry[collector]'").split("\n")[0]
            if package:
                command = command.replace("./mcptelemetry", package)
            install(command, programs, self.place)
            if requirement:
                install(f"pip install '{requirement}'", programs, self.place)
            self._pythons[key] = programs
        return self._pythons[key]

    def bare_environment(self) -> Path:
        """Return the folder of the programs of an environment with nothing but pip."""
        home = self.place / f"bare-{len(self._pythons)}"
        venv.create(home, with_pip=True, symlinks=os.name == "posix")
        return home / "bin"


def install(command: str, programs: Path, place: Path) -> None:
    """Run a command of pip's in *place*; it must end well."""
    environ = {**ENVIRONMENT, "PATH": f"{programs}:{ENVIRONMENT['PATH']}"}
    done = subprocess.run(["sh", "-c", command], cwd=place, env=environ, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """Give one reader's machine to all blocks: environments are dear."""
    return Machine(tmp_path_factory.mktemp("machine"))


class Desk:
    """Where one block is run: a folder to work in, a HOME, and the programs of an environment first on the PATH."""

    def __init__(self, machine: Machine, place: Path) -> None:
        self.machine = machine
        self.folder = place / "work"
        self.home = place / "home"
        self.folder.mkdir()
        self.home.mkdir()
        self.programs = Path()
        self.environ: dict[str, str] = {}
        self.use()

    def use(self, requirement: str = "", **made: str) -> None:
        """Work in the environment that has *requirement* too."""
        self.use_programs(self.machine.environment(requirement, **made))

    def use_programs(self, programs: Path) -> None:
        """Work in an environment that is there."""
        self.programs = programs
        self.environ = {**self.environ, "HOME": str(self.home), "PATH": f"{programs}:/usr/bin:/bin"}

    def write(self, *first_lines: str) -> None:
        """Write the README's blocks that begin with the name of their file, as they stand."""
        for first_line in first_lines:
            (self.folder / first_line[2:].split(",")[0]).write_text(readme(first_line), encoding="utf-8")

    def try_to_type(self, script: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Type *script* into a shell, and return how it went."""
        # -e: each command has to do what it says.
        return subprocess.run(
            ["sh", "-ec", script],
            cwd=self.folder,
            env={**self.environ, **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECS,
        )

    def type(self, script: str, **environ: str) -> str:
        """Type *script* into a shell; it must end well. Return what it printed."""
        done = self.try_to_type(script, **environ)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout

    @contextlib.contextmanager
    def running(self, command: str, *, environ: dict[str, str] | None = None, limit_secs: float = LIMIT_SECS) -> Iterator[str]:
        """Run a server, and give the address that it prints."""
        log = self.folder / "server.log"
        with log.open("w", encoding="utf-8") as output:
            process = subprocess.Popen(
                ["sh", "-ec", command],
                cwd=self.folder,
                env=self.environ if environ is None else environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            yield wait_for_address(process, log, limit_secs)
        finally:
            # The shell's whole group, which is ours: a server has workers.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    @contextlib.contextmanager
    def collector(self, options: str = "") -> Iterator[str]:
        """Run the README's collector, on a free port in place of 8080; give its address."""
        command = readme("pip install './mcptelemetry[collector]'").split("\n")[1]
        with self.running(f"exec {free(command)} {options}") as url:
            yield url

    def calls(self) -> dict[str, int]:
        """Return what the collector's database in the folder holds: calls of each tool."""
        document = json.loads(self.type("mcptelemetry report --db events.db --json"))
        return {row["tool"]: row["calls"] for row in document["rows"]}

    def heartbeat(self) -> dict[str, Any]:
        """Return the heartbeat that would be sent now."""
        document: dict[str, Any] = json.loads(self.type("mcptelemetry --app acme-mcp show-payload"))
        return document


@pytest.fixture
def desk(machine: Machine, tmp_path: Path) -> Desk:
    """Give a clean desk."""
    return Desk(machine, tmp_path)


def free(command: str) -> str:
    """Return *command* with a port that the system chooses in place of 8080."""
    assert "8080" in command
    return command.replace("8080", "0")


def wait_for_address(process: subprocess.Popen[bytes], log: Path, limit_secs: float) -> str:
    """Return the address that a server wrote into its *log*."""
    deadline = time.monotonic() + limit_secs
    while time.monotonic() < deadline:
        found = re.search(r"https?://127\.0\.0\.1:[1-9]\d*", log.read_text("utf-8"))
        if found:
            return found[0]
        assert process.poll() is None, log.read_text("utf-8")[-4000:]
        time.sleep(0.05)
    raise AssertionError(f"no address in {log.read_text('utf-8')[-4000:]}")


def answer_of(url: str, token: str = "") -> tuple[int, str]:
    """Return status and body of what is at *url*."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def hold_session(desk: Desk, command: str, arguments: list[str], calls: list[tuple[str, dict[str, Any]]], **environ: str) -> list[bool]:
    """Call tools by the official client over stdio, as a client would; return whether each call answered."""
    anyio, mcp = pytest.importorskip("anyio"), pytest.importorskip("mcp")

    async def session() -> list[bool]:
        parameters = mcp.StdioServerParameters(
            command=command, args=arguments, env={**desk.environ, **environ}, cwd=str(desk.folder)
        )
        async with mcp.Client(parameters, read_timeout_seconds=30) as client:
            await client.list_tools()
            return [not (await client.call_tool(name, values)).is_error for name, values in calls]

    answered: list[bool] = anyio.run(session)
    return answered


# -- drivers -----------------------------------------------------------------------------

Driver = Callable[[Desk, Block], None]
DRIVERS: dict[tuple[str, str], Driver] = {}


def runs(paper: str, *first_lines: str) -> Callable[[Driver], Driver]:
    """Make a function the driver of the blocks of *paper* that begin so."""

    def note(driver: Driver) -> Driver:
        for first_line in first_lines:
            assert (paper, first_line) not in DRIVERS
            DRIVERS[paper, first_line] = driver
        return driver

    return note


@runs("README.md", "tool  routing decision  calls  errors  error rate  p50 ms  p95 ms  p99 ms  error types")
def the_table_is_the_demos(desk: Desk, block: Block) -> None:
    """`tools/demo` makes the table, but for the milliseconds."""

    def without_durations(table: str) -> list[list[str]]:
        rows = [line.split() for line in table.strip().split("\n")]
        before = {"add": 5, "boom": 5, "slow": 5, "all": 4}  # how many cells stand before the three of milliseconds
        return [row[: before[row[0]]] + row[before[row[0]] + 3 :] if row[0] in before else row for row in rows]

    done = subprocess.run(
        ["tools/demo"],
        cwd=desk.machine.place / "mcptelemetry",
        env={**ENVIRONMENT, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    printed = done.stdout[done.stdout.index(block.first_line) :].split("\n\n")[0]
    assert without_durations(printed) == without_durations(block.text)


@runs("README.md", "pip install './mcptelemetry[collector]'")
def the_package_is_installed_and_the_collector_listens(desk: Desk, block: Block) -> None:
    """In an environment that has nothing yet; port 8080 is the system's choice here."""
    desk.use_programs(desk.machine.bare_environment())
    desk.folder = desk.machine.place  # that holds the clone
    environ = {**ENVIRONMENT, "PATH": f"{desk.programs}:{ENVIRONMENT['PATH']}"}
    with desk.running(free(block.text), environ=environ, limit_secs=600) as url:
        assert answer_of(f"{url}/healthz")[0] == 200


@runs("README.md", "# acme_telemetry.py", "# hello.py", "export ACME_MCP_EVENTS_ENDPOINT=http://127.0.0.1:8080")
def the_first_event_arrives(desk: Desk, _block: Block) -> None:
    """Two files and two terminals; the collector's address in the second has the port that the first printed."""
    desk.write("# acme_telemetry.py", "# hello.py")
    with desk.collector() as url:
        script = readme("export ACME_MCP_EVENTS_ENDPOINT=http://127.0.0.1:8080").replace(f"http://{LOCAL}", url)
        printed = desk.type(script)
    assert printed.startswith("hello\n")
    assert re.search(r"^get_issues +local_only +1 +0 +0\.0%", printed, flags=re.MULTILINE), printed


def check_server(desk: Desk, requirement: str, first_line: str) -> None:
    """A client calls the block's server; the calls arrive, and are counted by name for the heartbeat."""
    desk.use(requirement)
    desk.write("# acme_telemetry.py", first_line)
    calls = [("get_issues", {"project": "apollo"})] * 2
    with desk.collector() as url:
        python = str(desk.programs / "python")
        assert hold_session(desk, python, ["server.py"], calls, ACME_MCP_EVENTS_ENDPOINT=url) == [True, True]
        assert desk.calls() == {"get_issues": 2}
    assert desk.heartbeat()["builtin_tool_calls"] == {"get_issues": 2}


@runs("README.md", "# server.py, on mcp 2.x")
def a_server_on_mcp_2_is_recorded(desk: Desk, block: Block) -> None:
    """In one line."""
    check_server(desk, "mcp>=2.0,<3", block.first_line)


@runs("README.md", "# server.py, on mcp 1.x")
def a_server_on_mcp_1_is_recorded(desk: Desk, block: Block) -> None:
    """In the same line."""
    check_server(desk, "mcp>=1.20,<2", block.first_line)


@runs("README.md", "# server.py, on fastmcp")
def a_server_on_fastmcp_is_recorded(desk: Desk, block: Block) -> None:
    """In the same line."""
    check_server(desk, "fastmcp>=2.12", block.first_line)


@runs("README.md", "# tools.py")
def a_decorated_function_is_recorded(desk: Desk, block: Block) -> None:
    """Each call of it, with no server at all."""
    desk.write("# acme_telemetry.py", block.first_line)
    with desk.collector() as url:
        desk.type("python tools.py", ACME_MCP_EVENTS_ENDPOINT=url)
        assert desk.calls() == {"get_issues": 1}


@runs("README.md", '{"mcpServers": {"acme": {', '{"servers": {"acme": {')
def a_clients_configuration_starts_the_server(desk: Desk, block: Block) -> None:
    """Command and arguments as they stand, found on the PATH; the collector's port is the one it took."""
    desk.use("mcp>=2.0,<3")
    # The server that the configuration names is installed beside us.
    where = desk.type("python -c \"import sysconfig; print(sysconfig.get_path('purelib'))\"").strip()
    shutil.copy(DEMO_SERVER, Path(where) / "acme_server.py")
    with desk.collector() as url:
        (servers,) = json.loads(block.text.replace(f"http://{LOCAL}", url)).values()
        entry = servers["acme"]
        assert set(entry) <= {"type", "command", "args"}
        assert entry.get("type", "stdio") == "stdio"
        calls: list[tuple[str, dict[str, Any]]] = [("add", {"a": 1, "b": 2}), ("boom", {})]
        assert hold_session(desk, entry["command"], entry["args"], calls) == [True, False]
        assert desk.calls() == {"add": 1, "boom": 1}


@runs("README.md", "mcptelemetry wrap-config --client cursor --server git --endpoint URL")
def a_clients_own_file_is_changed_and_given_back(desk: Desk, block: Block) -> None:
    """The person's file, of which one entry changes; URL is an address."""
    path = desk.home / ".cursor" / "mcp.json"
    path.parent.mkdir()
    before = '{ "mcpServers": {"git": {"command":"uvx",   "args": ["mcp-server-git"]}, "time": {"command": "x"}} }\r\n'
    path.write_text(before, encoding="utf-8", newline="")
    command = block.text.replace("URL", f"http://{LOCAL}")
    assert "wrap" in desk.type(f"{command} --dry-run")
    assert path.read_bytes().decode() == before
    desk.type(command)
    servers = json.loads(path.read_bytes())["mcpServers"]
    assert (servers["git"]["args"][-2:], servers["time"]) == (["uvx", "mcp-server-git"], {"command": "x"})
    assert "wrap" in servers["git"]["args"]
    desk.type(f"{command.partition(' --endpoint')[0]} --undo")
    assert path.read_bytes().decode() == before


@runs("README.md", "# proxy.py")
def a_proxys_call_carries_its_decision(desk: Desk, block: Block) -> None:
    """The event says how the call was routed, and that the second choice was taken."""
    desk.write("# acme_telemetry.py", block.first_line)
    with desk.collector() as url:
        desk.type("python proxy.py", ACME_MCP_EVENTS_ENDPOINT=url)
        (row,) = json.loads(desk.type("mcptelemetry report --db events.db --json"))["rows"]
    assert (row["tool"], row["routing_decision"], row["calls"]) == ("get_issues", "strategy_local_first", 1)
    (event,) = SqliteStore(desk.folder / "events.db", read_only=True).events()
    assert event.document["was_fallback"] is True


@runs("README.md", "# acme.py", "python acme.py telemetry status")
def a_command_line_tool_shows_and_ends_it(desk: Desk, _block: Block) -> None:
    """`status` says that it is on; after `off` it says that it is not."""
    desk.write("# acme_telemetry.py", "# acme.py")
    assert re.search("^mode +on", desk.type("python acme.py telemetry status"), flags=re.MULTILINE)
    assert json.loads(desk.type("python acme.py telemetry status --json"))["mode"] == "on"
    desk.type("python acme.py telemetry off")
    assert json.loads(desk.type("python acme.py telemetry status --json"))["mode"] == "off"


@runs("README.md", "# web.py")
def a_web_applications_requests_are_counted(desk: Desk, block: Block) -> None:
    """One request of a client of ours, by a real server, is in the heartbeat by surface, template and class."""
    desk.write("# acme_telemetry.py", block.first_line)
    desk.use()
    with desk.running("exec waitress-serve --listen=127.0.0.1:0 web:app") as url:
        request = urllib.request.Request(f"{url}/secret/path", headers={"X-Acme-Mcp-Client": "cli/1.0"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.read() == b"ok"
        deadline = time.monotonic() + LIMIT_SECS
        while desk.heartbeat()["surface_requests"]["cli"] == 0 and time.monotonic() < deadline:
            time.sleep(0.1)  # a second after the first request the counts are on the disk
    heartbeat = desk.heartbeat()
    assert heartbeat["surface_requests"]["cli"] == 1
    assert heartbeat["rest_endpoint_calls"] == {"GET /api/v1/servers": {"2xx": 1}}
    assert "secret" not in json.dumps(heartbeat)


def write_settings(desk: Desk, block: Block, url: str) -> None:
    """Write the operator's settings, with the collector's address in the place of the example's."""
    assert "https://t.acme.dev" in block.text
    (desk.home / ".acme-mcp").mkdir(mode=0o700, exist_ok=True)
    (desk.home / ".acme-mcp" / "telemetry.toml").write_text(block.text.replace("https://t.acme.dev", url), encoding="utf-8")


@runs("README.md", "[proxy.telemetry]", "mcptelemetry --app acme-mcp check")
def an_operators_events_arrive_with_a_token(desk: Desk, block: Block) -> None:
    """`check` says yes with the right token and no without; then an application's event arrives."""
    settings = next(one for one in BLOCKS if one.paper == block.paper and one.language == "toml")
    check = readme("mcptelemetry --app acme-mcp check")
    desk.write("# acme_telemetry.py", "# hello.py")
    token = "example-of-a-token"
    desk.environ["ACME_TOKEN"] = token
    with desk.collector("--token-env ACME_TOKEN") as url:
        write_settings(desk, settings, url)
        assert "token in ACME_TOKEN, set" in desk.type(check)
        without = desk.try_to_type(f"unset ACME_TOKEN\n{check}")
        assert (without.returncode, "ACME_TOKEN" in without.stdout) == (1, True)
        desk.type("python hello.py")
        assert desk.calls() == {"get_issues": 1}


@runs("docs/conduct.md", "[proxy.telemetry]")
def an_operator_says_how_much_waits(desk: Desk, block: Block) -> None:
    """The product loads the settings, and its pipeline has them: each by one more, for these are what it has without any."""
    more = re.sub(r"= (\d+)", lambda one: f"= {int(one[1]) + 1}", block.text)
    desk.write("# acme_telemetry.py", "# hello.py")
    look = (
        "from acme_telemetry import telemetry\nconfig = telemetry.pipeline.config\n"
        "print(config.batch_size, config.batch_interval_secs, config.offline_queue_max)"
    )
    (desk.folder / "look.py").write_text(look, encoding="utf-8")
    with desk.collector() as url:
        write_settings(desk, block, url)
        assert desk.type("python look.py").split() == re.findall(r"= (\d+)", block.text)
        desk.type("python hello.py")
        assert desk.calls() == {"get_issues": 1}
        write_settings(desk, block._replace(text=more), url)
        assert desk.type("python look.py").split() == re.findall(r"= (\d+)", more)


RECEIVERS = "gunicorn --workers 2 --bind 127.0.0.1:8080 receive:app"


def check_receiver(desk: Desk, url: str, **environ: str) -> None:
    """What is sent to *url* with the token is stored, and nothing is taken without."""
    without = desk.try_to_type("mcptelemetry --app acme-mcp check", ACME_MCP_EVENTS_ENDPOINT=url, **environ)
    assert (without.returncode, "401" in without.stdout) == (1, True), without.stdout
    desk.type("python hello.py", ACME_MCP_EVENTS_ENDPOINT=url, ACME_MCP_EVENTS_TOKEN=desk.environ["ACME_TOKEN"], **environ)
    assert desk.calls() == {"get_issues": 1}


def prepare_receiver(desk: Desk) -> None:
    """Write the application, and set its tokens."""
    desk.use("gunicorn")
    desk.write("# receive.py", "# acme_telemetry.py", "# hello.py")
    desk.environ.update(ACME_TOKEN="example-of-a-token", REPORT_TOKEN="example-of-another")


@runs("README.md", "# receive.py", RECEIVERS)
def the_collector_runs_behind_wsgi_servers(desk: Desk, _block: Block) -> None:
    """Each command serves the application, on a free port in place of 8080."""
    prepare_receiver(desk)
    for command in readme(RECEIVERS).strip().split("\n"):
        with desk.running(f"exec {free(command)}") as url:
            check_receiver(desk, url)
            assert answer_of(f"{url}/api/report")[0] in (401, 403)
            status, report = answer_of(f"{url}/api/report", desk.environ["REPORT_TOKEN"])
            assert (status, json.loads(report)["rows"][0]["tool"]) == (200, "get_issues")
        (desk.folder / "events.db").unlink()


def system_program(name: str, place: Path) -> str:
    """Return a program, unpacked from the system's package where it is not installed: no service is started so."""
    found = shutil.which(name, path=f"{ENVIRONMENT['PATH']}:/usr/sbin")
    if found:
        return found
    if not shutil.which("apt-get") or not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip(f"{name} is not installed, and it takes root and apt-get to have it")
    place.mkdir()
    place.chmod(0o777)  # apt fetches as somebody else
    fetch = f"apt-get -qq update && apt-get -qq download {name} && dpkg-deb -x {name}_*.deb unpacked"
    done = subprocess.run(["sh", "-ec", fetch], cwd=place, env=ENVIRONMENT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (program,) = (place / "unpacked" / "usr").glob(f"*bin/{name}")
    return str(program)


@contextlib.contextmanager
def nginx_serving(desk: Desk, server: str, port: int) -> Iterator[None]:
    """Run nginx with *server* in what its own main file says around one: in the foreground, in this folder, as this user."""
    program = system_program("nginx", desk.folder.parent / "nginx")
    temporary = "".join(
        f"{kind}_temp_path {desk.folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (desk.folder / "nginx.conf").write_text(
        f"daemon off;\nmaster_process off;\npid {desk.folder}/nginx.pid;\nerror_log stderr;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}{server}}}\n",
        encoding="utf-8",
    )
    process = subprocess.Popen([program, "-e", "stderr", "-p", str(desk.folder), "-c", str(desk.folder / "nginx.conf")])
    try:
        wait_for_port(process, port)
        yield
    finally:
        process.terminate()
        process.wait(20)


def replaced(text: str, *pairs: tuple[str, str]) -> str:
    """Return *text* with each example replaced, all of which stand in it."""
    for example, ours in pairs:
        assert example in text
        text = text.replace(example, ours)
    return text


def write_certificate(place: Path) -> Path:
    """Make a certificate of localhost's, signed by itself, and its key; return the certificate's path."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    (place / "t.acme.dev.pem").write_bytes(certificate.public_bytes(encoding))
    (place / "t.acme.dev.key").write_bytes(
        key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return place / "t.acme.dev.pem"


@runs("README.md", "server {  # in front of it")
def nginx_stands_in_front_of_the_collector(desk: Desk, block: Block) -> None:
    """The block as it is served; the two ports, the host's name and the folder of the certificate are this machine's."""
    prepare_receiver(desk)
    certificate = write_certificate(desk.folder)
    port = free_port()
    with desk.running(f"exec {free(readme(RECEIVERS).splitlines()[1])}") as inner:
        server = replaced(
            block.text,
            ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
            ("server_name t.acme.dev", "server_name localhost"),
            ("/etc/ssl/", f"{desk.folder}/"),
            (f"http://{LOCAL}", inner),
        )
        with nginx_serving(desk, server, port):
            check_receiver(desk, f"https://localhost:{port}", REQUESTS_CA_BUNDLE=str(certificate))


def wait_for_port(process: subprocess.Popen[bytes], port: int) -> None:
    """Return when somebody listens at *port*."""
    deadline = time.monotonic() + LIMIT_SECS
    while time.monotonic() < deadline:
        assert process.poll() is None
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError(f"nobody listens at {port}")


OPERATORS = "docs/operators.md"


def operators(first_line: str) -> str:
    """Return the text of the operators' block that begins with *first_line*."""
    (text,) = (block.text for block in BLOCKS if (block.paper, block.first_line) == (OPERATORS, first_line))
    return text


@runs(OPERATORS, "[Unit]")
def a_service_is_a_unit_of_systemds(desk: Desk, block: Block) -> None:
    """systemd finds nothing wrong with it, and its command serves; paths and port are this machine's."""
    unit = replaced(
        block.text,
        ("/opt/mcptelemetry/bin", str(desk.programs)),
        ("/var/lib/mcptelemetry", str(desk.folder)),
        ("--port 8080", "--port 0"),
        ("EnvironmentFile=/etc/", f"EnvironmentFile={desk.folder}/"),
    )
    desk.type(operators(TOKENS))
    command = re.search(r"^ExecStart=((?:.*\\\n)*.*)$", unit, flags=re.MULTILINE)
    assert command is not None
    with desk.running(f"set -a; . ./mcptelemetry.env; exec {command[1]}") as url:
        assert answer_of(f"{url}/readyz")[0] == 200
        assert answer_of(f"{url}/api/report")[0] == 401
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed; the command was run, the unit around it was not looked at")
    (desk.folder / "mcptelemetry.service").write_text(unit, encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(desk.folder / "mcptelemetry.service")], capture_output=True, text=True, timeout=60
    )
    assert "mcptelemetry.service" not in done.stderr, done.stderr


TOKENS = """python -c "import secrets; print('ACME_TOKEN=' + secrets.token_urlsafe(24))" >> mcptelemetry.env"""
SEVERAL = "mcptelemetry collect --db events.db --port 8080 --token-env ACME_TOKEN --token-env OTHER_TOKEN=other-mcp,third-mcp"


@runs(OPERATORS, TOKENS)
def tokens_are_drawn(desk: Desk, block: Block) -> None:
    """Two lines that a shell and systemd read, each with another token."""
    desk.type(block.text)
    lines = (desk.folder / "mcptelemetry.env").read_text("utf-8").split()
    assert [line.partition("=")[0] for line in lines] == ["ACME_TOKEN", "REPORT_TOKEN"]
    assert len({line.partition("=")[2] for line in lines}) == 2


@runs(OPERATORS, SEVERAL)
def several_tokens_are_taken(desk: Desk, block: Block) -> None:
    """The first writes for any application, the second for those it names, which hello.py's is not."""
    desk.write("# acme_telemetry.py", "# hello.py")
    desk.environ.update(ACME_TOKEN="example-of-a-token", OTHER_TOKEN="example-of-another")
    with desk.running(f"exec {free(block.text)}") as url:
        for token in (desk.environ["OTHER_TOKEN"], desk.environ["ACME_TOKEN"]):
            desk.type("python hello.py", ACME_MCP_EVENTS_ENDPOINT=url, ACME_MCP_EVENTS_TOKEN=token)
        assert desk.calls() == {"get_issues": 1}


def check_proxy(desk: Desk, url: str) -> None:
    """Events arrive through the proxy at *url*, and no stranger sees the report, whatever name they ask for."""
    check_receiver(desk, url)
    for host in ("localhost", "127.0.0.1", "t.acme.dev", "[::1]evil.example"):
        request = urllib.request.Request(f"{url}/api/report", headers={"Host": host})
        with pytest.raises(urllib.error.HTTPError) as caught, urllib.request.urlopen(request, timeout=10):
            pass
        with caught.value:
            assert caught.value.code in (400, 401, 403, 404)
    assert answer_of(f"{url}/api/report", desk.environ["REPORT_TOKEN"])[0] == 200
    token = desk.environ["REPORT_TOKEN"]
    check_page(f"{url}/?token={token}")
    form = urllib.parse.urlencode({"token": token, "target": "/"}).encode()
    check_page(urllib.request.Request(f"{url}/sign-in", form, {"Sec-Fetch-Site": "same-origin", "Origin": url}))


def check_page(first: str | urllib.request.Request) -> None:
    """Whoever holds the token gets the page, by its address or by the form, and with the cookie from then on."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(), urllib.request.ProxyHandler({}))
    with browser.open(first, timeout=10) as answer:
        url, page = answer.url, answer.read().decode()
    assert ("token" in url, page.rstrip().endswith("</html>")) == (False, True)
    with browser.open(url, timeout=10) as answer:
        assert answer.status == 200


@runs(OPERATORS, "server {  # the shortest there is")
def the_shortest_configuration_of_nginx_is_safe(desk: Desk, block: Block) -> None:
    """The block as it is served; the two ports and the host's name are this machine's."""
    prepare_receiver(desk)
    port = free_port()
    with desk.running(f"exec {free(readme(RECEIVERS).splitlines()[1])}") as inner:
        server = replaced(
            block.text,
            ("listen 80", f"listen 127.0.0.1:{port}"),
            ("server_name t.acme.dev", "server_name localhost"),
            (f"http://{LOCAL}", inner),
        )
        with nginx_serving(desk, server, port):
            check_proxy(desk, f"http://127.0.0.1:{port}")


@runs(OPERATORS, "t.acme.dev {")
def the_shortest_configuration_of_caddy_is_safe(desk: Desk, block: Block) -> None:
    """The block as it is served; the two ports and the host's name are this machine's, and the name is one without TLS."""
    program = system_program("caddy", desk.folder.parent / "caddy")
    prepare_receiver(desk)
    port = free_port()
    with desk.running(f"exec {free(readme(RECEIVERS).splitlines()[1])}") as inner:
        own = replaced(block.text, ("t.acme.dev", f"http://:{port}"), (LOCAL, inner.partition("//")[2]))
        (desk.folder / "Caddyfile").write_text("{\nadmin off\n}\n" + own, encoding="utf-8")
        process = subprocess.Popen(
            [program, "run", "--config", str(desk.folder / "Caddyfile")], env=desk.environ, stderr=subprocess.DEVNULL
        )
        try:
            wait_for_port(process, port)
            check_proxy(desk, f"http://127.0.0.1:{port}")
        finally:
            process.terminate()
            process.wait(20)


@runs(OPERATORS, "mcptelemetry backup --db events.db backup.db")
def a_backup_is_a_database(desk: Desk, block: Block) -> None:
    """Copied while the collector runs, it shows the same in its place."""
    desk.write("# acme_telemetry.py", "# hello.py")
    with desk.collector() as url:
        desk.type("python hello.py", ACME_MCP_EVENTS_ENDPOINT=url)
        desk.type(block.text)
    (desk.folder / "backup.db").rename(desk.folder / "events.db")
    assert desk.calls() == {"get_issues": 1}


INSTALL_METRICS = "pip install './mcptelemetry[collector,metrics]'"


@runs(OPERATORS, INSTALL_METRICS)
def what_the_metrics_need_is_installed(desk: Desk, block: Block) -> None:
    """The extra brings the package that they are written with."""
    install(block.text, desk.programs, desk.machine.place)
    desk.type("python -c 'import prometheus_client'")


@runs(OPERATORS, "scrape_configs:")
def prometheus_can_read_the_metrics(desk: Desk, _block: Block) -> None:
    """The target answers with the credentials, as Prometheus would ask; the port is this machine's."""
    desk.use("prometheus-client")
    desk.write("# acme_telemetry.py", "# hello.py")
    desk.environ["REPORT_TOKEN"] = "example-of-another"
    settings = operators("scrape_configs:")
    assert "authorization" in settings  # whose type is Bearer unless said otherwise
    (target,) = re.findall(r'targets: \["(.*)"\]', settings)
    assert target == LOCAL
    with desk.collector("--report-token-env REPORT_TOKEN") as url:
        desk.type("python hello.py", ACME_MCP_EVENTS_ENDPOINT=url)
        assert answer_of(f"{url}/metrics")[0] == 401
        status, text = answer_of(f"{url}/metrics", desk.environ["REPORT_TOKEN"])
    assert status == 200
    assert re.search(r'^mcptelemetry_calls_total\{app="acme-mcp",process="\d+",status="success",tool="get_issues"\} 1\.0$', text, re.M), text


@runs("README.md", "uvx --from './mcptelemetry[collector]' mcptelemetry collect --db events.db --port 8080")
def uvx_runs_the_collector(desk: Desk, block: Block) -> None:
    """From the folder that holds the clone, on a free port in place of 8080; an event arrives."""
    uv = desk.machine.environment("uv")
    shutil.copytree(desk.machine.place / "mcptelemetry", desk.folder / "mcptelemetry", ignore=shutil.ignore_patterns(*LEFT_OUT))
    environ = {**ENVIRONMENT, "PATH": f"{uv}:{ENVIRONMENT['PATH']}"}
    # Where this machine has packages beside the index's, pip knows of them and uv has to be told.
    if "PIP_FIND_LINKS" in ENVIRONMENT:
        environ.setdefault("UV_FIND_LINKS", ENVIRONMENT["PIP_FIND_LINKS"].replace(" ", ","))
    desk.write("# acme_telemetry.py", "# hello.py")
    with desk.running(free(block.text), environ=environ, limit_secs=300) as url:
        (desk.folder / "elsewhere").mkdir()
        desk.type("cd elsewhere && python ../hello.py", ACME_MCP_EVENTS_ENDPOINT=url)
        assert desk.calls() == {"get_issues": 1}


@runs("README.md", "# built in your clone, run with -e ACME_TOKEN -p 8080:8080 -v events:/data")
def the_steps_of_the_dockerfile_work(desk: Desk, block: Block) -> None:
    """
    No daemon is needed: its steps are taken by hand in an environment of their own.

    Folders of the image's root lie in this test's; the user stays who he is, and the collector listens to this
    machine alone, on a free port.
    """
    image = desk.folder.parent / "image"
    image.mkdir()
    programs = desk.machine.bare_environment()
    environ = {**ENVIRONMENT, "PATH": f"{programs}:{ENVIRONMENT['PATH']}"}
    is_root = os.geteuid() == 0
    command: list[str] = []
    seen = []
    for line in block.text.strip().split("\n")[1:]:
        step, _, rest = line.partition(" ")
        seen.append(step)
        rest = rest.replace("/src", f"{image}/src").replace("/data", f"{image}/data")
        if step == "FROM":
            assert re.fullmatch(r"python:3\.\d+-slim", rest)
        elif step == "COPY":
            assert rest.split() == [".", f"{image}/src"]
            shutil.copytree(desk.machine.place / "mcptelemetry", image / "src", ignore=shutil.ignore_patterns(*LEFT_OUT))
        elif step == "RUN":
            done = subprocess.run(
                ["sh", "-ec", rest if is_root else rest.replace("chown nobody", ": ")],
                env=environ, cwd=image, capture_output=True, text=True, timeout=600,
            )
            assert done.returncode == 0, done.stderr[-4000:]
        elif step == "USER":
            assert not is_root or (image / "data").owner() == rest
        else:
            assert step == "CMD"
            command = json.loads(rest)
    assert seen == ["FROM", "COPY", "RUN", "RUN", "USER", "CMD"]
    assert (command[0], command[command.index("--host") + 1]) == ("mcptelemetry", "0.0.0.0")
    desk.use_programs(programs)
    desk.environ["ACME_TOKEN"] = "example-of-a-token"
    desk.write("# acme_telemetry.py", "# hello.py")
    words = " ".join(command).replace("0.0.0.0", "127.0.0.1")
    with desk.running(f"exec {free(words)}") as url:
        desk.type("python hello.py", ACME_MCP_EVENTS_ENDPOINT=url, ACME_MCP_EVENTS_TOKEN=desk.environ["ACME_TOKEN"])
    assert json.loads(desk.type(f"mcptelemetry report --db {image}/data/events.db --json"))["rows"][0]["tool"] == "get_issues"


@runs("README.md", '{"tool": "get_issues", "routing_decision": "strategy_remote", "upstream": "cloud", "status": "error", "error_type": "timeout",')
def the_event_is_one(desk: Desk, block: Block) -> None:
    """The product reads it, and writes it again as it stands: no field is missing, none is too many."""
    script = "import json, sys; from mcptelemetry import TelemetryEvent as T; print(json.dumps(T.from_dict(json.load(sys.stdin)).to_dict()))"
    (desk.folder / "event.json").write_text(block.text, encoding="utf-8")
    written = json.loads(desk.type(f"python -c '{script}' <event.json"))
    assert list(written.items()) == list(json.loads(block.text).items())


@runs("README.md", "mcptelemetry --app acme-mcp status          # what is on, why, and where everything is")
def a_person_sees_and_says_no(desk: Desk, block: Block) -> None:
    """Each command says what stands beside it, before and after an application has run."""
    commands = block.text.strip().split("\n")
    desk.write("# acme_telemetry.py", "# hello.py")
    desk.type("\n".join(commands[:-1]))
    desk.type("python hello.py")
    status, payload, sent, privacy, forget, off = commands
    assert str(desk.home / ".acme-mcp") in desk.type(status)
    assert json.loads(desk.type(payload))["builtin_tool_calls"] == {"get_issues": 1}
    desk.type(sent)
    assert "https://t.acme.dev" in desk.type(privacy)
    before = desk.heartbeat()
    desk.type(forget)
    assert desk.heartbeat()["anonymous_id"] != before["anonymous_id"]
    assert "builtin_tool_calls" not in desk.heartbeat()
    desk.type(off)
    assert json.loads(desk.type("mcptelemetry --app acme-mcp --json status"))["mode"] == "off"


@runs("README.md", "command -v mcptelemetry")
def the_shell_tells_the_programs_path(desk: Desk, block: Block) -> None:
    """What it prints is a path that runs without any PATH."""
    path = desk.type(block.text).strip()
    assert os.path.isabs(path)
    subprocess.run([path, "--version"], env={}, check=True, capture_output=True, timeout=LIMIT_SECS)


@runs("README.md", "mcptelemetry match LOCAL.json cloud=UPSTREAM.json")
def two_catalogues_are_matched(desk: Desk, block: Block) -> None:
    """Files of these names, with the same tool in both."""
    tools = [{"name": "get_issues", "inputSchema": {"type": "object", "properties": {}}}]
    for name in ("LOCAL.json", "UPSTREAM.json"):
        (desk.folder / name).write_text(json.dumps(tools), encoding="utf-8")
    printed = desk.type(block.text)
    assert "get_issues" in printed
    assert "cloud" in printed


@runs("docs/packaging.md", "mcptelemetry --print-completion SHELL")
def completion_is_printed(desk: Desk, block: Block) -> None:
    """With the extra's package; bash in the place of SHELL, and bash can read it."""
    desk.use("shtab>=1.6")
    desk.type(f"{block.text.replace('SHELL', 'bash')} >complete.bash && bash -n complete.bash")


@runs("docs/deployment.md", "mcptelemetry status --app acme-mcp")
@runs("docs/testing.md", "mcptelemetry --app acme-mcp sent")
def a_process_is_seen_from_a_shell(desk: Desk, block: Block) -> None:
    """The command ends well, and speaks of the application that ran, or of nothing sent yet."""
    desk.write("# acme_telemetry.py", "# hello.py")
    desk.type("python hello.py")
    done = desk.try_to_type(block.text)
    assert done.returncode == 0, done.stderr
    assert (done.stdout + done.stderr).strip()


@runs("docs/packaging.md", "from mcptelemetry import Telemetry")
def a_command_is_named(desk: Desk, block: Block) -> None:
    """The application constructs, and the notice would name the command."""
    command = re.search(r'command="([^"]+)"', block.text)
    assert command is not None
    # Where nothing is sent nobody is told of it: the heartbeat's address is the test's.
    text = block.text.replace("command=", 'heartbeat_endpoint="https://t.acme.dev", command=')
    (desk.folder / "shipped.py").write_text(f"{text}\ntelemetry.start()\n", encoding="utf-8")
    assert f"To switch it off: {command[1]}" in desk.try_to_type("python shipped.py").stderr
    (desk.folder / "shipped.py").write_text(block.text, encoding="utf-8")
    desk.type("python shipped.py")


@runs("docs/testing.md", "import json", "from mcptelemetry import Telemetry")
def an_authors_test_passes(desk: Desk, block: Block) -> None:
    """Under pytest, with nothing installed but the package."""
    desk.use("pytest")
    (desk.folder / "test_page.py").write_text(block.text, encoding="utf-8")
    printed = desk.type("python -m pytest -q test_page.py")
    assert f"{block.text.count('def test_')} passed" in printed


@runs("docs/testing.md", "from mcptelemetry.testing import HostileServer")
def a_hostile_server_serves(desk: Desk, block: Block) -> None:
    """What stands in the place of the dots finds the server's address."""
    assert "    ...  #" in block.text
    text = block.text.replace("    ...  #", "    print(server.events_url)  #")
    (desk.folder / "program.py").write_text(text, encoding="utf-8")
    assert desk.type("python program.py").startswith("http://127.0.0.1:")
    (desk.folder / "program.py").write_text(block.text, encoding="utf-8")
    desk.type("python program.py")


@runs("docs/deployment.md", *(f"# {name}" for name in GUIDE["HOSTS"]))
def a_host_as_the_guide_says_it_delivers(desk: Desk, block: Block) -> None:
    """The host that the guide's own test has for the block, here on the package as it is installed."""
    name = block.first_line[2:]
    deed, delivered = GUIDE["HOSTS"][name]
    (desk.folder / name).write_text(f"block = {block.text!r}\n{block.text}\n{deed}\n", encoding="utf-8")
    with desk.collector() as url:
        if name in GUIDE["LEFT_BEHIND"]:
            (desk.folder / "killed.py").write_text(GUIDE["LEFT_BEHIND"][name], encoding="utf-8")
            assert desk.try_to_type("exec python killed.py", ACME_MCP_EVENTS_ENDPOINT=url).returncode == -signal.SIGKILL
        arrived = came = 0
        for _ in range(1 if name in GUIDE["LEFT_BEHIND"] else GUIDE["TRIES"]):
            done = desk.try_to_type(f"exec python {name}", ACME_MCP_EVENTS_ENDPOINT=url)
            assert (done.returncode, done.stderr) == (GUIDE["STATUS_OF_BLOCK"].get(name, 0), "")
            total = sum(desk.calls().values())
            arrived, came = total, total - arrived
            assert came <= delivered
            if came == delivered:
                break
        assert came == delivered


@runs("docs/scaling.md", "[proxy.telemetry]", "mcptelemetry --app acme-mcp check")
def spans_and_metrics_reach_a_receiver(desk: Desk, _block: Block) -> None:
    """With a receiver's address in the place of the example's, `check` says yes, and a call becomes a span and a measurement."""
    settings = next(one for one in BLOCKS if one.paper == "docs/scaling.md" and one.language == "toml")
    assert "https://otel.acme.dev" in settings.text
    desk.write("# acme_telemetry.py", "# hello.py")
    with ScriptedServer(otherwise=200) as receiver:
        write_settings(desk, settings._replace(text=settings.text.replace("https://otel.acme.dev", "https://t.acme.dev")), receiver.url)
        desk.type("mcptelemetry --app acme-mcp check")
        asked = len(receiver.requests)
        desk.type("python hello.py")
        bodies = {request.path: request.body for request in receiver.requests[asked:]}
    assert sorted(bodies) == ["/v1/metrics", "/v1/traces"]
    assert all(b"get_issues" in (gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body) for body in bodies.values())


PAGE = "docs/page.md"
DEMO = "mcptelemetry collect --demo"
CURL = """curl -H "Authorization: Bearer $REPORT_TOKEN" 'http://127.0.0.1:8080/tables/tools.csv?period=7d'"""
PUBLIC = "mcptelemetry collect --db events.db --port 8080 --public"
REPORT_TOKEN = "--report-token-env REPORT_TOKEN"


def browser() -> urllib.request.OpenerDirector:
    """Return what keeps cookies and follows where it is led, as a person's browser does."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    opener.addheaders = [("Accept", "text/html")]
    return opener


def read_page(opener: urllib.request.OpenerDirector, url: str | urllib.request.Request, **fields: str) -> tuple[int, str]:
    """Return status and text of the page at *url*; *fields* are posted."""
    try:
        with opener.open(url, urllib.parse.urlencode(fields).encode() if fields else None, timeout=LIMIT_SECS) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def status_under(host: str, url: str) -> int:
    """Return the status with which *url* answers to a browser that asks for *host*, a name that leads there."""
    return read_page(browser(), urllib.request.Request(url, headers={"Host": host}))[0]


@runs(PAGE, DEMO)
def the_demo_shows_a_year(desk: Desk, block: Block) -> None:
    """The printed address leads into a page with numbers in it; nothing is left in the folder but what this test wrote."""
    with desk.running(f"exec {block.text}") as url:
        printed = (desk.folder / "server.log").read_text("utf-8")
        (address,) = re.findall(rf"{url}/\?token=\S+", printed)
        opener = browser()
        status, page = read_page(opener, address)
        assert status == 200
        assert "Active installations" in page
        assert "acme-mcp" in page
        assert read_page(opener, f"{url}/tables/tools.csv?period=365d")[1].count("\n") > 5
        assert answer_of(url)[0] == 401
    assert [path.name for path in desk.folder.iterdir()] == ["server.log"]


@runs(PAGE, CURL)
def a_table_is_asked_for_by_a_program(desk: Desk, block: Block) -> None:
    """With the token, as CSV: a heading, and the tool that was called."""
    desk.write("# acme_telemetry.py", "# hello.py")
    desk.environ["REPORT_TOKEN"] = "example-of-another"
    with desk.collector(REPORT_TOKEN) as url:
        desk.type("python hello.py", ACME_MCP_EVENTS_ENDPOINT=url)
        lines = desk.type(replaced(block.text, (f"http://{LOCAL}", url), ("curl", "curl -sS"))).splitlines()
    assert lines[0].split(",")[:2] == ["tool", "calls"]
    assert [line.split(",")[:2] for line in lines[1:]] == [["get_issues", "1"]]


@runs(PAGE, PUBLIC)
def everybody_sees_the_public_page(desk: Desk, block: Block) -> None:
    """Without a token: the page, and neither feedback nor report nor metrics; the one installation is no small count that is told."""
    desk.write("# acme_telemetry.py", "# hello.py")
    with desk.running(f"exec {free(block.text)}") as url:
        desk.type("for call in 1 2 3 4 5; do python hello.py; done", ACME_MCP_EVENTS_ENDPOINT=url)
        post_json(f"{url}/heartbeat", HEARTBEAT)
        send_feedback(url)
        opener = browser()
        status, page = read_page(opener, f"{url}/?env_kind=all")
        assert status == 200
        assert "get_issues" in page
        assert "fewer than 5" in page
        assert WORDS not in page
        assert read_page(opener, f"{url}/inbox")[0] in (401, 403, 404)
        assert read_page(opener, f"{url}/tables/feedback.csv")[0] == 404
        table = json.loads(read_page(opener, f"{url}/tables/installations.json?env_kind=all")[1])
        assert table["answer"]["active"] == "fewer than 5"
        assert [answer_of(f"{url}/{path}")[0] for path in ("api/report", "metrics")] == [401, 401]
        assert status_under("evil.example", url) == 403


@runs(PAGE, "mcptelemetry report --db FILE --since DATE")
def the_report_tells_the_numbers_of_the_page(desk: Desk, block: Block) -> None:
    """For the day on which a period of the page begins, in UTC, the answer is the same one."""
    desk.write("# acme_telemetry.py", "# hello.py")
    desk.environ["REPORT_TOKEN"] = "example-of-another"
    with desk.collector(REPORT_TOKEN) as url:
        desk.type("python hello.py", ACME_MCP_EVENTS_ENDPOINT=url)
        status, text = answer_of(f"{url}/tables/tools.json?period=7d", desk.environ["REPORT_TOKEN"])
        table = json.loads(text)
        began = datetime.datetime.fromtimestamp(table["asked"]["since"], datetime.timezone.utc)
        assert (status, began.time()) == (200, datetime.time(0))
        command = replaced(block.text, ("FILE", "events.db"), ("DATE", f"{began:%Y-%m-%d}"))
        report = json.loads(desk.type(f"{command} --json"))
    assert report["tools"] == table["answer"]
    assert [row["calls"] for row in report["tools"]] == [1]


@runs(PAGE, "mcptelemetry inbox --db FILE")
def the_inbox_is_read_on_a_terminal(desk: Desk, block: Block) -> None:
    """It shows the message that was sent, and so does the page."""
    desk.environ["REPORT_TOKEN"] = "example-of-another"
    with desk.collector(REPORT_TOKEN) as url:
        send_feedback(url)
        assert WORDS in answer_of(f"{url}/inbox", desk.environ["REPORT_TOKEN"])[1]
        assert WORDS in desk.type(block.text.replace("FILE", "events.db"))


def post_json(url: str, document: dict[str, Any]) -> None:
    """Send a document, which must be taken."""
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(document).encode()), timeout=10) as answer:
        assert answer.status == 202


HEARTBEAT = json.loads((ROOT / "tests" / "data" / "heartbeat" / "full.json").read_text("utf-8"))
WORDS = "It does not start on Tuesdays."


def send_feedback(url: str) -> None:
    """Send what a person typed."""
    names = ("version", "edition", "os", "arch", "server_count", "connected_server_count", "routing_mode")
    context = {name: HEARTBEAT[name] for name in names}
    post_json(f"{url}/feedback", {"app": "acme-mcp", "category": "bug", "message": WORDS, "context": context})


@runs(PAGE, "server {")
def nginx_stands_in_front_of_the_page(desk: Desk, block: Block) -> None:
    """Through the block as it is served the form lets a person in; held to its name, the page answers under no other."""
    desk.write("# acme_telemetry.py", "# hello.py")
    desk.environ["REPORT_TOKEN"] = "example-of-another"
    port = free_port()
    with desk.collector(f"{REPORT_TOKEN} --allow-host localhost") as inner:
        desk.type("python hello.py", ACME_MCP_EVENTS_ENDPOINT=inner)
        server = replaced(
            block.text,
            ("listen 80", f"listen 127.0.0.1:{port} default_server"),
            ("server_name t.acme.dev", "server_name localhost"),
            (f"http://{LOCAL}", inner),
        )
        with nginx_serving(desk, server, port):
            opener = browser()
            outer = f"http://localhost:{port}"
            status, form = read_page(opener, outer)
            assert (status, 'name="token"' in form) == (401, True)
            opener.addheaders.append(("Origin", outer))
            assert read_page(opener, f"{outer}/sign-in", token="wrong", target="/")[0] == 401
            status, page = read_page(opener, f"{outer}/sign-in", token="example-of-another", target="/?period=7d")
            assert (status, "get_issues" in page) == (200, True)
            assert status_under("evil.example", outer) == 403


# What the Collector's own documents call the parts that our pages name, and their settings.
PARTS = {
    "receivers": {"otlp": {"protocols"}, "filelog": {"include", "start_at", "operators"}},
    "processors": {"memory_limiter": {"check_interval", "limit_percentage"}, "batch": set()},
    "connectors": {"spanmetrics": {"histogram", "dimensions"}},
    "exporters": {
        "kafka": {"brokers", "traces", "producer"},
        "clickhouse": {"endpoint", "database", "ttl", "sending_queue"},
        "otlphttp": {"endpoint"},
        "prometheusremotewrite": {"endpoint"},
    },
}


@runs("docs/scaling.md", "# gateway.yaml", "# tail.yaml", "# spanmetrics.yaml")
def a_collectors_configuration_hangs_together(_desk: Desk, block: Block) -> None:
    """No Collector can be had here, as the page says: all that is named is defined, used, and known by that name to its documents."""
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed: it is in the extra opentelemetry")
    document = yaml.safe_load(block.text)
    pipelines = document.pop("service")["pipelines"]
    for kind, parts in document.items():
        for name, settings in parts.items():
            assert set(settings or {}) <= PARTS[kind][name]
    assert set(pipelines) <= {"traces", "metrics", "logs"}
    used = {kind: {name for one in pipelines.values() for name in one.get(kind, ())} for kind in ("receivers", "processors", "exporters")}
    connectors = set(document.get("connectors", ()))
    assert used["receivers"] == set(document["receivers"]) | connectors
    assert used["processors"] == set(document.get("processors", ()))
    assert used["exporters"] == set(document["exporters"]) | connectors
    if connectors:
        buckets = document["connectors"]["spanmetrics"]["histogram"]["explicit"]["buckets"]
        in_ms = [int(text[:-2]) if text.endswith("ms") else int(text[:-1]) * 1000 for text in buckets]
        assert in_ms == [10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000]
    if "filelog" in document["receivers"]:
        (operator,) = document["receivers"]["filelog"]["operators"]
        assert operator["timestamp"]["parse_from"].removeprefix("attributes.") in EVENT_FIELDS


@runs("docs/deployment.md", "[proxy.telemetry]", "mcptelemetry deliver", "mcptelemetry off")
def events_on_the_disk_outlive_a_kill(desk: Desk, block: Block) -> None:
    """With the settings as they stand a killed process leaves its events, and `deliver` sends them; `off` leaves an operator's."""
    settings = next(one for one in BLOCKS if (one.paper, one.language) == ("docs/deployment.md", "toml"))
    killed = GUIDE["LEFT_BEHIND"]["flusher.py"].replace("write_text('[proxy.telemetry]\\nspool = true\\n')", "write_text(open('as_it_stands.toml').read())")
    assert "as_it_stands" in killed
    (desk.folder / "as_it_stands.toml").write_text(settings.text, encoding="utf-8")
    (desk.folder / "killed.py").write_text(killed, encoding="utf-8")
    with desk.collector() as url:
        assert desk.try_to_type("exec python killed.py", ACME_MCP_EVENTS_ENDPOINT=url).returncode == -signal.SIGKILL
        if block.first_line != "[proxy.telemetry]":
            desk.type(block.text, ACME_MCP_EVENTS_ENDPOINT=url)
        desk.type("mcptelemetry deliver", ACME_MCP_EVENTS_ENDPOINT=url)
        assert sum(desk.calls().values()) == 3


@runs("docs/design.md", " 9  __main__                                                              `python -m mcptelemetry`")
def the_floors_hold_what_is_there(desk: Desk, block: Block) -> None:
    """A drawing runs nothing: its rooms can be imported (its order is held to the law by a test of its own)."""
    rows = [re.split(r" {3,}", line.strip().split("  ", 1)[1])[0] for line in block.text.strip("\n").split("\n")]
    rooms = [room for row in rows for room in row.replace("│", " ").split() if not room.startswith("__")]
    assert len(rooms) > 20
    desk.type("python -c 'import " + ", ".join(f"mcptelemetry.{room}" for room in rooms) + "'")


@runs("docs/design.md", " a tool call ends                                            the collector's process")
def the_walk_names_what_is_there(desk: Desk, block: Block) -> None:
    """A drawing runs nothing: the steps that it names as functions are defined."""
    code = "\n".join(path.read_text("utf-8") for path in (desk.machine.place / "mcptelemetry" / "mcptelemetry").rglob("*.py"))
    steps = re.findall(r"(\w+)\(\)", block.text)
    assert steps
    assert [step for step in steps if f"def {step}(" not in code] == []


@runs("docs/design.md", "client ──▶ wrap ──▶ server         the wrapper: one thread, one poll, bytes first")
def the_two_processes_are_there(desk: Desk, block: Block) -> None:
    """A drawing runs nothing: the server sees a parent of one thread, and one other child of it."""
    assert block.text.count("wrap") == 3
    look = """
import os, pathlib, re
wrapper, children = os.getppid(), 0
for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
    try:
        children += re.sub(r".*\\) . ", "", stat.read_text()).split()[0] == str(wrapper)
    except OSError:
        pass  # it has ended meanwhile
print(len(os.listdir(f"/proc/{wrapper}/task")), children)
"""
    (desk.folder / "look.py").write_text(look, encoding="utf-8")
    endpoint = (desk.folder / "events.jsonl").as_uri()
    assert desk.type(f"mcptelemetry wrap --endpoint {endpoint} -- python look.py").split() == ["1", "2"]


# -- the tests ---------------------------------------------------------------------------


def test_every_block_has_a_driver() -> None:
    """Nobody writes a block that no test runs, and no driver is left for a block that has gone."""
    there = {(block.paper, block.first_line) for block in BLOCKS}
    assert sorted(there - set(DRIVERS)) == []
    assert sorted(key for key in set(DRIVERS) - there if (ROOT / key[0]).exists()) == []


def name_of(block: Block) -> str:
    """Return the name under which a block's test is found."""
    return f"{block.paper}:{block.line}"


@pytest.mark.heavy
@pytest.mark.timeout(1800)
@pytest.mark.skipif(sys.version_info < (3, 10), reason="the mcp package has no release for Python 3.9")
@pytest.mark.parametrize("block", BLOCKS, ids=name_of)
def test_block_does_what_its_paper_says(block: Block, desk: Desk) -> None:
    """Run as it stands, in a fresh environment."""
    DRIVERS[block.paper, block.first_line](desk, block)


@pytest.mark.heavy
@pytest.mark.timeout(1800)
def test_a_wheel_leads_to_the_first_event(machine: Machine, tmp_path: Path) -> None:
    """The built wheel, an empty environment, and the README's commands under "First event"; nothing else is typed."""
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), "./mcptelemetry"]
    subprocess.run(build, cwd=machine.place, env=ENVIRONMENT, check=True, timeout=600, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    desk = Desk(machine, tmp_path)
    desk.use(package=str(wheel))
    assert "site-packages" in desk.type("python -c 'import mcptelemetry; print(mcptelemetry.__file__)'")
    the_first_event_arrives(desk, BLOCKS[0])
