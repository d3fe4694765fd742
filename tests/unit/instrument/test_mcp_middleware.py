"""A whole server in one line: every call is recorded, and no name that a client made up."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from mcptelemetry.counters import CounterRegistry
from mcptelemetry.instrument import Calls, Observer, ObservingMiddleware
from mcptelemetry.testing import FakeClock
from mcptelemetry.vocabulary import UNKNOWN_TOOL


class Bench:
    """A middleware, and what it records."""

    def __init__(self):
        self.calls = []
        self.clients = []
        self.listed = []
        calls = Calls(self, monotonic=FakeClock().monotonic, on_invalid=lambda: None)
        self.middleware = ObservingMiddleware(Observer(calls, CounterRegistry(), on_listed=self.listed.append))

    def record(self, tool, _decision="local_only", **fields):
        self.clients.append(fields["client"])
        self.calls.append((tool, None if fields["error_type"] is None else str(fields["error_type"])))

    def pass_on(self, method, params, result, request_id=1):
        """Send one message through the middleware, as `mcp` 2.x does."""
        context = SimpleNamespace(method=method, params=params, request_id=request_id)

        async def call_next(given):
            assert given is context
            if isinstance(result, BaseException):
                raise result
            return result

        return asyncio.run(self.middleware(context, call_next))


@pytest.fixture
def bench():
    return Bench()


def test_call_passes_through_and_is_recorded(bench):
    """The result is the server's own object, and the call counts."""
    result = {"content": []}
    assert bench.pass_on("tools/call", {"name": "get_issues", "arguments": {"a": 1}}, result) is result
    assert bench.calls == [("get_issues", None)]


def test_failed_call_of_an_unknown_name_is_recorded_without_the_name(bench):
    """A name that only a client has said does not leave."""
    bench.pass_on("tools/call", {"name": "my secret"}, {"isError": True})
    assert bench.calls == [(UNKNOWN_TOOL, "tool_error")]


def test_declared_name_is_recorded_also_when_the_call_fails(bench):
    """What a server has listed, or answered well once, may be named."""
    bench.pass_on("tools/list", None, SimpleNamespace(tools=[SimpleNamespace(name="listed"), {"name": "too"}]))
    for name in ("listed", "too", "other"):
        bench.pass_on("tools/call", SimpleNamespace(name=name), {"is_error": True})
    bench.pass_on("tools/call", {"name": "other"}, {})
    bench.pass_on("tools/call", {"name": "other"}, {"isError": True})
    assert bench.calls == [
        ("listed", "tool_error"),
        ("too", "tool_error"),
        (UNKNOWN_TOOL, "tool_error"),
        ("other", None),
        ("other", "tool_error"),
    ]


def test_exception_passes_through_and_is_recorded(bench):
    """An exception of the server reaches its framework."""
    with pytest.raises(LookupError):
        bench.pass_on("tools/call", {"name": "x"}, LookupError("text"))
    with pytest.raises(asyncio.CancelledError):
        bench.pass_on("tools/call", {"name": "x"}, asyncio.CancelledError())
    assert bench.calls == [(UNKNOWN_TOOL, "protocol_error"), (UNKNOWN_TOOL, "cancelled")]


@pytest.mark.parametrize(
    ("method", "request_id"), [("tools/list", 1), ("ping", 1), ("initialize", 1), ("tools/call", None), (None, 1)]
)
def test_other_messages_pass_unrecorded(bench, method, request_id):
    """What is no call of a tool, and a notification, is none of ours."""
    result = object()
    assert bench.pass_on(method, {"name": "x"}, result, request_id) is result
    assert bench.calls == []


def test_context_that_knows_no_request_ids_is_a_request(bench):
    """A framework whose context has no such attribute makes calls all the same; they are recorded."""

    async def call_next(_context):
        return {}

    asyncio.run(bench.middleware(SimpleNamespace(method="tools/call", params={"name": "x"}), call_next))
    assert bench.calls == [("x", None)]


def test_fastmcp_may_be_given_the_object_itself(bench):
    """fastmcp calls its middleware as a whole, with the parameters as the context's `message`; names are seen there."""

    def pass_on(method, message, result):
        async def call_next(_context):
            return result

        context = SimpleNamespace(method=method, message=message, type="request", source="client")
        asyncio.run(bench.middleware(context, call_next=call_next))

    pass_on("tools/list", SimpleNamespace(), [SimpleNamespace(name="listed")])
    pass_on("tools/call", SimpleNamespace(name="listed", arguments={}), SimpleNamespace(is_error=True))
    pass_on("tools/call", SimpleNamespace(name="other", arguments={}), SimpleNamespace(content=[]))
    assert bench.calls == [("listed", "tool_error"), ("other", None)]


@pytest.mark.parametrize("result", [{"resultType": "input_required"}, SimpleNamespace(resultType="input_required")])
def test_half_a_call_is_not_recorded(bench, result):
    """A call that asks back is recorded when it has been answered, not before."""
    bench.pass_on("tools/call", {"name": "x"}, result)
    bench.pass_on("tools/call", {"name": "x"}, {"resultType": "complete"})
    assert bench.calls == [("x", None)]


@pytest.mark.parametrize("params", [None, {}, {"name": None}, {"name": 5}, [], "x", {"name": ""}])
def test_call_without_a_name_is_recorded_as_unknown(bench, params):
    """A call with an invalid name still counts."""
    bench.pass_on("tools/call", params, {})
    assert bench.calls == [(UNKNOWN_TOOL, None)]


@pytest.mark.parametrize("result", [None, 5, {}, {"tools": None}, {"tools": [None, 5, {}]}, SimpleNamespace(tools=7)])
def test_odd_listing_passes(bench, result):
    """An invalid listing declares nothing and disturbs nothing."""
    assert bench.pass_on("tools/list", None, result) is result


def test_same_object_serves_fastmcp(bench):
    """fastmcp's own calls reach the same record."""

    async def call_next(context):
        return context.result

    listing = SimpleNamespace(message=None, result=[SimpleNamespace(name="listed")])
    call = SimpleNamespace(message=SimpleNamespace(name="listed"), result=SimpleNamespace(is_error=True))
    assert asyncio.run(bench.middleware.on_list_tools(listing, call_next)) is listing.result
    assert asyncio.run(bench.middleware.on_call_tool(call, call_next)) is call.result
    assert bench.calls == [("listed", "tool_error")]


def test_each_call_is_recorded_with_its_own_client(bench):
    """The client of a call is the one that made it, cut to what can be a name; None when nobody said."""
    for name in ("Cursor", "Visual Studio Code", None, "x" * 100_000):
        meta = {} if name is None else {"io.modelcontextprotocol/clientInfo": {"name": name}}
        bench.pass_on("tools/call", {"name": "search", "_meta": meta}, {})
    assert bench.clients[:3] == ["Cursor", "Visual Studio Code", None]
    assert len(bench.clients[3]) < 1_000


def test_listing_in_pages_is_told_when_it_is_complete(bench):
    """Two clients that turn the same pages at once come to the same number; a new listing forgets the old one."""

    def page(names, cursor, next_cursor):
        tools = [SimpleNamespace(name=name) for name in names]
        bench.pass_on("tools/list", SimpleNamespace(cursor=cursor), SimpleNamespace(tools=tools, next_cursor=next_cursor))

    for _ in range(2):
        page(["a", "b"], None, "2")
    for _ in range(2):
        page(["c"], "2", None)
    page(["a"], None, None)
    assert bench.listed == [3, 3, 1]
