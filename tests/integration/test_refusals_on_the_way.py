"""Each way to say no, for each stream it binds, at each moment of a transmission, against a listening server."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from mcptelemetry.application import Application
from mcptelemetry.cli import main
from mcptelemetry.cli._command import Console
from mcptelemetry.privacy import Gate, Stream, Switches, Verdict
from mcptelemetry.system import BLOCK_BYTES, HttpTransport, SystemClock
from mcptelemetry.testing import SocketServer

APP = Application("acme-mcp")
OWN = APP.switch_variable
ALL = tuple(Stream)
OURS = (Stream.HEARTBEAT, Stream.AUTHOR_EVENTS)
EVENTS = (Stream.AUTHOR_EVENTS, Stream.OPERATOR_EVENTS)
BODY = b"x" * (3 * BLOCK_BYTES + 1)


class Machine:
    """A home, an environment, and what a person may do there."""

    def __init__(self, home):
        self.home = home
        self.environ = {"HOME": str(home)}

    def set(self, name, value):
        self.environ[name] = value

    def write(self, path, text, mode=0o600):
        target = self.home / path
        target.parent.mkdir(exist_ok=True, mode=0o700)
        target.write_text(text)
        target.chmod(mode)

    def run(self, *arguments):
        with open(os.devnull, "w") as nothing:
            assert main(arguments, Console(out=nothing, err=nothing, environ={"HOME": str(self.home)})) == 0


SETTINGS, STATE, PERSON = ".acme-mcp/telemetry.toml", ".acme-mcp/telemetry-state.toml", ".mcptelemetry/person.toml"
NOES = {
    "DO_NOT_TRACK": (ALL, lambda machine: machine.set("DO_NOT_TRACK", "1")),
    "CI": (OURS, lambda machine: machine.set("CI", "true")),
    "own variable": (ALL, lambda machine: machine.set(OWN, "0")),
    "own variable says print": (ALL, lambda machine: machine.set(OWN, "print")),
    "a test runner": (OURS, lambda machine: machine.set("PYTEST_CURRENT_TEST", "x")),
    "off": (OURS, lambda machine: machine.run("off")),
    "local": (OURS, lambda machine: machine.run("local")),
    "off for the application": (OURS, lambda machine: machine.run("off", "--app", "acme-mcp")),
    "local for the application": (OURS, lambda machine: machine.run("local", "--app", "acme-mcp")),
    "off with everything": (ALL, lambda machine: machine.run("off", "--everything")),
    "settings off": (OURS, lambda machine: machine.write(SETTINGS, "[telemetry]\nenabled = false\n")),
    "settings mode": (OURS, lambda machine: machine.write(SETTINGS, '[telemetry]\nmode = "local"\n')),
    "settings misspelt": (OURS, lambda machine: machine.write(SETTINGS, "[telemetry]\ndisabled = true\n")),
    "settings at the top": (ALL, lambda machine: machine.write(SETTINGS, "enabled = false\n")),
    "settings damaged": (ALL, lambda machine: machine.write(SETTINGS, "[telemetry\n")),
    "events off in the settings": (EVENTS, lambda machine: machine.write(SETTINGS, "[proxy.telemetry]\nenabled = false\n")),
    "person damaged": (OURS, lambda machine: machine.write(PERSON, "mode")),
    "events word by hand": (EVENTS, lambda machine: machine.write(PERSON, 'mode = "on"\nevents = "no"\n')),
    "state damaged": (OURS, lambda machine: machine.write(STATE, "")),
    "state by hand": (OURS, lambda machine: machine.write(STATE, 'mode = "off"\n')),
    "settings that anybody may write": (ALL, lambda machine: machine.write(SETTINGS, "[telemetry]\nenabled = true\n", 0o666)),
}
CASES = [(name, stream) for name, (streams, _) in sorted(NOES.items()) for stream in streams]

# The question at which the no has just been said, and how many blocks are out by then.
MOMENTS = {"before it is sent": (0, 0), "when the way stands": (1, 0), "after a block": (2, 1), "before the last": (4, 3)}


@pytest.mark.parametrize("moment", sorted(MOMENTS))
@pytest.mark.parametrize(("name", "stream"), CASES, ids=lambda value: getattr(value, "value", value))
def test_no_block_is_written_once_the_no_is_there_to_be_seen(name, stream, moment, tmp_path):
    """Whatever way a person says no, and however late, the rest of the body stays."""
    if sys.platform == "win32" and "anybody" in name:
        pytest.skip("POSIX modes")
    machine = Machine(tmp_path)
    switches = Switches(APP, environ=machine.environ, version="1.4.0", is_under_test=False)
    question, blocks = MOMENTS[moment]
    asked = []

    def refusal():
        if len(asked) == question:
            NOES[name][1](machine)
        asked.append(switches.refusal(stream))
        return asked[-1]

    received = bytearray()
    ended = threading.Event()

    def swallow(connection):
        while True:
            part = connection.sock.recv(1 << 16)
            if not part:
                break
            received.extend(part)
        ended.set()

    with SocketServer(swallow) as server:
        gate = Gate(HttpTransport(environ={}), refusal=refusal, clock=SystemClock())
        outcome = gate.post(server.events_url, BODY, {}, 10.0)
        gate.close()
        assert question == 0 or ended.wait(10)
        connections = server.connection_count
    assert outcome.verdict is Verdict.REFUSED
    assert asked[-1] is not None
    assert asked[:-1] == [None] * question
    assert asked[-1] in outcome.message
    assert connections == (question > 0)
    assert bytes(received.partition(b"\r\n\r\n")[2]) == BODY[: blocks * BLOCK_BYTES]


@pytest.mark.parametrize("stream", list(Stream))
def test_body_is_whole_when_nobody_says_no(stream, tmp_path):
    """The same machine, and no refusal: all blocks arrive."""
    machine = Machine(tmp_path)
    switches = Switches(APP, environ=machine.environ, version="1.4.0", is_under_test=False)

    def answer(connection):
        connection.read_request()
        connection.answer(202)

    with SocketServer(answer) as server:
        gate = Gate(HttpTransport(environ={}), refusal=lambda: switches.refusal(stream), clock=SystemClock())
        outcome = gate.post(server.events_url, BODY, {}, 10.0)
        gate.close()
        assert [request.body for request in server.requests] == [BODY]
    assert outcome.verdict is Verdict.DELIVERED
