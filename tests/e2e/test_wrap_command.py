"""The command `wrap` as a person types it: its arguments, its events, what it does when told nonsense."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
REPLAY = str(DATA / "servers" / "replay_server.py")
TRANSCRIPT = DATA / "transcripts" / "inspector-cli2.12--py2.3-server.jsonl"
SERVER = [sys.executable, REPLAY, str(TRANSCRIPT)]
ECHO_ARGUMENTS = [sys.executable, "-c", "import sys; print(sys.argv[1:])"]


def requests() -> bytes:
    """Return what the client of the recorded session sent."""
    entries = [json.loads(text) for text in TRANSCRIPT.read_text("utf-8").splitlines()]
    return b"".join(e["line"].encode() + b"\n" for e in entries if "line" in e and e["dir"] == "c2s")


def run(
    home: Path, *arguments: str, stdin: bytes = b"", **variables: str
) -> subprocess.CompletedProcess[bytes]:
    """Run the command line with a home of its own and nothing in the environment but *variables*."""
    return subprocess.run(
        [sys.executable, "-m", "mcptelemetry", *arguments],
        input=stdin,
        capture_output=True,
        timeout=60,
        check=False,
        cwd=ROOT,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin", **variables},
    )


def events(path: Path) -> list[tuple[str, str]]:
    """Return tool and status of every event in a file of lines."""
    documents = [json.loads(line) for line in path.read_text().splitlines()]
    return [(document["tool"], document["status"]) for document in documents]


def test_wrap_sends_the_events_of_a_session_to_its_endpoint(tmp_path: Path) -> None:
    """The calls arrive, the output is the server's own, and nothing stands on standard error."""
    sink = tmp_path / "events.jsonl"
    done = run(tmp_path, "wrap", "--endpoint", sink.as_uri(), "--", *SERVER, stdin=requests())
    bare = subprocess.run(SERVER, input=requests(), capture_output=True, timeout=60, check=True)
    assert (done.stdout, done.stderr, done.returncode) == (bare.stdout, b"", 0)
    assert events(sink) == [("add", "success")]


def test_wrap_takes_the_endpoint_of_the_named_app(tmp_path: Path) -> None:
    """--app chooses the variable; --endpoint comes before it."""
    variable, option = tmp_path / "variable.jsonl", tmp_path / "option.jsonl"
    environ = {"ACME_MCP_EVENTS_ENDPOINT": variable.as_uri()}
    run(tmp_path, "wrap", "--app", "acme-mcp", "--", *SERVER, stdin=requests(), **environ)
    assert events(variable) == [("add", "success")]
    arguments = ["wrap", "--app", "acme-mcp", "--endpoint", option.as_uri(), "--", *SERVER]
    run(tmp_path, *arguments, stdin=requests(), **environ)
    assert events(option) == [("add", "success")]
    assert events(variable) == [("add", "success")]


def test_wrap_hands_no_secret_of_its_endpoint_to_the_server(tmp_path: Path) -> None:
    """The variables of the token and the headers are ours; everything else in the environment is the server's."""
    (tmp_path / ".acme-mcp").mkdir(mode=0o700)
    (tmp_path / ".acme-mcp" / "telemetry.toml").write_text(
        '[proxy.telemetry]\nendpoint = "https://127.0.0.1:1"\ntoken_key = "FILE_TOKEN"\n'
        'headers = { x-team = "TEAM_KEY" }\nenabled = true\n'
    )
    secrets = ("FILE_TOKEN", "TEAM_KEY", "ACME_MCP_EVENTS_TOKEN", "MY_TOKEN")
    environ = {**dict.fromkeys(secrets, "hunter2"), "SERVERS_TOKEN": "its own"}
    show = [sys.executable, "-c", "import os; print(sorted(set(os.environ) - {'LC_CTYPE'}))"]  # Python's own
    sink = (tmp_path / "events.jsonl").as_uri()
    options = ["wrap", "--app", "acme-mcp", "--endpoint", sink, "--token-env", "MY_TOKEN", "--"]
    done = run(tmp_path, *options, *show, **environ)
    assert done.stdout.decode().strip() == str(["HOME", "MCPTELEMETRY_WRAPPED", "PATH", "SERVERS_TOKEN"])
    refused = run(tmp_path, *options, *show, **environ, DO_NOT_TRACK="1")
    assert refused.stdout.decode().strip() == str(["DO_NOT_TRACK", "HOME", "PATH", "SERVERS_TOKEN"])


def test_wrap_takes_no_token_without_its_endpoint(tmp_path: Path) -> None:
    """A token with no endpoint beside it goes nowhere: nothing is recorded, one line says why, and the server runs."""
    sink = tmp_path / "events.jsonl"
    arguments = ["wrap", "--token-env", "MY_TOKEN", "--", *SERVER]
    done = run(tmp_path, *arguments, stdin=requests(), MCPTELEMETRY_EVENTS_ENDPOINT=sink.as_uri())
    assert (done.returncode, done.stdout.count(b"\n"), done.stderr.count(b"\n")) == (0, 3, 1)
    assert done.stderr.startswith(b"mcptelemetry: ")
    assert b"--token-env belongs to --endpoint" in done.stderr
    assert not sink.exists()


@pytest.mark.parametrize("variables", [{"DO_NOT_TRACK": "1"}, {"MCPTELEMETRY_TELEMETRY": "off"}])
def test_wrap_sends_nothing_after_a_no(tmp_path: Path, variables: dict[str, str]) -> None:
    """The server runs all the same, and no event is written."""
    sink = tmp_path / "events.jsonl"
    done = run(
        tmp_path, "wrap", "--endpoint", sink.as_uri(), "--", *SERVER, stdin=requests(), **variables
    )
    assert done.returncode == 0
    assert done.stdout.count(b"\n") == 3
    assert not sink.exists()


def test_wrap_leaves_the_commands_own_options_alone(tmp_path: Path) -> None:
    """Everything after the separator is the server's, whatever it looks like."""
    own = ["--app", "Bad Name", "--json", "--endpoint", "x", "-h", "--", "--version", ""]
    done = run(tmp_path, "wrap", "--", *ECHO_ARGUMENTS, *own)
    assert (done.stdout.decode(), done.returncode) == (f"{own}\n", 0)


@pytest.mark.parametrize("arguments", [[], ["--"], ["--", ""], ["--endpoint", "https://t.example"]])
def test_wrap_without_a_command_says_how_it_is_called(tmp_path: Path, arguments: list[str]) -> None:
    """Exit 2 and one line with the mend."""
    done = run(tmp_path, "wrap", *arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"wrap -- COMMAND" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--endpoint", "http://collector.example/events"], b"--endpoint"),
        (["--endpoint", "collector.example"], b"--endpoint"),
        (["--app", "Bad Name"], b"Bad Name"),
    ],
)
def test_wrap_runs_the_command_when_an_argument_is_bad(tmp_path: Path, arguments: list[str], named: bytes) -> None:
    """A typing error costs the events and one line that names the argument, not the server."""
    done = run(tmp_path, "wrap", *arguments, "--", *SERVER, stdin=requests())
    assert (done.returncode, done.stdout.count(b"\n"), done.stderr.count(b"\n")) == (0, 3, 1)
    assert done.stderr.startswith(b"mcptelemetry: ")
    assert named in done.stderr


@pytest.mark.parametrize("text", ["[proxy.telemetry\n", "[proxy.telemetry]\nbatch_size = 'ten'\n"])
def test_wrap_runs_the_command_when_the_settings_are_malformed(tmp_path: Path, text: str) -> None:
    """Telemetry is off, one line on standard error says why, and the session is the server's own."""
    (tmp_path / ".mcptelemetry").mkdir()
    (tmp_path / ".mcptelemetry" / "telemetry.toml").write_text(text)
    sink = tmp_path / "events.jsonl"
    done = run(tmp_path, "wrap", "--endpoint", sink.as_uri(), "--", *SERVER, stdin=requests())
    assert done.returncode == 0
    assert done.stdout.count(b"\n") == 3
    assert done.stderr.count(b"\n") == 1
    assert b"telemetry.toml" in done.stderr
    assert not sink.exists()


def test_wrap_passes_on_the_exit_status(tmp_path: Path) -> None:
    """Also when there are events to flush: the status is the child's, 127 when there is none."""
    assert run(tmp_path, "wrap", "--", sys.executable, "-c", "raise SystemExit(41)").returncode == 41
    missing = run(tmp_path, "wrap", "--", "no-such-command-anywhere")
    assert (missing.returncode, missing.stdout) == (127, b"")
    assert missing.stderr.count(b"\n") == 1


def test_wrap_ends_although_its_endpoint_is_silent(tmp_path: Path) -> None:
    """An endpoint that takes connections and never answers costs a line, and neither the status nor the end."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}/events"
        done = run(tmp_path, "wrap", "--endpoint", endpoint, "--", *SERVER, stdin=requests())
    assert done.returncode == 0
    assert done.stderr.startswith(f"mcptelemetry: 1 events to {endpoint} were lost: ".encode())
    assert done.stderr.count(b"\n") == 1
    assert done.stdout.count(b"\n") == 3


HOSTILE = ["a\x1b[2J\x07\x7f\rb", "a\u202e\u2066b", "a\u200b\ufeff\u2060b", "a\nb\u2028c"]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_wrap_says_what_is_wrong_in_one_printable_line(tmp_path: Path, hostile: str) -> None:
    """A command, an endpoint, a name or a settings file may be called anything: one printable line says so."""
    folder = tmp_path / hostile
    folder.mkdir()
    (folder / "telemetry.toml").write_text("[telemetry\n")
    (folder / "server").write_text("")
    for arguments in (
        ("wrap", "--", hostile),
        ("wrap", "--", str(folder / "server")),
        ("wrap", "--endpoint", f"ftp://{hostile}", "--", "true"),
        ("--app", hostile, "wrap", "--", "true"),
        ("--data-dir", str(folder), "wrap", "--", "true"),
    ):
        ended = run(tmp_path, *arguments, PYTHONUTF8="1")
        said = ended.stderr.decode("utf-8")
        assert len(said.splitlines()) == 1, (arguments, said)
        assert said.rstrip("\n").isprintable(), (arguments, ascii(said))
        assert ended.stdout == b""


# -- becoming the command --------------------------------------------------------------------

# What a process can see of what it was given, without what differs from one process to the next.
SHOW = """
import json, os, sys
lines = open("/proc/self/status").read().splitlines()
signals = [line for line in lines if line.startswith(("SigBlk", "SigIgn", "SigCgt", "ShdPnd"))]
opened = {}
for name in os.listdir("/proc/self/fd"):
    try:
        opened[name] = os.stat(int(name)).st_ino
    except OSError:
        pass  # what lists them
children = open(f"/proc/self/task/{os.getpid()}/children").read()
print(json.dumps([os.getpid(), os.getppid(), signals, opened, dict(os.environb and {k.decode(): v.decode() for k, v in os.environb.items()}), children]))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux shows what a process was given")
@pytest.mark.parametrize("variables", [{}, {"DO_NOT_TRACK": "1"}, {"LC_ALL": "C"}, {"LC_CTYPE": "POSIX"}], ids=str)
def test_wrap_with_nothing_to_record_for_becomes_the_command(tmp_path: Path, variables: dict[str, str]) -> None:
    """The same process, with signals, descriptors and environment as they were found, and no other one."""

    def surroundings(command: list[str]) -> list[object]:
        def set_signals() -> None:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})

        with (tmp_path / "output").open("w+b") as output, open(os.devnull, "rb") as nothing:
            os.set_inheritable(nothing.fileno(), True)
            process = subprocess.Popen(
                command,
                stdin=nothing,
                stdout=output,
                stderr=output,
                cwd=ROOT,
                env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", **variables},
                pass_fds=(nothing.fileno(),),
                preexec_fn=set_signals,
            )
            assert process.wait(60) == 0
            output.seek(0)
            pid, *seen = json.loads(output.read())
            assert pid == process.pid
            return seen

    bare = [sys.executable, "-I", "-c", SHOW]
    assert surroundings([sys.executable, "-m", "mcptelemetry", "wrap", "--", *bare]) == surroundings(bare)


@pytest.mark.skipif(os.name == "nt", reason="there the wrapper stays beside the command")
@pytest.mark.parametrize("variables", [{}, {"DO_NOT_TRACK": "1"}, {"MCPTELEMETRY_TELEMETRY": "off"}], ids=str)
def test_wrap_with_nothing_to_record_for_loads_no_more_than_that_takes(tmp_path: Path, variables: dict[str, str]) -> None:
    """Neither parser nor switches nor telemetry: a client waits for its server."""
    endpoint = ["--endpoint", "http://127.0.0.1:9"] if variables else []
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "mcptelemetry", "wrap", *endpoint, "--", "true"],
        cwd=ROOT,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "mcptelemetry.wrap" in loaded
    assert not loaded & {"argparse", "logging", "mcptelemetry.client", "mcptelemetry.privacy", "mcptelemetry.config"}


def test_wrap_says_when_the_words_of_a_command_came_as_one(tmp_path: Path) -> None:
    """A command in quotes is found nowhere; the line says what to write instead."""
    for endpoint in ([], ["--endpoint", (tmp_path / "events.jsonl").as_uri()]):
        done = run(tmp_path, "wrap", *endpoint, "--", "npx -y foo")
        assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (127, b"", 1)
        assert b"give its words separately" in done.stderr


# -- what is recorded ------------------------------------------------------------------------

CALLS = b"".join(b'{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"add"}}\n' % n for n in range(10))
ANSWERER = """
import json, sys
for line in sys.stdin:
    print(json.dumps({"jsonrpc": "2.0", "id": json.loads(line)["id"], "result": {"content": []}}), flush=True)
"""


def test_wrap_records_calls_that_came_with_the_end_of_file(tmp_path: Path) -> None:
    """Ten calls from a pipe that ends at once: ten answers, ten events."""
    sink = tmp_path / "events.jsonl"
    done = run(tmp_path, "wrap", "--endpoint", sink.as_uri(), "--", sys.executable, "-c", ANSWERER, stdin=CALLS)
    assert (done.returncode, done.stdout.count(b"\n"), done.stderr) == (0, 10, b"")
    assert events(sink) == [("add", "success")] * 10


INSTRUMENTED = """
import json, sys
from mcptelemetry import Telemetry
telemetry = Telemetry("acme-mcp", "1.0")
telemetry.start()
telemetry.start()
Telemetry("acme-mcp", "1.0").start()
for line in sys.stdin:
    with telemetry.invocation("add"):
        print(json.dumps({"id": json.loads(line)["id"], "result": {}}), flush=True)
telemetry.shutdown()
"""


@pytest.mark.parametrize("is_same_place", [True, False])
@pytest.mark.parametrize("has_settings", [True, False])
def test_wrap_round_a_server_that_reports_itself_says_so_once(tmp_path: Path, is_same_place: bool, has_settings: bool) -> None:  # noqa: FBT001
    """Each call is two events then; to two places it is one at each, and nobody says anything."""
    own, wraps = tmp_path / "own.jsonl", tmp_path / "wraps.jsonl"
    if has_settings:
        (tmp_path / ".mcptelemetry").mkdir()
        (tmp_path / ".mcptelemetry" / "telemetry.toml").write_text("[proxy.telemetry]\nenabled = true\n")
    where = own if is_same_place else wraps
    words = ["wrap", "--endpoint", where.as_uri(), "--", sys.executable, "-c", INSTRUMENTED]
    done = run(tmp_path, *words, stdin=CALLS, ACME_MCP_EVENTS_ENDPOINT=own.as_uri(), PYTHONPATH=str(ROOT))
    assert done.returncode == 0
    assert len(events(own)) == (20 if is_same_place else 10)
    said = f"mcptelemetry: `wrap` and this server itself both report to {own.as_uri()}: each call is two events; leave one out\n"
    assert done.stderr.decode() == (said if is_same_place else "")


def test_wrap_told_to_be_verbose_gives_account(tmp_path: Path) -> None:
    """One line at the end says what was recorded and delivered; with nothing to record for, one says why."""
    sink = tmp_path / "events.jsonl"
    server = [sys.executable, "-c", ANSWERER]
    done = run(tmp_path, "wrap", "--verbose", "--endpoint", sink.as_uri(), "--", *server, stdin=CALLS)
    said = f"mcptelemetry: 10 calls were recorded, 10 delivered to {sink.as_uri()}, 0 lost\n"
    assert done.stderr.decode() == said
    done = run(tmp_path, "wrap", "--verbose", "--", *server, stdin=CALLS)
    assert done.stderr == b"mcptelemetry: this session is not recorded: no endpoint is configured\n"
    assert done.stdout.count(b"\n") == 10


def test_wrap_records_also_where_a_person_wrote_settings(tmp_path: Path) -> None:
    """A file of settings is asked before the server starts, and what it says is followed."""
    sink = tmp_path / "events.jsonl"
    (tmp_path / ".mcptelemetry").mkdir()
    settings = tmp_path / ".mcptelemetry" / "telemetry.toml"
    settings.write_text(f'[proxy.telemetry]\nendpoint = "{sink.as_uri()}"\nenabled = true\n')
    done = run(tmp_path, "wrap", "--", sys.executable, "-c", ANSWERER, stdin=CALLS)
    assert (done.returncode, done.stdout.count(b"\n"), done.stderr) == (0, 10, b"")
    assert events(sink) == [("add", "success")] * 10
    settings.write_text(settings.read_text().replace("true", "false"))
    run(tmp_path, "wrap", "--", sys.executable, "-c", ANSWERER, stdin=CALLS)
    assert len(events(sink)) == 10


# Stands in for a user's limit, which does not bind root: from the n-th on, nothing can be started.
LIMITED = """
import os, sys, _thread, threading
left, fork, start = int(sys.argv.pop(1)), os.fork, _thread.start_new_thread
def take():
    global left
    left -= 1
    if left < 0:
        raise BlockingIOError(11, "Resource temporarily unavailable")
def limited_fork():
    take()
    return fork()
def limited_start(*words):
    try:
        take()
    except OSError:
        raise RuntimeError("can't start new thread") from None
    return start(*words)
os.fork, threading._start_new_thread = limited_fork, limited_start
from mcptelemetry.cli import main
sys.exit(main())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes as POSIX has them")
@pytest.mark.parametrize("more", [0, 1, 2, 3])
def test_wrap_runs_the_command_with_no_process_to_be_had(tmp_path: Path, more: int) -> None:
    """However few processes and threads there still are, the server answers; a line says what that costs."""
    sink = tmp_path / "events.jsonl"
    words = ["wrap", "--endpoint", sink.as_uri(), "--", sys.executable, "-c", ANSWERER]
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(more), *words],
        input=CALLS,
        capture_output=True,
        timeout=60,
        check=False,
        cwd=ROOT,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    assert (done.returncode, done.stdout.count(b"\n")) == (0, 10), done.stderr
    if more < 2:
        why = "no process can be started: Resource temporarily unavailable"
        assert done.stderr.decode().startswith(f"mcptelemetry: this session is not recorded: {why}")
        assert done.stderr.count(b"\n") == 1
    else:  # without a thread of their own events leave with the end
        assert (done.stderr, events(sink)) == (b"", [("add", "success")] * 10)
