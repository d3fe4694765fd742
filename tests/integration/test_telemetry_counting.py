"""What `Telemetry` counts, and what of it reaches the disk."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from mcptelemetry import RegistrySnapshot, StartupOutcome, Surface, Telemetry
from mcptelemetry.counters import ActivationState, ActivationStore, Windows
from mcptelemetry.state import Memory
from mcptelemetry.testing import FakeClock, InProcessCollector, ScriptedTransport

YES = {"ACME_MCP_TELEMETRY": "1"}


@pytest.fixture
def make(tmp_path, own_surroundings):
    """Return what makes a telemetry of an installation, which is shut down afterwards."""
    made = []

    def make(environ=None, **arguments):
        given = {"heartbeat_endpoint": "http://127.0.0.1:9", "notice": lambda _text: True, **arguments}
        telemetry = Telemetry(
            "acme-mcp",
            "1.4.0",
            data_dir=str(tmp_path / "data"),
            environ={"HOME": str(own_surroundings), **YES, **(environ or {})},
            transport=ScriptedTransport(),
            **given,
        )
        made.append(telemetry)
        return telemetry

    yield make
    for telemetry in made:
        telemetry.shutdown()


@pytest.fixture
def database(tmp_path):
    """Return where the installation's database is."""
    return str(tmp_path / "data" / "telemetry.db")


def stored(path, generation="|"):
    """Return what the next heartbeat of the installation would carry."""
    return Windows(Memory(path), clock=FakeClock(), generation=lambda: generation).state().snapshot


def test_telemetry_counts_every_recorded_call_as_builtin_or_upstream(make, database):
    """A declared tool without an upstream is built-in; every other recorded call is an upstream's."""
    telemetry = make(tools=["search"])

    @telemetry.tool
    def fetch():
        return 1

    telemetry.start()
    telemetry.record("search")
    telemetry.record("search", "explicit_prefix", upstream="cloud")
    telemetry.record("get_issues", "remote_only", upstream="cloud")
    fetch()
    with telemetry.invocation("search"):
        pass
    telemetry.record(["no tool"])
    counted = telemetry.registry.snapshot()
    assert counted.builtin_tool_calls == {"search": 2, "fetch": 1}
    assert counted.upstream_tool_call_count == 2
    telemetry.flush(5)
    assert telemetry.registry.snapshot() == RegistrySnapshot()
    assert stored(database) == counted


def test_telemetry_with_an_endpoint_for_events_counts_the_same(make):
    """Counting does not depend on whether events leave, too; what makes no event is not counted."""
    telemetry = make(tools=["search"], events_endpoint="http://127.0.0.1:9")
    telemetry.record("search")
    telemetry.record("search", upstream="cloud")
    telemetry.record("search", status="no such word")
    snapshot = telemetry.registry.snapshot()
    assert (snapshot.builtin_tool_calls, snapshot.upstream_tool_call_count) == ({"search": 1}, 1)
    assert telemetry.pipeline.stats().recorded == 2


def test_telemetry_counts_are_stored_when_it_ends(make, database):
    """What was counted last is on the disk after `shutdown()`."""
    with make(tools=["search"], error_categories=["cache_miss"], routes=["/mcp"]) as telemetry:
        telemetry.record("search")
        telemetry.registry.record_error("cache_miss")
        telemetry.registry.record_rest_request("POST", "/mcp", "2xx")
        telemetry.record_startup_outcome(StartupOutcome.PORT_CONFLICT)
    found = stored(database)
    assert found.builtin_tool_calls == {"search": 1}
    assert found.error_category_counts == {"cache_miss": 1}
    assert found.rest_endpoint_calls == {"POST /mcp": {"2xx": 1}}
    assert Memory(database).look().last_startup_outcome is StartupOutcome.PORT_CONFLICT


@pytest.mark.parametrize(("said", "outcome"), [("success", StartupOutcome.SUCCESS), ("on fire", StartupOutcome.OTHER_ERROR)])
def test_telemetry_startup_outcome_is_a_closed_word(make, database, said, outcome):
    """A word that is not known is other_error."""
    with make() as telemetry:
        telemetry.record_startup_outcome(said)
    assert Memory(database).look().last_startup_outcome is outcome


def test_telemetry_middleware_notes_clients_and_surface(make, database):
    """The middleware notes each client by its sanitised name, however it introduces itself, and counts MCP requests."""
    telemetry = make(tools=["search"])
    telemetry.start()

    async def listing(_ctx):
        return {"tools": [{"name": "search"}]}

    async def answer(_ctx):
        return {}

    def introduced(name, **extra):
        return SimpleNamespace(client_params=SimpleNamespace(client_info=SimpleNamespace(name=name)), **extra)

    async def serve():
        middleware = telemetry.middleware
        hello = {"clientInfo": {"name": "Visual Studio Code"}}
        await middleware(SimpleNamespace(method="initialize", request_id=0, params=hello), answer)
        await middleware(SimpleNamespace(method="tools/list", request_id=1, params={}), listing)
        call = {"name": "search", "_meta": {"io.modelcontextprotocol/clientInfo": {"name": "/Users/alice/cli"}}}
        await middleware(SimpleNamespace(method="tools/call", request_id=2, params=call), answer)
        session = introduced("Cursor")
        await middleware(SimpleNamespace(method="tools/call", request_id=3, params={"name": "search"}, session=session), answer)
        await middleware.on_call_tool(
            SimpleNamespace(message=SimpleNamespace(name="search"), fastmcp_context=SimpleNamespace(session=session)), answer
        )

    asyncio.run(serve())
    telemetry.flush(5)
    assert stored(database).surface_requests[Surface.MCP] == 3
    assert stored(database).builtin_tool_calls == {"search": 3}
    state = telemetry.activation.load()
    assert state.first_mcp_client_ever is True
    assert state.mcp_clients_seen_ever == ("vscode", "unknown", "cursor")


def test_telemetry_counts_retrieve_tools_as_activation_too(make):
    """A recorded call of retrieve_tools is a milestone; the gauge moves by its own method only, so that nothing counts twice."""
    telemetry = make(tools=["retrieve_tools"])
    telemetry.start()
    for _ in range(3):
        telemetry.record("retrieve_tools")
    telemetry.activation.increment_retrieve_tools_call()
    telemetry.flush(5)
    state = telemetry.activation.load()
    assert (state.first_retrieve_tools_call_ever, state.retrieve_tools_calls_24h) == (True, 1)


def test_telemetry_counts_failures_and_durations_of_its_own_tools(make, database):
    """By decorator, by hand and by invocation: own calls have names, failures and durations, and an upstream's has none."""
    telemetry = make(tools=["search"])

    @telemetry.tool
    def fetch(number):
        if number > 2:
            raise LookupError
        return {"isError": number == 2}

    telemetry.start()
    for number in range(5):
        with contextlib.suppress(LookupError):
            fetch(number)
    telemetry.record("search", latency_ms=4_000)
    telemetry.record("search", status="error", error_type="timeout", latency_ms=70_000)
    with telemetry.invocation("undeclared") as call:
        call.error()
    with telemetry.invocation("search", upstream="cloud") as call:
        call.error()
    with telemetry.invocation("search", upstream="cloud") as call:
        call.fallback()  # it ran here in the end
    telemetry.flush(5)
    found = stored(database)
    assert found.builtin_tool_calls == {"fetch": 5, "search": 3, "other": 1}
    assert found.builtin_tool_errors == {"fetch": 3, "search": 1, "other": 1}
    assert found.builtin_tool_durations == {
        "fetch": {"le_10ms": 5}, "search": {"le_10ms": 1, "le_10s": 1, "over_10s": 1}, "other": {"le_10ms": 1},
    }  # fmt: skip
    assert found.upstream_tool_call_count == 1


def test_telemetry_of_several_processes_adds_failures_and_durations_up(make, database):
    """What two processes counted of a tool is one sum."""
    for _ in range(2):
        with make(tools=["search"]) as telemetry:
            telemetry.record("search", status="error", latency_ms=50)
    assert stored(database).builtin_tool_errors == {"search": 2}
    assert stored(database).builtin_tool_durations == {"search": {"le_100ms": 2}}


def test_own_tools_and_milestones_are_taken_by_the_collector_as_they_were_counted(tmp_path, own_surroundings):
    """What a window carries of own tools and milestones arrives, and the next window has only what came later."""
    clock = FakeClock()
    with InProcessCollector() as collector:
        telemetry = Telemetry(
            "acme-mcp", "1.4.0", tools=["search"], milestones=["first_search"], heartbeat_endpoint=collector.url,
            environ={"HOME": str(own_surroundings), **YES}, notice=lambda _text: True, clock=clock,
        )  # fmt: skip
        with telemetry:
            for latency_ms in (1, 400, 20_000):
                telemetry.record("search", status="error", error_type="timeout", latency_ms=latency_ms)
            telemetry.record("search", upstream="cloud")
            telemetry.record_milestone("first_search")
            telemetry.flush(5)
            clock.advance(301)
            assert telemetry.heartbeat.send_now()
            telemetry.record("search", latency_ms=50)
            telemetry.flush(5)
            clock.advance(86_400)
            assert telemetry.heartbeat.send_now()
        first, second = collector.heartbeats()
    assert first["builtin_tool_calls"] == {"search": 3}
    assert first["builtin_tool_errors"] == {"search": 3}
    assert first["builtin_tool_durations"] == {"search": {"le_10ms": 1, "le_1s": 1, "over_10s": 1}}
    assert first["upstream_tool_call_count_bucket"] == "1-10"
    assert second["builtin_tool_calls"] == {"search": 1}
    assert "builtin_tool_errors" not in second
    assert second["builtin_tool_durations"] == {"search": {"le_100ms": 1}}
    assert first["activation"]["milestones"] == second["activation"]["milestones"] == {"first_search": True}


def test_telemetry_milestones_leave_as_declared_reached_or_not(make, database):
    """Each declared milestone is in the heartbeat, true once it was reached; what was declared once is no longer there."""
    with make(milestones=["first_search", "first_export"]) as telemetry:
        for name in ("first_search", "first_search", "made_up", None, []):
            telemetry.record_milestone(name)
        telemetry.flush(5)
        assert telemetry.heartbeat.build_payload().activation["milestones"] == {"first_search": True, "first_export": False}
    later = make(milestones=["first_import", "first_search"])
    assert later.heartbeat.build_payload().activation["milestones"] == {"first_import": False, "first_search": True}
    assert "milestones" not in make().heartbeat.build_payload().activation


def test_command_line_shows_the_milestones_that_the_last_start_declared(make, tmp_path, own_surroundings):
    """Whoever knows the application by name only previews the same as the application."""
    with make(milestones=["first_search", "first_export"]) as telemetry:
        telemetry.record_milestone("first_export")
    again = Telemetry.of_installation(
        "acme-mcp", data_dir=str(tmp_path / "data"), environ={"HOME": str(own_surroundings), **YES}
    )
    assert again.heartbeat_service().build_payload().activation["milestones"] == {"first_search": False, "first_export": True}
    assert again.status()["activation"]["milestones"] == {"first_search": False, "first_export": True}


def test_milestone_reached_before_the_mode_was_changed_is_forgotten(make, tmp_path):
    """Milestones and the number of tools are of a generation, as counts are; reached again they count again."""
    with make(milestones=["first_search"]) as telemetry:
        telemetry.record_milestone("first_search")
        telemetry.record("search", status="error", latency_ms=500)
        telemetry.activation.note_listed_tools(7)
        telemetry.flush(5)
        assert telemetry.heartbeat.build_payload().tool_count == 7
    (tmp_path / "data" / "telemetry-state.toml").write_text('mode = "on"\nsince = "2026-11-27T10:00:00Z"\n')
    with make(milestones=["first_search"]) as telemetry:
        telemetry.record("search")
        telemetry.flush(5)
        payload = telemetry.heartbeat.build_payload()
        assert (payload.tool_count, payload.activation["milestones"]) == (0, {"first_search": False})
        assert (payload.builtin_tool_errors, payload.builtin_tool_durations) == (None, {"other": {"le_10ms": 1}})
        telemetry.record_milestone("first_search")
        telemetry.flush(5)
        assert telemetry.heartbeat.build_payload().activation["milestones"] == {"first_search": True}


@pytest.mark.parametrize(
    ("milestones", "error", "words"),
    [
        (["First"], ValueError, "milestones holds 'First'"),
        ("first_search", TypeError, "give a list of names"),
        ([7], TypeError, "milestones must hold str"),
        ([f"step_{n}" for n in range(17)], ValueError, "at most 16"),
    ],
)
def test_telemetry_refuses_milestones_that_cannot_be(make, milestones, error, words):
    """A milestone is a lower-case identifier, and there are at most sixteen."""
    with pytest.raises(error, match=words):
        make(milestones=milestones)
    assert make(milestones=["a"] * 17)


def test_tool_count_follows_what_the_server_listed_last(make):
    """The heartbeat has as many tools as the last complete listing, unless the application says otherwise."""

    class Stats:
        def tool_count(self):
            return 40

    telemetry = make()
    telemetry.start()
    assert telemetry.heartbeat.build_payload().tool_count == 0

    def list_tools(names, cursor=None, next_cursor=None):
        async def answer(_ctx):
            return {"tools": [{"name": name} for name in names], "nextCursor": next_cursor}

        asyncio.run(telemetry.middleware(SimpleNamespace(method="tools/list", request_id=1, params={"cursor": cursor}), answer))
        telemetry.flush(5)
        return telemetry.heartbeat.build_payload().tool_count

    assert list_tools(["a", "b", "c"], next_cursor="2") == 0
    assert list_tools(["c", "d"], cursor="2") == 4
    assert list_tools(["a", "b"]) == 2
    assert list_tools([]) == 0
    assert make(stats=Stats()).heartbeat.build_payload().tool_count == 40


def test_telemetry_activation_is_noted_here_and_written_by_the_worker(make, database):
    """A milestone touches no file on the host's thread, and is stored by the next flush."""
    telemetry = make()
    telemetry.activation.mark_first_connected_server()
    telemetry.activation.add_tokens_saved(500)
    assert not os.path.exists(database)
    telemetry.start()
    telemetry.flush(5)
    state = ActivationStore(database).load()
    assert (state.first_connected_server_ever, state.estimated_tokens_saved_24h_bucket) == (True, "100_1k")


def test_telemetry_installer_flag_is_remembered(make, database):
    """A process that the installer started leaves that for the next heartbeat to say."""
    with make(environ={"ACME_MCP_LAUNCHED_BY": "installer"}):
        pass
    assert ActivationStore(database).is_installer_pending() is True


@pytest.mark.parametrize(
    "arguments",
    [
        {"environ": {"ACME_MCP_TELEMETRY": "off"}},
        {"environ": {"DO_NOT_TRACK": "1"}},
        {"environ": {"CI": "true"}},
        {"default": "off"},
    ],
)
def test_telemetry_off_stores_nothing(make, tmp_path, arguments):
    """Off, the counters are there and nothing of them, or of anything else, reaches the disk."""
    telemetry = make(tools=["search"], **arguments)
    with telemetry:
        telemetry.record("search")
        telemetry.registry.record_surface("cli")
        telemetry.activation.mark_first_mcp_client()
        telemetry.record_startup_outcome("success")
        telemetry.flush(5)
        assert telemetry.registry.snapshot().surface_requests["cli"] == 1
        assert telemetry.activation.load() == ActivationState()
    assert not list(tmp_path.iterdir())


def test_telemetry_without_an_endpoint_for_heartbeats_stores_no_count(make, tmp_path):
    """What no heartbeat can ever report is not kept."""
    with make(heartbeat_endpoint=None, tools=["search"]) as telemetry:
        telemetry.registry.record_builtin_tool("search")
        telemetry.activation.mark_first_mcp_client()
        telemetry.flush(5)
    assert not list(tmp_path.iterdir())


def test_telemetry_local_counts_on_this_machine(make, database):
    """In local mode counts are stored, to be shown here."""
    with make(default="local", tools=["search"]) as telemetry:
        telemetry.record("search")
    assert stored(database).builtin_tool_calls == {"search": 1}


def test_telemetry_that_was_not_started_stores_nothing_at_exit(tmp_path):
    """Whoever only makes one leaves no file behind."""
    program = (
        "import sys; from mcptelemetry import Telemetry\n"
        "telemetry = Telemetry('acme-mcp', '1.0.0', data_dir=sys.argv[1], heartbeat_endpoint='http://127.0.0.1:9',\n"
        "                      tools=['search'], environ={'HOME': sys.argv[1]})\n"
        "telemetry.registry.record_builtin_tool('search')\n"
        "telemetry.activation.mark_first_mcp_client()\n"
    )
    place = tmp_path / "data"
    subprocess.run([sys.executable, "-c", program, str(place)], check=True, timeout=60)
    assert not place.exists()


EXITS = {
    "at its end": "",
    "by an exception": "raise SystemExit(3)",
    "in a fork": "import os\nif os.fork() == 0:\n    telemetry.record('search')\n    sys.exit(0)\nos.wait()",
    "in a multiprocessing child": (
        "import multiprocessing\nchild = multiprocessing.get_context('fork').Process(target=telemetry.record, args=('search',))\n"
        "child.start()\nchild.join(30)"
    ),
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("way", EXITS)
def test_telemetry_stores_what_was_counted_however_the_process_ends(tmp_path, way):
    """A process that lives for a moment, and each of its children, stores what it counted, once."""
    program = (
        "import sys; from mcptelemetry import Telemetry\n"
        "telemetry = Telemetry('acme-mcp', '1.0.0', data_dir=sys.argv[1], heartbeat_endpoint='http://127.0.0.1:9',\n"
        "                      tools=['search'], environ={'HOME': sys.argv[1]}, notice=lambda text: False)\n"
        "telemetry.start()\n"
        "telemetry.record('search')\n" + EXITS[way]
    )
    expected = 2 if "child" in way or "fork" in way else 1
    found = 0
    # An exit may take a second and no longer; on a machine that is busier than that, once more.
    for attempt in range(5):
        place = tmp_path / str(attempt)
        command = [sys.executable, "-W", "ignore", "-c", program, str(place)]
        done = subprocess.run(command, timeout=60, capture_output=True)
        assert (done.returncode, done.stderr) == (3 if way == "by an exception" else 0, b"")
        found = stored(str(place / "telemetry.db")).builtin_tool_calls.get("search", 0)
        assert found <= expected
        if found == expected:
            break
    assert found == expected


def test_counting_on_the_hosts_thread_opens_nothing(tmp_path):
    """Whatever is counted or noted, only the worker's thread opens a file or a database."""
    program = """
import sys, threading
from mcptelemetry import Telemetry
telemetry = Telemetry("acme-mcp", "1.0.0", data_dir=sys.argv[1], heartbeat_endpoint="http://127.0.0.1:9",
                      tools=["search"], environ={"HOME": sys.argv[1]}, notice=lambda text: False)
telemetry.start()
opened = []
def watch(event, args):
    if threading.get_ident() == main and event in ("open", "sqlite3.connect", "os.mkdir", "socket.connect"):
        opened.append((event, str(args)))
main = threading.get_ident()
sys.addaudithook(watch)
pause = threading.Event()
for _ in range(300):  # the worker stores in between
    telemetry.record("search")
    telemetry.record("other", upstream="cloud")
    telemetry.registry.record_rest_request("GET", "/x", "2xx")
    telemetry.registry.record_surface("cli")
    telemetry.activation.mark_first_mcp_client()
    telemetry.activation.record_mcp_client("Cursor")
    telemetry.activation.add_tokens_saved(7)
    telemetry.activation.increment_retrieve_tools_call()
    telemetry.record_startup_outcome("success")
    pause.wait(0.005)
    if not telemetry.registry.snapshot().builtin_tool_calls:
        break
print(opened)
"""
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, timeout=60, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_telemetry_that_is_off_loads_no_database(tmp_path):
    """With telemetry off, counting loads neither sqlite3 nor a thread."""
    program = (
        "import sys, threading; from mcptelemetry import Telemetry\n"
        "telemetry = Telemetry('acme-mcp', '1.0.0', data_dir=sys.argv[1], heartbeat_endpoint='http://127.0.0.1:9',\n"
        "                      environ={'HOME': sys.argv[1], 'DO_NOT_TRACK': '1'})\n"
        "telemetry.start(); telemetry.record('search'); telemetry.activation.mark_first_mcp_client()\n"
        "print('sqlite3' in sys.modules, threading.active_count())\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], timeout=60, capture_output=True, text=True)
    assert done.stdout == "False 1\n"
