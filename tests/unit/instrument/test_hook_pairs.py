"""One call is one event, whichever two hooks of one application see it, and in whichever order."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from types import SimpleNamespace

import pytest

from mcptelemetry import Telemetry
from mcptelemetry.testing import ScriptedTransport


class Kept(Telemetry):
    """An application with a `record` of its own, which every hook has to find."""

    def record(self, tool, _decision="local_only", **fields):
        self.__dict__.setdefault("events", []).append((tool, str(fields["status"])))

    def drain(self):
        """Return what was recorded since it was last asked."""
        return self.__dict__.pop("events", [])


@pytest.fixture(scope="module")
def application(tmp_path_factory):
    environ = {"HOME": str(tmp_path_factory.mktemp("home")), "ACME_MCP_EVENTS_ENDPOINT": "http://127.0.0.1:9"}
    return Kept("acme-mcp", "1.4.0", environ=environ, transport=ScriptedTransport())


@pytest.fixture
def telemetry(application):
    application.drain()
    return application


async def run(function):
    """Return what *function* returns, awaited where it is to be."""
    result = function()
    return await result if hasattr(result, "__await__") else result


def drive(coroutine):
    """Run to its end what never waits, as plain code does that holds an event loop of its own."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")


# -- servers, as each package has them -------------------------------------------------


def is_tool_of(package, name, function):
    tool = type("FunctionTool", (), {"__module__": f"{package}.tools"})()
    tool.__dict__.update(name=name, fn=function)
    return tool


class Entry:
    """The tool *name* of *server*, to be called as its client calls it; *seen* is its name where the first hook is."""

    def __init__(self, server, name, seen=None):
        self.server = server
        self.name = name
        self.seen = seen or name

    async def __call__(self):
        return await self.server.serve(self.name)


class _Gateway:
    """What is read and called of a server of fastmcp; another may be mounted on it, as "ns"."""

    package = "fastmcp"

    def __init__(self):
        self.middleware = []
        self._local_provider = SimpleNamespace(_components={})
        self.providers = [self._local_provider]

    def offer(self, function, name):
        """Return the entry of *function*, which may be one of a server: that is mounted."""
        if isinstance(function, Entry) and isinstance(function.server, _Gateway):
            reverse = SimpleNamespace(_reverse_name=lambda name: name[3:] if name.startswith("ns_") else None)
            inner = SimpleNamespace(_transforms=[], server=function.server)
            self.providers.append(SimpleNamespace(_transforms=[reverse], _inner=inner))
            return Entry(self, f"ns_{function.name}")
        self._local_provider._components[name] = is_tool_of("fastmcp", name, function)
        return Entry(self, name)

    async def serve(self, name):
        context = SimpleNamespace(fastmcp=self)
        ctx = SimpleNamespace(method="tools/call", message=SimpleNamespace(name=name), fastmcp_context=context)
        return await pass_on(ctx, list(self.middleware), lambda: self._answer(name))

    async def _answer(self, name):
        if name in self._local_provider._components:
            return await run(self._local_provider._components[name].fn)
        return await self.providers[1]._inner.server.serve(name[3:])


class _SecondEdition:
    """The same of a server of the official package's second edition."""

    package = "mcp"

    def __init__(self):
        self.middleware = []
        self._tool_manager = _Manager()

    def offer(self, function, name):
        """Return the entry of *function*."""
        self._tool_manager._tools[name] = is_tool_of("mcp", name, function)
        return Entry(self, name)

    async def serve(self, name):
        ctx = SimpleNamespace(method="tools/call", params={"name": name}, request_id=1)
        return await pass_on(ctx, list(self.middleware), lambda: self._tool_manager.call_tool(name))


class _FirstEdition(_SecondEdition):
    """The same of its first edition, which has no middleware."""

    def __init__(self):
        self._tool_manager = _Manager()
        self._mcp_server = type("Server", (), {"__module__": "mcp.server", "_handle_request": self._handle})()

    async def _handle(self, message, request, _session):
        result = await self._tool_manager.call_tool(request.params.name)
        await message.respond(SimpleNamespace(root=result))

    async def serve(self, name):
        answers = []

        async def respond(answer):
            answers.append(answer.root)

        request = SimpleNamespace(method="tools/call", params=SimpleNamespace(name=name))
        await self._mcp_server._handle_request(SimpleNamespace(respond=respond), request, None)
        return answers[0]


class _Manager:
    def __init__(self):
        self._tools = {}

    async def call_tool(self, name):
        return await run(self._tools[name].fn)


async def pass_on(ctx, middlewares, answer):
    """Hand *ctx* from middleware to middleware, and to the tool at last."""
    if not middlewares:
        return await answer()
    return await middlewares[0](ctx, lambda given: pass_on(given, middlewares[1:], answer))


def new_server(kind=_Gateway):
    """Return a server whose class has the names that its package gives it."""
    return type("FastMCP" if kind is not _SecondEdition else "MCPServer", (kind,), {"__module__": f"{kind.package}.server"})()


# -- hooks: each puts itself round a function, and returns what is called then --------------


def name_of(function, name):
    return function.seen if isinstance(function, Entry) else name


def decorator_on_sync(telemetry, function, name):
    return telemetry.tool(name=name_of(function, name))(lambda: drive(run(function)))


def decorator_on_async(telemetry, function, name):
    async def works():
        return await run(function)

    return telemetry.tool(name=name_of(function, name))(works)


def decorator_on_what_returns_an_awaitable(telemetry, function, name):
    return telemetry.tool(name=name_of(function, name))(lambda: run(function))


def put_middleware(telemetry, server):
    server.middleware.append(telemetry.middleware)


def put_middleware_twice(telemetry, server):
    server.middleware += [telemetry.middleware, telemetry.middleware]


def put_instrument(telemetry, server):
    assert telemetry.instrument(server) is server


def put_on_call_tool(telemetry, server):
    server.middleware.append(telemetry.middleware.on_call_tool)


def on_server_of_its_own(put):
    def hook(telemetry, function, name):
        server = new_server()
        put(telemetry, server)
        return server.offer(function, name)

    hook.__name__ = put.__name__
    return hook


def mounted_child(telemetry, function, name):
    child = new_server()
    telemetry.instrument(child)
    inner = child.offer(function, name)
    parent = new_server()
    return Entry(parent, parent.offer(inner, name).name, seen=inner.name)


def first_edition(telemetry, function, name):
    server = new_server(_FirstEdition)
    telemetry.instrument(server)
    return server.offer(function, name)


PUTS = [put_middleware, put_middleware_twice, put_instrument, put_on_call_tool]
DECORATORS = [decorator_on_sync, decorator_on_async, decorator_on_what_returns_an_awaitable]
ON_SERVERS = [*map(on_server_of_its_own, PUTS), mounted_child]
HOOKS = [*DECORATORS, *ON_SERVERS]


def one_after_the_other(outer, inner):
    """Have the *inner* hook see what the *outer* one has seen already: a decorated function, a mounted server."""
    return lambda telemetry, function, name: outer(telemetry, inner(telemetry, function, name), name)


def on_one_server(kind, *puts):
    """Have every hook on one server."""

    def both(telemetry, function, name):
        server = new_server(kind)
        for put in puts:
            put(telemetry, server)
        return server.offer(function, name)

    return both


def named(build, *parts):
    return pytest.param(build, id="-".join(getattr(part, "__name__", str(part)).strip("_") for part in parts))


PAIRS = [
    *(named(one_after_the_other(*pair), *pair) for pair in itertools.product(HOOKS, repeat=2)),
    *(named(one_after_the_other(*pair), *pair) for pair in itertools.product([first_edition], DECORATORS)),
    *(named(one_after_the_other(*pair), *pair) for pair in itertools.product(DECORATORS, [first_edition])),
    *(named(on_one_server(_Gateway, *pair), _Gateway, *pair) for pair in itertools.product(PUTS, repeat=2)),
    *(named(on_one_server(_SecondEdition, *pair), _SecondEdition, *pair) for pair in itertools.product(PUTS[:3], repeat=2)),
    named(on_one_server(_FirstEdition, put_instrument, put_instrument), _FirstEdition, "instrument_twice"),
]
every_pair = pytest.mark.parametrize("pair", PAIRS)


@every_pair
def test_two_hooks_on_one_call_are_one_event(telemetry, pair):
    """And the next call is another one; a failure is one too."""

    async def works():
        return "done"

    async def fails():
        raise ValueError("this text must never leave the machine")

    entry = pair(telemetry, works, "works")
    name = name_of(entry, "works")
    for _ in range(2):
        assert asyncio.run(run(entry)) == "done"
    assert telemetry.drain() == [(name, "success")] * 2
    with pytest.raises(ValueError, match="never leave"):
        asyncio.run(run(pair(telemetry, fails, "works")))
    assert telemetry.drain() == [(name, "error")]


@every_pair
def test_another_tool_called_inside_is_another_event(telemetry, pair):
    """Whichever hook is on that one; the outer call ends after it."""

    async def does():
        return "done"

    others = [hook(telemetry, does, "other") for hook in (*HOOKS, first_edition)]
    called = []

    async def works():
        return await run(called[0])

    entry = pair(telemetry, works, "works")
    for other in others:
        called[:] = [other]
        assert asyncio.run(run(entry)) == "done"
        assert [tool for tool, _ in telemetry.drain()] == [name_of(other, "other"), name_of(entry, "works")]


@every_pair
def test_invocation_and_record_inside_keep_their_own(telemetry, pair):
    """Even of the same tool: what is said by hand is said."""

    async def works():
        with telemetry.invocation("works"):
            telemetry.record("works", status="success")

    entry = pair(telemetry, works, "works")
    asyncio.run(run(entry))
    assert [tool for tool, _ in telemetry.drain()] == ["works", "works", name_of(entry, "works")]


@every_pair
def test_ended_call_marks_nothing_for_the_tasks_it_left_behind(telemetry, pair):
    """A task that the tool spawned calls the very same tool when the call has ended: one event."""
    left = []

    async def works():
        if not left:
            left.append(asyncio.ensure_future(later()))

    async def later():
        await asyncio.sleep(0)
        assert telemetry.drain() == [(name, "success")]
        await run(entry)

    entry = pair(telemetry, works, "works")
    name = name_of(entry, "works")

    async def main():
        await run(entry)
        await left[0]

    asyncio.run(main())
    assert telemetry.drain() == [(name, "success")]


@pytest.mark.parametrize("hook", [*HOOKS, first_edition, lambda telemetry, function, name: by_hand(telemetry, function, name)])
def test_record_of_a_subclass_is_used_by_every_hook(telemetry, hook, monkeypatch):
    """Also one that is put on the object later: it is looked up at each call."""

    async def works():
        return "done"

    entry = hook(telemetry, works, "works")
    asyncio.run(run(entry))
    assert [tool for tool, _ in telemetry.drain()] == [name_of(entry, "works")]
    seen = []
    monkeypatch.setattr(telemetry, "record", lambda tool, *_labels, **_fields: seen.append(tool))
    asyncio.run(run(entry))
    assert seen == [name_of(entry, "works")]
    assert telemetry.drain() == []


def by_hand(telemetry, function, name):
    async def works():
        with telemetry.invocation(name):
            return await run(function)

    return works


# -- where one call ends and another begins -------------------------------------------------


def test_function_that_asks_its_own_server_for_itself_makes_another_call(telemetry):
    """Though the server never comes to the function: its tool is the one that is running already."""
    server = new_server()
    put_instrument(telemetry, server)

    async def refuses(_ctx, _call_next):
        raise ValueError("no")

    async def works():
        with contextlib.suppress(ValueError):
            await entry()

    decorated = decorator_on_async(telemetry, works, "works")
    entry = server.offer(decorated, "works")
    server.middleware.append(refuses)
    asyncio.run(decorated())
    assert telemetry.drain() == [("works", "error"), ("works", "success")]


@pytest.mark.parametrize(("there", "expected"), [("works", ["up_works"]), ("other", ["other", "up_works"])])
def test_server_behind_a_proxy_in_the_same_process_joins_the_call(telemetry, there, expected):
    """A proxy hides the server; the tool's name there ends the name here, or it is another tool."""
    remote, parent = new_server(), new_server()
    for server in (remote, parent):
        put_instrument(telemetry, server)

    async def does():
        return "done"

    async def ask(_name):
        return await far()

    far = remote.offer(does, there)
    parent._answer = ask
    assert asyncio.run(parent.serve("up_works")) == "done"
    assert [tool for tool, _ in telemetry.drain()] == expected
