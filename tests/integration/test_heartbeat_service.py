"""One heartbeat a day: when it leaves, what an answer does, and that a preview is what would leave."""

from __future__ import annotations

import json
import logging
import os

import pytest

from mcptelemetry.application import Application
from mcptelemetry.counters import Counting
from mcptelemetry.heartbeat import HeartbeatService, StatsReader
from mcptelemetry.installation import Installation as OneInstallation
from mcptelemetry.installation import Setup
from mcptelemetry.testing import FakeClock, InProcessCollector, ScriptedServer
from mcptelemetry.wire import ZERO_ID, check

APP = Application("acme-mcp")
DAY = 86_400


class Installation:
    """One process of an installation, with a clock that is told what time it is."""

    def __init__(self, home, url, *, clock=None, version="v1.4.0", environ=(), flags=None, stats=None, builtin=("get_issues",), errors=(), wrap_environ=dict):
        self.environ = wrap_environ({"HOME": str(home), "ACME_MCP_TELEMETRY": "1", **dict(environ)})
        self.clock = clock or FakeClock()
        found = OneInstallation(APP, Setup(version, heartbeat_endpoint=url), environ=self.environ, clock=self.clock)
        self.data_dir = found.data_dir
        self.memory = found.open_memory()
        self.switches = found.switches
        counting = Counting(tools=builtin, error_categories=errors)
        counting.keep(found)
        self.registry, self.notes, self.flusher = counting.registry, counting.activation, counting
        self.url = url
        self.service = HeartbeatService(installation=found, counting=counting, stats=StatsReader(stats, flags))

    def notice(self, how="terminal"):
        assert self.memory.mark_notice(how, [self.url])

    def noticed(self, how="terminal"):
        """Be shown the notice and let its delay pass."""
        self.notice(how)
        self.clock.advance(DAY if how == "stderr" else 300)
        return self

    def say(self, mode):
        os.makedirs(self.data_dir, exist_ok=True)
        with open(os.path.join(self.data_dir, "telemetry.toml"), "w") as file:
            file.write(f'[telemetry]\nmode = "{mode}"\n')

    def files(self):
        found = {}
        for folder, _, names in os.walk(self.environ["HOME"]):
            for name in names:
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    found[path] = (file.read(), os.stat(path).st_mtime_ns)
        return found


@pytest.fixture
def collector():
    with InProcessCollector() as running:
        yield running


@pytest.fixture
def installation(tmp_path, collector):
    return Installation(tmp_path, collector.url)


# -- when ------------------------------------------------------------------------------


@pytest.mark.parametrize(("how", "delay"), [("terminal", 300), ("sink", 300), ("stderr", DAY)])
def test_heartbeat_waits_for_the_notice_and_its_delay(installation, collector, how, delay):
    """Nothing leaves before a notice was shown, and then not before its delay has passed."""
    assert not installation.service.send_now()
    installation.clock.advance(30 * DAY)
    assert not installation.service.send_now()
    installation.notice(how)
    assert not installation.service.send_now()
    installation.clock.advance(delay - 1)
    assert not installation.service.send_now()
    assert collector.request_count == 0
    installation.clock.advance(1)
    assert installation.service.send_now()
    assert len(collector.heartbeats()) == 1


def test_heartbeat_waits_for_a_notice_that_names_its_endpoint(tmp_path, collector):
    """A notice that named another address is no notice for this one."""
    installation = Installation(tmp_path, collector.url)
    assert installation.memory.mark_notice("terminal", ["https://elsewhere.example"])
    installation.clock.advance(DAY)
    assert not installation.service.send_now()
    assert collector.request_count == 0


def test_heartbeat_leaves_once_in_24_hours(installation, collector):
    """After one was accepted, the next leaves 24 hours later and not before."""
    installation.noticed()
    for day in range(3):
        assert installation.service.send_now()
        for _ in range(23):
            assert not installation.service.send_now()
            installation.clock.advance(3600)
        assert not installation.service.send_now()
        installation.clock.advance(3600)
    ids = [document["heartbeat_id"] for document in collector.heartbeats()]
    assert len(ids) == len(set(ids)) == 3


def test_heartbeat_of_twenty_restarts_in_a_day_is_one(tmp_path, collector):
    """However often the application is started, the installation sends one a day."""
    clock = FakeClock()
    Installation(tmp_path, collector.url, clock=clock).noticed()
    sent = 0
    for _ in range(20):
        process = Installation(tmp_path, collector.url, clock=clock)
        process.registry.record_builtin_tool("get_issues")
        sent += process.service.send_now()
        process.flusher.flush()
        clock.advance(3600)
    assert sent == len(collector.heartbeats()) == 1
    clock.advance(DAY)
    assert Installation(tmp_path, collector.url, clock=clock).service.send_now()
    counted = [document.get("builtin_tool_calls", {}).get("get_issues", 0) for document in collector.heartbeats()]
    assert counted == [1, 19]


def test_heartbeat_of_a_clock_that_was_in_2099_leaves_within_24_hours(installation, collector):
    """A clock that was wrong by decades and is put right delays the next heartbeat by a day at most."""
    installation.noticed()
    installation.clock.step(76 * 365 * DAY)
    assert installation.service.send_now()
    installation.clock.step(-76 * 365 * DAY)
    installation.clock.advance(DAY)
    assert installation.service.send_now()


# -- the switch ------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["off", "local"])
def test_heartbeat_does_not_leave_after_a_no(installation, collector, mode):
    """The switch is asked again before each send: a no said a moment ago counts."""
    installation.noticed()
    installation.say(mode)
    assert not installation.service.send_now()
    assert collector.request_count == 0


class Unreadable(dict):
    """An environment in which the first switch cannot be read for a while."""

    is_broken = False

    def get(self, name, default=None):
        if self.is_broken and name == "DO_NOT_TRACK":
            raise RuntimeError(name)
        return super().get(name, default)


def test_heartbeat_in_doubt_is_neither_sent_nor_told_as_tried(tmp_path, collector, caplog):
    """When the switches cannot be read at the gate nothing leaves, nothing is listed as sent, and it leaves later."""

    class Breaking:
        def server_count(self):
            installation.environ.is_broken = True  # while the document is being built
            return 1

    installation = Installation(tmp_path, collector.url, stats=Breaking(), wrap_environ=Unreadable).noticed()
    with caplog.at_level(logging.INFO):
        assert not installation.service.send_now()
    installation.environ.is_broken = False
    assert (collector.request_count, installation.memory.sent_documents(), caplog.records) == (0, [], [])
    installation.clock.advance(121)  # the lease of the window
    del Breaking.server_count
    assert installation.service.send_now()


@pytest.mark.parametrize("variable", [{"DO_NOT_TRACK": "1"}, {"CI": "true"}, {"ACME_MCP_TELEMETRY": "off"}])
def test_heartbeat_does_not_leave_against_the_environment(tmp_path, collector, variable):
    """A refusal in the environment stops it, also one that is set later."""
    Installation(tmp_path, collector.url).noticed()
    clock = FakeClock(time=FakeClock().time() + DAY)
    assert not Installation(tmp_path, collector.url, clock=clock, environ=variable).service.send_now()
    later = Installation(tmp_path, collector.url, clock=clock)
    later.environ.update(variable)
    assert not later.service.send_now()
    assert collector.request_count == 0


def test_heartbeat_process_that_began_off_stays_silent(tmp_path, collector):
    """A process that began while the answer was no does not send after a yes."""
    Installation(tmp_path, collector.url).noticed()
    clock = FakeClock(time=FakeClock().time() + DAY)
    began_off = Installation(tmp_path, collector.url, clock=clock, environ={"DO_NOT_TRACK": "1"})
    del began_off.environ["DO_NOT_TRACK"]
    assert not began_off.service.send_now()
    assert Installation(tmp_path, collector.url, clock=clock).service.send_now()


def test_heartbeat_without_a_place_to_remember_is_never_sent(tmp_path, collector):
    """Where nothing can be recorded, nothing is sent."""
    (tmp_path / ".acme-mcp").write_text("a file where the directory should be")
    installation = Installation(tmp_path, collector.url)
    assert not installation.memory.mark_notice("terminal", [collector.url])
    installation.clock.advance(30 * DAY)
    assert not installation.service.send_now()
    assert collector.request_count == 0


# -- the answer ------------------------------------------------------------------------


def answered(tmp_path, *replies, **more):
    server = ScriptedServer(*replies)
    installation = Installation(tmp_path, server.url, **more).noticed()
    installation.registry.record_builtin_tool("get_issues")
    return server, installation


def test_heartbeat_counters_survive_a_failed_send_and_vanish_after_a_2xx(tmp_path):
    """A failed send keeps the counters under their id; an accepted one leaves zeros."""
    server, installation = answered(tmp_path, 503, 202)
    with server:
        assert not installation.service.send_now()
        assert installation.service.build_payload().builtin_tool_calls == {"get_issues": 1}
        installation.clock.advance(300)
        assert installation.service.send_now()
        assert installation.service.build_payload().builtin_tool_calls is None
        first, second = (json.loads(request.body) for request in server.requests)
    assert first["heartbeat_id"] == second["heartbeat_id"]
    assert first["builtin_tool_calls"] == second["builtin_tool_calls"] == {"get_issues": 1}
    assert installation.service.build_payload().heartbeat_id != first["heartbeat_id"]


def test_heartbeat_counted_meanwhile_belongs_to_the_next_window(tmp_path):
    """What is counted while a window waits is reported a day later, and nothing is reported twice."""
    server, installation = answered(tmp_path, 503)
    with server:
        assert not installation.service.send_now()
        installation.registry.record_builtin_tool("get_issues")
        installation.registry.record_builtin_tool("get_issues")
        installation.clock.advance(300)
        assert installation.service.send_now()
        installation.clock.advance(DAY)
        assert installation.service.send_now()
        counted = [json.loads(request.body)["builtin_tool_calls"]["get_issues"] for request in server.requests]
    assert counted == [1, 1, 2]


@pytest.mark.parametrize("status", [401, 403, 408, 425, 429, 500, 503])
def test_heartbeat_is_kept_and_backed_off_over_a_restart(tmp_path, status):
    """A temporary refusal is tried again later, and a restart does not shorten the wait."""
    server, installation = answered(tmp_path, (status, b"", {"Retry-After": "600"}))
    with server:
        assert not installation.service.send_now()
        restarted = Installation(tmp_path, server.url, clock=installation.clock)
        assert not restarted.service.send_now()
        installation.clock.advance(599)
        assert not restarted.service.send_now()
        assert len(server.requests) == 1
        installation.clock.advance(1)
        assert restarted.service.send_now()
        assert json.loads(server.requests[1].body)["builtin_tool_calls"] == {"get_issues": 1}


@pytest.mark.parametrize("status", [301, 404, 405, 407, 421, 401, 403])
def test_heartbeat_to_a_wrong_place_or_with_a_wrong_key_is_kept(tmp_path, caplog, status):
    """Somebody can mend it, so the window is kept; one warning says endpoint, status and mend."""
    server, installation = answered(tmp_path, status, status)
    with server:
        assert not installation.service.send_now()
        installation.clock.advance(3600)
        assert not installation.service.send_now()
        installation.clock.advance(3600)
        assert installation.service.send_now()
        ids = {json.loads(request.body)["heartbeat_id"] for request in server.requests}
    assert (len(server.requests), len(ids)) == (3, 1)
    (line,) = (record.getMessage() for record in caplog.records if record.levelname == "WARNING")
    assert line.startswith(f"mcptelemetry: the heartbeat to {installation.service.url} is kept and sent later: HTTP {status}")
    assert "; " in line


def test_heartbeat_that_a_web_page_took_is_told(tmp_path, caplog):
    """A 200 is taken for a yes, as it must be, but an HTML page is no collector, and somebody should know."""
    server, installation = answered(tmp_path, (200, b"<!DOCTYPE html><title>Hello</title>", {"Content-Type": "text/html"}))
    with server:
        assert installation.service.send_now()
    (line,) = (record.getMessage() for record in caplog.records if record.levelname == "WARNING")
    assert "seems to be lost: HTTP 200" in line
    assert "which is a web page; correct the endpoint" in line
    assert "web page" in (installation.memory.look().last_error or "")


@pytest.mark.parametrize("status", [400, 410, 413, 422])
def test_heartbeat_window_is_given_up_once_and_not_retried(tmp_path, status):
    """A final refusal gives the window up: it is not sent again, and the next is due in a day."""
    server, installation = answered(tmp_path, (status, b"no", {"Location": "https://elsewhere.example/"}))
    with server:
        assert not installation.service.send_now()
        for _ in range(23):
            installation.clock.advance(3600)
            assert not installation.service.send_now()
        assert len(server.requests) == 1
        installation.clock.advance(3600)
        assert installation.service.send_now()
        first, second = (json.loads(request.body) for request in server.requests)
    assert first["heartbeat_id"] != second["heartbeat_id"]
    assert "builtin_tool_calls" not in second
    assert [sent.status for sent in installation.memory.sent_documents()] == [status, 202]


def test_heartbeat_whose_answer_was_lost_is_stored_once(tmp_path):
    """An answer that is lost after storing leads to the same id again, which is stored once."""
    with InProcessCollector(lose_answer_every=1) as losing:
        installation = Installation(tmp_path, losing.url).noticed()
        installation.registry.record_builtin_tool("get_issues")
        for _ in range(3):
            assert not installation.service.send_now()
            installation.clock.advance(300)
        assert losing.lost_answer_count == 3
        (stored,) = losing.heartbeats()
        assert stored["builtin_tool_calls"] == {"get_issues": 1}
        assert stored["heartbeat_id"] == installation.service.build_payload().heartbeat_id


def test_heartbeat_without_an_answer_is_told_once(tmp_path, caplog):
    """A dead endpoint costs one line in the log, not one a try, and nothing above a warning."""
    caplog.set_level(logging.INFO, "mcptelemetry")
    server = ScriptedServer()
    url = server.url
    server.stop()
    installation = Installation(tmp_path, url).noticed()
    for _ in range(5):
        assert not installation.service.send_now()
        installation.clock.advance(300)
    told = [record for record in caplog.records if record.name.startswith("mcptelemetry.heartbeat")]
    assert len(told) == 1
    assert told[0].levelno <= logging.WARNING


# -- what it says ----------------------------------------------------------------------


def test_heartbeat_advances_the_previous_version_and_keeps_the_id(tmp_path, collector):
    """After an upgrade the id is the same and previous_version is the one reported before."""
    clock = FakeClock()
    before = Installation(tmp_path, collector.url, clock=clock, version="v1.3.2").noticed()
    assert before.service.send_now()
    clock.advance(DAY)
    after = Installation(tmp_path, collector.url, clock=clock, version="v1.4.0")
    assert after.service.build_payload().previous_version == "v1.3.2"
    assert after.service.send_now()
    clock.advance(DAY)
    assert after.service.send_now()
    first, second, third = collector.heartbeats()
    assert first["anonymous_id"] == second["anonymous_id"] == third["anonymous_id"] != ZERO_ID
    assert [(d["previous_version"], d["current_version"]) for d in (first, second, third)] == [
        ("", "v1.3.2"),
        ("v1.3.2", "v1.4.0"),
        ("v1.4.0", "v1.4.0"),
    ]


def test_heartbeat_says_installer_until_one_was_accepted(tmp_path):
    """The installer's flag is cleared with the 2xx, not with the try."""
    server, installation = answered(tmp_path, 503, 202, 202)
    with server:
        installation.notes.set_installer_pending(True)
        for pause in (300, DAY, DAY):
            installation.service.send_now()
            installation.clock.advance(pause)
        sources = [json.loads(request.body)["launch_source"] for request in server.requests]
    assert sources[:2] == ["installer", "installer"]
    assert sources[2] != "installer"


def test_heartbeat_sends_what_the_preview_shows_byte_for_byte(tmp_path):
    """What a preview shows, here or in another process, is what the next send posts: at first, and after a failure."""
    server = ScriptedServer(503)
    with server:
        installation = Installation(tmp_path, server.url, flags={"beta": True})
        installation.notice()
        installation.registry.record_builtin_tool("get_issues")
        assert not installation.service.send_now()  # the notice's delay
        for pause in (300, 300, DAY):
            installation.clock.advance(pause)
            previews = {installation.service.build_payload().encode() for _ in range(5)}
            if pause < 3600:  # the other's uptime is its own
                other = Installation(tmp_path, server.url, clock=installation.clock, flags={"beta": True})
                previews.add(other.service.build_payload().encode())
            installation.service.send_now()
            assert previews == {server.requests[-1].body}
            check(json.loads(server.requests[-1].body))
        assert len(server.requests) == 3


def test_hundred_previews_change_no_file(tmp_path):
    """A hundred previews leave every file as it was, and make none on a machine that never ran."""
    fresh = Installation(tmp_path, "http://127.0.0.1:1")
    for _ in range(100):
        assert fresh.service.build_payload().anonymous_id == ZERO_ID
    assert fresh.files() == {}
    assert fresh.service.preview().notes
    fresh.notice()
    fresh.registry.record_builtin_tool("get_issues")
    fresh.service.send_now()  # the notice's delay
    before = fresh.files()
    assert {fresh.service.build_payload().encode() for _ in range(100)} != set()
    assert fresh.files() == before
    assert fresh.service.preview().notes == ()


def test_preview_and_heartbeat_forget_what_was_counted_before_a_no(tmp_path):
    """After off and on again, neither the preview nor the next heartbeat holds anything from before."""
    from mcptelemetry.config import Mode, write_mode

    with ScriptedServer() as server:
        installation = Installation(tmp_path, server.url)
        installation.notice()
        installation.registry.record_builtin_tool("get_issues")
        installation.notes.record_mcp_client("cursor")
        installation.notes.set_installer_pending(True)
        installation.service.send_now()  # the notice's delay
        shown = installation.service.build_payload()
        assert shown.builtin_tool_calls == {"get_issues": 1}
        assert shown.activation["mcp_clients_seen_ever"] == ["cursor"]
        assert shown.launch_source == "installer"
        for mode in (Mode.OFF, Mode.ON):
            installation.clock.advance(150)
            write_mode(installation.switches.state_path, mode, clock=installation.clock.time)
        preview = installation.service.preview()
        again = Installation(tmp_path, server.url, clock=installation.clock)
        assert again.service.send_now()
        sent = json.loads(server.requests[0].body)
    shown = preview.payload.to_dict()
    assert any("since the mode was last changed" in note for note in preview.notes)
    assert {**shown, "heartbeat_id": ""} == {**sent, "heartbeat_id": ""}
    assert "builtin_tool_calls" not in sent
    assert sent["activation"]["mcp_clients_seen_ever"] == []
    assert sent["launch_source"] != "installer"


def test_preview_works_while_off(tmp_path, collector):
    """A preview needs no permission: it shows what would leave."""
    installation = Installation(tmp_path, collector.url, environ={"DO_NOT_TRACK": "1"})
    check(installation.service.build_payload().to_dict())
    assert collector.request_count == 0


def test_sent_documents_are_kept_word_for_word(installation, collector):
    """Everything that was sent can be read afterwards, the last fifty of it."""
    installation.noticed()
    for _ in range(53):
        assert installation.service.send_now()
        installation.clock.advance(DAY)
    kept = installation.memory.sent_documents()
    assert len(kept) == 50
    assert [json.loads(sent.body) for sent in kept] == collector.heartbeats()[-50:]
    assert kept[-1].sent_at == installation.clock.time() - DAY


# -- what must not leave ---------------------------------------------------------------


def test_heartbeat_that_holds_a_blocked_value_is_not_sent(tmp_path, caplog):
    """A secret of this machine in an open place stops the document, is counted, and is not logged."""
    secret = "canary_secret_value_42"
    server = ScriptedServer()
    with server:
        installation = Installation(tmp_path, server.url, environ={"GITHUB_TOKEN": secret}, builtin=(secret,)).noticed()
        installation.registry.record_builtin_tool(secret)
        assert not installation.service.send_now()
        assert not installation.service.send_now()
        assert server.requests == []
    assert installation.registry.anonymity_violations_total == 1
    errors = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(errors) == 1
    assert "env:GITHUB_TOKEN" in errors[0]
    assert secret not in caplog.text


def test_heartbeat_larger_than_16_kib_is_not_sent(tmp_path, caplog):
    """Fifty names of each kind, as long as they may be, make a document that stays here."""
    names = [f"{one}{other}{'_segments' * 6}_more" for one in "abcdefghij" for other in "klmno"]
    flags = dict.fromkeys(names, True)
    with ScriptedServer() as server:
        installation = Installation(tmp_path, server.url, builtin=names, errors=names, flags=lambda: flags).noticed()
        registry = installation.registry
        for name in names:
            registry.record_builtin_tool(name)
            registry.record_error(name)
            registry.record_rest_request("GET", f"/api/{name[:30]}" + f"/{name[3:32]}" * 3, "2xx")
            registry.record_doctor_run([DoctorCheck(name, True)])
        installation.flusher.flush()
        assert len(installation.service.build_payload().encode()) > 16 * 1024
        assert not installation.service.send_now()
        assert server.requests == []
        assert "larger than 16384 bytes" in caplog.text


class DoctorCheck:
    def __init__(self, name, passed):
        self.name, self.passed = name, passed


class Hanging:
    def __init__(self, released):
        self._released = released

    def server_count(self):
        self._released.wait(30)
        return 1

    def tool_count(self):
        raise RuntimeError("MY-CANARY-SERVER")

    def connected_server_count(self):
        return 4


def test_heartbeat_of_an_application_whose_stats_hang_is_sent(tmp_path, collector):
    """A provider that hangs, raises and lacks methods costs those fields, never the heartbeat."""
    import threading

    released = threading.Event()
    installation = Installation(tmp_path, collector.url, stats=Hanging(released)).noticed()
    try:
        assert installation.service.send_now()
    finally:
        released.set()
    (document,) = collector.heartbeats()
    assert (document["connected_server_count"], document["server_count"], document["tool_count"]) == (4, 0, 0)


# -- its thread ------------------------------------------------------------------------


def test_heartbeat_service_sends_from_its_own_thread_and_stops(installation, collector):
    """Started, it sends what is due by itself; stopped, it ends within its time, and may be started again."""
    installation.noticed()
    installation.service.start()
    import threading

    waited = threading.Event()
    for _ in range(500):
        if collector.heartbeats():
            break
        waited.wait(0.02)
    assert len(collector.heartbeats()) == 1
    installation.service.stop()
    installation.service.stop()


def test_heartbeat_service_without_an_endpoint_only_previews(tmp_path):
    """Without an address nothing is started and nothing sent, and a preview works."""
    installation = Installation(tmp_path, None)
    installation.service.start()
    assert not installation.service.send_now()
    check(installation.service.build_payload().to_dict())
    assert installation.files() == {}


# -- through Telemetry -----------------------------------------------------------------


def telemetry_on(tmp_path, url, **more):
    from mcptelemetry import Telemetry

    environ = {"HOME": str(tmp_path), "ACME_MCP_TELEMETRY": "1", **more.pop("environ", {})}
    return Telemetry("acme-mcp", "1.4.0", heartbeat_endpoint=url, environ=environ, notice=lambda text: True, **more)


def noticed_telemetry(tmp_path, url, **more):
    """A telemetry whose notice was shown and whose worker is not started: a test takes the turns itself."""
    from mcptelemetry.privacy import maybe_print_first_run_notice

    telemetry = telemetry_on(tmp_path, url, **more)
    assert maybe_print_first_run_notice(telemetry)
    return telemetry


def test_telemetry_status_says_when_the_next_heartbeat_is_due_and_how_far_activation_is(tmp_path, collector):
    """The status holds the due time, what became of those before, and the activation funnel."""
    clock = FakeClock()
    telemetry = noticed_telemetry(tmp_path, collector.url, clock=clock)
    telemetry.activation.record_mcp_client("Claude Desktop")
    clock.advance(300)
    assert telemetry.heartbeat.send_now()
    status = telemetry.status()
    assert status["heartbeat"]["accepted_count"] == 1
    assert status["heartbeat"]["given_up_count"] == status["heartbeat"]["failed_attempts"] == 0
    assert status["heartbeat"]["due_at"] == "2026-05-29T20:31:40Z"
    assert status["activation"]["mcp_clients_seen_ever"] == ["claude-desktop"]
    json.dumps(status)


def test_telemetry_counts_what_is_recorded_into_its_heartbeat(tmp_path, collector):
    """Every recorded call is counted as a built-in tool's or as some upstream's, with no name of the latter."""
    clock = FakeClock()
    telemetry = noticed_telemetry(
        tmp_path, collector.url, clock=clock, tools=("get_issues",), edition="server", flags={"beta": True}
    )
    telemetry.record("get_issues")
    telemetry.record("MY-CANARY-TOOL", "remote_only", upstream="MY-CANARY-SERVER")
    clock.advance(300)
    assert telemetry.heartbeat.send_now()
    (document,) = collector.heartbeats()
    assert document["builtin_tool_calls"] == {"get_issues": 1}
    assert document["upstream_tool_call_count_bucket"] == "1-10"
    assert (document["edition"], document["flags"]) == ("server", {"beta": True})
    assert "CANARY" not in json.dumps(document).upper()


def test_telemetry_service_can_be_shown_the_notice(tmp_path, collector):
    """`maybe_print_first_run_notice` takes the heartbeat service as well as the telemetry."""
    from mcptelemetry.privacy import maybe_print_first_run_notice

    telemetry = telemetry_on(tmp_path, collector.url)
    assert maybe_print_first_run_notice(telemetry.heartbeat)
    assert not maybe_print_first_run_notice(telemetry)


def test_telemetry_without_an_endpoint_has_no_heartbeat(tmp_path):
    """Without an endpoint there is no service, and feedback says so."""
    from mcptelemetry import FeedbackError, FeedbackRequest

    telemetry = telemetry_on(tmp_path, None)
    assert telemetry.heartbeat is None
    with pytest.raises(FeedbackError, match="no endpoint"):
        telemetry.submit_feedback(FeedbackRequest("bug", "It does not start."))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"edition": "My Edition"}, ValueError),
        ({"edition": 3}, TypeError),
        ({"flags": ["beta"]}, TypeError),
        ({"flags": {"Beta": True}}, ValueError),
        ({"flags": {"beta": "yes"}}, TypeError),
        ({"flags": {f"f{n}": True for n in range(51)}}, ValueError),
    ],
)
def test_telemetry_refuses_what_could_never_be_reported(tmp_path, arguments, error):
    """A bad edition or flag is refused at construction, by the argument's name."""
    with pytest.raises(error, match=next(iter(arguments))):
        telemetry_on(tmp_path, None, **arguments)


def test_telemetry_submits_feedback_while_off(tmp_path, collector):
    """Feedback asks no switch: typing it is the consent."""
    from mcptelemetry import FeedbackRequest

    telemetry = telemetry_on(tmp_path, collector.url, environ={"DO_NOT_TRACK": "1"})
    assert telemetry.submit_feedback(FeedbackRequest("feature", "Please add a dark mode.")).success
    (stored,) = collector.feedback()
    assert (stored["app"], stored["message"]) == ("acme-mcp", "Please add a dark mode.")
    assert collector.heartbeats() == []
