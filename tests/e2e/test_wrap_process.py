"""The wrapped process sees, and shows, what it would without the wrapper."""

from __future__ import annotations

import contextlib
import json
import os
import random
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RECORDER = str(ROOT / "tests" / "data" / "wrap_recorder.py")
DEADLINE_SECS = 30.0

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and pipes as POSIX has them")

Process = subprocess.Popen


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


class Wrapped:
    """A command running behind the wrapper, with its pipes in our hands."""

    def __init__(self, command: list[str], records: Path) -> None:
        self.records_path = records
        self.process = subprocess.Popen(
            [sys.executable, RECORDER, str(records), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd=ROOT,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.stdin, self.stdout, self.stderr = self.process.stdin, self.process.stdout, self.process.stderr

    def line(self) -> bytes:
        """Return the next line of output, however long the process takes to write it."""
        collected = b""
        while not collected.endswith(b"\n"):
            ready, _, _ = select.select([self.stdout], [], [], DEADLINE_SECS)
            assert ready, f"no line in time, only {collected!r}"
            piece = os.read(self.stdout.fileno(), 1)
            if not piece:
                break
            collected += piece
        return collected

    def end(self) -> int:
        """Wait for the end and return the exit status."""
        return self.process.wait(DEADLINE_SECS)

    def records(self) -> list[list[str]]:
        """Return what was recorded; on a busy machine that is there a moment after the end."""
        deadline = time.monotonic() + DEADLINE_SECS
        while not self.records_path.exists():
            assert time.monotonic() < deadline, "nothing was recorded"
            select.select([], [], [], 0.01)
        records: list[list[str]] = json.loads(self.records_path.read_text())["records"]
        return records


@pytest.fixture
def wrap(tmp_path: Path) -> Iterator[type[Wrapped]]:
    """Start commands behind the wrapper; what still runs at the end is ended."""
    started: list[Wrapped] = []

    def start(command: list[str]) -> Wrapped:
        started.append(Wrapped(command, tmp_path / f"records-{len(started)}.json"))
        return started[-1]

    yield start  # type: ignore[misc]  # a function in the place of the class
    for wrapped in started:
        if wrapped.process.poll() is None:
            wrapped.process.kill()
        for stream in (wrapped.stdin, wrapped.stdout, wrapped.stderr):
            with contextlib.suppress(OSError):
                stream.close()
        wrapped.process.wait(DEADLINE_SECS)


def wait_until_gone(pid: int) -> None:
    """Wait until no process has *pid*, not even as a zombie of a living parent."""
    deadline = time.monotonic() + DEADLINE_SECS
    poller = select.poll()
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        with contextlib.suppress(OSError), open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            if stat.read().rpartition(")")[2].split()[0] == "Z":
                return  # it has ended; whoever adopted it has not asked yet
        poller.poll(10)
    pytest.fail(f"process {pid} is still there")


# -- exit status -----------------------------------------------------------------------------


@pytest.mark.parametrize("status", [0, 1, 3, 255])
def test_exit_status_is_the_childs(wrap: type[Wrapped], status: int) -> None:
    """Whatever the child exits with, the wrapper does."""
    assert wrap(python(f"raise SystemExit({status})")).end() == status


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGTERM"])
def test_exit_status_of_a_child_that_a_signal_ended(wrap: type[Wrapped], name: str) -> None:
    """A child that dies of signal n gives 128 + n."""
    code = f"import os, signal; os.kill(os.getpid(), signal.{name})"
    assert wrap(python(code)).end() == 128 + getattr(signal, name)


def test_missing_command_exits_127_with_one_line(wrap: type[Wrapped]) -> None:
    """Nothing reaches standard output, and one line on standard error names the command and the mend."""
    wrapped = wrap(["no-such-command-anywhere"])
    assert wrapped.end() == 127
    assert wrapped.stdout.read() == b""
    message = wrapped.stderr.read().decode()
    assert message.count("\n") == 1
    assert "no-such-command-anywhere" in message
    assert "PATH" in message


@pytest.mark.parametrize("content", [None, b"\x00\x01 no program"], ids=["not executable", "no program"])
def test_command_that_cannot_be_run_exits_126(
    wrap: type[Wrapped], tmp_path: Path, content: bytes | None
) -> None:
    """A file without the right to run it, or that is no program: 126 and one line."""
    path = tmp_path / "server"
    path.write_bytes(content or b"#!/bin/sh\n")
    path.chmod(0o600 if content is None else 0o700)
    wrapped = wrap([str(path)])
    assert wrapped.end() == 126
    assert wrapped.stderr.read().count(b"\n") == 1


# -- bytes -----------------------------------------------------------------------------------


def test_partial_lines_pass_at_once(wrap: type[Wrapped]) -> None:
    """A byte without a line end is not held back, in either direction."""
    wrapped = wrap(["cat"])
    for byte in (b"a", b"\xff", b"\r"):
        wrapped.stdin.write(byte)
        ready, _, _ = select.select([wrapped.stdout], [], [], DEADLINE_SECS)
        assert ready
        assert os.read(wrapped.stdout.fileno(), 100) == byte
    wrapped.stdin.close()
    assert wrapped.end() == 0


def test_huge_lines_pass_and_their_call_is_recorded(wrap: type[Wrapped]) -> None:
    """Ten megabytes in one line, in each direction: the same bytes, and a success."""
    code = (
        "import sys, json\n"
        "line = sys.stdin.buffer.readline()\n"
        "text = json.loads(line)['params']['arguments']['text']\n"
        "answer = {'jsonrpc': '2.0', 'id': 1, 'result': {'content': [{'text': text}], 'isError': False}}\n"
        "sys.stdout.buffer.write(json.dumps(answer).encode() + b'\\n')\n"
        "sys.stdout.buffer.flush(); sys.stdin.read()\n"
    )
    wrapped = wrap(python(code))
    text = "x" * 10_000_000
    params = {"name": "echo", "arguments": {"text": text}}
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    output, _ = wrapped.process.communicate(json.dumps(request).encode() + b"\n", timeout=60)
    assert json.loads(output)["result"]["content"] == [{"text": text}]
    assert wrapped.end() == 0
    assert wrapped.records() == [["echo", "success"]]


def test_client_that_does_not_read_is_still_heard(wrap: type[Wrapped]) -> None:
    """Answers that wait for the client do not hold up its requests, even in a half-full pipe."""
    code = (
        "import os, sys, threading\n"
        "os.write(1, b'x' * 5_000)\n"
        "total = len(sys.stdin.buffer.read1(65536))\n"
        "def flood():\n"
        "    sys.stdout.buffer.write(b'x' * 995_000); sys.stdout.buffer.flush()\n"
        "writer = threading.Thread(target=flood); writer.start()\n"
        "while total < 1_000_000: total += len(sys.stdin.buffer.read1(65536))\n"
        "sys.stderr.write('all read\\n'); sys.stderr.flush(); writer.join()\n"
    )
    wrapped = wrap(python(code))
    assert select.select([wrapped.stdout], [], [], DEADLINE_SECS)[0]
    view = memoryview(b"y" * 1_000_000)
    os.set_blocking(wrapped.stdin.fileno(), False)
    while view:
        _, ready, _ = select.select([], [wrapped.stdin], [], DEADLINE_SECS)
        assert ready, "the request is held up by the answer that nobody reads"
        view = view[os.write(wrapped.stdin.fileno(), view[:4096]) :]
    assert wrapped.stderr.readline() == b"all read\n"
    assert len(wrapped.stdout.read()) == 1_000_000
    assert wrapped.end() == 0


def test_standard_error_is_the_childs_own(wrap: type[Wrapped]) -> None:
    """The child writes to the very descriptor that the client gave, not to a pipe of ours."""
    wrapped = wrap(python("import os; os.write(2, f'{os.fstat(2).st_ino}'.encode())"))
    assert wrapped.end() == 0
    assert int(wrapped.stderr.read()) == os.fstat(wrapped.stderr.fileno()).st_ino


def test_descriptors_beyond_the_three_are_handed_down(tmp_path: Path) -> None:
    """What a client passes to its server on a further descriptor arrives."""
    reader, writer = os.pipe()
    try:
        code = f"import os; os.write({writer}, b'here')"
        done = subprocess.run(
            [sys.executable, RECORDER, str(tmp_path / "records.json"), *python(code)],
            stdin=subprocess.DEVNULL,
            pass_fds=(writer,),
            timeout=DEADLINE_SECS,
            check=False,
            cwd=ROOT,
        )
        assert done.returncode == 0
        assert os.read(reader, 10) == b"here"
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells the first environment")
@pytest.mark.parametrize("locale", [{}, {"LC_CTYPE": "C.UTF-8"}, {"LC_ALL": "C"}], ids=str)
def test_environment_is_handed_down_as_it_came(tmp_path: Path, locale: dict[str, str]) -> None:
    """Nothing is added to it, not even what Python sets for itself in a bare locale."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **locale}
    done = subprocess.run(
        [sys.executable, RECORDER, str(tmp_path / "records.json"), "env"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=DEADLINE_SECS,
        check=False,
        cwd=ROOT,
        env=environment,
    )
    assert dict(line.split("=", 1) for line in done.stdout.decode().splitlines()) == environment


def test_standard_input_that_is_a_file_is_read_to_its_end(tmp_path: Path) -> None:
    """A regular file, which some ways of waiting refuse, serves as well as a pipe."""
    path = tmp_path / "requests"
    path.write_bytes(b"one\ntwo")
    with path.open("rb") as file:
        done = subprocess.run(
            [sys.executable, RECORDER, str(tmp_path / "records.json"), "cat"],
            stdin=file,
            capture_output=True,
            timeout=DEADLINE_SECS,
            check=False,
            cwd=ROOT,
        )
    assert (done.returncode, done.stdout) == (0, b"one\ntwo")


def test_order_of_looking_follows_the_order_of_cause(wrap: type[Wrapped]) -> None:
    """
    Requests are known before they are forwarded, answers before the client's reaction to them.

    Each call becomes a task, and the client asks for it as soon as it has read its name: a
    look that came late would lose an outcome.
    """
    code = (
        "import sys, json\n"
        "for line in sys.stdin:\n"
        "    asked = json.loads(line)\n"
        "    if asked['method'] == 'tools/call':\n"
        "        result = {'resultType': 'task', 'taskId': 't%d' % asked['id'], 'status': 'working'}\n"
        "    else:\n"
        "        result = {'taskId': asked['params']['taskId'], 'status': 'completed'}\n"
        "    print(json.dumps({'id': asked['id'], 'result': result}), flush=True)\n"
    )
    wrapped = wrap(python(code))
    rounds = 300
    for number in range(rounds):
        call = {"id": number, "method": "tools/call", "params": {"name": "task"}}
        wrapped.stdin.write(json.dumps(call).encode() + b"\n")
        task_id = json.loads(wrapped.line())["result"]["taskId"]
        question = {"id": number + rounds, "method": "tasks/get", "params": {"taskId": task_id}}
        wrapped.stdin.write(json.dumps(question).encode() + b"\n")
        assert json.loads(wrapped.line())["result"]["status"] == "completed"
    wrapped.stdin.close()
    assert wrapped.end() == 0
    assert wrapped.records() == [["task", "success"]] * rounds


# -- ends ------------------------------------------------------------------------------------


def test_end_of_input_reaches_the_child(wrap: type[Wrapped]) -> None:
    """When the client closes its end, the child reads end of file and may still answer."""
    wrapped = wrap(python("import sys; sys.stdin.read(); print('last words')"))
    wrapped.stdin.close()
    assert wrapped.line() == b"last words\n"
    assert wrapped.end() == 0


def test_end_of_output_reaches_the_client(wrap: type[Wrapped]) -> None:
    """When the child closes its output and lives on, the client reads end of file."""
    wrapped = wrap(python("import os, sys; os.close(1); sys.stdin.read(); os._exit(5)"))
    assert wrapped.line() == b""
    wrapped.stdin.close()
    assert wrapped.end() == 5


def test_child_that_ends_ends_the_wrapper_while_input_stays_open(wrap: type[Wrapped]) -> None:
    """All that the child wrote arrives, and nobody waits for a client that says nothing."""
    wrapped = wrap(python("import os; os.write(1, b'z' * 60_000); os._exit(7)"))
    assert wrapped.end() == 7
    assert wrapped.stdout.read() == b"z" * 60_000


def test_reader_that_goes_away_is_seen_by_the_child(wrap: type[Wrapped]) -> None:
    """Once nobody reads the output, the child's next write fails, and a child that waits is told."""
    code = (
        "import os, select\n"
        "os.write(1, b'ready\\n')\n"
        "poll = select.poll(); poll.register(1, 0)\n"
        "told = poll.poll(30_000)\n"
        "try:\n"
        "    os.write(1, b'x')\n"
        "except BrokenPipeError:\n"
        "    os.write(2, b'broken pipe'); os._exit(9 if told else 8)\n"
    )
    wrapped = wrap(python(code))
    assert wrapped.line() == b"ready\n"
    wrapped.stdout.close()
    assert wrapped.end() == 9
    assert wrapped.stderr.read() == b"broken pipe"


def test_child_that_stops_reading_is_seen_by_the_client(wrap: type[Wrapped]) -> None:
    """Once the child has closed its input, the client's next write fails as it would without us."""
    wrapped = wrap(python("import os, time; os.close(0); os.write(1, b'closed\\n'); time.sleep(60)"))
    assert wrapped.line() == b"closed\n"
    poll = select.poll()
    poll.register(wrapped.stdin, 0)
    assert poll.poll(DEADLINE_SECS * 1000), "the client was not told"
    with pytest.raises(BrokenPipeError):
        wrapped.stdin.write(b"x")
    wrapped.process.send_signal(signal.SIGTERM)
    assert wrapped.end() == 128 + signal.SIGTERM


def test_silent_grandchild_does_not_hold_up_the_end(wrap: type[Wrapped]) -> None:
    """A process that the child left behind with its output open is not waited for for ever."""
    code = (
        "import subprocess, sys\n"
        "left = subprocess.Popen([sys.executable, '-c', 'import sys; sys.stdin.read()'])\n"
        "print(left.pid, flush=True)\n"
    )
    wrapped = wrap(python(code))
    grandchild = int(wrapped.line())
    assert wrapped.end() == 0
    # It shares our input pipe's far end, so the wrapper's end is its end of file.
    wait_until_gone(grandchild)


def launcher(server: str, before: str = "") -> list[str]:
    """Return a command that starts the Python code *server*, waits until that runs, and ends."""
    server = f"import os, sys, time\nos.close(int(sys.argv[1]))\n{server}"
    return python(
        f"import os, subprocess, sys\n{before}\n"
        "waiting, running = os.pipe()\n"
        f"subprocess.Popen([sys.executable, '-c', {server!r}, str(running)], pass_fds=(running,))\n"
        # Not before: who has said nothing half a second after the launcher's end is not waited for.
        "os.close(running); os.read(waiting, 1)"
    )


def test_grandchild_that_goes_on_writing_is_passed_on(wrap: type[Wrapped]) -> None:
    """A launcher may end before the server that it started: the conversation goes on."""
    wrapped = wrap(launcher("for n in range(8): print(n, flush=True); time.sleep(0.1)"))
    assert [wrapped.line() for _ in range(8)] == [b"%d\n" % n for n in range(8)]
    assert wrapped.end() == 0


# -- signals ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"])
def test_signals_reach_the_child(wrap: type[Wrapped], name: str) -> None:
    """A child that handles a signal does so, and its exit status is the wrapper's."""
    code = (
        "import os, signal, time\n"
        f"signal.signal(signal.{name}, lambda *_: (os.write(1, b'heard\\n'), os._exit(4)))\n"
        "os.write(1, b'ready\\n'); time.sleep(60)\n"
    )
    wrapped = wrap(python(code))
    assert wrapped.line() == b"ready\n"
    wrapped.process.send_signal(getattr(signal, name))
    assert wrapped.line() == b"heard\n"
    assert wrapped.end() == 4


def test_signal_that_the_child_survives_does_not_end_the_wrapper(wrap: type[Wrapped]) -> None:
    """A server that takes SIGTERM as a hint goes on talking."""
    code = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: os.write(1, b'heard\\n'))\n"
        "os.write(1, b'ready\\n'); os.write(1, sys.stdin.buffer.readline())\n"
    )
    wrapped = wrap(python(code))
    assert wrapped.line() == b"ready\n"
    wrapped.process.send_signal(signal.SIGTERM)
    assert wrapped.line() == b"heard\n"
    wrapped.stdin.write(b"still here\n")
    assert wrapped.line() == b"still here\n"
    assert wrapped.end() == 0


def test_call_under_way_when_a_signal_ends_the_child_is_aborted(wrap: type[Wrapped]) -> None:
    """A death is no success: the open call is recorded as aborted."""
    wrapped = wrap(python("import sys, time; sys.stdin.readline(); print('got it', flush=True); time.sleep(60)"))
    wrapped.stdin.write(b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"hang"}}\n')
    assert wrapped.line() == b"got it\n"
    wrapped.process.send_signal(signal.SIGTERM)
    assert wrapped.end() == 128 + signal.SIGTERM
    assert wrapped.records() == [["unknown_tool", "aborted"]]


def test_killed_wrapper_leaves_no_orphan_that_reads_its_input(wrap: type[Wrapped]) -> None:
    """A wrapper that is killed outright takes its pipes along: the child reads end of file."""
    wrapped = wrap(python("import os, sys; print(os.getpid(), flush=True); sys.stdin.read()"))
    child = int(wrapped.line())
    wrapped.process.kill()
    assert wrapped.end() == -signal.SIGKILL
    wait_until_gone(child)


def test_ended_child_is_no_zombie(wrap: type[Wrapped]) -> None:
    """The child is reaped while the wrapper still passes on what a grandchild writes."""
    server = "for _ in range(300): print('on', flush=True); time.sleep(0.1)"
    wrapped = wrap(launcher(server, "print(os.getpid(), flush=True)"))
    child = int(wrapped.line())
    deadline = time.monotonic() + DEADLINE_SECS
    with pytest.raises(ProcessLookupError):
        while time.monotonic() < deadline:
            assert wrapped.line() == b"on\n"
            os.kill(child, 0)
    assert wrapped.process.poll() is None


# -- hostile lines ---------------------------------------------------------------------------


def hostile_lines(count: int) -> bytes:
    """Return lines that look like messages and are not, or mean nothing good, and some that are no text at all."""
    draw = random.Random(20_260_728)
    kinds = [
        lambda: b'{"id":%d,"method":"tools/call","params":{"name":"x","arguments":' % draw.randrange(9),
        lambda: b'{"id":%d,"result":{"isError":' % draw.randrange(9) + draw.choice([b"true}}", b"{}}}", b"[[[[[[[[[[[["]),
        lambda: b"[" * draw.randrange(1_000) if draw.random() < 0.1 else b"[",
        lambda: draw.randbytes(draw.randrange(60)).replace(b"\n", b" "),
        lambda: b'{"method":"tools/call","id":' + draw.choice([b"1e999", b"-0", b"null", b"{}", b'"\\ud800"']) + b',"params":3}',
        lambda: b'\xef\xbb\xbf{"id":NaN,"method":"tools/list"}\r',
        lambda: b"\x00" * draw.randrange(50),
        lambda: b"",
        lambda: b'{"id":' + b"9" * draw.randrange(1, 500) + b',"method":"initialize","params":{"clientInfo":{"name":[]}}}',
        lambda: b'{"id":1,"method":"tasks/get","params":{"taskId":"' + b"t" * draw.randrange(300) + b'"}}',
    ]
    return b"".join(draw.choice(kinds)() + b"\n" for _ in range(count))


def test_hostile_lines_pass_unchanged(wrap: type[Wrapped]) -> None:
    """A hundred thousand of them, both ways, byte for byte; and what comes after them is still recorded."""
    sent = bytearray(hostile_lines(100_000) + b"\n")
    wrapped = wrap(["cat"])
    received = bytearray()
    reader = threading.Thread(target=lambda: received.extend(wrapped.stdout.read()))
    reader.start()

    def send(data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[wrapped.stdin.write(view[:65_536]) :]

    send(sent)
    seen = wrapped.records_path.with_name(f"{wrapped.records_path.name}.seen")
    deadline = time.monotonic() + DEADLINE_SECS
    # Who looks may be far behind, and may have had to leave something out.
    while not seen.exists() or b'["add", "success"]\n' not in seen.read_bytes():
        assert time.monotonic() < deadline, "what came after them is not recorded"
        more = b'{"id":"last","method":"tools/call","params":{"name":"add"}}\n{"id":"last","result":{"content":[]}}\n'
        send(more)
        sent += more
        select.select([], [], [], 0.1)
    wrapped.stdin.close()
    reader.join(60)
    assert bytes(received) == bytes(sent)
    assert wrapped.end() == 0


# -- without fork ----------------------------------------------------------------------------

# As on Windows: threads carry, and another one looks.
THREADED = """
import json, os, sys
from mcptelemetry.wrap import CommandNotStarted, take_standard_streams
from mcptelemetry.wrap._windows import run_child_in_threads
calls = []
class Records:
    def record(self, tool, *, status, error_type, client, latency_ms):
        calls.append([tool, str(error_type or status)])
    def deliver(self): pass
    def close(self): os.write(2, json.dumps(calls).encode())
try:
    status = run_child_in_threads(sys.argv[1:], dict(os.environ), take_standard_streams(), Records, print)
except CommandNotStarted as error:
    status = error.exit_code
os._exit(status)
"""


def test_session_is_carried_and_recorded_where_there_is_no_fork() -> None:
    """Both ways, with the exit status of the child; a command that is not there gives 127."""
    call = b'{"id":1,"method":"tools/call","params":{"name":"add"}}\n{"id":1,"result":{}}\n' + b"x" * 300_000
    bare = {"capture_output": True, "timeout": DEADLINE_SECS, "check": False, "cwd": ROOT}
    done = subprocess.run([*python(THREADED), "sh", "-c", "cat; exit 5"], input=call, **bare)
    assert (done.returncode, done.stdout) == (5, call)
    assert json.loads(done.stderr) == [["add", "success"]]
    assert subprocess.run([*python(THREADED), "no-such-command"], input=b"", **bare).returncode == 127
