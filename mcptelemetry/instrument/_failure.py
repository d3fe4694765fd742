"""
Which error type an exception has, as near as a hook can come to what the client is told.

Exceptions are known by the names of their classes: no framework is imported, and an exception
can only come from one that the host has loaded. Their text is never read, with the one
exception of why anyio cancelled, which is nobody's text but anyio's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from ..vocabulary import ErrorType

__all__ = ["failure_in_framework", "failure_of_tool", "failure_on_wire", "is_timeout", "settle_cancellation"]

_CANCELLATIONS = (("asyncio.exceptions", "CancelledError"), ("trio", "Cancelled"))
_TIMEOUTS = (("asyncio.exceptions", "TimeoutError"), ("trio", "TooSlowError"), ("concurrent.futures", "TimeoutError"))
_ANYIO_DEADLINE = "reason: deadline exceeded"
_CAUSES_MAX = 8  # a chain of causes can be a circle

# What an exception that leaves a tool is for the client: (package, class, the package it is loaded
# beside or None, type), first match first. The packages differ: in the official one's second edition
# an `MCPError` is an answer of its own, elsewhere it is a tool's failure like any other.
_ANSWERS: tuple[tuple[str, str, str | None, ErrorType], ...] = (
    ("mcp", "UrlElicitationRequiredError", None, ErrorType.PROTOCOL_ERROR),
    ("mcp", "ToolError", None, ErrorType.TOOL_ERROR),
    ("fastmcp", "FastMCPError", None, ErrorType.TOOL_ERROR),
    ("mcp", "McpError", None, ErrorType.TOOL_ERROR),
    ("mcp", "MCPError", "fastmcp", ErrorType.TOOL_ERROR),
    ("mcp", "MCPError", None, ErrorType.PROTOCOL_ERROR),
)
_SECOND_EDITION = "mcp_types"  # a module that only the official package's second edition has


def failure_of_tool(error: BaseException) -> ErrorType:
    """Return the type of *error*, which leaves a tool's own code."""
    return _failure_without_answer(error) or _answer_by_class(error) or ErrorType.EXCEPTION


def failure_in_framework(error: BaseException) -> ErrorType:
    """Return the type of *error*, which passes through a middleware of fastmcp: its handler will answer it."""
    if not isinstance(error, Exception):
        return failure_of_tool(error)
    failure = _failure_without_answer(error)
    if failure is not None:
        return failure
    if _SECOND_EDITION in sys.modules:
        is_answer = _has_class(error, "fastmcp", ("FastMCPError", "NotFoundError", "DisabledError"))
    else:
        is_answer = not _has_class(error, "mcp", ("UrlElicitationRequiredError",))
    return ErrorType.TOOL_ERROR if is_answer else ErrorType.PROTOCOL_ERROR


def failure_on_wire(error: BaseException) -> ErrorType:
    """Return the type of *error*, which leaves a server's handler: the client is sent a JSON-RPC error."""
    if not isinstance(error, Exception):
        return failure_of_tool(error)
    return _failure_without_answer(error) or ErrorType.PROTOCOL_ERROR


def _failure_without_answer(error: BaseException) -> ErrorType | None:
    """Return the type of what is the same wherever it is seen: a cancelled call, or one whose time was up."""
    if _is_one_of(error, _CANCELLATIONS):
        return ErrorType.TIMEOUT if _is_deadline(error) else ErrorType.CANCELLED
    return ErrorType.TIMEOUT if is_timeout(error) else None


def is_timeout(error: BaseException) -> bool:
    """Return whether *error* is a time-out, or what a framework made of one."""
    found: BaseException | None = error
    for _ in range(_CAUSES_MAX):
        if found is None:
            return False
        if isinstance(found, TimeoutError) or _is_one_of(found, _TIMEOUTS):
            return True
        # A framework's own limit comes as its error "from None": what it suppressed is still there.
        is_own = found.__suppress_context__ and _has_class(found, "mcp", ("McpError", "MCPError"))
        found = found.__cause__ or (found.__context__ if is_own else None)
    return False


def _is_deadline(error: BaseException) -> bool:
    told = error.args[0] if error.args else None
    return isinstance(told, str) and told.startswith("Cancelled via cancel scope") and told.endswith(_ANYIO_DEADLINE)


def _answer_by_class(error: BaseException) -> ErrorType | None:
    for package, name, beside, answer in _ANSWERS:
        if _has_class(error, package, (name,)) and (beside is None or beside in sys.modules):
            return answer
    return None


def _has_class(error: BaseException, package: str, names: tuple[str, ...]) -> bool:
    return any(
        known.__name__ in names and known.__module__.partition(".")[0] == package for known in type(error).__mro__
    )


def _is_one_of(error: BaseException, classes: tuple[tuple[str, str], ...]) -> bool:
    for module, name in classes:
        # Looked up, not imported: asyncio is slow to load and this host may not use it.
        found = getattr(sys.modules.get(module), name, None)
        if isinstance(found, type) and isinstance(error, found):
            return True
    return False


def settle_cancellation(error: BaseException, settle: Callable[[ErrorType], None]) -> None:
    """
    Tell *settle* whether *error*, a cancellation, was a time-out: now, or after one turn of the event loop.

    `asyncio.timeout()` cancels the task as anybody does, and takes it back where the exception
    reaches it: only then is it known. Whoever takes it back later has been cancelled, for us.
    """
    task = None if error.args else _current_task()
    requests = 0 if task is None else task.cancelling()
    if task is None or requests == 0:
        settle(ErrorType.CANCELLED)
        return

    def look_again() -> None:
        settle(ErrorType.TIMEOUT if task.cancelling() < requests else ErrorType.CANCELLED)

    try:
        task.get_loop().call_soon(look_again)
    except Exception:  # the loop is closed
        settle(ErrorType.CANCELLED)


def _current_task() -> Any:
    asyncio = sys.modules.get("asyncio")
    try:
        task = None if asyncio is None else asyncio.current_task()
    except Exception:  # no loop runs here
        return None
    return task if hasattr(task, "cancelling") else None  # Python 3.11 and later
