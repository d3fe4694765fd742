"""The commands `collect` and `report`, as their table describes them."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import pytest
import requests

from mcptelemetry import Telemetry, TelemetryUploader
from mcptelemetry.cli import _collect, _report
from mcptelemetry.cli._command import CommandFailed, Console, WrongUse
from mcptelemetry.collector import (
    EVENTS_PATH,
    PEOPLE,
    Filter,
    SqliteStore,
    compile_report,
    demo_documents,
    parse_filter,
    serve,
    store_documents,
)
from mcptelemetry.wire import TelemetryBatch, TelemetryEvent


COMMANDS = (*_collect.COMMANDS, *_report.COMMANDS)


class SendResult(NamedTuple):
    """What a command came to."""

    status: int
    out: str
    err: str


def run(*argv: str, environ: dict[str, str] | None = None) -> SendResult:
    """Run one of the commands with the options that every command has."""
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True)
    for command in COMMANDS:
        own = commands.add_parser(command.name)
        own.set_defaults(run=command.run)
        command.configure(own)
        own.add_argument("--app")
        own.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)
    console = Console(io.StringIO(), io.StringIO(), environ or {})
    status = args.run(args, console)
    return SendResult(status, console.out.getvalue(), console.err.getvalue())  # type: ignore[attr-defined]  # StringIO


_COLLECT = """
import argparse, os, sys
from mcptelemetry import Telemetry, TelemetryUploader
from mcptelemetry.cli._collect import COMMANDS
from mcptelemetry.cli._command import Console
(collect,) = [command for command in COMMANDS if command.name == "collect"]
parser = argparse.ArgumentParser()
collect.configure(parser)
raise SystemExit(collect.run(parser.parse_args(), Console()))
"""


@contextmanager
def collecting(*argv: str, **environ: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run `collect` as a process; give it and the address it printed."""
    process = subprocess.Popen(
        [sys.executable, "-c", _COLLECT, *argv],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environ},
    )
    try:
        yield process, read_url(process.stderr)
    finally:
        process.kill()
        process.communicate()


def read_url(stream: IO[str] | None) -> str:
    """Return the address printed on *stream*, past the lines to paste: an author's, an operator's, the report's and the page's."""
    assert stream is not None
    found = re.search(r"http://\S+", stream.readline())
    assert found is not None
    for line in range(4):
        assert (found[0] in stream.readline()) is (line != 2)
    return found[0]


def post(url: str, *ids: str, token: str | None = None) -> int:
    """Post a batch with one event an id; return the status."""
    events = [TelemetryEvent("a", "local_only", latency_ms=4, id=name) for name in ids]
    with requests.Session() as client:
        client.trust_env = False
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        body = TelemetryBatch(events, app="acme-mcp", version="v1").to_json()
        return client.post(url + EVENTS_PATH, data=body, headers=headers, timeout=10).status_code


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_collect_takes_events_until_interrupted(tmp_path: Path, number: signal.Signals) -> None:
    """The address is on stderr, events are stored, and a signal ends it with status 0 and no traceback."""
    path = tmp_path / "c.db"
    with collecting("--db", str(path)) as (process, url):
        assert url.startswith("http://127.0.0.1:")
        assert post(url, "1", "2") == 202
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
        assert (process.returncode, out, err) == (0, "", "")
    assert compile_report(SqliteStore(path, read_only=True))["totals"]["calls"] == 2


def test_collect_asks_for_tokens(tmp_path: Path) -> None:
    """Tokens come from the environment, and are asked of senders and of readers."""
    options = ("--db", str(tmp_path / "c.db"), "--token-env", "SENDER", "--report-token-env", "READER")
    with collecting(*options, SENDER="s3cret", READER="r3ader") as (_, url):
        assert post(url, "1") == 401
        assert post(url, "1", token="s3cret") == 202
        with requests.Session() as client:
            client.trust_env = False
            assert client.get(url + "/api/report", timeout=10).status_code == 401
            headers = {"Authorization": "Bearer r3ader"}
            assert client.get(url + "/api/report", headers=headers, timeout=10).json()["totals"]["calls"] == 1


def test_collect_takes_the_report_token_itself(tmp_path: Path) -> None:
    """`--report-token TOKEN` is asked of readers; empty, or beside the variable, it is wrong use."""
    with collecting("--db", str(tmp_path / "c.db"), "--report-token", "r3ader") as (_, url), requests.Session() as client:
        client.trust_env = False
        assert client.get(url + "/api/report", timeout=10).status_code == 401
        headers = {"Authorization": "Bearer r3ader"}
        assert client.get(url + "/api/report", headers=headers, timeout=10).status_code == 200
    with pytest.raises(WrongUse, match="--report-token"):
        run("collect", "--db", str(tmp_path / "c.db"), "--report-token", "")
    with pytest.raises(WrongUse, match="--report-token-env"):
        run("collect", "--db", str(tmp_path / "c.db"), "--report-token", "a", "--report-token-env", "R", environ={"R": "b"})


def test_collect_draws_a_report_token(tmp_path: Path) -> None:
    """Without one given, the address printed last opens the page in a browser, another token at each start."""
    tokens = set()
    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, "-c", _COLLECT, "--db", str(tmp_path / "c.db")], stderr=subprocess.PIPE, text=True
        )
        try:
            assert process.stderr is not None
            address = [process.stderr.readline() for _ in range(5)][-1].split()[0]
            with requests.Session() as browser:
                browser.trust_env = False
                page = browser.get(address, timeout=10)
                assert (page.status_code, page.headers["Content-Type"], "token" in page.url) == (200, "text/html; charset=utf-8", False)
                assert browser.get(page.url + "api/report", timeout=10).json()["totals"]["calls"] == 0
                browser.cookies.clear()
                assert browser.get(page.url, timeout=10).status_code == 401
            tokens.add(address.partition("token=")[2])
        finally:
            process.kill()
            process.communicate()
    assert len(tokens) == 2
    assert min(map(len, tokens)) >= 32


def test_collect_lets_everybody_look(tmp_path: Path) -> None:
    """With `--public` the page needs no token, the report does, and both addresses are printed."""
    process = subprocess.Popen(
        [sys.executable, "-c", _COLLECT, "--db", str(tmp_path / "c.db"), "--public"], stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        page, report = ([process.stderr.readline() for _ in range(6)])[-2:]
        with requests.Session() as browser:
            browser.trust_env = False
            url = page.split()[0]
            assert ("token" in page, browser.get(url, timeout=10).status_code) == (False, 200)
            assert browser.get(url, headers={"Host": "evil.example"}, timeout=10).status_code == 403
            assert browser.get(url + "inbox", timeout=10).status_code == 404
            assert browser.get(url + "api/report", timeout=10).status_code == 401
            assert browser.get(report.split()[0], timeout=10).json()["totals"]["calls"] == 0
    finally:
        process.kill()
        process.communicate()


def test_collect_goes_by_the_names_it_is_given(tmp_path: Path) -> None:
    """With `--allow-host` the page is asked for under that name, an address or localhost, and under no other."""
    argv = ("--db", str(tmp_path / "c.db"), "--allow-host", "t.acme.dev", "--report-token", "r3ader")
    with collecting(*argv) as (_, url), requests.Session() as client:
        client.trust_env = False
        for host, status in (("t.acme.dev", 200), ("localhost:1", 200), ("evil.example", 403)):
            headers = {"Authorization": "Bearer r3ader", "Host": host}
            assert client.get(url + "/api/report", headers=headers, timeout=10).status_code == status
    with pytest.raises(WrongUse, match="not usable") as caught:
        run("collect", "--db", str(tmp_path / "c.db"), "--allow-host", "http://t.acme.dev/")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "workers",
    ["1", pytest.param("2", marks=[pytest.mark.heavy, pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")])],
)
def test_collect_shows_an_invented_year(tmp_path: Path, workers: str) -> None:
    """`--demo` serves a year that ends today from a database that is gone afterwards; it takes nothing in, and says so."""
    process = subprocess.Popen(
        [sys.executable, "-c", _COLLECT, "--demo", "--workers", workers], stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    try:
        assert process.stderr is not None
        making, made, listening, page = (process.stderr.readline() for _ in range(4))
        assert ("making a year" in making, "removes them" in made, "listening" in listening) == (True, True, True)
        assert [path.name.startswith("mcptelemetry-demo-") for path in tmp_path.iterdir()] == [True]
        with requests.Session() as browser:
            browser.trust_env = False
            shown = browser.get(page.split()[0], timeout=30)
            assert (shown.status_code, "acme-mcp" in shown.text, "token" in shown.url) == (200, True, False)
            report = browser.get(shown.url + "api/report?since=2d", timeout=30).json()
            assert report["totals"]["calls"] > 0
            assert report["health"]["last_event_at"] <= time.time()
            whole = browser.get(shown.url + "api/report", timeout=30).json()
            assert whole["health"]["last_heartbeat_at"] > time.time() - 2 * 86_400
            assert min(span["start"] for span in whole["calls_over_time"]) < time.time() - 300 * 86_400
        assert post(shown.url.rstrip("/"), "1") == 403
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=20)
        assert (process.returncode, err) == (0, "")
        assert list(tmp_path.iterdir()) == []
    finally:
        process.kill()
        process.communicate()


def test_demonstration_can_be_left_at_once(tmp_path: Path) -> None:
    """Whoever interrupts it while the year is made waits for nothing, and nothing is left behind."""
    process = subprocess.Popen(
        [sys.executable, "-c", _COLLECT, "--demo"], stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    try:
        assert process.stderr is not None
        assert "making a year" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
        assert (process.returncode, err) == (0, "")
        assert list(tmp_path.iterdir()) == []
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("options", "named"),
    [(["--token-env", "S"], "--token-env"), (["--keep-days", "7"], "--keep-days"), (["--report-token", ""], "--report-token")],
)
def test_demonstration_with_what_it_has_no_use_for_is_wrong_use(options: list[str], named: str) -> None:
    """What would be taken in or kept has no place in a demonstration: one line says which option to leave out."""
    with pytest.raises(WrongUse, match=named) as caught:
        run("collect", "--demo", *options, environ={"S": "t"})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("options", [["--demo", "--db", "c.db"], ["--demo", "--store", "sqlite:c.db"], []], ids=str)
def test_collect_has_one_store(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A demonstration has a database of its own: beside another it is wrong use, and so is none at all."""
    with pytest.raises(SystemExit) as caught:
        run("collect", *options)
    assert (caught.value.code, "--demo" in capsys.readouterr().err) == (2, True)


def test_collect_takes_several_tokens(tmp_path: Path) -> None:
    """Each variable holds a token, for all applications or for those that are named behind it."""
    options = ("--db", str(tmp_path / "c.db"), "--token-env", "ANY", "--token-env", "OTHER=other-mcp,third-mcp")
    with collecting(*options, ANY="t-any", OTHER="t-other") as (_, url):
        assert [post(url, "1", token=token) for token in ("t-any", "t-other", "t-none")] == [202, 403, 401]
    with pytest.raises(WrongUse, match="the same token"):
        run("collect", *options, environ={"ANY": "t", "OTHER": "t"})
    with pytest.raises(WrongUse, match="app"):
        run("collect", "--db", str(tmp_path / "c.db"), "--token-env", "ANY=Not an app", environ={"ANY": "t"})


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_collect_runs_several_processes(tmp_path: Path) -> None:
    """All answer at one address and store in one database; one that is killed is replaced, and all end with the first."""
    path = tmp_path / "c.db"
    with collecting("--db", str(path), "--workers", "3") as (process, url):
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        before = set(children.read_text().split())
        assert len(before) == 3
        assert {post(url, f"a-{number}") for number in range(30)} == {202}
        victim = min(before)
        os.kill(int(victim), signal.SIGKILL)
        assert process.stderr is not None
        assert "another was started" in process.stderr.readline()
        assert len(set(children.read_text().split()) - before) == 1
        assert {post(url, f"b-{number}") for number in range(30)} == {202}
        process.terminate()
        out, err = process.communicate(timeout=20)
        assert (process.returncode, out, err) == (0, "", "")
    assert not any(Path(f"/proc/{child}").exists() for child in before)
    assert compile_report(SqliteStore(path, read_only=True))["totals"]["calls"] == 60


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_processes_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    """No process of a collector goes on without the one that would look after it."""
    with collecting("--db", str(tmp_path / "c.db"), "--workers", "2") as (process, url):
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.kill()
        process.wait(20)
        ends_at = time.monotonic() + 20
        while any(Path(f"/proc/{child}").exists() for child in children) and time.monotonic() < ends_at:
            time.sleep(0.05)
        assert not any(Path(f"/proc/{child}").exists() for child in children)
        with pytest.raises(requests.ConnectionError):
            post(url, "1")


def test_collect_takes_out_what_is_old(tmp_path: Path) -> None:
    """With `--keep-days` what was made before that is gone soon after the start, and the rest is not."""
    path = tmp_path / "c.db"
    now = int(time.time())
    events = [TelemetryEvent("a", "local_only", timestamp_secs=now - age, id=str(age)) for age in (0, 86_400, 8 * 86_400)]
    SqliteStore(path).add_events(TelemetryBatch(events), received_at=now)
    with collecting("--db", str(path), "--keep-days", "7"):
        ends_at = time.monotonic() + 20
        while stored_in(path) != 2 and time.monotonic() < ends_at:
            time.sleep(0.05)
    assert stored_in(path) == 2


def stored_in(path: Path) -> int:
    """Return how many events are stored."""
    return sum(1 for _ in SqliteStore(path, read_only=True).events())


def test_backup_is_a_whole_database(tmp_path: Path) -> None:
    """The copy is a collector's database of one moment, while senders go on; nobody else may read it."""
    store = SqliteStore(tmp_path / "c.db")
    is_over = threading.Event()
    taken: list[int] = []

    def send() -> None:
        while not is_over.is_set():
            number = len(taken)
            store.add_events(TelemetryBatch([TelemetryEvent("a", "local_only", timestamp_secs=1, id=f"{number}-{one}") for one in range(5)]), received_at=1)
            taken.append(5)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        while len(taken) < 3:
            time.sleep(0.01)
        before = sum(taken)
        copy = tmp_path / "copy.db"
        assert run("backup", "--db", store.path, str(copy)).status == 0
        after = sum(taken) + 5
    finally:
        is_over.set()
        sender.join(30)
        store.close()
    assert before <= stored_in(copy) <= after
    assert stored_in(copy) % 5 == 0
    assert copy.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.db", "copy.db"]


def test_backup_overwrites_nothing(tmp_path: Path) -> None:
    """A file that is there, and a database that is not, are one-line errors, and nothing is left behind."""
    store = SqliteStore(tmp_path / "c.db")
    other = tmp_path / "other.txt"
    other.write_text("mine")
    for argv in ((store.path, str(other)), (str(tmp_path / "none.db"), str(tmp_path / "x")), (store.path, str(tmp_path / "no" / "x"))):
        with pytest.raises(CommandFailed) as caught:
            run("backup", "--db", *argv)
        assert "\n" not in str(caught.value)
    assert other.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.db", "other.txt"]


def test_collect_says_that_its_store_fails(tmp_path: Path) -> None:
    """When the database is damaged under it, the person at the terminal is told, once."""
    path = tmp_path / "c.db"
    with collecting("--db", str(path)) as (process, url):
        path.write_bytes(b"x" * 4096)
        assert [post(url, "1"), post(url, "1")] == [503, 503]
        process.terminate()
        _, err = process.communicate(timeout=20)
    lines = [line for line in err.splitlines() if "store" in line]
    assert len(lines) == 1
    assert str(path) in lines[0]


@pytest.mark.parametrize("environ", [{}, {"SENDER": ""}, {"SENDER": "  "}, {"SENDER": "zwölf"}])
def test_collect_without_the_token_it_was_promised_is_wrong_use(tmp_path: Path, environ: dict[str, str]) -> None:
    """A variable that holds no token must not mean that none is asked for."""
    with pytest.raises(WrongUse, match="token"):
        run("collect", "--db", str(tmp_path / "c.db"), "--token-env", "SENDER", environ=environ)


def test_collect_on_what_it_cannot_use_fails_in_one_line(tmp_path: Path) -> None:
    """A directory, a missing folder and a port that is taken are one-line errors with the mend."""
    for path in (tmp_path, tmp_path / "nowhere" / "c.db"):
        with pytest.raises(CommandFailed, match=re.escape(str(path.parent))) as caught:
            run("collect", "--db", str(path))
        assert "\n" not in str(caught.value)
    with serve(SqliteStore(tmp_path / "other.db")) as server:
        with pytest.raises(CommandFailed, match="choose another host or port"):
            run("collect", "--db", str(tmp_path / "c.db"), "--port", str(server.port))


@pytest.mark.parametrize("port", ["x", "-1", "70000", "1e3", ""])
def test_collect_refuses_odd_ports(tmp_path: Path, port: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An invalid port is wrong use, status 2, with what is allowed."""
    with pytest.raises(SystemExit) as caught:
        run("collect", "--db", str(tmp_path / "c.db"), f"--port={port}")
    assert caught.value.code == 2
    assert "65535" in capsys.readouterr().err


def test_report_prints_table_or_json(tmp_path: Path) -> None:
    """The report is a table for people and, with --json, the document for programs."""
    store = SqliteStore(tmp_path / "c.db")
    events = [TelemetryEvent("get_issues", "local_only", latency_ms=4)]
    store.add_events(TelemetryBatch(events, app="acme-mcp"), received_at=1)
    table = run("report", "--db", store.path)
    assert (table.status, table.err) == (0, "")
    assert "get_issues" in table.out
    document = run("report", "--db", store.path, "--json")
    assert json.loads(document.out) == compile_report(store, Filter(env_kinds=PEOPLE))
    other = run("report", "--db", store.path, "--app", "other")
    assert "acme-mcp" in other.out
    assert json.loads(run("report", "--db", store.path, "--app", "other", "--json").out)["rows"] == []


def test_report_of_an_empty_database_says_so(tmp_path: Path) -> None:
    """Before the first event there is nothing yet, and that is no failure."""
    store = SqliteStore(tmp_path / "c.db")
    assert run("report", "--db", store.path) == (0, "Nothing has been collected yet.\n", "")
    assert json.loads(run("report", "--db", store.path, "--json").out)["rows"] == []


def test_report_on_a_missing_file_fails_and_makes_none(tmp_path: Path) -> None:
    """A slip in the file's name is said, and leaves no empty database behind."""
    with pytest.raises(CommandFailed, match="does not exist"):
        run("report", "--db", str(tmp_path / "c.db"))
    assert list(tmp_path.iterdir()) == []


def test_report_on_something_else_fails_in_one_line(tmp_path: Path) -> None:
    """A file that is no collector's database is refused, and not changed."""
    path = tmp_path / "a.txt"
    path.write_text("a note to myself\n" * 100)
    with pytest.raises(CommandFailed, match="no sqlite file") as caught:
        run("report", "--db", str(path))
    assert "\n" not in str(caught.value)
    with pytest.raises(CommandFailed, match="is a directory"):
        run("report", "--db", str(tmp_path))


def test_report_takes_a_period_filters_and_a_url(tmp_path: Path) -> None:
    """A period, filters and a store's URL narrow the report; a table of it can be had as CSV."""
    store = SqliteStore(tmp_path / "c.db")
    store_documents(store, demo_documents(40, 60))
    url = f"sqlite:{store.path}"
    options = ("--since", "2025-11-01", "--until", "2025-11-28", "--env-kind", "all", "--version", "v1.4.1", "--client", "vscode")
    asked = parse_filter(now=0, since="2025-11-01", until="2025-11-28", env_kind="all", version="v1.4.1", client="vscode")
    document = json.loads(run("report", "--store", url, "--json", *options).out)
    assert document == compile_report(store, asked)
    assert document["before"]["totals"]["calls"] + document["totals"]["calls"] > 0
    table = run("report", "--store", url, "--csv", "versions", *options)
    assert table.out.splitlines()[0] == "version,installations,first heard of"
    assert "v1.4.1" in table.out
    assert "from 2025-11-01 00:00 to 2025-11-28 00:00 UTC" in run("report", "--store", url, *options).out


@pytest.mark.parametrize(
    "options",
    [
        ["--since", "yesterday"],
        ["--since", "2025-02-01", "--until", "2025-01-01"],
        ["--csv", "calls", "--json"],
    ],
)
def test_report_of_what_cannot_be_asked_is_wrong_use(tmp_path: Path, options: list[str]) -> None:
    """A slip in what is asked for is said in one line."""
    SqliteStore(tmp_path / "c.db")
    with pytest.raises(WrongUse) as caught:
        run("report", "--db", str(tmp_path / "c.db"), *options)
    assert "\n" not in str(caught.value)


def test_report_of_no_known_store_is_wrong_use() -> None:
    """A URL of no store is wrong use, and nothing of it is repeated."""
    with pytest.raises(WrongUse, match="names no store") as caught:
        run("report", "--store", "mysql://u:hunter2@h/d")
    assert "hunter2" not in str(caught.value)


CONTEXT = {
    "version": "v1.4.0", "edition": "personal", "os": "linux", "arch": "amd64", "server_count": 1,
    "connected_server_count": 1, "routing_mode": "local",
}  # fmt: skip


def test_inbox_shows_feedback_and_marks_it_as_read(tmp_path: Path) -> None:
    """What people typed is shown newest first, each with where it is about, and once read it is not new any more."""
    store = SqliteStore(tmp_path / "c.db")
    message = {"app": "acme-mcp", "category": "bug", "context": CONTEXT}
    store.add_feedback({**message, "message": "first line\nsecond  line\x1b[2J", "email": "tim@acme.dev"}, received_at=60)
    store.add_feedback({**message, "app": "other", "message": "Thank you for this."}, received_at=120)
    shown = run("inbox", "--db", store.path)
    assert shown.out == (
        "1970-01-01 00:02  bug  other  v1.4.0  new\n    Thank you for this.\n\n"
        "1970-01-01 00:01  bug  acme-mcp  v1.4.0  tim@acme.dev  new\n    first line\n    second  line\\u001b[2J\n"
    )
    (one,) = json.loads(run("inbox", "--db", store.path, "--app", "other", "--json").out)
    assert (one["message"], one["is_read"]) == ("Thank you for this.", False)
    assert "Thank you" in run("inbox", "--db", store.path, "--app", "other", "--mark-read").out
    assert "Thank you" not in run("inbox", "--db", store.path, "--unread").out
    assert "new" not in run("inbox", "--db", store.path, "--app", "other").out
    assert run("inbox", "--db", store.path, "--mark-read").status == 0
    assert run("inbox", "--db", store.path, "--unread").out == "There is no feedback that was not read.\n"


def test_inbox_makes_no_database(tmp_path: Path) -> None:
    """A slip in the file's name is said, and leaves no empty database behind, whatever is to be marked."""
    for options in ([], ["--mark-read"]):
        with pytest.raises(CommandFailed, match="does not exist"):
            run("inbox", "--db", str(tmp_path / "c.db"), *options)
    assert list(tmp_path.iterdir()) == []
    assert run("inbox", "--db", SqliteStore(tmp_path / "d.db").path).out == "There is no feedback.\n"


def test_collect_prints_three_lines_that_work_when_pasted(tmp_path: Path) -> None:
    """An author's, an operator's and the report's line each do what they say, as they stand."""
    (tmp_path / "my data").mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", _COLLECT, "--db", str(tmp_path / "my data" / "c.db")],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        process.stderr.readline()
        author, operator, report = (process.stderr.readline() for _ in range(3))
        names: dict[str, Any] = {"Telemetry": lambda *args, **options: (args, options)}
        exec(author, names)  # noqa: S102  what is pasted into a program
        (app,), options = names["telemetry"]
        Telemetry(app, **options, environ={}, data_dir=str(tmp_path / "own"))
        words = shlex.split(operator, comments=True)
        endpoint = words[words.index("--endpoint") + 1]
        with contextlib.closing(TelemetryUploader(endpoint, environ={})) as uploader:
            uploader.upload(TelemetryBatch([TelemetryEvent("a", "local_only", id="1")]))
        shown = run(*shlex.split(report, comments=True)[1:], "--json")
        assert json.loads(shown.out)["totals"]["calls"] == 1
    finally:
        process.kill()
        process.communicate()
