"""What a conversation makes of single messages: outcomes, names, ids, tasks, bounds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mcptelemetry.vocabulary import TelemetryStatus
from mcptelemetry.vocabulary import UNKNOWN_TOOL
from mcptelemetry.wrap import Conversation

Record = tuple[str, str, int]


class Session:
    """A conversation, what it recorded as (tool, outcome, ms), and a clock that is set by hand."""

    def __init__(self, **limits: Any) -> None:
        self.records: list[Record] = []
        self.clients: list[str | None] = []
        self.conversation = Conversation(self._record, **limits)
        self.now = 100.0

    def _record(
        self, tool: str, *, status: str, error_type: str | None, client: str | None, latency_ms: int
    ) -> None:
        self.clients.append(client)
        assert (status == TelemetryStatus.SUCCESS) == (error_type is None)
        self.records.append((tool, error_type or "success", latency_ms))

    def client(self, *messages: object) -> None:
        for message in messages:
            self.conversation.client_line(json.dumps(message).encode(), self.now)

    def server(self, *messages: object) -> None:
        for message in messages:
            self.conversation.server_line(json.dumps(message).encode(), self.now)

    def declare(self, *names: str) -> None:
        self.client({"id": "list", "method": "tools/list"})
        self.server({"id": "list", "result": {"tools": [{"name": name} for name in names]}})

    def call(self, request_id: object, tool: object = "add", **params: object) -> None:
        self.client({"id": request_id, "method": "tools/call", "params": {"name": tool, **params}})

    def answer(self, request_id: object, **result: object) -> None:
        self.server({"id": request_id, "result": result})

    def finish(self) -> list[Record]:
        self.conversation.finish(self.now)
        return self.records

    def outcomes(self) -> list[str]:
        return [outcome for _tool, outcome, _ms in self.finish()]


@pytest.fixture
def session() -> Session:
    session = Session()
    session.declare("add", "boom", "slow")
    return session


# -- outcomes --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ({"result": {"content": []}}, "success"),
        ({"result": {"content": [], "isError": False}}, "success"),
        ({"result": {"resultType": "complete"}}, "success"),
        ({"result": {"isError": True}}, "tool_error"),
        ({"result": {"isError": "true"}}, "success"),
        ({"error": {"code": -32602, "message": "no"}}, "protocol_error"),
        ({"error": None, "result": {}}, "success"),
    ],
)
def test_call_ends_as_its_answer_says(session: Session, answer: dict[str, object], outcome: str) -> None:
    """A result is a success, isError a tool_error, a JSON-RPC error a protocol_error."""
    session.call(1)
    session.now += 0.25
    session.server({"jsonrpc": "2.0", "id": 1, **answer})
    assert session.finish() == [("add", outcome, 250)]


def test_call_without_an_answer_is_aborted_at_the_end(session: Session) -> None:
    """What is still open when the session ends is recorded as aborted, with its age."""
    session.call(1)
    session.now += 2
    assert session.finish() == [("add", "aborted", 2000)]


def test_cancelled_call_is_recorded_once(session: Session) -> None:
    """The client's notification ends the call at once; a late answer is ignored."""
    session.call(1)
    session.now += 0.5
    session.client({"method": "notifications/cancelled", "params": {"requestId": 1, "reason": "secret"}})
    assert session.records == [("add", "cancelled", 500)]
    session.answer(1, isError=True)
    assert session.finish() == [("add", "cancelled", 500)]


def test_server_cannot_cancel_the_clients_call(session: Session) -> None:
    """A notification of the server's speaks of the server's own requests."""
    session.call(1)
    session.server({"method": "notifications/cancelled", "params": {"requestId": 1}})
    session.answer(1)
    assert session.outcomes() == ["success"]


def test_message_that_is_no_answer_leaves_the_call_open(session: Session) -> None:
    """Neither result nor error: nothing was answered."""
    session.call(1)
    session.server({"id": 1}, {"id": 1, "jsonrpc": "2.0"}, {"id": None, "result": {}}, {"result": {}})
    assert session.outcomes() == ["aborted"]


def test_call_without_an_id_is_no_call(session: Session) -> None:
    """A notification cannot be answered, so it is not a call."""
    session.client({"method": "tools/call", "params": {"name": "add"}})
    session.call(None)
    session.call(True)
    assert session.finish() == []


# -- ids -------------------------------------------------------------------------------------


@pytest.mark.parametrize("other", ["1", 1.5, True, 2, None, [1], {"a": 1}])
def test_ids_of_another_type_are_other_ids(session: Session, other: object) -> None:
    """1 is not "1", nor true."""
    session.call(1)
    session.answer(other)
    assert session.outcomes() == ["aborted"]


@pytest.mark.parametrize(("asked", "answered"), [(3, 3.0), (3.0, 3)])
def test_id_that_comes_back_as_the_same_number_is_the_same(session: Session, asked: object, answered: object) -> None:
    """To JSON 3 and 3.0 are one number, and some servers keep it as a float."""
    session.call(asked)
    session.answer(answered)
    assert session.outcomes() == ["success"]


def test_answer_behind_a_byte_order_mark_is_an_answer(session: Session) -> None:
    """What some runtimes write first does not lose a call."""
    session.call(1)
    session.conversation.server_line(b'\xef\xbb\xbf{"id":1,"result":{}}', session.now)
    assert session.outcomes() == ["success"]


@pytest.mark.parametrize("request_id", [0, -1, 2**70, "", "a" * 5000, 1.5])
def test_ids_of_every_legal_kind_are_found_again(session: Session, request_id: object) -> None:
    """Zero, empty and very long ids are ids."""
    session.call(request_id)
    session.answer(request_id)
    assert session.outcomes() == ["success"]


def test_ids_of_the_two_directions_do_not_mix(session: Session) -> None:
    """A server's request, and the client's answer to it, have nothing to do with a call of the same id."""
    session.call(1, "add")
    session.server({"id": 1, "method": "elicitation/create", "params": {}})
    session.client({"id": 1, "result": {"isError": True}})
    session.now += 1
    session.answer(1)
    assert session.finish() == [("add", "success", 1000)]


def test_duplicate_ids_in_flight_are_answered_in_their_order(session: Session) -> None:
    """Two open calls of one id: the first answer belongs to the first of them."""
    session.call(1, "add")
    session.call(1, "boom")
    session.answer(1)
    session.answer(1, isError=True)
    session.answer(1)
    assert session.finish() == [("add", "success", 0), ("boom", "tool_error", 0)]


# -- names -----------------------------------------------------------------------------------


def test_name_that_nobody_declared_is_recorded_only_after_a_success() -> None:
    """An error tells nothing about a name; a success confirms it for the session."""
    session = Session()
    for request_id, is_error in enumerate([True, False, True]):
        session.call(request_id, "hidden")
        session.answer(request_id, isError=is_error)
    assert [tool for tool, _outcome, _ms in session.finish()] == [UNKNOWN_TOOL, "hidden", "hidden"]


def test_declared_names_add_up_over_pages_and_are_never_forgotten() -> None:
    """Pages of a list add up, and a later list without a name does not undo it."""
    session = Session()
    session.declare("a", "b")
    session.declare("c")
    session.server({"method": "notifications/tools/list_changed"})
    session.declare("a")
    for request_id, tool in enumerate(["b", "c"]):
        session.call(request_id, tool)
        session.answer(request_id, isError=True)
    assert [tool for tool, _outcome, _ms in session.finish()] == ["b", "c"]
    assert session.conversation.tool_count == 3


def test_answer_to_another_request_declares_nothing() -> None:
    """Only an answer to tools/list is a list of tools."""
    session = Session()
    session.client({"id": 1, "method": "resources/list"})
    session.answer(1, tools=[{"name": "x"}])
    session.answer(2, tools=[{"name": "x"}])
    session.call(3, "x")
    assert session.finish() == [(UNKNOWN_TOOL, "aborted", 0)]
    assert session.conversation.tool_count is None


@pytest.mark.parametrize("name", [None, 1, "", ["add"], {"name": "add"}])
def test_name_that_is_no_name_is_unknown(session: Session, name: object) -> None:
    """A call whose name is no string is recorded as unknown, even when it succeeds."""
    session.call(1, name)
    session.answer(1)
    assert session.finish() == [(UNKNOWN_TOOL, "success", 0)]


def test_long_name_is_cut() -> None:
    """A name is recorded with at most 128 characters."""
    session = Session()
    session.declare("n" * 500)
    session.call(1, "n" * 500)
    session.answer(1, isError=True)
    assert session.finish() == [("n" * 128, "tool_error", 0)]


@pytest.mark.parametrize("tools", [None, 7, {"name": "x"}, [None, 7, "x", {}, {"name": 7}]])
def test_malformed_tool_list_declares_nothing(tools: object) -> None:
    """Whatever stands in the place of the tools, nothing is taken for a name."""
    session = Session()
    session.client({"id": 1, "method": "tools/list"})
    session.answer(1, tools=tools)
    session.call(2, "x")
    assert session.finish() == [(UNKNOWN_TOOL, "aborted", 0)]


# -- the client ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        {"id": 0, "method": "initialize", "params": {"clientInfo": {"name": "cursor", "version": "1"}}},
        {
            "id": 0,
            "method": "server/discover",
            "params": {"_meta": {"io.modelcontextprotocol/clientInfo": {"name": "cursor"}}},
        },
    ],
    ids=["initialize", "without initialize"],
)
def test_client_name_is_noted_in_every_era(message: dict[str, object]) -> None:
    """It comes with initialize, or in the _meta of any request; the first one stays."""
    session = Session()
    assert session.conversation.client_name is None
    session.client(message)
    session.client({"id": 1, "method": "initialize", "params": {"clientInfo": {"name": "other"}}})
    assert session.conversation.client_name == "cursor"


def test_every_call_is_recorded_with_the_client_as_far_as_it_is_known() -> None:
    """A call before the introduction has none; every later one has the name that the client gave itself."""
    session = Session()
    session.call(0)
    session.answer(0)
    session.client({"id": 1, "method": "initialize", "params": {"clientInfo": {"name": "Visual Studio Code"}}})
    for request_id in (2, 3):
        session.call(request_id)
    session.answer(2, isError=True)
    session.finish()
    assert session.clients == [None, "Visual Studio Code", "Visual Studio Code"]


# -- several requests, one call --------------------------------------------------------------


@pytest.mark.parametrize("kind", ["input_required", "inputRequired", "incomplete"])
def test_call_that_needs_input_is_one_call(session: Session, kind: str) -> None:
    """Requests joined by requestState are recorded once, from the first to the last answer."""
    session.call(1, "slow")
    session.now += 1
    session.answer(1, resultType=kind, requestState="s1", inputRequests={})
    session.call(2, "slow", requestState="s1", inputResponses={})
    session.now += 1
    session.answer(2, resultType=kind, requestState="s" * 5000)
    session.call(3, "slow", requestState="s" * 5000)
    session.now += 1
    session.answer(3, resultType="complete", isError=True)
    assert session.finish() == [("slow", "tool_error", 3000)]


def test_call_that_needs_input_is_joined_without_a_state(session: Session) -> None:
    """A server may leave the state out; the input's tool then says which call goes on."""
    session.call(1, "slow")
    session.answer(1, resultType="input_required", inputRequests={"name": {}})
    session.call(2, "slow")
    session.answer(2)
    session.now += 1
    session.call(3, "slow", inputResponses={"name": {}})
    session.answer(3)
    assert session.finish() == [("slow", "success", 0), ("slow", "success", 1000)]


def test_state_joins_calls_of_its_own_tool_only(session: Session) -> None:
    """The same state with another tool's name begins a call of its own."""
    session.call(1, "slow")
    session.answer(1, resultType="input_required", requestState="s")
    session.call(2, "add", requestState="s")
    session.answer(2)
    assert session.finish() == [("add", "success", 0), ("slow", "aborted", 0)]


def test_call_that_never_got_its_input_is_aborted(session: Session) -> None:
    """A client that does not come back leaves a call that did not succeed."""
    session.call(1, "slow")
    session.answer(1, resultType="input_required", requestState="s")
    assert session.outcomes() == ["aborted"]


# -- tasks -----------------------------------------------------------------------------------

FLAT = {"resultType": "task", "taskId": "t1", "status": "working"}
NESTED = {"task": {"taskId": "t1", "status": "working"}}


@pytest.mark.parametrize("created", [FLAT, NESTED], ids=["2026-07-28", "2025-11-25"])
@pytest.mark.parametrize(
    ("method", "answer", "outcome"),
    [
        ("tasks/get", {"result": {"taskId": "t1", "status": "working"}}, "aborted"),
        ("tasks/get", {"result": {"taskId": "t1", "status": "input_required"}}, "aborted"),
        ("tasks/get", {"result": {"taskId": "t1", "status": "completed"}}, "success"),
        ("tasks/get", {"result": {"status": "completed", "result": {"isError": True}}}, "tool_error"),
        ("tasks/get", {"result": {"task": {"taskId": "t1", "status": "completed"}}}, "success"),
        ("tasks/get", {"result": {"taskId": "t1", "status": "failed", "error": {"code": 1}}}, "tool_error"),
        ("tasks/get", {"result": {"taskId": "t1", "status": "cancelled"}}, "cancelled"),
        ("tasks/get", {"result": {"taskId": "other", "status": "completed"}}, "aborted"),
        ("tasks/get", {"result": {"taskId": "t1", "status": ["completed"]}}, "aborted"),
        ("tasks/get", {"error": {"code": -32602}}, "aborted"),
        ("tasks/cancel", {"result": {"taskId": "t1", "status": "cancelled"}}, "cancelled"),
        ("tasks/cancel", {"result": {}}, "aborted"),
        ("tasks/result", {"result": {"content": []}}, "success"),
        ("tasks/result", {"result": {"isError": True}}, "tool_error"),
        ("tasks/result", {"result": {"resultType": "incomplete", "inputRequests": {}}}, "aborted"),
        ("tasks/result", {"error": {"code": -32602}}, "protocol_error"),
        ("tasks/result", {"error": {"code": -32601}}, "aborted"),
        ("tasks/update", {"result": {}}, "aborted"),
    ],
)
def test_task_is_recorded_when_its_outcome_is_seen(
    session: Session, created: dict[str, object], method: str, answer: dict[str, object], outcome: str
) -> None:
    """Its result, a terminal status or neither: the call behind a task ends once, as that says."""
    session.call(1, "slow")
    session.answer(1, **created)
    assert session.records == []
    session.client({"id": 2, "method": method, "params": {"taskId": "t1"}})
    session.now += 3
    session.server({"id": 2, **answer})
    session.client({"id": 3, "method": "tasks/result", "params": {"taskId": "t1"}})
    if outcome != "aborted":
        session.answer(3)
    assert session.finish() == [("slow", outcome, 3000)]


@pytest.mark.parametrize("method", ["notifications/tasks/status", "notifications/tasks"])
@pytest.mark.parametrize(
    ("status", "outcome"), [("completed", "success"), ("failed", "tool_error"), ("cancelled", "cancelled")]
)
def test_task_ends_with_its_notification(session: Session, method: str, status: str, outcome: str) -> None:
    """A server that tells of a terminal status is believed; the client cannot tell it."""
    session.call(1, "slow")
    session.answer(1, **FLAT)
    notification = {"method": method, "params": {"taskId": "t1", "status": status}}
    session.client(notification)
    session.server({"method": method, "params": {"taskId": "t1", "status": "working"}})
    assert session.records == []
    session.server(notification)
    assert session.outcomes() == [outcome]


def test_task_that_begins_at_its_end_is_recorded_at_once(session: Session) -> None:
    """A task may be created in a terminal status."""
    session.call(1, "slow")
    session.answer(1, resultType="task", taskId="t1", status="failed")
    assert session.records == [("slow", "tool_error", 0)]


def test_task_without_an_id_is_aborted_at_the_end(session: Session) -> None:
    """Nobody can ask for it, so its outcome is never seen."""
    session.call(1, "slow")
    session.answer(1, resultType="task", status="working")
    session.server({"method": "notifications/tasks", "params": {"status": "completed"}})
    assert session.outcomes() == ["aborted"]


def test_answer_with_content_is_no_task(session: Session) -> None:
    """A tool's own field named task beside content does not make a task."""
    session.call(1, "add")
    session.answer(1, content=[], task={"taskId": "t1"})
    assert session.outcomes() == ["success"]


# -- bounds ----------------------------------------------------------------------------------


def test_open_calls_are_capped_in_number() -> None:
    """The oldest call makes room as aborted, wherever it waits."""
    session = Session(open_limit=3)
    session.declare("a", "b", "c", "d", "e")
    session.call(1, "a")
    session.answer(1, resultType="input_required", requestState="s")
    session.call(2, "b")
    session.answer(2, **FLAT)
    for request_id, tool in [(3, "c"), (4, "d"), (5, "e")]:
        session.call(request_id, tool)
    assert session.records == [("a", "aborted", 0), ("b", "aborted", 0)]
    for request_id in (3, 4, 5):
        session.answer(request_id)
    assert [tool for tool, _outcome, _ms in session.finish()[2:]] == ["c", "d", "e"]


def test_open_calls_are_capped_in_age() -> None:
    """A call older than the limit ends as timeout with the next line; its late answer is ignored."""
    session = Session(age_limit_secs=60.0)
    session.declare("a")
    session.call(1, "a")
    session.now += 60
    session.client({"id": 2, "method": "ping"})
    assert session.records == []
    session.now += 1
    session.client({"id": 3, "method": "ping"})
    session.answer(1)
    assert session.finish() == [("a", "timeout", 61_000)]


def test_questions_without_answers_are_bounded() -> None:
    """A client that asks for lists for ever does not fill the memory, and the latest still counts."""
    session = Session()
    for number in range(3_000):
        session.client({"id": number, "method": "tools/list"})
    session.answer(2_999, tools=[{"name": "a"}])
    session.answer(0, tools=[{"name": "b"}])
    assert session.conversation.tool_count == 1


# -- lines that are no messages --------------------------------------------------------------


def test_batches_are_looked_at_member_by_member(session: Session) -> None:
    """Protocol revision 2025-03-26 allowed arrays of messages."""
    session.client(
        [
            {"id": 1, "method": "tools/call", "params": {"name": "add"}},
            7,
            {"id": 2, "method": "tools/call", "params": {"name": "boom"}},
        ]
    )
    session.server([{"id": 2, "result": {"isError": True}}, None, {"id": 1, "result": {}}])
    assert session.finish() == [("boom", "tool_error", 0), ("add", "success", 0)]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"not json",
        b"\xff\xfe\x00",
        b'{"id":1,"result":{}',
        b"[" * 200_000,
        b'{"a":' * 100_000,
        b"null",
        b'"text"',
        b"[]",
        b"1e999",
        b"9" * 10_000,
        b'{"id":1,"result":{}} {"id":1,"result":{}}',
        b'{"method":["tools/call"],"id":1,"params":[]}',
        b'{"method":"tools/call","id":7,"params":[]}',
    ],
    ids=lambda line: repr(line[:12]),
)
def test_line_that_is_no_message_is_passed_over(session: Session, line: bytes) -> None:
    """Nothing raises, and the call that is open stays open."""
    session.call(1)
    session.conversation.client_line(line, session.now)
    session.conversation.server_line(line, session.now)
    session.answer(1)
    assert session.finish()[0] == ("add", "success", 0)


def test_invalid_utf8_in_arguments_does_not_hide_a_call(session: Session) -> None:
    """Servers replace what they cannot decode and go on; so does the wrapper."""
    line = b'{"id":1,"method":"tools/call","params":{"name":"add","arguments":{"a":"\xff"}}}'
    session.conversation.client_line(line, session.now)
    session.answer(1)
    assert session.outcomes() == ["success"]


def test_escaped_method_is_understood(session: Session) -> None:
    """Some encoders escape the slash."""
    session.conversation.client_line(b'{"id":1,"method":"tools\\/call","params":{"name":"add"}}', 100.0)
    session.answer(1)
    assert session.outcomes() == ["success"]
