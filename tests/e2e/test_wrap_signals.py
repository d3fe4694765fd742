"""Signals, hard ends and deaths: the server hears what it would hear without us, and nobody is left behind."""

from __future__ import annotations

import contextlib
import json
import os
import random
import select
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RECORDER = str(ROOT / "tests" / "data" / "wrap_recorder.py")
DEADLINE_SECS = 30.0

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="needs the parent-death signal, and /proc to see who is left"
)

# Answers calls and notes, in a file, when it is ready and each SIGTERM; after one it cleans up and ends with 7.
SERVER = """
import json, os, signal, sys, time
log = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
class Told(BaseException):
    pass
def hear(*_):
    os.write(log, b"T")
    raise Told
signal.signal(signal.SIGTERM, hear)
os.write(log, b"R")
try:
    for line in sys.stdin.buffer:
        asked = json.loads(line)
        os.write(1, json.dumps({"id": asked["id"], "result": {"content": []}}).encode() + b"\\n")
    time.sleep(60)
except Told:
    time.sleep(0.06)
    os.write(log, b"C")
    os._exit(7)
"""
# Hears no SIGTERM and no end of file.
DEAF = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.write(1, b"R\\n")
time.sleep(60)
"""


class Session:
    """`wrap` round a server, and what there is to see of it; *is_plain*: without telemetry, which takes a while to load."""

    def __init__(self, folder: Path, code: str, *, is_group: bool = False, is_plain: bool = False) -> None:
        self.folder = folder
        self.mark = f"SESSION={uuid.uuid4()}"
        self.log = folder / "log"
        self.sink = folder / "events.jsonl"
        self.records = folder / "records.json"
        command = [sys.executable, "-S", "-c", code, str(self.log)]
        wrap = ["-m", "mcptelemetry", "wrap", "--endpoint", self.sink.as_uri(), "--"]
        self.process = subprocess.Popen(
            [sys.executable, *([RECORDER, str(self.records)] if is_plain else wrap), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd=ROOT,
            env={"HOME": str(folder), "PATH": "/usr/bin:/bin", **dict([self.mark.split("=")])},
            start_new_session=is_group,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.stdin, self.stdout = self.process.stdin, self.process.stdout

    def call(self, number: int, *, padding: str = "") -> None:
        """Make one call, with so much in it, and take its answer."""
        params = {"name": "add", "arguments": {"padding": padding}}
        rest = memoryview(json.dumps({"id": number, "method": "tools/call", "params": params}).encode() + b"\n")
        while rest:
            rest = rest[self.stdin.write(rest) :]
        assert json.loads(self.line())["id"] == number

    def line(self) -> bytes:
        """Return the next line, or what there is of it at the end."""
        line = b""
        while not line.endswith(b"\n"):
            assert select.select([self.stdout], [], [], DEADLINE_SECS)[0], "no line in time"
            piece = os.read(self.stdout.fileno(), 1)
            if not piece:
                break
            line += piece
        return line

    def heard(self) -> str:
        """Return what the server noted."""
        return self.log.read_text() if self.log.exists() else ""

    def events(self) -> int:
        """Return how many events arrived."""
        return self.sink.read_text().count("\n") if self.sink.exists() else 0

    def processes(self) -> list[int]:
        """Return the processes of this session, and those that they started."""
        return processes_with(self.mark)

    def wait_for_ready(self) -> None:
        """Wait until the server has noted that it is there."""
        wait_until(lambda: self.heard() != "", "the server was never ready")

    def close(self) -> None:
        for stream in (self.stdin, self.stdout):
            with contextlib.suppress(OSError):
                stream.close()
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(DEADLINE_SECS)


def processes_with(mark: str) -> list[int]:
    """Return the processes that were started with the variable *mark*."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                if mark.encode() in Path("/proc", name, "environ").read_bytes().split(b"\0"):
                    found.append(int(name))
    return found


def has_waiting(pid: int, number: int) -> bool:
    """Return whether signal *number* waits for process *pid* to take it."""
    with contextlib.suppress(OSError):
        lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
        waiting = [int(line.split()[1], 16) for line in lines if line.startswith(("SigPnd", "ShdPnd"))]
        return any(mask >> (number - 1) & 1 for mask in waiting)
    return False


def wait_until(is_so, complaint: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECS
    while not is_so():
        assert time.monotonic() < deadline, complaint
        select.select([], [], [], 0.005)


@pytest.fixture
def wrap(tmp_path: Path) -> Iterator[type[Session]]:
    """Start sessions; what still runs at the end is killed."""
    started: list[Session] = []

    def start(code: str, **options: bool) -> Session:
        folder = tmp_path / str(len(started))
        folder.mkdir()
        started.append(Session(folder, code, **options))
        return started[-1]

    yield start  # type: ignore[misc]  # a function in the place of the class
    for session in started:
        session.close()


def assert_heard_once(session: Session) -> None:
    """Assert that one signal was heard once, or ended what there was before anybody could hear it, and that all have gone."""
    status = session.process.wait(DEADLINE_SECS)
    heard = session.heard()
    if heard in ("", "R"):
        # Before the wrapper took signals, before the server did, or between its taking and its noting of them.
        assert status in ((-signal.SIGTERM, 128 + signal.SIGTERM) if heard == "" else (128 + signal.SIGTERM,)), heard
    else:
        assert (heard, status) in (("RTC", 7), ("T", 1), ("TR", 1)), heard
    wait_until(lambda: session.processes() == [], "somebody is left behind")


def test_signal_at_any_moment_of_the_start_is_heard_once(wrap: type[Session]) -> None:
    """From the first millisecond on: none lost, none doubled, the exit status the server's, nobody left behind."""
    begin = time.monotonic()
    wrap(SERVER).wait_for_ready()
    start_secs = time.monotonic() - begin
    for moment in range(45):
        is_group = moment % 2 == 1
        session = wrap(SERVER, is_group=is_group)
        select.select([], [], [], start_secs * moment / 36)
        (os.killpg if is_group else os.kill)(session.process.pid, signal.SIGTERM)
        assert_heard_once(session)
        session.close()


@pytest.mark.heavy
def test_two_hundred_signals_at_random_moments_of_a_session(wrap: type[Session]) -> None:
    """While it starts, between calls and within them, to the process or to its group: each is heard exactly once."""
    seed = random.randrange(2**32)
    draw = random.Random(seed)
    for number in range(200):
        is_group = draw.random() < 0.5
        session = wrap(SERVER, is_group=is_group)
        ends_at = time.monotonic() + draw.random() * 0.3
        asked = 0
        while time.monotonic() < ends_at:
            if asked == 0 and session.heard() == "":
                select.select([], [], [], 0.002)
                continue
            asked += 1
            session.stdin.write(b'{"id":%d,"method":"tools/call","params":{"name":"add"}}\n' % asked)
            if draw.random() < 0.8:
                session.line()
        (os.killpg if is_group else os.kill)(session.process.pid, signal.SIGTERM)
        try:
            assert_heard_once(session)
        except AssertionError as error:
            pytest.fail(f"session {number} of seed {seed}: {error}")
        session.close()


def test_signal_right_after_the_first_call_is_heard(wrap: type[Session]) -> None:
    """The moment at which a first event is recorded and all that it takes is loaded: twelve of twelve."""
    for number in range(12):
        session = wrap(SERVER, is_plain=number % 6 > 0)
        session.call(1)
        session.process.send_signal(signal.SIGTERM)
        assert session.process.wait(DEADLINE_SECS) == 7
        assert session.heard() == "RTC"
        if number % 6 == 0:
            wait_until(lambda: session.events() == 1, "the event is lost")  # noqa: B023  called here only
        session.close()


def test_signal_to_the_group_reaches_a_server_once(wrap: type[Session]) -> None:
    """Fifteen servers that clean up in `finally` do so undisturbed, as without the wrapper."""
    for _ in range(15):
        session = wrap(SERVER, is_group=True, is_plain=True)
        session.call(1)
        os.killpg(session.process.pid, signal.SIGTERM)
        assert session.process.wait(DEADLINE_SECS) == 7
        assert session.heard() == "RTC"
        session.close()


def test_signals_to_process_and_group_are_told_apart_again_and_again(wrap: type[Session]) -> None:
    """A server that lives on after each hears as many as were sent."""
    code = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGUSR1, lambda *_: os.write(1, b'U\\n'))\n"
        "os.write(1, b'R\\n')\n"
        "while not os.read(0, 1): pass\n"
        "os.write(1, b'end\\n')\n"
    )
    session = wrap(code, is_group=True)
    assert session.line() == b"R\n"
    for kill in (os.kill, os.killpg, os.kill, os.kill, os.killpg, os.killpg):
        kill(session.process.pid, signal.SIGUSR1)
        assert session.line() == b"U\n"
        # Two of one kind that wait at the same time are one, on any system.
        wait_until(lambda: not any(has_waiting(pid, signal.SIGUSR1) for pid in session.processes()), "it is never taken")
    session.stdin.write(b".")
    assert session.line() == b"end\n", "one was heard twice"
    assert session.process.wait(DEADLINE_SECS) == 0


# -- deaths ----------------------------------------------------------------------------------


@pytest.mark.parametrize("moment_secs", [0.0, 0.02, 0.04, 0.08, None], ids=str)
def test_killed_wrapper_takes_the_deafest_server_along(wrap: type[Session], moment_secs: float | None) -> None:
    """SIGKILL while it starts, or later, leaves nobody: not the server, which would hear nothing, and none of ours."""
    session = wrap(DEAF)
    if moment_secs is None:
        assert session.line() == b"R\n"
    else:
        select.select([], [], [], moment_secs)
    session.process.kill()
    session.process.wait(DEADLINE_SECS)
    wait_until(lambda: session.processes() == [], "somebody is left behind")


def test_killed_server_ends_the_wrapper(wrap: type[Session]) -> None:
    """Whoever kills the server gets its status from the wrapper, with a call under way too."""
    session = wrap(SERVER)
    session.call(1)
    session.stdin.write(b'{"id":')
    os.kill(server_of(session), signal.SIGKILL)
    assert session.process.wait(DEADLINE_SECS) == 128 + signal.SIGKILL
    wait_until(lambda: session.events() == 1, "the event is lost")
    wait_until(lambda: session.processes() == [], "somebody is left behind")


# A client: it starts what it is told to, says that a call has been answered, and waits in the middle of the next one.
CLIENT = """
import subprocess, sys, time
server = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
server.stdin.write(b'{"id":1,"method":"tools/call","params":{"name":"add"}}\\n')
print(server.stdout.readline(), flush=True)
server.stdin.write(b'{"id":2,"method":"tools/call","params":{"na')
time.sleep(60)
"""


def test_client_killed_outright_leaves_nobody_and_loses_no_event(tmp_path: Path) -> None:
    """SIGKILL to the client's own process, within a message: server and wrapper end, and what was recorded is delivered."""
    sink, mark = tmp_path / "events.jsonl", f"SESSION={uuid.uuid4()}"
    server = "import os, sys\nfor _ in sys.stdin: os.write(1, b'{\"id\":1,\"result\":{}}\\n')"
    wrap = [sys.executable, "-m", "mcptelemetry", "wrap", "--endpoint", sink.as_uri(), "--", sys.executable, "-c", server]
    with subprocess.Popen(
        [sys.executable, "-c", CLIENT, *wrap],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", **dict([mark.split("=")])},
    ) as client:
        assert client.stdout is not None
        try:
            assert select.select([client.stdout], [], [], DEADLINE_SECS)[0], "the session never began"
            assert b"result" in client.stdout.readline()
            assert len(processes_with(mark)) == 4
        finally:
            client.kill()
    wait_until(lambda: processes_with(mark) == [], "somebody is left behind")
    assert sink.read_text().count("\n") == 1


def test_closed_pipes_of_a_client_leave_nobody(wrap: type[Session]) -> None:
    """A client that dies leaves closed pipes behind; a server that heeds them ends, and so do we."""
    session = wrap("import sys; sys.stdin.read()")
    wait_until(lambda: len(session.processes()) == 3, "the session never began")
    session.stdin.close()
    session.stdout.close()
    assert session.process.wait(DEADLINE_SECS) == 0
    wait_until(lambda: session.processes() == [], "somebody is left behind")


def test_killed_observer_costs_the_events_and_nothing_else(wrap: type[Session]) -> None:
    """The process that looks may go: calls are answered, signals passed on, the status is the server's."""
    session = wrap(SERVER)
    session.call(1)
    (observer,) = set(session.processes()) - {session.process.pid, server_of(session)}
    os.kill(observer, signal.SIGKILL)
    for number in range(2, 20):
        session.call(number)
    session.process.send_signal(signal.SIGTERM)
    assert session.process.wait(DEADLINE_SECS) == 7
    assert session.heard() == "RTC"
    wait_until(lambda: session.processes() == [], "somebody is left behind")


def test_stuck_observer_costs_the_events_and_nothing_else(wrap: type[Session]) -> None:
    """A process that looks and has come to a halt is passed by: long after all that may wait for it does, every byte still passes."""
    session = wrap(SERVER)
    session.call(1)
    (observer,) = set(session.processes()) - {session.process.pid, server_of(session)}
    os.kill(observer, signal.SIGSTOP)
    try:
        for number in range(2, 42):
            session.call(number, padding="x" * 200_000)  # 8 MB in all
        session.process.send_signal(signal.SIGTERM)
        assert session.process.wait(DEADLINE_SECS) == 7
        assert session.heard() == "RTC"
    finally:
        os.kill(observer, signal.SIGCONT)
    wait_until(lambda: session.processes() == [], "somebody is left behind")
    assert 0 < session.events() < 41


def server_of(session: Session) -> int:
    """Return the process id of the wrapped server."""
    session.wait_for_ready()
    (server,) = (pid for pid in session.processes() if b"-S" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:3])
    return server


# -- hard ends -------------------------------------------------------------------------------

# Answers calls, and takes longer to clean up than any client waits.
SLOW = SERVER.replace("time.sleep(0.06)", "time.sleep(60)")


@pytest.mark.parametrize("patience_secs", [0.5, pytest.param(2.0, marks=pytest.mark.heavy)], ids=str)
def test_hard_end_delivers_what_was_recorded(wrap: type[Session], patience_secs: float) -> None:
    """End of file, some seconds, SIGTERM, some seconds, SIGKILL: all 21 events, though the server never ended."""
    session = wrap(SLOW)
    for number in range(21):
        session.call(number)
    session.stdin.close()
    wait_until(lambda: session.events() == 21, "what was recorded waits for the server")
    with pytest.raises(subprocess.TimeoutExpired):
        session.process.wait(patience_secs)
    session.process.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        session.process.wait(patience_secs)
    session.process.kill()
    session.process.wait(DEADLINE_SECS)
    assert session.events() == 21
    wait_until(lambda: session.processes() == [], "somebody is left behind")


def test_first_signal_delivers_what_was_recorded(wrap: type[Session]) -> None:
    """A client that ends a server by SIGTERM alone, and does not wait long, loses no event either."""
    session = wrap(SLOW)
    for number in range(21):
        session.call(number)
    session.process.send_signal(signal.SIGTERM)
    wait_until(lambda: session.events() == 21, "what was recorded waits for the server")
    session.process.kill()


def test_killed_wrapper_still_delivers(wrap: type[Session]) -> None:
    """Even without any warning: what was seen is delivered, the open call as aborted."""
    session = wrap(SERVER)
    for number in range(5):
        session.call(number)
    session.stdin.write(b'{"id":9,"method":"tools/call","params":{"name":"add"}}\n{"id":')
    session.line()
    select.select([], [], [], 2.0)  # the wrapper tells the one that looks in a moment of silence
    session.process.kill()
    wait_until(lambda: session.events() == 6, "the events went with the wrapper")
    wait_until(lambda: session.processes() == [], "somebody is left behind")


def test_end_of_a_client_that_waits_for_neither_leaves_nobody(wrap: type[Session]) -> None:
    """End of file, SIGTERM and SIGKILL to the wrapper alone, as the TypeScript SDK ends a server that hears neither."""
    session = wrap(DEAF)
    assert session.line() == b"R\n"
    session.stdin.close()
    for stop in (signal.SIGTERM, signal.SIGKILL):
        with pytest.raises(subprocess.TimeoutExpired):
            session.process.wait(0.3)
        session.process.send_signal(stop)
    assert session.process.wait(DEADLINE_SECS) == -signal.SIGKILL
    wait_until(lambda: session.processes() == [], "somebody is left behind")
