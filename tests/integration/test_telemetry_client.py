"""`Telemetry` as an author meets it: three lines, no surprises."""

from __future__ import annotations

import asyncio
import os
import sys
import threading

import pytest

from mcptelemetry import ConfigError, Telemetry
from mcptelemetry.collector import SqliteStore, serve
from mcptelemetry.testing import ScriptedTransport


@pytest.fixture
def store(tmp_path):
    return SqliteStore(tmp_path / "collector.db")


@pytest.fixture
def environ(tmp_path, store):
    with serve(store) as server:
        yield {"HOME": str(tmp_path / "home"), "ACME_MCP_EVENTS_ENDPOINT": server.url + "/api/telemetry/tool-invocations"}


def outcomes(store):
    return {(o.tool, o.routing_decision, o.status, o.error_type): n for o, n in store.count_outcomes().items()}


def test_three_lines_deliver_each_call_once(store, environ):
    """Construct, start, decorate: each call of the tool is in the collector once."""
    telemetry = Telemetry("acme-mcp", version="1.4.0", environ=environ)
    telemetry.start()

    @telemetry.tool
    def get_issues(project: str) -> list[str]:
        """Return the issues of a project."""
        return [project]

    @telemetry.tool(name="explode", routing_decision="strategy_local")
    def fail() -> None:
        raise ValueError("a text that must not leave")

    assert get_issues("x") == ["x"]
    assert get_issues("y") == ["y"]
    with pytest.raises(ValueError, match="must not leave"):
        fail()
    telemetry.shutdown(30)
    assert outcomes(store) == {
        ("get_issues", "local_only", "success", None): 2,
        ("explode", "strategy_local", "error", "exception"): 1,
    }
    assert get_issues.__doc__ == "Return the issues of a project."
    with open(store.path, "rb") as file:
        assert b"must not leave" not in file.read()


def test_context_manager_delivers_at_its_end(store, environ):
    """Leaving the block delivers what was recorded in it."""
    with Telemetry("acme-mcp", "1.4.0", environ=environ) as telemetry:
        telemetry.record("search", "remote_only", upstream="cloud", latency_ms=12)
        with telemetry.invocation("get_issues") as call:
            call.error("timeout")
    assert outcomes(store) == {
        ("search", "remote_only", "success", None): 1,
        ("get_issues", "local_only", "error", "timeout"): 1,
    }


@pytest.mark.parametrize(
    "arguments",
    [
        {"tool": None},
        {"tool": ""},
        {"tool": 3},
        {"tool": "t", "latency_ms": -1},
        {"tool": "t", "latency_ms": float("nan")},
        {},
        {"tool": "t", "client": 5},
        {"tool": "t", "latency_ms": True},
        {"tool": "t", "latency_ms": 2**60},
        {"tool": "t", "status": "fine"},
        {"tool": "t", "error_type": "timeout"},
        {"tool": "t", "status": "error", "error_type": "a message"},
        {"tool": "t", "was_fallback": "yes"},
        {"tool": "t", "upstream": ["cloud"]},
        {"tool": [], "routing_decision": {}},
    ],
)
def test_bad_record_is_counted_and_never_raised(environ, arguments):
    """A record whose arguments make no event counts as invalid; the host hears nothing."""
    telemetry = Telemetry("acme-mcp", "1.4.0", environ=environ)
    telemetry.record(**arguments)
    stats = telemetry.pipeline.stats()
    assert (stats.invalid, stats.recorded) == (1, 0)


def test_unknown_word_of_an_invocation_is_an_exception(environ):
    """`call.error()` with an unknown word counts as invalid and records `exception`."""
    telemetry = Telemetry("acme-mcp", "1.4.0", environ=environ)
    with telemetry.invocation("t") as call:
        call.error("it broke because of /home/alice")
    (event,) = telemetry.pipeline.buffer.drain(1)
    assert event.error_type == "exception"
    assert telemetry.pipeline.stats().invalid == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"app": "Bad Name"}, "app='Bad Name'"),
        ({"app": ""}, "app=''"),
        ({"app": 7}, "app must be a str"),
        ({"version": None}, "version must be a str"),
        ({"default": "maybe"}, "default='maybe'"),
        ({"events_endpoint": "ftp://acme.dev"}, "events_endpoint='ftp://acme.dev'"),
        ({"events_endpoint": "http://acme.dev/t"}, "in the clear; use https://"),
        ({"events_endpoint": 5}, "events_endpoint must be a str"),
        ({"heartbeat_endpoint": "http://acme.dev/t"}, "heartbeat_endpoint='http://acme.dev/t'"),
        ({"heartbeat_endpoint": "file:///var/tmp/h"}, "must begin with https:// or http:// (this machine only)"),
        ({"events_endpoint": "https://a.dev/", "token": 5}, "bearer_token must be a str"),
        ({"events_endpoint": "https://a.dev/", "token": "two\nlines"}, "bearer_token"),
        ({"clock": 5}, "clock must"),
    ],
)
def test_bad_argument_is_an_error_at_construction(arguments, complaint, tmp_path):
    """An author's slip is a ValueError or TypeError that names the argument and what is allowed."""
    given = {"app": "acme-mcp", "version": "1.0.0", "environ": {"HOME": str(tmp_path)}, **arguments}
    with pytest.raises((ValueError, TypeError)) as caught:
        Telemetry(**given)
    assert complaint in str(caught.value)
    assert "two\nlines" not in str(caught.value)
    assert "allow_insecure" not in str(caught.value), "no argument of Telemetry is called so"


def test_file_cannot_take_the_heartbeat(environ, tmp_path):
    """`[telemetry] endpoint` with a file, which takes events only, switches off for this run and says why."""
    (tmp_path / "telemetry.toml").write_text('[telemetry]\nendpoint = "file:///var/tmp/h"\n')
    status = Telemetry("acme-mcp", "1.4.0", environ=environ, data_dir=str(tmp_path)).status()
    assert status["heartbeat"]["mode"] == "off"
    assert "[telemetry] endpoint='file:///var/tmp/h' is not usable" in status["heartbeat"]["reason"]


@pytest.mark.parametrize("said", [{"DO_NOT_TRACK": "1"}, {"ACME_MCP_TELEMETRY": "off"}])
def test_refusal_leaves_a_silent_twin(store, environ, said):
    """After a no every method is there and nothing happens: no thread, no file, no byte."""
    threads = set(threading.enumerate())
    telemetry = Telemetry("acme-mcp", "1.4.0", environ={**environ, **said})
    telemetry.start()
    with telemetry, telemetry.invocation("t") as call:
        call.fallback()
        call.error("no such word")
        telemetry.record("t")

    @telemetry.tool
    def tool():
        return 1

    assert tool() == 1
    assert telemetry.flush(1) == 0
    telemetry.install_signal_handlers()
    telemetry.shutdown()
    assert telemetry.pipeline is None
    assert set(threading.enumerate()) == threads
    assert not os.path.exists(environ["HOME"])
    assert outcomes(store) == {}
    status = telemetry.status()["events"]
    assert status["mode"] == "off"
    assert next(iter(said)) in status["reason"]


def test_no_said_while_running_stops_the_very_next_send(store, environ):
    """The environment is asked again before each transmission; what waits is dropped, and counted."""
    telemetry = Telemetry("acme-mcp", "1.4.0", environ=environ)
    telemetry.start()
    telemetry.record("before")
    assert telemetry.flush(10) == 1
    telemetry.record("after")
    environ["DO_NOT_TRACK"] = "1"
    assert telemetry.flush(10) == 0
    del environ["DO_NOT_TRACK"]
    telemetry.record("again")
    assert telemetry.flush(10) == 1
    stats = telemetry.pipeline.stats()
    assert (stats.recorded, stats.delivered, stats.dropped) == (3, 2, 1)
    telemetry.shutdown()
    assert {tool for tool, *_ in outcomes(store)} == {"before", "again"}


def test_malformed_settings_switch_off_and_say_so(tmp_path, store, environ, caplog):
    """A settings file that cannot be read is one logged error, and nothing is sent."""
    home = tmp_path / "home" / ".acme-mcp"
    home.mkdir(parents=True)
    (home / "telemetry.toml").write_text("[proxy.telemetry]\nbatch_size = 'ten'\n")
    telemetry = Telemetry("acme-mcp", "1.4.0", environ=environ)
    telemetry.start()
    telemetry.record("t")
    telemetry.shutdown()
    assert outcomes(store) == {}
    errors = [record for record in caplog.records if record.levelname == "ERROR"]
    assert len(errors) == 1
    assert "batch_size" in errors[0].getMessage()
    assert "batch_size" in telemetry.status()["events"]["reason"]


def test_unusable_operators_endpoint_is_no_error_of_the_authors(environ, caplog):
    """What an operator set wrongly switches events off for this run, with one line that names it."""
    telemetry = Telemetry("acme-mcp", "1.4.0", environ={**environ, "ACME_MCP_EVENTS_ENDPOINT": "telnet://x"})
    telemetry.record("t")
    assert telemetry.pipeline is None
    assert "ACME_MCP_EVENTS_ENDPOINT" in telemetry.status()["events"]["reason"]
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_settings_file_sets_the_pipeline_up(tmp_path, environ):
    """`[proxy.telemetry]` gives batch size, interval, queue and the variable of the token."""
    endpoint = environ.pop("ACME_MCP_EVENTS_ENDPOINT")
    home = tmp_path / "home" / ".acme-mcp"
    home.mkdir(parents=True)
    (home / "telemetry.toml").write_text(
        f'[proxy.telemetry]\nendpoint = "{endpoint}"\nbatch_size = 7\nbatch_interval_secs = 2.5\n'
        'offline_queue_max = 50\ntoken_key = "ACME_TOKEN"\ncompression = "gzip"\n'
    )
    telemetry = Telemetry("acme-mcp", "1.4.0", environ={**environ, "ACME_TOKEN": "s3cret"}, token="the author's")
    config = telemetry.pipeline.config
    assert (config.batch_size, config.batch_interval_secs, config.offline_queue_max) == (7, 2.5, 50)
    assert config.compression == "gzip"
    assert telemetry._events.target.auth.bearer_token == "s3cret"
    assert "s3cret" not in repr(telemetry.status())


def test_invalid_app_in_a_pipeline_is_refused():
    """An uploader that is told an application checks its name like everybody else."""
    from mcptelemetry import TelemetryUploader

    with pytest.raises(ValueError, match="Bad Name"):
        TelemetryUploader("https://t.acme.dev/", app="Bad Name")


@pytest.mark.skipif(sys.version_info < (3, 10), reason="the mcp package has no release for Python 3.9")
def test_middleware_records_a_whole_server(store, environ):
    """One appended line records every call of a server on the official package, by its outcome."""
    import mcp
    from mcp.server import MCPServer
    from mcp.server.mcpserver.exceptions import ToolError

    server = MCPServer("demo")

    @server.tool()
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    @server.tool()
    def boom() -> str:
        """Fail."""
        raise ToolError("a text that must not leave")

    with Telemetry("acme-mcp", "1.4.0", environ=environ) as telemetry:
        server.middleware.append(telemetry.middleware)

        async def session():
            async with mcp.Client(server) as client:
                await client.list_tools()
                await client.call_tool("add", {"a": 1, "b": 2})
                await client.call_tool("boom", {})
                try:
                    await client.call_tool("/home/alice/secret", {})
                except mcp.MCPError:
                    pass

        asyncio.run(session())
        assert telemetry.flush(10) == 3
    counted = {(tool, status) for tool, _, status, _ in outcomes(store)}
    assert counted == {("add", "success"), ("boom", "error"), ("unknown_tool", "error")}


def test_middleware_serves_fastmcp_too(environ):
    """The same object offers `on_call_tool(context, call_next)`, and a result passes unchanged."""

    class Message:
        name = "search"

    class Context:
        message = Message()

    async def answer(_context):
        return {"isError": True}

    telemetry = Telemetry("acme-mcp", "1.4.0", environ=environ)

    async def session():
        await telemetry.middleware.on_list_tools(Context(), lambda _context: listing())
        return await telemetry.middleware.on_call_tool(Context(), answer)

    async def listing():
        return [Message()]

    assert asyncio.run(session()) == {"isError": True}
    (event,) = telemetry.pipeline.buffer.drain(5)
    assert (event.tool, event.error_type) == ("search", "tool_error")


def test_middleware_knows_the_tools_that_the_application_declared(environ):
    """A declared tool that fails before any listing is recorded by its name; a stranger's is not."""

    class Context:
        method = "tools/call"
        request_id = 1

        def __init__(self, name):
            self.params = {"name": name}

    async def fail(_context):
        return {"isError": True}

    telemetry = Telemetry("acme-mcp", "1.4.0", environ=environ, tools=["search"])
    for name in ("search", "/home/alice"):
        asyncio.run(telemetry.middleware(Context(name), fail))
    assert [event.tool for event in telemetry.pipeline.buffer.drain(5)] == ["search", "unknown_tool"]


def test_config_error_is_importable_for_the_command_line():
    """The package's errors come from its front door."""
    assert issubclass(ConfigError, Exception)


def test_query_of_an_endpoint_is_shown_and_kept_nowhere(tmp_path):
    """A key in an endpoint's query goes to that endpoint: not into the notice, the status or a file."""
    said = []
    telemetry = Telemetry(
        "acme-mcp",
        version="1.4.0",
        heartbeat_endpoint="https://t.acme.dev/beat",
        events_endpoint="https://t.acme.dev/events?key=hunter2",
        notice=lambda text: said.append(text) or True,
        environ={"HOME": str(tmp_path), "ACME_MCP_TELEMETRY": "1"},
        transport=ScriptedTransport(),
    )
    telemetry.start()
    telemetry.record("get_issues")
    status = telemetry.status()
    telemetry.shutdown()
    assert "https://t.acme.dev/beat" in said[0]
    assert "https://t.acme.dev/events" in said[0]
    assert status["heartbeat"]["endpoint"] == "https://t.acme.dev/beat"
    assert status["events"]["endpoint"] == "https://t.acme.dev/events"
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    for shown in (said[0], repr(status), repr(telemetry), *(path.read_bytes().decode("latin-1") for path in files)):
        assert "hunter2" not in shown
class Relabelled(Telemetry):
    """An application's own `record`: it sees every call and puts a label on it."""

    def __init__(self, *arguments, **named):
        self.seen = []
        super().__init__(*arguments, **named)

    def record(self, tool, routing_decision="local_only", **fields):
        self.seen.append(tool)
        super().record(f"own.{tool}", routing_decision, **fields)


def test_override_of_record_is_used_by_every_hook(environ):
    """What a subclass makes of `record` holds for `invocation()`, `@tool` and the middleware too."""
    telemetry = Relabelled("acme-mcp", "1.4.0", environ=environ)

    class Context:
        method, params, request_id = "tools/call", {"name": "through_middleware"}, 1

    async def answer(_context):
        return {"content": []}

    @telemetry.tool
    def decorated():
        """Do nothing."""

    with telemetry.invocation("by_hand"):
        decorated()
    asyncio.run(telemetry.middleware(Context, answer))
    telemetry.record("plain")
    assert telemetry.seen == ["decorated", "by_hand", "through_middleware", "plain"]
    assert [event.tool for event in telemetry.pipeline.buffer.drain(9)] == [f"own.{tool}" for tool in telemetry.seen]


def test_first_bad_argument_is_said_once_in_the_log(environ, caplog):
    """The worker names the first bad argument of the process, and nothing of its value or of later ones."""
    telemetry = Telemetry("acme-mcp", "1.4.0", environ=environ)
    with telemetry, caplog.at_level("WARNING", "mcptelemetry"):
        telemetry.record("t", status="my secret words")
        telemetry.record("t", latency_ms=-1)
        telemetry.record("t")
        assert telemetry.flush(30) == 1
        telemetry.record("t", upstream=5)
        telemetry.flush(30)
        assert telemetry.pipeline.stats().invalid == 3
    said = [record.getMessage() for record in caplog.records if "invalid" in record.getMessage()]
    assert len(said) == 1
    assert said[0].startswith("mcptelemetry: ")
    assert "because status is invalid" in said[0]
    assert "secret" not in said[0]


def test_off_takes_a_bad_argument_like_any_other(tmp_path):
    """A silent client is told anything and keeps nothing."""
    telemetry = Telemetry("acme-mcp", "1.4.0", environ={"HOME": str(tmp_path), "DO_NOT_TRACK": "1"})
    telemetry.record()
    telemetry.record("t", latency_ms=[], client=object())
    assert telemetry.pipeline is None
