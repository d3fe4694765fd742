"""
What an MCP client calls itself, and which span it calls from, wherever a server's context keeps it.

A client introduces itself once, with `initialize`, or with every request; servers keep the
former with the session. The name is a stranger's text and goes nowhere unsanitised.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..vocabulary import CLIENT_INFO_KEY, TRACEPARENT_KEY
from ..wire import parse_traceparent

__all__ = ["client_name_in", "parent_in"]

_CHARACTERS_MAX = 300  # a name that is longer than any that is kept, whatever it was

# Where the introduction may be found, step by step; each step has its spellings.
_PATHS: tuple[tuple[tuple[str, ...], ...], ...] = (
    (("params", "message"), ("clientInfo", "client_info")),
    (("params", "message"), ("_meta", "meta"), (CLIENT_INFO_KEY,)),
    (("session",), ("client_params",), ("client_info", "clientInfo")),
    (("fastmcp_context",), ("session",), ("client_params",), ("client_info", "clientInfo")),
)


_PARENT_PATH = (("params", "message"), ("_meta", "meta"), (TRACEPARENT_KEY,))


def client_name_in(ctx: Any) -> str:
    """
    Return the name in a server's context *ctx*, ``""`` when there is none; never raises.

    A long one is cut: it is remembered beside each tool that its client calls.
    """
    for path in _PATHS:
        name = _member(_follow(ctx, path), ("name",))
        if isinstance(name, str) and name:
            return name[:_CHARACTERS_MAX]
    return ""


def parent_in(ctx: Any) -> str | None:
    """Return the span that the request in a server's context *ctx* belongs to, None when it names none; never raises."""
    return parse_traceparent(_follow(ctx, _PARENT_PATH))


def _follow(thing: Any, path: tuple[tuple[str, ...], ...]) -> Any:
    for spellings in path:
        thing = _member(thing, spellings)
        if thing is None:
            return None
    return thing


def _member(thing: Any, spellings: tuple[str, ...]) -> Any:
    found = (_look(thing, spelling) for spelling in spellings)
    return next((member for member in found if member is not None), None)


def _look(thing: Any, name: str) -> Any:
    try:
        return thing.get(name) if isinstance(thing, Mapping) else getattr(thing, name, None)
    except Exception:  # a server's object may do anything when looked at
        return None
