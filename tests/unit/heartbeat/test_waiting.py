"""What the next heartbeat waits for: the same look for the worker and for a person."""

from __future__ import annotations

from mcptelemetry.application import Application
from mcptelemetry.counters import Counting
from mcptelemetry.heartbeat import HeartbeatService
from mcptelemetry.installation import Installation, Setup
from mcptelemetry.testing import FakeClock, ScriptedTransport

URL = "https://t.acme.dev"


def service(home, *, url=URL, transport=None, **environ):
    """Return the service of an installation in *home*, and the installation."""
    found = Installation(
        Application("acme-mcp"),
        Setup("v1.4.0", heartbeat_endpoint=url),
        environ={"HOME": str(home), "ACME_MCP_TELEMETRY": "1", **environ},
        clock=FakeClock(),
        transport=transport or ScriptedTransport(),
    )
    counting = Counting()
    counting.keep(found)
    return HeartbeatService(installation=found, counting=counting), found


def test_why_not_goes_through_all_that_is_waited_for(tmp_path):
    """The notice, its delay, nothing, and then the next day: each is named, and agrees with `send_now()`."""
    one, found = service(tmp_path)
    assert one.why_not() == f"the first-run notice that names {URL} has not been shown"
    assert not one.send_now()
    assert found.open_memory().mark_notice("terminal", [URL])
    assert one.why_not() == "the notice was shown, and the first heartbeat may leave at 2026-05-28T20:31:40Z"
    assert not one.send_now()
    found.clock.advance(300)
    assert one.why_not() is None
    assert one.send_now()
    assert one.why_not() == "the next heartbeat is due at 2026-05-29T20:31:40Z"
    assert not one.send_now()
    found.clock.advance(86_400)
    assert one.why_not() is None
    assert one.send_now()


def test_why_not_names_the_row_that_decides(tmp_path):
    """A person who wonders reads which word it was, and which row."""
    assert service(tmp_path, DO_NOT_TRACK="1")[0].why_not() == "it is off (DO_NOT_TRACK, row 1 of the switches)"
    one, found = service(tmp_path)
    (tmp_path / ".acme-mcp").mkdir()
    (tmp_path / ".acme-mcp" / "telemetry.toml").write_text('[telemetry]\nmode = "local"\n')
    assert one.why_not() == f"it is local ([telemetry] mode, local in {found.switches.config_path}, row 5 of the switches)"


def test_why_not_names_a_no_that_came_before_the_process(tmp_path):
    """A process that began off stays silent until it is restarted, and says so."""
    file = tmp_path / ".acme-mcp" / "telemetry.toml"
    file.parent.mkdir()
    file.write_text("[telemetry]\nenabled = false\n")
    one, _found = service(tmp_path)
    file.write_text("[telemetry]\nenabled = true\n")
    assert "it was off when this process began" in one.why_not()
    file.write_text("[telemetry\n")
    broken, found = service(tmp_path)
    assert broken.why_not() == f"telemetry is off for this run: {found.problem}"
    file.unlink()
    assert service(tmp_path, url=None)[0].why_not() == "no endpoint is configured"


def test_why_not_changes_nothing(tmp_path):
    """Asked a hundred times, it makes no file."""
    one, _found = service(tmp_path)
    for _ in range(100):
        one.why_not()
    assert list(tmp_path.iterdir()) == []


def test_asking_sends_a_batch_without_events_and_obeys_the_switches(tmp_path):
    """The question goes where heartbeats go and holds nothing; refused, nothing leaves."""
    transport = ScriptedTransport()
    one, _found = service(tmp_path, transport=transport)
    assert one.ask().status == 202
    (request,) = transport.requests
    assert (request.url, request.body) == (f"{URL}/heartbeat", b'{"events":[]}')
    refused, _found = service(tmp_path, transport=transport, DO_NOT_TRACK="1")
    assert refused.ask().message == "nothing was sent: DO_NOT_TRACK"
    assert service(tmp_path, url=None, transport=transport)[0].ask().message == "nothing was sent: no endpoint is configured"
    assert len(transport.requests) == 1
