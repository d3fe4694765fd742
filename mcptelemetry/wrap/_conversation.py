"""
What a client and a server say to each other, reduced to the tool calls that ended.

No I/O, no clock, no thread: it is handed raw lines with the time at which they passed, in
the order in which they passed, and calls `record` once for every logical call. Nothing a
peer sends can make it raise, and it reads no argument, no content and no error text.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, ClassVar, Optional, Union

from ..vocabulary import CLIENT_INFO_KEY, TRACEPARENT_KEY, UNKNOWN_TOOL, ErrorType, TelemetryStatus
from ..wire import latency_under, parse_traceparent
from ._calls import OpenCall, OpenCalls
from ._ends import read_ends
from ._lines import LongLine
from ._messages import (
    INPUT_REQUIRED,
    TASK,
    Document,
    Key,
    as_name,
    as_object,
    outcome_of,
    request_key,
    result_type,
    short_text,
    task_of,
)

__all__ = ["Conversation"]

_METHOD_NOT_FOUND = -32601
_BYTE_ORDER_MARK = "\ufeff"

_KNOWN_NAMES_LIMIT = 10_000
_QUESTIONS_LIMIT = 1_024

# How a task that has come to rest ended; a status that is not here is still under way.
_TASK_ENDS: dict[str, ErrorType | None] = {
    "completed": None,
    "failed": ErrorType.TOOL_ERROR,
    "cancelled": ErrorType.CANCELLED,
    "canceled": ErrorType.CANCELLED,
}

# `Optional`, because an alias is evaluated when the module is loaded (Python 3.9).
_Question = tuple[Callable[[Document, Optional[str], float], None], Optional[str]]


class Conversation:
    """
    One session between a client and a stdio server.

    *record* has the signature of `Telemetry.record`. At most *open_limit* calls are open
    (the oldest makes room as ``aborted``), none for longer than *age_limit_secs* (it ends as
    ``timeout``). Not safe for use by two threads at once: the caller decides what passed
    first.
    """

    def __init__(
        self,
        record: Callable[..., object],
        *,
        open_limit: int = 1_024,
        age_limit_secs: float = 3_600.0,
    ) -> None:
        self._record = record
        self._open_limit = open_limit
        self._age_limit_secs = age_limit_secs
        self._calls = OpenCalls()
        self._questions: dict[Key, _Question] = {}  # other requests of the client that matter
        self._list_seen = False
        self._declared: set[str] = set()
        self._confirmed: set[str] = set()
        self._client_name: str | None = None

    @property
    def client_name(self) -> str | None:
        """The name that the client gave itself, cut at 128 characters; None until it is known."""
        return self._client_name

    @property
    def tool_count(self) -> int | None:
        """How many tools the server's lists have declared so far; None before the first list."""
        return len(self._declared) if self._list_seen else None

    def client_line(self, line: Union[bytes, LongLine], now: float) -> None:
        """Look at a *line* from the client, at *now* on the monotonic clock (seconds)."""
        self._look(line, now, self._client_message)

    def server_line(self, line: Union[bytes, LongLine], now: float) -> None:
        """Look at a *line* from the server, at *now* on the monotonic clock (seconds)."""
        # A server may say a lot that answers nothing; what nobody waits for is not even decoded.
        if self._calls or self._questions:
            self._look(line, now, self._server_message)

    def finish(self, now: float) -> None:
        """End the session: every call still open is recorded as ``aborted``."""
        self._give_up_overdue(now)
        while (call := self._calls.oldest()) is not None:
            self._end(call, ErrorType.ABORTED, now)

    # -- lines and messages ------------------------------------------------------------------

    def _look(
        self, line: Union[bytes, LongLine], now: float, handle: Callable[[Document, float], None]
    ) -> None:
        try:
            self._give_up_overdue(now)
            document = read_ends(line.head, line.tail) if isinstance(line, LongLine) else _read(line)
            for message in document if isinstance(document, list) else (document,):
                if isinstance(message, dict):
                    handle(message, now)
        except Exception:  # noqa: BLE001  not JSON, or nested too deeply: nobody may notice that we looked
            return

    def _client_message(self, message: Document, now: float) -> None:
        """Look at a request or notification; an answer to the server's own request is neither."""
        method = message.get("method")
        handle = self._CLIENT_METHODS.get(method) if isinstance(method, str) else None
        params = as_object(message.get("params"))
        if self._client_name is None:
            info = params.get("clientInfo") if method == "initialize" else None
            info = info or as_object(params.get("_meta")).get(CLIENT_INFO_KEY)
            self._client_name = as_name(as_object(info).get("name"))
        if handle is not None:
            handle(self, request_key(message.get("id")), params, now)

    def _server_message(self, message: Document, now: float) -> None:
        """Look at an answer or a task's notification; the server's own requests are neither."""
        method = message.get("method")
        if method is not None:
            if isinstance(method, str) and method.startswith("notifications/tasks"):
                self._task_state(as_object(message.get("params")), None, now)
            return
        key = request_key(message.get("id"))
        if key is None or not ("result" in message or "error" in message):
            return
        call = self._calls.at(("request", *key))
        if call is not None:
            self._call_answered(call, message, now)
            return
        answered, task_id = self._questions.pop(key, (None, None))
        if answered is not None:
            answered(message, task_id, now)

    # -- what the client asks ----------------------------------------------------------------

    def _on_call(self, key: Key | None, params: Document, now: float) -> None:
        if key is None:
            return
        tool = as_name(params.get("name")) or UNKNOWN_TOOL
        seat = ("request", *key)
        state = short_text(params, "requestState", "request_state")
        waiting = None
        if state is not None or "inputResponses" in params or "input_responses" in params:
            # Servers may leave the state out: then the first call of that tool that waits.
            waiting = self._calls.at(("input", tool, state))
        if waiting is not None:
            self._calls.move(waiting, seat)
            return
        while len(self._calls) >= self._open_limit and (oldest := self._calls.oldest()) is not None:
            self._end(oldest, ErrorType.ABORTED, now)
        parent = parse_traceparent(as_object(params.get("_meta")).get(TRACEPARENT_KEY))
        self._calls.begin(seat, tool, now, parent)

    def _on_list(self, key: Key | None, _params: Document, _now: float) -> None:
        self._ask(key, (self._tools_listed, None))

    def _on_task_state(self, key: Key | None, params: Document, _now: float) -> None:
        self._ask(key, (self._task_state_answered, short_text(params, "taskId", "task_id")))

    def _on_task_result(self, key: Key | None, params: Document, _now: float) -> None:
        self._ask(key, (self._task_result_answered, short_text(params, "taskId", "task_id")))

    def _on_cancelled(self, _own_key: Key | None, params: Document, now: float) -> None:
        key = request_key(params.get("requestId", params.get("request_id")))
        call = self._calls.at(("request", *key)) if key is not None else None
        if call is not None:
            self._end(call, ErrorType.CANCELLED, now)

    def _ask(self, key: Key | None, question: _Question) -> None:
        """Remember that the answer to *key* will matter; the oldest question makes room."""
        if key is None:
            return
        self._questions.pop(key, None)
        if len(self._questions) >= _QUESTIONS_LIMIT:
            del self._questions[next(iter(self._questions))]
        self._questions[key] = question

    # -- what the server answers -------------------------------------------------------------

    def _call_answered(self, call: OpenCall, message: Document, now: float) -> None:
        if message.get("error") is not None:
            self._end(call, ErrorType.PROTOCOL_ERROR, now)
            return
        result = as_object(message.get("result"))
        kind = result_type(result)
        if kind in INPUT_REQUIRED:
            state = short_text(result, "requestState", "request_state")
            self._calls.move(call, ("input", call.tool, state))
            return
        task = task_of(result)
        task_id = short_text(task, "taskId", "task_id")
        if kind == TASK or (task is not result and task_id is not None and "content" not in result):
            # A task without an id can never be heard of again; it ends with the session.
            self._calls.move(call, ("task", task_id))
            self._task_state(task, task_id, now)
            return
        self._end(call, outcome_of(result), now)

    def _tools_listed(self, message: Document, _task_id: str | None, _now: float) -> None:
        tools = as_object(message.get("result")).get("tools")
        if not isinstance(tools, list):
            return
        self._list_seen = True
        for tool in tools:
            name = as_name(as_object(tool).get("name"))
            if name is not None and len(self._declared) < _KNOWN_NAMES_LIMIT:
                self._declared.add(name)

    def _task_state_answered(self, message: Document, task_id: str | None, now: float) -> None:
        if message.get("error") is None:
            self._task_state(task_of(as_object(message.get("result"))), task_id, now)

    def _task_result_answered(self, message: Document, task_id: str | None, now: float) -> None:
        call = self._calls.at(("task", task_id)) if task_id is not None else None
        if call is None:
            return
        error = message.get("error")
        if error is not None:
            # A server that does not know the method says nothing about the task.
            if as_object(error).get("code") != _METHOD_NOT_FOUND:
                self._end(call, ErrorType.PROTOCOL_ERROR, now)
            return
        result = as_object(message.get("result"))
        if result_type(result) not in INPUT_REQUIRED:
            self._end(call, outcome_of(result), now)

    def _task_state(self, task: Document, task_id: str | None, now: float) -> None:
        """End the call behind a task when the task has come to rest."""
        named = short_text(task, "taskId", "task_id") or task_id
        status = task.get("status")
        if named is None or not isinstance(status, str) or status not in _TASK_ENDS:
            return
        call = self._calls.at(("task", named))
        if call is not None:
            # Since 2026-07-28 a completed task brings its result along.
            self._end(call, _TASK_ENDS[status] or outcome_of(as_object(task.get("result"))), now)

    # -- ends --------------------------------------------------------------------------------

    def _give_up_overdue(self, now: float) -> None:
        while (call := self._calls.oldest()) is not None and now - call.began_at > self._age_limit_secs:
            self._end(call, ErrorType.TIMEOUT, now)

    def _end(self, call: OpenCall, error_type: ErrorType | None, now: float) -> None:
        """Record *call*, which ended in *error_type* (None: in success), and forget it."""
        self._calls.end(call)
        tool = call.tool
        if error_type is None and len(self._confirmed) < _KNOWN_NAMES_LIMIT:
            self._confirmed.add(tool)
        self._record(
            tool if tool in self._declared or tool in self._confirmed else UNKNOWN_TOOL,
            status=TelemetryStatus.SUCCESS if error_type is None else TelemetryStatus.ERROR,
            error_type=error_type,
            client=self._client_name,
            latency_ms=latency_under(call.parent, max(0, round((now - call.began_at) * 1000))),
        )

    # By method; after the functions that it names.
    _CLIENT_METHODS: ClassVar[dict[str, Callable[[Conversation, Key | None, Document, float], None]]] = {
        "tools/call": _on_call,
        "tools/list": _on_list,
        "tasks/get": _on_task_state,
        "tasks/cancel": _on_task_state,
        "tasks/result": _on_task_result,
        "notifications/cancelled": _on_cancelled,
    }


def _read(line: bytes) -> Any:
    """Return the JSON in *line*; `ValueError` when it is none. A byte order mark before it is nobody's mistake but the sender's."""
    return json.loads(line.decode("utf-8", "replace").lstrip(_BYTE_ORDER_MARK))
