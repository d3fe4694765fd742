"""A whole server in one line: servers are known by what they look like, and one call is one event."""

from __future__ import annotations

import asyncio
import contextlib
from types import SimpleNamespace

import pytest

from mcptelemetry.counters import CounterRegistry
from mcptelemetry.instrument import Calls, Observer, ObservingMiddleware, instrument_callable, instrument_server
from mcptelemetry.testing import FakeClock
from mcptelemetry.vocabulary import UNKNOWN_TOOL


class Bench:
    """An application's hooks, and what they record."""

    def __init__(self):
        self.calls = []
        self.fields = []
        self.clock = FakeClock()
        self.hooks = Calls(self, monotonic=self.clock.monotonic, on_invalid=lambda: None)
        self.registry = CounterRegistry()
        self.listed = []
        self.clients = []
        self.observer = Observer(
            self.hooks, self.registry, on_listed=self.listed.append, on_client=self.clients.append
        )

    def record(self, tool, _decision="local_only", **fields):
        self.calls.append((tool, None if fields["error_type"] is None else str(fields["error_type"])))
        self.fields.append(fields)

    def instrument(self, server):
        instrument_server(server, self.observer)
        return server

    def tool(self, function, name=None):
        return instrument_callable(function, self.hooks, name or function.__name__)


@pytest.fixture
def bench():
    return Bench()


def class_of(package, name, *bases):
    """Return a class as *package* would have it."""
    return type(name, bases, {"__module__": f"{package}.server"})


class ErrorData:
    """A JSON-RPC error, as the official package's first edition has it."""


class Manager:
    """Keeps tools, and calls them, as the official package does."""

    def __init__(self):
        self._tools = {}

    def add(self, function, name=None):
        name = name or function.__name__
        self._tools[name] = class_of("mcp", "Tool")()
        self._tools[name].__dict__.update(name=name, fn=function)

    async def call_tool(self, name, arguments):
        return await self._tools[name].fn(**arguments)


class _FirstEdition:
    """What is read and called of a server of the official package's first edition."""

    def __init__(self):
        self._tool_manager = Manager()
        self._mcp_server = class_of("mcp", "Server", _LowLevel)(self)


class _LowLevel:
    def __init__(self, owner=None):
        self._owner = owner

    def _make_error_result(self, text):
        return SimpleNamespace(isError=True, text=text)

    async def _handle_request(self, message, request, _session, _lifespan, raise_exceptions):
        if request.method == "tools/list":
            tools = [SimpleNamespace(name=name) for name in self._owner._tool_manager._tools]
            await message.respond(SimpleNamespace(root=SimpleNamespace(tools=tools)))
            return
        try:
            answer = await self._owner._tool_manager.call_tool(request.params.name, {})
        except asyncio.CancelledError:
            return
        except LookupError:
            answer = ErrorData()
        except Exception as error:
            if raise_exceptions:
                raise
            answer = self._make_error_result(str(error))
        await message.respond(SimpleNamespace(root=answer))


class Message:
    """A request that waits for its answer."""

    def __init__(self):
        self.answers = []

    async def respond(self, response):
        self.answers.append(response)


SESSION = SimpleNamespace(client_params=SimpleNamespace(clientInfo=SimpleNamespace(name="Cursor")))


async def ask(server, name, method="tools/call", *, session=SESSION, raise_exceptions=False):
    """Make one request of a server of the first edition; return its answers."""
    message = Message()
    request = SimpleNamespace(method=method, params=SimpleNamespace(name=name))
    await server._mcp_server._handle_request(message, request, session, None, raise_exceptions)
    return message.answers


@pytest.fixture
def first():
    return class_of("mcp", "FastMCP", _FirstEdition)()


async def works():
    return "done"


async def fails():
    raise ValueError("this text must never leave the machine")


# -- which servers -------------------------------------------------------------------


@pytest.mark.parametrize("server", [None, object(), SimpleNamespace(middleware=[]), "server", lambda: None])
def test_what_is_no_server_is_refused(bench, server):
    """The error says what would do, and what it was."""
    with pytest.raises(TypeError, match=r"instrument\(\) takes a server of mcp 1\.x .*, not"):
        bench.instrument(server)


def test_server_of_an_unknown_edition_is_refused(bench):
    """A class of the right name with nothing to hook is not silently left alone."""
    with pytest.raises(TypeError, match="of an edition that"):
        bench.instrument(class_of("mcp", "Server")())


@pytest.mark.parametrize(("package", "name"), [("mcp", "Server"), ("mcp", "MCPServer"), ("fastmcp", "FastMCP")])
def test_server_with_middleware_has_ours_first_and_once(bench, package, name):
    """However often it is asked for, and for a class of the author's own too; others' middleware stays."""
    server = class_of("acme", "Own", class_of(package, name))()
    theirs = object()
    server.middleware = [theirs]
    bench.instrument(server)
    bench.instrument(server)
    assert isinstance(server.middleware[0], ObservingMiddleware)
    assert server.middleware[1:] == [theirs]


# -- the first edition, which has no middleware -----------------------------------------


def test_request_of_the_first_edition_is_recorded_by_what_is_answered(bench, first):
    """Result, a tool's error, a JSON-RPC error; the answer is the server's own, and instrumenting twice is once."""

    async def refuses():
        raise LookupError

    for function in (works, fails, refuses):
        first._tool_manager.add(function)
    bench.instrument(first)
    bench.instrument(first)
    answers = [asyncio.run(ask(first, name)) for name in ("works", "fails", "refuses", "no_such_tool")]
    assert [len(each) for each in answers] == [1, 1, 1, 1]
    assert answers[0][0].root == "done"
    assert bench.calls == [
        ("works", None),
        ("fails", "tool_error"),
        ("refuses", "protocol_error"),
        (UNKNOWN_TOOL, "protocol_error"),
    ]
    assert {fields["client"] for fields in bench.fields} == {"Cursor"}
    assert bench.clients == ["Cursor"]


def test_tool_that_always_fails_is_known_by_name(bench, first):
    """What is registered as code is declared, also what comes after; what is not is not."""
    first._tool_manager.add(fails)
    bench.instrument(first)
    first._tool_manager.add(fails, "fails_too")
    assert bench.registry.is_builtin_tool("fails")
    for name in ("fails", "fails_too", "elsewhere"):
        asyncio.run(ask(first, name))
    assert [tool for tool, _ in bench.calls] == ["fails", "fails_too", UNKNOWN_TOOL]
    assert bench.registry.is_builtin_tool("fails_too")
    assert not bench.registry.is_builtin_tool("elsewhere")


def test_call_of_the_first_edition_is_recorded_before_it_is_answered(bench, first):
    """A client that has its answer may end the server at once."""
    first._tool_manager.add(works)
    bench.instrument(first)
    seen = []

    class Watching(Message):
        async def respond(self, response):
            seen.append(list(bench.calls))

    request = SimpleNamespace(method="tools/call", params=SimpleNamespace(name="works"))
    asyncio.run(first._mcp_server._handle_request(Watching(), request, SESSION, None, False))
    assert seen == [[("works", None)]]


def test_listing_of_the_first_edition_is_learnt(bench, first):
    """Its names and their number."""
    first._tool_manager.add(works)
    bench.instrument(first)
    asyncio.run(ask(first, None, "tools/list"))
    assert bench.listed == [1]


def test_call_that_was_taken_back_is_cancelled(bench, first):
    """The first edition swallows the cancellation, having answered by another way."""

    async def cancelled():
        raise asyncio.CancelledError

    first._tool_manager.add(cancelled)
    bench.instrument(first)
    assert asyncio.run(ask(first, "cancelled")) == []
    assert bench.calls == [("cancelled", "cancelled")]


@pytest.mark.parametrize("hook", [None, "decorator"])
def test_time_out_within_a_tool_is_a_timeout_whatever_the_framework_makes_of_it(bench, first, hook):
    """The answer is a tool's error as any other; what left the tool is seen."""

    async def slow():
        try:
            raise TimeoutError
        except TimeoutError as error:
            raise ValueError("in the framework's own words") from error

    first._tool_manager.add(bench.tool(slow) if hook else slow)
    bench.instrument(first)
    asyncio.run(ask(first, "slow"))
    assert bench.calls == [("slow", "timeout")]


# -- one call, one event --------------------------------------------------------------


def test_decorated_tool_on_an_instrumented_server_is_one_event(bench, first):
    """The server's hook records, by the tool's name, also where the function has another."""
    first._tool_manager.add(bench.tool(bench.tool(works)))
    first._tool_manager.add(bench.tool(fails), "other_name")
    bench.instrument(first)
    asyncio.run(ask(first, "works"))
    asyncio.run(ask(first, "other_name"))
    assert bench.calls == [("works", None), ("other_name", "tool_error")]


def test_what_a_tool_calls_keeps_its_own_events(bench, first):
    """Other tools, the same function again, tasks it spawns: each is a call; so is what is left when it has ended."""
    helper = bench.tool(works, "helper")
    left = []

    async def search(depth=0):
        if depth == 0:
            await helper()
            await decorated(1)
            await asyncio.gather(decorated(1), helper())
            left.append(asyncio.ensure_future(later()))
        return depth

    async def later():
        await asyncio.sleep(0.01)
        await decorated(1)

    decorated = bench.tool(search)
    first._tool_manager.add(decorated)
    bench.instrument(first)

    async def main():
        await ask(first, "search")
        assert len(bench.calls) == 5
        await left[0]

    asyncio.run(main())
    assert sorted(tool for tool, _ in bench.calls) == ["helper"] * 2 + ["search"] * 4


def test_two_applications_record_each_their_own(bench, first):
    """A call is joined by hooks of the same application only."""
    other = Bench()
    first._tool_manager.add(other.tool(bench.tool(works)))
    bench.instrument(first)
    other.instrument(first)
    asyncio.run(ask(first, "works"))
    assert bench.calls == [("works", None)]
    assert other.calls == [("works", None)]


def test_middleware_twice_and_an_instrumented_server_are_one_event(bench):
    """A server may be handed the middleware again and again."""
    server = class_of("mcp", "MCPServer")()
    shared = ObservingMiddleware(bench.observer)
    server.middleware = [shared, shared]
    bench.instrument(server)
    middlewares = [*server.middleware, shared]
    function = bench.tool(works)

    async def call(ctx, rest):
        if not rest:
            return await function()
        return await rest[0](ctx, lambda given: call(given, rest[1:]))

    ctx = SimpleNamespace(method="tools/call", params={"name": "works"}, request_id=1)
    assert asyncio.run(call(ctx, middlewares)) == "done"
    assert bench.calls == [("works", None)]


class _Fastmcp:
    """What is read of a server of fastmcp, and how one hands a call to what is mounted on it."""

    def __init__(self):
        self.middleware = []
        self._local_provider = SimpleNamespace(_components={})
        self.providers = [self._local_provider]

    def add(self, function):
        tool = class_of("fastmcp", "FunctionTool")()
        tool.__dict__.update(name=function.__name__, fn=function)
        self._local_provider._components[f"tool:{tool.name}@"] = tool

    def mount(self, child, prefix):
        def reverse(name):
            return name[len(prefix) + 1 :] if name.startswith(f"{prefix}_") else None

        inner = SimpleNamespace(_transforms=[], server=child)
        self.providers.append(SimpleNamespace(_transforms=[SimpleNamespace(_reverse_name=reverse)], _inner=inner))

    async def call_tool(self, name):
        ctx = SimpleNamespace(
            method="tools/call", message=SimpleNamespace(name=name), fastmcp_context=SimpleNamespace(fastmcp=self)
        )
        return await self._pass_on(ctx, list(self.middleware))

    async def _pass_on(self, ctx, rest):
        if rest:
            return await rest[0](ctx, lambda given: self._pass_on(given, rest[1:]))
        name = ctx.message.name
        for tool in self._local_provider._components.values():
            if tool.name == name:
                return await tool.fn()
        for provider in self.providers[1:]:
            return await provider._inner.server.call_tool(provider._transforms[0]._reverse_name(name))
        raise LookupError(name)


def parent_and_child():
    server = class_of("fastmcp", "FastMCP", _Fastmcp)
    parent, child = server(), server()
    parent.mount(child, "ns")
    return parent, child


def test_mounted_server_joins_its_parents_call(bench):
    """Parent, child and the decorator on the child's function see one call, by the name that the client said."""
    parent, child = parent_and_child()
    child.add(bench.tool(works))
    bench.instrument(parent)
    bench.instrument(child)
    asyncio.run(parent.call_tool("ns_works"))
    assert bench.calls == [("ns_works", None)]
    assert bench.registry.is_builtin_tool("ns_works")  # the author mounted it, and it is the author's code


def test_decorated_function_on_a_mounted_server_joins_its_parents_call(bench):
    """Also where the child itself is not instrumented."""
    parent, child = parent_and_child()
    child.add(bench.tool(works))
    bench.instrument(parent)
    asyncio.run(parent.call_tool("ns_works"))
    assert bench.calls == [("ns_works", None)]


def test_tool_that_calls_another_server_is_two_calls(bench):
    """A parent's own function that calls the child by hand has not handed its call on."""
    parent, child = parent_and_child()
    child.add(works)

    async def ns_works():
        return await child.call_tool("works")

    parent.add(ns_works)
    bench.instrument(parent)
    bench.instrument(child)
    asyncio.run(parent.call_tool("ns_works"))
    assert bench.calls == [("works", None), ("ns_works", None)]


def test_what_a_gateway_does_not_hold_as_code_is_an_upstreams(bench):
    """It is counted, and named neither by a success nor by a listing; the event has the name."""
    parent, child = parent_and_child()
    child.add(works)
    bench.instrument(parent)
    asyncio.run(parent.call_tool("ns_works"))
    assert bench.calls == [("ns_works", None)]
    assert not bench.registry.is_builtin_tool("ns_works")
    next(bench.registry.numbers_of_call("ns_works")[0])
    assert bench.registry.snapshot().upstream_tool_call_count == 1
    assert not any(bench.registry.snapshot().builtin_tool_calls.values())


# -- waiting for a person -----------------------------------------------------------------


@pytest.mark.parametrize("method", ["elicitation/create", "sampling/createMessage"])
def test_time_a_person_takes_is_no_latency(bench, first, method):
    """Questions at once are waited for once; what a model takes is the tool's own time."""

    class Session:
        client_params = None

        async def send_request(self, _request, secs):
            bench.clock.advance(secs)
            await asyncio.sleep(0)

    session = Session()

    async def asks():
        bench.clock.advance(1)
        request = SimpleNamespace(root=SimpleNamespace(method=method))
        await asyncio.gather(session.send_request(request, 30), session.send_request(request, 30))
        bench.clock.advance(1)

    first._tool_manager.add(asks)
    bench.instrument(first)
    for _ in range(2):
        asyncio.run(ask(first, "asks", session=session))
    expected = 2000 if method == "elicitation/create" else 62_000
    assert [fields["latency_ms"] for fields in bench.fields] == [expected] * 2


# -- which type a failure has --------------------------------------------------------------


def error_of(package, name, base=Exception):
    """Return an exception as *package* would raise it."""
    return type(name, (base,), {"__module__": f"{package}.exceptions"})("text")


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (error_of("mcp", "ToolError"), "tool_error"),
        (error_of("mcp", "McpError"), "tool_error"),
        (error_of("mcp", "MCPError"), "protocol_error"),
        (error_of("mcp", "UrlElicitationRequiredError", type(error_of("mcp", "McpError"))), "protocol_error"),
        (error_of("fastmcp", "ToolError", type(error_of("fastmcp", "FastMCPError"))), "tool_error"),
        (error_of("elsewhere", "ToolError"), "exception"),
        (TimeoutError(), "timeout"),
        (asyncio.TimeoutError(), "timeout"),
        (asyncio.CancelledError(), "cancelled"),
        (asyncio.CancelledError("Cancelled via cancel scope 7f by <Task>; reason: deadline exceeded"), "timeout"),
        (asyncio.CancelledError("Cancelled via cancel scope 7f by <Task>"), "cancelled"),
    ],
)
def test_exception_of_a_framework_has_the_type_of_its_answer(bench, error, word, monkeypatch):
    """As near as a decorated function can come to what the client is told."""
    monkeypatch.delitem(__import__("sys").modules, "fastmcp", raising=False)

    async def raises():
        raise error

    with contextlib.suppress(BaseException):
        bench.tool(raises)().send(None)
    assert bench.calls == [("raises", word)]


@pytest.mark.parametrize("is_handled", [True, False])
def test_asyncios_own_limit_round_a_tool_is_a_timeout(bench, is_handled):
    """`asyncio.timeout()` cancels the tool; a cancellation that nobody takes back is one."""
    if not hasattr(asyncio, "timeout"):
        pytest.skip("asyncio.timeout() came with Python 3.11")

    async def waits():
        await asyncio.Event().wait()

    async def main():
        if is_handled:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0):
                    await bench.tool(waits)()
        else:
            task = asyncio.ensure_future(bench.tool(waits)())
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
        await asyncio.sleep(0)
        assert bench.calls == [("waits", "timeout" if is_handled else "cancelled")]

    asyncio.run(main())


# -- what a function returns to be awaited -----------------------------------------------------


@pytest.mark.parametrize("kind", ["coroutine", "future", "awaitable"])
@pytest.mark.parametrize(("outcome", "word"), [("done", None), (ValueError("text"), "exception"), ({"isError": True}, "tool_error")])
def test_awaitable_that_a_function_returns_ends_the_call_when_it_ends(bench, kind, outcome, word):
    """Not when it is handed out; a future is the same object."""

    async def later():
        await asyncio.sleep(0)
        bench.clock.advance(2)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    class Lazy:
        def __await__(self):
            return later().__await__()

    def starts():
        return {"coroutine": later, "future": lambda: asyncio.ensure_future(later()), "awaitable": Lazy}[kind]()

    async def main():
        given = bench.tool(starts)()
        assert bench.calls == []
        if kind == "future":
            assert isinstance(given, asyncio.Future)
        with contextlib.suppress(ValueError):
            assert await given == outcome
        await asyncio.sleep(0)

    asyncio.run(main())
    assert bench.calls == [("starts", word)]
    assert bench.fields[0]["latency_ms"] == 2000


# -- the order of decorators --------------------------------------------------------------


def test_decorator_above_a_frameworks_own_is_refused():
    """It would see nothing; the error says the order."""
    from mcptelemetry.instrument import tool_name_of

    for package in ("mcp", "fastmcp"):
        tool = class_of(package, "FunctionTool")()
        with pytest.raises(TypeError, match="goes below the decorator that returned this FunctionTool"):
            tool_name_of(tool, "search")
