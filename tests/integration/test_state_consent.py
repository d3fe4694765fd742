"""A no, a yes and a notice while an application runs: what a listening server sees of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from mcptelemetry import PipelineConfig, Telemetry, TelemetryEvent, TelemetryPipeline, UploadError
from mcptelemetry.cli import Console, main
from mcptelemetry.counters import begin_generation
from mcptelemetry.state import Memory
from mcptelemetry.testing import FakeClock, ScriptedServer
from mcptelemetry.vocabulary import DAY_SECS

LIMIT_SECS = 60
ROOT = Path(__file__).parents[2]


def say(home: Path, *arguments: str) -> None:
    """Run a command of the person's, elsewhere on the machine."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        console = Console(out=nowhere, err=nowhere, environ={"HOME": str(home)})
        assert main(list(arguments), console) == 0


def be_told(home: Path, *endpoints: str) -> None:
    """Be shown the notice, on a terminal two days ago: its delay has passed."""
    path = home / ".acme-mcp" / "telemetry.db"
    assert Memory(str(path), clock=lambda: time.time() - 2 * DAY_SECS).mark_notice("terminal", endpoints)


def telemetry(home: Path, endpoint: str, **changes: Any) -> Telemetry:
    """Return the author's telemetry, with a notice that a person sees."""
    options: dict[str, Any] = {
        "events_endpoint": endpoint,
        "environ": {"HOME": str(home), "ACME_MCP_TELEMETRY": "1"},
        "notice": lambda _text: True,
        **changes,
    }
    return Telemetry("acme-mcp", "1.0.0", **options)


def tools_in(server: ScriptedServer) -> list[str]:
    """Return the names of all tools in all batches that arrived."""
    return [event["tool"] for request in server.requests for event in json.loads(request.body)["events"]]


@pytest.mark.parametrize("arguments", [("off",), ("local",), ("off", "--app", "acme-mcp")])
def test_off_while_a_batch_is_on_its_way_is_the_last_of_it(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """The answer asks for a retry; none comes, nor anything recorded later, nor a farewell at the end."""

    def person_says_no(_request: object) -> int:
        say(tmp_path, *arguments)
        return 503

    server = ScriptedServer(person_says_no)
    be_told(tmp_path, server.events_url)
    with server, telemetry(tmp_path, server.events_url) as own:
        own.record("before")
        with pytest.raises(UploadError):
            own.flush(LIMIT_SECS)
        own.record("after")
        own.flush(LIMIT_SECS)
        own.record("farewell")
        own.shutdown(5)
        assert tools_in(server) == ["before"]


def test_on_again_sends_nothing_recorded_before(tmp_path: Path) -> None:
    """What waited in a process that ran all along is dropped, and what comes after the yes is sent."""
    server = ScriptedServer()
    be_told(tmp_path, server.events_url)
    with server, telemetry(tmp_path, server.events_url) as own:
        own.record("first")
        own.flush(LIMIT_SECS)
        own.record("waiting")
        say(tmp_path, "off")
        say(tmp_path, "on")
        own.flush(LIMIT_SECS)
        own.record("last")
        own.flush(LIMIT_SECS)
        assert tools_in(server) == ["first", "last"]
        assert own.status()["events"]["stats"]["dropped"] == 1


def test_generation_begun_elsewhere_lets_go_of_the_authors_events(tmp_path: Path) -> None:
    """What waited in a running process when another had everything forgotten never leaves."""
    server = ScriptedServer()
    be_told(tmp_path, server.events_url)
    with server, telemetry(tmp_path, server.events_url) as own:
        own.record("waiting")
        Memory(str(tmp_path / ".acme-mcp" / "telemetry.db")).database.change(begin_generation)
        assert own.flush(LIMIT_SECS) == 0
        own.record("last")
        assert own.flush(LIMIT_SECS) == 1
        assert tools_in(server) == ["last"]


def test_authors_events_are_kept_while_nobody_knows_what_is_remembered(tmp_path: Path) -> None:
    """A database that cannot be read for a while is no refusal: nothing leaves, and nothing is dropped."""
    server = ScriptedServer()
    be_told(tmp_path, server.events_url)
    path = tmp_path / ".acme-mcp" / "telemetry.db"
    with server, telemetry(tmp_path, server.events_url) as own:
        path.rename(path.with_suffix(".away"))
        path.mkdir()
        own.record("x")
        with pytest.raises(UploadError, match="cannot be read"):
            own.flush(LIMIT_SECS)
        assert server.requests == []
        path.rmdir()
        path.with_suffix(".away").rename(path)
        own.flush(LIMIT_SECS)
        assert tools_in(server) == ["x"]


def operators(home: Path, endpoint: str) -> Telemetry:
    """Return a telemetry whose events are an operator's."""
    return telemetry(home, "https://e.acme.dev", environ={"HOME": str(home), "ACME_MCP_EVENTS_ENDPOINT": endpoint})


def by_hand(home: Path, endpoint: str) -> TelemetryPipeline:
    """Return a pipeline that was built by hand."""
    pipeline = TelemetryPipeline(PipelineConfig(endpoint=endpoint), environ={"HOME": str(home)})
    pipeline.start()
    return pipeline


def record_by(held: Any, tool: str) -> None:
    """Record one call."""
    held.buffer.record(TelemetryEvent(tool, "local_only")) if isinstance(held, TelemetryPipeline) else held.record(tool)


@pytest.mark.parametrize("build", [operators, by_hand])
def test_refusal_of_all_events_and_a_yes_send_nothing_recorded_before(build: Any, tmp_path: Path) -> None:
    """The word about events begins a generation for every owner's; a mode does not, for an operator's."""
    with ScriptedServer() as server:
        held = build(tmp_path, server.events_url)
        if isinstance(held, Telemetry):
            held.start()
        record_by(held, "under another mode")
        say(tmp_path, "off")
        say(tmp_path, "on")
        assert held.flush(LIMIT_SECS) == 1
        record_by(held, "waiting")
        say(tmp_path, "off", "--everything")
        say(tmp_path, "on")
        assert held.flush(LIMIT_SECS) == 0
        record_by(held, "last")
        assert held.flush(LIMIT_SECS) == 1
        held.shutdown()
        assert tools_in(server) == ["under another mode", "last"]


def test_damaged_word_of_a_person_lets_an_operators_events_go_as_before(tmp_path: Path) -> None:
    """What is damaged and says nothing of events neither refuses an operator's events nor begins a generation of them."""
    person = tmp_path / ".mcptelemetry" / "person.toml"
    with ScriptedServer() as server:
        held = operators(tmp_path, server.events_url)
        held.start()
        person.parent.mkdir()
        for content in ("mode", 'mode = "on"'):
            held.record("x")
            person.write_text(content)
            assert held.flush(LIMIT_SECS) == 1
        held.shutdown()


def test_process_that_began_off_stays_silent(tmp_path: Path) -> None:
    """A yes counts for the processes that are started after it."""
    say(tmp_path, "off")
    with ScriptedServer() as server, telemetry(tmp_path, server.events_url) as own:
        say(tmp_path, "on")
        own.record("x")
        own.flush(LIMIT_SECS)
        own.shutdown()
        assert server.requests == []


@pytest.mark.parametrize("refusal", ["DO_NOT_TRACK", "CI", "ACME_MCP_TELEMETRY"])
def test_no_in_the_environment_counts_at_once(refusal: str, tmp_path: Path) -> None:
    """The environment is read before every transmission, like the files."""
    environ = {"HOME": str(tmp_path), "ACME_MCP_TELEMETRY": "1"}
    with ScriptedServer() as server, telemetry(tmp_path, server.events_url, environ=environ) as own:
        own.record("x")
        environ[refusal] = "true" if refusal != "ACME_MCP_TELEMETRY" else "off"
        own.flush(LIMIT_SECS)
        own.shutdown()
        assert server.requests == []


# -- the notice ---------------------------------------------------------------------------


def test_authors_events_wait_for_the_notice(tmp_path: Path) -> None:
    """Before a person was told where they go, none leaves; afterwards those recorded since do."""
    with ScriptedServer() as server:
        with telemetry(tmp_path, server.events_url, notice=lambda _text: False) as silent:
            silent.record("untold")
            silent.flush(LIMIT_SECS)
            assert server.requests == []
            assert "notice" in silent.status()["events"]["stats"]["last_error"]
            be_told(tmp_path, server.events_url)
            silent.record("told elsewhere")
            silent.flush(LIMIT_SECS)
        assert tools_in(server) == ["told elsewhere"]


def test_authors_events_wait_for_the_delay_after_the_notice(tmp_path: Path) -> None:
    """What is recorded meanwhile is kept, a flush says how long, and it leaves when the delay has passed."""
    clock = FakeClock()
    with ScriptedServer() as server, telemetry(tmp_path, server.events_url, clock=clock) as own:
        own.record("early")
        for _ in range(2):
            with pytest.raises(UploadError, match="another 300 s|ends in 300 s") as caught:
                own.flush(LIMIT_SECS)
            assert caught.value.retryable
        events = own.status()["events"]
        assert events["mode"] == "on"
        assert events["why_not"] == "the delay after the first-run notice ends in 300 s"
        assert events["not_before"] == "2026-05-28T20:31:40Z"
        assert events["stats"]["buffered"] == 1
        clock.advance(299)
        with pytest.raises(UploadError):
            own.flush(LIMIT_SECS)
        assert server.requests == []
        clock.advance(1)
        own.flush(LIMIT_SECS)
        assert tools_in(server) == ["early"]
        assert own.status()["events"]["why_not"] is own.status()["events"]["not_before"] is None


def test_authors_events_wait_a_day_after_a_notice_that_nobody_may_have_read(tmp_path: Path, capsys: Any) -> None:
    """A notice in what may be a log file counts, and what was recorded by then leaves a day later."""
    clock = FakeClock()
    with ScriptedServer() as server, telemetry(tmp_path, server.events_url, clock=clock, notice=None) as own:
        assert server.events_url in capsys.readouterr().err
        for _ in range(24):
            own.record("x")
            with pytest.raises(UploadError):
                own.flush(LIMIT_SECS)
            clock.advance(3600)
        assert server.requests == []
        own.flush(LIMIT_SECS)
        assert tools_in(server) == ["x"] * 24


def test_authors_events_that_wait_for_the_delay_leave_no_line_in_the_log(tmp_path: Path, caplog: Any) -> None:
    """To wait is no outage: a host's log stays empty."""
    with ScriptedServer() as server, telemetry(tmp_path, server.events_url) as own:
        own.record("x")
        with pytest.raises(UploadError):
            own.flush(LIMIT_SECS)
        own.shutdown()
        assert server.requests == []
        assert own.status()["events"]["stats"]["dropped"] == 1
    assert [record.getMessage() for record in caplog.records] == []


@pytest.mark.parametrize("set_by", [DAY_SECS * 365 * 50, DAY_SECS, 299.0])
def test_clock_that_is_set_does_not_end_the_delay_of_the_process_that_told(set_by: float, tmp_path: Path) -> None:
    """The monotonic clock counts the delay too, for events and for the heartbeat."""
    clock = FakeClock()
    with ScriptedServer() as server:
        own = telemetry(tmp_path, server.events_url, clock=clock, heartbeat_endpoint=server.url)
        own.start()
        own.record("x")
        clock.advance(2)
        clock.step(set_by)
        assert own.heartbeat is not None
        assert not own.heartbeat.send_now()
        assert "may leave at" in str(own.heartbeat.why_not())
        assert own.status()["heartbeat"]["why_not"] == "the delay after the first-run notice ends in 298 s"
        with pytest.raises(UploadError):
            own.flush(LIMIT_SECS)
        assert server.requests == []
        clock.advance(298)
        own.flush(LIMIT_SECS)
        own.shutdown()
        assert any(b'"tool":"x"' in request.body.replace(b" ", b"") for request in server.requests)


def test_delay_of_a_clock_that_is_set_back_is_not_shortened_either(tmp_path: Path) -> None:
    """Set back into the time before the notice, nothing was shown; set back within its delay, it lasts longer."""
    clock = FakeClock()
    with ScriptedServer() as server:
        own = telemetry(tmp_path, server.url, clock=clock, events_endpoint=None, heartbeat_endpoint=server.url)
        own.start()
        assert own.heartbeat is not None
        clock.advance(200)
        clock.step(-100)
        clock.advance(199)
        assert not own.heartbeat.send_now()
        clock.step(-DAY_SECS)
        assert "has not been shown" in str(own.heartbeat.why_not())
        clock.advance(DAY_SECS / 2)
        assert not own.heartbeat.send_now()
        own.shutdown()


@pytest.mark.parametrize("year", [1970, 2000, 2025, 2040])
def test_notice_shown_by_a_wrong_clock_was_not_shown(year: int, tmp_path: Path) -> None:
    """A mark from before the release, or from the future, lets nothing out, and the notice is shown once more."""
    shown: list[str] = []

    def show(text: str) -> bool:
        shown.append(text)
        return True

    wrong, right = FakeClock(time=(year - 1970) * 365.25 * DAY_SECS + DAY_SECS), FakeClock()
    with ScriptedServer() as server:
        for clock in (wrong, right):
            own = telemetry(
                tmp_path, server.events_url, clock=clock, notice=show, heartbeat_endpoint=server.url
            )
            if clock is right:
                own.record("x")
                assert own.heartbeat is not None
                assert not own.heartbeat.send_now()
                assert "has not been shown" in str(own.status()["heartbeat"]["why_not"])
            own.start()
            own.shutdown()
        assert server.requests == []
    assert len(shown) == 2


def test_authors_events_wait_for_a_notice_that_names_their_endpoint(tmp_path: Path) -> None:
    """A notice about another place does not count for this one."""
    with ScriptedServer() as server:
        telemetry(tmp_path, "https://elsewhere.acme.dev/events").start()
        with telemetry(tmp_path, server.events_url, notice=lambda _text: None) as own:
            own.record("x")
            own.flush(LIMIT_SECS)
        assert server.requests == []


def test_operators_events_need_no_notice(tmp_path: Path) -> None:
    """Who runs the machine knows; nothing is shown, nothing remembered, and the events arrive."""
    shown: list[str] = []
    with ScriptedServer() as server:
        environ = {"HOME": str(tmp_path), "ACME_MCP_EVENTS_ENDPOINT": server.events_url}
        with telemetry(tmp_path, "https://e.acme.dev", environ=environ, notice=shown.append) as own:
            own.record("x")
            own.flush(LIMIT_SECS)
        assert tools_in(server) == ["x"]
    assert shown == []
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("damage", ["home is a file", "database is a directory", "home is gone"])
def test_author_sends_nothing_from_where_nothing_can_be_remembered(damage: str, tmp_path: Path) -> None:
    """Without a place for the mark no event leaves, nothing is raised, and the status says it."""
    home = tmp_path / "home"
    if damage == "home is a file":
        home.write_text("x")
    elif damage == "database is a directory":
        (home / ".acme-mcp" / "telemetry.db").mkdir(parents=True)
    else:
        home = Path("/proc/nowhere")
    with ScriptedServer() as server, telemetry(home, server.events_url) as own:
        own.record("x")
        own.flush(LIMIT_SECS)
        status = own.status()
        own.shutdown()
        assert server.requests == []
    assert status["storage"]["degraded"] or status["mode"] == "off"
    json.dumps(status)


def test_mark_cut_at_any_byte_lets_nothing_out_unsaid(tmp_path: Path) -> None:
    """Wherever the database ends, an event leaves only when a notice is on record, old or new."""
    home = tmp_path / "home"
    with ScriptedServer() as server:
        be_told(home, server.events_url)
        path = home / ".acme-mcp" / "telemetry.db"
        content = path.read_bytes()
        for length in [0, 1, 15, 16, 60, 99, 100, 101, *range(500, len(content), 611), len(content) - 1]:
            path.write_bytes(content[:length])
            before = len(server.requests)
            with telemetry(home, server.events_url, notice=lambda _text: False) as own:
                own.record("x")
                own.flush(LIMIT_SECS)
            mark = Memory(str(path)).look().notice
            assert len(server.requests) == before + (mark is not None)


# -- off means off ------------------------------------------------------------------------


TRACES = """
import json, os, sys
from mcptelemetry import Telemetry

def traces():
    sockets = [fd for fd in os.listdir("/proc/self/fd") if _link(fd).startswith("socket:")]
    return [len(os.listdir("/proc/self/task")), len(sockets)]

def _link(fd):
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return ""

before = traces()
telemetry = Telemetry("acme-mcp", "1.0.0", heartbeat_endpoint="https://127.0.0.1:9", events_endpoint=sys.argv[1])
telemetry.start()
for n in range(1000):
    telemetry.record("x")
telemetry.flush(1)
status = telemetry.status()
after = traces()
telemetry.shutdown()
print(json.dumps([before, after, status["mode"]]))
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="this system has no /proc")
@pytest.mark.parametrize(
    ("environ", "settings"),
    [
        ({"DO_NOT_TRACK": "1"}, None),
        ({"CI": "1"}, None),
        ({"ACME_MCP_TELEMETRY": "no"}, None),
        ({"PYTEST_VERSION": "8"}, None),
        ({}, "[telemetry]\nenabled = false\n"),
        ({}, '[telemetry]\nmode = "perhaps"\n'),
        ({}, "[telemetry\n"),
    ],
)
def test_off_leaves_no_thread_socket_or_file(environ: dict[str, str], settings: str | None, tmp_path: Path) -> None:
    """A process that began off has the threads and sockets it had, and its disk holds what it held."""
    if settings is not None:
        (tmp_path / ".acme-mcp").mkdir()
        (tmp_path / ".acme-mcp" / "telemetry.toml").write_text(settings)
    files = sorted((str(path), path.stat().st_mtime_ns) for path in tmp_path.rglob("*"))
    with ScriptedServer() as server:
        done = subprocess.run(
            [sys.executable, "-c", TRACES, server.events_url],
            env={"HOME": str(tmp_path), **environ},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECS,
            check=True,
        )
        assert server.requests == []
    before, after, mode = json.loads(done.stdout)
    assert (after, mode) == (before, "off")
    assert "switch it off" not in done.stderr
    assert sorted((str(path), path.stat().st_mtime_ns) for path in tmp_path.rglob("*")) == files


def test_server_with_a_bare_environment_finds_what_a_shell_wrote(tmp_path: Path) -> None:
    """A shell rich in variables writes the refusal; a server with five of them obeys it."""
    shell = {
        "HOME": str(tmp_path),
        "PATH": os.defpath,
        "XDG_CONFIG_HOME": str(tmp_path / "c"),
        "XDG_DATA_HOME": str(tmp_path / "d"),
        "XDG_STATE_HOME": str(tmp_path / "s"),
        "DISPLAY": ":0",
        "LANG": "C.UTF-8",
    }
    bare = {"HOME": str(tmp_path), "PATH": os.defpath, "SHELL": "/bin/sh", "TERM": "dumb", "USER": "tim"}
    script = textwrap.dedent(
        """
        import sys
        from mcptelemetry import Telemetry
        with Telemetry("acme-mcp", "1.0.0", events_endpoint=sys.argv[1]) as telemetry:
            telemetry.record("x")
            sys.stderr.write(telemetry.status()["mode"])
        """
    )

    def serve_once(endpoint: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", script, endpoint],
            env=bare,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECS,
            check=True,
        )

    def in_shell(*arguments: str) -> None:
        command = [sys.executable, "-m", "mcptelemetry", *arguments]
        subprocess.run(
            command, env=shell, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, timeout=LIMIT_SECS
        )

    with ScriptedServer() as server:
        first = serve_once(server.events_url)
        assert (first.stdout, first.stderr[-2:]) == ("", "on")
        assert server.events_url in first.stderr
        assert server.requests == []
        be_told(tmp_path, server.events_url)
        assert serve_once(server.events_url).stderr == "on"
        assert tools_in(server) == ["x"]
        in_shell("off", "--app", "acme-mcp")
        second = serve_once(server.events_url)
        assert (second.stdout, second.stderr) == ("", "off")
        in_shell("on", "--app", "acme-mcp")
        in_shell("off")
        assert serve_once(server.events_url).stderr == "off"
        assert tools_in(server) == ["x"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become nobody in particular")
@pytest.mark.parametrize("home", ["unset", "read-only", "of somebody else"])
def test_stranger_without_a_home_is_served_and_sends_nothing(home: str) -> None:
    """A user unknown to the password file, or with a home that takes nothing: no error, nothing sent, and said."""
    # Not below the test's own directory, which nobody but root may even walk through.
    place = Path(tempfile.mkdtemp())
    place.chmod({"read-only": 0o555, "of somebody else": 0o700}.get(home, 0o755))
    script = textwrap.dedent(
        """
        import json, os, sys
        # The interpreter itself may lie where a stranger may not look.
        import dataclasses, encodings.idna, pathlib, requests, sqlite3
        from mcptelemetry import Telemetry
        from mcptelemetry.config import prepare_reader
        prepare_reader()
        os.setgroups([]); os.setgid(54321); os.setuid(54321)
        with Telemetry("acme-mcp", "1.0.0", events_endpoint=sys.argv[1]) as telemetry:
            telemetry.record("x")
            telemetry.flush(10)
            print(json.dumps(telemetry.status()))
        """
    )
    with ScriptedServer() as server:
        done = subprocess.run(
            [sys.executable, "-c", script, server.events_url],
            env={} if home == "unset" else {"HOME": str(place)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECS,
            check=False,
        )
        assert server.requests == []
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "switch it off" not in done.stderr
    status = json.loads(done.stdout)
    assert status["storage"]["degraded"] is True
    os.rmdir(place)  # which only works when it is still empty
