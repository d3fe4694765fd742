"""
`@telemetry.tool`: every call of a function is one recorded invocation.

The wrapper is of the same kind as what it wraps (function, generator, coroutine function,
asynchronous generator), since frameworks look at that to decide how to call it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from ._invocation import Invocation
from ._result import is_error_result

__all__ = ["instrument_callable", "tool_name_of"]

_Callable = TypeVar("_Callable", bound=Callable[..., Any])


def tool_name_of(function: object, name: str | None) -> str:
    """
    Return the tool's name: *name*, else the function's own.

    Raises `TypeError` when *function* is no function, or has no name and none is given.
    """
    if isinstance(function, (classmethod, staticmethod)):
        kind = type(function).__name__
        msg = f"@telemetry.tool goes below @{kind}, not above it"
        raise TypeError(msg)
    if not callable(function):
        msg = f"@telemetry.tool goes on a function, not on {type(function).__name__}"
        raise TypeError(msg)
    found = getattr(function, "__name__", None) if name is None else name
    if not isinstance(found, str) or not found:
        msg = f"name={found!r} is not usable: give the tool's name as a str, @telemetry.tool(name=...)"
        raise TypeError(msg)
    return found


def instrument_callable(function: _Callable, begin: Callable[[], Invocation]) -> _Callable:
    """Return *function* wrapped so that each call runs inside a fresh `begin()`."""
    wrapper = _wrap_of(function)(function, begin)
    return functools.wraps(function)(wrapper)  # type: ignore[return-value]  # the signature is kept by wraps


def _wrap_of(function: Callable[..., Any]) -> Callable[..., Callable[..., Any]]:
    import inspect  # costs as much as half of us; only who decorates pays

    wraps = (
        (inspect.isasyncgenfunction, _wrap_async_generator),
        (inspect.iscoroutinefunction, _wrap_coroutine),
        (inspect.isgeneratorfunction, _wrap_generator),
    )
    return next((wrap for is_kind, wrap in wraps if is_kind(function)), _wrap_function)


def _wrap_function(function: Callable[..., Any], begin: Callable[[], Invocation]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:  # any function
        with begin() as invocation:
            result = function(*args, **kwargs)
            if is_error_result(result):
                invocation.error()
            return result

    return call


def _wrap_generator(function: Callable[..., Any], begin: Callable[[], Invocation]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:  # any function
        with begin() as invocation:
            result = yield from function(*args, **kwargs)
            if is_error_result(result):
                invocation.error()
            return result

    return call


def _wrap_coroutine(function: Callable[..., Any], begin: Callable[[], Invocation]) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:  # any function
        with begin() as invocation:
            result = await function(*args, **kwargs)
            if is_error_result(result):
                invocation.error()
            return result

    return call


def _wrap_async_generator(function: Callable[..., Any], begin: Callable[[], Invocation]) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:  # any function
        with begin():
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
