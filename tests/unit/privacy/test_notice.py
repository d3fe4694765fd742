"""The first-run notice: what it says, when it counts as shown, and what waits for it."""

from __future__ import annotations

import io
import os
import site
import sys
from pathlib import Path
from typing import Any

import pytest

import mcptelemetry
from mcptelemetry import Telemetry
from mcptelemetry.privacy import first_heartbeat_at, has_been_noticed, maybe_print_first_run_notice
from mcptelemetry.state import Memory
from mcptelemetry.testing import FakeClock

HEARTBEAT = "https://t.acme.dev"
EVENTS = "https://e.acme.dev/events"


class Terminal(io.StringIO):
    """A stream that a person looks at."""

    def isatty(self) -> bool:
        """Return what a terminal returns."""
        return True


@pytest.fixture
def clock() -> FakeClock:
    """Return a clock that stands still."""
    return FakeClock()


def telemetry(home: Path, clock: FakeClock, **changes: Any) -> Telemetry:
    """Return the telemetry of acme-mcp for a person whose home is *home*, a yes in the environment."""
    options: dict[str, Any] = {
        "heartbeat_endpoint": HEARTBEAT,
        "environ": {"HOME": str(home), "ACME_MCP_TELEMETRY": "1"},
        "clock": clock,
        **changes,
    }
    return Telemetry("acme-mcp", "1.0.0", **options)


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the package that is tested count as installed, also where its sources were merely unpacked."""
    monkeypatch.setattr(site, "getsitepackages", lambda: [str(Path(mcptelemetry.__file__).parents[1])])


def memory(home: Path) -> Memory:
    """Return what acme-mcp remembers."""
    return Memory(str(home / ".acme-mcp" / "telemetry.db"))


def test_notice_names_what_leaves_where_to_and_what_stops_it(tmp_path: Path, clock: FakeClock) -> None:
    """The text holds both endpoints, both variables and a command that can be typed as it stands."""
    stream = Terminal()
    assert maybe_print_first_run_notice(telemetry(tmp_path, clock, events_endpoint=EVENTS), stream)
    text = stream.getvalue()
    assert HEARTBEAT in text
    assert EVENTS in text
    assert "ACME_MCP_TELEMETRY=off" in text
    assert "DO_NOT_TRACK=1" in text
    assert f'"{sys.executable}" -m mcptelemetry --app acme-mcp off' in text
    assert "tool's name" in text
    assert "counters" in text


def test_notice_is_plain_ascii(tmp_path: Path, clock: FakeClock) -> None:
    """Whatever a path or an author's command holds, no terminal is steered and no encoding fails."""
    stream = Terminal()
    assert maybe_print_first_run_notice(telemetry(tmp_path, clock, command="acme \u2014\x1b[2J\t\x07 off"), stream)
    text = stream.getvalue()
    assert text.isascii()
    assert all(line.isprintable() for line in text.splitlines())
    assert text.endswith("\n")


def test_notice_shows_the_authors_command(tmp_path: Path, clock: FakeClock) -> None:
    """An application with a command line of its own names that."""
    stream = Terminal()
    maybe_print_first_run_notice(telemetry(tmp_path, clock, command="acme-mcp telemetry off"), stream)
    assert "acme-mcp telemetry off" in stream.getvalue()
    assert "-m mcptelemetry" not in stream.getvalue()


def test_notice_names_an_unusual_data_directory(tmp_path: Path, clock: FakeClock) -> None:
    """The command writes the refusal where this application will look for it."""
    stream = Terminal()
    place = tmp_path / "elsewhere"
    assert maybe_print_first_run_notice(telemetry(tmp_path, clock, data_dir=str(place)), stream)
    assert f'-m mcptelemetry --app acme-mcp --data-dir "{place}" off' in stream.getvalue()
    own = {"HOME": str(tmp_path), "ACME_MCP_HOME": str(tmp_path / "o"), "ACME_MCP_TELEMETRY": "1"}
    assert maybe_print_first_run_notice(telemetry(tmp_path, clock, environ=own), stream)
    assert f'--data-dir "{tmp_path / "o"}" off' in stream.getvalue()


def test_notice_with_an_untypable_data_directory_switches_all_off(tmp_path: Path, clock: FakeClock) -> None:
    """Where a path cannot be written in ASCII the command refuses for every application instead."""
    stream = Terminal()
    maybe_print_first_run_notice(telemetry(tmp_path, clock, data_dir=str(tmp_path / "\u00e9")), stream)
    assert "-m mcptelemetry off" in stream.getvalue()


def test_notice_names_no_command_that_ascii_would_spoil(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interpreter whose path cannot be written in ASCII is in no command; the file and the line are named instead."""
    interpreter = tmp_path / "jos\u00e9" / "python3"
    interpreter.parent.mkdir()
    interpreter.write_text("")
    monkeypatch.setattr(sys, "executable", str(interpreter))
    stream = Terminal()
    assert maybe_print_first_run_notice(telemetry(tmp_path, clock), stream)
    text = stream.getvalue()
    assert "python3" not in text
    assert "write the line enabled = false below the line [telemetry] in ~/.acme-mcp/telemetry.toml" in text
    assert "or set ACME_MCP_TELEMETRY=off or DO_NOT_TRACK=1" in text


@pytest.mark.parametrize(("folder", "is_named"), [("elsewhere", True), ("\u00e9", False)])
def test_notice_without_a_command_names_the_file_that_can_be_typed(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, folder: str, is_named: bool
) -> None:
    """A frozen application's notice names its own settings file, or only the variables when the path cannot be shown."""
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    stream = Terminal()
    assert maybe_print_first_run_notice(telemetry(tmp_path, clock, data_dir=str(tmp_path / folder)), stream)
    text = stream.getvalue()
    assert "-m mcptelemetry" not in text
    assert (str(tmp_path / folder / "telemetry.toml") in text) is is_named
    assert ("To switch it off, set ACME_MCP_TELEMETRY=off" in text) is not is_named


def test_notice_is_shown_once(tmp_path: Path, clock: FakeClock) -> None:
    """A second process of the installation says nothing."""
    assert maybe_print_first_run_notice(telemetry(tmp_path, clock), Terminal())
    again = Terminal()
    assert not maybe_print_first_run_notice(telemetry(tmp_path, clock), again)
    assert again.getvalue() == ""


def test_notice_is_shown_again_for_an_endpoint_it_did_not_name(tmp_path: Path, clock: FakeClock) -> None:
    """A release that sends to another place too has to say so; the old place is not forgotten."""
    assert maybe_print_first_run_notice(telemetry(tmp_path, clock), Terminal())
    stream = Terminal()
    assert maybe_print_first_run_notice(telemetry(tmp_path, clock, events_endpoint=EVENTS), stream)
    assert EVENTS in stream.getvalue()
    mark = memory(tmp_path).look().notice
    assert mark is not None
    assert mark.destinations == {HEARTBEAT, EVENTS}
    assert not maybe_print_first_run_notice(telemetry(tmp_path, clock), Terminal())


def test_notice_counts_for_every_place_that_it_named(tmp_path: Path, clock: FakeClock) -> None:
    """Whoever was told of two places was told of each of them, and of no third."""
    assert maybe_print_first_run_notice(telemetry(tmp_path, clock, events_endpoint=EVENTS), Terminal())
    mark = memory(tmp_path).look().notice
    for told in ([HEARTBEAT], [EVENTS], [EVENTS, HEARTBEAT]):
        assert has_been_noticed(mark, told)
    assert not has_been_noticed(mark, [HEARTBEAT, "https://third.acme.dev"])
    assert not has_been_noticed(None, [HEARTBEAT])


def test_notice_that_would_name_no_place_is_not_shown(tmp_path: Path, clock: FakeClock) -> None:
    """Where nothing would leave for anywhere there is nothing to say, whatever the switches allow."""
    notice = telemetry(tmp_path, clock).first_run_notice()
    assert notice is not None
    stream = Terminal()
    assert not maybe_print_first_run_notice(notice._replace(heartbeat_endpoint=None), stream)
    assert stream.getvalue() == ""
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("stream", "how", "delay_secs"), [(Terminal, "terminal", 300), (io.StringIO, "stderr", 86_400)]
)
def test_first_heartbeat_waits_for_the_reader(
    stream: Any, how: str, delay_secs: int, tmp_path: Path, clock: FakeClock  # noqa: ANN401  a class of streams
) -> None:
    """Five minutes after a terminal showed it; a day after a stream that a host may hide."""
    assert maybe_print_first_run_notice(telemetry(tmp_path, clock), stream())
    mark = memory(tmp_path).look().notice
    assert mark is not None
    assert mark.how == how
    assert first_heartbeat_at(mark) == int(clock.time()) + delay_secs


def test_sink_that_returns_true_has_shown_it(tmp_path: Path, clock: FakeClock) -> None:
    """The author's sink takes the text instead of any stream, and the heartbeat waits five minutes."""
    taken: list[str] = []
    stream = Terminal()
    own = telemetry(tmp_path, clock, notice=lambda text: taken.append(text) is None)
    assert maybe_print_first_run_notice(own, stream)
    assert HEARTBEAT in taken[0]
    assert stream.getvalue() == ""
    mark = memory(tmp_path).look().notice
    assert first_heartbeat_at(mark) == int(clock.time()) + 300


@pytest.mark.parametrize("answer", [None, False, 1, "yes", ValueError, SystemError])
def test_sink_that_does_not_say_true_has_not_shown_it(answer: object, tmp_path: Path, clock: FakeClock) -> None:
    """Anything but True, and any exception, means that nobody was told; the next start tries again."""

    def sink(_text: str) -> Any:  # noqa: ANN401  that is the point
        if isinstance(answer, type):
            raise answer
        return answer

    assert not maybe_print_first_run_notice(telemetry(tmp_path, clock, notice=sink))
    assert memory(tmp_path).look().notice is None
    assert first_heartbeat_at(memory(tmp_path).look().notice) is None
    assert maybe_print_first_run_notice(telemetry(tmp_path, clock), Terminal())


def test_closed_stream_has_not_shown_it(tmp_path: Path, clock: FakeClock) -> None:
    """A standard error that was closed shows nothing, and nothing is marked."""
    stream = io.StringIO()
    stream.close()
    assert not maybe_print_first_run_notice(telemetry(tmp_path, clock), stream)
    assert memory(tmp_path).look().notice is None


@pytest.mark.parametrize(
    "environ",
    [
        {"DO_NOT_TRACK": "1"},
        {"CI": "true"},
        {"ACME_MCP_TELEMETRY": "off"},
        {"ACME_MCP_TELEMETRY": "", "PYTEST_VERSION": "8"},
        {"HOME": "", "USERPROFILE": ""},
    ],
)
def test_notice_is_neither_shown_nor_marked_when_off(
    environ: dict[str, str], tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever said no before the first start is not disturbed, and their disk is not touched."""
    if "HOME" in environ:
        monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # no entry in the password file
    surroundings = {"HOME": str(tmp_path), "ACME_MCP_TELEMETRY": "1", **environ}
    stream = Terminal()
    own = telemetry(tmp_path, clock, environ=surroundings)
    assert not maybe_print_first_run_notice(own, stream)
    own.start()
    assert stream.getvalue() == ""
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("default", ["off", "local"])
def test_notice_is_not_shown_while_nothing_would_leave(default: str, tmp_path: Path, clock: FakeClock) -> None:
    """Off and local send nothing, so there is nothing to say yet."""
    own = telemetry(tmp_path, clock, default=default)
    assert not maybe_print_first_run_notice(own, Terminal())
    assert os.listdir(tmp_path) == []


def test_notice_is_not_shown_for_the_operators_endpoint(tmp_path: Path, clock: FakeClock) -> None:
    """What the machine's own operator set up needs no notice from the author."""
    environ = {"HOME": str(tmp_path), "ACME_MCP_TELEMETRY": "1", "ACME_MCP_EVENTS_ENDPOINT": "https://ops.acme.dev"}
    own = telemetry(tmp_path, clock, environ=environ, heartbeat_endpoint=None, events_endpoint=EVENTS)
    assert own.first_run_notice() is None
    assert os.listdir(tmp_path) == []


def test_store_that_cannot_hold_the_mark_keeps_the_notice_back(tmp_path: Path, clock: FakeClock) -> None:
    """What could not be remembered is not shown either, or it would be shown for ever."""
    (tmp_path / ".acme-mcp").write_text("a file in the place of the directory")
    stream = Terminal()
    own = telemetry(tmp_path, clock, environ={"HOME": str(tmp_path), "ACME_MCP_TELEMETRY": "1"})
    assert not maybe_print_first_run_notice(own, stream)
    assert stream.getvalue() == ""
    assert own.status()["storage"]["degraded"] is True


@pytest.mark.parametrize(
    ("argument", "value", "error"),
    [
        ("notice", "print it", TypeError),
        ("command", 3, TypeError),
        ("heartbeat_endpoint", "http://t.acme.dev", ValueError),
        ("heartbeat_endpoint", 3, TypeError),
    ],
)
def test_bad_arguments_are_named(
    argument: str, value: object, error: type[Exception], tmp_path: Path, clock: FakeClock
) -> None:
    """An author's slip is an error at construction that names the argument."""
    with pytest.raises(error, match=argument):
        telemetry(tmp_path, clock, **{argument: value})
