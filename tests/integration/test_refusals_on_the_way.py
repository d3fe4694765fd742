"""Each way to say no, for each stream it binds, at each moment of a transmission, against a listening server."""

from __future__ import annotations

import os
import sys
import threading
import time

import pytest

from mcptelemetry.application import Application
from mcptelemetry.cli import main
from mcptelemetry.cli._command import Console
from mcptelemetry.client._events_stream import EventsStream
from mcptelemetry.counters import Counting, Windows, begin_generation
from mcptelemetry.heartbeat import HeartbeatService, StatsReader
from mcptelemetry.installation import Installation, Setup
from mcptelemetry.privacy import Gate, Stream, Switches, Verdict
from mcptelemetry.state import Memory
from mcptelemetry.system import BLOCK_BYTES, HttpTransport, SystemClock
from mcptelemetry.testing import FakeClock, ScriptedServer, SocketServer
from mcptelemetry.vocabulary import DAY_SECS

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

    def memory(self, clock=None):
        return Memory(str(self.home / ".acme-mcp" / "telemetry.db"), clock=clock or (lambda: time.time() - 2 * DAY_SECS))

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
    watch_the_way(lambda: switches.refusal(stream), lambda: NOES[name][1](machine), moment)


def watch_the_way(ask, say, moment):
    """Send a body of several blocks, have *say* said at *moment*, and see that nothing is written after it."""
    question, blocks = MOMENTS[moment]
    asked = []

    def refusal():
        if len(asked) == question:
            say()
        asked.append(ask())
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


# -- a no and a yes again -----------------------------------------------------------------

ENDPOINT = "https://t.acme.dev"
TURNS = {
    "off and on": (OURS, lambda machine: (machine.run("off"), machine.run("on"))),
    "local and on": (OURS, lambda machine: (machine.run("local"), machine.run("on"))),
    "off and on for the application": (
        OURS,
        lambda machine: (machine.run("off", "--app", "acme-mcp"), machine.run("on", "--app", "acme-mcp")),
    ),
    "off with everything and on": (ALL, lambda machine: (machine.run("off", "--everything"), machine.run("on"))),
    "a word in the settings": (OURS, lambda machine: machine.write(SETTINGS, "[telemetry]\nenabled = true\nmode = 'on'\n")),
    "a generation begun by a command": (OURS, lambda machine: machine.memory().database.change(begin_generation)),
}
TURNED = [(name, stream) for name, (streams, _) in sorted(TURNS.items()) for stream in streams]


def installation_on(machine, heartbeat_endpoint=ENDPOINT, clock=None):
    """Return the installation on *machine* after its notice, as if no test runner were there."""
    machine.memory(clock).mark_notice("terminal", [ENDPOINT, heartbeat_endpoint])
    found = Installation(
        APP, Setup("v1.4.0", heartbeat_endpoint=heartbeat_endpoint, events_endpoint=ENDPOINT), environ=machine.environ, clock=clock
    )
    found.switches = Switches(APP, environ=machine.environ, version="1.4.0", is_under_test=False)
    return found


def question_of(stream, machine):
    """Return what the gate asks about what *stream* holds now."""
    if stream is Stream.OPERATOR_EVENTS:
        machine.set(APP.events_endpoint_variable, ENDPOINT)
    installation = installation_on(machine)
    if stream is not Stream.HEARTBEAT:
        events = EventsStream(installation)
        events.start()
        assert events.stream is stream
        return events._refusal
    windows = Windows.of(installation)
    window = windows.begin()
    return lambda: installation.switches.refusal(stream) or windows.refusal(window)


@pytest.mark.parametrize("moment", sorted(MOMENTS))
@pytest.mark.parametrize(("name", "stream"), TURNED, ids=lambda value: getattr(value, "value", value))
def test_no_block_is_written_once_another_generation_has_begun(name, stream, moment, tmp_path):
    """A yes that follows a no at once lets nothing from before the no go on, however late it is said."""
    machine = Machine(tmp_path)
    watch_the_way(question_of(stream, machine), lambda: TURNS[name][1](machine), moment)


@pytest.mark.parametrize("stream", list(Stream))
def test_body_is_whole_while_the_generation_is_the_same(stream, tmp_path):
    """Saying on when it is on already changes nothing: all blocks arrive."""
    machine = Machine(tmp_path)
    machine.run("on")
    ask = question_of(stream, machine)

    def answer(connection):
        connection.read_request()
        connection.answer(202)

    def refusal():
        machine.run("on")
        return ask()

    with SocketServer(answer) as server:
        gate = Gate(HttpTransport(environ={}), refusal=refusal, clock=SystemClock())
        outcome = gate.post(server.events_url, BODY, {}, 10.0)
        gate.close()
        assert [request.body for request in server.requests] == [BODY]
    assert outcome.verdict is Verdict.DELIVERED


# -- between the freezing of a window and the gate ------------------------------------------


class TalkingApplication:
    """An application that is asked about itself while its heartbeat is built, and says something first."""

    def __init__(self, say):
        self.say, self.was_asked = say, False

    def server_count(self):
        self.was_asked = True
        self.say()
        return 1


SAID_WHILE_BUILT = {
    **{name: say for name, (streams, say) in NOES.items() if Stream.HEARTBEAT in streams},
    **{f"{name}, a turn": say for name, (streams, say) in TURNS.items() if Stream.HEARTBEAT in streams},
    "nothing": lambda machine: None,
}


@pytest.mark.parametrize("name", sorted(SAID_WHILE_BUILT))
def test_frozen_window_does_not_leave_after_what_is_said_while_it_is_built(name, tmp_path):
    """Between the freezing of the counts and the gate: no connection is even made."""
    machine, clock = Machine(tmp_path), FakeClock()
    application = TalkingApplication(lambda: SAID_WHILE_BUILT[name](machine))
    with ScriptedServer() as server:
        installation = installation_on(machine, server.url, clock)
        clock.advance(300)
        counting = Counting(tools=("search",))
        counting.keep(installation)
        counting.registry.record_builtin_tool("search")
        service = HeartbeatService(installation=installation, counting=counting, stats=StatsReader(application))
        assert service.send_now() is (name == "nothing")
        assert application.was_asked
        assert len(server.requests) == (name == "nothing")
