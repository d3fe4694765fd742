"""
Said once, where it is read: every way in which events go nowhere, through each door.

A wrapper, a host that configured no logging, and `check` each say one line that names the
endpoint, the cause and the mend.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from mcptelemetry.testing import HostileServer, ScriptedServer, refusing_url
from mcptelemetry.testing._sockets import SocketServer

ROOT = Path(__file__).parents[2]
REPLAY = ROOT / "tests" / "data" / "servers" / "replay_server.py"
TRANSCRIPT = ROOT / "tests" / "data" / "transcripts" / "inspector-cli2.12--py2.3-server.jsonl"
PAGE = (200, b"<!doctype html><title>Welcome</title>", {"Content-Type": "text/html; charset=utf-8"})

TRIES = 6  # the end of a wrapper has a second and a half for what it recorded: on a busy machine, once more

HOST = """
from mcptelemetry import Telemetry, UploadError
telemetry = Telemetry("acme-mcp", "1.4.0")
telemetry.start()
for _ in range(3):
    telemetry.record("get_issues")
    try:
        telemetry.flush(10)
    except UploadError:
        pass
telemetry.shutdown()
"""


class Trouble(NamedTuple):
    """What is wrong with an endpoint: how it answers, and what a line about it says of cause and mend."""

    cause: str
    mend: str


TROUBLES = {
    "404": Trouble("HTTP 404", "correct the endpoint: write the collector's base address"),
    "redirect": Trouble("a redirect to elsewhere.invalid", "write the address that it leads to"),
    "401": Trouble("HTTP 401", "ACME_MCP_EVENTS_TOKEN is not set: put the token into it"),
    "403": Trouble("HTTP 403", "ACME_MCP_EVENTS_TOKEN is not set: put the token into it"),
    "413": Trouble("HTTP 413", "let larger bodies pass there"),
    "500": Trouble("HTTP 500", "look after the server there"),
    "page": Trouble("HTTP 200", "correct the endpoint: write the collector's base address"),
    "refused": Trouble("connection refused", "start the collector there, or correct the address"),
    "unresolvable": Trouble("no answer from no-such-host.invalid", "correct the host's name, or mend the network"),
    "tls": Trouble("no answer from 127.0.0.1", "see whether TLS is spoken at that port"),
    "unwritable": Trouble("cannot open the file", "make the directory"),
    "missing package": Trouble("the package requests is missing", "-m pip install requests"),
}


@contextlib.contextmanager
def endpoint(kind: str, tmp_path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Give an endpoint with that trouble, and what else stands in the environment."""
    if kind == "refused":
        with refusing_url() as url:
            yield url, {}
    elif kind == "unresolvable":
        yield "https://no-such-host.invalid", {}
    elif kind == "unwritable":
        yield (tmp_path / "nowhere" / "events.jsonl").as_uri(), {}
    elif kind == "missing package":
        (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['requests'] = None\n")
        yield "https://127.0.0.1:1", {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    elif kind == "tls":
        with SocketServer(lambda connection: connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server:
            yield f"https://127.0.0.1:{server.port}", {}
    else:
        moved = (302, b"", {"Location": "https://elsewhere.invalid/x"})
        reply = {"page": PAGE, "redirect": moved}.get(kind) or int(kind)
        with ScriptedServer(otherwise=reply) as server:
            yield f"http://127.0.0.1:{server.port}", {}


def run(home: Path, arguments: list[str], stdin: bytes = b"", **environ: str) -> subprocess.CompletedProcess[bytes]:
    """Run Python with nothing in the environment but a home and *environ*."""
    return subprocess.run(
        [sys.executable, *arguments],
        input=stdin,
        capture_output=True,
        timeout=60,
        check=False,
        cwd=ROOT,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), **environ},
    )


def requests() -> bytes:
    """Return what the client of a recorded session sent: it calls one tool."""
    entries = [json.loads(text) for text in TRANSCRIPT.read_text("utf-8").splitlines()]
    return b"".join(e["line"].encode() + b"\n" for e in entries if "line" in e and e["dir"] == "c2s")


def the_line(kind: str, url: str, said: bytes, beginning: str) -> None:
    """Require that *said* is one line with endpoint, cause and mend."""
    lines = said.decode().splitlines()
    assert len(lines) == 1, lines
    line = lines[0]
    assert line.startswith(beginning), line
    for part in (url, *TROUBLES[kind]):
        assert part in line


@pytest.mark.parametrize("kind", TROUBLES)
def test_outage_is_one_line_of_the_wrapper(kind: str, tmp_path: Path) -> None:
    """The server runs unchanged, and its stderr gets one line of ours."""
    with endpoint(kind, tmp_path) as (url, more):
        server = [sys.executable, str(REPLAY), str(TRANSCRIPT)]
        command = ["-m", "mcptelemetry", "wrap", "--app", "acme-mcp", "--", *server]
        bare = subprocess.run(server, input=requests(), capture_output=True, timeout=60, check=True)
        for _ in range(TRIES):
            done = run(tmp_path, command, requests(), ACME_MCP_EVENTS_ENDPOINT=url, **more)
            assert (done.stdout, done.returncode) == (bare.stdout, 0)
            if TROUBLES[kind].cause.encode() in done.stderr:
                break
    the_line(kind, url, done.stderr, "mcptelemetry: ")


@pytest.mark.parametrize("kind", TROUBLES)
def test_outage_is_one_line_of_a_host_without_logging(kind: str, tmp_path: Path) -> None:
    """However often it is tried, a host that configured no logging sees one line, and ends as it would."""
    with endpoint(kind, tmp_path) as (url, more):
        done = run(tmp_path, ["-c", HOST], ACME_MCP_EVENTS_ENDPOINT=url, **more)
        asked = run(tmp_path, ["-m", "mcptelemetry", "--app", "acme-mcp", "status", "--json"])
    assert (done.stdout, done.returncode) == (b"", 0)
    the_line(kind, url, done.stderr, "mcptelemetry: ")
    # Another process tells the same, and what became of the three events.
    (sums,) = json.loads(asked.stdout)["deliveries"]
    assert sums["endpoint"] == url
    assert sums["delivered"] + sums["lost"] + sums["rejected"] == 3
    assert sums["delivered"] == (3 if kind == "page" else 0)  # a page says yes: it cannot be known
    assert all(part in sums["last_error"] for part in TROUBLES[kind])


@pytest.mark.parametrize("kind", TROUBLES)
def test_outage_is_one_line_of_check(kind: str, tmp_path: Path) -> None:
    """Who asks is told before anything is lost, and the exit status says it too."""
    with endpoint(kind, tmp_path) as (url, more):
        done = run(tmp_path, ["-m", "mcptelemetry", "--app", "acme-mcp", "check"], ACME_MCP_EVENTS_ENDPOINT=url, **more)
    assert (done.stderr, done.returncode) == (b"", 1)
    the_line(kind, url, done.stdout, "events to ")
    assert b"(the operator's; token in ACME_MCP_EVENTS_TOKEN, not set)" in done.stdout


def test_wrapper_says_at_its_end_what_was_lost(tmp_path: Path) -> None:
    """An endpoint that takes and never answers costs the events and one line, and holds nobody up."""
    with HostileServer("silent") as server:
        url = f"http://127.0.0.1:{server.port}"
        command = ["-m", "mcptelemetry", "wrap", "--endpoint", url, "--", sys.executable, str(REPLAY), str(TRANSCRIPT)]
        done = run(tmp_path, command, requests())
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith(f"mcptelemetry: 1 events to {url} were lost: no answer came in time; ")
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("options", "mend"),
    [
        (["--token-env", "MY_TOKEN"], "MY_TOKEN is not set: put the token into it"),
        ([], "the variable of --token-env is not set: put the token into it"),
    ],
)
def test_wrapper_names_the_variable_that_was_typed(options: list[str], mend: str, tmp_path: Path) -> None:
    """The mend speaks in the words of the command line, not of what stands behind it."""
    with ScriptedServer(otherwise=401) as server:
        endpoint = ["--endpoint", f"http://127.0.0.1:{server.port}", *options]
        command = ["-m", "mcptelemetry", "wrap", *endpoint, "--", sys.executable, str(REPLAY), str(TRANSCRIPT)]
        for _ in range(TRIES):
            done = run(tmp_path, command, requests())
            if b"HTTP 401" in done.stderr:
                break
    (line,) = done.stderr.decode().splitlines()
    assert line.endswith(mend)


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root can mount a disk to fill")
def test_full_disk_is_one_line_through_each_door(tmp_path: Path) -> None:
    """Nothing can be appended, and that is said by the wrapper, the host and `check`."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "none", str(disk)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"this machine lets nobody mount: {mounted.stderr.decode()}")
    try:
        (disk / "fill").write_bytes(b"x" * 4096)
        url = (disk / "events.jsonl").as_uri()
        command = ["-m", "mcptelemetry", "wrap", "--endpoint", url, "--", sys.executable, str(REPLAY), str(TRANSCRIPT)]
        wrapped = run(tmp_path, command, requests())
        hosted = run(tmp_path, ["-c", HOST], ACME_MCP_EVENTS_ENDPOINT=url)
        checked = run(tmp_path, ["-m", "mcptelemetry", "--app", "acme-mcp", "check"], ACME_MCP_EVENTS_ENDPOINT=url)
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    assert (wrapped.returncode, hosted.returncode, checked.returncode) == (0, 0, 1)
    assert checked.stderr == b""
    for said in (wrapped.stderr, hosted.stderr, checked.stdout):
        (line,) = said.decode().splitlines()
        for part in (url, "no space left on device", "make room there"):
            assert part in line.lower()


def test_host_that_logs_gets_the_line_in_its_log_and_nowhere_else(tmp_path: Path) -> None:
    """Whoever configured logging, or shut the last resort, decides where our line goes."""
    configured = "import logging, sys\nlogging.basicConfig(stream=sys.stdout)\n" + HOST
    shut = "import logging\nlogging.lastResort = None\n" + HOST
    with endpoint("404", tmp_path) as (url, _):
        done = run(tmp_path, ["-c", configured], ACME_MCP_EVENTS_ENDPOINT=url)
        silent = run(tmp_path, ["-c", shut], ACME_MCP_EVENTS_ENDPOINT=url)
    assert done.stderr == silent.stderr == silent.stdout == b""
    assert done.stdout.decode().count("mcptelemetry: events to ") == 1


def test_outage_that_only_the_end_sees_is_not_printed(tmp_path: Path) -> None:
    """At its exit a host's stderr is its own."""
    only_the_exit = HOST.replace("telemetry.shutdown()", "").replace("telemetry.flush(10)", "pass")
    with endpoint("404", tmp_path) as (url, _):
        done = run(tmp_path, ["-c", only_the_exit], ACME_MCP_EVENTS_ENDPOINT=url)
    assert (done.stdout, done.stderr, done.returncode) == (b"", b"", 0)
