"""
`@telemetry.tool`: every call of a function is one recorded invocation.

The wrapper is of the same kind as what it wraps (function, generator, coroutine function,
asynchronous generator), since frameworks look at that to decide how to call it. A call that an
instrumented server has opened for the same tool is joined, not recorded again.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from ..vocabulary import ErrorType
from ._calls import Calls, HookedCall
from ._result import is_error_result

__all__ = ["instrument_callable", "tool_name_of"]

_Callable = TypeVar("_Callable", bound=Callable[..., Any])

_FRAMEWORKS = ("mcp", "fastmcp")
# What can neither be awaited nor say that it is an error: most results cost one look.
_PLAIN = frozenset({str, int, float, bool, bytes, list, tuple, type(None)})


def tool_name_of(function: object, name: str | None) -> str:
    """
    Return the tool's name: *name*, else the function's own.

    Raises `TypeError` when *function* is no function, or has no name and none is given.
    """
    kind = type(function)
    if kind.__module__.partition(".")[0] in _FRAMEWORKS:
        # The framework has the function already, and calls that: a wrapper round this would see nothing.
        msg = f"@telemetry.tool goes below the decorator that returned this {kind.__name__}, not above it: next to the function"
        raise TypeError(msg)
    if isinstance(function, (classmethod, staticmethod)):
        msg = f"@telemetry.tool goes below @{kind.__name__}, not above it"
        raise TypeError(msg)
    if not callable(function):
        msg = f"@telemetry.tool goes on a function, not on {kind.__name__}"
        raise TypeError(msg)
    found = getattr(function, "__name__", None) if name is None else name
    if not isinstance(found, str) or not found:
        msg = f"name={found!r} is not usable: give the tool's name as a str, @telemetry.tool(name=...)"
        raise TypeError(msg)
    return found


def instrument_callable(
    function: _Callable, calls: Calls, tool: str, routing_decision: str = "local_only"
) -> _Callable:
    """Return *function* wrapped so that each call of it is one call of *tool*."""
    wrapper = _wrap_of(function)(function, calls, tool, routing_decision)
    return functools.wraps(function)(wrapper)  # type: ignore[return-value]  # the signature is kept by wraps


def _wrap_of(function: Callable[..., Any]) -> Callable[..., Callable[..., Any]]:
    import inspect  # costs as much as half of us; only who decorates pays

    wraps = (
        (inspect.isasyncgenfunction, _wrap_async_generator),
        (inspect.iscoroutinefunction, _wrap_coroutine),
        (inspect.isgeneratorfunction, _wrap_generator),
    )
    return next((wrap for is_kind, wrap in wraps if is_kind(function)), _wrap_function)


# A wrapper hands itself on as the hook: a function that is entered again within a call of it is
# called by the tool, and that is another call.


def _wrap_function(function: Callable[..., Any], calls: Calls, tool: str, decision: str) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:  # any function
        hooked = calls.enter_function(tool, call, decision)
        with hooked:
            result = function(*args, **kwargs)
            if result.__class__ in _PLAIN:
                return result
            is_awaitable = hasattr(type(result), "__await__")
            if is_awaitable:
                hooked.hold()
            elif is_error_result(result):
                hooked.error()
        return _follow(hooked, result) if is_awaitable else result

    return call


def _follow(hooked: HookedCall, result: Awaitable[Any]) -> Awaitable[Any]:
    """Return *result* so that the call ends with it: a future stays the object that it is."""
    on_end = getattr(result, "add_done_callback", None)
    if callable(on_end):
        on_end(functools.partial(_end_with, hooked))
        return result
    return _await(hooked, result)


async def _await(hooked: HookedCall, result: Awaitable[Any]) -> Any:
    with hooked:
        awaited = await result
        if is_error_result(awaited):
            hooked.error()
        return awaited


def _end_with(hooked: HookedCall, future: Any) -> None:
    with hooked:
        if future.cancelled():
            hooked.error(ErrorType.CANCELLED)
        elif future.exception() is not None:
            hooked.fail(future.exception())
        elif is_error_result(future.result()):
            hooked.error()


def _wrap_generator(function: Callable[..., Any], calls: Calls, tool: str, decision: str) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:  # any function
        with calls.watch_function(tool, call, decision) as hooked:
            result = yield from function(*args, **kwargs)
            if is_error_result(result):
                hooked.error()
            return result

    return call


def _wrap_coroutine(function: Callable[..., Any], calls: Calls, tool: str, decision: str) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:  # any function
        with calls.enter_function(tool, call, decision) as hooked:
            result = await function(*args, **kwargs)
            if result.__class__ not in _PLAIN and is_error_result(result):
                hooked.error()
            return result

    return call


def _wrap_async_generator(function: Callable[..., Any], calls: Calls, tool: str, decision: str) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:  # any function
        with calls.watch_function(tool, call, decision):
            source = function(*args, **kwargs)
            try:
                item = await source.__anext__()
                while True:
                    try:
                        sent = yield item
                    except GeneratorExit:
                        raise
                    except BaseException as error:  # handed on, as `yield from` would
                        item = await source.athrow(error)
                    else:
                        item = await source.asend(sent)
            except StopAsyncIteration:
                return
            finally:
                await source.aclose()

    return call
